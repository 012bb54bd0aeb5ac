"""A process of the service where Rancher's own Fleet deploys: a mirror of its objects, and a planner over that.

No engine, no agents, no key ring: nothing is deployed from here, and all that is kept is on Kubernetes' API server. Each process has a
mirror of its own, in a file that ends with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from extension.commands.service import planner
from extension.objects.base import Key
from extension.objects.errors import Forbidden
from extension.rancher.management import Management
from extension.rancher.opening import management
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.sources.build import additional_ca
from extension.store.kubernetes.mirror import Mirror
from extension.store.kubernetes.store import KubernetesStore
from extension.store.operations import StoredOperations
from extension.store.tokens import TokenStore

if TYPE_CHECKING:
    from api.services import Services
    from extension.rancher.identity import Identity

MIRRORS = "fleet"
"""The folder of the mirrors in that of the state."""


class FleetProcess:
    """`name` is that of its place in the service: the process that takes it next clears the mirror away."""

    def __init__(self, settings: Settings, name: str) -> None:
        extra_ca = additional_ca(settings)
        self._api = Management(management(settings))
        self._mirror = Mirror(self._api, settings.state_dir / MIRRORS / f"{name.rpartition('-')[2]}.db")
        self.store = KubernetesStore(self._api, self._mirror)
        self._pool = Pool()
        self.planner = planner(self.store, settings, self._pool, extra_ca)

    @property
    def tokens(self) -> TokenStore:
        """None are ever made: callers are Rancher's."""
        return self._mirror.tables.store.tokens

    def start(self) -> None:
        self._mirror.start()

    def stop(self) -> None:
        self._mirror.stop()
        self._api.end_watches()
        self._pool.close()
        self.store.close()

    @property
    def operations(self) -> StoredOperations:
        """Remembered in this process's own tables, for as long as it runs."""
        return StoredOperations(self._mirror.tables.store)

    def acting(self, services: Services, identity: Identity) -> Services:
        """The services as one of Rancher's users has them."""
        return dataclasses.replace(services, store=self.store.acting(lambda: self._api.acting(identity)))

    def problems(self) -> Mapping[str, str]:
        return self._mirror.problems()

    def move(self, cluster: Key, workspace: str, labels: Mapping[str, str], dry_run: bool) -> NoReturn:
        """Rancher's controllers make a cluster's object anew in the other workspace; ours would be written over."""
        hint = "change its workspace in Rancher: Continuous Delivery, Clusters, Change workspace"
        raise Forbidden(f"{cluster} is moved by Rancher, not by this service", hint=hint)
