"""FleetWorkspaces. A workspace is deleted only when it is empty: nothing here ever takes a cluster along with it."""

from __future__ import annotations

from api.checks import LOCAL_WORKSPACE
from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.errors import Conflict, Invalid
from extension.objects.kinds import DOCUMENT_KINDS, FleetWorkspace
from extension.store.protocol import Query

BUILT_IN = ("fleet-default", LOCAL_WORKSPACE)


def _not_built_in(write: Write) -> None:
    name = write.new.metadata.name
    if name in BUILT_IN:
        raise Invalid(f"workspace {name} can't be deleted", field="metadata.name")


def _empty(write: Write) -> None:
    name = write.new.metadata.name
    store = write.call.services.store
    counts = {cls.PLURAL: store.list(cls, Query(namespaces=(name,), limit=1)).count for cls in DOCUMENT_KINDS if cls.NAMESPACED}
    left = ", ".join(f"{count} {plural}" for plural, count in counts.items() if count)
    if left:
        raise Conflict(f"workspace {name} still holds {left}", hint="move its clusters and delete the rest first")


NOUN = Noun(
    FleetWorkspace,
    "A workspace: clusters, what is deployed to them, and who may do that.",
    on_delete=(_not_built_in, _empty),
)
blueprints = (blueprint(NOUN),)
