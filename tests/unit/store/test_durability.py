"""What was acknowledged survives a kill; a disk that is full or broken is an error with a next step, and nothing is half done."""

from __future__ import annotations

import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from extension.objects.errors import Unavailable
from extension.objects.kinds import Bundle, Cluster, Secret
from extension.store import copying
from extension.store.opening import open_store
from extension.store.protocol import Query
from tests.unit.store.places import Place
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, plan, rows, secret, step, variant


@pytest.fixture
def place(path):
    """These are about files."""
    return Place(path)


WRITER = """
import sys
from pathlib import Path
from extension.store.opening import open_store
from tests.unit.store.places import Place
from tests.unit.store.samples import bundle, secret
store = open_store(Path(sys.argv[1]))
start = store.revision()
for number in range(start, start + 100_000):
    store.create(bundle(f"b{number}", content=f"kind: {number}"))
    store.create(secret(f"s{number}", value=str(number)))
    print(number, flush=True)
"""


def killed(path, after):
    """Runs the writer, kills it some time after its first acknowledgement; the numbers it had acknowledged."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as child:
        first = child.stdout.readline()
        time.sleep(after)
        child.send_signal(signal.SIGKILL)
        told = first + child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    return [int(line) for line in told.split("\n")[:-1]]


def whole(path):
    """Whether SQLite finds the file in order."""
    return rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_what_was_acknowledged_before_a_kill_is_there_after_it(path):
    acknowledged = set()
    for _ in range(3):
        acknowledged.update(killed(path, random.uniform(0, 0.3)))
        store = open_store(path)
        for number in acknowledged:
            assert [r.content for r in store.get(Bundle, NS, f"b{number}").spec.resources] == [f"kind: {number}"]
            assert store.get(Secret, NS, f"s{number}").data == {"value": str(number).encode()}
        changes = store.changes(0, limit=10**6)
        assert [c.revision for c in changes] == list(range(2, store.revision() + 1))
        assert len(changes) - 2 * len(acknowledged) in range(2 * 3 + 1)  # at most a pair a kill was written and not yet told
        assert rows(path, "SELECT count(*) FROM content") == [(store.list(Bundle).count,)]
        store.close()
        assert whole(path)
    assert len(acknowledged) >= 3


@contextmanager
def no_more_pages(store):
    """SQLite itself refuses to let the file grow, as on a disk with no block left."""
    with store._database._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    sizes = []

    def limit(dbapi_connection, *_):
        dbapi_connection.execute(f"PRAGMA max_page_count={sizes[-1]}").close()

    from sqlalchemy import event

    event.listen(store._database._engine, "checkout", limit)
    try:
        sizes.append(pages)
        yield
    finally:
        sizes.append(2**30)
        with store._database._engine.connect():
            event.remove(store._database._engine, "checkout", limit)


@contextmanager
def no_larger_files(store):
    """No file of this process may grow beyond a size, as under a quota: writes end with an error, not with a short file."""
    size = max(file.stat().st_size for file in Path(store._database.where).parent.iterdir()) + 4096
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def fill(store):
    """Writes until it fails; what was acknowledged, and the error."""
    done = []
    for number in range(1000):
        try:
            done.append(store.create(bundle(f"b{number}", content=random.randbytes(30_000).hex())))
        except Unavailable as error:
            return done, error
    raise AssertionError("the disk did not fill up")


@pytest.mark.parametrize("full", [no_more_pages, no_larger_files])
def test_a_full_disk_is_said_so_keeps_what_was_written_and_takes_writes_again_once_there_is_room(store, path, full):
    store.create(cluster("one"))
    key = store.create(bundle("web", content="kind: A")).key
    with full(store):
        done, error = fill(store)
        before = store.revision()
        assert str(path) in str(error)
        assert "nothing was written" in error.hint
        assert error.status == 503
        number = store.object_id(cluster_key("one"))
        with pytest.raises(Unavailable):
            store.update(bundle("web", content=random.randbytes(300_000).hex()))
        assert [r.content for r in store.get(Bundle, NS, "web").spec.resources] == ["kind: A"]
        assert store.list(Bundle, Query(limit=1000)).count == len(done) + 1
        assert store.revision() == before
    wanted = variant(store, key)
    assert store.apply(plan(store, key, (wanted, [number])), step(create=[number], promote=[number])) == before + 1
    again, _ = store.create(bundle("after", content="kind: B")), store.create(secret(a="1"))
    assert again.metadata.resource_version == str(before + 2)
    assert [store.get(Bundle, NS, b.metadata.name).spec.resources for b in done] == [b.spec.resources for b in done]
    store.close()
    assert whole(path)


def test_a_file_that_another_process_does_not_let_go_of_is_said_so(path, monkeypatch):
    monkeypatch.setattr("extension.store.sqlite.BUSY_SECONDS", 0.05)
    store = open_store(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked") as raised:
            store.create(cluster("one"))
        assert "another process" in raised.value.hint
        assert store.list(Cluster).count == 0
    store.create(cluster("one"))
    store.close()


def junk(path):
    path.write_bytes(b"not a database at all" * 500)


def damaged(path):
    store = open_store(path)
    for number in range(50):
        store.create(cluster(f"c{number}"))
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = random.randbytes(len(data) - 4096)
    path.write_bytes(data)


def a_folder(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [(junk, "restore a backup"), (damaged, "restore a backup"), (a_folder, "folder")],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_a_file_that_is_no_store_is_refused_with_its_place_and_a_next_step(path, spoil, hint):
    spoil(path)
    with pytest.raises(Unavailable) as raised:
        open_store(path).list(Cluster)
    assert str(path) in str(raised.value)
    assert hint in raised.value.hint


def test_a_folder_that_cannot_be_made_is_an_error_with_its_place(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="file"):
        open_store(tmp_path / "file" / "store.db")


def test_a_backup_taken_while_it_is_written_to_is_a_whole_store(store, path, tmp_path):
    writing, made = threading.Event(), []

    def write():
        while not writing.is_set():
            made.append(store.create(bundle(f"b{len(made)}", content=f"kind: {len(made)}")))

    thread = threading.Thread(target=write)
    thread.start()
    while len(made) < 5:
        time.sleep(0.005)
    copy = tmp_path / "backup" / "store.db"
    told = len(made)
    copying.copy_store(*(copying.Place(one, one.with_name("store.db.key")) for one in (path, copy)), lambda *_: None)
    writing.set()
    thread.join()
    restored = open_store(copy)
    count = restored.list(Bundle).count
    assert told <= count <= len(made)
    assert [restored.get(Bundle, NS, b.metadata.name).spec for b in made[:count]] == [b.spec for b in made[:count]]
    restored.close()
