"""ETags and conflicts: nobody overwrites what they have not seen, and a patch is made on what is there now."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extension.objects.base import Key
from extension.objects.kinds import BundleDeploymentStatus, GitRepo
from extension.store.protocol import Report
from tests.api.conftest import CLUSTERS, GITREPOS, Session, gitrepo

WEB = f"{GITREPOS}/team-a/web"


@pytest.fixture
def made(admin: Session) -> Any:
    return admin.post(GITREPOS, json=gitrepo())


def test_a_put_that_names_no_version_is_asked_for_one(admin: Session, made: Any) -> None:
    response = admin.put(WEB, json=gitrepo(branch="x"))
    assert (response.status_code, response.json["code"]) == (428, "PreconditionRequired")
    assert "branch" not in admin.get(WEB).json["spec"]


@pytest.mark.parametrize("quote", ['"{}"', 'W/"{}"', '"other", "{}"'], ids=["strong", "weak", "one of several"])
def test_a_put_with_the_etag_that_was_read_is_done(admin: Session, made: Any, quote: str) -> None:
    etag = made.headers["ETag"].strip('"')
    response = admin.put(WEB, json=gitrepo(branch="x"), headers={"If-Match": quote.format(etag)})
    assert response.status_code == 200
    assert response.headers["ETag"] != made.headers["ETag"]


def test_a_put_with_an_old_etag_is_refused(admin: Session, made: Any) -> None:
    admin.patch(WEB, json={"spec": {"branch": "other"}})
    response = admin.put(WEB, json=gitrepo(branch="mine"), headers={"If-Match": made.headers["ETag"]})
    assert response.status_code == 412
    assert admin.get(WEB).json["spec"]["branch"] == "other"


def test_a_put_with_an_old_resource_version_is_a_conflict(admin: Session, made: Any) -> None:
    admin.patch(WEB, json={"spec": {"branch": "other"}})
    response = admin.put(WEB, json=made.json)
    assert (response.status_code, response.json["code"]) == (409, "Conflict")


def test_an_etag_stays_good_for_writing_when_only_the_view_differs(admin: Session, made: Any) -> None:
    version = made.json["metadata"]["resourceVersion"]
    assert admin.put(WEB, json=gitrepo(branch="x"), headers={"If-Match": f'"{version}"'}).status_code == 200


def test_a_fresh_copy_is_not_sent_again(admin: Session, made: Any) -> None:
    etag = admin.get(WEB).headers["ETag"]
    again = admin.get(WEB, headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    admin.patch(WEB, json={"spec": {"branch": "x"}})
    assert admin.get(WEB, headers={"If-None-Match": etag}).status_code == 200


def test_a_delete_may_insist_on_a_version(admin: Session, made: Any) -> None:
    assert admin.delete(WEB, headers={"If-Match": '"1"'}).status_code == 412
    assert admin.delete(WEB, headers={"If-Match": made.headers["ETag"]}).status_code == 200


def interrupt(store: Any, method: str, times: int) -> list[int]:
    """Makes somebody else write just before each of the next `times` calls of a method; the calls that were made."""
    kept, update, calls = getattr(store, method), store.update, []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        calls.append(len(calls))
        if len(calls) <= times:
            other = store.get(GitRepo, "team-a", "web")
            labels = {"written": str(len(calls))}
            update(msgspec.structs.replace(other, metadata=msgspec.structs.replace(other.metadata, labels=labels)))
        return kept(*args, **kwargs)

    setattr(store, method, interrupted)
    return calls


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}], ids=["no version", "any version"])
def test_a_patch_is_made_again_on_what_somebody_wrote_in_between(admin: Session, made: Any, store: Any, headers: dict[str, str]) -> None:
    calls = interrupt(store, "update", 2)
    body = admin.patch(WEB, json={"spec": {"branch": "x"}}, headers=headers).json
    assert (body["spec"]["branch"], body["metadata"]["labels"], len(calls)) == ("x", {"written": "2"}, 3)


def test_a_patch_that_never_gets_through_ends_as_a_conflict(admin: Session, made: Any, store: Any) -> None:
    calls = interrupt(store, "update", 99)
    response = admin.patch(WEB, json={"spec": {"branch": "x"}})
    assert (response.status_code, response.json["fieldName"], len(calls)) == (409, "metadata.resourceVersion", 5)


def test_a_replacement_of_whatever_is_there_gets_through(admin: Session, made: Any, store: Any) -> None:
    interrupt(store, "update", 1)
    assert admin.put(WEB, json=gitrepo(branch="x"), headers={"If-Match": "*"}).json["spec"]["branch"] == "x"


def test_a_delete_that_names_no_version_gets_through(admin: Session, made: Any, store: Any) -> None:
    interrupt(store, "delete", 1)
    assert admin.delete(WEB).status_code == 200
    assert admin.get(WEB).status_code == 404


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_write_in_the_last_moment_is_a_failed_precondition(admin: Session, made: Any, store: Any, method: str) -> None:
    interrupt(store, "delete" if method == "delete" else "update", 1)
    body = {} if method == "delete" else {"json": gitrepo(branch="mine")}
    response = getattr(admin, method)(WEB, headers={"If-Match": made.headers["ETag"]}, **body)
    assert (response.status_code, response.json["code"]) == (412, "Conflict")
    assert "branch" not in admin.get(WEB).json["spec"]


CLUSTER = f"{CLUSTERS}/team-a/c1"


@pytest.fixture
def moved(admin: Session, deployed: None, store: Any) -> Any:
    """A cluster's answer from before its agent told that all is well again."""
    before = admin.get(CLUSTER)
    report = BundleDeploymentStatus(applied_deployment_id="d1", ready=False)
    ids = [store.object_id(Key(*key)) for key in (("Bundle", "team-a", "web"), ("Cluster", "team-a", "c1"))]
    store.report([Report(*ids, report)])
    assert admin.get(CLUSTER).headers["ETag"] != before.headers["ETag"]
    return before


def test_a_report_of_an_agent_spoils_no_write_by_etag(admin: Session, moved: Any) -> None:
    etag = {"If-Match": moved.headers["ETag"]}
    body = moved.json | {"metadata": moved.json["metadata"] | {"labels": {"env": "prod"}}}
    assert admin.put(CLUSTER, json=body, headers=etag).json["metadata"]["labels"] == {"env": "prod"}
    assert admin.put(CLUSTER, json=moved.json, headers=etag).status_code == 412
    assert admin.delete(f"{CLUSTER}?confirm=c1", headers=etag).status_code == 412


def test_a_report_of_an_agent_spoils_no_write_by_resource_version(admin: Session, moved: Any) -> None:
    version = moved.json["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version, "labels": {"env": "prod"}}}
    assert admin.patch(CLUSTER, json=patch).status_code == 200
    assert admin.patch(CLUSTER, json=patch | {"spec": {"paused": True}}).status_code == 409
    assert admin.put(CLUSTER, json=moved.json).status_code == 409


@pytest.mark.parametrize("version", ["999999", "-1", "x", "9" * 5000, "1.5"], ids=["later", "negative", "a word", "huge", "a fraction"])
def test_a_version_that_never_was_is_refused(admin: Session, made: Any, version: str) -> None:
    body = gitrepo(branch="x")
    assert admin.put(WEB, json=body, headers={"If-Match": f'"{version}"'}).status_code == 412
    assert admin.delete(WEB, headers={"If-Match": f'"{version}"'}).status_code == 412
    body["metadata"]["resourceVersion"] = version
    assert admin.put(WEB, json=body).status_code == 409
    assert "branch" not in admin.get(WEB).json["spec"]


def test_a_merge_patch_removes_by_null(admin: Session, made: Any) -> None:
    admin.patch(WEB, json={"spec": {"branch": "x", "paths": ["a"]}})
    spec = admin.patch(WEB, json={"spec": {"branch": None}}, headers={"Content-Type": "application/merge-patch+json"}).json["spec"]
    assert spec == {"repo": "https://git.example.org/web.git", "paths": ["a"]}


def test_a_json_patch_is_all_or_nothing(admin: Session, made: Any) -> None:
    patch = [
        {"op": "add", "path": "/spec/branch", "value": "x"},
        {"op": "test", "path": "/spec/repo", "value": "https://other"},
    ]
    headers = {"Content-Type": "application/json-patch+json"}
    response = admin.patch(WEB, json=patch, headers=headers)
    assert (response.status_code, response.json["fieldName"]) == (422, "[1]")
    assert "branch" not in admin.get(WEB).json["spec"]
    assert admin.patch(WEB, json=patch[:1], headers=headers).json["spec"]["branch"] == "x"


def test_a_json_patch_appends_to_a_list(admin: Session, made: Any) -> None:
    admin.patch(WEB, json={"spec": {"paths": ["a"]}})
    headers = {"Content-Type": "application/json-patch+json"}
    response = admin.patch(WEB, json=[{"op": "add", "path": "/spec/paths/-", "value": "b"}], headers=headers)
    assert response.json["spec"]["paths"] == ["a", "b"]


@pytest.mark.parametrize(
    ("patch", "content_type", "status"),
    [
        pytest.param([{"op": "add"}], "application/json-patch+json", 422, id="an operation without a path"),
        pytest.param([{"op": "remove", "path": "/nowhere/x"}], "application/json-patch+json", 422, id="a path that is not there"),
        pytest.param([{"op": "replace", "path": "", "value": 1}], "application/json-patch+json", 422, id="an object made a number"),
        pytest.param(["x"], "application/json-patch+json", 422, id="an operation that is a text"),
        pytest.param({"op": "add"}, "application/json-patch+json", 422, id="operations that are no list"),
        pytest.param([1], "application/merge-patch+json", 422, id="a merge patch that is a list"),
        pytest.param({"spec": {"repo": None}}, "application/merge-patch+json", 422, id="a required field removed"),
        pytest.param({"metadata": {"name": "other"}}, "application/merge-patch+json", 422, id="another name"),
        pytest.param({}, "text/plain", 415, id="a content type nobody knows"),
        pytest.param(
            [{"op": "copy", "from": "", "path": "/metadata/annotations"}] * 2, "application/json-patch+json", 422, id="an object in itself"
        ),
    ],
)
def test_a_patch_that_does_not_apply_changes_nothing(admin: Session, made: Any, patch: Any, content_type: str, status: int) -> None:
    before = admin.get(WEB).json
    assert admin.patch(WEB, json=patch, headers={"Content-Type": content_type}).status_code == status
    assert admin.get(WEB).json == before


def test_copies_upon_copies_are_stopped_before_they_fill_the_memory(admin: Session, made: Any) -> None:
    grow = [{"op": "add", "path": "/metadata/annotations", "value": {"a": "x" * 100_000}}]
    grow += [{"op": "copy", "from": "/metadata", "path": f"/metadata/{'d' * i}"} for i in range(1, 40)]
    response = admin.patch(WEB, json=grow, headers={"Content-Type": "application/json-patch+json"})
    assert (response.status_code, "larger than" in response.json["message"]) == (422, True)
