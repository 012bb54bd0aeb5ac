"""How far a bundle's deployments are, as sets of clusters, brought up to date with the rows that changed since (`rowsets.py`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import msgspec
from pyroaring import BitMap, FrozenBitMap
from sqlalchemy import Connection, select

from extension.objects.plan import Progress
from extension.store.rowsets import RowSets
from extension.store.schema import deployment_ids, variants

Place = tuple[int, int | None, int, int]
"""staged, live, applied_id, and 1 for ready, 2 for deleting: deployments that agree in these are one set."""
READY, DELETING = 1, 2


class _Variant(msgspec.Struct, frozen=True):
    deployment_id: str
    digest: str


class ProgressSets:
    """The sets of the bundles that were asked for."""

    def __init__(self) -> None:
        self._sets = RowSets(_COLUMNS)
        self._wasteful: set[int] = set()

    def of(self, connection: Connection, bundle_id: int) -> Progress:
        """The bundle's progress in the snapshot of the connection."""
        ids = {row.id: row.text for row in connection.execute(select(deployment_ids).where(deployment_ids.c.bundle_id == bundle_id))}
        found = connection.execute(select(variants).where(variants.c.bundle_id == bundle_id)).all()
        made = {row.id: _Variant(ids.get(row.deployment_id, ""), row.digest) for row in found}
        of_variant = {row.id: row.deployment_id for row in found}
        with self._sets.lock:
            places = self._sets.of(connection, bundle_id)
            if _has_unused(places, of_variant, ids.keys()):
                self._wasteful.add(bundle_id)
            return _progress(places, made, ids)

    def wastes(self, bundle_id: int) -> bool:
        """Whether the bundle had variants or deployment IDs that no deployment uses when it was last looked at; asked once a look."""
        with self._sets.lock:
            known = bundle_id in self._wasteful
            self._wasteful.discard(bundle_id)
            return known

    def forget(self, bundle_id: int) -> None:
        """Called when the bundle goes."""
        self._sets.forget(bundle_id)
        with self._sets.lock:
            self._wasteful.discard(bundle_id)


def _has_unused(places: Iterable[Place], made: Mapping[int, int], ids: Collection[int]) -> bool:
    """`made` are the deployment IDs by variant, `ids` all there are."""
    used = {variant for wanted, live, _, _ in places for variant in (wanted, live) if variant is not None}
    told = {applied for _, _, applied, _ in places} | {made[variant] for variant in used & made.keys()}
    return any(variant not in used for variant in made) or any(id_ not in told for id_ in ids)


def _progress(places: Mapping[Place, BitMap], made: dict[int, _Variant], ids: dict[int, str]) -> Progress:
    staged: dict[str, BitMap] = defaultdict(BitMap)
    deployed: dict[str, BitMap] = defaultdict(BitMap)
    applied: dict[str, BitMap] = defaultdict(BitMap)
    staged_options: dict[str, BitMap] = defaultdict(BitMap)
    options: dict[str, BitMap] = defaultdict(BitMap)
    existing, ready, deleting = BitMap(), BitMap(), BitMap()
    for (wanted, live, applied_id, flags), clusters in places.items():
        if flags & DELETING:
            deleting |= clusters
            continue
        existing |= clusters
        if flags & READY:
            ready |= clusters
        for by_id, by_digest, variant in ((staged, staged_options, wanted), (deployed, options, live)):
            if variant in made:
                by_id[made[variant].deployment_id] |= clusters
                by_digest[made[variant].digest] |= clusters
        if applied_id in ids:
            applied[ids[applied_id]] |= clusters
    return Progress(
        existing=FrozenBitMap(existing),
        staged=_frozen(staged),
        deployed=_frozen(deployed),
        applied=_frozen(applied),
        staged_options=_frozen(staged_options),
        options=_frozen(options),
        ready=FrozenBitMap(ready),
        deleting=FrozenBitMap(deleting),
    )


def _frozen(sets: dict[str, BitMap]) -> dict[str, FrozenBitMap]:
    return {name: FrozenBitMap(clusters) for name, clusters in sets.items()}


_COLUMNS = "staged, live, applied_id, CASE WHEN ready THEN 1 ELSE 0 END + CASE WHEN deleting THEN 2 ELSE 0 END"
