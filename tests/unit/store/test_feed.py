"""The change feed: one sequence, what stands in it, and who it wakes."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest

from extension.objects.base import Condition, Key
from extension.objects.errors import AlreadyExists, Conflict, Gone
from extension.objects.kinds import Bundle, Cluster, GitRepo
from extension.store import feed
from extension.store.protocol import Change, Report
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, plan, repo, report, status, step, variant

replace = msgspec.structs.replace
ALL = {"Bundle", "GitRepo", "Cluster", "BundleDeployment"}


def edited(obj, **labels):
    return replace(obj, metadata=replace(obj.metadata, labels=labels))


def told(store, since):
    return [(change.key.kind, change.key.name, change.type) for change in store.changes(since)]


@pytest.fixture
def deployed(store):
    """A bundle of a GitRepo, live on two clusters; its key and theirs."""
    store.create(repo())
    key = store.create(bundle("web", content="kind: A", repo="web")).key
    for name in ("one", "two"):
        store.create(cluster(name))
    deploy(store, key, [store.object_id(cluster_key(name)) for name in ("one", "two")])
    return key


def test_every_write_takes_the_next_number_of_one_sequence(store):
    numbers = [store.create(obj).metadata.resource_version for obj in (repo(), bundle(), cluster("one"))]
    first = int(numbers[0])
    assert numbers == [str(first), str(first + 1), str(first + 2)]
    assert store.revision() == first + 2
    assert [change.revision for change in store.changes(first - 1)] == [first, first + 1, first + 2]


def test_changes_since_a_number_tell_each_object_once_by_what_it_is_now(store):
    made = store.create(repo())
    start = store.revision()
    store.create(bundle("gone"))
    store.create(cluster("one"))
    store.update(edited(made, a="1"))
    store.update(edited(store.get(GitRepo, NS, "web"), a="2"))
    store.delete(Bundle, NS, "gone")
    assert told(store, start) == [("Cluster", "one", "ADDED"), ("GitRepo", "web", "MODIFIED"), ("Bundle", "gone", "DELETED")]
    assert store.changes(store.revision()) == []


def test_what_was_deleted_and_made_again_is_told_as_both_in_that_order(store):
    store.create(cluster("one"))
    start = store.revision()
    store.delete(Cluster, NS, "one")
    store.create(cluster("one"))
    assert told(store, start) == [("Cluster", "one", "DELETED"), ("Cluster", "one", "ADDED")]


def test_a_step_and_a_batch_of_reports_take_one_number_for_all_their_rows(store, deployed):
    ids = [store.object_id(cluster_key(name)) for name in ("one", "two")]
    before = store.revision()
    wanted = variant(store, deployed, "v2")
    assert store.apply(plan(store, deployed, (wanted, ids)), step(stage=ids, promote=ids)) == before + 1
    store.report([Report(store.object_id(deployed), i, status(wanted.deployment_id, ready=True, non_modified=True)) for i in ids])
    assert store.revision() == before + 2
    everybody = {("GitRepo", "web"), ("Bundle", "web"), ("Cluster", "one"), ("Cluster", "two"), ("BundleDeployment", "web")}
    assert {(kind, name) for kind, name, _ in told(store, before)} == everybody
    assert {change.revision for change in store.changes(before)} == {before + 2}
    assert {change.key.kind for change in store.changes(before, counters=False)} == {"GitRepo", "BundleDeployment"}


def test_a_batch_of_changes_never_ends_inside_a_number(store, deployed):
    start = store.revision()
    store.forget(deployed)
    whole = store.changes(start)
    assert len({change.revision for change in whole}) == 1
    assert store.changes(start, limit=2) == whole
    store.create(cluster("three"))
    assert store.changes(start, limit=len(whole) + 1) == whole
    assert [change.key.name for change in store.changes(whole[-1].revision, limit=1)] == ["three"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_reading_on_from_the_last_number_tells_everything_once(store, deployed, limit):
    store.delete(Cluster, NS, "one")
    store.create(cluster("three"))
    expected, found, at = set(store.changes(0)), [], 0
    while batch := store.changes(at, limit):
        found += batch
        at = batch[-1].revision
    assert (set(found), len(found)) == (expected, len(expected))


def reports_of(store, key, name):
    report(store, key, store.object_id(cluster_key(name)), status("other", ready=True))


def with_condition(type_):
    def write(store, key, _name):
        found = store.find(Bundle, key.namespace, key.name)
        wrong = Condition(type=type_, status="False", reason="Why", message="no")
        store.update_status(replace(found, status=replace(found.status, conditions=(wrong,))))

    return write


@pytest.mark.parametrize(
    ("write", "kinds"),
    [
        pytest.param(reports_of, ALL, id="a report"),
        pytest.param(lambda store, key, name: store.forget(key), ALL, id="a bundle forgotten"),
        pytest.param(lambda store, key, name: store.delete(Bundle, NS, "web"), {"Bundle", "GitRepo", "Cluster"}, id="a bundle deleted"),
        pytest.param(lambda store, key, name: store.delete(Cluster, NS, name), ALL, id="a cluster deleted"),
        pytest.param(with_condition("Ready"), {"Bundle", "GitRepo"}, id="a bundle that can't be targeted"),
        pytest.param(with_condition("Targeted"), {"Bundle", "GitRepo"}, id="a bundle that no cluster matches"),
    ],
)
def test_whose_status_a_write_changes_is_told_of(store, deployed, write, kinds):
    before = store.revision()
    shown = {cls: store.get(cls, NS, name) for cls, name in ((GitRepo, "web"), (Cluster, "one"), (Cluster, "two"))}
    write(store, deployed, "one")
    assert {kind for kind, _, _ in told(store, before)} == kinds
    moved = {cls for cls, old in shown.items() if store.find(cls, NS, old.metadata.name) != old}
    assert {cls.KIND for cls in moved} <= kinds


def nothing(store, key):
    """Writes that find nothing to change, or fail."""
    yield lambda: store.forget(key)
    yield lambda: store.report([Report(10**6, 10**6, status("x")), Report(10**6, 10**6, removed=True)])
    yield lambda: store.apply(plan(store, key), step())
    yield lambda: store.apply(plan(store, key, (variant(store, key), [10**6])), step(create=[10**6], promote=[10**6]))
    yield lambda: store.update_status(store.find(Bundle, NS, "web"))
    yield lambda: store.seen([cluster_key("one")], "2030-01-01T00:00:00Z")
    yield lambda: store.tokens.create("someone", {"*": "admin"})


def test_a_write_that_changes_nothing_takes_no_number_so_nobody_wakes_for_nothing(store):
    store.create(bundle("web"))
    store.create(cluster("one"))
    store.seen([cluster_key("one")], "2026-01-01T00:00:00Z")
    key = Key("Bundle", NS, "web")
    before = store.revision()
    for write in nothing(store, key):
        write()
        assert store.revision() == before
    with pytest.raises(AlreadyExists):
        store.create(bundle("web"))
    assert store.apply(plan(store, key, (variant(store, key), [10**6])), step(create=[10**6])) == before == store.revision()


def test_a_cluster_that_is_heard_of_for_the_first_time_is_told_of_once_and_to_no_engine(store):
    for name in ("one", "two"):
        store.create(cluster(name))
    before, versions = store.revision(), [store.get(Cluster, NS, "one").metadata.resource_version]
    for when, numbers in (
        ("2026-01-01T00:00:00Z", ["one"]),
        ("2026-01-02T00:00:00Z", ["one", "two"]),
        ("2026-01-03T00:00:00Z", ["one", "two"]),
    ):
        store.asking.seen([*(store.object_id(cluster_key(name)) for name in numbers), 10**6], when)
        versions.append(store.get(Cluster, NS, "one").metadata.resource_version)
    assert told(store, before) == [("Cluster", "one", "MODIFIED"), ("Cluster", "two", "MODIFIED")]
    assert store.changes(before, counters=False) == []
    assert store.revision() == before + 2
    assert len(set(versions[1:])) == 1 < len(set(versions)), "who watches one cluster sees one new version of it"


def test_a_tombstone_window_that_moved_on_is_gone(store, monkeypatch):
    monkeypatch.setattr(feed, "KEPT_TOMBSTONES", 3)
    start = store.revision()
    for number in range(5):
        store.create(cluster(f"c{number}"))
    before = store.revision()
    for number in range(5):
        store.delete(Cluster, NS, f"c{number}")
    with pytest.raises(Gone, match="list again"):
        store.changes(start)
    with pytest.raises(Gone):
        store.changes(before)
    assert told(store, before + 2) == [("Cluster", f"c{n}", "DELETED") for n in (2, 3, 4)]


def test_a_number_the_store_never_gave_is_gone_so_that_a_restored_backup_is_listed_again(store):
    with pytest.raises(Gone, match="list again"):
        store.changes(store.revision() + 1)


def test_wait_returns_at_once_when_there_is_something_and_after_the_timeout_when_not(store):
    start = store.revision()
    began = time.monotonic()
    assert store.wait(start, 0.05) == start
    assert 0.05 <= time.monotonic() - began < 2
    store.create(cluster("one"))
    began = time.monotonic()
    assert store.wait(start, 10) == start + 1
    assert time.monotonic() - began < 5


def test_wait_returns_at_once_when_the_store_is_older_than_what_is_known(store):
    newest = store.revision()
    assert store.wait(newest + 1000, 60) == newest


@pytest.mark.parametrize("elsewhere", [False, True], ids=["this process", "another opening of the store"])
def test_wait_wakes_on_a_write_of(store, place, elsewhere):
    start, woken = store.revision(), []
    writer = place.open() if elsewhere else store
    waiting = threading.Thread(target=lambda: woken.append(store.wait(start, 20)))
    waiting.start()
    writer.create(cluster("one"))
    waiting.join(5)
    assert woken == [start + 1]
    if elsewhere:
        writer.close()


def test_a_reader_that_sees_a_number_sees_every_write_up_to_it(store):
    """Threads write while one follows the feed: it misses nothing and is told every number in order."""
    start, each, writers = store.revision(), 20, 4

    def write(number):
        for at in range(each):
            store.create(cluster(f"c-{number}-{at}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[Change] = []
    at, deadline = start, time.monotonic() + 30
    while len(seen) < each * writers and time.monotonic() < deadline:
        assert store.wait(at, 5) > at
        batch = store.changes(at)
        seen += batch
        at = batch[-1].revision
    for thread in threads:
        thread.join()
    assert [change.revision for change in seen] == list(range(start + 1, start + 1 + each * writers))
    assert len({change.key.name for change in seen}) == each * writers


def test_of_two_threads_that_change_one_version_one_wins(store):
    made = store.create(repo())
    barrier, outcomes = threading.Barrier(2), []

    def write(word):
        barrier.wait()
        try:
            store.update(edited(made, won=word))
            outcomes.append(word)
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=write, args=(word,)) for word in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = store.get(GitRepo, NS, "web").metadata.labels["won"]
    assert sorted(outcomes) == sorted([won, "conflict"])


def test_a_write_waits_for_one_of_another_process(store, place):
    done = []
    writing = threading.Thread(target=lambda: done.append(store.create(cluster("one"))))
    with place.writing():
        writing.start()
        writing.join(0.2)
        assert done == []
    writing.join(10)
    assert len(done) == 1
