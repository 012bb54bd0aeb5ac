"""Versions of the file: made, brought up to date, or refused and left as it was."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from extension.objects.errors import Unavailable
from extension.objects.kinds import Cluster
from extension.store import migrations
from extension.store.errorgroups import ErrorQuery
from extension.store.opening import open_store
from extension.store.protocol import Query
from tests.unit.store.places import Place
from tests.unit.store.samples import NS, cluster


def versions(place):
    return [version for (version,) in place.rows("SELECT version FROM migration ORDER BY version")]


def a_label_of_the_file(connection):
    connection.execute(text("CREATE TABLE note (words TEXT)"))
    connection.execute(text("INSERT INTO note SELECT 'objects: ' || count(*) FROM object"))


def one_that_fails(connection):
    connection.execute(text("CREATE TABLE half (x TEXT)"))
    raise RuntimeError("no")


@pytest.fixture
def old(place):
    """A store of this version with a cluster in it."""
    store = place.open()
    store.create(cluster("one"))
    store.close()
    assert versions(place)[0] == 1
    return place


@pytest.fixture
def newer(monkeypatch):
    """The program's next release, with one more migration."""
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, a_label_of_the_file))


def test_an_absent_file_is_made_with_its_folder_at_the_newest_version(tmp_path):
    path = tmp_path / "a" / "b" / "store.db"
    store = open_store(path)
    assert store.list(Cluster).count == 0
    store.close()
    assert versions(Place(path)) == list(range(1, len(migrations.MIGRATIONS) + 1))


def test_an_empty_file_is_filled(path):
    path.touch()
    open_store(path).close()
    assert versions(Place(path)) == list(range(1, len(migrations.MIGRATIONS) + 1))


def test_a_file_at_the_current_version_opens_without_a_write(old):
    before = old.written()
    store = old.open()
    assert store.find(Cluster, NS, "one") is not None
    store.close()
    assert old.written() == before


def test_an_older_file_is_brought_up_to_date_once_and_keeps_what_is_in_it(old, newer):
    for _ in range(2):
        store = old.open()
        assert store.find(Cluster, NS, "one") is not None
        store.close()
        assert versions(old) == list(range(1, len(migrations.MIGRATIONS) + 1))
        assert old.rows("SELECT words FROM note") == [("objects: 1",)]


def test_a_migration_that_fails_leaves_the_older_version_whole(old, newer, monkeypatch):
    before = versions(old)
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, one_that_fails))
        with pytest.raises(RuntimeError):
            old.open()
    assert versions(old) == before
    assert not {"half", "note"} & set(old.tables())
    old.open().close()
    assert len(versions(old)) == len(before) + 1


def test_a_file_from_a_newer_version_is_refused_and_left_untouched(old):
    newest, where = len(migrations.MIGRATIONS), old.shown
    old.rows("INSERT INTO migration VALUES (?)", newest + 1)
    before = old.written()
    with pytest.raises(Unavailable) as raised:
        old.open()
    assert str(raised.value) == (
        f"{where}: the store has version {newest + 1}, this program knows {newest}"
        " (start the newer program, or restore a backup made by this one)"
    )
    assert old.written() == before


def test_processes_that_start_together_make_one_store(place):
    place.clear()
    failed, stores = [], []

    def start():
        try:
            stores.append(place.open())
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert versions(place) == list(range(1, len(migrations.MIGRATIONS) + 1))
    for number, store in enumerate(stores):
        store.create(cluster(f"c{number}"))
        assert store.revision() == 2 + number
    for store in stores:
        store.close()


OLDER = """
    DROP INDEX deployment_shape; ALTER TABLE deployment DROP COLUMN shape; DROP INDEX seen_written; ALTER TABLE seen DROP COLUMN written;
    DROP TABLE shape; DROP TABLE complaint; DELETE FROM migration WHERE version > 4
"""


def test_a_store_from_before_shapes_and_the_order_of_times_gets_their_columns(old):
    store = old.open()
    store.seen([cluster("one").key], "2026-01-01T00:00:00Z")
    store.close()
    for statement in OLDER.split(";"):
        old.rows(statement)
    store = old.open()
    assert store.list(Cluster, Query(sort=("status.agent.lastSeen",))).count == 1
    assert store.errors.list(ErrorQuery()).items == ()
    assert list(store.audit()) == []
    store.close()


def test_a_store_from_before_histories_gets_their_table(old):
    old.rows("DROP TABLE event")
    old.rows("DELETE FROM migration WHERE version > 7")
    store = old.open()
    there = store.find(Cluster, NS, "one")
    assert [one.reason for one in store.events(there)] == ["Created"]
    store.update(replace(there, metadata=replace(there.metadata, labels={"env": "prod"})))
    assert [one.reason for one in store.events(there)] == ["LabelsChanged", "Created"]
    store.close()


def test_a_store_from_before_contents_were_looked_up_gets_the_indexes(old):
    for statement in ("DROP INDEX object_content", "DROP INDEX variant_content", "DELETE FROM migration WHERE version > 8"):
        old.rows(statement)
    old.open().close()
    assert versions(old) == list(range(1, len(migrations.MIGRATIONS) + 1))
    for statement in ("DROP INDEX object_content", "DROP INDEX variant_content"):
        old.rows(statement)
