"""Two parts of one process share a store: one may lose the right to write, and each hears of the other at once."""

from __future__ import annotations

import threading
import time

import pytest

from extension.objects.errors import Unavailable
from extension.objects.kinds import Cluster
from tests.unit.store.samples import cluster

LONG = 1000.0


def test_only_the_twin_that_was_guarded_may_write_no_more(store):
    twin = store.twin()
    twin.lease.guard(twin.lease.take("a", "", LONG))
    twin.create(cluster("one"))
    store.lease.take("a", "", LONG)  # its process was started anew
    with pytest.raises(Unavailable, match="lost its lease"):
        twin.create(cluster("two"))
    store.create(cluster("three"))
    assert [one.metadata.name for one in twin.list(Cluster).items] == ["one", "three"]


def test_a_twin_hears_of_a_write_before_it_would_look(store, monkeypatch):
    monkeypatch.setattr("extension.store.database.POLL_SECONDS", 60.0)
    twin, since = store.twin(), store.revision()
    heard = threading.Thread(target=twin.wait, args=(since, 60.0))
    heard.start()
    time.sleep(0.05)
    store.create(cluster("one"))
    heard.join(20)
    assert not heard.is_alive()


def test_a_wait_is_ended_by_another_part_of_the_process(store, monkeypatch):
    monkeypatch.setattr("extension.store.database.POLL_SECONDS", 60.0)
    ended, since = threading.Event(), store.revision()
    waiting = threading.Thread(target=store.twin().wait, args=(since, 60.0, ended.is_set))
    waiting.start()
    ended.set()
    store.wake()
    waiting.join(20)
    assert not waiting.is_alive()


def test_closing_a_twin_leaves_the_store_open(store):
    store.twin().close()
    store.create(cluster("one"))
    assert store.list(Cluster).count == 1
