"""Which namespaces a bundle may take along when it goes."""

from __future__ import annotations

import pytest

from extension.delivery.copies import NAMESPACES
from extension.delivery.helm_records import SECRETS
from extension.delivery.namespaces import drop_namespace
from tests.fakes.kubernetes import MemoryCluster

FLEETS = ["fleet-local", "fleet-default", "fleet-system", "cattle-fleet-system", "cattle-fleet-clusters-system"]


class Cluster(MemoryCluster):
    """Deletes."""

    def delete(self, kind, namespace, name):
        self.objects.remove(self.get(kind, namespace, name))


@pytest.fixture
def cluster():
    return Cluster(NAMESPACES, SECRETS)


def is_left(cluster, name):
    cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    drop_namespace(cluster, name)
    return cluster.get(NAMESPACES, "", name) is not None


@pytest.mark.parametrize("name", [*FLEETS, "cattle-fleet-local-system", "default", "kube-system", "kube-public", "cattle-system"])
def test_a_namespace_of_kubernetes_rancher_or_fleet_is_never_deleted(cluster, name):
    assert is_left(cluster, name)


@pytest.mark.parametrize("name", ["shop", "default-2", "my-kube-system", "fleet-tracker", "cattle-farm"])
def test_a_namespace_that_is_only_called_alike_is_deleted(cluster, name):
    assert not is_left(cluster, name)


def test_a_namespace_with_a_release_in_it_stays(cluster):
    meta = {"name": "sh.helm.release.v1.other.v1", "namespace": "shop", "labels": {"owner": "helm"}}
    cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": meta})
    assert is_left(cluster, "shop")
