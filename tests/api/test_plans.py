"""`/v1/plans`, `/v1/explanations`, `/v1/traces`: who may ask what, and what is refused before anything is read."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from api.app import create_app
from api.services import Services
from extension.engine.planning import Planner
from extension.rendering.pool import Pool
from tests.api.conftest import GITREPOS, Session, gitrepo
from tests.unit.engine.previews import Sources, packed
from tests.unit.targeting.worlds import Substituting

URL = "https://git.example.org/web.git"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n"
EVERYONE = [{"name": "all", "clusterSelector": {}}]
GROUP = {"kind": "ClusterGroup", "metadata": {"name": "g", "namespace": "team-a"}, "spec": {"selector": {}}}
OP = {
    "kind": "HelmOp",
    "metadata": {"name": "h", "namespace": "team-a"},
    "spec": {"helm": {"repo": "https://charts.example.org", "chart": "web"}, "targets": EVERYONE},
}
FOLDER = base64.b64encode(packed({"a.yaml": MAP})).decode()


@pytest.fixture
def services(services: Services) -> Iterator[Services]:
    """With a planner whose repository is in memory."""
    sources, pool = Sources(), Pool()
    sources.commit(URL, {"a.yaml": MAP})
    planner = Planner(services.store, sources, pool.render, Substituting())  # type: ignore[arg-type]
    yield dataclasses.replace(services, plans=planner)
    pool.close()


@pytest.fixture
def stored(admin: Session) -> Session:
    for name in ("c1", "c2"):
        admin.post("/v1/fleet.cattle.io.clusters", json={"metadata": {"name": name, "namespace": "team-a"}})
    admin.post(GITREPOS, json=gitrepo("new", targets=EVERYONE))
    return admin


def plan(session: Session, **body: Any) -> Any:
    return session.post("/v1/plans", json=body)


def test_a_plan_tells_the_clusters_and_its_groups_are_paged(stored: Session) -> None:
    answer = plan(stored, gitrepo="team-a/new")
    assert (answer.status_code, answer.json["type"], answer.json["created"], answer.json["changes"]) == (200, "plan", 2, True)
    group = answer.json["bundles"][0]["groups"][0]
    assert (group["clusters"], group["oldDeploymentID"]) == ({"count": 2, "first": ["team-a/c1", "team-a/c2"]}, "")
    question = {"gitrepo": "team-a/new", "group": group["id"], "limit": 1}
    first = stored.post("/v1/plans/clusters", json=question).json
    second = stored.post("/v1/plans/clusters", json={**question, "continue": first["continue"]}).json
    assert (first["clusters"], second["clusters"], second["continue"]) == (["team-a/c1"], ["team-a/c2"], "")


def test_a_plan_of_a_cluster_tells_which_bundles_its_labels_would_bring_and_take(admin: Session) -> None:
    cluster = {"kind": "Cluster", "metadata": {"name": "c1", "namespace": "team-a", "labels": {"env": "old"}}}
    admin.post("/v1/fleet.cattle.io.clusters", json=cluster)
    for env in ("old", "new", "other"):
        targets = [{"name": env, "clusterSelector": {"matchLabels": {"env": env}}}]
        admin.post("/v1/fleet.cattle.io.bundles", json={"metadata": {"name": env, "namespace": "team-a"}, "spec": {"targets": targets}})
    relabelled = {**cluster, "metadata": {**cluster["metadata"], "labels": {"env": "new"}}}  # type: ignore[dict-item]
    answer = plan(admin, object=relabelled).json
    assert [(one["bundle"], one["change"]) for one in answer["bundles"]] == [("team-a/new", "created")]
    assert (answer["of"], answer["created"], answer["changes"]) == ("Cluster team-a/c1", 1, True)
    assert admin.get("/v1/fleet.cattle.io.clusters/team-a/c1").json["metadata"]["labels"] == {"env": "old"}


def test_a_plan_of_a_helmop_tells_its_clusters_with_and_without_its_chart(stored: Session) -> None:
    targets = plan(stored, object=OP, targetsOnly=True).json["targets"]
    assert [(one["target"], one["clusters"]["count"]) for one in targets] == [("all", 2)]
    answer = plan(stored, object=OP)
    assert (answer.status_code, "chart web is unknown" in answer.json["message"]) == (503, True)
    assert stored.get("/v1/fleet.cattle.io.helmops").json["count"] == 0


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "gitrepo"),
        ({"gitrepo": "team-a/new", "object": GROUP}, 422, "gitrepo"),
        ({"gitrepo": "nowhere"}, 422, "gitrepo"),
        ({"gitrepo": "team-a/none"}, 404, None),
        ({"gitrepo": "team-a/new", "unknown": 1}, 422, "unknown"),
        ({"gitrepo": "team-a/new", "branch": "a", "revision": "b"}, 422, "revision"),
        ({"gitrepo": "team-a/new", "branch": "a", "folder": FOLDER}, 422, "folder"),
        ({"gitrepo": "team-a/new", "folder": "no base64!"}, 422, "folder"),
        ({"gitrepo": "team-a/new", "folder": base64.b64encode(packed({"../a.yaml": MAP})).decode()}, 422, None),
        ({"object": {"kind": "Bundle"}}, 422, "object.kind"),
        ({"object": {**GROUP, "spec": {"selector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}}}, 422, None),
        ({"object": GROUP, "folder": FOLDER}, 422, "folder"),
        ({"object": OP, "folder": FOLDER}, 422, "folder"),
        ({"object": {**OP, "spec": {"helm": {"chart": "web"}}}}, 422, "spec.helm.repo"),
        ({"object": {"kind": "GitRepo", **gitrepo("x", repo="/etc")}}, 422, "spec.repo"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(stored: Session, body: dict[str, Any], status: int, field: str | None) -> None:
    answer = plan(stored, **body)
    assert (answer.status_code, answer.json["type"]) == (status, "error"), answer.json
    assert field is None or answer.json["fieldName"] == field


@pytest.mark.parametrize(
    ("roles", "body", "status"),
    [
        ({"team_a": "read-only"}, {"gitrepo": "team-a/new"}, 200),
        ({"team_b": "admin"}, {"gitrepo": "team-a/new"}, 404),
        ({"team_a": "read-only"}, {"gitrepo": "team-a/new", "folder": FOLDER}, 403),
        ({"team_a": "member"}, {"gitrepo": "team-a/new", "folder": FOLDER}, 200),
        ({"team_a": "read-only"}, {"object": GROUP}, 403),
        ({"team_a": "member"}, {"object": GROUP}, 200),
        ({"team_b": "admin"}, {"object": GROUP}, 403),
        ({"team_a": "read-only"}, {"object": OP, "targetsOnly": True}, 403),
        ({"team_a": "member"}, {"object": OP, "targetsOnly": True}, 200),
        ({"team_a": "read-only"}, {"object": {"kind": "GitRepo", **gitrepo("new")}}, 403),
        ({"team_a": "member"}, {"object": {"kind": "GitRepo", **gitrepo("other", targets=EVERYONE)}, "targetsOnly": True}, 200),
        ({"team_a": "member"}, {"object": {"kind": "GitRepo", **gitrepo("new", targets=EVERYONE)}}, 200),
    ],
)
def test_roles_decide_who_may_plan_what(stored: Session, login: Callable[..., Session], roles: Any, body: Any, status: int) -> None:
    answer = plan(login(**roles), **body)
    assert answer.status_code == status, answer.json


def test_what_is_planned_is_not_stored(stored: Session) -> None:
    plan(stored, object={"kind": "GitRepo", **gitrepo("other")})
    plan(stored, object=GROUP)
    for place in (f"{GITREPOS}/team-a/other", "/v1/fleet.cattle.io.clustergroups/team-a/g"):
        assert stored.get(place).status_code == 404


QUESTIONS = {
    "/v1/explanations": {"cluster": "team-a/c1", "bundle": "team-a/web"},
    "/v1/traces": {"cluster": "team-a/c1", "kind": "ConfigMap", "name": "config"},
    "/v1/traces/objects": {"gitrepo": "team-a/web", "path": "."},
}


@pytest.mark.parametrize("path", QUESTIONS)
def test_who_may_read_may_ask_why_and_whence(deployed: None, login: Callable[..., Session], path: str) -> None:
    assert login(team_a="read-only").post(path, json=QUESTIONS[path]).status_code == 200
    assert login(team_b="admin").post(path, json=QUESTIONS[path]).status_code == 404
    assert login(team_a="read-only").post(path, json={}).status_code == 422


def test_an_explanation_and_a_trace_tell_of_the_bundle(deployed: None, admin: Session) -> None:
    found = admin.post("/v1/explanations", json=QUESTIONS["/v1/explanations"]).json
    assert (found["type"], found["bundles"][0]["bundle"], found["bundles"][0]["matched"]) == ("explanation", "team-a/web", False)
    origin = admin.post("/v1/traces", json=QUESTIONS["/v1/traces"]).json["origins"][0]
    assert (origin["bundle"], origin["madeBy"], origin["deploymentID"]) == ("team-a/web", "GitRepo team-a/web", "d1")
    both = {**QUESTIONS["/v1/explanations"], "gitrepo": "team-a/web"}
    assert admin.post("/v1/explanations", json=both).json["fieldName"] == "bundle"


@pytest.fixture
def groups(admin: Session) -> Session:
    for name, workspace, env in (("prod", "team-a", "prod"), ("dev", "team-a", "dev"), ("other", "team-b", "prod")):
        labels = {"env": env} if name != "dev" else {}
        admin.post("/v1/fleet.cattle.io.clusters", json={"metadata": {"name": name, "namespace": workspace, "labels": labels}})
    selector = {"matchLabels": {"env": "prod"}, "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}]}
    for name, spec in (("g", {"selector": selector}), ("none", {})):
        admin.post("/v1/fleet.cattle.io.clustergroups", json={"metadata": {"name": name, "namespace": "team-a"}, "spec": spec})
    return admin


def why(session: Session, **body: Any) -> Any:
    return session.post(MEMBERSHIP, json=body)


MEMBERSHIP = "/v1/explanations/groups"
PROD = {"matchLabels": {"env": "prod"}}


@pytest.mark.parametrize(
    ("cluster", "of", "matches", "failing"),
    [
        ("team-a/prod", {"group": "team-a/g"}, True, []),
        ("team-a/dev", {"group": "team-a/g"}, False, [("selector env=prod", "the cluster has no label env")]),
        ("team-b/other", {"group": "team-a/g"}, False, [("workspace team-a", "the cluster is in workspace team-b")]),
        ("team-a/prod", {"group": "team-a/none"}, False, [("it has no selector", "and that matches nothing")]),
        ("team-a/dev", {"selector": {}}, True, []),
        ("team-a/dev", {"selector": PROD}, False, [("selector env=prod", "the cluster has no label env")]),
    ],
)
def test_each_condition_of_a_group_is_held_against_the_cluster(
    groups: Session, cluster: str, of: dict[str, Any], matches: bool, failing: list[tuple[str, str]]
) -> None:
    found = why(groups, cluster=cluster, **of).json
    assert (found["type"], found["matches"], found["group"]) == ("membership", matches, of.get("group", ""))
    assert [(term["text"], term["seen"]) for term in found["terms"] if not term["holds"]] == failing
    listed = groups.get(f"/v1/fleet.cattle.io.clusters?clusterGroup={of['group']}").json["data"] if "group" in of else None
    assert listed is None or (cluster in [one["id"] for one in listed]) == matches, "the list of the group tells the same"


def test_why_a_cluster_is_in_a_group_is_told_to_who_reads_both(groups: Session, login: Callable[..., Session]) -> None:
    reader = login(team_a="read-only")
    assert why(reader, cluster="team-a/prod", group="team-a/g").status_code == 200
    assert why(login(team_b="admin"), cluster="team-b/other", group="team-a/g").status_code == 404
    assert why(login(team_b="admin"), cluster="team-a/prod", selector={}).status_code == 404


@pytest.mark.parametrize(
    ("of", "field"),
    [
        ({}, "group"),
        ({"group": "team-a/g", "selector": {}}, "group"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}, "matchExpressions.operator"),
        ({"selector": {"matchLabel": {}}}, "selector.matchLabel"),
    ],
)
def test_a_question_about_a_group_that_can_not_be_names_its_field(groups: Session, of: dict[str, Any], field: str) -> None:
    refused = why(groups, cluster="team-a/prod", **of)
    assert (refused.status_code, refused.json["fieldName"]) == (422, field)


@pytest.mark.parametrize("path", ["/v1/plans", *QUESTIONS])
def test_where_nothing_is_planned_it_is_said(services: Services, path: str, admin: Session, deployed: None) -> None:
    app: Flask = create_app(dataclasses.replace(services, plans=None))
    answer = Session(app.test_client(), admin.token).post(path, json=QUESTIONS.get(path, {"gitrepo": "team-a/web"}))
    assert (answer.status_code, answer.json["message"]) == (404, "this process makes no plans")
