"""GitRepos over HTTP: the whole life of one, and the rules of its fields."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import GITREPOS, Session, gitrepo


def test_a_created_gitrepo_is_a_steve_resource_with_links_and_state(admin: Session) -> None:
    response = admin.post(GITREPOS, json=gitrepo(branch="main"))
    assert response.status_code == 201
    body = response.json
    assert body["id"] == "team-a/web"
    assert body["type"] == "fleet.cattle.io.gitrepo"
    self_url = f"http://localhost{GITREPOS}/team-a/web"
    below = {name: f"{self_url}/{name}" for name in ("resources", "events")}
    assert body["links"] == dict.fromkeys(("self", "update", "patch", "remove"), self_url) | below
    assert response.headers["Location"] == self_url
    assert body["actions"]["forceUpdate"] == f"{self_url}?action=forceUpdate"
    assert body["metadata"]["state"] == {"name": "gitupdating", "error": False, "transitioning": True, "message": ""}
    assert body["spec"]["branch"] == "main"
    assert body["metadata"]["uid"]


def test_it_can_be_read_listed_and_deleted(admin: Session) -> None:
    admin.post(f"{GITREPOS}/team-a", json=gitrepo())
    assert admin.get(f"{GITREPOS}/team-a/web").json["spec"]["repo"] == "https://git.example.org/web.git"
    listed = admin.get(GITREPOS).json
    assert (listed["type"], listed["resourceType"], listed["count"]) == ("collection", "fleet.cattle.io.gitrepo", 1)
    assert [item["id"] for item in listed["data"]] == ["team-a/web"]
    assert admin.delete(f"{GITREPOS}/team-a/web").status_code == 200
    assert admin.get(f"{GITREPOS}/team-a/web").status_code == 404
    assert admin.get(GITREPOS).json["data"] == []


def test_a_copy_is_its_maker_s_and_no_write_names_another(admin: Session) -> None:
    label = "fleet.cattle.io/created-by-user-id"
    body = gitrepo()
    body["metadata"]["labels"] = {label: "u-somebody", "env": "dev"}
    made = admin.post(GITREPOS, json=body).json["metadata"]["labels"]
    assert made["env"] == "dev" and made[label].startswith("token-")


def test_a_patch_of_one_field_keeps_all_others_of_its_part(admin: Session) -> None:
    """Rancher's own form writes the whole of `correctDrift` over."""
    admin.post(GITREPOS, json=gitrepo(correctDrift={"enabled": True, "force": True, "keepFailHistory": True}))
    patched = admin.patch(f"{GITREPOS}/team-a/web", json={"spec": {"correctDrift": {"enabled": False}}})
    assert patched.json["spec"]["correctDrift"] == {"force": True, "keepFailHistory": True}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param({"repo": ""}, "spec.repo", id="no repository"),
        pytest.param({"repo": "ext::sh -c id"}, "spec.repo", id="a transport that runs commands"),
        pytest.param({"repo": "file:///etc"}, "spec.repo", id="a folder of the server"),
        pytest.param({"repo": "https://user:hunter2@git.example.org/x"}, "spec.repo", id="credentials in the URL"),
        pytest.param({"repo": "https://tok3n@git.example.org/x"}, "spec.repo", id="a token in the URL"),
        pytest.param({"pollingInterval": "1d"}, "spec.pollingInterval", id="a day is no Go unit"),
        pytest.param({"branch": "--upload-pack=x"}, "spec.branch", id="an option as a branch"),
        pytest.param({"paths": ["ok", "../up"]}, "spec.paths[1]", id="a path that leaves"),
        pytest.param({"targetNamespace": "Not A Name"}, "spec.targetNamespace", id="a namespace that is none"),
        pytest.param(
            {"targets": [{"clusterSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}]},
            "spec.targets[0].clusterSelector.matchExpressions.operator",
            id="an operator nobody knows",
        ),
        pytest.param({"targetNamespce": "x"}, "spec.targetNamespce", id="a misspelt field"),
        pytest.param({"paused": "true"}, "spec.paused", id="a text for a boolean"),
        pytest.param({"forceSyncGeneration": 1.5}, "spec.forceSyncGeneration", id="a fraction"),
    ],
)
def test_a_bad_field_is_refused_by_name(admin: Session, spec: dict[str, Any], field: str) -> None:
    response = admin.post(GITREPOS, json=gitrepo(**spec))
    assert response.status_code == 422
    body = response.json
    assert (body["type"], body["status"], body["fieldName"]) == ("error", 422, field)
    assert "hunter2" not in response.text
    assert "tok3n" not in response.text


@pytest.mark.parametrize(
    ("metadata", "status", "field"),
    [
        pytest.param({"name": "Web"}, 422, "metadata.name", id="capital letters"),
        pytest.param({"name": "w" * 64}, 422, "metadata.name", id="longer than a label"),
        pytest.param({}, 422, "metadata.name", id="no name"),
        pytest.param({"generateName": "W-"}, 422, "metadata.generateName", id="a prefix that makes no names"),
        pytest.param({"name": "web", "namespace": "nowhere"}, 422, "metadata.namespace", id="no such workspace"),
        pytest.param({"name": "web", "labels": {"a b": "c"}}, 422, "metadata.labels", id="a label key with a space"),
        pytest.param({"name": "web", "labels": {"a": "-"}}, 422, "metadata.labels.a", id="a label value that is a dash"),
    ],
)
def test_names_and_labels_are_those_of_kubernetes(admin: Session, metadata: dict[str, Any], status: int, field: str) -> None:
    body = gitrepo() | {"metadata": {"namespace": "team-a", **metadata}}
    response = admin.post(GITREPOS, json=body)
    assert (response.status_code, response.json["fieldName"]) == (status, field)


def test_a_generated_name_is_at_most_as_long_as_a_label(admin: Session) -> None:
    body = gitrepo() | {"metadata": {"namespace": "team-a", "generateName": "w" * 100}}
    names = {admin.post(GITREPOS, json=body).json["metadata"]["name"] for _ in range(2)}
    assert [len(name) for name in names] == [63, 63]


def test_a_taken_name_is_a_conflict_also_in_a_dry_run(admin: Session) -> None:
    admin.post(GITREPOS, json=gitrepo())
    for path in (GITREPOS, f"{GITREPOS}?dryRun=All"):
        response = admin.post(path, json=gitrepo())
        assert (response.status_code, response.json["code"]) == (409, "AlreadyExists")


def test_a_dry_run_answers_as_the_real_thing_and_stores_nothing(admin: Session) -> None:
    response = admin.post(f"{GITREPOS}?dryRun=All", json=gitrepo())
    assert response.status_code == 201
    assert response.json["id"] == "team-a/web"
    assert admin.get(GITREPOS).json["count"] == 0


def test_yaml_is_read_as_kubernetes_reads_it(admin: Session) -> None:
    text = "metadata: {name: web, namespace: team-a}\nspec:\n  repo: https://git.example.org/web.git\n  paused: yes\n"
    response = admin.post(GITREPOS, data=text, content_type="application/yaml")
    assert response.status_code == 201
    assert response.json["spec"]["paused"] is True
    assert admin.get(f"{GITREPOS}/team-a/web", headers={"Accept": "application/yaml"}).text.startswith("id: team-a/web\n")


def test_what_the_dashboard_sends_back_of_what_it_got_is_understood(admin: Session) -> None:
    got = admin.post(GITREPOS, json=gitrepo()).json
    got["spec"]["branch"] = "next"
    got["metadata"]["fields"] = ["web"]
    response = admin.put(f"{GITREPOS}/team-a/web", json=got)
    assert response.status_code == 200
    assert response.json["spec"]["branch"] == "next"


def test_a_client_can_not_set_what_is_the_servers(admin: Session) -> None:
    body = gitrepo() | {"status": {"commit": "f00"}}
    body["metadata"] |= {"uid": "mine", "generation": 99, "finalizers": ["mine"], "creationTimestamp": "2001-01-01T00:00:00Z"}
    made = admin.post(GITREPOS, json=body).json
    assert "commit" not in made.get("status", {})
    assert made["metadata"]["uid"] != "mine"
    assert made["metadata"]["generation"] == 1
    assert "finalizers" not in made["metadata"]
