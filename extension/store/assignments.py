"""Deployment rows read back: as an agent's work, and as BundleDeployments for people."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Text, and_, bindparam, case, cast, func, literal, null, or_, select, true

from extension.objects.base import Key, ObjectMeta
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import Bundle, BundleDeployment, BundleDeploymentSpec, BundleDeploymentStatus, Cluster, HelmOp
from extension.objects.names import cluster_namespace
from extension.objects.options import BundleDeploymentOptions
from extension.objects.selectors import LabelSelector, Requirement, requirements
from extension.objects.states import State
from extension.objects.status import Display
from extension.store.bulk import along_an_index
from extension.store.deployments import REPO_NAME
from extension.store.dialects import in_document
from extension.store.documents import Documents
from extension.store.errorgroups import deployments_alike
from extension.store.listing import STATE_PATHS, Order, counted, document_field, inside, label_key, selection, shape_digests, unknown
from extension.store.protocol import Assigned, Filter, Page, Query
from extension.store.schema import deployment_ids, deployments, labels, objects, reports, shapes, variants, wordings
from extension.store.sealing import Seal
from extension.store.wordings import status_of

COMMIT = "fleet.cattle.io/commit"
_PREFIX = "fleet.cattle.io/"

_bundle = objects.alias("b")
_cluster = objects.alias("c")
_staged = variants.alias("sv")
_live = variants.alias("lv")
_staged_id = deployment_ids.alias("si")
_live_id = deployment_ids.alias("li")
_applied_id = deployment_ids.alias("ai")
_d = deployments.c

_ROWS = (
    deployments.join(_bundle, _bundle.c.id == _d.bundle_id)
    .join(_cluster, _cluster.c.id == _d.cluster_id)
    .join(_staged, _staged.c.id == _d.staged)
    .join(_staged_id, _staged_id.c.id == _d.staged_id)
    .outerjoin(_live, _live.c.id == _d.live)
    .outerjoin(_live_id, _live_id.c.id == _d.live_id)
    .outerjoin(_applied_id, _applied_id.c.id == _d.applied_id)
    .outerjoin(reports, and_(reports.c.bundle_id == _d.bundle_id, reports.c.cluster_id == _d.cluster_id))
    .outerjoin(wordings, wordings.c.id == reports.c.wording)
)
_COLUMNS = [
    *deployments.c,
    _bundle.c.doc.label("bundle_doc"),
    _bundle.c.sealed.label("bundle_sealed"),
    _bundle.c.uid.label("bundle_uid"),
    _bundle.c.namespace.label("bundle_namespace"),
    _bundle.c.name.label("bundle_name"),
    _bundle.c.content.label("bundle_content"),
    _bundle.c.revision.label("bundle_revision"),
    _cluster.c.namespace.label("cluster_workspace"),
    _cluster.c.name.label("cluster_name"),
    _cluster.c.doc.label("cluster_doc"),
    _cluster.c.revision.label("cluster_revision"),
    _staged.c.sealed.label("staged_sealed"),
    _staged.c.digest.label("staged_digest"),
    _staged.c.content.label("staged_content"),
    _live.c.sealed.label("live_sealed"),
    _live.c.digest.label("live_digest"),
    _live.c.content.label("live_content"),
    _staged_id.c.text.label("staged_text"),
    func.coalesce(_live_id.c.text, "").label("live_text"),
    func.coalesce(_applied_id.c.text, "").label("applied_text"),
    reports.c.doc.label("report"),
    wordings.c.doc.label("wording"),
]
_SINCE = bindparam("since", type_=BigInteger())
_ASSIGNED = (
    select(*_COLUMNS)
    .select_from(_ROWS)
    .where(
        _d.cluster_id == bindparam("cluster"),
        (_d.asked > _SINCE) | (_bundle.c.revision > _SINCE) | (_cluster.c.revision > _SINCE),
    )
    .order_by(_bundle.c.namespace, _bundle.c.name)
)
"""Made once: to make it takes longer than to run it."""
_said = func.coalesce(wordings.c.doc, reports.c.doc)
_STATE_NAMES = case(*[(_d.state == state.value, literal(state.name)) for state in State], else_=literal("Removing"))

_STATE_NUMBERS = {**State.__members__, "Removing": 0}


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
        where = _where(query, ids)
        alike = any(shape_digests(terms) for terms in query.filters)
        if ("bundle" in ids or alike) and query.sort == Query().sort:
            query = msgspec.structs.replace(query, sort=())
        order = Order(query, _field, (_d.shape, _d.state, _d.cluster_id) if alike else (_d.bundle_id, _d.cluster_id))
        statement = order.apply(select(*_COLUMNS, *order.columns).select_from(_ROWS).where(where), query.limit)
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
        source = deployments if plain else _ROWS
        return Page(items, more, connection.execute(counted(source, where)).scalar_one(), revision)


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
            **{k: v for k, v in bundle.metadata.labels.items() if _is_inherited(k)},
            f"{_PREFIX}bundle-name": row.bundle_name,
            f"{_PREFIX}bundle-namespace": row.bundle_namespace,
            f"{_PREFIX}cluster": row.cluster_name,
            f"{_PREFIX}cluster-namespace": row.cluster_workspace,
            f"{_PREFIX}managed": "true",
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


_OWN_LABELS: dict[str, ColumnElement[Any]] = {
    f"{_PREFIX}cluster": _cluster.c.name,
    f"{_PREFIX}cluster-namespace": _cluster.c.namespace,
    f"{_PREFIX}bundle-name": _bundle.c.name,
    f"{_PREFIX}bundle-namespace": _bundle.c.namespace,
    f"{_PREFIX}managed": literal("true"),
}
"""Labels that a deployment has of its own; the others are its bundle's."""


def _is_inherited(key: str) -> bool:
    """Whether a bundle's label is on its deployments too (`fleet-semantics.md` 3.3)."""
    return key.startswith(_PREFIX) or "cattle.io/" not in key


def _field(path: str) -> ColumnElement[Any]:
    """A field path of a BundleDeployment as a column: labels are the bundle's, the status is the report."""
    known: dict[str, ColumnElement[Any]] = {
        "metadata.name": _bundle.c.name,
        "metadata.namespace": in_document(_cluster.c.doc, "status.namespace"),
        "status.display.state": _STATE_NAMES,
        "metadata.state.name": func.lower(_STATE_NAMES),
    }
    if path in known:
        return known[path]
    key = label_key(path)
    if key and key in _OWN_LABELS:
        return _OWN_LABELS[key]
    if key and not _is_inherited(key):
        return cast(null(), Text())
    if key:
        return select(labels.c.value).where(labels.c.object_id == _d.bundle_id, labels.c.key == key).scalar_subquery()
    if not path.startswith("status."):
        raise unknown(path)
    if path == "status.appliedDeploymentID":
        return func.coalesce(_applied_id.c.text, inside(_said, path.removeprefix("status.")))
    return inside(_said, path.removeprefix("status."))


def _where(query: Query, ids: dict[str, int]) -> ColumnElement[bool]:
    """The conditions of a list of deployments."""
    as_numbers = [_as_numbers(terms) for terms in query.filters]
    rest = tuple(terms for terms, known in zip(query.filters, as_numbers, strict=True) if known is None)
    plain = msgspec.structs.replace(query, selector=None, filters=rest)
    found: list[ColumnElement[bool]] = [true(), selection(plain, _field, _bundle.c.namespace, "Bundle")]
    found += [known for known in as_numbers if known is not None]
    if query.selector is not None:
        found += [_labelled(req) for req in requirements(query.selector)]
    if "bundle" in ids:
        found.append(_d.bundle_id == ids["bundle"])
    if "cluster" in ids:
        found.append(_d.cluster_id == ids["cluster"])
    if "gitrepo" in ids:
        repo = objects.alias("g")
        made = select(labels.c.object_id).join(repo, and_(repo.c.id == ids["gitrepo"], repo.c.name == labels.c.value))
        key = case((repo.c.kind == HelmOp.KIND, HELM_NAME), else_=REPO_NAME)
        found.append(_d.bundle_id.in_(made.where(labels.c.kind == "Bundle", labels.c.key == key)))
        found.append(_bundle.c.namespace == select(repo.c.namespace).where(repo.c.id == ids["gitrepo"]).scalar_subquery())
    return and_(*found)


def _as_numbers(terms: Sequence[Filter]) -> ColumnElement[bool] | None:
    """A filter by shape or state as one of the columns that an index has; None for any other."""
    if digests := shape_digests(terms):
        return and_(_d.shape.in_(select(shapes.c.id).where(shapes.c.digest.in_(digests))), _d.shape != 0)
    if len(terms) == 1 and terms[0].field == STATE_PATHS[0] and terms[0].operator in {"=", "in"}:
        return _d.state.in_([number for name, number in _STATE_NUMBERS.items() if name in terms[0].values])
    return None


def _labelled(req: Requirement) -> ColumnElement[bool]:
    """A requirement on a deployment's labels: its own as columns, its bundle's by the index over those."""
    if req.key not in _OWN_LABELS and _is_inherited(req.key):
        matching = selection(Query(selector=LabelSelector(match_expressions=(req,))), document_field, objects.c.namespace, "Bundle")
        return _d.bundle_id.in_(select(objects.c.id).where(objects.c.kind == "Bundle", matching))
    column = _field(f"metadata.labels[{req.key}]")
    known = {"In": column.in_(req.values), "NotIn": or_(column.is_(None), column.not_in(req.values)), "Exists": column.is_not(None)}
    return known.get(req.operator, column.is_(None))
