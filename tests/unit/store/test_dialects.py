"""Conditions in each database's own words: they find what they say, by an index where there is one."""

from __future__ import annotations

from sqlalchemy import event, not_, select

from extension.objects.kinds import Bundle, Cluster
from extension.store.dialects import among, holds
from extension.store.protocol import Filter, Query, Report
from extension.store.schema import objects
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, names, plan, status, step, variant


def found(store, *conditions):
    with store._database.read() as connection:
        return sorted(row[0] for row in connection.execute(select(objects.c.name).where(objects.c.kind == "Cluster", *conditions)))


def test_a_condition_alone_beside_others_and_turned_round_means_what_it_says(store):
    for name in ("a", "Ab", "c"):
        store.create(cluster(name))
    numbers = [store.object_id(cluster(name).key) for name in ("a", "c")]
    assert found(store, among(objects.c.id, numbers)) == ["a", "c"]
    assert found(store, among(objects.c.id, numbers), holds(objects.c.name, "A")) == ["a"]
    assert found(store, not_(among(objects.c.id, numbers))) == ["Ab"]
    assert found(store, holds(objects.c.name, "a") | among(objects.c.id, numbers[1:])) == ["Ab", "a", "c"]
    assert found(store, among(objects.c.id, [])) == []


def test_few_clusters_are_looked_up_and_not_searched_for_among_all(store):
    store.register([cluster(f"c{number:03d}") for number in range(300)])
    store.list(Cluster, Query(namespaces=(NS,)))
    plans = []

    @event.listens_for(store._database._engine, "before_cursor_execute")
    def explain(_connection, cursor, statement, parameters, *_rest):
        if "FROM object" in statement and "json_each" in statement:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append("\n".join(row[-1] for row in cursor.fetchall()))

    page = store.list(Cluster, Query(namespaces=(NS,), filters=((Filter("metadata.name", "~", ("c00", "c01")),),), limit=5))
    assert names(page)[:2] == ["c000", "c001"]
    if store._database._engine.dialect.name == "sqlite":  # PostgreSQL has figures of its own to choose by
        assert len(plans) >= 2
        assert all("SEARCH object USING INTEGER PRIMARY KEY" in plan for plan in plans), plans


def test_what_few_deployments_say_is_looked_up_and_not_searched_for_among_all_reports(store):
    key = store.create(bundle(content="a: b")).key
    store.register([cluster(f"c{number:03d}") for number in range(50)])
    numbers = [store.object_id(cluster_key(f"c{number:03d}")) for number in range(50)]
    deploy(store, key, numbers)
    store.report([Report(store.object_id(key), number, status(deployed="False", message="broken")) for number in numbers])
    plans = []

    @event.listens_for(store._database._engine, "before_cursor_execute")
    def explain(_connection, cursor, statement, parameters, *_rest):
        if "report" in statement.lower() and store._database._engine.dialect.name == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append("\n".join(row[-1] for row in cursor.fetchall()))

    found = store.get(Bundle, NS, key.name).status.summary
    assert found.non_ready_resources[0].message == "broken"
    if store._database._engine.dialect.name == "sqlite":
        assert plans
        assert all("SCAN report" not in plan for plan in plans), plans


def test_who_names_a_content_is_looked_up_and_not_searched_for_among_all_bundles(store):
    numbers = [store.object_id(store.create(cluster(name)).key) for name in ("a", "b")]
    keys = [store.create(bundle(f"b{number}", content=f"a: {number}")).key for number in range(3)]
    for key in keys:
        deploy(store, key, numbers)
    plans = []

    @event.listens_for(store._database._engine, "before_cursor_execute")
    def explain(_connection, cursor, statement, parameters, *_rest):
        if statement.startswith("DELETE FROM content") and store._database._engine.dialect.name == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append("\n".join(row[-1] for row in cursor.fetchall()))

    store.update(bundle("b0", content="a: new"))
    wanted = variant(store, keys[0], "new")
    store.apply(plan(store, keys[0], (wanted, numbers)), step(stage=numbers, promote=numbers))
    if store._database._engine.dialect.name == "sqlite":
        assert plans
        assert all("SCAN" not in plan for plan in plans), plans
