"""The order of clusters by name, for numbers: which come first of any set, without a look at a name."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import msgspec
from pyroaring import FrozenBitMap

_FEW = 8
"""Sets smaller than one in so many are sorted, for larger ones all clusters are gone through."""


class Ranks(msgspec.Struct, frozen=True):
    """Clusters in the order of their names, and by number the place of each in it."""

    order: array[int]
    known: FrozenBitMap
    of: array[int]

    @classmethod
    def by(cls, order: array[int]) -> Ranks:
        of = array("I", bytes(4 * (max(order, default=-1) + 1)))
        for place, number in enumerate(order):
            of[number] = place
        return cls(order, FrozenBitMap(order), of)

    def sorted(self, clusters: FrozenBitMap) -> Iterator[int]:
        """Those of these clusters that are known, by name."""
        if len(clusters) * _FEW < len(self.order):
            return iter(sorted(clusters & self.known, key=self.of.__getitem__))
        return (number for number in self.order if number in clusters)
