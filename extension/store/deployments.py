"""Deployments as rows: what a rollout step writes, and how far a bundle is (`design.md` decision 1).

A step is written with set statements over a table of cluster ids, whatever their number. The state of a row follows
from its other columns by the rules of objects/states.py, in one expression (STATE) that a test holds against them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec
from pyroaring import BitMap, FrozenBitMap
from sqlalchemy import Connection, Row, select, text

from extension.objects.content import content_id
from extension.objects.errors import Conflict
from extension.objects.helmop import HELM_NAME
from extension.objects.plan import Plan, Progress, Step, Variant
from extension.objects.states import State
from extension.store.clock import now
from extension.store.documents import Documents
from extension.store.schema import deployment_ids, variants
from extension.store.sealing import Seal
from extension.store.tallies import COLUMNS, touch

STATE = (
    f"CASE WHEN deleting THEN 0"
    f" WHEN applied_id <> live_id AND failed THEN {State.ErrApplied} WHEN applied_id <> live_id AND waiting THEN {State.Pending}"
    f" WHEN applied_id <> live_id THEN {State.WaitApplied}"
    f" WHEN NOT ready THEN {State.NotReady} WHEN live_id <> staged_id THEN {State.OutOfSync}"
    f" WHEN NOT non_modified THEN {State.Modified} ELSE {State.Ready} END"
)
REPO_NAME = "fleet.cattle.io/repo-name"
MAKERS = (
    f"JOIN object m ON m.kind = CASE l.key WHEN '{REPO_NAME}' THEN 'GitRepo' ELSE 'HelmOp' END"
    f" AND m.namespace = b.namespace AND m.name = l.value AND l.key IN ('{REPO_NAME}', '{HELM_NAME}')"
)
"""What a bundle `b` with the label `l` was made from, as `m`."""

_TEMPORARY = (
    "CREATE TEMP TABLE IF NOT EXISTS touched (cluster_id INTEGER PRIMARY KEY, old INTEGER NOT NULL)",
    "CREATE TEMP TABLE IF NOT EXISTS chosen (cluster_id INTEGER PRIMARY KEY)",
)


class Placed(msgspec.Struct, frozen=True):
    """A variant's row and the row of its deployment ID."""

    variant: int
    deployment_id: int


class Deployments:
    """Statements on deployment rows; the caller brings the connection of a write transaction."""

    def __init__(self, seal: Seal, documents: Documents) -> None:
        self._seal = seal
        self._documents = documents

    def progress(self, connection: Connection, bundle_id: int) -> Progress:
        """How far the bundle's rows are, as sets."""
        names = {row.id: row.text for row in connection.execute(select(deployment_ids).where(deployment_ids.c.bundle_id == bundle_id))}
        digests = {row.id: row.digest for row in connection.execute(select(variants).where(variants.c.bundle_id == bundle_id))}
        rows = connection.exec_driver_sql(
            "SELECT staged_id, live_id, applied_id, staged, live, ready, deleting, cluster_id FROM deployment WHERE bundle_id = ?"
            " ORDER BY 1, 2, 3, 4, 5, 6, 7",
            (bundle_id,),
        ).fetchall()
        staged: dict[str, BitMap] = defaultdict(BitMap)
        deployed: dict[str, BitMap] = defaultdict(BitMap)
        applied: dict[str, BitMap] = defaultdict(BitMap)
        staged_options: dict[str, BitMap] = defaultdict(BitMap)
        options: dict[str, BitMap] = defaultdict(BitMap)
        existing, ready, deleting = BitMap(), BitMap(), BitMap()
        for (staged_id, live_id, applied_id, staged_variant, live, is_ready, is_deleting), group in groupby(rows, key=_without_cluster):
            clusters = BitMap([row[7] for row in group])
            if is_deleting:
                deleting |= clusters
                continue
            existing |= clusters
            if is_ready:
                ready |= clusters
            for place, id_ in ((staged, staged_id), (deployed, live_id), (applied, applied_id)):
                if id_ in names:
                    place[names[id_]] |= clusters
            for place, variant in ((staged_options, staged_variant), (options, live)):
                if variant in digests:
                    place[digests[variant]] |= clusters
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

    def apply(self, connection: Connection, plan: Plan, step: Step, revision: int) -> None:
        """Writes a step; clusters that are gone are left out. Raises NotFound when the bundle is gone, Conflict when its
        content is another than the one that was planned."""
        bundle = self._documents.require(connection, plan.bundle)
        present = content_id(bundle.content or "")
        if len(plan.manifest_id) == len(present) and plan.manifest_id != present:
            raise Conflict(f"the content of {plan.bundle} was changed since it was planned", hint="plan it again")
        touched = FrozenBitMap.union(step.create, step.stage, step.promote, step.refresh, step.remove)
        for statement in _TEMPORARY:
            connection.exec_driver_sql(statement)
        self._remember(connection, bundle.id, touched)
        for assignment in plan.assignments:
            here = assignment.clusters & touched
            if here:
                placed = self._place(connection, bundle.id, bundle.content or "", assignment.variant)
                self._lay(connection, bundle.id, placed, here, step, revision)
        self._update(connection, bundle.id, step.promote, "live = staged, live_id = staged_id", revision)
        self._update(connection, bundle.id, step.remove, "deleting = 1", revision)
        self._count(connection, bundle.id, revision)
        touch(connection, maker_ids(connection, [bundle.id]), revision)
        self._sweep(connection, bundle.id, len(plan.assignments))

    def forget(self, connection: Connection, bundle_id: int, revision: int) -> int:
        """Marks every deployment of the bundle for removal; how many there are."""
        connection.exec_driver_sql(_TEMPORARY[0])
        rows = connection.exec_driver_sql("SELECT cluster_id, deleting FROM deployment WHERE bundle_id = ?", (bundle_id,)).fetchall()
        alive = FrozenBitMap([cluster_id for cluster_id, is_deleting in rows if not is_deleting])
        if alive:
            connection.exec_driver_sql(_TEMPORARY[1])
            self._remember(connection, bundle_id, alive)
            self._update(connection, bundle_id, alive, "deleting = 1", revision)
            self._count(connection, bundle_id, revision)
            touch(connection, maker_ids(connection, [bundle_id]), revision)
        return len(rows)

    def _remember(self, connection: Connection, bundle_id: int, clusters: FrozenBitMap) -> None:
        """The clusters a step touches and the state each is in before it (0 for none)."""
        _choose(connection, clusters)
        connection.exec_driver_sql("DELETE FROM touched")
        connection.exec_driver_sql(
            "INSERT INTO touched SELECT c.cluster_id, coalesce(d.state, 0) FROM chosen c"
            " LEFT JOIN deployment d ON d.bundle_id = ? AND d.cluster_id = c.cluster_id",
            (bundle_id,),
        )

    def _place(self, connection: Connection, bundle_id: int, content: str, variant: Variant) -> Placed:
        """The rows of a variant, made when it is new."""
        of_bundle = {"bundle": bundle_id, "text": variant.deployment_id}
        connection.execute(_ADD_ID, of_bundle)
        id_ = int(connection.execute(_FIND_ID, of_bundle).scalar_one())
        wanted = {"bundle": bundle_id, "id": id_, "digest": variant.digest}
        found = connection.execute(_FIND_VARIANT, wanted).scalar_one_or_none()
        if found is None:
            sealed = self._seal.close(msgspec.json.encode(variant.options), f"variant {bundle_id} {variant.digest}")
            found = connection.execute(_ADD_VARIANT, {**wanted, "content": content, "sealed": sealed}).scalar_one()
        return Placed(int(found), id_)

    def _lay(  # noqa: PLR0917
        self, connection: Connection, bundle_id: int, at: Placed, here: FrozenBitMap, step: Step, revision: int
    ) -> None:
        """Creates, stages and refreshes the rows of one variant."""
        if created := here & step.create:
            _choose(connection, created)
            connection.exec_driver_sql(
                "INSERT INTO deployment (bundle_id, cluster_id, staged, staged_id, live_id, applied_id, failed, waiting, ready,"
                " non_modified, deleting, state, asked, revision)"
                " SELECT ?, c.cluster_id, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, ?, ? FROM chosen c"
                " JOIN object o ON o.id = c.cluster_id AND o.kind = 'Cluster'",
                (bundle_id, at.variant, at.deployment_id, revision, revision),
            )
        variant = f"staged = {at.variant}, staged_id = {at.deployment_id}"
        self._update(connection, bundle_id, here & step.stage - step.create, variant, revision)
        live = f"{variant}, live = {at.variant}, live_id = {at.deployment_id}"
        self._update(connection, bundle_id, here & step.refresh, live, revision)

    def _update(self, connection: Connection, bundle_id: int, clusters: FrozenBitMap, values: str, revision: int) -> None:
        if clusters:
            _choose(connection, clusters)
            connection.exec_driver_sql(
                f"UPDATE deployment SET {values}, asked = ?, revision = ?"  # noqa: S608 (our own columns and integers)
                " WHERE bundle_id = ? AND cluster_id IN (SELECT cluster_id FROM chosen)",
                (revision, revision, bundle_id),
            )

    def _count(self, connection: Connection, bundle_id: int, revision: int) -> None:
        """Gives the touched rows their state and adds the difference to the tallies of the bundle and the clusters."""
        connection.exec_driver_sql(
            f"UPDATE deployment SET state = {STATE} WHERE bundle_id = ? AND cluster_id IN (SELECT cluster_id FROM touched)",  # noqa: S608
            (bundle_id,),
        )
        for statement, owner in ((_ADD_TO_CLUSTERS, None), (_ADD_TO_BUNDLE, bundle_id)):
            connection.execute(statement, {"bundle": bundle_id, "owner": owner, "revision": revision, "changed": now()})

    def _sweep(self, connection: Connection, bundle_id: int, planned: int) -> None:
        """Drops variants and deployment IDs no row points to, once there are more variants than the plan has."""
        if connection.exec_driver_sql("SELECT count(*) FROM variant WHERE bundle_id = ?", (bundle_id,)).scalar_one() <= planned:
            return
        used = "SELECT {0} FROM deployment WHERE bundle_id = :bundle"
        connection.execute(
            text(
                f"DELETE FROM variant WHERE bundle_id = :bundle AND id NOT IN ({used.format('staged')})"  # noqa: S608
                f" AND id NOT IN ({used.format('live')} AND live IS NOT NULL)"
            ),
            {"bundle": bundle_id},
        )
        connection.execute(
            text(
                f"DELETE FROM deployment_id WHERE bundle_id = :bundle AND id NOT IN ({used.format('applied_id')})"  # noqa: S608
                " AND id NOT IN (SELECT deployment_id FROM variant WHERE bundle_id = :bundle)"
            ),
            {"bundle": bundle_id},
        )
        connection.execute(
            text(
                "DELETE FROM content WHERE NOT EXISTS (SELECT 1 FROM object o WHERE o.kind = 'Bundle' AND o.content = sha256)"
                " AND NOT EXISTS (SELECT 1 FROM variant v WHERE v.content = sha256)"
            )
        )


def _without_cluster(row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row[:7])


def _frozen(sets: dict[str, BitMap]) -> dict[str, FrozenBitMap]:
    return {name: FrozenBitMap(clusters) for name, clusters in sets.items()}


def _choose(connection: Connection, clusters: Iterable[int]) -> None:
    connection.exec_driver_sql("DELETE FROM chosen")
    rows = [(cluster,) for cluster in clusters]
    if rows:
        connection.exec_driver_sql("INSERT INTO chosen VALUES (?)", rows)


def maker_ids(connection: Connection, bundle_ids: Iterable[int]) -> list[int]:
    """The GitRepos and HelmOps these bundles were made from."""
    found = connection.execute(
        text(
            f"SELECT DISTINCT m.id FROM label l JOIN object b ON b.id = l.object_id {MAKERS}"  # noqa: S608 (our own names, integers)
            f" WHERE l.object_id IN ({','.join(str(int(i)) for i in bundle_ids) or 'NULL'})"
        )
    )
    return [row.id for row in found]


def columns_of_states(new: str, old: str) -> Iterator[str]:
    """For each tally column, what a row adds to it by going from state `old` to `new`; resource counts stay."""
    for name in COLUMNS:
        yield f"({new} = {name[1:]}) - ({old} = {name[1:]})" if name.startswith("n") and name[1:].isdigit() else "0"


def _adding(owner: str, aggregate: str) -> str:
    sums = ", ".join(f"{aggregate}({column})" for column in columns_of_states("d.state", "t.old"))
    return (
        f"INSERT INTO tally (object_id, {', '.join(COLUMNS)}, revision, changed)"  # noqa: S608
        f" SELECT {owner}, {sums}, :revision, :changed FROM touched t"
        " JOIN deployment d ON d.bundle_id = :bundle AND d.cluster_id = t.cluster_id WHERE :owner IS NULL OR :owner IS NOT NULL"
        + (" HAVING count(*) > 0" if aggregate == "sum" else "")
        + " ON CONFLICT (object_id) DO UPDATE SET "
        + ", ".join(f"{c} = {c} + excluded.{c}" for c in COLUMNS)
        + ", revision = excluded.revision, changed = excluded.changed"
    )


_ADD_TO_CLUSTERS = text(_adding("t.cluster_id", ""))
_ADD_TO_BUNDLE = text(_adding(":owner", "sum"))
_ADD_ID = text("INSERT INTO deployment_id (bundle_id, text) VALUES (:bundle, :text) ON CONFLICT (bundle_id, text) DO NOTHING")
_FIND_ID = text("SELECT id FROM deployment_id WHERE bundle_id = :bundle AND text = :text")
_FIND_VARIANT = text("SELECT id FROM variant WHERE bundle_id = :bundle AND deployment_id = :id AND digest = :digest")
_ADD_VARIANT = text(
    "INSERT INTO variant (bundle_id, digest, deployment_id, content, sealed) VALUES (:bundle, :digest, :id, :content, :sealed) RETURNING id"
)
