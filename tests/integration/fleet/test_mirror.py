"""What is on the API server is in the store, as it is there."""

from __future__ import annotations

import pytest

from extension.objects.base import Key
from extension.objects.errors import NotFound
from extension.objects.kinds import Bundle, BundleDeployment, Cluster, FleetWorkspace, GitRepo
from extension.objects.selectors import LabelSelector
from extension.store.protocol import Filter, Query
from tests.integration.fleet import objects
from tests.integration.fleet.conftest import World

pytestmark = pytest.mark.xdist_group("kube")


@pytest.fixture(scope="module")
def deployed(world: World) -> World:
    """A repo with a bundle on two clusters, one of which is not ready. The deployments come before what they belong to."""
    world.put(objects.deployment("apps-a", "web-app", "one"))
    world.put(objects.deployment("apps-a", "web-app", "two", ready=False))
    for name, env in (("one", "dev"), ("two", "prod")):
        world.put(objects.cluster("apps-a", name, {"env": env}))
    world.put(objects.bundle("apps-a", "web-app", "web", {"web.yaml": "kind: ConfigMap"}))
    world.put(objects.gitrepo("apps-a", "web"))
    world.sees(lambda: world.store.deployments(Query()).count == 2, "both deployments")
    world.sees(lambda: world.store.find(GitRepo, "apps-a", "web"), "the GitRepo")
    world.sees(lambda: world.store.get(Bundle, "apps-a", "web-app").status.summary.ready, "the bundle's status")
    world.sees(lambda: world.store.get(Cluster, "apps-a", "two").status.namespace, "the cluster's status")
    return world


def test_an_object_is_what_the_api_server_has_with_its_version_and_status(deployed: World) -> None:
    there = deployed.client.request("GET", objects.place("bundles", "apps-a", "web-app"))
    bundle = deployed.store.get(Bundle, "apps-a", "web-app")
    meta = there["metadata"]
    assert (bundle.metadata.resource_version, bundle.metadata.uid) == (meta["resourceVersion"], meta["uid"])
    assert bundle.metadata.creation_timestamp == meta["creationTimestamp"]
    assert bundle.status.summary.ready == 7  # what Fleet counted, whatever deployments there are
    assert [file.name for file in bundle.spec.resources] == ["web.yaml"]


def test_workspaces_clusters_and_their_labels_are_found_as_in_any_store(deployed: World) -> None:
    assert {"apps-a", "apps-b"} <= {found.metadata.name for found in deployed.store.list(FleetWorkspace).items}
    chosen = deployed.store.list(Cluster, Query(namespaces=("apps-a",), selector=LabelSelector(match_labels={"env": "prod"})))
    assert [found.metadata.name for found in chosen.items] == ["two"]
    assert len(deployed.store.members("apps-a", LabelSelector(match_labels={"env": "dev"}))) == 1
    seen = deployed.store.list(Cluster, Query(filters=((Filter("status.agent.lastSeen", "<", ("2026-01-03T00:00:00Z",)),),)))
    assert {found.metadata.name for found in seen.items} >= {"one", "two"}


def test_deployments_are_found_by_bundle_cluster_repo_and_state(deployed: World) -> None:
    bundle, cluster = Key("Bundle", "apps-a", "web-app"), Key("Cluster", "apps-a", "two")
    of_repo = deployed.store.deployments(Query(), gitrepo=Key("GitRepo", "apps-a", "web"))
    assert [d.metadata.namespace for d in of_repo.items] == ["cluster-apps-a-one", "cluster-apps-a-two"]
    found = deployed.store.deployment(bundle, cluster)
    assert isinstance(found, BundleDeployment)
    there = deployed.client.request("GET", objects.place("bundledeployments", "cluster-apps-a-two", "web-app"))["metadata"]
    assert (found.metadata.uid, found.metadata.resource_version) == (there["uid"], there["resourceVersion"])
    assert found.metadata.creation_timestamp == there["creationTimestamp"]
    assert (found.spec.deployment_id, found.status.display.state) == ("s-1:a", "NotReady")
    assert found.spec.options.helm is not None
    assert found.spec.options.helm.values == {"replicas": 2}
    late = deployed.store.deployments(Query(filters=((Filter("status.display.state", "=", ("NotReady",)),),)), bundle=bundle)
    assert [d.metadata.namespace for d in late.items] == ["cluster-apps-a-two"]
    assert len(deployed.store.progress(bundle).deployed["s-1:a"]) == 2


def test_what_changes_and_goes_on_the_api_server_changes_and_goes_here_and_is_told(deployed: World) -> None:
    since = deployed.store.revision()
    path = objects.place("gitrepos", "apps-a", "web")
    deployed.client.request("PATCH", path, {"spec": {"paused": True}}, content_type="application/merge-patch+json")
    deployed.sees(lambda: deployed.store.get(GitRepo, "apps-a", "web").spec.paused, "the change")
    assert Key("GitRepo", "apps-a", "web") in {change.key for change in deployed.store.changes(since)}
    deployed.put(objects.gitrepo("apps-a", "passing"))
    deployed.sees(lambda: deployed.store.find(GitRepo, "apps-a", "passing"), "a new one")
    deployed.client.request("DELETE", objects.place("gitrepos", "apps-a", "passing"))
    deployed.sees(lambda: deployed.store.find(GitRepo, "apps-a", "passing") is None, "its end")
    with pytest.raises(NotFound):
        deployed.store.get(GitRepo, "apps-a", "passing")


def test_a_deployment_that_goes_is_counted_no_more(deployed: World) -> None:
    deployed.put(objects.cluster("apps-a", "three"))
    deployed.put(objects.deployment("apps-a", "web-app", "three"))
    bundle = Key("Bundle", "apps-a", "web-app")
    deployed.sees(lambda: deployed.store.deployments(Query(), bundle=bundle).count == 3, "the third")
    deployed.client.request("DELETE", objects.place("bundledeployments", "cluster-apps-a-three", "web-app"))
    deployed.sees(lambda: deployed.store.deployments(Query(), bundle=bundle).count == 2, "its end")
