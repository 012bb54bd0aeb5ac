"""How far a bundle's deployments are, as sets of clusters, brought up to date with the rows that changed since.

The rows of a bundle are read whole once; from then on a look costs what changed. Rows that went leave their ids in
`dropped`, the newest KEPT of them: who is further behind reads everything again. Two threads may ask at once.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from pyroaring import BitMap, FrozenBitMap
from sqlalchemy import Connection, select, text

from extension.objects.plan import Progress
from extension.store.bulk import fetched, load
from extension.store.schema import deployment_ids, variants

KEPT = 100_000

Place = tuple[int, int | None, int, int]
"""staged, live, applied_id, and 1 for ready, 2 for deleting: deployments that agree in these are one set."""
READY, DELETING = 1, 2


class _Variant(msgspec.Struct, frozen=True):
    deployment_id: str
    digest: str


class _Known(msgspec.Struct):
    revision: int
    places: dict[Place, BitMap]


class ProgressSets:
    """The sets of the bundles that were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, _Known] = {}
        self._wasteful: set[int] = set()

    def of(self, connection: Connection, bundle_id: int) -> Progress:
        """The bundle's progress in the snapshot of the connection."""
        ids = {row.id: row.text for row in connection.execute(select(deployment_ids).where(deployment_ids.c.bundle_id == bundle_id))}
        found = connection.execute(select(variants).where(variants.c.bundle_id == bundle_id)).all()
        made = {row.id: _Variant(ids.get(row.deployment_id, ""), row.digest) for row in found}
        of_variant = {row.id: row.deployment_id for row in found}
        with self._lock:
            places = self._places(connection, bundle_id)
            if _has_unused(places, of_variant, ids.keys()):
                self._wasteful.add(bundle_id)
            return _progress(places, made, ids)

    def wastes(self, bundle_id: int) -> bool:
        """Whether the bundle had variants or deployment IDs that no deployment uses when it was last looked at; asked once a look."""
        with self._lock:
            known = bundle_id in self._wasteful
            self._wasteful.discard(bundle_id)
            return known

    def forget(self, bundle_id: int) -> None:
        """Called when the bundle goes."""
        with self._lock:
            self._known.pop(bundle_id, None)
            self._wasteful.discard(bundle_id)

    def _places(self, connection: Connection, bundle_id: int) -> dict[Place, BitMap]:
        revision = int(connection.execute(text("SELECT number FROM sequence WHERE id = 1")).scalar_one())
        known = self._known.get(bundle_id)
        if known is not None and known.revision > revision:
            return _read(connection, bundle_id, 0)  # another thread looked at a later snapshot
        if known is None or known.revision < _remembered(connection):
            known = self._known[bundle_id] = _Known(revision, _read(connection, bundle_id, 0))
        elif known.revision < revision:
            gone = fetched(connection, _DROPPED, bundle=bundle_id, since=known.revision)
            changed = _read(connection, bundle_id, known.revision)
            other = BitMap([row[0] for row in gone]) | BitMap.union(BitMap(), *changed.values())
            for place in list(known.places):
                known.places[place] -= other
                if not known.places[place]:
                    del known.places[place]
            for place, clusters in changed.items():
                known.places[place] = known.places.get(place, BitMap()) | clusters
            known.revision = revision
        return known.places


def dropped(connection: Connection, rows: Sequence[tuple[int, int]], revision: int) -> None:
    """Remembers deployments (bundle, cluster) that were deleted, and forgets the oldest beyond the window."""
    if rows:
        load(connection, "dropped", ("revision", "bundle_id", "cluster_id"), [(revision, *row) for row in rows])
        connection.execute(_PRUNE, {"kept": KEPT})


def _remembered(connection: Connection) -> int:
    """The revision from which on all that was dropped is remembered."""
    return int(connection.execute(_OLDEST, {"kept": KEPT}).scalar_one_or_none() or 0)


def _read(connection: Connection, bundle_id: int, since: int) -> dict[Place, BitMap]:
    places: dict[Place, list[int]] = defaultdict(list)
    for row in fetched(connection, _SINCE if since else _ALL, bundle=bundle_id, since=since):
        places[row[:4]].append(row[4])
    return {place: BitMap(clusters) for place, clusters in places.items()}


def _has_unused(places: Iterable[Place], made: Mapping[int, int], ids: Collection[int]) -> bool:
    """`made` are the deployment IDs by variant, `ids` all there are."""
    used = {variant for wanted, live, _, _ in places for variant in (wanted, live) if variant is not None}
    told = {applied for _, _, applied, _ in places} | {made[variant] for variant in used & made.keys()}
    return any(variant not in used for variant in made) or any(id_ not in told for id_ in ids)


def _progress(places: dict[Place, BitMap], made: dict[int, _Variant], ids: dict[int, str]) -> Progress:
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


_COLUMNS = (
    "SELECT staged, live, applied_id, CASE WHEN ready THEN 1 ELSE 0 END + CASE WHEN deleting THEN 2 ELSE 0 END, cluster_id"
    " FROM deployment WHERE bundle_id = :bundle"
)
_ALL = text(f"{_COLUMNS} AND :since = 0")
_SINCE = text(f"{_COLUMNS} AND revision > :since")
_DROPPED = text("SELECT cluster_id FROM dropped WHERE revision > :since AND bundle_id = :bundle")
_OLDEST = text("SELECT revision FROM dropped ORDER BY revision DESC LIMIT 1 OFFSET :kept - 1")
_PRUNE = text("DELETE FROM dropped WHERE revision < (SELECT revision FROM dropped ORDER BY revision DESC LIMIT 1 OFFSET :kept - 1)")
