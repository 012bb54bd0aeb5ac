"""Copies of a workspace's Secrets and ConfigMaps on a directory cluster: files of the release, but none of the bundle's own."""

from __future__ import annotations

import stat

import msgspec
import pytest

from extension.delivery.copies import BUNDLE, copies_of
from extension.delivery.directory import DirectoryDelivery
from extension.delivery.protocol import Deployment, Release
from extension.objects.base import ObjectMeta
from extension.objects.kinds import BundleDeploymentStatus, BundleResource, ConfigMap, Secret
from extension.objects.options import BundleDeploymentOptions, CorrectDrift, HelmOptions, LocalObjectReference, ValuesFrom
from extension.rendering.pool import Pool

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  key: {{ .Values.color | default `none` }}\n"
FILES = {"Chart.yaml": "name: web\nversion: 1.0.0\n", "templates/a.yaml": CONFIG_MAP}
COPY = "web/bundle/web_secret_token.yaml"
OWN = "web/bundle/configmap_a.yaml"
CANARY = "canary-7d1f"


@pytest.fixture(scope="module")
def pool():
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cluster"


@pytest.fixture
def delivery(root, pool):
    return DirectoryDelivery(root, pool.render)


def secret(value=CANARY, version=5, **data):
    meta = ObjectMeta(name="token", namespace="ws", resource_version=str(version))
    return Secret(metadata=meta, data={key: text.encode() for key, text in {"password": value, **data}.items()})


def deployment(*sources, number=1, status=BundleDeploymentStatus(), files=FILES, **options):
    given = BundleDeploymentOptions(**{"default_namespace": "web", **options})
    resources = tuple(BundleResource(name=name, content=text) for name, text in files.items())
    copies = copies_of(sources, "bundle")
    return Deployment("bundle", "ws", f"id:{number}", given, lambda: resources, status=status, copies=copies)


def test_a_copy_is_a_private_file_beside_the_bundles_own_and_no_resource_of_it(delivery, root):
    status = delivery.deploy(deployment(secret()))
    assert BUNDLE in (root / COPY).read_text() and "namespace: web" in (root / COPY).read_text()
    assert stat.S_IMODE((root / COPY).stat().st_mode) == 0o600
    assert [one.name for one in status.resources] == ["a"]
    assert (status.ready, status.non_modified, status.downstream_resources_generation) == (True, True, 5)
    assert status.resource_counts.desired_ready == 1


def test_a_changed_source_is_written_and_an_unchanged_one_is_left_alone(delivery, root):
    status = delivery.deploy(deployment(secret()))
    before = (root / COPY).stat().st_mtime_ns
    assert delivery.observe(deployment(secret(), status=status)) == status
    assert (root / COPY).stat().st_mtime_ns == before
    status = delivery.observe(deployment(secret("other", 6), status=status))
    assert "b3RoZXI=" in (root / COPY).read_text()
    assert (status.downstream_resources_generation, status.release) == (6, "web/bundle:2")


def test_a_copy_that_is_named_no_more_goes_and_so_do_all_with_the_release(delivery, root):
    other = ConfigMap(metadata=ObjectMeta(name="settings", namespace="ws", resource_version="4"), data={"a": "b"})
    status = delivery.deploy(deployment(secret(), other))
    status = delivery.deploy(deployment(other, number=2, status=status))
    assert not (root / COPY).exists()
    assert (root / "web/bundle/web_configmap_settings.yaml").exists()
    delivery.remove(Release("bundle", "web", "bundle", "id:2"))
    assert not (root / "web").exists()


@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_a_copy_somebody_touched_is_brought_back_without_being_told_as_drift(delivery, root, how):
    status = delivery.deploy(deployment(secret()))
    text = (root / COPY).read_text()
    (root / COPY).write_text("kind: Secret\n") if how == "edited" else (root / COPY).unlink()
    assert delivery.observe(deployment(secret(), status=status)) == status
    assert (root / COPY).read_text() == text


def test_drift_of_the_bundles_own_files_is_told_and_corrected_as_ever(delivery, root):
    status = delivery.deploy(deployment(secret()))
    for path in (COPY, OWN):
        (root / path).unlink()
    seen = delivery.observe(deployment(secret(), status=status))
    assert [one.name for one in seen.modified_status] == ["a"]
    assert (root / COPY).exists() and not (root / OWN).exists()
    seen = delivery.observe(deployment(secret(), status=seen, correct_drift=CorrectDrift(enabled=True)))
    assert seen.non_modified and (root / OWN).exists()


def test_a_bundle_with_an_object_of_the_same_name_is_refused_by_name_and_without_its_data(delivery, root):
    own = {"s.yaml": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\n"}
    status = delivery.deploy(deployment(secret(), files=own))
    told = " ".join(c.message for c in status.conditions)
    assert "downstreamResources: the bundle has a Secret web/token of its own" in told
    assert CANARY not in told and not root.exists()


def test_what_is_copied_can_give_values_also_where_there_is_no_cluster_to_read_from(delivery, root):
    helm = HelmOptions(chart=".", values_from=(ValuesFrom(secret_key_ref=LocalObjectReference("token", "elsewhere", "values.yaml")),))
    source = secret(version=5, **{"values.yaml": "color: blue\n"})
    status = delivery.deploy(deployment(source, helm=helm))
    assert "key: blue" in (root / OWN).read_text(), status
    source = secret(version=6, **{"values.yaml": "color: red\n"})
    delivery.observe(deployment(source, helm=helm, status=status))
    assert "key: red" in (root / OWN).read_text()


def test_a_copy_that_was_cut_off_is_finished_by_the_next_look(delivery, root):
    delivery.deploy(deployment(secret()))
    record = delivery._records.find("web", "bundle")
    delivery._records.save(msgspec.structs.replace(record, deployment_id="", unfinished=(COPY, OWN)))
    (root / COPY).unlink()
    status = delivery.observe(deployment(secret()))
    assert status.ready and (root / COPY).exists()
