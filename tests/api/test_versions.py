"""ETags and conflicts: nobody overwrites what they have not seen, and a patch is made on what is there now."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import GITREPOS, Session, gitrepo

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


def test_a_patch_is_made_again_when_somebody_writes_in_between(admin: Session, made: Any, store: Any) -> None:
    kept, busy = store.update, [1, 1]

    def interrupted(obj: Any, **kwargs: Any) -> Any:
        if busy:
            busy.pop()
            from extension.objects.errors import Conflict

            raise Conflict("changed")
        return kept(obj, **kwargs)

    store.update = interrupted
    assert admin.patch(WEB, json={"spec": {"branch": "x"}}).json["spec"]["branch"] == "x"


def test_a_patch_that_never_gets_through_ends_as_a_conflict(admin: Session, made: Any, store: Any) -> None:
    from extension.objects.errors import Conflict

    calls = []

    def always(obj: Any, **kwargs: Any) -> Any:
        calls.append(1)
        raise Conflict("changed")

    store.update = always
    assert admin.patch(WEB, json={"spec": {"branch": "x"}}).status_code == 409
    assert len(calls) == 5


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
