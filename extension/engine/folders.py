"""The folders of directory clusters that change their workspace: a folder and an object can't be moved in one step, so what is under way is
noted in a file first, and whoever starts next brings the folder to where the object is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from extension.delivery.records import PRIVATE, write
from extension.engine.clusters import folder_of
from extension.objects.base import Key, prepare
from extension.objects.errors import Unavailable
from extension.objects.kinds import Cluster
from extension.settings import Settings
from extension.store.protocol import Store

log = structlog.get_logger()

MOVING = ".moving"
"""Folder of the notes, beside the workspaces' ones; no workspace can be called so."""


class Note(msgspec.Struct, frozen=True):
    """The move of a cluster. The object that has `uid` is gone from `source` when the move counts."""

    source: str
    target: str
    name: str
    uid: str


class Folders:
    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._notes = settings.directories / MOVING

    def of(self, workspace: str, name: str) -> Path:
        return folder_of(self._settings, Key(Cluster.KIND, workspace, name))

    @contextmanager
    def carried(self, cluster: Cluster, workspace: str) -> Iterator[None]:
        """While this lasts the cluster's folder, if it has one, is in the other workspace; it stays there unless an error ends this.

        Raises Unavailable when the folder can't be moved.
        """
        note = Note(cluster.metadata.namespace, workspace, cluster.metadata.name, cluster.metadata.uid)
        if not self.of(note.source, note.name).exists():
            yield
            return
        path = self._notes / f"{note.source}_{note.name}.json"
        write(path, msgspec.json.encode(note), PRIVATE)
        try:
            self._bring(note, note.target)
            yield
        finally:
            self._settle(path, note)

    def settle(self) -> None:
        """Ends what a killed process left half-done; called before any folder is used."""
        for path in sorted(self._notes.iterdir()) if self._notes.is_dir() else ():
            if path.suffix != ".json":  # a note that was never finished: nothing was moved yet
                path.unlink()
                continue
            try:
                self._settle(path, msgspec.json.decode(path.read_bytes(), type=Note))
            except (OSError, msgspec.MsgspecError, Unavailable) as error:
                log.warning("the folder of a moved cluster is not where it belongs", note=str(path), error=str(error))

    def _settle(self, path: Path, note: Note) -> None:
        old = self._store.find(Cluster, note.source, note.name)
        moved = old is None or old.metadata.uid != note.uid
        self._bring(note, note.target if moved else note.source)
        path.unlink(missing_ok=True)

    def _bring(self, note: Note, workspace: str) -> None:
        """Has the folder in this one of the two workspaces. Raises Unavailable when there is another one."""
        there = self.of(workspace, note.name)
        here = self.of(note.source if workspace == note.target else note.target, note.name)
        if not here.exists():
            return
        try:
            there.parent.mkdir(parents=True, exist_ok=True)
            here.rename(there)
        except OSError as error:
            place = f"{there.parent.name}/{there.name}"
            raise Unavailable(
                f"the cluster's folder can't be moved: {error.strerror}", where=str(here), hint=f"move it to {place}, or make room there"
            ) from None


prepare(Note)
