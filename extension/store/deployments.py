"""Deployments as rows: what a rollout step writes, and how far a bundle is (`design.md` decision 1).

A step is written with set statements over a table of cluster ids, whatever their number (`staging.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from pyroaring import FrozenBitMap
from sqlalchemy import Connection, text

from extension.objects.content import content_id
from extension.objects.errors import Conflict
from extension.objects.helmop import HELM_NAME
from extension.objects.plan import NONE, Plan, Step, Variant
from extension.store import wordings
from extension.store.bulk import fetched
from extension.store.documents import Documents
from extension.store.sealing import Seal
from extension.store.staging import NOWHERE, Placed, Wishes
from extension.store.tallies import Moves, touch

REPO_NAME = "fleet.cattle.io/repo-name"
MAKERS = (
    f"JOIN object m ON m.kind = CASE l.key WHEN '{REPO_NAME}' THEN 'GitRepo' ELSE 'HelmOp' END"
    f" AND m.namespace = b.namespace AND m.name = l.value AND l.key IN ('{REPO_NAME}', '{HELM_NAME}')"
)
"""What a bundle `b` with the label `l` was made from, as `m`."""


class Deployments:
    """Statements on deployment rows; the caller brings the connection of a write transaction."""

    def __init__(self, seal: Seal, documents: Documents) -> None:
        self._seal = seal
        self._documents = documents

    def apply(self, connection: Connection, plan: Plan, step: Step, revision: int) -> Moves:
        """Writes a step; clusters that are gone are left out. What became of the bundle's counts. Raises NotFound when the bundle is gone,
        Conflict when its content is another than the one that was planned."""
        bundle = self._documents.require(connection, plan.bundle)
        present = content_id(bundle.content or "")
        if len(plan.manifest_id) == len(present) and plan.manifest_id != present:
            raise Conflict(f"the content of {plan.bundle} was changed since it was planned", hint="plan it again")
        touched = FrozenBitMap.union(step.create, step.stage, step.promote, step.refresh, step.remove)
        wishes = Wishes(connection)
        for assignment in plan.assignments:
            if here := assignment.clusters & touched:
                wishes.add(self._place(connection, bundle.id, bundle.content or "", assignment.variant), here, step)
        wishes.add(NOWHERE, touched - plan.clusters, msgspec.structs.replace(step, create=NONE, stage=NONE, refresh=NONE))
        moves = wishes.write(bundle.id, revision)
        touch(connection, maker_ids(connection, [bundle.id]), revision)
        if not step.more and self._count(connection, bundle.id) > len(plan.assignments):
            self.sweep(connection, bundle.id)
        return moves

    def forget(self, connection: Connection, bundle_id: int, revision: int) -> tuple[int, Moves]:
        """Marks every deployment of the bundle for removal; how many there are, and what became of its counts."""
        rows = fetched(connection, _ALIVE, bundle=bundle_id)
        alive = FrozenBitMap([cluster_id for cluster_id, is_deleting in rows if not is_deleting])
        if not alive:
            return len(rows), {}
        wishes = Wishes(connection)
        wishes.add(NOWHERE, alive, Step(remove=alive))
        moves = wishes.write(bundle_id, revision)
        touch(connection, maker_ids(connection, [bundle_id]), revision)
        return len(rows), moves

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

    def _count(self, connection: Connection, bundle_id: int) -> int:
        return int(connection.execute(_COUNT, {"bundle": bundle_id}).scalar_one())

    def sweep(self, connection: Connection, bundle_id: int) -> None:
        """Drops variants and deployment IDs no row points to, and what of their contents nothing names."""
        used = "SELECT {0} FROM deployment WHERE bundle_id = :bundle"
        dropped = connection.execute(
            text(
                f"DELETE FROM variant WHERE bundle_id = :bundle AND id NOT IN ({used.format('staged')})"  # noqa: S608
                f" AND id NOT IN ({used.format('live')} AND live IS NOT NULL) RETURNING content"
            ),
            {"bundle": bundle_id},
        ).all()
        connection.execute(
            text(
                f"DELETE FROM deployment_id WHERE bundle_id = :bundle AND id NOT IN ({used.format('applied_id')})"  # noqa: S608
                " AND id NOT IN (SELECT deployment_id FROM variant WHERE bundle_id = :bundle)"
            ),
            {"bundle": bundle_id},
        )
        wordings.sweep(connection, bundle_id)
        for content in {row.content for row in dropped}:
            self._documents.drop_content(connection, content)


def maker_ids(connection: Connection, bundle_ids: Iterable[int]) -> list[int]:
    """The GitRepos and HelmOps these bundles were made from."""
    found = connection.execute(
        text(
            f"SELECT DISTINCT m.id FROM label l JOIN object b ON b.id = l.object_id {MAKERS}"  # noqa: S608 (our own names, integers)
            f" WHERE l.object_id IN ({','.join(str(int(i)) for i in bundle_ids) or 'NULL'})"
        )
    )
    return [row.id for row in found]


_ALIVE = text("SELECT cluster_id, deleting FROM deployment WHERE bundle_id = :bundle")
_ADD_ID = text("INSERT INTO deployment_id (bundle_id, text) VALUES (:bundle, :text) ON CONFLICT (bundle_id, text) DO NOTHING")
_COUNT = text("SELECT count(*) FROM variant WHERE bundle_id = :bundle")
_FIND_ID = text("SELECT id FROM deployment_id WHERE bundle_id = :bundle AND text = :text")
_FIND_VARIANT = text("SELECT id FROM variant WHERE bundle_id = :bundle AND deployment_id = :id AND digest = :digest")
_ADD_VARIANT = text(
    "INSERT INTO variant (bundle_id, digest, deployment_id, content, sealed) VALUES (:bundle, :digest, :id, :content, :sealed) RETURNING id"
)
