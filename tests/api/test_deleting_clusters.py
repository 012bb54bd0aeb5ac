"""Deleting a cluster: what would go is told and confirmed by name, and nobody has to wait for a cluster that is dead."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extension.objects.base import Key
from extension.objects.departing import FINALIZER
from extension.objects.kinds import Cluster
from extension.objects.marks import DISMISSED
from tests.api.conftest import CLUSTERS, Session

LONG_AGO, JUST_NOW = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def place(name: str) -> str:
    return f"{CLUSTERS}/team-a/{name}"


def seen(store: Any, name: str, when: str) -> None:
    store.seen([Key("Cluster", "team-a", name)], when)


@pytest.fixture
def one(admin: Session, store: Any) -> Any:
    """A cluster without deployments."""
    admin.post(CLUSTERS, json={"metadata": {"name": "bare", "namespace": "team-a"}, "spec": {}})
    return lambda: store.find(Cluster, "team-a", "bare")


def test_what_is_deployed_is_counted_and_nothing_is_deleted_without_the_name(admin: Session, deployed: Any) -> None:
    refused = admin.delete(place("c1"))
    assert refused.status_code == 409
    assert refused.json["message"].startswith("cluster c1 has 1 deployments: web")
    assert "confirm=c1" in refused.json["detail"]
    assert admin.delete(f"{place('c1')}?confirm=c2").status_code == 409
    assert admin.get(place("c1")).json["metadata"].get("deletionTimestamp") is None


def test_confirmed_it_is_removing_until_what_was_deployed_is_gone(admin: Session, deployed: Any) -> None:
    answer = admin.delete(f"{place('c1')}?confirm=c1")
    assert answer.status_code == 200 and answer.json["metadata"]["state"]["name"] == "removing"
    assert admin.get(place("c1")).json["metadata"]["finalizers"] == [FINALIZER]


def test_a_dry_run_leaves_it_as_it_is(admin: Session, deployed: Any) -> None:
    before = admin.get(place("c1")).json
    assert admin.delete(f"{place('c1')}?confirm=c1&dryRun=All").status_code == 200
    assert admin.get(place("c1")).json == before


def test_what_is_to_stay_on_a_cluster_that_the_service_reaches_needs_no_waiting(admin: Session, store: Any, deployed: Any) -> None:
    seen(store, "c1", JUST_NOW)
    reached = store.get(Cluster, "team-a", "c1")
    store.update(msgspec.structs.replace(reached, spec=msgspec.structs.replace(reached.spec, kube_config_secret="kube")))
    assert admin.delete(f"{place('c1')}?confirm=c1&keepResources=true").status_code == 200
    assert admin.get(place("c1")).status_code == 404


def test_one_that_nobody_was_ever_on_is_gone_at_once(admin: Session, one: Any) -> None:
    assert admin.delete(place("bare")).status_code == 200
    assert one() is None


def test_one_with_an_agent_waits_until_that_knows(admin: Session, store: Any, one: Any) -> None:
    seen(store, "bare", JUST_NOW)
    admin.delete(place("bare"))
    assert one().metadata.finalizers == (FINALIZER,)
    assert DISMISSED not in one().metadata.annotations, "the engine says so, once nothing is deployed"


def test_what_is_to_stay_on_one_with_an_agent_is_told_to_it_at_once(admin: Session, store: Any, one: Any) -> None:
    seen(store, "bare", JUST_NOW)
    admin.delete(f"{place('bare')}?keepResources=true")
    assert one().metadata.finalizers == (FINALIZER,) and DISMISSED in one().metadata.annotations


@pytest.mark.parametrize("first", ["", "?keepResources=true"])
def test_asked_again_to_keep_what_is_there_it_is_gone_at_once(admin: Session, store: Any, one: Any, first: str) -> None:
    seen(store, "bare", JUST_NOW)
    admin.delete(place("bare") + first)
    assert admin.delete(f"{place('bare')}?keepResources=true").status_code == 200
    assert one() is None


def test_an_agent_that_is_offline_is_not_waited_for_when_everything_stays(admin: Session, store: Any, one: Any) -> None:
    seen(store, "bare", LONG_AGO)
    admin.delete(f"{place('bare')}?keepResources=true")
    assert one() is None
