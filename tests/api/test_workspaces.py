"""Workspaces: deleting one takes nothing along."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import GITREPOS, Session, gitrepo

URL = "/v1/management.cattle.io.fleetworkspaces"


def test_a_workspace_is_made_used_emptied_and_deleted(admin: Session) -> None:
    assert admin.post(URL, json={"metadata": {"name": "team-c"}}).json["id"] == "team-c"
    assert admin.post(GITREPOS, json=gitrepo("web", "team-c")).status_code == 201
    refused = admin.delete(f"{URL}/team-c")
    assert (refused.status_code, refused.json["message"]) == (409, "workspace team-c still holds 1 gitrepos")
    admin.delete(f"{GITREPOS}/team-c/web")
    assert admin.delete(f"{URL}/team-c").status_code == 200
    assert admin.get(f"{URL}/team-c").status_code == 404
    assert admin.post(GITREPOS, json=gitrepo("web", "team-c")).json["code"] == "InvalidReference"


@pytest.mark.parametrize("name", ["fleet-default", "fleet-local"])
def test_the_built_in_workspaces_stay(admin: Session, name: str) -> None:
    assert admin.delete(f"{URL}/{name}").status_code == 422
    assert admin.get(f"{URL}/{name}").status_code == 200


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        pytest.param({"name": "a.b"}, "metadata.name", id="a name with a dot is no namespace"),
        pytest.param({"name": "c", "namespace": "team-a"}, "metadata.namespace", id="a workspace is in none"),
    ],
)
def test_a_workspace_is_a_namespaces_name(admin: Session, metadata: dict[str, Any], field: str) -> None:
    response = admin.post(URL, json={"metadata": metadata})
    assert (response.status_code, response.json["fieldName"]) == (422, field)
