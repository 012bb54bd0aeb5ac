"""A Kubernetes cluster: bundles as Helm releases that every Helm client sees (`fleet-semantics.md` 4).

Rendering happens here, once a deployment; Helm applies the finished manifests (`rendering/helm_release.py`). A release that a killed
agent left half-done is taken over: calls for one release come one at a time, so a pending record is nobody's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from extension.delivery.accounts import user_of
from extension.delivery.client import Client, Unreachable
from extension.delivery.copies import Copier
from extension.delivery.corrections import counted, judged, known
from extension.delivery.handing import OTHERS, Handing
from extension.delivery.helm_records import HelmRecords, Revision
from extension.delivery.kubeconfig import read
from extension.delivery.namespaces import check_namespace, drop_namespace, label_namespace
from extension.delivery.observing import Observer
from extension.delivery.packing import chart
from extension.delivery.protocol import Deployment, Release, tried
from extension.delivery.recovery import compared, recovered, uninstall
from extension.delivery.rollback import Failures, Situation, rolled_back, situation
from extension.delivery.status import Observation, failed, is_to_correct, observed
from extension.delivery.valuesfrom import values_from
from extension.delivery.watching import Watches
from extension.objects.errors import Invalid, Unavailable, UserError
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import BundleDeploymentOptions, CorrectDrift, HelmOptions
from extension.rendering import documents, postrender
from extension.rendering.helm_release import Access, Applied, Change, Named
from extension.rendering.pool import Pool
from extension.rendering.render import Input, Rendering, release_of

OPERATION_SECONDS = 600.0
CAPABILITIES_SECONDS = 300.0

Object = dict[str, Any]


class KubernetesDelivery:
    """See `protocol.Delivery`. `renders` renders what tenants wrote, `releases` is the pool that only changes clusters. A kubeconfig
    that is `trusted` is the administrator's, and may name the file of its token."""

    def __init__(
        self, kubeconfig: str, renders: Pool, releases: Pool, trusted: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kubeconfig = kubeconfig
        self._client = Client(read(kubeconfig, folder=Path("/") if trusted else None))
        self._records = HelmRecords(self._client)
        self._handing = Handing(self._client, self._records)
        self._watches = Watches(self._client, clock)
        self._renders = renders
        self._pool = releases
        self._clock = clock
        self._failures = Failures(clock)
        self._lock = threading.Lock()
        self._capabilities: tuple[float, str, tuple[str, ...]] | None = None
        self._manifests: dict[tuple[str, str, int], tuple[Object, ...]] = {}

    def deploy(self, deployment: Deployment) -> BundleDeploymentStatus:
        try:
            check_namespace(self._client, _namespace(deployment.options), deployment.options)
            revision = self._current(deployment)
            if deployment.copies.objects:
                self._copier(deployment.options).put(
                    deployment.copies, _namespace(deployment.options), deployment.options, anew=revision is None
                )
            if revision is None:
                revision = self._apply(deployment)
            return self._observe(deployment, revision)
        except Unavailable:
            raise
        except UserError as error:
            return failed(tried(deployment), deployment.deployment_id, error, _now())

    def observe(self, deployment: Deployment) -> BundleDeploymentStatus:
        return self.deploy(deployment)

    def remove(self, release: Release) -> None:
        self._watches.forget(_set_hash(release.bundle))
        if release.keep_resources:
            for revision in self._records.revisions(release.namespace, release.name):
                self._records.drop(revision)
            return
        known = compared(self._records.revisions(release.namespace, release.name))
        given = self._handing.prepare(known, None, release.passed)
        uninstall(self._client, self._records, self._call, Named(Access(self._kubeconfig, release.namespace), release.name))
        if release.delete_namespace and not given:
            drop_namespace(self._client, release.namespace)

    def withdraw(self, bundle: str) -> None:
        Copier(self._client, self._client).withdraw(bundle, ())

    def releases(self) -> tuple[Release, ...]:
        return self._records.releases()

    def watch(self, tell: Callable[[str], None]) -> None:
        self._watches.start(tell)

    def watched(self, name: str) -> bool:
        return self._watches.watched(_set_hash(name))

    def close(self) -> None:
        self._watches.stop()
        self._client.close()

    def _current(self, deployment: Deployment) -> Revision | None:
        """The revision that is deployed, when it is the wanted one."""
        status = deployment.status
        if status.applied_deployment_id != deployment.deployment_id or not status.release:
            return None
        if status.downstream_resources_generation != deployment.copies.generation:  # values may come from them (3.5)
            return None
        namespace, _, rest = status.release.partition("/")
        name, _, number = rest.rpartition(":")
        known = Revision(namespace, name, int(number), "deployed")
        return known if self._objects(known) is not None else None

    def _copier(self, options: BundleDeploymentOptions) -> Copier:
        return Copier(self._client, self._client.acting_as(user_of(self._client, options)))

    def _apply(self, deployment: Deployment) -> Revision:
        """Renders and installs or upgrades; removes the release of another name that the bundle had before."""
        options, given = deployment.options, self._input(deployment)
        name, namespace = release_of(given)
        access = Access(self._kubeconfig, namespace, user_of(self._client, options))
        known = recovered(self._records, self._call, Access(self._kubeconfig, namespace), name)
        last = max((one.number for one in known), default=0)
        rendering = self._rendered(msgspec.structs.replace(given, revision=last + 1, is_upgrade=last > 0))
        for changed in self._handing.prepare(known, rendering.objects, deployment.passed):
            self._manifests.pop((changed.namespace, changed.name, changed.number), None)
        helm = options.helm or HelmOptions()
        force = helm.force or bool(options.correct_drift and options.correct_drift.force)
        change = Change(
            access=access,
            name=rendering.release,
            files=chart(rendering, deployment),
            values=rendering.values,
            is_upgrade=last > 0,
            create_namespace=options.create_namespace is not False,
            timeout=helm.timeout_seconds,
            wait_for_jobs=helm.wait_for_jobs,
            take_ownership=helm.take_ownership,
            force_replace=force,
            atomic=helm.atomic,
            max_history=_history(options),
        )
        applied = self._changed(deployment, rendering, change)
        revision = Revision(rendering.namespace, rendering.release, applied.revision, "deployed")
        self._remember(revision, rendering.objects)
        label_namespace(self._client, self._client.acting_as(access.as_user), rendering.namespace, options)
        self._leave_other_name(deployment, revision)
        if deployment.copies.objects or deployment.status.downstream_resources_generation:
            self._copier(options).withdraw(deployment.name, deployment.copies.places(rendering.namespace))
        return revision

    def _changed(self, deployment: Deployment, rendering: Rendering, change: Change) -> Applied:
        """Has Helm do it. Where it refuses what others have, what is there for this bundle is taken over."""
        try:
            answer = self._call("helm_release.apply", change, change.waits)
        except Invalid as error:
            if OTHERS not in str(error) or not self._handing.may_take(deployment.name, rendering, deployment.options.overwrites):
                raise
            taking = msgspec.structs.replace(change, take_ownership=True, atomic=False)  # an undone install deletes all that it has
            answer = self._call("helm_release.apply", taking, change.waits)
        return msgspec.msgpack.decode(answer, type=Applied)

    def _leave_other_name(self, deployment: Deployment, revision: Revision) -> None:
        """A bundle that got another release name or namespace leaves the old one (4.4). Where it failed meanwhile only the cluster
        knows which that was."""
        status, place = deployment.status, (revision.namespace, revision.name)
        namespace, _, rest = status.release.partition("/")
        known = [(namespace, rest.rpartition(":")[0])] if rest else []
        if not rest and status.applied_deployment_id:
            known = [(one.namespace, one.name) for one in self.releases() if one.bundle == deployment.name]
        for there in known:
            if there != place:
                self.remove(Release(there[1], there[0], deployment.name, "", deployment.options.keep_resources))

    def _observe(self, deployment: Deployment, revision: Revision) -> BundleDeploymentStatus:
        seen, wrong, now = self._look(deployment, revision), "", _now()
        corrections = known(deployment.status, deployment.deployment_id, deployment.options)
        if is_to_correct(deployment.options, judged(seen.modified, corrections)):
            drift = situation(deployment, seen.modified)
            wrong = self._failures.waiting(deployment.name, drift)
            if not wrong:
                revision, wrong = self._corrected(deployment, revision, drift)
                corrections = corrections if wrong else counted(corrections, seen.modified, now)
                seen = self._look(deployment, revision)
        else:
            self._failures.ended(deployment.name)
        status = observed(deployment.status, deployment.deployment_id, seen, now, wrong, corrections)
        return msgspec.structs.replace(
            status,
            sync_generation=deployment.options.force_sync_generation,
            downstream_resources_generation=deployment.copies.generation,
        )

    def _look(self, deployment: Deployment, revision: Revision) -> Observation:
        objects, owner = self._objects(revision) or (), _set_hash(deployment.name)
        observer = Observer(self._client, revision.namespace, objects, owner, partial(self._watches.noted, deployment.name, owner))
        before = msgspec.structs.replace(revision, number=revision.number - 1)
        release = f"{revision.namespace}/{revision.name}:{revision.number}"
        return observer.observe(release, deployment.options, lambda: self._objects(before) or ())

    def _corrected(self, deployment: Deployment, revision: Revision, drift: Situation) -> tuple[Revision, str]:
        """The revision that counts after drift was to be undone, and why that failed."""
        options = deployment.options
        access = Access(self._kubeconfig, revision.namespace, user_of(self._client, options))
        correct = options.correct_drift or CorrectDrift()
        try:
            newest = rolled_back(self._records, self._call, access, revision, correct, _history(options))
        except Invalid as error:
            self._failures.failed(deployment.name, drift, str(error))
            return revision, str(error)
        self._failures.ended(deployment.name)
        self._remember(newest, self._objects(revision) or ())
        return newest, ""

    def _objects(self, revision: Revision) -> tuple[Object, ...] | None:
        """The objects of a revision, from memory or its record; None when there is none."""
        key = (revision.namespace, revision.name, revision.number)
        if key not in self._manifests:
            content = self._records.content(revision)
            if content is None:
                return None
            self._remember(revision, documents.objects(content.manifest, f"release {revision.name}"))
        return self._manifests[key]

    def _remember(self, revision: Revision, objects: Iterable[Object]) -> None:
        with self._lock:
            for key in [k for k in self._manifests if k[:2] == (revision.namespace, revision.name) and k[2] < revision.number - 1]:
                del self._manifests[key]
            self._manifests[revision.namespace, revision.name, revision.number] = tuple(objects)

    def _rendered(self, given: Input) -> Rendering:
        """Raises Invalid when the renderer is out of order, which says nothing about the cluster."""
        try:
            return self._renders.render(given, self._scope)
        except Unreachable:
            raise
        except Unavailable as error:
            raise Invalid(error.message, where=error.where, hint=error.hint) from None

    def _input(self, deployment: Deployment) -> Input:
        version, api_versions = self._served()
        return Input(
            name=deployment.name,
            options=deployment.options,
            resources=deployment.resources(),
            manifest_id=deployment.deployment_id.partition(":")[0],
            commit=deployment.commit,
            values_from=tuple(values_from(self._client, deployment.options, _namespace(deployment.options))),
            kube_version=version,
            api_versions=api_versions,
        )

    def _served(self) -> tuple[str, tuple[str, ...]]:
        """The server's version and APIs, asked for now and then."""
        known = self._capabilities
        if known is None or known[0] < self._clock():
            known = (self._clock() + CAPABILITIES_SECONDS, self._client.version(), self._client.api_versions())
            self._capabilities = known
        return known[1], known[2]

    def _scope(self, api_version: str, kind: str) -> bool | None:
        found = self._client.kind(api_version, kind)
        return None if found is None else found.namespaced

    def _call(self, operation: str, args: msgspec.Struct, waits: int = 0) -> bytes:
        return self._pool.call(operation, msgspec.msgpack.encode(args), timeout=OPERATION_SECONDS + waits, repeat=False)


def _set_hash(bundle: str) -> str:
    """By what the objects of a bundle are found."""
    return postrender.set_hash(postrender.set_id(bundle, "default"))


def _history(options: BundleDeploymentOptions) -> int:
    """How many revisions of a release are kept."""
    return (options.helm.max_history if options.helm else 0) or 2


def _namespace(options: BundleDeploymentOptions) -> str:
    """Where the release goes."""
    return options.namespace or options.default_namespace or "default"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
