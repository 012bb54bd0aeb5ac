"""`serve --engine fleet`: the whole of /v1 before Rancher's own Fleet, for Rancher's users, with no more rights than the chart gives."""

from __future__ import annotations

import base64
import gzip
import json
import time
from pathlib import Path

import pytest
import requests

from extension.objects.content import content_id, sha256_sum
from extension.objects.kinds import BundleResource
from tests.fakes.ways import way_to
from tests.integration.fleet import generating, objects
from tests.integration.fleet.conftest import put, verified
from tests.integration.fleet.serving import ALICE, READER, ROOT, Served, served, started
from tests.integration.fleet.test_members import give_roles
from tests.integration.kube import cluster
from tests.integration.rancher import standin
from tests.integration.rancher.conftest import SECRET, UNVERIFIED
from tests.integration.service.running import wait_for
from tests.integration.sources.conftest import Repository
from tests.integration.sources.gits import git_http
from tests.unit.engine.previews import packed

__all__ = ["served"]

pytestmark = [UNVERIFIED, pytest.mark.xdist_group("kube")]

KINDS = ("fleet.cattle.io", "management.cattle.io")
GITREPOS = "/v1/fleet.cattle.io.gitrepos"


def test_a_user_writes_as_themselves_and_reads_it_at_once(served: Served) -> None:
    body = {"metadata": {"name": "mine", "namespace": "apps-a"}, "spec": {"repo": "https://git.example.com/x.git"}}
    dry = served.call(ALICE, "POST", f"{GITREPOS}?dryRun=All", json=body)
    assert dry.status_code == 201, dry.text
    made = served.call(ALICE, "POST", GITREPOS, json=body)
    assert made.status_code == 201, made.text
    there = served.client.request("GET", objects.place("gitrepos", "apps-a", "mine"))
    assert made.json()["metadata"]["resourceVersion"] == there["metadata"]["resourceVersion"]
    got = served.call(ALICE, "GET", f"{GITREPOS}/apps-a/mine")
    assert got.json()["metadata"]["uid"] == there["metadata"]["uid"]
    put_body = {**got.json(), "spec": {**got.json()["spec"], "branch": "next"}}
    done = served.call(ALICE, "PUT", f"{GITREPOS}/apps-a/mine", json=put_body, headers={"If-Match": got.headers["ETag"]})
    assert done.status_code == 200, done.text
    late = served.call(ALICE, "PUT", f"{GITREPOS}/apps-a/mine", json=put_body, headers={"If-Match": got.headers["ETag"]})
    assert late.status_code == 412, late.text
    forced = served.call(ALICE, "POST", f"{GITREPOS}/apps-a/mine?action=forceUpdate")
    assert (forced.status_code, forced.json()["spec"]["forceSyncGeneration"]) == (200, 2)
    removed = served.call(ALICE, "DELETE", f"{GITREPOS}/apps-a/mine")
    assert removed.status_code == 200, removed.text
    assert served.call(ALICE, "GET", f"{GITREPOS}/apps-a/mine").status_code == 404


def test_who_may_only_read_is_refused_and_shown_no_link_to_write(served: Served) -> None:
    put(served.client, objects.gitrepo("apps-b", "theirs"))
    wait_for(lambda: served.call(READER, "GET", f"{GITREPOS}/apps-b/theirs").ok, "the repo")
    assert set(served.call(READER, "GET", f"{GITREPOS}/apps-b/theirs").json()["links"]) & {"update", "remove"} == set()
    refused = served.call(READER, "PATCH", f"{GITREPOS}/apps-b/theirs", json={"spec": {"paused": True}})
    assert (refused.status_code, refused.json()["code"]) == (403, "PermissionDenied")
    assert served.call(ALICE, "GET", f"{GITREPOS}/apps-b/theirs").status_code == 404


def test_every_kind_is_listed(served: Served) -> None:
    for schema in served.call(ROOT, "GET", "/v1/schemas").json()["data"]:
        if "collection" in schema["links"] and schema["id"] not in ("secret", "configmap"):
            answer = served.call(ROOT, "GET", schema["links"]["collection"].removeprefix(served.url))
            assert answer.status_code == 200, answer.text
    assert served.call(ROOT, "GET", "/v1/secrets/apps-a").status_code == 200
    assert served.call(ROOT, "GET", "/v1/configmaps").status_code == 200


def test_what_only_an_engine_has_says_so(served: Served) -> None:
    agent = requests.post(f"{served.url}/agent/v1/checkin", json={}, headers={"Authorization": "Bearer x"}, timeout=10)
    assert (agent.status_code, agent.json()["detail"]) == (404, "Fleet's own agents serve clusters here")
    webhook = requests.post(f"{served.url}/webhook", json={}, headers={"X-GitHub-Event": "push"}, timeout=10)
    assert webhook.status_code == 404
    assert "Git servers tell Fleet" in webhook.text
    token = served.call(ROOT, "POST", "/v1/tokens", json={"name": "x", "roles": {"*": "admin"}})
    assert token.status_code == 403
    put(served.client, objects.cluster("apps-a", "stays"))
    wait_for(lambda: served.call(ROOT, "GET", "/v1/fleet.cattle.io.clusters/apps-a/stays").ok, "the cluster")
    metrics = requests.get(f"{served.url}/metrics", timeout=10)
    assert "fleet_cluster_state{" in metrics.text


def test_a_move_is_rancher_s_and_told_as_an_operation(served: Served) -> None:
    managed = {"metadata": {"name": "c-served", "annotations": {"name": "moving"}}, "spec": {"fleetWorkspaceName": "apps-a"}}
    made = generating.create(served.client, generating.MANAGEMENT, "", managed)
    made["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    served.client.request("PUT", f"{generating.MANAGEMENT.path('', 'c-served')}/status", made)
    generating.generate(served.client)
    url = "/v1/fleet.cattle.io.clusters/apps-a/moving"
    wait_for(lambda: served.call(ROOT, "GET", url).ok, "the cluster")
    refused = served.call(ALICE, "POST", f"{url}?action=move", json={"workspace": "apps-b"})
    assert refused.status_code == 403, refused.text
    dry = served.call(ROOT, "POST", f"{url}?action=move&dryRun=All", json={"workspace": "apps-b"})
    assert dry.json().get("management") == "c-served", dry.text
    asked = {"kind": "move", "ids": ["apps-a/moving"], "workspace": "apps-b"}
    begun = served.call(ROOT, "POST", "/v1/operations", json=asked)
    assert begun.status_code == 201, begun.text
    operation = f"/v1/operations/{begun.json()['id']}"
    assert served.client.request("GET", generating.MANAGEMENT.path("", "c-served"))["spec"]["fleetWorkspaceName"] == "apps-b"
    assert served.call(ROOT, "GET", operation).json()["state"] == "running"
    generating.generate(served.client)
    wait_for(lambda: served.call(ROOT, "GET", operation).json()["state"] == "done", "the move")
    wait_for(lambda: served.call(ROOT, "GET", "/v1/fleet.cattle.io.clusters/apps-b/moving").ok, "the cluster in its new place")


def test_members_come_and_go_in_the_name_of_the_caller(served: Served) -> None:
    give_roles(served.client)
    place = "/v1/management.cattle.io.fleetworkspaces/apps-a/members"
    asked = {"name": "cn=team,ou=x", "kind": "Group", "role": "fleetworkspace-member"}
    assert served.call(READER, "POST", place, json=asked).status_code == 403
    assert served.call(ALICE, "GET", place).status_code == 404, "she may not see the workspace itself"
    made = served.call(ROOT, "POST", place, json=asked)
    assert (made.status_code, made.json()["role"]) == (201, "fleetworkspace-member"), made.text
    assert [one["name"] for one in served.call(ROOT, "GET", place).json()["data"]] == ["cn=team,ou=x"]
    for body in ({**asked, "role": "cluster-admin"}, {**asked, "kind": "ServiceAccount"}, {"name": "", "role": asked["role"]}):
        assert served.call(ROOT, "POST", place, json=body).status_code == 422
    assert served.call(ROOT, "DELETE", made.json()["links"]["remove"].removeprefix(served.url)).status_code == 200
    assert served.call(ROOT, "GET", place).json()["count"] == 0
    assert served.call(ROOT, "GET", place.replace("apps-a", "nowhere")).status_code == 404


def test_a_workspace_goes_with_all_that_is_in_it_only_when_it_is_named_again(served: Served) -> None:
    url = "/v1/management.cattle.io.fleetworkspaces/doomed"
    served.client.request("POST", objects.WORKSPACES, objects.workspace("doomed"))
    put(served.client, objects.gitrepo("doomed", "web"))
    put(served.client, objects.cluster("doomed", "c1"))
    wait_for(lambda: served.call(ROOT, "GET", "/v1/fleet.cattle.io.clusters/doomed/c1").ok, "the cluster")
    wait_for(lambda: served.call(ROOT, "GET", f"{GITREPOS}/doomed/web").ok, "the repo")
    for path in (url, f"{url}?confirm=apps-a", f"{url}?dryRun=All"):
        refused = served.call(ROOT, "DELETE", path)
        assert refused.status_code == 409, refused.text
        assert "1 gitrepos" in refused.json()["message"]
        assert "1 clusters" in refused.json()["message"]
    assert "confirm=doomed" in refused.json()["detail"]
    assert served.call(ROOT, "DELETE", f"{url}?confirm=doomed&dryRun=All").status_code == 200
    assert served.client.request("GET", f"{objects.WORKSPACES}/doomed")
    assert served.call(ROOT, "DELETE", f"{url}?confirm=doomed").status_code == 200
    assert served.call(ROOT, "GET", url).status_code == 404


def test_labels_of_a_cluster_of_rancher_s_are_put_where_rancher_takes_them_from(served: Served) -> None:
    managed = {
        "metadata": {"name": "c-labels", "annotations": {"name": "labelled"}, "labels": {"old": "1"}},
        "spec": {"fleetWorkspaceName": "apps-a"},
    }
    generating.create(served.client, generating.MANAGEMENT, "", managed)
    generating.generate(served.client)
    url = "/v1/fleet.cattle.io.clusters/apps-a/labelled"
    wait_for(lambda: served.call(ROOT, "GET", url).ok, "the cluster")
    patch = {"metadata": {"labels": {"env": "prod", "old": None, "fleet.cattle.io/own": "stays"}}, "spec": {"paused": True}}
    for query in ("?dryRun=All", ""):
        assert served.call(ROOT, "PATCH", f"{url}{query}", json=patch).status_code == 200
        labels = served.client.request("GET", generating.MANAGEMENT.path("", "c-labels"))["metadata"].get("labels")
        assert labels == ({"old": "1"} if query else {"env": "prod"})
    assert served.call(ROOT, "GET", url).json()["metadata"]["labels"]["env"] == "prod"
    refused = served.call(ALICE, "PATCH", url, json={"metadata": {"labels": {"env": "dev"}}})
    assert refused.status_code == 403, "she rules the workspace and not the cluster"
    assert "clusters.management.cattle.io" in refused.text
    assert served.call(ALICE, "PATCH", url, json={"spec": {"paused": False}}).status_code == 200


CHART = {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n"}
TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata: {{text: {text}, size: '{{{{ .Values.size }}}}'}}\n"


def tree(text: str) -> dict[str, str]:
    return {**CHART, "templates/web.yaml": TEMPLATE.format(text=text)}


def deployed(served: Served) -> None:
    """A chart on a cluster as Fleet leaves it: its files in a Content, its values in a Secret."""
    files = [{"name": name, "content": text} for name, text in tree("old").items()]
    sha = sha256_sum([BundleResource(**file) for file in files])
    content = base64.b64encode(gzip.compress(json.dumps({"resources": files}).encode())).decode()
    found = {"apiVersion": objects.FLEET, "kind": "Content", "metadata": {"name": content_id(sha)}, "content": content}
    served.client.request("POST", f"{objects.GROUP}/contents", found)
    put(served.client, objects.cluster("apps-a", "planned", {"planned": "yes"}))
    put(served.client, objects.gitrepo("apps-a", "planned", targets=[{"clusterSelector": {"matchLabels": {"planned": "yes"}}}]))
    bundle = objects.bundle("apps-a", "planned", "planned", tree("old"))
    bundle["spec"]["targets"] = [{"clusterSelector": {"matchLabels": {"planned": "yes"}}}]
    put(served.client, bundle)
    made = objects.deployment("apps-a", "planned", "planned", deployed=f"{content_id(sha)}:{'0' * 64}")
    made["spec"] |= {"valuesHash": "hash", "options": {"helm": {"releaseName": "web"}}}
    made["status"]["resources"] = [{"kind": "ConfigMap", "apiVersion": "v1", "namespace": "web", "name": "web"}]
    place = objects.place_of("apps-a", "planned")
    put(served.client, made)
    secret = {"metadata": {"name": "planned"}, "stringData": {"values": '{"size":"large"}'}}
    served.client.request("POST", f"/api/v1/namespaces/{place}/secrets", secret)


def test_plans_explanations_and_traces_are_of_what_fleet_deployed(served: Served) -> None:
    deployed(served)
    url = f"/v1/fleet.cattle.io.bundledeployments/{objects.place_of('apps-a', 'planned')}/planned"
    wait_for(lambda: "appliedDeploymentID" in served.call(ROOT, "GET", url).text, "the deployment")
    folder = base64.b64encode(packed({**tree("new"), "fleet.yaml": "helm: {releaseName: web, values: {size: small}}\n"})).decode()
    plan = served.call(ROOT, "POST", "/v1/plans", json={"gitrepo": "apps-a/planned", "folder": folder})
    assert plan.status_code == 200, plan.text
    (group,) = (one for bundle in plan.json()["bundles"] for one in bundle["groups"] if one["change"] == "changed")
    assert group["clusters"] == {"count": 1, "first": ["apps-a/planned"]}
    assert group["error"] == ""
    lines = {line for one in group["objects"] for line in one["diff"].splitlines()}
    assert {"-  size: large", "+  size: small", "-  text: old", "+  text: new"} <= lines
    asked = {"cluster": "apps-a/planned", "bundle": "apps-a/planned"}
    explained = served.call(ROOT, "POST", "/v1/explanations", json=asked).json()["bundles"][0]
    assert (explained["matched"], explained["appliedDeploymentID"]) == (True, group["oldDeploymentID"])
    traced = served.call(ROOT, "POST", "/v1/traces", json={"cluster": "apps-a/planned", "kind": "ConfigMap", "name": "web"})
    assert [one["bundle"] for one in traced.json()["origins"]] == ["apps-a/planned"]
    refused = served.call(READER, "POST", "/v1/plans", json={"gitrepo": "apps-a/planned", "folder": folder})
    assert refused.status_code == 403


def test_a_connection_is_tried_with_a_secret_that_the_caller_may_read(served: Served, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    Repository(tmp_path / "served", "app.git").commit({"web/a.yaml": "kind: ConfigMap\n"})
    login = {"metadata": {"name": "git"}, "type": "kubernetes.io/basic-auth", "stringData": {"username": "bob", "password": SECRET}}
    served.client.request("POST", "/api/v1/namespaces/apps-a/secrets", login)
    server = git_http(tmp_path / "served", login=f"bob:{SECRET}")
    asked = {"namespace": "apps-a", "repo": f"{server.url}/app.git", "branch": "main", "paths": True}
    told = served.call(ROOT, "POST", "/v1/connections", json={**asked, "clientSecretName": "git"})
    failed = served.call(ROOT, "POST", "/v1/connections", json=asked).json()
    server.stop()
    assert told.status_code == 200, told.text
    assert (told.json()["works"], told.json()["paths"]) == (True, [{"path": "web", "holds": "manifests"}])
    assert [step["hop"] for step in failed["steps"] if step["state"] == "failed"] == ["credentials"]
    assert SECRET not in told.text
    assert served.call(READER, "POST", "/v1/connections", json=asked).status_code == 403


def test_a_change_is_told_to_who_listens(served: Served) -> None:
    revision = served.call(ROOT, "GET", f"{GITREPOS}/apps-a").json()["revision"]
    headers = {"Authorization": f"Bearer token-{ROOT.name}:{SECRET}"}
    with requests.get(f"{served.url}/v1/events?since={revision}", headers=headers, stream=True, timeout=30) as stream:
        put(served.client, objects.gitrepo("apps-a", f"told-{time.time_ns()}"))
        lines = stream.iter_lines(decode_unicode=True)
        assert any("apps-a/told-" in line for line in lines)
    gone = served.call(ROOT, "GET", "/v1/events?since=17")
    assert gone.status_code == 410


def test_a_service_that_starts_without_the_api_server_says_so_and_comes_by_itself(served: Served, kubeconfig: Path, tmp_path: Path) -> None:
    direct = tmp_path / "direct"
    direct.write_text(verified(kubeconfig))
    with way_to(direct, tmp_path) as (way, own), standin.running(tmp_path, served.client.server, cluster.TOKEN) as rancher:
        way.close()
        rancher.tokens[f"token-{ROOT.name}:{SECRET}"] = ROOT
        service = started(tmp_path, own, rancher.url)
        try:
            one = Served(service, served.client)
            wait_for(lambda: "can't be reached" in requests.get(f"{one.url}/readyz", timeout=10).text, "the problem")
            away = one.call(ROOT, "GET", GITREPOS)
            assert away.status_code == 503, away.text
            way.open()
            wait_for(service.ready, "the service to be ready")
            assert one.call(ROOT, "GET", GITREPOS).status_code == 200
            way.close()
            wait_for(lambda: not service.ready(), "the outage to be told")
            way.open()
            wait_for(service.ready, "the service to be ready again")
        finally:
            service.stop()
