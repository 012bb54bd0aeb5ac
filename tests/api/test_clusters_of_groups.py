"""Clusters of a cluster group."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from api.services import Services
from extension.objects.base import ObjectMeta
from extension.objects.kinds import ClusterGroup, ClusterGroupSpec
from extension.objects.selectors import LabelSelector, Requirement
from tests.api.conftest import CLUSTERS, Session

GROUPS = "/v1/fleet.cattle.io.clustergroups"
SELECTORS = {
    "prod": {"matchLabels": {"env": "prod"}},
    "all": {},
    "none": None,
}


@pytest.fixture
def groups(admin: Session, services: Services) -> None:
    """The group `broken` is as nobody could write it here, but Rancher's Fleet may have it."""
    selector = LabelSelector(match_expressions=(Requirement("env", "Near"),))
    services.store.create(ClusterGroup(metadata=ObjectMeta(name="broken", namespace="team-a"), spec=ClusterGroupSpec(selector=selector)))
    for name, namespace, env, ring in (("a", "team-a", "prod", "1"), ("b", "team-a", "prod", "2"), ("c", "team-a", "dev", "1"),
                                       ("a", "team-b", "prod", "1")):  # fmt: skip
        admin.post(CLUSTERS, json={"metadata": {"name": name, "namespace": namespace, "labels": {"env": env, "ring": ring}}})
    for name, selector in SELECTORS.items():
        admin.post(
            GROUPS, json={"metadata": {"name": name, "namespace": "team-a"}, "spec": {} if selector is None else {"selector": selector}}
        )


def names(session: Session, query: str, place: str = "") -> list[str]:
    return [one["id"] for one in session.get(f"{CLUSTERS}{place}?{query}").json["data"]]


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(
    ("query", "place", "found"),
    [
        ("clusterGroup=team-a/prod", "", ["team-a/a", "team-a/b"]),
        ("clusterGroup=team-a/prod&labelSelector=ring%3D1", "", ["team-a/a"]),
        ("clusterGroup=team-a/prod&labelSelector=env%3Ddev", "", []),
        ("clusterGroup=team-a/prod&filter=metadata.name~b", "/team-a", ["team-a/b"]),
        ("clusterGroup=team-a/prod", "/team-b", []),
        ("clusterGroup=team-a/all", "", ["team-a/a", "team-a/b", "team-a/c"]),
        ("clusterGroup=team-a/none", "", []),
        ("clusterGroup=team-a/broken", "", []),
    ],
)
def test_a_list_of_a_group_has_its_clusters_and_no_others(admin: Session, query: str, place: str, found: list[str]) -> None:
    assert names(admin, query, place) == found


@pytest.mark.usefixtures("groups")
def test_pages_of_a_group_go_on_where_they_ended(admin: Session) -> None:
    first = admin.get(f"{CLUSTERS}?clusterGroup=team-a/prod&limit=1").json
    assert (first["count"], [one["id"] for one in first["data"]]) == (2, ["team-a/a"])
    assert names(admin, f"clusterGroup=team-a/prod&limit=1&continue={first['continue']}") == ["team-a/b"]


@pytest.mark.usefixtures("groups")
def test_a_group_that_the_caller_may_not_see_is_not_there(admin: Session, login: Callable[..., Session]) -> None:
    for session, place in ((login(team_b="admin"), "team-a/prod"), (admin, "team-a/gone")):
        refused = session.get(f"{CLUSTERS}?clusterGroup={place}")
        assert (refused.status_code, refused.json["message"]) == (404, f"ClusterGroup {place} not found")
    assert admin.get(f"{CLUSTERS}?clusterGroup=prod").status_code == 422
