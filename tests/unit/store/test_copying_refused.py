"""Copies of a store that are refused, cut off or of another version; those that did not end are always begun anew."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from extension.objects.errors import AlreadyExists, Conflict, Unavailable
from extension.store import migrations
from extension.store.copying import copy_store
from extension.store.migrations import UNFINISHED
from extension.store.opening import open_store
from tests.integration.postgres.server import KEY
from tests.unit.store.copies import ACROSS, NOT_THE_SAME, PAIRS, filled, on, opened, quiet, rows
from tests.unit.store.places import BOTH
from tests.unit.store.samples import secret


@on(ACROSS)
@pytest.mark.parametrize("has_secrets", [True, False], ids=["with-secrets", "without"])
def test_another_key_is_refused_before_anything_is_written(room, kind, to, has_secrets):
    first = room.place(kind)
    with opened(first) as store:
        if has_secrets:
            store.create(secret(a="1"))
    source, target = room.place(kind), room.place(to)
    copy_store(first, source, quiet)
    source.key_file.write_bytes(KEY)
    with pytest.raises(Unavailable, match="the key does not belong") as raised:
        copy_store(source, target, quiet)
    assert raised.value.where == str(source.key_file)
    source.key_file.unlink()
    with pytest.raises(Unavailable, match="the key file is missing"):
        copy_store(source, target, quiet)
    assert not target.key_file.exists()
    with pytest.raises(Unavailable):
        copy_store(target, room.place("sqlite"), quiet)


@pytest.mark.parametrize("to", BOTH)
def test_a_folder_with_the_key_of_another_store_is_refused(room, to):
    source, target = filled(room.place("sqlite")), room.place(to)
    target.key_file.write_bytes(KEY)
    with pytest.raises(Conflict, match="the key of another store"):
        copy_store(source, target, quiet)
    assert target.key_file.read_bytes() == KEY
    target.key_file.write_bytes(source.key_file.read_bytes())
    copy_store(source, target, quiet)


@pytest.mark.parametrize("to", BOTH)
def test_a_place_that_has_a_store_or_anything_else_is_refused_and_left_as_it_is(room, to):
    source, target, foreign = filled(room.place("sqlite")), room.place(to), room.place(to)
    with opened(target):
        pass
    room.looked(foreign).rows("CREATE TABLE theirs (x TEXT)")
    target.key_file.unlink()
    for place in (target, foreign):
        before = room.looked(place).written()
        with pytest.raises(AlreadyExists, match="something is there already"):
            copy_store(source, place, quiet)
        assert room.looked(place).written() == before
        assert not place.key_file.exists()


KILLED = """
import sys, time
from pathlib import Path
from extension.store import copying
copying.AT_ONCE = 1
def told(table, done, total):
    if table == "tag" and done:
        print("there", flush=True)
        time.sleep(600)
def place(where, key):
    return copying.Place(where if where.startswith("postgres") else Path(where), Path(key))
copying.copy_store(place(*sys.argv[1:3]), place(*sys.argv[3:5]), told)
"""


@on(PAIRS)
def test_a_copy_that_was_killed_is_no_store_and_is_started_over(room, kind, to):
    source, target = filled(room.place(kind)), room.place(to)
    arguments = [str(part) for place in (source, target) for part in (place.where, place.key_file)]
    with subprocess.Popen([sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "there\n"
        child.send_signal(signal.SIGKILL)
    for use in (partial(open_store, target.where, key_file=target.key_file), partial(copy_store, target, room.place("sqlite"), quiet)):
        with pytest.raises(Unavailable, match=r"no whole store: .* did not end \(run that command again"):
            use()
    copy_store(source, target, quiet)
    assert rows(target, *NOT_THE_SAME) == rows(source, *NOT_THE_SAME)
    assert UNFINISHED not in room.looked(target).tables()


@pytest.mark.parametrize("to", BOTH)
def test_of_two_copies_into_one_place_the_later_goes_on(room, to):
    source, target = filled(room.place("sqlite")), room.place(to)

    def other(table, done, _total):
        if table == "tag" and not done:
            with pytest.raises(KeyboardInterrupt):
                copy_store(source, target, stopped)

    def stopped(*_):
        raise KeyboardInterrupt

    with pytest.raises(Conflict, match="another copy into it began"):
        copy_store(source, target, other)
    copy_store(source, target, quiet)
    assert rows(target, *NOT_THE_SAME) == rows(source, *NOT_THE_SAME)


def a_mark(connection):
    connection.execute(text("UPDATE token SET name = 'brought up to date: ' || name"))


@pytest.mark.parametrize("to", BOTH)
def test_an_older_file_is_brought_up_to_date_on_its_way_and_stays_as_it_is(room, to, monkeypatch):
    source, target = filled(room.place("sqlite")), room.place(to)
    before = room.looked(source).written()
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, a_mark))
    copy_store(source, target, quiet)
    assert room.looked(source).written() == before
    assert room.looked(target).rows("SELECT name FROM token") == [("brought up to date: ci",)]
    assert room.looked(target).rows("SELECT max(version) FROM migration") == [(len(migrations.MIGRATIONS),)]
    assert {path.name for path in target.key_file.parent.iterdir()} <= {"store.db", "store.db.key"}


def test_an_older_database_on_a_server_is_not_touched(room, monkeypatch):
    source = filled(room.place("postgresql"))
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, a_mark))
    with pytest.raises(Unavailable, match="of an older version"):
        copy_store(source, room.place("sqlite"), quiet)


@pytest.mark.parametrize("kind", BOTH)
def test_a_newer_store_is_refused(room, kind):
    source, target = filled(room.place(kind)), room.place("sqlite")
    room.looked(source).rows("INSERT INTO migration VALUES (?)", len(migrations.MIGRATIONS) + 1)
    with pytest.raises(Unavailable, match="this program knows"):
        copy_store(source, target, quiet)
    assert not Path(target.where).exists()


@pytest.mark.parametrize("kind", BOTH)
def test_a_place_without_a_store_is_no_source_and_nothing_is_made_there(room, kind):
    source = room.place(kind)
    source.key_file.write_bytes(KEY)
    with pytest.raises(Unavailable, match=r"no such file|no store is there"):
        copy_store(source, room.place("sqlite"), quiet)
    assert kind == "postgresql" or not Path(source.where).exists()


def test_a_copy_is_one_file_and_its_key_is_its_owners(room):
    source, target = filled(room.place("postgresql")), room.place("sqlite")
    copy_store(source, target, quiet)
    assert sorted(path.name for path in target.key_file.parent.iterdir()) == ["store.db", "store.db.key"]
    assert target.key_file.stat().st_mode & 0o777 == 0o600
    Path(target.where).chmod(0o400)
    target.key_file.parent.chmod(0o500)
    copy_store(target, room.place("sqlite"), quiet)
    target.key_file.parent.chmod(0o700)
