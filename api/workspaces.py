"""FleetWorkspaces. A workspace is deleted when it is empty. On a Rancher server one that is not goes with all that is in it, clusters and
their infrastructure as well (`rancher-integration.md` 4.1): what that is, is counted, and has to be confirmed with the workspace's name.
"""

from __future__ import annotations

from api.nouns import Noun, Write
from api.resources import blueprint
from api.schemas import CONFIRM
from extension.objects.errors import Conflict, Invalid
from extension.objects.kinds import DOCUMENT_KINDS, ConfigMap, FleetWorkspace, Secret
from extension.objects.names import LOCAL_WORKSPACE
from extension.settings import FLEET
from extension.store.protocol import Query

_NAMESPACE_S = (Secret, ConfigMap)
"""Kinds of which Kubernetes and Rancher have some in every namespace."""
BUILT_IN = ("fleet-default", LOCAL_WORKSPACE)


def _not_built_in(write: Write) -> None:
    name = write.new.metadata.name
    if name in BUILT_IN:
        raise Invalid(f"workspace {name} can't be deleted", field="metadata.name")


def _empty(write: Write) -> None:
    name, call = write.new.metadata.name, write.call
    by_rancher = call.services.settings.engine == FLEET
    kinds = [cls for cls in DOCUMENT_KINDS if cls.NAMESPACED and not (by_rancher and cls in _NAMESPACE_S)]
    counts = {cls.PLURAL: call.services.store.list(cls, Query(namespaces=(name,), limit=1)).count for cls in kinds}
    left = ", ".join(f"{count} {plural}" for plural, count in counts.items() if count)
    if not left or (by_rancher and call.confirm == name):
        return
    hint = "move its clusters and delete the rest first"
    more = f", or send confirm={name}: all of it is deleted then, provisioned clusters with their machines" if by_rancher else ""
    raise Conflict(f"workspace {name} still holds {left}", hint=hint + more)


NOUN = Noun(
    FleetWorkspace,
    "A workspace: clusters, what is deployed to them, and who may do that.",
    on_delete=(_not_built_in, _empty),
    deletion=CONFIRM,
)
blueprints = (blueprint(NOUN),)
