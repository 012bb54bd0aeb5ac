"""One cluster served by this process: its delivery, what it should have, and how it is getting on."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import msgspec

from extension.delivery.copies import is_named
from extension.delivery.protocol import Delivery, Release
from extension.delivery.status import is_recorded
from extension.engine.stored import unreachable
from extension.objects.base import Key
from extension.objects.kinds import BundleDeploymentStatus, Cluster
from extension.objects.options import BundleDeploymentOptions, OverwrittenResource
from extension.objects.states import State, deployment_state
from extension.store.protocol import Assigned
from extension.targeting import Dependency
from extension.targeting.restrictions import REPO_LABEL


class Agent:
    """One cluster: its delivery, and what the store last said it should have. Guarded by `lock`.

    `waiting` are the bundles held back by a dependency, `attempts` count the failures of those that fail, and `pauses` are the seconds
    between looks at those that are not ready. While `doubted` the Cluster says that it can't be reached, while `leaving`
    something of its old workspace waits for what replaces it.
    """

    def __init__(self, cluster: Cluster, delivery: Delivery, fingerprint: str) -> None:
        self.key = cluster.key
        self.delivery = delivery
        self.fingerprint = fingerprint
        self.generation = cluster.metadata.generation
        self.lock = threading.Lock()
        self.since = 0
        self.items: dict[Key, Assigned] = {}
        self.waiting: set[Key] = set()
        self.attempts: dict[Key, int] = {}
        self.pauses: dict[Key, float] = {}
        self.failures = 0
        self.down_until = 0.0
        self.doubted = unreachable(cluster) is not None
        self.busy = 0
        self.leaving = False

    def learn(self, assigned: Iterable[Assigned]) -> list[Key]:
        """Takes what the hub says and gives the bundles it is news for: a Bundle's status moves its revision too. The status this
        agent knows is newer than the one the hub sends along."""
        with self.lock:
            keys = []
            for item in assigned:
                known = self.items.get(item.bundle)
                if known is not None and known.bundle_id == item.bundle_id:
                    item = msgspec.structs.replace(item, status=known.status)  # noqa: PLW2901
                self.items[item.bundle] = item
                self.since = max(self.since, item.revision)
                if known is None or item != msgspec.structs.replace(known, revision=item.revision):
                    keys.append(item.bundle)
            return keys

    def settle(self, item: Assigned, status: BundleDeploymentStatus) -> bool:
        """Keeps the status; whether it differs from the one before."""
        with self.lock:
            known = self.items.get(item.bundle)
            if known is None or known.bundle_id != item.bundle_id:
                return False
            self.items[item.bundle] = msgspec.structs.replace(known, status=status)
            return known.status != status

    def others(self, item: Assigned) -> dict[Key, Dependency]:
        """The other bundles on this cluster, as what a bundle can depend on."""
        with self.lock:
            there = [other for other in self.items.values() if other.is_wanted and other.bundle != item.bundle]
            return {other.bundle: Dependency(state_of(other), other.labels) for other in there}

    def copying(self, item: Assigned) -> list[Key]:
        """The other bundles with objects copied beside them, if this one has any: where two have the same, one may lose it with the
        other."""
        if not copied(item):
            return []
        with self.lock:
            there = [other for other in self.items.values() if not other.deleting and other.bundle != item.bundle]
            return [other.bundle for other in there if other.options.downstream_resources]

    def passed(self, item: Assigned) -> tuple[OverwrittenResource, ...]:
        """What other bundles of its GitRepo take over from a bundle (`overwrites`), in the namespaces where they have it."""
        repo = item.labels.get(REPO_LABEL, "")
        with self.lock:
            there = [other for other in self.items.values() if other.labels.get(REPO_LABEL) == repo and not other.deleting]
        others = [other for other in there if repo and other.bundle.namespace == item.bundle.namespace and other.bundle != item.bundle]
        taking = [options for other in others for options in (other.options, other.coming) if options]
        return tuple(_placed(one, options) for options in taking for one in options.overwrites)

    def naming(self, kind: str, namespace: str, name: str) -> list[Key]:
        """The bundles beside which this object of their workspace is copied."""
        with self.lock:
            there = [item for item in self.items.values() if item.bundle.namespace == namespace]
            return [item.bundle for item in there if is_named(item.options.downstream_resources, kind, name)]

    def releases(self, item: Assigned) -> list[Release]:
        """A bundle's releases on the cluster: the one its status names, else what the cluster says."""
        namespace, _, rest = item.status.release.partition("/")
        if rest:
            return [Release(rest.rpartition(":")[0], namespace, item.bundle.name, item.deployment_id)]
        return [release for release in self.delivery.releases() if release.bundle == item.bundle.name]

    def concerned(self, name: str) -> list[Key]:
        """The bundles that are to be looked at when something happens to the objects of this one: what fails has a time of its own, or
        waits for a new version."""
        with self.lock:
            there = [item for item in self.items.values() if item.bundle.name == name and item.bundle not in self.attempts]
            return [item.bundle for item in there if not is_recorded(item.status, item.deployment_id)]

    def is_told(self, item: Assigned, status: BundleDeploymentStatus) -> bool:
        """Whether nobody has to look: it is as it should be, and the cluster tells when it is not any more. What is copied beside a bundle
        nobody watches."""
        settled = status.ready and status.non_modified and status.applied_deployment_id == item.deployment_id
        return settled and not copied(item) and self.delivery.watched(item.bundle.name)

    def rests(self) -> bool:
        """Whether nothing on the cluster is looked at now and then, and it is not known to be down."""
        with self.lock:
            return not self.failures and all(self._rests(item) for item in self.items.values())

    def _rests(self, item: Assigned) -> bool:
        return (
            is_left_alone(item)
            or item.bundle in self.waiting
            or is_recorded(item.status, item.deployment_id)
            or self.is_told(item, item.status)
        )


def _placed(one: OverwrittenResource, options: BundleDeploymentOptions) -> OverwrittenResource:
    there = options.namespace or one.namespace or options.default_namespace or "default"
    return msgspec.structs.replace(one, namespace=there)


def is_left_alone(item: Assigned) -> bool:
    """Whether nothing is to be done about a deployment now."""
    return (item.paused or item.held) and not item.deleting


def copied(item: Assigned) -> bool:
    """Whether anything is copied beside the bundle, or was."""
    return bool(item.options.downstream_resources or item.status.downstream_resources_generation)


def state_of(item: Assigned) -> State:
    failed = any(c.type == "Deployed" and c.status == "False" for c in item.status.conditions)
    return deployment_state(
        desired=item.deployment_id,
        staged=item.staged_deployment_id,
        applied=item.status.applied_deployment_id,
        deployed_failed=failed,
        ready=item.status.ready,
        non_modified=item.status.non_modified,
    )
