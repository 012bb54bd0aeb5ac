"""The rules of each workspace, read once and again when one of their objects changes: they are asked for with every look."""

from __future__ import annotations

import threading

from extension.engine.stored import listed
from extension.objects.kinds import GitRepoRestriction, Policy
from extension.store.protocol import Change, Store
from extension.targeting.admission import Rules


class Policies:
    """Callable: workspace -> its rules. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, Rules] = {}
        self._changes = 0

    def __call__(self, workspace: str) -> Rules:
        with self._lock:
            known, before = self._known.get(workspace), self._changes
        if known is not None:
            return known
        found = Rules.of(listed(self._store, GitRepoRestriction, workspace), listed(self._store, Policy, workspace))
        with self._lock:
            if self._changes == before:  # what changed while it was read must not be remembered as it was
                self._known[workspace] = found
        return found

    def changed(self, change: Change) -> None:
        with self._lock:
            self._changes += 1
            self._known.pop(change.key.namespace, None)

    def forget(self) -> None:
        """Reads everything anew: changes were missed."""
        with self._lock:
            self._changes += 1
            self._known.clear()
