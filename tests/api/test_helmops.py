"""HelmOps: refused where the engine would refuse them, acted on and shown as GitRepos are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from flask import Flask

from extension.objects.base import Condition, Key, ObjectMeta
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import Bundle, Cluster, HelmOp
from extension.objects.plan import Assignment, Plan, Step, Variant
from extension.store.protocol import Report
from tests.api.conftest import OPTIONS, WELL, Session

URL = "/v1/fleet.cattle.io.helmops"
CHART = {"repo": "https://charts.example.org", "chart": "web"}


def helmop(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "team-a", "labels": {"env": "prod"}}, "spec": {"helm": CHART, **spec}}


REFUSED = [
    pytest.param({"helm": None}, "MissingRequired", "spec.helm.chart", id="no chart"),
    pytest.param({"helm": {**CHART, "chart": ""}}, "MissingRequired", "spec.helm.chart", id="a repository without a chart"),
    pytest.param({"helm": {"chart": "web"}}, "MissingRequired", "spec.helm.repo", id="a chart without a repository"),
    pytest.param({"helm": {**CHART, "version": "one or two"}}, "InvalidFormat", "spec.helm.version", id="a version that is none"),
    pytest.param({"helm": {**CHART, "repo": "ftp://charts.example.org"}}, "InvalidFormat", "spec.helm.repo", id="a scheme"),
    pytest.param({"helm": {**CHART, "repo": "https://me:hunter2@charts.example.org"}}, "InvalidFormat", "spec.helm.repo", id="a password"),
    pytest.param({"helm": {"repo": "oci://example.org/web", "chart": "web"}}, "InvalidFormat", "spec.helm.chart", id="a chart twice"),
    pytest.param(
        {"helm": {**CHART, "chart": "https://example.org/web.tgz"}}, "InvalidFormat", "spec.helm.repo", id="a file of a repository"
    ),
    pytest.param(
        {"targets": [{}, {"helm": {"version": "one or two"}}]}, "InvalidFormat", "spec.targets[1].helm.version", id="a target's version"
    ),
    pytest.param({"pollingInterval": "soon"}, "InvalidFormat", "spec.pollingInterval", id="no duration"),
    pytest.param({"helm": {**CHART, "releaseName": "Web"}}, "InvalidFormat", "spec.helm.releaseName", id="no release name"),
    pytest.param({"helmSecretName": "a secret"}, "InvalidFormat", "spec.helmSecretName", id="no name of a secret"),
    pytest.param({"serviceAccount": "A"}, "InvalidFormat", "spec.serviceAccount", id="no name of an account"),
    pytest.param({"labels": {"a": "b c"}}, "InvalidFormat", "spec.labels.a", id="no label"),
    pytest.param({"targetCustomizationMode": "Some"}, "InvalidFormat", "spec.targetCustomizationMode", id="a mode nobody knows"),
    pytest.param(
        {"targets": [{"clusterSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}]},
        "InvalidFormat",
        "spec.targets[0].clusterSelector.matchExpressions.operator",
        id="a selector",
    ),
]


@pytest.mark.parametrize(("spec", "code", "field"), REFUSED)
def test_what_can_not_be_deployed_is_refused_by_field_when_made_and_when_changed(
    admin: Session, spec: dict[str, Any], code: str, field: str
) -> None:
    admin.post(URL, json=helmop("there"))
    before = admin.get(f"{URL}/team-a/there").json
    for refused in (
        admin.post(URL, json=helmop(**spec)),
        admin.put(f"{URL}/team-a/there", json={**before, **{"spec": helmop(**spec)["spec"]}}),
    ):
        assert (refused.status_code, refused.json["code"], refused.json["fieldName"]) == (422, code, field)
        assert "hunter2" not in refused.text
    assert admin.get(f"{URL}/team-a/there").json == before
    assert admin.get(f"{URL}/team-a/web").status_code == 404


@pytest.mark.parametrize(
    "helm",
    [{"repo": "oci://registry.example.org/charts/web"}, {"chart": "https://example.org/web-1.0.0.tgz"}, {**CHART, "version": ">= 1, < 2"}],
)
def test_a_chart_of_any_place_is_taken(admin: Session, helm: dict[str, str]) -> None:
    assert admin.post(URL, json=helmop(helm=helm, pollingInterval="5m", helmSecretName="charts")).status_code == 201


def test_a_name_is_short_enough_for_the_label_of_its_bundle(admin: Session) -> None:
    refused = admin.post(URL, json=helmop("w" * 64))
    assert (refused.status_code, refused.json["fieldName"]) == (422, "metadata.name")
    assert admin.post(URL, json=helmop("w" * 63)).status_code == 201


def test_actions_set_their_field_and_nothing_else(admin: Session) -> None:
    spec = admin.post(URL, json=helmop()).json["spec"]
    for action, wanted in (
        ("pause", {"paused": True}),
        ("unpause", {}),
        ("forceUpdate", {"forceSyncGeneration": 2}),
        ("forceUpdate", {"forceSyncGeneration": 3}),
    ):
        assert admin.post(f"{URL}/team-a/web?action={action}").json["spec"] == {**spec, **wanted}
    assert sorted(admin.get(f"{URL}/team-a/web").json["actions"]) == ["forceUpdate", "pause"]
    assert admin.post(f"{URL}/team-a/web?action=testWebhook").status_code == 422


def test_many_are_acted_on_where_the_caller_may(admin: Session, login: Callable[..., Session]) -> None:
    for name in ("one", "two"):
        admin.post(URL, json=helmop(name))
    done = login(team_a="member").post(f"{URL}?action=pause&labelSelector=env=prod").json
    assert (done["done"], done["failed"], [row["id"] for row in done["data"]]) == (2, 0, ["team-a/one", "team-a/two"])
    assert login(team_a="read-only").post(f"{URL}?action=pause&labelSelector=env").status_code == 403
    assert {item["metadata"]["state"]["name"] for item in admin.get(URL).json["data"]} == {"paused"}


@pytest.fixture
def deployed_chart(admin: Session, store: Any) -> None:
    """HelmOp web with its Bundle on cluster c1, whose agent says that all is well, and on c2, whose agent says nothing."""
    admin.post(URL, json=helmop())
    meta = ObjectMeta(name="web", namespace="team-a", labels={HELM_NAME: "web"})
    bundle = store.create(Bundle(metadata=meta)).key
    for name in ("c1", "c2"):
        store.create(Cluster(metadata=ObjectMeta(name=name, namespace="team-a")))
    members = store.population.inside("team-a")
    for step in (Step(create=members), Step(promote=members)):
        store.apply(Plan(bundle, "s-1", (Assignment(Variant("d1", OPTIONS), members),)), step)
    store.report([Report(store.object_id(bundle), store.object_id(Key("Cluster", "team-a", "c1")), WELL)])


@pytest.mark.usefixtures("deployed_chart")
def test_its_state_is_that_of_its_deployments(admin: Session) -> None:
    shown = admin.get(f"{URL}/team-a/web").json
    assert shown["metadata"]["state"]["name"] == "waitapplied" and shown["metadata"]["state"]["transitioning"]
    assert shown["status"]["display"]["readyBundleDeployments"] == "1/2"


@pytest.mark.usefixtures("deployed_chart")
def test_its_deployments_and_their_objects_are_listed(admin: Session) -> None:
    rows = admin.get(f"{URL}/team-a/web/resources").json["data"]
    assert {(row["kind"], row["cluster"]) for row in rows} == {("Deployment", "team-a/c1"), ("ConfigMap", "team-a/c1")}
    deployments = "/v1/fleet.cattle.io.bundledeployments"
    labels = [item["metadata"]["labels"]["fleet.cattle.io/cluster"] for item in admin.get(f"{deployments}?helmop=team-a/web").json["data"]]
    assert sorted(labels) == ["c1", "c2"]
    assert admin.get(f"{deployments}?helmop=team-a/other").json["data"] == []
    assert admin.get(f"{deployments}?gitrepo=team-a/web").json["data"] == []
    refused = admin.get(f"{deployments}?helmop=team-a/web&gitrepo=team-a/web")
    assert (refused.status_code, refused.json["fieldName"]) == (422, "helmop")


@pytest.mark.parametrize(
    ("type_", "status", "name"), [("Stalled", "True", "error"), ("Accepted", "False", "error"), ("Polled", "False", "active")]
)
def test_what_the_engine_could_not_do_is_an_error_with_its_reason(admin: Session, store: Any, type_: str, status: str, name: str) -> None:
    admin.post(URL, json=helmop())
    stored = store.get(HelmOp, "team-a", "web")
    conditions = (Condition(type=type_, status=status, message="the repository does not answer"),)
    store.update_status(msgspec.structs.replace(stored, status=msgspec.structs.replace(stored.status, conditions=conditions)))
    state = admin.get(f"{URL}/team-a/web").json["metadata"]["state"]
    assert (state["name"], state["error"]) == (name, name == "error")
    assert name != "error" or state["message"] == "the repository does not answer"


@pytest.mark.parametrize(
    "query", ["filter=status.readyClusters=1", "sort=status.resourceCounts.ready", "filter=metadata.state.name=modified"]
)
def test_a_list_can_not_go_by_what_is_a_sum(admin: Session, query: str) -> None:
    assert admin.get(f"{URL}?{query}").status_code == 422


@pytest.mark.usefixtures("deployed_chart")
def test_it_has_the_metrics_of_a_gitrepo_under_its_own_name(app: Flask) -> None:
    text = app.test_client().get("/metrics").text
    labels = 'chart="web",name="web",namespace="team-a",repo="https://charts.example.org",version=""'
    assert f"fleet_helmop_ready_clusters{{{labels}}} 1.0" in text
    assert f"fleet_helmop_desired_ready_clusters{{{labels}}} 2.0" in text
    assert f"fleet_helmop_resources_ready{{{labels}}} 2.0" in text
    assert re.search(r'fleet_cluster_ready_helm_ops\{[^}]*name="c1"[^}]*\} 1\.0', text)
    assert re.search(r'fleet_cluster_desired_ready_helm_ops\{[^}]*name="c2"[^}]*\} 1\.0', text)
