"""A process of the service where Rancher's own Fleet deploys: a mirror of its objects, and a planner over that.

No engine, no agents, no key ring: nothing is deployed from here, and all that matters is on Kubernetes' API server. Each process has a
mirror of its own, in a file that ends with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import msgspec

from extension.commands.service import planner, sources
from extension.engine.connections import Connections
from extension.engine.moves import coming, deployed, in_workspace, outcome
from extension.engine.planning import Planner
from extension.objects.base import Key
from extension.objects.connection import ConnectionReport
from extension.objects.errors import Forbidden, Invalid
from extension.objects.explanation import Explanations, Trace, TracedObjects
from extension.objects.kinds import Cluster, GitRepo
from extension.objects.moving import Move, Moved
from extension.objects.operation import OperationItem, Stage, key_of
from extension.objects.preview import Asked, Members, PlanReport
from extension.objects.status import ResourceKey
from extension.rancher.management import Management
from extension.rancher.members import BoundMembers
from extension.rancher.moving import progress
from extension.rancher.opening import management, own_namespace
from extension.rancher.recorded import RecordedOperations
from extension.rancher.relocating import Relocating
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.sources.build import additional_ca
from extension.store.kubernetes.mirror import Mirror
from extension.store.kubernetes.store import KubernetesStore
from extension.store.opening import open_store
from extension.store.operations import StoredOperations, moved_at_once
from extension.store.tokens import TokenStore

if TYPE_CHECKING:
    from api.services import Services
    from extension.rancher.identity import Identity
    from extension.rancher.reviewing import Reviews

MIRRORS = "fleet"
"""The folder of the mirrors in that of the state."""
OPERATIONS = "operations.db"
"""The one file there that stays, where the service is no part of Rancher's own cluster."""


class FleetPlans:
    """A planner that one user asks: Secrets that this service may not read are read as the user. See `api.services.Plans`."""

    def __init__(self, planner: Planner, asked: Callable[[], AbstractContextManager[None]]) -> None:
        self._planner, self._asked = planner, asked

    def plan(self, asked: Asked) -> PlanReport:
        with self._asked():
            return self._planner.plan(asked)

    def members(self, asked: Asked, group: str, after: str, limit: int) -> Members:
        with self._asked():
            return self._planner.members(asked, group, after, limit)

    def explain(self, cluster: Key, bundle: Key | None, repo: Key | None) -> Explanations:
        with self._asked():
            return self._planner.explain(cluster, bundle, repo)

    def trace(self, cluster: Key, wanted: ResourceKey, workspaces: tuple[str, ...] | None) -> Trace:
        with self._asked():
            return self._planner.trace(cluster, wanted, workspaces)

    def traced(self, repo: GitRepo, path: str, limit: int, after: str, workspaces: tuple[str, ...] | None) -> TracedObjects:
        with self._asked():
            return self._planner.traced(repo, path, limit, after, workspaces)


class FleetConnections:
    """Tries of one user, whose Secrets are read as the user. See `api.services.Connections`."""

    def __init__(self, connections: Connections, asked: Callable[[], AbstractContextManager[None]]) -> None:
        self._connections, self._asked = connections, asked

    def test(self, repo: GitRepo, with_paths: bool) -> ConnectionReport:
        with self._asked():
            return self._connections.test(repo, with_paths)


class FleetProcess:
    """`name` is that of its place in the service: the process that takes it next clears the mirror away."""

    def __init__(self, settings: Settings, name: str, reviews: Reviews) -> None:
        extra_ca = additional_ca(settings)
        self._api = Management(management(settings))
        self._relocating = Relocating(self._api, reviews)
        self._mirror = Mirror(self._api, settings.state_dir / MIRRORS / f"{name.rpartition('-')[2]}.db")
        self.store = KubernetesStore(self._api, self._mirror)
        namespace = own_namespace(settings)
        self._file = None if namespace else open_store(settings.state_dir / MIRRORS / OPERATIONS)
        self.operations = StoredOperations(self._file, self._moved) if self._file else RecordedOperations(self._api, namespace, self._moved)
        self._pool = Pool()
        self._templates = GoTemplates(self._pool.evaluate)
        found = sources(self.store, settings, self._pool, extra_ca)
        self.planner = planner(self.store, settings, self._pool, found)
        self.connections = Connections(self.store, found)

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
        if self._file is not None:
            self._file.close()

    def acting(self, services: Services, identity: Identity) -> Services:
        """The services as one of Rancher's users has them."""
        user = partial(self._api.acting, identity)
        asked = partial(self.store.read_for, user)
        plans, connections = FleetPlans(self.planner, asked), FleetConnections(self.connections, asked)
        store, move = self.store.acting(user), partial(self._move, identity)
        return dataclasses.replace(services, store=store, move=move, plans=plans, connections=connections, members=BoundMembers(user))

    def _moved(self, item: OperationItem) -> Stage:
        """How far a move is, is Rancher's to say, or Fleet's where Rancher has no such cluster."""
        if not item.management:
            return moved_at_once(self.store, item)
        return Stage(*progress(self._relocating.seen(item.management, key_of(Cluster.KIND, item), item.workspace), item.workspace))

    def problems(self) -> Mapping[str, str]:
        return self._mirror.problems()

    def move(self, cluster: Key, _wanted: Move, _dry_run: bool) -> NoReturn:
        """Moves are somebody's (`acting`): this service moves nothing by itself."""
        raise Forbidden(f"{cluster} is moved on a user's behalf only", hint="call the API as a user of Rancher")

    def _move(self, identity: Identity, cluster: Key, wanted: Move, dry_run: bool) -> Moved:
        """Asks Rancher for it, whose controllers make the cluster's object anew in the other workspace."""
        if wanted.keep_resources:
            hint = "set keepResources in the options of the bundles that leave it, and move it then"
            raise Invalid("keepResources: Fleet's agent keeps nothing of what leaves its cluster", field="keepResources", hint=hint)
        here = self.store.get(Cluster, cluster.namespace, cluster.name)
        comes = coming(self.store, self._templates, in_workspace(here, wanted))
        arrived = Key(Cluster.KIND, wanted.workspace, cluster.name)
        foretold = outcome(arrived, deployed(self.store, cluster), comes, wanted)
        asked = self._relocating.move(identity, cluster, wanted.workspace, wanted.labels, dry_run=dry_run)
        secrets = [f"{key.namespace}/{key.name}" for key in asked.secrets]
        told = {"management": asked.facts.name, "warnings": list(asked.warnings), "secrets": secrets}
        return msgspec.structs.replace(foretold, told={name: value for name, value in told.items() if value})
