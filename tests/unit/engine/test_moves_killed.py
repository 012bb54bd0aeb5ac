"""A move that is cut off at any point ends as one that was made whole or not at all, once somebody starts again."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from extension.engine.folders import MOVING, Folders
from extension.engine.moves import Moves
from extension.objects.errors import Conflict, Unavailable
from extension.objects.kinds import Cluster
from extension.objects.marks import DIRECTORY
from extension.objects.moving import Move
from extension.settings import Settings
from extension.store.opening import open_store
from tests.fakes.watched import WatchedStore
from tests.unit.engine.samples import NS, cluster, cluster_key, workspace
from tests.unit.targeting.worlds import Substituting

RUN = "import sys; from tests.unit.engine.test_moves_killed import every_kill; every_kill(sys.argv[1])"
WRITES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")


def prepared(state):
    """A store with the cluster `a`, which has a folder with a file."""
    state.mkdir(parents=True)
    store = open_store(state / "store.db")
    for name in (NS, "new"):
        store.create(workspace(name))
    store.create(cluster("a", annotations={DIRECTORY: "true"}))
    folder = Settings(state_dir=state).directories / NS / "a"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text("kept")
    return store


def moves(store, state):
    return Moves(store, Substituting(), Settings(state_dir=state), lambda _key: nullcontext())


def places(store, state):
    """In which workspaces the object is, in which the folder, and what notes are left."""
    directories = Settings(state_dir=state).directories
    objects = [space for space in (NS, "new") if store.find(Cluster, space, "a")]
    folders = [space for space in (NS, "new") if (directories / space / "a" / "a.yaml").exists()]
    return objects, folders, sorted(path.name for path in (directories / MOVING).glob("*"))


def killed(state, number):
    """Moves the cluster in a process of its own, which is killed before its write of that number; whether it came so far."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left, armed = number, False

    def point(*_):
        nonlocal left
        left -= 1
        if armed and left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(event, args):
        if armed and event in WRITES and str(args[0]).startswith(str(state / "clusters")):
            point()

    sys.addaudithook(heard)
    store = WatchedStore(open_store(state / "store.db"))
    store.before["move"] = store.after["move"] = point
    armed = True
    moves(store, state).move(cluster_key("a"), Move("new"), False)
    os._exit(0)


def every_kill(folder):
    """A line for each write that a move was killed before: where the cluster was then, and after the next start."""
    number, went_on = 0, True
    while went_on:
        state = Path(folder) / str(number)
        prepared(state).close()
        went_on = killed(state, number)
        store = open_store(state / "store.db")
        before = places(store, state)
        Folders(store, Settings(state_dir=state)).settle()
        print((before, places(store, state)))
        store.close()
        shutil.rmtree(state)
        number += 1


def test_a_move_that_is_killed_before_any_of_its_writes_leaves_object_and_folder_in_one_place(tmp_path):
    told = subprocess.run([sys.executable, "-c", RUN, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120)
    found = [ast.literal_eval(line) for line in told.stdout.splitlines()]
    after = [after for _, after in found]
    assert set(map(str, after)) == {str(([NS], [NS], [])), str((["new"], ["new"], []))}
    assert any(objects != folders for (objects, folders, _), _ in found), "no kill came between folder and object"
    assert len(found) >= 6, told.stdout


@pytest.fixture
def world(tmp_path):
    store = prepared(tmp_path / "state")
    yield store, tmp_path / "state"
    store.close()


def test_a_move_the_store_refuses_brings_the_folder_back(world):
    store, state = world
    watched = WatchedStore(store)

    def somebody_else():
        store.update_status(store.get(Cluster, NS, "a"))
        labelled = store.get(Cluster, NS, "a")
        labelled.metadata.labels["by"] = "somebody"
        store.update(labelled)

    watched.before["move"] = somebody_else
    with pytest.raises(Conflict, match="was changed since it was read"):
        moves(watched, state).move(cluster_key("a"), Move("new"), False)
    assert places(store, state) == ([NS], [NS], [])
    moves(store, state).move(cluster_key("a"), Move("new"), False)
    assert places(store, state) == (["new"], ["new"], [])


def test_a_folder_that_can_not_be_moved_stops_the_move_and_says_where_it_is(world):
    store, state = world
    (state / "clusters" / "new").write_text("no folder")
    with pytest.raises(Unavailable, match="folder can't be moved"):
        moves(store, state).move(cluster_key("a"), Move("new"), False)
    assert places(store, state) == ([NS], [NS], [])


def test_a_note_that_can_not_be_read_stops_no_start(world):
    store, state = world
    notes = state / "clusters" / MOVING
    notes.mkdir()
    (notes / "broken.json").write_text("{")
    Folders(store, Settings(state_dir=state)).settle()
    assert places(store, state) == ([NS], [NS], ["broken.json"])


def test_finalizers_and_the_rest_of_the_metadata_move_along_and_no_two_clusters_are_ever_seen(world):
    store, state = world
    before = store.revision()
    moves(store, state).move(cluster_key("a"), Move("new"), False)
    told = [(one.key.namespace, one.type) for one in store.changes(before) if one.key.kind == "Cluster"]
    assert sorted(told) == [("new", "ADDED"), (NS, "DELETED")]
    assert len({one.revision for one in store.changes(before)}) == 1
