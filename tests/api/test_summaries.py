"""`summary=metadata.state.name`: how many of a list are in which state, whatever its page shows."""

from __future__ import annotations

from typing import Any

import pytest

from api import columns
from tests.api.conftest import CLUSTERS, GITREPOS, Session, gitrepo

STATE = "metadata.state.name"
BUNDLES = "/v1/fleet.cattle.io.bundles"


def counted(session: Session, path: str, **query: Any) -> dict[str, int]:
    answer = session.get(path, query_string={"summary": STATE, **query})
    assert answer.status_code == 200, answer.json
    (summary,) = answer.json["summary"]
    assert summary["property"] == STATE
    return {name: count["total"] for name, count in summary["counts"].items()}


@pytest.mark.parametrize("path", [CLUSTERS, BUNDLES, GITREPOS, "/v1/fleet.cattle.io.bundledeployments"])
def test_a_summary_counts_what_the_list_shows_by_state(admin: Session, filled: None, path: str) -> None:
    rows = admin.get(path).json["data"]
    states = [row["metadata"]["state"]["name"] for row in rows]
    assert rows
    assert counted(admin, path, limit=1) == {name: states.count(name) for name in set(states)}


def test_a_summary_is_of_the_workspace_and_the_filters_of_the_list(admin: Session) -> None:
    for name in ("one", "two"):
        admin.post(CLUSTERS, json={"metadata": {"name": name, "namespace": "team-a"}})
    assert counted(admin, f"{CLUSTERS}/team-a", filter="metadata.name=one") == {"waitcheckin": 1}
    assert counted(admin, f"{CLUSTERS}/team-b") == {}


def test_a_summary_counts_nothing_that_the_caller_may_not_see(admin: Session, login: Any) -> None:
    admin.post(GITREPOS, json=gitrepo("web", "team-a"))
    assert counted(login(**{"team-b": "read-only"}), GITREPOS) == {}


def test_a_list_without_the_parameter_has_no_summary(admin: Session) -> None:
    assert "summary" not in admin.get(CLUSTERS).json


@pytest.mark.parametrize(
    ("path", "summary"), [(CLUSTERS, "spec.repo"), ("/v1/secrets", STATE), ("/v1/management.cattle.io.fleetworkspaces", STATE)]
)
def test_what_can_not_be_counted_is_refused(admin: Session, path: str, summary: str) -> None:
    answer = admin.get(path, query_string={"summary": summary})
    assert (answer.status_code, answer.json["fieldName"]) == (422, "summary")


def test_too_many_to_count_are_refused_with_what_to_do(admin: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST", 1)
    for name in ("web", "shop"):
        admin.post(GITREPOS, json=gitrepo(name, "team-a"))
    answer = admin.get(GITREPOS, query_string={"summary": STATE})
    assert (answer.status_code, answer.json["detail"]) == (422, "name a workspace or a filter")
