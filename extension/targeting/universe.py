"""What targeting may ask of the world: clusters as dense integers in bitmaps, found by name, label and group.

Targeting never walks over clusters; it asks for sets and combines them (`design.md` decision 1). `MemoryUniverse`
answers from lists of objects, a label index over the store answers for a million clusters. Every set is immutable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from pyroaring import FrozenBitMap

from extension.objects.plan import Group, Inputs
from extension.objects.selectors import LabelSelector

__all__ = ["DISPLAY_NAME", "Group", "Inputs", "Universe"]

DISPLAY_NAME = "management.cattle.io/cluster-display-name"
"""Label by which a `clusterName` finds a cluster, besides its own name."""


class Universe(Protocol):
    def mapped_namespaces(self, namespace: str, labels: Mapping[str, str]) -> Collection[str]:
        """The namespaces that the BundleNamespaceMappings in `namespace` open to a bundle with these labels (1.11).
        A mapping that lacks a selector, or has a broken one, opens none."""

    def clusters(self, namespace: str) -> FrozenBitMap: ...

    def named(self, namespace: str, name: str) -> FrozenBitMap:
        """The clusters whose name or DISPLAY_NAME label is `name`."""

    def select(self, namespace: str, selector: LabelSelector) -> FrozenBitMap:
        """The clusters whose labels the selector matches, all for an empty one. Raises Invalid for a broken one."""

    def groups(self, namespace: str) -> Sequence[Group]: ...

    def bare(self) -> FrozenBitMap:
        """Clusters without any label that templates see."""

    def by_label(self, key: str, clusters: FrozenBitMap) -> Mapping[str, FrozenBitMap]:
        """Those of `clusters` that have the label, by its value; no empty sets."""

    def inputs(self, clusters: FrozenBitMap) -> Iterator[tuple[int, Inputs]]: ...

    def sample(self, clusters: FrozenBitMap) -> Inputs:
        """One of `clusters`, where any of them will do: they agree on all that is read."""

    def first(self, clusters: FrozenBitMap, count: int) -> FrozenBitMap:
        """The `count` first of `clusters` in the order of their names (then namespaces); all when there are fewer."""

    def slices(self, clusters: FrozenBitMap, size: int) -> Sequence[FrozenBitMap]:
        """`clusters` in the order of their names (then namespaces), cut into runs of `size`; the last may be shorter."""

    def deleting(self) -> FrozenBitMap:
        """Clusters that are being deleted, which are nobody's targets."""

    def paused(self) -> FrozenBitMap:
        """Clusters with `spec.paused`."""

    def without_namespace(self) -> FrozenBitMap:
        """Clusters that have no `status.namespace` yet, so nothing can be deployed to them."""

    def off_schedule(self) -> FrozenBitMap:
        """Clusters of a Schedule outside of its window (3.9): they keep deployments that are no longer targeted."""
