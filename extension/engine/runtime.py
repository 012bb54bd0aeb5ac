"""The embedded engine, put together: store, sources, queues, agents, and the feed that drives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from extension.engine.agents import Agents
from extension.engine.bootstrap import bootstrap
from extension.engine.bundles import BundleReconciler
from extension.engine.clusters import Opening
from extension.engine.contents import ChartFiles, Contents
from extension.engine.departures import depart
from extension.engine.errands import Errands
from extension.engine.feed import Feed
from extension.engine.gitrepos import GitRepoReconciler
from extension.engine.gitrepos import Sources as GitSources
from extension.engine.helmops import HelmOpReconciler, Versions
from extension.engine.imagescans import Images, ImageScanReconciler
from extension.engine.installing import Installer, chart_of
from extension.engine.keyring import Keyring
from extension.engine.moves import Moves
from extension.engine.policies import Policies
from extension.engine.queue import Queue
from extension.engine.registrationtokens import RegistrationTokenReconciler
from extension.engine.schedules import ScheduleReconciler
from extension.engine.seen import Seen
from extension.engine.stored import listed
from extension.jitter import spread
from extension.objects.base import Key
from extension.objects.kinds import Bundle, Cluster, ClusterRegistrationToken, GitRepo, HelmOp, ImageScan, Schedule
from extension.objects.marks import Mark
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.store.labels import LabelIndex
from extension.store.protocol import Change, Store

GITREPO_WORKERS = 4
HELMOP_WORKERS = 4
BUNDLE_WORKERS = 2
IMAGESCAN_WORKERS = 2
POLLS_A_SECOND_AT_START = 50.0
REPORTED_APART = 0.25
"""Seconds between two looks at a bundle because of reports: they come in hundreds a second, and a look sees all of them."""


class Sources(GitSources, Versions, ChartFiles, Images, Protocol):
    """Where all content comes from; `sources.EngineSources`."""


class Part(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Engine:
    """Started once a term by the leader; `stop` lets what runs end. Everything it knows is in the store."""

    def __init__(self, store: Store, sources: Sources, pool: Pool, settings: Settings, term: int = 0) -> None:
        templates = GoTemplates(pool.evaluate)
        self._store = store
        self._term = term
        self._pool = pool
        self._index = LabelIndex(store)
        self._policies = Policies(store)
        self._gitrepos = GitRepoReconciler(
            store, sources, default_interval=settings.polling_interval, jitter=jitter, rules=self._policies,
            image_scan=settings.imagescan_enabled,
        )  # fmt: skip
        self._imagescans = ImageScanReconciler(store, sources, enabled=settings.imagescan_enabled, jitter=jitter, rules=self._policies)
        self._helmops = HelmOpReconciler(store, sources, jitter=jitter, rules=self._policies)
        self._bundles = BundleReconciler(store, self._index, templates, self._policies)
        self.gitrepos: Queue[Key] = Queue("gitrepo", self._gitrepos, GITREPO_WORKERS)
        self.helmops: Queue[Key] = Queue("helmop", self._helmops, HELMOP_WORKERS)
        self.bundles: Queue[Key] = Queue("bundle", self._bundles, BUNDLE_WORKERS)
        self.imagescans: Queue[Key] = Queue("imagescan", self._imagescans, IMAGESCAN_WORKERS)
        self.schedules: Queue[Key] = Queue("schedule", ScheduleReconciler(store, self._index), 1)
        self._releases = Pool(memory=0)
        opening = Opening(store, settings, pool, self._releases)
        contents = Contents(store, sources)
        self.agents = Agents(store, opening, workers=settings.workers, drift_interval=settings.drift_interval, contents=contents)
        self.moves = Moves(store, templates, settings, self.agents.held)
        tokens = RegistrationTokenReconciler(store, Keyring(store.asking), settings)
        self.registrations: Queue[Key] = Queue("registrationtoken", tokens, 1)
        self.installs: Queue[Key] = Queue("agent-install", Installer(store, opening.by_kubeconfig, chart_of(settings)), 2)
        self._feed = Feed(store, self._routes(), self._resync, settle=self._settle)
        queues = (self.gitrepos, self.helmops, self.bundles, self.schedules, self.imagescans, self.registrations, self.installs)
        errands = () if settings.alone else (Errands(store, self.moves.move),)
        self._parts: tuple[Part, ...] = (self.agents, *queues, self._feed, Seen(store, self.agents.reached), *errands)
        self._work_changed = False
        self._clusters_changed = False
        self._version = 0

    def _routes(self) -> Mapping[str, Sequence[Callable[[Change], None]]]:
        """Who has to look again because of a change of a kind."""
        return {
            "GitRepo": (self._gitrepo_changed,),
            "HelmOp": (self._helmop_changed,),
            "Bundle": (self._bundle_changed,),
            "BundleDeployment": (self._deployments_changed,),
            "Cluster": (self._universe_changed, self._cluster_changed),
            "ClusterGroup": (self._universe_changed,),
            "BundleNamespaceMapping": (self._universe_changed,),
            "FleetWorkspace": (self._universe_changed,),
            "Schedule": (self._schedule_changed,),
            "ImageScan": (self._imagescan_changed,),
            "ClusterRegistrationToken": (lambda change: self.registrations.add(change.key),),
            "GitRepoRestriction": (self._policies.changed, self._rules_changed),
            "Policy": (self._policies.changed, self._rules_changed),
            "Secret": (self._secret_changed, self._source_changed),
            "ConfigMap": (self._source_changed,),
        }

    def start(self) -> None:
        self._store.asking.begin(self._term)
        bootstrap(self._store)
        self.moves.folders.settle()
        for part in self._parts:
            part.start()

    def stop(self) -> None:
        for part in reversed(self._parts):
            part.stop()
        self._pool.close()
        self._releases.close()

    def _resync(self) -> None:
        """Looks at everything once: at the start, and when the feed lost its place."""
        self._version = self._index.refresh()
        self._policies.forget()
        for cluster in {*self._served(), *self.agents.served()}:
            self.agents.cluster_changed(cluster)
        for cluster in self._store.keys(Cluster.KIND, self._store.population.marked(Mark.INSTALLED)).values():
            self.installs.add(cluster)
        for bundle in listed(self._store, Bundle):
            self.bundles.add(bundle.key)
        for schedule in listed(self._store, Schedule):
            self.schedules.add(schedule.key)
        for token in listed(self._store, ClusterRegistrationToken):
            self.registrations.add(token.key)
        for number, repo in enumerate(listed(self._store, GitRepo)):
            self.gitrepos.add(repo.key, after=number / POLLS_A_SECOND_AT_START)
            self.imagescans.add(repo.key, after=number / POLLS_A_SECOND_AT_START)
        for number, scan in enumerate(listed(self._store, ImageScan)):
            self.imagescans.add(scan.key, after=number / POLLS_A_SECOND_AT_START)
        for number, op in enumerate(listed(self._store, HelmOp)):
            self.helmops.add(op.key, after=number / POLLS_A_SECOND_AT_START)
        self._depart()

    def _gitrepo_changed(self, change: Change) -> None:
        self.gitrepos.add(change.key)
        self.imagescans.add(change.key)

    def _imagescan_changed(self, change: Change) -> None:
        self.imagescans.add(change.key)
        scan = self._store.find(ImageScan, change.key.namespace, change.key.name)
        if scan is not None:
            self.imagescans.add(Key(GitRepo.KIND, change.key.namespace, scan.spec.gitrepo_name))

    def _helmop_changed(self, change: Change) -> None:
        self.helmops.add(change.key)

    def _bundle_changed(self, change: Change) -> None:
        self.bundles.add(change.key)
        self._work_changed = True
        owner = self._gitrepos.owner(change.key) if change.type == "DELETED" else None
        if owner:
            self.gitrepos.add(owner)
        if change.type == "DELETED":
            self.helmops.add(Key(HelmOp.KIND, change.key.namespace, change.key.name))

    def _deployments_changed(self, change: Change) -> None:
        self.bundles.add_apart(Key("Bundle", change.key.namespace, change.key.name), REPORTED_APART)
        self._work_changed = True

    def _depart(self) -> None:
        if departing := self._index.deleting():
            depart(self._store, departing)

    def _settle(self) -> None:
        """What is done once a batch: targets are looked at again, and agents ask for their work, since what a deployment is told
        changes with its bundle too (paused)."""
        if self._clusters_changed:
            self._clusters_changed = False
            self._retarget()
            self._work_changed = self._work_changed or bool(self._index.deleting())
        if self._work_changed:
            self._work_changed = False
            self.agents.sync_all()
            self._depart()

    def _cluster_changed(self, change: Change) -> None:
        """Most clusters have agents of their own: they are not read for a change."""
        if self._store.population.has(change.number, Mark.INSTALLED):
            self.installs.add(change.key)
        if self._store.population.has(change.number, Mark.SERVED) or self.agents.serves(change.key):
            self.agents.cluster_changed(change.key)

    def _served(self) -> list[Key]:
        """The clusters that this service may have to serve itself."""
        return list(self._store.keys(Cluster.KIND, self._store.population.marked(Mark.SERVED)).values())

    def _universe_changed(self, _change: Change) -> None:
        self._clusters_changed = True

    def _retarget(self) -> None:
        """Looks at the bundles whose targets read what changed, and at every Schedule; a cluster's reports are no such change."""
        before, self._version = self._version, self._index.refresh()
        if self._version != before:
            for bundle in self._bundles.affected(before):
                self.bundles.add(bundle)
            for schedule in listed(self._store, Schedule):
                self.schedules.add(schedule.key)

    def _schedule_changed(self, change: Change) -> None:
        self.schedules.add(change.key)

    def _rules_changed(self, change: Change) -> None:
        """Looks at all that a workspace's rules can refuse or admit."""
        for repo in listed(self._store, GitRepo, change.key.namespace):
            self._gitrepos.look_again(repo.key)
            self.gitrepos.add(repo.key)
        for op in listed(self._store, HelmOp, change.key.namespace):
            self._helmops.look_again(op.key)
            self.helmops.add(op.key)
        for bundle in listed(self._store, Bundle, change.key.namespace):
            self.bundles.add(bundle.key)

    def _source_changed(self, change: Change) -> None:
        self.agents.source_changed(change.key.kind, change.key.namespace, change.key.name)

    def _secret_changed(self, change: Change) -> None:
        for key in self._served():
            cluster = self._store.find(Cluster, key.namespace, key.name)
            if cluster and cluster.spec.kube_config_secret == change.key.name:
                self.agents.cluster_changed(key)
        for repo in listed(self._store, GitRepo, change.key.namespace):
            if change.key.name in secrets_of(repo):
                self._gitrepos.look_again(repo.key)
                self.gitrepos.add(repo.key)
        for op in listed(self._store, HelmOp, change.key.namespace):
            if change.key.name == op.spec.helm_secret_name:
                self._helmops.look_again(op.key)
                self.helmops.add(op.key)
        for scan in listed(self._store, ImageScan, change.key.namespace):
            if scan.spec.secret_ref and change.key.name == scan.spec.secret_ref.name:
                self._imagescans.look_again(scan.key)
                self.imagescans.add(scan.key)


def secrets_of(repo: GitRepo) -> set[str]:
    """The names of the secrets a GitRepo is read with (`fleet-semantics.md` 5.2, 5.3)."""
    spec = repo.spec
    return {spec.client_secret_name or "gitcredential", spec.helm_secret_name, spec.helm_secret_name_for_paths} - {""}


def jitter(interval: float) -> float:
    """The interval and up to a tenth more, so that repositories polled together drift apart (section 0)."""
    return spread(interval, 1.0, 1.1)
