"""Members of a workspace, and operations that all replicas know, on a real API server."""

from __future__ import annotations

import pytest

from extension.delivery.client import ApiError, Client
from extension.objects.base import ObjectMeta
from extension.objects.errors import Forbidden, NotFound
from extension.objects.operation import KEPT, Operation, OperationItem, OperationSpec, Stage
from extension.rancher.identity import Identity
from extension.rancher.management import Management
from extension.rancher.members import MADE, BoundMembers, Member
from extension.rancher.recorded import RecordedOperations
from tests.integration.fleet.conftest import RBAC, World

pytestmark = pytest.mark.xdist_group("kube")
WORKSPACE = "members"
ADMIN = Identity("u-workspace-admin", groups=("system:authenticated",))
READER = Member("u-reader", "fleetworkspace-readonly")
TEAM = Member("cn=team,ou=x", "fleetworkspace-member", "Group")


@pytest.fixture(scope="module")
def api(world: World) -> Management:
    """A workspace with Rancher's roles, and its administrator, who is its creator."""
    world.client.request("POST", "/api/v1/namespaces", {"metadata": {"name": WORKSPACE}})
    give_roles(world.client)
    _bind(world.client, "creator", "fleetworkspace-admin", ADMIN.user)
    return world.api


def give_roles(client: Client) -> None:
    """Roles of the names of Rancher's, once."""
    for name, verbs in {"admin": ["*"], "member": ["get", "update"], "readonly": ["get"]}.items():
        rules = [{"apiGroups": ["fleet.cattle.io"], "resources": ["gitrepos"], "verbs": verbs}]
        rules += [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"], "verbs": ["*"]}] if name == "admin" else []
        try:
            client.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": f"fleetworkspace-{name}"}, "rules": rules})
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise


def _bind(client: Client, name: str, role: str, *users: str) -> None:
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user} for user in users]
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    client.request(
        "POST", f"{RBAC}/namespaces/{WORKSPACE}/rolebindings", {"metadata": {"name": name}, "roleRef": ref, "subjects": subjects}
    )


def test_members_are_bound_and_unbound_as_the_caller_and_no_other_binding_is_touched(api: Management, world: World) -> None:
    members = BoundMembers(lambda: api.acting(ADMIN))
    _bind(world.client, "shared", "fleetworkspace-readonly", "u-one", "u-two")
    _bind(world.client, "alien", "view-of-somebody-else", "u-one")
    for member in (READER, TEAM, TEAM):
        members.add(WORKSPACE, member)
    assert {(one.name, one.role) for one in members.list(WORKSPACE)} == {
        (ADMIN.user, "fleetworkspace-admin"), (READER.name, READER.role), (TEAM.name, TEAM.role),
        ("u-one", "fleetworkspace-readonly"), ("u-two", "fleetworkspace-readonly"),
    }  # fmt: skip
    assert members.remove(WORKSPACE, READER.id) == READER
    assert members.remove(WORKSPACE, Member("u-one", "fleetworkspace-readonly").id).name == "u-one"
    with pytest.raises(NotFound, match="no such member"):
        members.remove(WORKSPACE, READER.id)
    left = {one["metadata"]["name"]: one for one in world.client.request("GET", f"{RBAC}/namespaces/{WORKSPACE}/rolebindings")["items"]}
    assert left.keys() == {"creator", "shared", "alien", f"member-{TEAM.id}"}
    assert [subject["name"] for subject in left["shared"]["subjects"]] == ["u-two"]
    assert left[f"member-{TEAM.id}"]["metadata"]["labels"] == {MADE: "true"}


def test_nobody_gives_a_role_that_they_do_not_have_themselves(api: Management, world: World) -> None:
    _bind(world.client, "u-binder", "fleetworkspace-readonly", "u-binder")
    binder = BoundMembers(lambda: api.acting(Identity("u-binder", groups=("system:authenticated",))))
    for ask in (lambda: binder.list(WORKSPACE), lambda: binder.add(WORKSPACE, READER), lambda: binder.remove(WORKSPACE, TEAM.id)):
        with pytest.raises(Forbidden):
            ask()


def test_operations_are_known_to_every_replica_and_the_oldest_go(api: Management, world: World) -> None:
    world.client.request("POST", "/api/v1/namespaces", {"metadata": {"name": "service"}})
    one, other = (RecordedOperations(Management(world.client), "service", lambda item: Stage("done", item.id)) for _ in range(2))
    spec = OperationSpec("move", "fleet.cattle.io.clusters", "alice", "u-alice", items=(OperationItem("a/b", workspace="c"),))
    made = one.add(Operation(metadata=ObjectMeta(generate_name="operation-"), spec=spec))
    found = other.find(made.metadata.name)
    assert found is not None
    assert (found.spec, bool(found.metadata.creation_timestamp)) == (spec, True)
    assert other.find("nothing") is None
    assert other.moved(spec.items[0]) == Stage("done", "a/b")
    world.client.request("POST", "/api/v1/namespaces/service/configmaps", {"metadata": {"name": "alien"}})
    assert other.find("alien") is None
    for _ in range(KEPT + 2):
        one.add(Operation(metadata=ObjectMeta(generate_name="operation-"), spec=spec))
    assert len(other.list()) == KEPT
    assert world.client.request("GET", "/api/v1/namespaces/service/configmaps/alien")
