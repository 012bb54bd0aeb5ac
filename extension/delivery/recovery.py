"""Releases that were cut off in the middle, brought to where Helm goes on (`fleet-semantics.md` 4.3).

Calls for one release come one at a time, so a release that is pending is nobody's: who worked on it was killed. What it had made by then
is in its record, and is pruned by what comes next, so no record is dropped before that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from extension.delivery.client import Client
from extension.delivery.helm_records import HelmRecords, Revision
from extension.objects.errors import Invalid
from extension.rendering import documents
from extension.rendering.helm_release import Access, Named

Call = Callable[[str, Named], object]
"""An operation of `helm_release` on a release."""


def recovered(records: HelmRecords, call: Call, own: Access, access: Access, name: str) -> int:
    """The number of the revision that an upgrade follows; 0 where there is nothing, and the release is to be installed.

    `access` is what the deployment may do, `own` what the agent may, which uninstalls.
    """
    revisions = records.revisions(access.namespace, name)
    if not revisions or revisions[-1].status == "uninstalled":
        return 0
    last = revisions[-1]
    if last.status == "uninstalling":
        call("helm_release.uninstall", Named(own, name))
        return 0
    if not last.status.startswith("pending-"):
        return last.number
    good = _good(revisions)
    if good is not None:
        with suppress(Invalid):  # the upgrade, which comes next, tells what is wrong
            call("helm_release.rollback", Named(access, name, good.number))
        revisions = records.revisions(access.namespace, name)
    for one in revisions:  # also the rollback itself, which stays pending when its hook fails
        if one.status.startswith("pending-"):
            records.mark(one, "failed")
    return revisions[-1].number


def _good(revisions: list[Revision]) -> Revision | None:
    """The revision to go back to: what is deployed, else what was until Helm was about to say that the next one is."""
    known = [one for one in revisions if one.status in ("deployed", "superseded")]
    return max(known, key=lambda one: (one.status == "deployed", one.number), default=None)


def clear(client: Client, records: HelmRecords, namespace: str, name: str) -> None:
    """Deletes what a release had before an upgrade that did not get through: Helm uninstalls what the last record names, and no more.

    What is another's by now stays, and what its manifest wants to be kept.
    """
    revisions = records.revisions(namespace, name)
    good = _good(revisions)
    if good is None or not revisions[-1].status.startswith(("failed", "pending-")):
        return
    named = {_place(obj, namespace) for obj in _objects(records, revisions[-1])}
    for obj in _objects(records, good):
        place = _place(obj, namespace)
        kind = client.kind(*place[:2])
        live = client.get(kind, *place[2:]) if kind and place not in named else None
        if kind and live and _goes(live, namespace, name):
            client.delete(kind, *place[2:])


def _objects(records: HelmRecords, revision: Revision) -> tuple[dict[str, Any], ...]:
    content = records.content(revision)
    return tuple(documents.objects(content.manifest, f"release {revision.name}")) if content else ()


def _place(obj: dict[str, Any], namespace: str) -> tuple[str, str, str, str]:
    """API version, kind, namespace (which an object without any does not use) and name."""
    meta = obj.get("metadata") or {}
    return str(obj.get("apiVersion")), str(obj.get("kind")), str(meta.get("namespace") or namespace), str(meta.get("name"))


def _goes(live: dict[str, Any], namespace: str, name: str) -> bool:
    notes = live["metadata"].get("annotations") or {}
    owner = (notes.get("meta.helm.sh/release-namespace"), notes.get("meta.helm.sh/release-name"))
    return owner == (namespace, name) and notes.get("helm.sh/resource-policy") != "keep"
