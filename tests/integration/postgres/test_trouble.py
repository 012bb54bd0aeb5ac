"""A server that can't be used: what is said of it, without a login, and that all goes on by itself when it can be used again."""

from __future__ import annotations

import threading

import pytest

from extension.objects.errors import Invalid, Unavailable
from extension.objects.kinds import Cluster
from extension.store import postgres as module
from extension.store.opening import open_store
from tests.integration.postgres.server import GUEST, KEY, Server, running
from tests.unit.store.samples import NS, cluster, listed

PASSWORD = "canary-of-a-password"


@pytest.fixture
def url(postgres):
    made = postgres.make()
    yield made
    postgres.drop(made)


@pytest.fixture
def store(url):
    opened = open_store(url, key=KEY)
    yield opened
    opened.close()


def guest(url: str, password: str = PASSWORD) -> str:
    return url.replace("store@", f"{GUEST}:{password}@")


@pytest.fixture(scope="module")
def known(postgres: Server) -> None:
    postgres.execute(f"CREATE ROLE {GUEST} LOGIN PASSWORD '{PASSWORD}'")


def refused(url: str) -> Unavailable:
    with pytest.raises(Unavailable) as raised:
        open_store(url, key=KEY)
    assert PASSWORD not in str(raised.value)
    assert GUEST not in str(raised.value)
    return raised.value


def test_a_server_that_is_not_there_is_named_without_the_login(tmp_path):
    error = refused(f"postgresql://{GUEST}:{PASSWORD}@127.0.0.1:9/store?connect_timeout=2")
    assert str(error).startswith("postgresql://127.0.0.1:9/store: ")
    assert "see that the server runs" in error.hint


def test_a_wrong_password_is_said_so_and_is_in_no_message(url, known):
    assert "user and password" in refused(guest(url, f"{PASSWORD}-wrong")).hint


def test_a_database_that_is_not_there_is_to_be_created(postgres):
    assert "create the database" in refused(postgres.url("nowhere")).hint


def test_a_database_of_another_encoding_is_refused(postgres):
    url = postgres.empty("ENCODING SQL_ASCII LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0")
    assert "UTF8" in refused(url).hint
    postgres.drop(url)


def test_a_user_who_may_make_no_tables_is_told_what_to_grant(postgres, known):
    url = postgres.empty()
    assert "owner of the database" in refused(guest(url)).hint
    postgres.drop(url)


def test_a_standby_is_told_from_a_primary(postgres, url):
    name = url.partition("@/")[2].partition("?")[0]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "standby" in refused(url).hint


def test_too_many_connections_are_said_so(postgres, url, known):
    postgres.execute(f"ALTER ROLE {GUEST} CONNECTION LIMIT 0")
    assert "max_connections" in refused(guest(url)).hint
    postgres.execute(f"ALTER ROLE {GUEST} CONNECTION LIMIT -1")


@pytest.mark.parametrize("spoiled", ["{0}%zz@host/db", "{0}@host/db?colour=red", "{0}@[::1/db"])
def test_a_url_that_can_not_be_read_is_refused_without_a_word_of_it(spoiled):
    with pytest.raises(Invalid) as raised:
        open_store(f"postgresql://{spoiled.format(f'{GUEST}:{PASSWORD}')}", key=KEY)
    assert PASSWORD not in str(raised.value)
    assert "postgresql://USER:PASSWORD@HOST" in raised.value.hint


def test_another_process_that_does_not_let_go_is_said_so(url, store, monkeypatch):
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    waiting = open_store(url, key=KEY)
    with store._database.write(), pytest.raises(Unavailable) as raised:
        waiting.create(cluster("one"))
    assert "another process writes" in raised.value.hint
    waiting.create(cluster("one"))
    waiting.close()


def terminated(store, connection) -> None:
    """The server ends the connection."""
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with store._database._engine.connect() as other:
        assert other.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)").scalar_one()


def test_a_connection_lost_before_the_commit_wrote_nothing_and_the_next_is_made_by_itself(store):
    before = store.revision()
    with pytest.raises(Unavailable) as raised, store._database.write() as connection:
        store._database.next_revision(connection)
        terminated(store, connection)
        store._database.next_revision(connection)
    assert "nothing was written" in raised.value.hint
    assert store.revision() == before
    store.create(cluster("one"))


def test_of_a_connection_lost_in_the_commit_it_is_not_said_that_nothing_was_written(store):
    with pytest.raises(Unavailable) as raised, store._database.write() as connection:
        terminated(store, connection)
    assert "not known" in raised.value.hint
    store.create(cluster("one"))


def test_a_server_that_stops_and_starts_again_is_used_again_by_all_threads(request):
    request.getfixturevalue("postgres")  # skips where there is none
    with running() as server:
        store = open_store(server.make(), key=KEY)
        store.create(cluster("one"))
        barrier = threading.Barrier(4)

        def use() -> None:
            with store._database.read():
                barrier.wait()  # so that there are four connections

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.stop()
        with pytest.raises(Unavailable):
            store.get(Cluster, NS, "one")
        with pytest.raises(Unavailable):
            store.create(cluster("two"))
        server.start()
        for _ in range(5):
            assert listed(store, Cluster) == ["one"]
        store.create(cluster("two"))
        store.close()


def test_a_store_on_a_server_needs_a_key(url):
    with pytest.raises(Invalid, match="key"):
        open_store(url)


def test_a_key_file_is_made_by_the_first_and_another_key_is_refused_before_anything_is_sealed(postgres, tmp_path):
    url = postgres.empty()
    open_store(url, key_file=tmp_path / "first").close()
    open_store(url, key=(tmp_path / "first").read_bytes()).close()
    with pytest.raises(Unavailable, match="is missing"):
        open_store(url, key_file=tmp_path / "second")
    with pytest.raises(Unavailable, match="does not belong"):
        open_store(url, key=KEY)
    postgres.drop(url)


def test_commits_are_on_disk_also_where_the_server_would_answer_before(postgres, url):
    name = url.partition("@/")[2].partition("?")[0]
    postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    store = open_store(url, key=KEY)
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    store.close()
