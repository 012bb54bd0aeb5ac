"""A directory cluster: what is written, noticed, corrected, pruned, and left alone."""

from __future__ import annotations

import stat

import msgspec
import pytest

from extension.delivery.corrections import MOST
from extension.delivery.directory import DirectoryDelivery
from extension.delivery.protocol import Deployment
from extension.objects.errors import Unavailable
from extension.objects.kinds import BundleDeploymentStatus, BundleResource
from extension.objects.options import (
    BundleDeploymentOptions,
    ComparePatch,
    CorrectDrift,
    DiffOptions,
    HelmOptions,
    Operation,
    OverwrittenResource,
)
from extension.objects.selectors import LabelSelector
from extension.rendering.pool import Pool

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n"


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


def deployment(number=1, *, files=None, status=BundleDeploymentStatus(), **options):
    files = {"a.yaml": CONFIG_MAP.format(name="a", value="one")} if files is None else files
    resources = tuple(BundleResource(name=name, content=text) for name, text in files.items())
    given = BundleDeploymentOptions(**{"default_namespace": "web", **options})
    return Deployment("bundle", "ws", f"id:{number}", given, lambda: resources, status=status)


def conditions(status):
    return {c.type: c.status for c in status.conditions}


def test_a_deployed_bundle_is_written_as_files_and_is_ready(delivery, root):
    status = delivery.deploy(deployment())
    assert (status.applied_deployment_id, status.ready, status.non_modified, status.release) == ("id:1", True, True, "web/bundle:1")
    assert conditions(status) == {"Deployed": "True", "Installed": "True", "Monitored": "True", "Ready": "True"}
    assert (status.resource_counts.ready, status.resource_counts.desired_ready) == (1, 1)
    assert "key: one" in (root / "web/bundle/configmap_a.yaml").read_text()


def test_an_edited_file_is_modified_with_the_patch_that_brings_it_back(delivery, root):
    status = delivery.deploy(deployment())
    path = root / "web/bundle/configmap_a.yaml"
    path.write_text(path.read_text().replace("key: one", "key: two"))
    status = delivery.observe(deployment(status=status))
    assert (status.ready, status.non_modified) == (True, False)
    assert [(m.kind, m.name, m.patch) for m in status.modified_status] == [("ConfigMap", "a", '{"data":{"key":"one"}}')]
    assert [(one.path, one.wanted, one.manager) for one in status.modified_status[0].changes] == [("/data/key", '"one"', "")]
    assert status.resource_counts.modified == 1


def test_a_deleted_file_is_missing_and_only_the_form_of_a_file_is_no_drift(delivery, root):
    status = delivery.deploy(deployment())
    path = root / "web/bundle/configmap_a.yaml"
    path.write_text("# a comment\n" + path.read_text())
    assert delivery.observe(deployment(status=status)).non_modified
    path.unlink()
    status = delivery.observe(deployment(status=status))
    assert [m.missing for m in status.modified_status] == [True]
    assert (status.resource_counts.missing, status.resource_counts.ready) == (1, 0)


def test_what_compare_patches_name_is_no_drift_and_the_rest_still_is(delivery, root):
    place = {"api_version": "v1", "kind": "ConfigMap", "name": "a"}
    ignored = DiffOptions((ComparePatch(**place, json_pointers=("/data/key",), operations=(Operation(op="ignore"),)),))
    status = delivery.deploy(deployment())
    path = root / "web/bundle/configmap_a.yaml"
    path.write_text(path.read_text().replace("key: one", "key: two"))
    assert not delivery.observe(deployment(status=status)).non_modified
    assert delivery.observe(deployment(status=status, diff=ignored)).non_modified
    path.write_text(path.read_text().replace("key: two", "key: two\n  other: three"))
    found = delivery.observe(deployment(status=status, diff=ignored))
    assert [change.path for one in found.modified_status for change in one.changes] == ["/data/other"]
    path.unlink()
    assert delivery.observe(deployment(status=status, diff=ignored)).non_modified


def test_drift_is_corrected_where_that_is_on(delivery, root):
    wanted = {"correct_drift": CorrectDrift(enabled=True)}
    status = delivery.deploy(deployment(**wanted))
    path = root / "web/bundle/configmap_a.yaml"
    path.unlink()
    status = delivery.observe(deployment(status=status, **wanted))
    assert status.non_modified
    assert "key: one" in path.read_text()


def test_a_file_that_is_changed_back_each_time_is_left_and_the_others_are_not(root, pool):
    files = {f"{name}.yaml": CONFIG_MAP.format(name=name, value="one") for name in "ab"}
    wanted = {"files": files, "correct_drift": CorrectDrift(enabled=True)}
    fought, other = (root / f"web/bundle/configmap_{name}.yaml" for name in "ab")
    status = DirectoryDelivery(root, pool.render).deploy(deployment(**wanted))
    for number in range(MOST + 2):
        fought.write_text(fought.read_text().replace("one", "two"))
        other.write_text(other.read_text() if number % 2 else other.read_text().replace("one", "two"))
        status = DirectoryDelivery(root, pool.render).observe(deployment(status=status, **wanted))
        assert ("one" in fought.read_text(), "one" in other.read_text()) == (number < MOST, True)
    assert [(m.name, m.repairs) for m in status.modified_status] == [("a", MOST)]
    status = DirectoryDelivery(root, pool.render).deploy(deployment(2, status=status, **wanted))
    assert (status.non_modified, status.corrections) == (True, ())
    fought.unlink()
    assert DirectoryDelivery(root, pool.render).observe(deployment(2, status=status, **wanted)).non_modified


def test_what_left_the_bundle_is_pruned_and_a_strange_file_stays(delivery, root):
    status = delivery.deploy(deployment())
    (root / "web/bundle/mine.txt").write_text("keep")
    other = {"b.yaml": CONFIG_MAP.format(name="b", value="one")}
    delivery.deploy(deployment(2, files=other, status=status))
    assert sorted(p.name for p in (root / "web/bundle").iterdir()) == ["configmap_b.yaml", "mine.txt"]


def test_a_file_of_somebody_else_is_never_overwritten_unless_ownership_is_taken(delivery, root):
    (root / "web/bundle").mkdir(parents=True)
    (root / "web/bundle/configmap_a.yaml").write_text("theirs")
    status = delivery.deploy(deployment())
    assert conditions(status)["Deployed"] == "False"
    assert "not owned by us" in status.conditions[0].message
    assert (root / "web/bundle/configmap_a.yaml").read_text() == "theirs"
    assert delivery.deploy(deployment(helm=HelmOptions(take_ownership=True))).ready


def test_hostile_names_stay_inside_the_folder(delivery, root):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ../../../../escape\n  namespace: ../x\n"
    assert delivery.deploy(deployment(files={"a.yaml": text})).ready
    outside = {p for p in root.parent.rglob("*") if p.is_file() and root not in p.parents}
    assert outside == set()


def test_names_that_differ_only_in_odd_characters_become_two_files(delivery, root):
    files = {f"{i}.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {n}\n" for i, n in enumerate(("a:b", "a-b"))}
    delivery.deploy(deployment(files=files))
    assert len(list((root / "web/bundle").iterdir())) == 2


def test_a_secret_is_private_and_its_values_are_masked_in_the_patch(delivery, root):
    text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  password: canary\n"
    status = delivery.deploy(deployment(files={"s.yaml": text}))
    path = root / "web/bundle/secret_s.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text(path.read_text().replace("canary", "changed"))
    status = delivery.observe(deployment(files={"s.yaml": text}, status=status))
    assert not status.non_modified
    assert "canary" not in msgspec.json.encode(status).decode()


def test_a_bundle_that_does_not_render_keeps_what_was_there_and_says_why(delivery, root):
    status = delivery.deploy(deployment())
    broken = delivery.deploy(deployment(2, files={"a.yaml": "a: [1"}, status=status))
    assert broken.applied_deployment_id == "id:2" and not broken.ready
    assert "a.yaml" in next(c.message for c in broken.conditions if c.type == "Installed")
    assert "key: one" in (root / "web/bundle/configmap_a.yaml").read_text()


def test_a_renderer_that_is_out_of_order_is_the_deployments_trouble_and_not_the_clusters(root):
    def render(_given):
        raise Unavailable("the renderer failed with KeyError")

    status = DirectoryDelivery(root, render).deploy(deployment())
    assert conditions(status) == {"Deployed": "False"}
    assert "the renderer failed" in status.conditions[0].message


def test_removing_deletes_the_files_and_keep_resources_leaves_them(delivery, root):
    delivery.deploy(deployment())
    (release,) = delivery.releases()
    delivery.remove(msgspec.structs.replace(release, keep_resources=True))
    assert delivery.releases() == () and (root / "web/bundle/configmap_a.yaml").exists()
    (root / "web/bundle/configmap_a.yaml").unlink()
    delivery.deploy(deployment())
    delivery.remove(delivery.releases()[0])
    assert list((root / "web").iterdir()) == [] if (root / "web").exists() else True
    assert delivery.releases() == ()


def test_another_namespace_moves_the_release(delivery, root):
    status = delivery.deploy(deployment())
    delivery.deploy(deployment(2, status=status, default_namespace="other"))
    assert [r.namespace for r in delivery.releases()] == ["other"]
    assert not (root / "web/bundle").exists()


def test_a_write_that_was_cut_off_is_finished_by_the_next_deploy(delivery, root, pool):
    class Killed(Exception):
        pass

    class Dying(DirectoryDelivery):
        def _write(self, path, file):
            if path.endswith("configmap_b.yaml"):
                raise Killed
            return super()._write(path, file)

    files = {f"{n}.yaml": CONFIG_MAP.format(name=n, value="one") for n in "abc"}
    with pytest.raises(Killed):
        Dying(root, pool.render).deploy(deployment(files=files))
    status = delivery.deploy(deployment(2, files={"c.yaml": files["c.yaml"]}))
    assert status.ready
    assert [p.name for p in (root / "web/bundle").iterdir()] == ["configmap_c.yaml"]


def test_a_damaged_record_makes_the_cluster_unavailable_and_touches_nothing(delivery, root):
    delivery.deploy(deployment())
    record = next((root / ".releases").iterdir())
    record.write_text("{")
    with pytest.raises(Unavailable, match="record"):
        delivery.deploy(deployment(2))
    assert (root / "web/bundle/configmap_a.yaml").exists()


def test_what_another_bundle_took_along_is_written_again_and_nothing_else_is_corrected(delivery, root):
    files = {name: CONFIG_MAP.format(name=name[0], value="one") for name in ("a.yaml", "b.yaml", "c.yaml")}
    options = {"files": files, "overwrites": (OverwrittenResource("a", "", "ConfigMap"), OverwrittenResource("c", "", "ConfigMap"))}
    status = delivery.deploy(deployment(**options))
    for name in "ab":
        (root / f"web/bundle/configmap_{name}.yaml").unlink()
    (root / "web/bundle/configmap_c.yaml").write_text("kind: Edited")
    status = delivery.observe(deployment(status=status, **options))
    assert sorted((m.name, m.missing) for m in status.modified_status) == [("b", True), ("c", False)]
    assert (root / "web/bundle/configmap_a.yaml").exists()


def test_a_namespace_that_has_to_have_labels_is_none_a_folder_can_have(delivery, root):
    status = delivery.deploy(deployment(allowed_target_namespace_selector=LabelSelector()))
    assert conditions(status) == {"Deployed": "False"}
    assert "allowedTargetNamespaceSelector" in status.conditions[0].message and not root.exists()


def test_deploying_reads_only_the_records_of_its_bundle(delivery, root, monkeypatch):
    others = [Deployment(f"other-{n}", "ws", "id:1", deployment().options, deployment().resources) for n in range(3)]
    for other in (*others, deployment()):
        delivery.deploy(other)
    read = []
    monkeypatch.setattr(delivery._records, "_read", lambda path, before=delivery._records._read: read.append(path.name) or before(path))
    delivery.observe(deployment())
    assert set(read) == {"web_bundle.json"}


def test_a_service_that_starts_again_finds_the_records_of_a_bundle(delivery, root, pool):
    status = delivery.deploy(deployment())
    again = DirectoryDelivery(root, pool.render)
    assert again.deploy(deployment(status=status)).release == "web/bundle:1"


def test_a_damaged_record_keeps_the_cluster_unavailable_until_it_is_mended(delivery, root, pool):
    delivery.deploy(deployment())
    record = root / ".releases/web_bundle.json"
    whole = record.read_text()
    record.write_text("{")
    again = DirectoryDelivery(root, pool.render)
    for _ in range(2):
        with pytest.raises(Unavailable, match="record"):
            again.deploy(deployment(2))
    record.write_text(whole)
    assert again.deploy(deployment(2)).release == "web/bundle:2"
