"""Bundles and clusters in a store, and the reconciler that makes deployments of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension.engine.bundles import BundleReconciler
from extension.objects.base import Condition
from extension.objects.errors import Unavailable
from extension.objects.kinds import Bundle, BundleDeploymentStatus, BundleTarget
from extension.store.labels import LabelIndex
from extension.store.protocol import Report
from extension.store.sql import SqlStore
from extension.targeting.admission import Rules
from tests.unit.engine.samples import NS, bundle, bundle_key, cluster, cluster_key, states
from tests.unit.targeting.worlds import Substituting


class Templates(Substituting):
    """While `down` no text is evaluated, as when the rendering process was killed."""

    down = False

    def evaluate(self, text: str, context: Mapping[str, Any]) -> str:
        if self.down:
            raise Unavailable("the renderer was stopped")
        return super().evaluate(text, context)


class Rollouts:
    def __init__(self, store: SqlStore) -> None:
        self.store, self.index, self.templates = store, LabelIndex(store), Templates()
        self.rules = Rules()
        self.reconcile = BundleReconciler(store, self.index, self.templates, lambda _namespace: self.rules)

    def clusters(self, *names: str, **labels: str) -> None:
        for name in names:
            self.store.create(cluster(name, labels=labels))

    def add(self, name: str, *targets: BundleTarget, **given: Any) -> float | None:
        self.store.create(bundle(name, *targets, **given))
        return self.look(name)

    def look(self, name: str) -> float | None:
        self.index.refresh()
        return self.reconcile(bundle_key(name))

    def bundle(self, name: str) -> Bundle:
        return self.store.get(Bundle, NS, name)

    def states(self, name: str) -> dict[str, str]:
        return states(self.store, name)

    def report(self, name: str, *clusters: str) -> None:
        """These clusters say that they have what they were given, and that it is ready."""
        for one in clusters:
            wanted = self.store.deployment(bundle_key(name), cluster_key(one)).spec.deployment_id
            status = BundleDeploymentStatus(applied_deployment_id=wanted, ready=True, non_modified=True)
            self.store.report([Report(*self.ids(name, one), status)])

    def says(self, name: str, on: str, message: str) -> None:
        """A cluster says that it could not deploy what it was given."""
        failed = Condition(type="Deployed", status="False", reason="Error", message=message)
        self.store.report([Report(*self.ids(name, on), BundleDeploymentStatus(conditions=(failed,)))])

    def removed(self, name: str, *clusters: str) -> None:
        self.store.report([Report(*self.ids(name, one), removed=True) for one in clusters])

    def ids(self, name: str, on: str) -> tuple[int, int]:
        return self.store.object_id(bundle_key(name)), self.store.object_id(cluster_key(on))
