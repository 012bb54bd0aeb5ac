"""Many rows at once are what they would be one by one, on either kind of database and however many they are."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from extension.store.bulk import fetched, load, many, new_ids, temporary
from tests.unit.store.samples import cluster

WORDS = ["", "a", "NULL", "null", '"', "\\", '\\"', "{}", "a,b", "a\tb\nc", "\\N", "'", "ä€😀", "%s ?", " ", "\r\n"]


@pytest.fixture
def connection(store):
    with store._database.write(keep=False) as found:
        temporary(found, "pair", "id BIGINT PRIMARY KEY, word TEXT, flag BOOLEAN, bits BIGINT")
        yield found


def pairs(count):
    return [(number, WORDS[number % len(WORDS)], number % 2 == 0, None if number % 3 else -number) for number in range(count)]


def shown(connection):
    return [(id_, word, bool(flag), bits) for id_, word, flag, bits in fetched(connection, text("SELECT * FROM pair ORDER BY id"))]


COUNTS = pytest.mark.parametrize("count", [0, 1, 19, 20, 100])


@COUNTS
def test_loaded_rows_are_read_back(connection, count):
    load(connection, "pair", ("id", "word", "flag", "bits"), pairs(count))
    assert shown(connection) == pairs(count)


@COUNTS
def test_inserted_rows_take_the_place_of_others(connection, count):
    statement = "INSERT INTO pair (id, word, flag, bits) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET word = excluded.word"
    many(connection, statement, [(number, "old", flag, bits) for number, _, flag, bits in pairs(count // 2)])
    many(connection, statement, pairs(count))
    assert shown(connection) == pairs(count)


@COUNTS
def test_each_row_is_updated_with_its_own_values(connection, count):
    load(connection, "pair", ("id", "word", "flag", "bits"), [(number, "old", False, 7) for number in range(200)])
    rows = [(word, flag, bits, number) for number, word, flag, bits in pairs(count)]
    many(connection, "UPDATE pair SET word = ?, flag = ?, bits = ? WHERE id = ?", rows)
    assert shown(connection) == [*pairs(count), *((number, "old", False, 7) for number in range(count, 200))]


@COUNTS
def test_only_rows_that_were_named_are_deleted(connection, count):
    load(connection, "pair", ("id", "word", "flag", "bits"), pairs(100))
    many(connection, "DELETE FROM pair WHERE id = ? AND word = ?", [row[:2] for row in pairs(count)])
    assert shown(connection) == pairs(100)[count:]


@COUNTS
def test_rows_are_inserted_only_for_what_is_there(connection, count):
    load(connection, "pair", ("id", "word", "flag", "bits"), pairs(50))
    statement = "INSERT INTO seen (cluster_id, at) SELECT id, ? FROM pair WHERE id = ? AND id >= 0 ON CONFLICT (cluster_id) DO NOTHING"
    many(connection, statement, [(word, number) for number, word, _, _ in pairs(count)])
    found = fetched(connection, text("SELECT cluster_id, at FROM seen ORDER BY cluster_id"))
    assert [tuple(row) for row in found] == [row[:2] for row in pairs(min(count, 50))]


def test_a_temporary_table_is_empty_each_time_also_after_a_write_that_was_taken_back(store):
    for keep in (False, True, True):
        with store._database.write(keep=keep) as connection:
            for _ in range(2):
                temporary(connection, "pair", "id BIGINT PRIMARY KEY, word TEXT, flag BOOLEAN, bits BIGINT")
                assert shown(connection) == []
                load(connection, "pair", ("id", "word", "flag", "bits"), pairs(30))


def test_new_ids_are_those_of_no_object(store):
    store.create(cluster("one"))
    with store._database.write() as connection:
        assert list(new_ids(connection, 0)) == []
        taken = new_ids(connection, 3)
        assert len(taken) == 3
        load(connection, "seen", ("cluster_id", "at"), [(number, "") for number in taken])
    store.register([cluster("two"), cluster("three")])
    ids = {store.object_id(cluster(name).key) for name in ("one", "two", "three")}
    assert len(ids) == 3


def test_reports_of_more_than_a_few_clusters_at_once_and_their_last_seen_times(store):
    store.register([cluster(f"c{number}") for number in range(60)])
    numbers = sorted(store.population.everyone())
    store.asking.seen([*numbers, *numbers, 10**6], "2026-01-01T00:00:00Z")
    assert store.asking.silent("2026-01-02T00:00:00Z") == numbers
    store.asking.seen(numbers[:30], "2026-01-03T00:00:00Z")
    assert sorted(store.asking.silent("2026-01-02T00:00:00Z")) == numbers[30:]
