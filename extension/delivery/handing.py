"""Objects that go from one release to another: a manifest that moved in Git, a bundle whose release got another name (`fleet-semantics.md`
3.1, 4.4).

Helm deletes with an upgrade what only the manifest before had, and with an uninstall all of it, whoever has the object by now. What is
handed over must never be gone in between, so who gives takes it out of its records first, and who gets takes it as it is, in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from extension.delivery.client import METADATA, METADATA_LIST, Client, Kind
from extension.delivery.helm_records import AGENT, AGENT_NAMESPACE, BUNDLE_ID, HelmRecords, Revision, owner_of
from extension.delivery.recovery import Object, Place, clear, objects_of, place_of
from extension.objects.options import OverwrittenResource
from extension.rendering import documents
from extension.rendering.postrender import HASH_LABEL
from extension.rendering.render import Rendering

OTHERS = "invalid ownership metadata"
"""What Helm says of objects that another release has, or nobody, before it installs anything."""

Owner = tuple[str, str]
"""Namespace and name of a release."""


class Handing:
    """Of one cluster."""

    def __init__(self, client: Client, records: HelmRecords) -> None:
        self._client, self._records = client, records

    def prepare(self, known: list[Revision], wanted: Iterable[Object] | None, passed: Collection[OverwrittenResource]) -> list[Revision]:
        """Before a release is upgraded to the objects `wanted`, or uninstalled (None): so that Helm deletes all that is to go, no more.
        What another release has by now, or is `passed` on to one, and what is of no kind any more, is taken out of its records; the
        revisions that changed by it."""
        changed = []
        stay = {place_of(obj, known[-1].namespace) for obj in wanted or ()} if known else set()
        for revision in known:
            owner, objects = (revision.namespace, revision.name), objects_of(self._records, revision)
            given = {id(obj) for obj in self._given(owner, [obj for obj in objects if place_of(obj, owner[0]) not in stay], passed)}
            if given:
                rest = [documents.to_yaml(obj) for obj in objects if id(obj) not in given]
                self._records.rewrite(revision, "".join(f"---\n{text}" for text in rest))
                changed.append(revision)
        clear(self._client, self._records, known, wanted)
        return changed

    def may_take(self, bundle: str, rendering: Rendering, given_up: Collection[OverwrittenResource]) -> bool:
        """Whether a release that is to be installed finds objects of others, all of which are there for it: the bundle's own release of
        another name has them, or another bundle gave them up (`overwrites`)."""
        found, owner = False, (rendering.namespace, rendering.release)
        for obj in rendering.objects:
            kind, place = self._client.kind(*place_of(obj, owner[0])[:2]), place_of(obj, owner[0])
            live = self._client.accepting(METADATA).get(kind, *place[2:]) if kind else None
            if kind is None or live is None or owner_of(live) == owner:
                continue
            notes = self._notes(owner_of(live))
            named = any(_names(one, kind, place) or _names(one, kind, (*place[:2], "", place[3])) for one in given_up)
            if notes is None or not (notes.get(BUNDLE_ID) == bundle or named):
                return False
            found = True
        return found

    def _given(self, owner: Owner, losing: list[Object], passed: Collection[OverwrittenResource]) -> list[Object]:
        """Those that another release has by now, or is to get, and those of kinds that are not served any more, over which Helm stumbles.
        One list a kind tells of those that are still this one's."""
        lists: dict[tuple[Kind, str, str], list[Object]] = defaultdict(list)
        found = []
        for obj in losing:
            place = place_of(obj, owner[0])
            kind = self._client.kind(*place[:2])
            if kind is None:
                found.append(obj)
            else:
                lists[kind, place[2], str((obj["metadata"].get("labels") or {}).get(HASH_LABEL))].append(obj)
        for (kind, namespace, set_hash), objects in lists.items():
            listed = self._client.accepting(METADATA_LIST).list(kind, namespace, f"{HASH_LABEL}={set_hash}")
            own = {str(one["metadata"]["name"]) for one in listed if owner_of(one) == owner}
            if self._client.kind(kind.api_version, kind.kind) is None:
                found += objects
                continue
            for obj in objects:
                place = place_of(obj, owner[0])
                if any(_names(one, kind, place) for one in passed) or (place[3] not in own and self._is_others(owner, kind, place)):
                    found.append(obj)
        return found

    def _is_others(self, owner: Owner, kind: Kind, place: Place) -> bool:
        live = self._client.accepting(METADATA).get(kind, *place[2:])
        return live is not None and owner_of(live) not in (owner, ("", ""))

    def _notes(self, owner: Owner) -> dict[str, str] | None:
        """What the record of a release of ours says; nothing where the release is gone, None for somebody else's."""
        if not owner[1]:
            return None
        revisions = self._records.revisions(*owner)
        content = self._records.content(revisions[-1]) if revisions else None
        notes = content.annotations if content else {AGENT_NAMESPACE: AGENT}
        return notes if notes.get(AGENT_NAMESPACE) == AGENT else None


def _names(one: OverwrittenResource, kind: Kind, place: Place) -> bool:
    return (one.kind, one.name) == (place[1], place[3]) and (not kind.namespaced or one.namespace == place[2])
