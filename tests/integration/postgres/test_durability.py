"""What was acknowledged survives the server's kill; what several processes write is all there, in order, once."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time

import pytest

from extension.objects.errors import Unavailable
from extension.objects.kinds import Bundle, Cluster
from extension.store.opening import open_store
from extension.store.protocol import Query
from tests.integration.postgres.server import KEY, running
from tests.unit.store.samples import NS, bundle

WRITER = """
import sys
from extension.store.opening import open_store
from tests.integration.postgres.server import KEY
from tests.unit.store.samples import cluster
store = open_store(sys.argv[1], key=KEY)
sys.stdin.readline()
for number in range(60):
    print(store.create(cluster(f"{sys.argv[2]}-{number}")).metadata.resource_version, flush=True)
store.close()
"""


@pytest.fixture
def durable(postgres):
    """A server of its own, set up as a server is."""
    with running({}) as server:
        yield server


def writing(store, acknowledged, word):
    """Writes until the server is gone."""
    number = 0
    while True:
        name = f"{word}-{number}"
        try:
            store.create(bundle(name, content=f"kind: {name}"))
        except Unavailable:
            return
        acknowledged.append(name)
        number += 1


def test_what_was_acknowledged_before_the_server_is_killed_is_there_after_it(durable):
    store = open_store(durable.make(), key=KEY)
    acknowledged, writers, rounds = [], 3, 2
    for at in range(rounds):
        before = len(acknowledged)
        threads = [threading.Thread(target=writing, args=(store, acknowledged, f"r{at}w{number}")) for number in range(writers)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < before + 5:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.2))
        durable.kill()
        for thread in threads:
            thread.join()
        durable.start()
        for name in acknowledged:
            assert [r.content for r in store.get(Bundle, NS, name).spec.resources] == [f"kind: {name}"]
        changes = store.changes(0, limit=10**6)
        assert [change.revision for change in changes] == list(range(2, store.revision() + 1))
        assert len(changes) - len(acknowledged) in range(writers * (at + 1) + 1)  # written, and not yet told
    store.close()


def test_processes_that_write_side_by_side_lose_no_number_and_are_seen_in_order(postgres):
    url = postgres.make()
    store = open_store(url, key=KEY)
    start, each, names = store.revision(), 60, ("a", "b", "c")
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, url, name], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in names
    ]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    seen, deadline = [], time.monotonic() + 60
    while len(seen) < each * len(names):
        assert time.monotonic() < deadline
        at = seen[-1].revision if seen else start
        store.wait(at, 5)
        seen += store.changes(at)
    given = [[int(line) for line in child.communicate()[0].split()] for child in children]
    assert all(child.returncode == 0 for child in children)
    assert [change.revision for change in seen] == list(range(start + 1, start + 1 + each * len(names)))
    assert sorted(number for numbers in given for number in numbers) == [change.revision for change in seen]
    assert all(numbers == sorted(numbers) for numbers in given)
    assert len({change.key.name for change in seen}) == store.list(Cluster, Query(limit=1)).count == each * len(names)
    store.close()
    postgres.drop(url)


def test_a_dump_taken_while_it_is_written_to_is_a_whole_store_where_it_is_restored(postgres):
    url, other, dump = postgres.make(), postgres.make(), postgres.folder / "store.dump"
    store = open_store(url, key=KEY)
    acknowledged, stop = [], threading.Event()

    def write():
        while not stop.is_set():
            acknowledged.append(store.create(bundle(f"b{len(acknowledged)}", content=f"kind: {len(acknowledged)}")).metadata.name)

    thread = threading.Thread(target=write)
    thread.start()
    while len(acknowledged) < 5:
        time.sleep(0.005)
    told = len(acknowledged)
    postgres.run("pg_dump", "--format=custom", f"--file={dump}", url)
    stop.set()
    thread.join()
    postgres.run("pg_restore", "--clean", "--if-exists", "--no-owner", f"--dbname={other}", str(dump))
    restored = open_store(other, key=KEY)
    count = restored.list(Bundle).count
    assert told <= count <= len(acknowledged)
    for number in range(count):
        assert [r.content for r in restored.get(Bundle, NS, f"b{number}").spec.resources] == [f"kind: {number}"]
    assert len(restored.changes(0, limit=10**6)) == restored.revision() - 1
    made = restored.create(bundle("after"))
    assert int(made.metadata.resource_version) == restored.revision()
    for opened, place in ((store, url), (restored, other)):
        opened.close()
        postgres.drop(place)
