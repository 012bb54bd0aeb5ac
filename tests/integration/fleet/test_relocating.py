"""Moves of Rancher's clusters on a real API server: RBAC says who may, and the server sees who it was."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from extension.delivery.client import ApiError, Client, Kind
from extension.delivery.kubeconfig import read
from extension.objects.base import Key
from extension.objects.errors import Conflict, Forbidden, UserError
from extension.rancher.identity import Identity
from extension.rancher.management import Management
from extension.rancher.moving import FORCED, progress
from extension.rancher.relocating import Relocating
from extension.rancher.reviewing import Reviews
from tests.integration.fleet import generating, kinds
from tests.integration.rancher.rights import RBAC, rule

pytestmark = [pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"), pytest.mark.xdist_group("kube")]
"""The API server of the tests made its own certificate."""
MOVER = Identity("u-mover", groups=("system:authenticated",))
STRANGER = Identity("u-stranger", groups=("system:authenticated",))
NO_TARGET = Identity("u-no-target", groups=("system:authenticated",))
RIGHTS = {
    "mover": [
        rule("management.cattle.io", ("clusters",), ("get", "update", "patch")),
        rule("management.cattle.io", ("fleetworkspaces",), ("fleetaddcluster",), ("team-a", "team-b")),
        rule("", ("secrets",), ("get", "create")),
    ],
    "no-target": [rule("management.cattle.io", ("clusters",), ("update", "patch"))],
}
PROVISIONING = Kind("provisioning.cattle.io/v1", "Cluster", "clusters", namespaced=True)
WORKSPACES = Kind("management.cattle.io/v3", "FleetWorkspace", "fleetworkspaces", namespaced=False)
FEATURES = Kind("management.cattle.io/v3", "Feature", "features", namespaced=False)
DATA = {".dockerconfigjson": base64.b64encode(b"{}").decode()}


@pytest.fixture(scope="module")
def rancher(kubeconfig: Path) -> Iterator[Client]:
    """Three workspaces, nobody's cluster in them."""
    client = Client(read(kubeconfig.read_text(), "the test", kubeconfig.parent))
    kinds.install(client)
    for name in ("fleet-default", "team-a", "team-b"):
        with suppress(ApiError):  # other tests have some of them
            generating.create(client, WORKSPACES, "", _named(name))
        with suppress(ApiError):
            client.request("POST", "/api/v1/namespaces", _named(name))
    for name, rules in RIGHTS.items():
        client.request("POST", f"{RBAC}/clusterroles", {**_named(f"moves-{name}"), "rules": rules})
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"moves-{name}"}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"u-{name}"}
        client.request("POST", f"{RBAC}/clusterrolebindings", {**_named(f"moves-{name}"), "roleRef": ref, "subjects": [subject]})
    yield client
    client.close()


@pytest.fixture(scope="module")
def moves(rancher: Client) -> Iterator[Relocating]:
    reviews = Reviews(lambda path, body: rancher.request("POST", path, body))
    yield Relocating(Management(rancher), reviews)
    reviews.close()


def _named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


def registered(client: Client, name: str, management: str, **spec: Any) -> Key:
    """A cluster as Rancher registers it, in fleet-default."""
    body = {
        "metadata": {"name": management, "annotations": {"name": name}, "labels": {"env": "dev"}},
        "spec": {"fleetWorkspaceName": "fleet-default", **spec},
    }
    made = generating.create(client, generating.MANAGEMENT, "", body)
    made["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    client.request("PUT", f"{generating.MANAGEMENT.path('', management)}/status", made)
    generating.generate(client)
    return Key("Cluster", "fleet-default", name)


def how_far(moves: Relocating, management: str, cluster: Key, target: str) -> str:
    return progress(moves.seen(management, cluster, target), target)[0]


def test_a_move_is_written_once_as_the_caller_and_ends_when_rancher_has_done_it(rancher: Client, moves: Relocating) -> None:
    cluster = registered(rancher, "web", "c-web01", importedConfig={"privateRegistryPullSecrets": [{"name": "pull"}]})
    secret = {"metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson", "data": DATA}
    rancher.request("POST", "/api/v1/namespaces/fleet-default/secrets", secret)
    foreseen = moves.move(MOVER, cluster, "team-a", {"ring": "1"}, dry_run=True)
    assert foreseen.patch
    assert [key.name for key in foreseen.secrets] == ["pull"]
    assert rancher.request("GET", generating.MANAGEMENT.path("", "c-web01"))["spec"]["fleetWorkspaceName"] == "fleet-default"

    moves.move(MOVER, cluster, "team-a", {"ring": "1"})
    found = rancher.request("GET", generating.MANAGEMENT.path("", "c-web01"))
    assert found["spec"]["fleetWorkspaceName"] == "team-a"
    assert found["metadata"]["labels"] == {"env": "dev", "ring": "1"}
    copy = rancher.request("GET", "/api/v1/namespaces/team-a/secrets/pull")
    assert (copy["type"], copy["data"]) == (secret["type"], DATA)
    assert how_far(moves, "c-web01", cluster, "team-a") == "waiting"
    assert moves.move(MOVER, cluster, "team-a", {"ring": "1"}).patch == (), "the second time there is nothing to write"
    generating.generate(rancher)
    assert how_far(moves, "c-web01", cluster, "team-a") == "done"

    there = Key("Cluster", "team-a", "web")
    assert moves.move(MOVER, there, "team-a", {}).patch == ()
    moves.move(MOVER, there, "team-b", {})
    assert how_far(moves, "c-web01", cluster, "team-a") == "reverted"
    rancher.delete(generating.MANAGEMENT, "", "c-web01")
    assert how_far(moves, "c-web01", there, "team-b") == "gone"


@pytest.mark.parametrize(
    ("who", "lacks"),
    [
        (STRANGER, "update clusters.management.cattle.io c-owned"),
        (NO_TARGET, "fleetaddcluster fleetworkspaces.management.cattle.io team-a"),
    ],
    ids=["a stranger", "one who rules the cluster only"],
)
def test_who_may_not_is_told_what_is_lacking_and_nothing_moves(rancher: Client, moves: Relocating, who: Identity, lacks: str) -> None:
    cluster = Key("Cluster", "fleet-default", "owned")
    if rancher.get(generating.MANAGEMENT, "", "c-owned") is None:
        registered(rancher, "owned", "c-owned")
    for dry_run in (True, False):
        with pytest.raises(Forbidden) as refused:
            moves.move(who, cluster, "team-a", {}, dry_run=dry_run)
        assert refused.value.hint == f"it needs {lacks}"
    assert rancher.request("GET", generating.MANAGEMENT.path("", "c-owned"))["spec"]["fleetWorkspaceName"] == "fleet-default"


def test_a_provisioned_cluster_is_kept_by_its_annotation_and_by_a_feature_that_is_off(rancher: Client, moves: Relocating) -> None:
    cluster = registered(rancher, "v2", "c-m-abcd1234")
    body = {"metadata": {"name": "v2", "annotations": {FORCED: "fleet-default"}}, "spec": {"rkeConfig": {}}}
    generating.create(rancher, PROVISIONING, "fleet-default", body)
    with pytest.raises(UserError, match="back at once"):
        moves.move(MOVER, cluster, "team-a", {})
    feature = _named("provisioningv2-fleet-workspace-back-population")
    generating.create(rancher, FEATURES, "", {**feature, "spec": {"value": True}})
    with pytest.raises(UserError, match=FORCED):
        moves.move(MOVER, cluster, "team-a", {})
    free = {"metadata": {"annotations": {FORCED: None}}}
    rancher.request("PATCH", PROVISIONING.path("fleet-default", "v2"), free, content_type="application/merge-patch+json")
    assert moves.move(MOVER, cluster, "team-a", {}).patch


def test_of_two_that_move_a_cluster_at_once_one_wins_and_the_other_is_told(rancher: Client, moves: Relocating) -> None:
    cluster = registered(rancher, "both", "c-both1")

    def moved(target: str) -> str:
        try:
            moves.move(MOVER, cluster, target, {})
        except Conflict as conflict:
            return conflict.message
        return target

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(moved, ("team-a", "team-b")))
    won = rancher.request("GET", generating.MANAGEMENT.path("", "c-both1"))["spec"]["fleetWorkspaceName"]
    assert won in told
    assert next(one for one in told if one != won).startswith(("somebody else moved", "the cluster is on its way"))
