"""What deployments complain of, counted by the shape of their messages in the transaction that changes one.

Shapes are a bundle's own, as deployment IDs are: who may not see a bundle never meets its messages, and what goes with it is found
by its number. A bundle whose deployments say nothing costs nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import BindParameter, Connection, bindparam, text

from extension.objects.kinds import BundleDeploymentStatus, Cluster
from extension.objects.shapes import OTHER, complaint, digest, shape
from extension.store.bulk import fetched, many
from extension.store.clock import now
from extension.store.population import DISPLAY_NAME

MOST = 200
"""So many shapes of a bundle are told apart; all further messages are one more."""
EXAMPLE = 1000
"""So many characters of an example are kept."""
_AT_ONCE = 500

Place = tuple[int, int]
"""A shape (0: none) and a State."""


class Complaints:
    """The complaints of one transaction: `shape` and `move` for every row, and then `write`. `clusters` are those with a complaint."""

    def __init__(self, connection: Connection, clusters: Collection[int]) -> None:
        self._connection = connection
        self._names = _names(connection, sorted(clusters))
        self._known: dict[int, dict[str, int]] = {}
        self._counts: Counter[tuple[int, int, int]] = Counter()

    def shape(self, bundle_id: int, cluster_id: int, status: BundleDeploymentStatus) -> int:
        """The number of the shape of what a report says, made when it is new; 0 when it says nothing."""
        message = complaint(status)
        if not message:
            return 0
        shaped = shape(message, self._names.get(cluster_id, ())) or OTHER
        known = self._of(bundle_id)
        named = digest(shaped)
        if named not in known and len(known) >= MOST:
            shaped, named = OTHER, digest(OTHER)
        if named not in known:
            new = {"bundle": bundle_id, "digest": named, "text": _stored(shaped), "example": _stored(message[:EXAMPLE])}
            known[named] = int(self._connection.execute(_ADD, new).scalar_one())
        return known[named]

    def move(self, bundle_id: int, old: Place, new: Place | None) -> None:
        """A deployment went from one place to another; None: it is gone."""
        if new is not None and old == new:
            return
        if old[0]:
            self._counts[bundle_id, *old] -= 1
        if new is not None and new[0]:
            self._counts[bundle_id, *new] += 1

    def write(self) -> None:
        changed = now()
        rows = [(*place, count, changed) for place, count in sorted(self._counts.items()) if count]
        many(self._connection, _COUNT, rows)
        if rows:
            _prune(self._connection, {place[0] for place in self._counts})

    def _of(self, bundle_id: int) -> dict[str, int]:
        """The shapes of a bundle by their digests."""
        if bundle_id not in self._known:
            self._known[bundle_id] = dict(fetched(self._connection, _OF_BUNDLE, bundle=bundle_id))
        return self._known[bundle_id]


def _names(connection: Connection, clusters: Sequence[int]) -> dict[int, list[str]]:
    """What these clusters are called."""
    found: dict[int, list[str]] = defaultdict(list)
    for at in range(0, len(clusters), _AT_ONCE):
        for cluster, name in fetched(connection, _NAMES, clusters=clusters[at : at + _AT_ONCE], display=DISPLAY_NAME):
            found[cluster].append(name)
    return found


def shapes_of(connection: Connection, digests: Collection[str]) -> list[tuple[int, int]]:
    """The shapes of any bundle with these names, each with its bundle."""
    return [(row[0], row[1]) for row in fetched(connection, _NAMED, digests=sorted(digests))]


def moved(connection: Connection, bundle_id: int) -> None:
    """Counts the deployments of `outcome`, which went from `old` to `state` and kept their shapes (`staging.py`)."""
    if connection.execute(_HAS_SHAPES, {"bundle": bundle_id}).first() is None:
        return
    connection.execute(_MOVE, {"bundle": bundle_id, "changed": now()})
    connection.execute(_DROP_EMPTY, {"bundles": [bundle_id]})


def _prune(connection: Connection, bundles: Collection[int]) -> None:
    """Drops what no deployment of these bundles says any more."""
    connection.execute(_DROP_EMPTY, {"bundles": sorted(bundles)})
    connection.execute(_DROP_UNUSED, {"bundles": sorted(bundles)})


def _stored(text: str) -> str:
    """A text that every database takes."""
    return text.replace("\x00", "").encode(errors="replace").decode()


_OF_BUNDLE = text("SELECT digest, id FROM shape WHERE bundle_id = :bundle")
_NAMED = text("SELECT bundle_id, id FROM shape WHERE digest IN :digests ORDER BY id").bindparams(bindparam("digests", expanding=True))
_HAS_SHAPES = text("SELECT 1 FROM shape WHERE bundle_id = :bundle LIMIT 1")
_ADD = text("INSERT INTO shape (bundle_id, digest, text, example) VALUES (:bundle, :digest, :text, :example) RETURNING id")
_NAMES = text(
    f"SELECT id, name FROM object WHERE kind = '{Cluster.KIND}' AND id IN :clusters"  # noqa: S608 (our own name)
    " UNION SELECT object_id, value FROM label WHERE object_id IN :clusters AND key = :display"
).bindparams(bindparam("clusters", expanding=True))
_ADDED = " ON CONFLICT (bundle_id, shape_id, state) DO UPDATE SET n = complaint.n + excluded.n"
_COUNT = f"INSERT INTO complaint (bundle_id, shape_id, state, n, since) VALUES (?, ?, ?, ?, ?){_ADDED}"  # noqa: S608 (ours)
_MOVE = text(
    "INSERT INTO complaint (bundle_id, shape_id, state, n, since)"  # noqa: S608 (ours)
    " SELECT :bundle, shape, at, sum(step), :changed FROM ("
    "SELECT shape, old AS at, -1 AS step FROM outcome WHERE shape <> 0 AND old <> state"
    " UNION ALL SELECT shape, state, 1 FROM outcome WHERE shape <> 0 AND old <> state) AS steps GROUP BY shape, at HAVING sum(step) <> 0"
    f"{_ADDED}"
)
_BUNDLES: BindParameter[int] = bindparam("bundles", expanding=True)
_DROP_EMPTY = text("DELETE FROM complaint WHERE bundle_id IN :bundles AND n = 0").bindparams(_BUNDLES)
_DROP_UNUSED = text(
    "DELETE FROM shape WHERE bundle_id IN :bundles AND id NOT IN (SELECT shape_id FROM complaint WHERE bundle_id IN :bundles)"
).bindparams(_BUNDLES)
