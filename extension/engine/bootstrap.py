"""What every installation has: the workspaces `fleet-default` and `fleet-local`, and in the latter the cluster `local`.

As Fleet's bootstrap does (`fleet-semantics.md` 3.8): `local` carries the label `name=local`, the group `default` of
`fleet-local` selects it. Nothing that is there already is touched.
"""

from __future__ import annotations

from extension.objects.base import Object, ObjectMeta
from extension.objects.errors import AlreadyExists
from extension.objects.kinds import Cluster, ClusterGroup, ClusterGroupSpec, FleetWorkspace
from extension.objects.selectors import LabelSelector
from extension.store.protocol import Store

DEFAULT_WORKSPACE = "fleet-default"
LOCAL_WORKSPACE = "fleet-local"
LOCAL_CLUSTER = "local"
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
    for obj in OBJECTS:
        if store.find(type(obj), obj.metadata.namespace, obj.metadata.name) is None:
            try:
                store.create(obj)
            except AlreadyExists:
                continue
