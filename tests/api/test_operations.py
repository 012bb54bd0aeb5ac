"""Operations: many objects at once, each with its own result, remembered until their end can be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from api.app import create_app
from api.operating import MOST
from api.services import Services
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Bundle, BundleStatus, Cluster, GitRepo, HelmOp
from extension.objects.moving import Move, Moved
from extension.objects.operation import KEPT, Operation, OperationItem, OperationSpec, Stage, forced, stage_of_all
from tests.api.conftest import CLUSTERS, Session

OPERATIONS = "/v1/operations"
BUNDLES = "/v1/fleet.cattle.io.bundles"
FORCE = {"kind": "forceUpdate", "type": "fleet.cattle.io.gitrepos"}
MOVE = {"kind": "move", "ids": ["team-a/web"], "workspace": "team-b", "labels": {"env": "prod", "new": "1"}}


@pytest.fixture
def moving(services: Services, login: Callable[..., Session]) -> Session:
    """An administrator of an application whose moves are really done."""

    def move(cluster: Key, wanted: Move, dry_run: bool) -> Moved:
        old = services.store.get(Cluster, cluster.namespace, cluster.name)
        meta = ObjectMeta(name=cluster.name, namespace=wanted.workspace, labels={**old.metadata.labels, **wanted.labels})
        moved = Cluster(metadata=meta, spec=old.spec)
        if not dry_run:
            services.store.move(old, moved)
        return Moved(moved.key, (Key("Bundle", cluster.namespace, "old"),), (), (Key("Bundle", wanted.workspace, "new"),))

    session = login(all="admin")
    session.client = create_app(replace(services, move=move)).test_client()
    session.post(CLUSTERS, json={"metadata": {"name": "web", "namespace": "team-a", "labels": {"env": "dev"}}})
    return session


def states(body: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["state"] for item in body["items"]}


def cloned(services: Services, namespace: str, name: str) -> None:
    repo = services.store.get(GitRepo, namespace, name)
    status = msgspec.structs.replace(repo.status, update_generation=repo.spec.force_sync_generation)
    services.store.update_status(msgspec.structs.replace(repo, status=status))


@pytest.mark.usefixtures("repos")
def test_a_forced_update_of_many_ends_when_each_has_been_cloned_again(admin: Session, services: Services) -> None:
    made = admin.post(OPERATIONS, json={**FORCE, "ids": ["team-a/one", "team-b/three", "team-a/one", "team-a/gone"]})
    assert made.status_code == 201
    assert states(made.json) == {"team-a/one": "updating", "team-b/three": "updating", "team-a/gone": "failed"}
    assert made.json["state"] == "running"
    assert services.store.get(GitRepo, "team-a", "one").spec.force_sync_generation == 2
    cloned(services, "team-a", "one")
    cloned(services, "team-b", "three")
    seen = admin.get(made.headers["Location"]).json
    assert states(seen) == {"team-a/one": "done", "team-b/three": "done", "team-a/gone": "failed"}
    assert (seen["state"], seen["counts"]) == ("failed", {"done": 2, "failed": 1})
    assert "not found" in next(item["message"] for item in seen["items"] if item["id"] == "team-a/gone")


@pytest.mark.usefixtures("repos")
def test_a_selector_chooses_what_the_caller_may_change_and_no_more(login: Callable[..., Session], services: Services) -> None:
    member = login(team_a="member")
    made = member.post(OPERATIONS, json={**FORCE, "labelSelector": "env=prod"}).json
    assert states(made) == {"team-a/one": "updating"}
    assert services.store.get(GitRepo, "team-b", "three").spec.force_sync_generation == 0
    here = {**FORCE, "labelSelector": "env", "namespace": "team-a"}
    assert set(states(member.post(OPERATIONS, json=here).json)) == {"team-a/one", "team-a/two"}


@pytest.mark.usefixtures("repos")
def test_an_operation_is_seen_by_whoever_began_it_and_by_those_who_see_all(admin: Session, login: Callable[..., Session]) -> None:
    member, other = login(team_a="member"), login(team_b="admin")
    place = member.post(OPERATIONS, json={**FORCE, "ids": ["team-a/one"]}).headers["Location"]
    listed = [session.get(OPERATIONS).json["count"] for session in (member, admin, other)]
    assert listed == [1, 1, 0]
    assert [session.get(place).status_code for session in (member, admin, other)] == [200, 200, 404]
    newest = admin.get(OPERATIONS).json["data"][0]
    assert newest["total"] > 0 and not {"items", "state", "counts"} & newest.keys(), "each takes a look at every object"


@pytest.mark.usefixtures("repos")
@pytest.mark.parametrize("name", ["dryRun", "dry-run"])
def test_a_dry_run_by_either_name_changes_and_remembers_nothing(admin: Session, services: Services, name: str) -> None:
    body = admin.post(f"{OPERATIONS}?{name}=All", json={**FORCE, "ids": ["team-a/one", "team-a/gone"]})
    assert body.status_code == 200
    assert (states(body.json), body.json["dryRun"]) == ({"team-a/one": "waiting", "team-a/gone": "failed"}, True)
    assert services.store.get(GitRepo, "team-a", "one").spec.force_sync_generation == 0
    assert admin.get(OPERATIONS).json["count"] == 0


def test_a_move_tells_what_leaves_and_comes_and_is_taken_back(moving: Session, services: Services) -> None:
    made = moving.post(OPERATIONS, json=MOVE)
    assert made.json["items"] == [
        {
            "id": "team-a/web", "state": "arriving", "message": "1 bundles of its new workspace are not applied yet", "workspace": "team-b",
            "result": {"leaves": ["team-a/old"], "adopts": [], "comes": ["team-b/new"], "removed": 0},
        }
    ]  # fmt: skip
    assert services.store.get(Cluster, "team-b", "web").metadata.labels == {"env": "prod", "new": "1"}
    back = moving.post(made.json["actions"]["undo"].partition("http://localhost")[2])
    assert (back.status_code, back.json["undoes"], back.json["state"]) == (201, made.json["id"], "running")
    assert services.store.get(Cluster, "team-a", "web").metadata.labels == {"env": "dev", "new": "1"}
    assert moving.get(made.headers["Location"]).json["items"][0]["state"] == "gone"


def test_what_failed_of_a_move_is_done_again_as_it_was_asked_and_nothing_else(moving: Session, services: Services) -> None:
    body = {**MOVE, "ids": ["team-a/web", "team-a/late"], "keepResources": True}
    made = moving.post(OPERATIONS, json=body).json
    assert states(made) == {"team-a/web": "arriving", "team-a/late": "failed"}
    moving.post(CLUSTERS, json={"metadata": {"name": "late", "namespace": "team-a"}})
    again = moving.post(made["actions"]["retry"].partition("http://localhost")[2])
    assert (again.status_code, again.json["retries"], states(again.json)) == (201, made["id"], {"team-a/late": "arriving"})
    assert services.store.get(Cluster, "team-b", "late").metadata.labels == MOVE["labels"]
    kept = services.operations.find(again.json["id"])
    assert kept is not None and kept.spec.items[0].asked == {"labels": MOVE["labels"], "keepResources": True}


@pytest.mark.usefixtures("repos")
def test_only_what_failed_of_a_forced_update_is_done_again(admin: Session, services: Services) -> None:
    made = admin.post(OPERATIONS, json={**FORCE, "ids": ["team-a/one", "team-a/gone"]}).json
    again = admin.post(f"{OPERATIONS}/{made['id']}?action=retry&dryRun=All").json
    assert (again["dryRun"], states(again)) == (True, {"team-a/gone": "failed"})
    assert services.store.get(GitRepo, "team-a", "one").spec.force_sync_generation == 2, "what is on its way is left alone"
    well = admin.post(OPERATIONS, json={**FORCE, "ids": ["team-a/one"]}).json
    refused = admin.post(f"{OPERATIONS}/{well['id']}?action=retry")
    assert ("retry" in well["actions"], refused.status_code, "nothing of it failed" in refused.json["message"]) == (False, 422, True)


def test_a_move_that_is_refused_is_an_item_that_failed_and_can_not_be_taken_back(moving: Session) -> None:
    made = moving.post(OPERATIONS, json={**MOVE, "workspace": "nowhere"})
    assert (made.status_code, states(made.json)) == (201, {"team-a/web": "failed"})
    assert "nowhere" in made.json["items"][0]["message"]
    refused = moving.post(f"{OPERATIONS}/{made.json['id']}?action=undo")
    assert (refused.status_code, "nothing was moved" in refused.json["message"]) == (422, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "kind"),
        ({"kind": "delete"}, "kind"),
        ({"kind": "forceUpdate", "ids": ["a/b"]}, "type: is required"),
        ({**FORCE}, "name the objects"),
        ({**FORCE, "ids": ["a/b"], "labelSelector": "a"}, "name the objects"),
        ({**FORCE, "ids": []}, "ids"),
        ({**FORCE, "ids": ["b"]}, "ids"),
        ({**FORCE, "ids": [f"a/{number}" for number in range(MOST + 1)]}, "ids"),
        ({**FORCE, "ids": ["a/b"], "workspace": "team-a"}, "workspace: is for moves"),
        ({**FORCE, "labelSelector": "env=none"}, "selects nothing"),
        ({**FORCE, "labelSelector": "=="}, "labelSelector"),
        ({"kind": "move", "ids": ["a/b"]}, "workspace: is required"),
        ({"kind": "move", "type": "fleet.cattle.io.gitrepos", "ids": ["a/b"], "workspace": "b"}, "only clusters"),
        ({**FORCE, "ids": ["a/b"], "more": 1}, "more"),
    ],
)
def test_a_question_that_can_not_be_names_its_field_and_is_not_remembered(admin: Session, body: dict[str, Any], words: str) -> None:
    refused = admin.post(OPERATIONS, json=body)
    assert refused.status_code in (400, 422)
    assert words in str(refused.json)
    assert admin.get(OPERATIONS).json["count"] == 0


@pytest.mark.usefixtures("repos")
def test_a_forced_update_can_not_be_taken_back(admin: Session) -> None:
    place = admin.post(OPERATIONS, json={**FORCE, "ids": ["team-a/one"]}).json["id"]
    refused = admin.post(f"{OPERATIONS}/{place}?action=undo")
    assert (refused.status_code, "only a move" in refused.json["message"]) == (422, True)


def test_the_oldest_operations_go(services: Services) -> None:
    made = [services.operations.add(Operation(metadata=ObjectMeta(generate_name="operation-"))) for _ in range(KEPT + 3)]
    assert [one.metadata.name for one in services.operations.list()] == [one.metadata.name for one in reversed(made[3:])]


def test_bundles_are_deployed_again_everywhere(admin: Session) -> None:
    body = {"metadata": {"name": "b", "namespace": "team-a"}, "spec": {"resources": [{"name": "a.yaml", "content": "{}"}]}}
    assert admin.post(BUNDLES, json=body).status_code == 201
    assert [admin.post(f"{BUNDLES}/team-a/b?action=forceUpdate").json["spec"]["forceSyncGeneration"] for _ in range(2)] == [2, 3]


def bundle(generation: int, observed: int, force: int = 0, **summary: int) -> Bundle:
    status = BundleStatus(observed_generation=observed)
    status = msgspec.structs.replace(status, summary=msgspec.structs.replace(status.summary, desired_ready=9, **summary))
    made = Bundle(metadata=ObjectMeta(name="b", namespace="n", generation=generation), status=status)
    return msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, force_sync_generation=force))


@pytest.mark.parametrize(
    ("found", "of", "state", "words"),
    [
        pytest.param(None, None, "gone", "deleted", id="deleted"),
        pytest.param(bundle(2, 1), None, "updating", "planned", id="a bundle that is not planned"),
        pytest.param(bundle(2, 2, wait_applied=1, out_of_sync=2, pending=3), None, "updating", "6 of 9", id="a bundle on its way"),
        pytest.param(bundle(2, 2, not_ready=9), None, "done", "", id="applied, whatever it does then"),
        pytest.param(HelmOp(), None, "updating", "written", id="a HelmOp without its bundle"),
        pytest.param(HelmOp(), bundle(2, 2, force=2), "updating", "written", id="a HelmOp whose bundle is the old one"),
        pytest.param(HelmOp(), bundle(2, 1, force=3), "updating", "planned", id="a HelmOp whose bundle is on its way"),
        pytest.param(HelmOp(), bundle(2, 2, force=3), "done", "", id="a HelmOp whose bundle is there"),
        pytest.param(Cluster(), None, "updating", "agent", id="a cluster whose agent is the old one"),
    ],
)
def test_a_forced_update_waits_for_what_its_kind_shows(found: Any, of: Bundle | None, state: str, words: str) -> None:
    told = forced(OperationItem("n/b", generation=3), found, of)
    assert told.state == state
    assert words in told.message


def test_an_operation_runs_until_every_object_has_an_end() -> None:
    spec = OperationSpec()
    assert spec.items == ()
    assert stage_of_all([Stage("done"), Stage("updating")]) == ("running", {"done": 1, "updating": 1})
    assert stage_of_all([Stage("done"), Stage("gone")]) == ("failed", {"done": 1, "gone": 1})
    assert stage_of_all([Stage("done")] * 2) == ("done", {"done": 2})
