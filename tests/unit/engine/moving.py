"""A directory cluster, the workspaces it moves between, and what is in them."""

from __future__ import annotations

from extension.engine.moves import Moves
from extension.objects.kinds import BundleTarget, Cluster
from extension.objects.marks import DIRECTORY
from extension.objects.moving import LEAVING, Move, decoded_leaving
from extension.objects.selectors import LabelSelector
from extension.settings import Settings
from tests.unit.engine.samples import NS, bundle, bundle_key, cluster_key, workspace

SERVED = {DIRECTORY: "true"}
BLUE = BundleTarget(name="blue", cluster_selector=LabelSelector(match_labels={"color": "blue"}))


class Moving:
    """Two workspaces, and one cluster `a` in the first."""

    def __init__(self, served, folder):
        self.served, self.store = served, served.store
        self.settings = Settings(state_dir=folder)
        self.moves = Moves(self.store, served.rollouts.templates, self.settings, served.agents.held)
        for name in (NS, "new", "fleet-local"):
            self.store.create(workspace(name))

    def cluster(self, *names, annotations=SERVED, **given):
        return self.served.cluster(*names, annotations=annotations, **given)

    def bundle(self, name, *targets, namespace=NS, **given):
        self.store.create(bundle(name, *targets, namespace=namespace, **given))
        self.roll_out(name, namespace)

    def roll_out(self, name, namespace=NS):
        self.served.rollouts.index.refresh()
        self.served.rollouts.reconcile(bundle_key(name, namespace))
        self.served.agents.sync_all()

    def move(self, name="a", workspace="new", labels=None, dry_run=False, namespace=NS, **more):
        return self.moves.move(cluster_key(name, namespace), Move(workspace, labels or {}, **more), dry_run)

    def left(self, namespace, name="a"):
        return list(decoded_leaving(self.store.get(Cluster, namespace, name).metadata.annotations.get(LEAVING, "")))

    def folder(self, namespace, name="a"):
        return self.settings.directories / namespace / name
