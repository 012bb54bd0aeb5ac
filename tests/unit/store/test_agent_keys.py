"""What is kept of agents' keys, and how clusters are found by their clientID."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event

from extension.objects.kinds import Cluster, ClusterSpec
from extension.objects.names import registered_cluster_name
from extension.store import agent_keys, migrations
from extension.store.agent_keys import Generations
from extension.store.asking import _BY_CLIENT
from extension.store.bulk import fetched
from extension.store.sealing import Seal
from tests.unit.store.samples import NS, cluster


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
        store.asking.begin(1)
        store.create(cluster(name))
    assert list(store.asking.epochs().values()) == [3, 4, None]


def test_clients_are_found_by_an_index_over_the_few_that_somebody_named(store, place):
    store.create(named("by-hand", "a"))
    store.create(named(registered_cluster_name("b"), "b"))
    found = store.asking.clients(NS, ["a", "b", "c"])
    assert {client: one.key.name for client, one in found.items()} == {"a": "by-hand", "b": registered_cluster_name("b")}
    store.register([cluster(f"c{number}") for number in range(200)])
    place.rows("ANALYZE")  # on SQLite this makes it no easier: the figures are those of a small store
    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[store._database._engine.dialect.name]
    event.listen(store._database._engine, "before_cursor_execute", lambda *ran: (f"{explain} {ran[2]}", ran[3]), retval=True)
    with store._database._engine.connect() as connection:
        plan = "\n".join(str(row[-1]) for row in fetched(connection, _BY_CLIENT, space=NS, clients=["a", "b"]))
    assert re.search(r"SEARCH o USING INDEX object_client \(namespace=\? AND <expr>=\?\)|Index Scan (using|on) object_client", plan), plan


@pytest.fixture
def older(place, monkeypatch):
    """A store of the version before agents, with clusters that have a clientID."""
    place.clear()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:2])
        store = place.open()
        for one in (named("by-hand", "a"), named(registered_cluster_name("b"), "b"), cluster("without")):
            store.create(one)
        store.close()
    connection_rows = place.rows("SELECT marks FROM object")
    assert len(connection_rows) == 3
    return place


def test_a_store_from_before_agents_finds_the_clusters_that_were_named(older):
    older.rows("UPDATE object SET marks = marks & 63")
    store = older.open()
    assert set(store.asking.clients(NS, ["a", "b"])) == {"a", "b"}
    store.close()
