"""What every installation has: the workspaces `fleet-default` and `fleet-local`, and in the latter the cluster `local`.

As Fleet's bootstrap does (`fleet-semantics.md` 3.8): `local` carries the label `name=local`, the group `default` of
`fleet-local` selects it. Nothing that is there already is touched.
"""

from __future__ import annotations

from contextlib import suppress

from extension.objects.base import Object, ObjectMeta
from extension.objects.errors import AlreadyExists, NotFound
from extension.objects.kinds import Cluster, ClusterGroup, ClusterGroupSpec, FleetWorkspace
from extension.objects.names import LOCAL_CLUSTER, LOCAL_WORKSPACE
from extension.objects.selectors import LabelSelector
from extension.store.protocol import Store

DEFAULT_WORKSPACE = "fleet-default"
DISPLAY_NAME = "management.cattle.io/cluster-display-name"

OBJECTS: tuple[Object, ...] = (
    FleetWorkspace(metadata=ObjectMeta(name=DEFAULT_WORKSPACE)),
    FleetWorkspace(metadata=ObjectMeta(name=LOCAL_WORKSPACE)),
    Cluster(
        metadata=ObjectMeta(name=LOCAL_CLUSTER, namespace=LOCAL_WORKSPACE, labels={"name": LOCAL_CLUSTER, DISPLAY_NAME: LOCAL_CLUSTER})
    ),
    ClusterGroup(
        metadata=ObjectMeta(name="default", namespace=LOCAL_WORKSPACE),
        spec=ClusterGroupSpec(selector=LabelSelector(match_labels={"name": LOCAL_CLUSTER})),
    ),
)


def bootstrap(store: Store) -> None:
    """Nobody is answered until this ends, so what is there is not read: a group's status is counted from all clusters."""
    for obj in OBJECTS:
        try:
            store.object_id(obj.key)
        except NotFound:
            with suppress(AlreadyExists):
                store.create(obj)
