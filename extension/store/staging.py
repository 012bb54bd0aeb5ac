"""Many deployment rows written with a few statements: wishes in, rows and counters out.

What is wished for goes into a table of its own; one query makes of it and of the rows that are there what each row was and
will be; the rows and the counters are then written from that. So a step for a million clusters is a handful of statements,
and no row is written twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from pyroaring import FrozenBitMap
from sqlalchemy import Connection, text

from extension.objects.plan import Step
from extension.objects.states import State
from extension.store.bulk import fetched, load, temporary
from extension.store.clock import now
from extension.store.complaints import moved
from extension.store.schema import STATE_COLUMNS
from extension.store.tallies import COLUMNS, NO_COUNTS, RETURNING_COUNTS, Moves

STATE = (
    f"CASE WHEN deleting THEN 0"
    f" WHEN applied_id <> live_id AND failed THEN {State.ErrApplied} WHEN applied_id <> live_id AND waiting THEN {State.Pending}"
    f" WHEN applied_id <> live_id THEN {State.WaitApplied}"
    f" WHEN NOT ready THEN {State.NotReady} WHEN live_id <> staged_id THEN {State.OutOfSync}"
    f" WHEN NOT non_modified THEN {State.Modified} ELSE {State.Ready} END"
)
"""The state of a row, by the rules of objects/states.py."""

_BITS = {"create": 1, "stage": 2, "promote": 4, "refresh": 8, "remove": 16}


class Placed(msgspec.Struct, frozen=True):
    """A variant's row and the row of its deployment ID."""

    variant: int
    deployment_id: int


NOWHERE = Placed(0, 0)


class Wishes:
    """What is to become of a bundle's deployments, gathered and then written."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        for table, columns in _TEMPORARY.items():
            temporary(connection, table, columns)

    def add(self, placed: Placed, clusters: FrozenBitMap, step: Step) -> None:
        """Wishes of these clusters: what the step says, with this variant. A cluster is added once."""
        for bits, here in _parts(clusters, step):
            rows = [(cluster, placed.variant, placed.deployment_id, bits) for cluster in here]
            load(self._connection, "wish", ("cluster_id", "variant", "variant_id", "bits"), rows)

    def write(self, bundle_id: int, revision: int) -> Moves:
        """Writes the rows, and the difference to the tallies of the bundle and the clusters; what became of the bundle's. Clusters that
        are gone, and so have no tally any more, are left out."""
        values = {"bundle": bundle_id, "revision": revision, "changed": now()}
        before = fetched(self._connection, _COUNTS, bundle=bundle_id)
        for statement in (_OUTCOME, _ROWS, _ADD_TO_CLUSTERS):
            self._connection.execute(statement, {name: values[name] for name in values if f":{name}" in statement.text})
        after = fetched(self._connection, _ADD_TO_BUNDLE, **values)
        moved(self._connection, bundle_id)
        return {bundle: (tuple(before[0]) if before else NO_COUNTS, tuple(counts)) for bundle, *counts in after}


def _parts(clusters: FrozenBitMap, step: Step) -> Iterator[tuple[int, FrozenBitMap]]:
    """The clusters by the set of things that are to be done to them."""
    parts = {0: clusters}
    for name, bit in _BITS.items():
        wanted = getattr(step, name)
        hit = {bits | bit: part & wanted for bits, part in parts.items()}
        parts = {bits: part for bits, part in ({bits: part - wanted for bits, part in parts.items()} | hit).items() if part}
    yield from ((bits, part) for bits, part in parts.items() if bits)


def _bit(*names: str) -> str:
    return f"(w.bits & {sum(_BITS[name] for name in names)}) <> 0"


def columns_of_states(new: str, old: str) -> Iterator[str]:
    """For each tally column, what a row adds to it by going from state `old` to `new`; resource counts stay."""
    for name in COLUMNS:
        yield (
            f"CAST({new} = {name[1:]} AS INTEGER) - CAST({old} = {name[1:]} AS INTEGER)"
            if name.startswith("n") and name[1:].isdigit()
            else "0"
        )


def _adding(owner: str, aggregate: str, of_cluster: bool) -> str:
    sums = ", ".join(f"{aggregate}({column})" for column in columns_of_states("state", "old"))
    return (
        f"INSERT INTO tally (object_id, {', '.join(COLUMNS)}, revision, changed, of_cluster)"  # noqa: S608
        f" SELECT {owner}, {sums}, :revision, :changed, {str(of_cluster).lower()} FROM outcome"
        f" WHERE {'state <> old' if of_cluster else 'true'}"
        + (" HAVING count(*) > 0" if aggregate == "sum" else "")
        + " ON CONFLICT (object_id) DO UPDATE SET "
        + ", ".join(f"{c} = tally.{c} + excluded.{c}" for c in COLUMNS)
        + ", revision = excluded.revision, changed = excluded.changed"
    )


_TEMPORARY = {
    "wish": "cluster_id BIGINT PRIMARY KEY, variant BIGINT, variant_id BIGINT, bits INTEGER",
    "outcome": "cluster_id BIGINT PRIMARY KEY, old INTEGER, staged BIGINT, staged_id BIGINT, live BIGINT, live_id BIGINT,"
    " deleting BOOLEAN, state INTEGER, shape BIGINT",
}
_STAGED = _bit("create", "stage", "refresh")
_WISHED = (
    "SELECT w.cluster_id, coalesce(d.state, 0) AS old,"  # noqa: S608 (our own columns and integers)
    f" CASE WHEN {_STAGED} THEN w.variant ELSE d.staged END AS staged,"
    f" CASE WHEN {_STAGED} THEN w.variant_id ELSE d.staged_id END AS staged_id,"
    f" CASE WHEN {_bit('refresh')} OR ({_bit('promote')} AND {_STAGED}) THEN w.variant WHEN {_bit('promote')} THEN d.staged ELSE d.live END"
    " AS live,"
    f" CASE WHEN {_bit('refresh')} OR ({_bit('promote')} AND {_STAGED}) THEN w.variant_id WHEN {_bit('promote')} THEN d.staged_id"
    " ELSE coalesce(d.live_id, 0) END AS live_id,"
    f" CASE WHEN {_bit('remove')} THEN true ELSE coalesce(d.deleting, false) END AS deleting,"
    " coalesce(d.applied_id, 0) AS applied_id, coalesce(d.failed, false) AS failed, coalesce(d.waiting, false) AS waiting,"
    " coalesce(d.ready, false) AS ready, coalesce(d.non_modified, false) AS non_modified, coalesce(d.shape, 0) AS shape"
    " FROM wish w"
    " LEFT JOIN deployment d ON d.bundle_id = :bundle AND d.cluster_id = w.cluster_id"
    f" WHERE (d.cluster_id IS NOT NULL OR {_bit('create')}) AND EXISTS (SELECT 1 FROM tally y WHERE y.object_id = w.cluster_id)"
)
_OUTCOME = text(
    "INSERT INTO outcome (cluster_id, old, staged, staged_id, live, live_id, deleting, state, shape)"  # noqa: S608
    f" SELECT cluster_id, old, staged, staged_id, live, live_id, deleting, {STATE}, shape FROM ({_WISHED}) AS wished"
)
_ROWS = text(
    "INSERT INTO deployment (bundle_id, cluster_id, staged, staged_id, live, live_id, applied_id, failed, waiting, ready, non_modified,"
    " deleting, state, asked, revision)"
    " SELECT :bundle, cluster_id, staged, staged_id, live, live_id, 0, false, false, false, false, deleting, state, :revision, :revision"
    " FROM outcome WHERE true"
    " ON CONFLICT (bundle_id, cluster_id) DO UPDATE SET staged = excluded.staged, staged_id = excluded.staged_id, live = excluded.live,"
    " live_id = excluded.live_id, deleting = excluded.deleting, state = excluded.state, asked = excluded.asked,"
    " revision = excluded.revision"
)
_ADD_TO_CLUSTERS = text(_adding("cluster_id", "", True))
_ADD_TO_BUNDLE = text(_adding(":bundle", "sum", False) + RETURNING_COUNTS)
_COUNTS = text(f"SELECT {', '.join(STATE_COLUMNS)} FROM tally WHERE object_id = :bundle")  # noqa: S608 (our own names)
