"""What is kept of agents' keys, and how clusters are found by their clientID."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import text

from extension.objects.kinds import Cluster, ClusterSpec
from extension.objects.names import registered_cluster_name
from extension.store import agent_keys, migrations
from extension.store.agent_keys import Generations
from extension.store.sealing import Seal
from extension.store.sql import open_store
from tests.unit.store.samples import NS, cluster, rows


def named(name, client):
    found = cluster(name)
    return Cluster(metadata=found.metadata, spec=ClusterSpec(client_id=client))


def test_a_derived_key_is_another_for_each_purpose_and_the_same_each_time():
    keys = {purpose: Seal(b"k" * 32).derive(purpose) for purpose in ("one", "two")}
    assert keys["one"] != keys["two"]
    assert {len(key) for key in keys.values()} == {32}
    assert Seal(b"k" * 32).derive("one") == keys["one"] != Seal(b"j" * 32).derive("one")


def test_only_keys_that_changed_since_are_read(store):
    asking = store.asking
    assert asking.keys_changed(0) == (0, {})
    asking.change_key(5, lambda was: Generations(was.newest + 1, was.least))
    asking.change_key(6, lambda was: Generations(was.newest + 1, was.newest + 1))
    first, changed = asking.keys_changed(0)
    assert changed == {5: Generations(1, 0), 6: Generations(1, 1)}
    asking.change_key(5, lambda was: was)
    assert asking.keys_changed(first) == (first, {})
    asking.change_key(5, lambda was: Generations(was.newest, 1))
    assert asking.keys_changed(first)[1] == {5: Generations(1, 1)}


def test_epochs_end_where_the_next_began_and_only_the_newest_are_kept(store, monkeypatch):
    monkeypatch.setattr(agent_keys, "KEPT_EPOCHS", 3)
    for name in ("a", "b", "c", "d"):
        own, epochs = store.asking.begin()
        store.create(cluster(name))
    assert len(epochs) == 3
    assert [end for _, end in sorted(epochs.items(), key=lambda item: item[1] or 99)] == [3, 4, None]
    assert epochs[own] is None


def test_clients_are_found_by_an_index_over_the_few_that_somebody_named(store):
    store.create(named("by-hand", "a"))
    store.create(named(registered_cluster_name("b"), "b"))
    found = store.asking.clients(NS, ["a", "b", "c"])
    assert {client: one.key.name for client, one in found.items()} == {"a": "by-hand", "b": registered_cluster_name("b")}
    with store._database.read() as connection:
        plan = connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT id FROM object INDEXED BY object_client WHERE kind = 'Cluster' AND (marks & 64) <> 0"
                " AND namespace = 'x' AND json_extract(doc, '$.spec.clientID') IN ('a', 'b')"
            )
        ).all()
    assert "SEARCH object USING INDEX object_client (namespace=? AND <expr>=?)" in plan[0].detail


@pytest.fixture
def older(path, monkeypatch):
    """A file of the version before agents, with clusters that have a clientID."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:2])
        store = open_store(path)
        for one in (named("by-hand", "a"), named(registered_cluster_name("b"), "b"), cluster("without")):
            store.create(one)
        store.close()
    connection_rows = rows(path, "SELECT marks FROM object")
    assert len(connection_rows) == 3
    return path


def test_a_store_from_before_agents_finds_the_clusters_that_were_named(older):
    with sqlite3.connect(older) as connection:
        connection.execute("UPDATE object SET marks = marks & 63")
    connection.close()
    store = open_store(older)
    assert set(store.asking.clients(NS, ["a", "b"])) == {"a", "b"}
    store.close()
