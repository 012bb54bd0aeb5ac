"""Deployment rows as people ask for them: which columns the fields and labels of a BundleDeployment are, and what a query selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Text, and_, case, cast, func, literal, null, or_, select, true

from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import HelmOp
from extension.objects.selectors import LabelSelector, Requirement, requirements
from extension.objects.states import State
from extension.store.deployments import REPO_NAME
from extension.store.dialects import in_document
from extension.store.listing import STATE_PATHS, document_field, inside, label_key, selection, shape_digests, unknown
from extension.store.protocol import Filter, Query
from extension.store.schema import deployment_ids, deployments, labels, objects, reports, shapes, variants, wordings

PREFIX = "fleet.cattle.io/"

BUNDLE = objects.alias("b")
CLUSTER = objects.alias("c")
STAGED = variants.alias("sv")
LIVE = variants.alias("lv")
STAGED_ID = deployment_ids.alias("si")
LIVE_ID = deployment_ids.alias("li")
APPLIED_ID = deployment_ids.alias("ai")
_d = deployments.c

ROWS = (
    deployments.join(BUNDLE, BUNDLE.c.id == _d.bundle_id)
    .join(CLUSTER, CLUSTER.c.id == _d.cluster_id)
    .join(STAGED, STAGED.c.id == _d.staged)
    .join(STAGED_ID, STAGED_ID.c.id == _d.staged_id)
    .outerjoin(LIVE, LIVE.c.id == _d.live)
    .outerjoin(LIVE_ID, LIVE_ID.c.id == _d.live_id)
    .outerjoin(APPLIED_ID, APPLIED_ID.c.id == _d.applied_id)
    .outerjoin(reports, and_(reports.c.bundle_id == _d.bundle_id, reports.c.cluster_id == _d.cluster_id))
    .outerjoin(wordings, wordings.c.id == reports.c.wording)
)
_said = func.coalesce(wordings.c.doc, reports.c.doc)
_STATE_NAMES = case(*[(_d.state == state.value, literal(state.name)) for state in State], else_=literal("Removing"))

_STATE_NUMBERS = {**State.__members__, "Removing": 0}

_OWN_LABELS: dict[str, ColumnElement[Any]] = {
    f"{PREFIX}cluster": CLUSTER.c.name,
    f"{PREFIX}cluster-namespace": CLUSTER.c.namespace,
    f"{PREFIX}bundle-name": BUNDLE.c.name,
    f"{PREFIX}bundle-namespace": BUNDLE.c.namespace,
    f"{PREFIX}managed": literal("true"),
}
"""Labels that a deployment has of its own; the others are its bundle's."""


def is_inherited(key: str) -> bool:
    """Whether a bundle's label is on its deployments too (`fleet-semantics.md` 3.3)."""
    return key.startswith(PREFIX) or "cattle.io/" not in key


def field_of(path: str) -> ColumnElement[Any]:
    """A field path of a BundleDeployment as a column: labels are the bundle's, the status is the report."""
    known: dict[str, ColumnElement[Any]] = {
        "metadata.name": BUNDLE.c.name,
        "metadata.namespace": in_document(CLUSTER.c.doc, "status.namespace"),
        "status.display.state": _STATE_NAMES,
        "metadata.state.name": func.lower(_STATE_NAMES),
    }
    if path in known:
        return known[path]
    key = label_key(path)
    if key and key in _OWN_LABELS:
        return _OWN_LABELS[key]
    if key and not is_inherited(key):
        return cast(null(), Text())
    if key:
        return select(labels.c.value).where(labels.c.object_id == _d.bundle_id, labels.c.key == key).scalar_subquery()
    if not path.startswith("status."):
        raise unknown(path)
    if path == "status.appliedDeploymentID":
        return func.coalesce(APPLIED_ID.c.text, inside(_said, path.removeprefix("status.")))
    return inside(_said, path.removeprefix("status."))


def where(query: Query, ids: dict[str, int]) -> ColumnElement[bool]:
    """The conditions of a list of deployments."""
    as_numbers = [_as_numbers(terms) for terms in query.filters]
    rest = tuple(terms for terms, known in zip(query.filters, as_numbers, strict=True) if known is None)
    plain = msgspec.structs.replace(query, selector=None, filters=rest)
    found: list[ColumnElement[bool]] = [true(), selection(plain, field_of, BUNDLE.c.namespace, "Bundle")]
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
        found.append(BUNDLE.c.namespace == select(repo.c.namespace).where(repo.c.id == ids["gitrepo"]).scalar_subquery())
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
    if req.key not in _OWN_LABELS and is_inherited(req.key):
        matching = selection(Query(selector=LabelSelector(match_expressions=(req,))), document_field, objects.c.namespace, "Bundle")
        return _d.bundle_id.in_(select(objects.c.id).where(objects.c.kind == "Bundle", matching))
    column = field_of(f"metadata.labels[{req.key}]")
    known = {"In": column.in_(req.values), "NotIn": or_(column.is_(None), column.not_in(req.values)), "Exists": column.is_not(None)}
    return known.get(req.operator, column.is_(None))
