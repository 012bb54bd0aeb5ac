"""Which clusters have a text in their names: all names as one text, searched as fast as memory is read.

A name never changes and a number is never used twice, so new clusters are added at the end, and those that went may stay:
who asks brings the set of those that are there.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable

from pyroaring import BitMap

_END = b"\n"


class Names:
    def __init__(self, rows: Iterable[tuple[int, str]]) -> None:
        self._text = bytearray()
        self._starts = array("Q")
        self._numbers = array("I")
        self._known = BitMap()
        for number, name in rows:
            self.add(number, name)

    def add(self, number: int, name: str) -> None:
        """Adds a cluster that is not known yet; one that is stays as it is."""
        if number not in self._known:
            self._known.add(number)
            self._starts.append(len(self._text))
            self._numbers.append(number)
            self._text += name.lower().encode() + _END

    def having(self, part: str) -> BitMap:
        """The clusters with this text in their names, in any case."""
        wanted = part.lower().encode()
        if not wanted:
            return BitMap(self._numbers)
        found: list[int] = []
        at = self._text.find(wanted) if _END not in wanted else -1
        while at >= 0:
            place = bisect_right(self._starts, at) - 1
            found.append(self._numbers[place])
            after = self._starts[place + 1] if place + 1 < len(self._starts) else len(self._text)
            at = self._text.find(wanted, after)
        return BitMap(found)
