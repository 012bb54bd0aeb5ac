"""Helm's release records as they lie on a cluster."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from extension.delivery.helm_records import SECRETS, HelmRecords, Revision
from extension.objects.errors import Unavailable
from tests.fakes.kubernetes import MemoryCluster

OURS = {"fleet.cattle.io/bundle-id": "web"}


def packed(release, compress=True):
    data = json.dumps(release).encode()
    return base64.b64encode(base64.b64encode(gzip.compress(data) if compress else data)).decode()


def record(name="web", number=1, namespace="shop", status="deployed", annotations=OURS, data=None, compress=True):
    release = {"manifest": f"kind: A # {number}", "chart": {"metadata": {"annotations": annotations}}}
    labels = {"owner": "helm", "name": name, "version": str(number), "status": status}
    meta = {"name": f"sh.helm.release.v1.{name}.v{number}", "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data or {"release": packed(release, compress)}}


class Cluster(MemoryCluster):
    """Selects by every label of a selector, as `owner=helm,name=x` needs it, and deletes."""

    def list(self, kind, namespace="", selector=""):
        wanted = dict(part.split("=") for part in selector.split(",") if part)
        for obj in super().list(kind, namespace):
            if wanted.items() <= obj["metadata"]["labels"].items():
                yield obj

    def delete(self, kind, namespace, name):
        self.objects.remove(self.get(kind, namespace, name))


@pytest.fixture
def cluster():
    return Cluster(SECRETS)


@pytest.fixture
def records(cluster):
    return HelmRecords(cluster)


def test_the_revisions_of_one_release_come_oldest_first(cluster, records):
    cluster.put(record(number=10), record(number=9, status="superseded"), record("db"), record(namespace="other"))
    assert records.revisions("shop", "web") == [Revision("shop", "web", 9, "superseded"), Revision("shop", "web", 10, "deployed")]


@pytest.mark.parametrize("compress", [True, False])
def test_a_revision_is_read_as_helm_wrote_it(cluster, records, compress):
    cluster.put(record(number=3, compress=compress))
    found = records.content(Revision("shop", "web", 3, ""))
    assert (found.manifest, found.annotations) == ("kind: A # 3", OURS)


def test_a_revision_that_is_gone_is_none(records):
    assert records.content(Revision("shop", "web", 3, "")) is None


def test_the_newest_revision_of_every_release_of_an_agent_is_told_and_no_one_elses(cluster, records):
    cluster.put(
        record(number=2), record(number=10), record(namespace="other"), record("mine", annotations=None), record("yours", annotations={})
    )
    found = {(revision.namespace, revision.name, revision.number) for revision, _ in records.deployed()}
    assert found == {("shop", "web", 10), ("other", "web", 1)}


def test_a_revision_that_is_dropped_is_gone_and_the_others_stay(cluster, records):
    cluster.put(record(number=1), record(number=2))
    records.drop(Revision("shop", "web", 1, ""))
    assert [revision.number for revision in records.revisions("shop", "web")] == [2]


@pytest.mark.parametrize(
    "data",
    [
        {"other": "x"},
        {"release": "~"},
        {"release": base64.b64encode(b"~").decode()},
        {"release": packed([])},
        {"release": packed({"chart": None})},
        {"release": base64.b64encode(base64.b64encode(b"\x1f\x8bcut off")).decode()},
    ],
    ids=["no release", "no base64", "no base64 inside", "no map", "no chart", "cut off"],
)
def test_a_record_that_can_not_be_read_makes_the_cluster_unavailable_and_is_named(cluster, records, data):
    cluster.put(record(data=data))
    with pytest.raises(Unavailable, match=r"sh\.helm\.release\.v1\.web\.v1"):
        records.content(Revision("shop", "web", 1, ""))
