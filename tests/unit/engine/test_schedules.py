"""Schedules on a real store: which clusters wait, and what they wait with (`fleet-semantics.md` 3.9)."""

from datetime import UTC, datetime

import pytest

from extension.engine.schedules import ScheduleReconciler
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Cluster, GitTarget, Schedule, ScheduleSpec, ScheduleTargets
from extension.objects.selectors import LabelSelector
from extension.store.labels import LabelIndex
from extension.store.opening import open_store

NIGHT = "0 0 22 * * ?"
PRODUCTION = GitTarget(cluster_selector=LabelSelector(match_labels={"env": "production"}))


class Hub:
    def __init__(self, store):
        self.store, self.index = store, LabelIndex(store)
        self.at("12:00")
        self.reconcile = ScheduleReconciler(store, self.index, lambda: self.now)
        for name, env in (("a", "production"), ("b", "staging")):
            store.create(Cluster(metadata=ObjectMeta(name=name, namespace="ws", labels={"env": env})))

    def at(self, clock):
        self.now = datetime.fromisoformat(f"2026-11-23T{clock}:00").replace(tzinfo=UTC)

    def schedule(self, name="night", targets=(PRODUCTION,), **spec):
        spec = {"schedule": NIGHT, "duration": "2h", "location": "UTC", **spec}
        self.store.create(
            Schedule(metadata=ObjectMeta(name=name, namespace="ws"), spec=ScheduleSpec(targets=ScheduleTargets(targets), **spec))
        )
        return self.look(name)

    def look(self, name="night"):
        self.index.refresh()
        again = self.reconcile(Key("Schedule", "ws", name))
        self.index.refresh()
        return again

    def marks(self, name="a"):
        status = self.store.find(Cluster, "ws", name).status
        return status.scheduled, status.active_schedule


@pytest.fixture
def hub(tmp_path):
    store = open_store(tmp_path / "store.db")
    yield Hub(store)
    store.close()


def test_outside_of_the_window_its_clusters_wait_and_others_do_not(hub):
    again = hub.schedule()
    assert hub.marks("a") == (True, False)
    assert hub.marks("b") == (False, False)
    assert hub.index.off_schedule() == hub.index.select("ws", PRODUCTION.cluster_selector)
    assert again == 3600.0, "looked at again within the hour"
    status = hub.store.find(Schedule, "ws", "night").status
    assert (status.active, status.next_start_time, status.matching_clusters) == (False, "2026-11-23T22:00:00Z", ("a",))


def test_when_the_window_opens_they_go_on_and_when_it_closes_they_wait_again(hub):
    hub.schedule()
    hub.at("22:00")
    hub.look()
    assert hub.marks() == (True, True)
    assert hub.store.find(Schedule, "ws", "night").status.active
    hub.at("23:59")
    assert hub.look() == pytest.approx(60, abs=1)
    hub.now = datetime(2026, 11, 24, tzinfo=UTC)
    hub.look()
    assert hub.marks() == (True, False)


def test_a_restart_in_the_middle_of_a_window_finds_it_open(hub):
    hub.at("23:00")
    hub.schedule()
    assert hub.marks() == (True, True)


def test_a_cluster_of_two_schedules_goes_on_while_either_is_open(hub):
    hub.schedule()
    hub.schedule("noon", schedule="0 0 12 * * ?")
    assert hub.marks() == (True, True)
    hub.look("night")
    assert hub.marks() == (True, True), "the order in which they are looked at does not matter"


def test_a_deleted_schedule_lets_its_clusters_go(hub):
    hub.schedule()
    hub.store.delete(Schedule, "ws", "night")
    hub.look()
    assert hub.marks() == (False, False)
    assert hub.store.find(Schedule, "ws", "night") is None


def test_a_cluster_that_no_longer_matches_is_let_go(hub):
    hub.schedule()
    cluster = hub.store.find(Cluster, "ws", "a")
    hub.store.update(type(cluster)(metadata=ObjectMeta(name="a", namespace="ws", labels={"env": "test"}), spec=cluster.spec))
    hub.look()
    assert hub.marks() == (False, False)


@pytest.mark.parametrize(
    ("spec", "words"),
    [({"schedule": "every night"}, "6 or 7 fields"), ({"duration": "25h"}, "overlap"), ({"location": "Mars"}, "no time zone")],
)
def test_a_schedule_that_can_not_be_used_says_why_and_holds_nobody_back(hub, spec, words):
    assert hub.schedule(**spec) is None
    ready = hub.store.find(Schedule, "ws", "night").status.conditions[0]
    assert (ready.type, ready.status) == ("Ready", "False") and words in ready.message
    assert hub.marks() == (False, False)


def test_looking_again_without_a_change_writes_nothing(hub):
    hub.schedule()
    hub.look()
    before = hub.store.revision()
    hub.look()
    assert hub.store.revision() == before
