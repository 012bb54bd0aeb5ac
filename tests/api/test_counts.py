"""`/v1/counts`: how many there are, and nothing of what one may not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.counts import MOST
from extension.objects.base import ObjectMeta
from extension.objects.kinds import FleetWorkspace
from tests.api.conftest import WORKSPACES, Session

COUNTS = "/v1/counts"
GITREPO = "fleet.cattle.io.gitrepo"


def counted(session: Session, query: str = "") -> dict[str, Any]:
    (one,) = session.get(f"{COUNTS}{query}").json["data"]
    found: dict[str, Any] = one["counts"]
    return found


@pytest.mark.usefixtures("repos")
def test_objects_are_counted_by_type_and_workspace(admin: Session) -> None:
    found = counted(admin)
    assert found[GITREPO] == {"summary": {"count": 3}, "namespaces": {"team-a": {"count": 2}, "team-b": {"count": 1}}}
    assert found["fleet.cattle.io.clustergroup"] == {"summary": {"count": 0}, "namespaces": {}}
    assert "fleet.cattle.io.bundledeployment" not in found, "they are a cluster's, and not in a workspace"


@pytest.mark.usefixtures("repos")
def test_only_what_is_asked_for_is_counted(admin: Session) -> None:
    found = counted(admin, f"?workspace=team-b&resourceType={GITREPO}")
    assert found == {GITREPO: {"summary": {"count": 1}, "namespaces": {"team-b": {"count": 1}}}}


@pytest.mark.usefixtures("repos")
def test_what_one_may_not_list_is_not_counted(login: Callable[..., Session]) -> None:
    reader = login(team_b="read-only")
    assert counted(reader)[GITREPO] == counted(reader, "?workspace=team-a&workspace=team-b")[GITREPO]
    assert counted(reader)[GITREPO]["namespaces"] == {"team-b": {"count": 1}}


def test_more_workspaces_than_one_answer_takes_have_to_be_named(admin: Session, store: Any) -> None:
    for number in range(MOST - len(WORKSPACES) + 1):
        store.create(FleetWorkspace(metadata=ObjectMeta(name=f"more-{number}")))
    refused = admin.get(COUNTS)
    assert (refused.status_code, refused.json["fieldName"]) == (422, "workspace")
    assert counted(admin, "?workspace=team-a")[GITREPO]["summary"] == {"count": 0}
