"""Deployment rows read back: as an agent's work, and as BundleDeployments for people."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Row, bindparam, func, select

from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Bundle, BundleDeployment, BundleDeploymentSpec, BundleDeploymentStatus, Cluster
from extension.objects.names import cluster_namespace
from extension.objects.options import BundleDeploymentOptions
from extension.objects.states import State
from extension.objects.status import Display
from extension.store.bulk import along_an_index
from extension.store.documents import Documents
from extension.store.errorgroups import deployments_alike
from extension.store.listing import Order, counted, shape_digests
from extension.store.protocol import Assigned, Page, Query
from extension.store.schema import deployments, reports, wordings
from extension.store.sealing import Seal
from extension.store.selecting import (
    APPLIED_ID,
    BUNDLE,
    CLUSTER,
    LIVE,
    LIVE_ID,
    PREFIX,
    ROWS,
    STAGED,
    STAGED_ID,
    field_of,
    is_inherited,
    where,
)
from extension.store.wordings import status_of

COMMIT = "fleet.cattle.io/commit"

_d = deployments.c
_COLUMNS = [
    *deployments.c,
    BUNDLE.c.doc.label("bundle_doc"),
    BUNDLE.c.sealed.label("bundle_sealed"),
    BUNDLE.c.uid.label("bundle_uid"),
    BUNDLE.c.namespace.label("bundle_namespace"),
    BUNDLE.c.name.label("bundle_name"),
    BUNDLE.c.content.label("bundle_content"),
    BUNDLE.c.revision.label("bundle_revision"),
    CLUSTER.c.namespace.label("cluster_workspace"),
    CLUSTER.c.name.label("cluster_name"),
    CLUSTER.c.doc.label("cluster_doc"),
    CLUSTER.c.revision.label("cluster_revision"),
    STAGED.c.sealed.label("staged_sealed"),
    STAGED.c.digest.label("staged_digest"),
    STAGED.c.content.label("staged_content"),
    LIVE.c.sealed.label("live_sealed"),
    LIVE.c.digest.label("live_digest"),
    LIVE.c.content.label("live_content"),
    STAGED_ID.c.text.label("staged_text"),
    func.coalesce(LIVE_ID.c.text, "").label("live_text"),
    func.coalesce(APPLIED_ID.c.text, "").label("applied_text"),
    reports.c.doc.label("report"),
    wordings.c.doc.label("wording"),
]
_SINCE = bindparam("since", type_=BigInteger())
_ASSIGNED = (
    select(*_COLUMNS)
    .select_from(ROWS)
    .where(
        _d.cluster_id == bindparam("cluster"),
        (_d.asked > _SINCE) | (BUNDLE.c.revision > _SINCE) | (CLUSTER.c.revision > _SINCE),
    )
    .order_by(BUNDLE.c.namespace, BUNDLE.c.name)
)
"""Made once: to make it takes longer than to run it."""


class Assignments:
    def __init__(self, seal: Seal, documents: Documents) -> None:
        self._seal = seal
        self._documents = documents

    def assigned(self, connection: Connection, cluster_id: int, since: int) -> list[Assigned]:
        """A cluster's deployments for which the hub asked something after `since`, also by a change of bundle or cluster."""
        return [work for row in connection.execute(_ASSIGNED, {"cluster": cluster_id, "since": since}) if (work := self._work(row))]

    def _work(self, row: Row[Any]) -> Assigned | None:
        """None for what a rollout holds back, unless others have to know of it."""
        held, coming = row.live is None and not row.deleting, self._coming(row)
        if held and coming is None:
            return None
        bundle, cluster = self._bundle(row), msgspec.json.decode(row.cluster_doc, type=Cluster)
        return Assigned(
            bundle_id=row.bundle_id,
            cluster_id=row.cluster_id,
            revision=max(row.asked, row.bundle_revision, row.cluster_revision),
            bundle=Key("Bundle", row.bundle_namespace, row.bundle_name),
            labels=bundle.metadata.labels,
            deployment_id=row.live_text,
            staged_deployment_id=row.staged_text,
            options=BundleDeploymentOptions() if held else self._options(row, "live" if row.live is not None else "staged"),
            content_sha256="" if held else row.live_content or row.staged_content,
            commit=bundle.metadata.labels.get(COMMIT, ""),
            depends_on=bundle.spec.depends_on,
            paused=bundle.spec.paused or cluster.spec.paused or _off_schedule(cluster),
            deleting=row.deleting,
            status=_status(row),
            chart=bundle.spec.helm_op_options,
            coming=coming,
            held=held,
        )

    def _coming(self, row: Row[Any]) -> BundleDeploymentOptions | None:
        """What is staged and not live yet takes over, and where."""
        if row.deleting or row.staged == row.live:
            return None
        staged = self._options(row, "staged")
        place = BundleDeploymentOptions(default_namespace=staged.default_namespace, namespace=staged.namespace)
        return msgspec.structs.replace(place, overwrites=staged.overwrites) if staged.overwrites else None

    def _bundle(self, row: Row[Any]) -> Bundle:
        bundle = msgspec.json.decode(row.bundle_doc, type=Bundle)
        opened = self._seal.open(row.bundle_sealed, row.bundle_uid)
        return msgspec.structs.replace(bundle, spec=msgspec.json.decode(opened, type=type(bundle.spec)))

    def _options(self, row: Row[Any], which: str) -> BundleDeploymentOptions:
        """The options of a row's variant, staged or live."""
        sealed = getattr(row, f"{which}_sealed")
        if sealed is None:
            return BundleDeploymentOptions()
        place = f"variant {row.bundle_id} {getattr(row, f'{which}_digest')}"
        return msgspec.json.decode(self._seal.open(sealed, place), type=BundleDeploymentOptions)

    def page(self, connection: Connection, query: Query, ids: dict[str, int], revision: int) -> Page:
        """BundleDeployments whose bundle, cluster or GitRepo (or HelmOp) has the id given under that name.

        A bundle's are in the order of its clusters' registration unless another is asked for: the order of names would need all of
        them read.
        """
        chosen = where(query, ids)
        alike = any(shape_digests(terms) for terms in query.filters)
        if ("bundle" in ids or alike) and query.sort == Query().sort:
            query = msgspec.structs.replace(query, sort=())
        order = Order(query, field_of, (_d.shape, _d.state, _d.cluster_id) if alike else (_d.bundle_id, _d.cluster_id))
        statement = order.apply(select(*_COLUMNS, *order.columns).select_from(ROWS).where(chosen), query.limit)
        with along_an_index(connection) if ("bundle" in ids or alike) and not query.sort else nullcontext():
            rows = connection.execute(statement).all()
        shown = rows[: query.limit]
        bundles = {row.bundle_id: self._bundle(row) for row in {row.bundle_id: row for row in shown}.values()}
        options = {
            getattr(row, which): self._options(row, which)
            for which in ("live", "staged")
            for row in {getattr(row, which): row for row in shown}.values()
        }
        items = tuple(_view(row, bundles[row.bundle_id], options) for row in shown)
        more = order.next(shown[-1]) if len(rows) > query.limit else ""
        known = deployments_alike(connection, query) if alike and not ids else None
        if known is not None:
            return Page(items, more, known, revision)
        plain = not query.filters and query.selector is None and query.namespaces is None and "gitrepo" not in ids
        source = deployments if plain else ROWS
        return Page(items, more, connection.execute(counted(source, chosen)).scalar_one(), revision)


def _view(row: Row[Any], bundle: Bundle, options: dict[int | None, BundleDeploymentOptions]) -> BundleDeployment:
    cluster = msgspec.json.decode(row.cluster_doc, type=Cluster)
    status = _status(row)
    spec = BundleDeploymentSpec(
        paused=bundle.spec.paused or cluster.spec.paused,
        options=options[row.live],
        deployment_id=row.live_text,
        staged_options=options[row.staged],
        staged_deployment_id=row.staged_text,
        depends_on=bundle.spec.depends_on,
        correct_drift=options[row.live].correct_drift,
        helm_chart_options=bundle.spec.helm_op_options,
        off_schedule=_off_schedule(cluster),
    )
    meta = ObjectMeta(
        name=row.bundle_name,
        namespace=cluster.status.namespace or cluster_namespace(row.cluster_workspace, row.cluster_name),
        uid=f"{row.bundle_uid}-{row.cluster_id}",
        resource_version=str(row.revision),
        labels={
            **{k: v for k, v in bundle.metadata.labels.items() if is_inherited(k)},
            f"{PREFIX}bundle-name": row.bundle_name,
            f"{PREFIX}bundle-namespace": row.bundle_namespace,
            f"{PREFIX}cluster": row.cluster_name,
            f"{PREFIX}cluster-namespace": row.cluster_workspace,
            f"{PREFIX}managed": "true",
        },
    )
    state = "" if row.deleting else State(row.state).name
    display = Display(state=state, deployed=_display(status, "Deployed"), monitored=_display(status, "Monitored"))
    return BundleDeployment(metadata=meta, spec=spec, status=msgspec.structs.replace(status, display=display))


def _off_schedule(cluster: Cluster) -> bool:
    """Whether the cluster waits for a window (`fleet-semantics.md` 3.5); its agent then neither deploys nor monitors."""
    return cluster.status.scheduled and not cluster.status.active_schedule


def _status(row: Row[Any]) -> BundleDeploymentStatus:
    return status_of(row.report, row.wording, row.applied_text)


def _display(status: BundleDeploymentStatus, type_: str) -> str:
    """A condition's status, or its message when it is an error (`fleet-semantics.md` 1.7)."""
    found = next((c for c in status.conditions if c.type == type_), None)
    if found is None:
        return ""
    return f"Error: {found.message}" if found.reason == "Error" else found.status
