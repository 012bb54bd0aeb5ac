"""How far an agent is, in a text that a restored store does not misread.

Revisions start again from the backup when a store is restored, so a number alone could mean what came after the backup and is
lost. An agent is told `<epoch>.<revision>`: each start of the hub is an epoch, noted in the store. An epoch the store does
not know, or a revision beyond the one at which the next epoch began, is of a time that never was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from extension.store.asking import Asking

_TEXT = re.compile(r"([0-9a-f]{16})\.([0-9]{1,18})", re.ASCII)


class Epochs:
    """`begin` is called once, before anything is told."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._own = ""
        self._ends: Mapping[str, int | None] = {}

    def begin(self) -> None:
        self._own, self._ends = self._asking.begin()

    def told(self, revision: int) -> str:
        return f"{self._own}.{revision}"

    def revision(self, told: str) -> int:
        """The revision up to which an agent knows everything; 0 when it has to be told all again."""
        parts = _TEXT.fullmatch(told)
        if parts is None or parts[1] not in self._ends:
            return 0
        end, revision = self._ends[parts[1]], int(parts[2])
        return revision if end is None or revision <= end else 0
