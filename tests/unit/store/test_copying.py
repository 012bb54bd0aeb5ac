"""Copies of a store, from either kind of database to either: all of it, as it was at one moment."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect

from extension.objects.kinds import Bundle, Cluster, Secret
from extension.store import copying
from extension.store.copying import TABLES, copy_store
from tests.unit.store.copies import ACROSS, NOT_THE_SAME, PAIRS, filled, on, opened, quiet, rows
from tests.unit.store.places import BOTH
from tests.unit.store.samples import NS, cluster


@on(PAIRS)
def test_all_rows_of_all_tables_are_the_same_there_and_back(room, kind, to):
    source = filled(room.place(kind))
    before = rows(source, *NOT_THE_SAME)
    assert all(before.values()), "a table that has no row proves nothing"
    there, back = room.place(to), room.place(kind)
    told = []
    assert copy_store(source, there, lambda *said: told.append(said)) == sum(map(Counter.total, rows(source).values()))
    assert {table for table, done, total in told if done == total} == {table.name for table in TABLES}
    copy_store(there, back, quiet)
    assert rows(there, *NOT_THE_SAME) == before == rows(back, *NOT_THE_SAME)
    for place in (there, back):
        with opened(place) as store:
            assert list(store.audit()) == []
            assert store.get(Secret, NS, "keys").data == {"password": b"hunter2"}
            assert [one.content for one in store.get(Bundle, NS, "sealed").spec.resources] == ["kind: ü\n\t\\N"]


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(words, st.binary(max_size=20), st.booleans(), st.floats(allow_nan=False)), max_size=8))
def test_whatever_is_in_a_row_is_the_same_there_and_back(room, drawn):
    source, there, back = room.place("sqlite"), room.place("postgresql"), room.place("sqlite")
    with opened(source) as store, store._database.write() as connection:
        for number, (word, data, flag, when) in enumerate(drawn):
            values = {"id": f"t{number}", "name": word, "hash": data, "roles": "{}", "created": "", "expires": when if flag else None}
            connection.execute(copying.schema.tokens.insert().values(values))
            connection.execute(copying.schema.webhook_deliveries.insert().values(workspace=word, verified=flag, doc=word))
    before = rows(source, *NOT_THE_SAME)
    copy_store(source, there, quiet)
    copy_store(there, back, quiet)
    assert rows(there, *NOT_THE_SAME) == before == rows(back, *NOT_THE_SAME)


@pytest.mark.parametrize("kind", BOTH)
def test_the_tables_that_are_copied_are_all_there_are(room, kind):
    place = room.place(kind)
    with opened(place) as store, store._database.read() as connection:
        assert set(inspect(connection).get_table_names()) - {"migration"} == {table.name for table in TABLES}


@on(PAIRS)
def test_a_copy_has_the_indices_views_and_figures_of_a_store_that_was_made_there(room, kind, to):
    source, target, made = room.place(kind), room.place(to), room.place(to)
    filled(source)
    copy_store(source, target, quiet)
    with opened(made):
        pass
    query = {
        "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE name <> 'sqlite_sequence' ORDER BY 1, 2",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    }[to]
    assert room.looked(target).rows(query) == room.looked(made).rows(query)
    if to == "sqlite":
        figures = "SELECT * FROM sqlite_stat1 ORDER BY 1, 2"
        assert room.looked(target).rows(figures) == room.looked(made).rows(figures) != []


@on(PAIRS)
def test_ids_and_revisions_go_on_where_they_were(room, kind, to):
    source, target = filled(room.place(kind)), room.place(to)
    copy_store(source, target, quiet)
    made = []
    for place in (source, target):
        with opened(place) as store:
            created = store.create(cluster("new"))
            store.register([cluster("bulk")])
            made.append([created.metadata.resource_version, *(store.object_id(cluster(name).key) for name in ("new", "bulk"))])
    assert made[0] == made[1]


@on(PAIRS)
def test_nobody_holds_the_lease_of_a_copy_and_its_terms_are_not_those_of_before(room, kind, to):
    source, target = filled(room.place(kind)), room.place(to)
    copy_store(source, target, quiet)
    with opened(source) as before, opened(target) as store:
        assert before.lease.holder() is not None and store.lease.holder() is None
        taken = store.lease.take("another", "http://here", 1.0)
        assert taken is not None and taken.epoch > before.lease.holder().epoch


@on(ACROSS)
def test_a_copy_made_while_the_source_is_written_to_is_the_store_of_one_moment(room, kind, to):
    source, target = filled(room.place(kind)), room.place(to)
    before = rows(source, *NOT_THE_SAME)
    with opened(source) as store:

        def write(table, done, _total):
            if not done:
                store.create(cluster(f"during-{table.replace('_', '-')}"))

        copy_store(source, target, write)
        assert store.list(Cluster).count > len(TABLES)
    assert rows(target, *NOT_THE_SAME) == before


@pytest.mark.parametrize("kind", BOTH)
def test_a_source_is_left_as_it_is(room, kind):
    source = filled(room.place(kind))
    before = room.looked(source).written()
    copy_store(source, room.place("sqlite"), quiet)
    assert room.looked(source).written() == before
