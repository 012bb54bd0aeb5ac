"""Clusters over HTTP: labels, moves between workspaces, and what `fleet-local` and other workspaces are guarded from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import CLUSTERS, Session

DIRECTORY = "continuous-delivery.cattle.io/directory"


def cluster(name: str = "c1", namespace: str = "team-a", **parts: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, **parts.pop("metadata", {})}
    return {"metadata": metadata, "spec": parts.pop("spec", {})}


def test_a_cluster_is_created_labelled_and_found_by_its_label(admin: Session) -> None:
    admin.post(CLUSTERS, json=cluster())
    admin.post(CLUSTERS, json=cluster("c2"))
    patched = admin.patch(
        f"{CLUSTERS}/team-a/c1", json={"metadata": {"labels": {"env": "prod"}}}, headers={"Content-Type": "application/merge-patch+json"}
    )
    assert patched.json["metadata"]["labels"] == {"env": "prod"}
    found = admin.get(f"{CLUSTERS}?labelSelector=env%3Dprod").json
    assert [item["id"] for item in found["data"]] == ["team-a/c1"]
    assert [item["id"] for item in admin.get(f"{CLUSTERS}/team-a?labelSelector=env!=prod").json["data"]] == ["team-a/c2"]


def test_a_move_tells_what_leaves_and_what_comes(admin: Session) -> None:
    admin.post(CLUSTERS, json=cluster())
    response = admin.post(f"{CLUSTERS}/team-a/c1?action=move&dryRun=All", json={"workspace": "team-b", "labels": {"env": "prod"}})
    assert response.status_code == 200
    assert response.json == {
        "type": "clusterMove",
        "id": "team-b/c1",
        "links": {"cluster": f"http://localhost{CLUSTERS}/team-b/c1"},
        "from": "team-a",
        "to": "team-b",
        "dryRun": True,
        "leaves": ["team-a/old"],
        "adopts": ["team-b/same"],
        "comes": ["team-b/new"],
        "removed": 7,
    }


def test_a_move_says_what_is_to_be_done_with_what_is_there(admin: Session) -> None:
    admin.post(CLUSTERS, json=cluster())
    body = {"workspace": "team-b", "keepResources": True}
    assert admin.post(f"{CLUSTERS}/team-a/c1?action=move&dryRun=All", json=body).json["adopts"] == []


def test_many_are_moved_by_a_selector_each_with_its_own_result(admin: Session) -> None:
    for name in ("c1", "c2"):
        admin.post(CLUSTERS, json=cluster(name, metadata={"labels": {"env": "prod"}}))
    response = admin.post(f"{CLUSTERS}?action=move&labelSelector=env%3Dprod", json={"workspace": "team-b"})
    assert [(row["id"], row["status"], row["result"]["to"]) for row in response.json["data"]] == [
        ("team-a/c1", 200, "team-b"),
        ("team-a/c2", 200, "team-b"),
    ]
    assert response.json["failed"] == 0


@pytest.mark.parametrize(
    ("source", "body", "field"),
    [
        pytest.param("fleet-local/local", {"workspace": "team-b"}, "workspace", id="local stays"),
        pytest.param("team-a/c1", {"workspace": "fleet-local"}, "workspace", id="nothing enters fleet-local"),
        pytest.param("team-a/c1", {"workspace": "nowhere"}, "workspace", id="the target must exist"),
        pytest.param("team-a/c1", {}, "workspace", id="the target must be named"),
        pytest.param("team-a/c1", {"workspace": 1}, "workspace", id="as a text"),
        pytest.param("team-a/c1", {"workspace": "team-b", "labels": {"a": "b c"}}, "labels.a", id="a label that is none"),
        pytest.param("team-a/c1", {"workspace": "team-b", "force": True}, "force", id="a field nobody knows"),
        pytest.param("team-a/c1", {"workspace": "team-b", "keepResources": "yes"}, "keepResources", id="a text for a boolean"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(admin: Session, source: str, body: dict[str, Any], field: str) -> None:
    admin.post(CLUSTERS, json=cluster())
    response = admin.post(f"{CLUSTERS}/{source}?action=move", json=body)
    assert (response.status_code, response.json["fieldName"]) == (422, field)


def test_a_move_needs_the_administrator_of_both_workspaces(admin: Session, login: Callable[..., Session]) -> None:
    admin.post(CLUSTERS, json=cluster())
    move = f"{CLUSTERS}/team-a/c1?action=move"
    assert login(team_a="admin", team_b="member").post(move, json={"workspace": "team-b"}).status_code == 403
    assert login(team_a="member", team_b="admin").post(move, json={"workspace": "team-b"}).status_code == 403
    assert login(team_b="admin").post(move, json={"workspace": "team-b"}).status_code == 404
    assert login(team_a="admin", team_b="admin").post(move, json={"workspace": "team-b"}).status_code == 200


def test_who_may_not_enter_a_workspace_does_not_learn_whether_it_is_there(admin: Session, login: Callable[..., Session]) -> None:
    admin.post(CLUSTERS, json=cluster())
    mine = login(team_a="admin")
    there, nowhere = (mine.post(f"{CLUSTERS}/team-a/c1?action=move", json={"workspace": name}) for name in ("team-b", "nowhere"))
    assert (there.status_code, nowhere.status_code) == (403, 403)
    assert there.json["message"].replace("team-b", "nowhere") == nowhere.json["message"]


def test_fleet_local_holds_local_and_nothing_else(admin: Session) -> None:
    response = admin.post(CLUSTERS, json=cluster("other", "fleet-local"))
    assert (response.status_code, response.json["fieldName"]) == (422, "metadata.namespace")
    assert admin.delete(f"{CLUSTERS}/fleet-local/local").status_code == 422
    assert admin.get(f"{CLUSTERS}/fleet-local/local").status_code == 200


@pytest.mark.parametrize(
    ("parts", "allowed"),
    [
        pytest.param({"spec": {"kubeConfigSecret": "k"}}, True, id="a secret of its own workspace"),
        pytest.param({"spec": {"kubeConfigSecret": "k", "kubeConfigSecretNamespace": "fleet-default"}}, False, id="a secret of another"),
        pytest.param({"metadata": {"annotations": {DIRECTORY: "true"}}}, True, id="its own folder"),
        pytest.param({"metadata": {"annotations": {DIRECTORY: "team-a/x"}}}, True, id="a folder of its workspace"),
        pytest.param({"metadata": {"annotations": {DIRECTORY: "team-b/x"}}}, False, id="a folder of another"),
        pytest.param({"metadata": {"annotations": {DIRECTORY: "team-b"}}}, False, id="a folder beside the workspaces"),
    ],
)
def test_a_workspaces_administrator_reaches_no_other_workspaces_secrets_and_folders(
    login: Callable[..., Session], parts: dict[str, Any], allowed: bool
) -> None:
    response = login(team_a="admin").post(CLUSTERS, json=cluster(**parts))
    assert response.status_code == (201 if allowed else 422)


def test_what_an_administrator_of_all_allowed_stays_when_others_edit_the_rest(admin: Session, login: Callable[..., Session]) -> None:
    admin.post(CLUSTERS, json=cluster(spec={"kubeConfigSecret": "k", "kubeConfigSecretNamespace": "fleet-default"}))
    response = login(team_a="admin").post(f"{CLUSTERS}/team-a/c1?action=pause")
    assert response.json["spec"]["paused"] is True
    assert response.json["spec"]["kubeConfigSecretNamespace"] == "fleet-default"
