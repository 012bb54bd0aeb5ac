"""The lease: never two holders, taken over when it is over, and nothing is written by who lost it."""

from __future__ import annotations

import threading

import pytest

from extension.objects.errors import Unavailable
from extension.objects.kinds import Cluster
from tests.unit.store.samples import cluster, listed

LONG = 1000.0


@pytest.fixture
def other(place, store):
    """The store as another process opens it."""
    opened = place.open()
    yield opened
    opened.close()


def over(place):
    """The time of the lease is over."""
    place.rows("UPDATE lease SET until = 1")


def test_nobody_has_it_until_somebody_takes_it(store, other):
    assert store.lease.holder() is None
    taken = store.lease.take("a", "http://a", LONG)
    assert (taken.holder, taken.url) == ("a", "http://a")
    assert other.lease.holder() == taken


def test_another_gets_it_only_when_it_is_over_and_then_at_once(store, other, place):
    first = store.lease.take("a", "http://a", LONG)
    assert other.lease.take("b", "http://b", LONG) is None
    over(place)
    assert store.lease.holder() is None
    second = other.lease.take("b", "http://b", LONG)
    assert second.epoch > first.epoch
    assert store.lease.holder() == second
    assert store.lease.take("a", "http://a", LONG) is None


def test_it_ends_by_the_clock_of_the_database(store, other):
    store.lease.take("a", "", 0.0)
    assert store.lease.holder() is None
    assert other.lease.take("b", "", LONG) is not None


def test_renewing_makes_it_longer_also_when_it_was_over_and_nobody_took_it(store, place):
    taken = store.lease.take("a", "http://a", LONG)
    over(place)
    renewed = store.lease.renew(taken, 2 * LONG)
    assert (renewed.epoch, renewed.url) == (taken.epoch, taken.url)
    assert renewed.until >= taken.until + LONG * 1000 - 1
    assert store.lease.holder() == renewed


def test_who_lost_it_can_neither_renew_nor_release_it(store, other, place):
    lost = store.lease.take("a", "", LONG)
    over(place)
    held = other.lease.take("b", "", LONG)
    assert store.lease.renew(lost, LONG) is None
    store.lease.release(lost)
    assert store.lease.holder() == held


def test_a_released_lease_is_free_at_once_and_its_holder_may_write_no_more(store, other):
    taken = store.lease.take("a", "", LONG)
    store.lease.guard(taken)
    store.lease.release(taken)
    assert other.lease.holder() is None
    with pytest.raises(Unavailable, match="lost its lease"):
        store.create(cluster("one"))
    assert other.lease.take("b", "", LONG) is not None


def test_a_holder_that_is_started_anew_gets_it_at_once_and_the_one_before_is_out(store, other):
    before = store.lease.take("a", "http://old", LONG)
    again = other.lease.take("a", "http://new", LONG)
    assert (again.epoch > before.epoch, store.lease.holder().url) == (True, "http://new")
    assert store.lease.renew(before, LONG) is None


def test_a_write_of_who_lost_it_is_refused_and_nothing_of_it_is_kept(store, other, place):
    store.lease.guard(store.lease.take("a", "", LONG))
    store.create(cluster("mine"))
    over(place)
    store.create(cluster("still-mine"))  # nobody else took it
    held = other.lease.take("b", "", LONG)
    before = other.revision()
    for write in (
        lambda: store.create(cluster("late")),
        lambda: store.delete(Cluster, "team-a", "mine"),
        lambda: store.asking.seen([1], "2030-01-01T00:00:00Z"),
        lambda: store.tokens.create("late", {"*": "admin"}),
    ):
        with pytest.raises(Unavailable, match="lost its lease") as raised:
            write()
        assert "nothing was written" in raised.value.hint
    assert (other.revision(), listed(store, Cluster)) == (before, ["mine", "still-mine"])
    other.lease.guard(held)
    other.create(cluster("theirs"))
    assert store.tokens.list() == []


def test_stores_that_are_not_guarded_write_whoever_leads(store, other):
    store.lease.take("a", "", LONG)
    other.create(cluster("one"))
    assert listed(store, Cluster) == ["one"]


def test_of_many_that_take_it_together_one_gets_it(place, store):
    stores = [place.open() for _ in range(4)]
    barrier, taken = threading.Barrier(4), []

    def take(number):
        barrier.wait()
        taken.append(stores[number].lease.take(f"p{number}", "", LONG))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one for one in taken if one is not None] == [store.lease.holder()]
    for opened in stores:
        opened.close()


def test_taking_it_waits_for_a_write_that_goes_on_so_none_ends_after_it(store, other, place):
    """The write began under the old lease: it is there before the new holder is."""
    store.lease.guard(store.lease.take("a", "", LONG))
    over(place)
    taken = []
    taking = threading.Thread(target=lambda: taken.append(other.lease.take("b", "", LONG)))
    with store._database.write() as connection:
        taking.start()
        taking.join(0.2)
        assert taken == []
        connection.exec_driver_sql("UPDATE sequence SET number = 77")
    taking.join(10)
    assert taken[0].holder == "b"
    assert other.revision() == 77


def test_renewing_waits_for_no_write_where_the_database_knows_that(store, other, place):
    taken = store.lease.take("a", "", LONG)
    with place.writing():
        if store._database.shared:
            assert store.lease.renew(taken, 2 * LONG).until > taken.until
        else:
            assert store.lease.holder() == taken
