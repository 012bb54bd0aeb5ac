"""Releases that were cut off in the middle, brought to where Helm goes on (`fleet-semantics.md` 4.3).

Calls for one release come one at a time, so a release that is pending is nobody's: who worked on it was killed. What it had made by then
is in its record, and stays where it is wanted: nothing is undone that is to be done again. So no record is dropped before the next change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from extension.delivery.client import ApiError, Client
from extension.delivery.helm_records import HelmRecords, Revision, owner_of
from extension.objects.errors import Invalid
from extension.rendering import documents
from extension.rendering.helm_release import Access, Named

Call = Callable[[str, Named], object]
"""An operation of `helm_release` on a release."""
Object = dict[str, Any]
Place = tuple[str, str, str, str]
"""API version, kind, namespace (which an object without any does not use) and name."""


def recovered(records: HelmRecords, call: Call, own: Access, name: str) -> list[Revision]:
    """The revisions that an upgrade follows (see `compared`); none where there is nothing, and the release is to be installed. `own` is
    what the agent may do."""
    revisions = records.revisions(own.namespace, name)
    if not revisions or revisions[-1].status == "uninstalled":
        return []
    if revisions[-1].status == "uninstalling":
        call("helm_release.uninstall", Named(own, name))
        return []
    for one in revisions:
        if one.status.startswith("pending-"):
            records.mark(one, "failed")
    return compared(revisions)


def compared(revisions: list[Revision]) -> list[Revision]:
    """The revisions that may have something on the cluster, oldest first: what is deployed, and those that came after and failed; all
    where nothing is deployed."""
    deployed = [one.number for one in revisions if one.status == "deployed"]
    return [one for one in revisions if one.number >= max(deployed, default=0)]


def clear(client: Client, records: HelmRecords, known: list[Revision], wanted: Iterable[Object] | None) -> None:
    """Before an upgrade to the objects `wanted`, or an uninstall (None): deletes what Helm will not, of revisions that it does not look at.
    It compares an upgrade with what is deployed, else with the last revision, and uninstalls what the last one names.

    What is another's by now stays, and what its manifest wants to be kept.
    """
    if len(known) < 2:
        return
    helms = known[0] if wanted is not None and known[0].status == "deployed" else known[-1]
    stay = {place_of(obj, helms.namespace) for obj in (*(wanted or ()), *objects_of(records, helms))}
    for revision in known:
        if revision is not helms:
            _delete(client, (helms.namespace, helms.name), objects_of(records, revision), stay)


def _delete(client: Client, owner: tuple[str, str], objects: Iterable[Object], stay: set[Place]) -> None:
    for obj in objects:
        place = place_of(obj, owner[0])
        kind = client.kind(*place[:2]) if place not in stay else None
        live = client.get(kind, *place[2:]) if kind else None
        if kind and live and _goes(live, owner):
            client.delete(kind, *place[2:])


def uninstall(client: Client, records: HelmRecords, call: Call, named: Named) -> None:
    """Has Helm uninstall a release. Raises Invalid with the cluster's words where it lets an object not go: Helm does not pass them on."""
    try:
        call("helm_release.uninstall", named)
    except Invalid as error:
        revisions = records.revisions(named.access.namespace, named.name)
        said = _refusal(client, objects_of(records, revisions[-1]), named.access.namespace) if revisions else ""
        raise Invalid(said or error.message, where=error.where, hint=error.hint) from None


def _refusal(client: Client, objects: Iterable[Object], namespace: str) -> str:
    for obj in objects:
        place = place_of(obj, namespace)
        kind = client.kind(*place[:2])
        try:
            if kind and client.get(kind, *place[2:]):
                client.request("DELETE", kind.path(*place[2:]), query={"dryRun": "All"})
        except ApiError as error:
            return f"{place[1]} {place[3]}: {error.message}"
    return ""


def objects_of(records: HelmRecords, revision: Revision) -> tuple[Object, ...]:
    content = records.content(revision)
    return tuple(documents.objects(content.manifest, f"release {revision.name}")) if content else ()


def place_of(obj: Object, namespace: str) -> Place:
    meta = obj.get("metadata") or {}
    return str(obj.get("apiVersion")), str(obj.get("kind")), str(meta.get("namespace") or namespace), str(meta.get("name"))


def _goes(live: Object, owner: tuple[str, str]) -> bool:
    notes = live["metadata"].get("annotations") or {}
    return owner_of(live) == owner and notes.get("helm.sh/resource-policy") != "keep"
