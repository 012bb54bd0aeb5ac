"""Copies of a store, from either kind of database to either: whole or refused, and always begun anew after one that did not end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text

from extension.objects.errors import AlreadyExists, Conflict, Unavailable
from extension.objects.kinds import Bundle, Cluster, Secret
from extension.store import copying, migrations
from extension.store.copying import TABLES, Place, copy_store
from extension.store.migrations import UNFINISHED
from extension.store.opening import open_store
from tests.integration.postgres.server import KEY
from tests.unit.engine.rollouts import Rollouts
from tests.unit.store.places import BOTH, PostgresPlace
from tests.unit.store.places import Place as Looked
from tests.unit.store.samples import NS, bundle, cluster, secret

PAIRS = [(one, other) for one in BOTH for other in BOTH]
ACROSS = [pair for pair in PAIRS if pair[0] != pair[1]]
NOT_THE_SAME = {"lease", "key_sample"}
"""What a copy has of its own."""


def quiet(*_: Any) -> None:
    """Tells nobody."""


def on(pairs):
    return pytest.mark.parametrize(("kind", "to"), pairs, ids=["-".join(pair) for pair in pairs])


class Room:
    """Makes empty places; each has its key in a folder of its own."""

    def __init__(self, folder: Path, server: Any) -> None:
        self._folder, self._server, self.urls = folder, server, []
        self._seen = {}

    def place(self, kind: str) -> Place:
        folder = self._folder / f"p{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        if kind == "sqlite":
            return Place(folder / "store.db", folder / "store.db.key")
        self.urls.append(self._server.empty())
        return Place(self.urls[-1], folder / "store.db.key")

    def looked(self, place: Place) -> Looked:
        """What another program sees there."""
        made = Looked if isinstance(place.where, Path) else PostgresPlace
        return self._seen.setdefault(str(place.where), made(place.where))

    def close(self) -> None:
        for seen in self._seen.values():
            seen.close()
        for url in self.urls:
            self._server.drop(url)


@pytest.fixture
def room(tmp_path, request):
    made = Room(tmp_path, request.getfixturevalue("postgres"))
    yield made
    made.close()


@contextmanager
def opened(place):
    store = open_store(place.where, key_file=place.key_file)
    try:
        yield store
    finally:
        store.close()


def rows(place, *without):
    """All rows of all tables, values as they are whichever database they are in."""
    found = {}
    with opened(place) as store, store._database.read() as connection:
        for table in TABLES:
            if table.name not in without:
                found[table.name] = Counter(tuple(row) for row in connection.execute(table.select()).all())
    return found


def filled(place):
    """A store with something in each table."""
    with opened(place) as store:
        world = Rollouts(store)
        world.clusters("a", "b", env="prod")
        for name in ("web", "db"):
            world.add(name)
        world.report("web", "a")
        store.create(bundle("sealed", content="kind: ü\n\t\\N"))
        store.create(secret(password="hunter2"))
        for name in ("gone", "last"):  # the last ids that were given are of no object any more
            store.create(cluster(name))
            store.delete(Cluster, NS, name)
        store.asking.begin(1)
        store.asking.change_key(1, lambda was: was)
        store.tokens.create("ci", {"*": "admin"}, 3600.0)
        with store._database.write() as connection:
            for statement in (
                "INSERT INTO dropped (revision, bundle_id, cluster_id) VALUES (3, 1, 2)",
                "INSERT INTO webhook_delivery (workspace, verified, doc) VALUES ('', true, '{}')",
                "INSERT INTO errand (asked, begun) VALUES ('{}', false)",
                "INSERT INTO agent_key (cluster_id, newest, least, changed) VALUES (99, 1, 0, 1)",
                "INSERT INTO agent_successor (cluster_id, identity, successor) VALUES (98, 'ff', 99)",
                "INSERT INTO seen (cluster_id, at) SELECT id, '2026-01-01T00:00:00Z' FROM object WHERE kind = 'Cluster'",
                "INSERT INTO key_sample (id, sealed) SELECT 2, sealed FROM object WHERE sealed IS NOT NULL LIMIT 1",
            ):
                connection.execute(text(statement))
        assert store.lease.take("someone", "http://there", 3600.0) is not None
    return place


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
