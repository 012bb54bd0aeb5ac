"""Why a cluster gets a bundle or not, and where it stands: targets term by term, options, partition, and what is waited for.

Everything is asked anew of the store and of the same pure code that the engine uses; nothing is remembered, and nothing is guessed
from conditions that people read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from pyroaring import FrozenBitMap

from extension.engine.agent import state_of
from extension.engine.bundles import planned_for, vague_version
from extension.engine.policies import Policies
from extension.engine.proposals import Proposals, Proposed
from extension.engine.telling import place
from extension.engine.turns import Deadline
from extension.objects.base import Key, to_builtins
from extension.objects.errors import UserError
from extension.objects.explanation import Explained
from extension.objects.kinds import Bundle, BundleDeployment, Cluster
from extension.objects.options import BundleDeploymentOptions
from extension.objects.plan import Plan, Progress, Step, Variant
from extension.objects.presence import before
from extension.rendering.masking import without_values
from extension.store.labels import LabelIndex
from extension.store.protocol import Store
from extension.targeting import Dependency, Templates, behind, explain, step, unmet
from extension.targeting.admission import check_bundle
from extension.targeting.terms import checks, inputs_read

SOME = 3
"""So many clusters are named."""


class Explainer:
    """Explains for one cluster. `index` is up to date; clusters not heard of for `bound` seconds are offline."""

    def __init__(
        self,
        store: Store,
        index: LabelIndex,
        templates: Templates,
        rules: Policies,
        proposals: Proposals,
        *,
        deadline: Deadline,
        bound: float,
    ) -> None:
        self._store, self._index, self._templates = store, index, templates
        self._rules, self._proposals, self._deadline = rules, proposals, deadline
        self._bound = bound

    def bundle(self, key: Key, cluster: Cluster) -> Explained:
        """Raises NotFound for an unknown bundle; what keeps the bundle as a whole back is told as its error."""
        self._deadline.check(f"explaining bundle {place(key)}")
        number = self._store.object_id(cluster.key)
        told = Explained(place(key), place(cluster.key), False)
        bundle = self._store.get(Bundle, key.namespace, key.name)
        try:
            found = explain(bundle, number, self._index)
            told = msgspec.structs.replace(told, matched=found.matched, steps=found.steps)
            if found.steps and _is_searched(found.steps):
                told = msgspec.structs.replace(told, targets=tuple(checks(bundle, number, self._index)))
            told = self._deployed(told, bundle, cluster)
            if vague := vague_version(bundle):
                return msgspec.structs.replace(told, error=vague)
            rules = self._rules(key.namespace)
            check_bundle(bundle, rules)
            return self._planned(told, self._proposals.one(key), cluster, number)
        except UserError as error:
            return msgspec.structs.replace(told, error=str(error))

    def _deployed(self, told: Explained, bundle: Bundle, cluster: Cluster) -> Explained:
        """With what is stored of the deployment, if there is one."""
        there = self._deployment(bundle.key, cluster.key)
        if there is None:
            return told
        return msgspec.structs.replace(
            told,
            staged=there.spec.staged_deployment_id,
            live=there.spec.deployment_id,
            applied=there.status.applied_deployment_id,
            state=there.status.display.state,
            modified=there.status.modified_status,
        )

    def _deployment(self, bundle: Key, cluster: Key) -> BundleDeployment | None:
        try:
            return self._store.deployment(bundle, cluster)
        except UserError as error:
            if error.status == 404:
                return None
            raise

    def _planned(self, told: Explained, one: Proposed, cluster: Cluster, number: int) -> Explained:
        """With the options that the cluster gets, its place in the rollout, and what it waits for."""
        bundle = one.whole
        with self._index.reading():
            planned = planned_for(bundle, self._index, self._templates, self._rules(bundle.metadata.namespace), one.manifest_id)
        failed = next((error.message for error in planned.errors if number in error.clusters), "")
        variant = next((a.variant for a in planned.assignments if number in a.clusters), None)
        inputs = inputs_read(bundle, number, self._index) if told.matched else {}
        if variant is None:
            waits = ("it is uninstalled: nothing targets the cluster any more",) if told.live else ()
            return msgspec.structs.replace(told, inputs=inputs, error=failed, waits=waits)
        progress = self._store.progress(bundle.key)
        next_step = step(planned, progress, self._index)
        return msgspec.structs.replace(
            told,
            inputs=inputs,
            options=_shown(variant.options),
            planned=variant.deployment_id,
            partitions=tuple(_partitions(planned, next_step, number)),
            waits=tuple(self._waits(told, bundle, cluster, number, planned, variant, progress, next_step)),
        )

    def _waits(  # noqa: PLR0917 (all that a deployment can wait for)
        self, told: Explained, bundle: Bundle, cluster: Cluster, number: int, planned: Plan, variant: Variant, progress: Progress, now: Step
    ) -> Iterator[str]:
        """Why the cluster does not run what is planned, none when it does."""
        wanted = variant.deployment_id
        if number not in progress.existing:
            yield from self._not_created(number, planned, progress, now)
            return
        if told.live != wanted:
            yield from _not_promoted(bundle, cluster, number, planned, now)
            yield from self._away(planned, progress)
            return
        if told.applied != wanted:
            if number in self._index.off_schedule():
                yield "the window of the cluster's schedule is closed"
            if bundle.spec.paused or cluster.spec.paused:
                yield "the bundle is paused" if bundle.spec.paused else "the cluster is paused"
            yield from unmet(bundle.spec.depends_on, bundle.metadata.namespace, self._others(bundle.key, cluster.key))
            seen = cluster.status.agent.last_seen
            yield f"the cluster has not applied it yet; it was last heard of {seen or 'never'}"

    def _away(self, planned: Plan, progress: Progress) -> Iterator[str]:
        """Which of the clusters that a rollout counts as unavailable are offline: waiting alone does not end that."""
        late = behind(planned, progress)
        away = late & FrozenBitMap(self._store.asking.silent(before(datetime.now(UTC), self._bound)))
        if away:
            names = sorted(place(key) for key in self._store.keys(Cluster.KIND, away[:SOME]).values())
            more = f" and {len(away) - SOME} more" if len(away) > SOME else ""
            yield f"{len(away)} of {len(late)} clusters that are not up to date are offline: {', '.join(names)}{more}"

    def _not_created(self, number: int, planned: Plan, progress: Progress, now: Step) -> Iterator[str]:
        if number in progress.deleting:
            yield "its old deployment is still being removed"
        elif number in self._index.without_namespace():
            yield "the cluster has no namespace yet: its registration is not finished"
        else:
            yield _earlier(number, planned, now) or "the engine has not made the deployment yet"

    def _others(self, bundle: Key, cluster: Key) -> dict[Key, Dependency]:
        """The other bundles on the cluster, as its agent sees them."""
        there = (item for item in self._store.assigned(cluster) if item.is_wanted and item.bundle != bundle)
        return {item.bundle: Dependency(state_of(item), item.labels) for item in there}


def _is_searched(steps: tuple[str, ...]) -> bool:
    return " is searched" in steps[0]


def _shown(options: BundleDeploymentOptions) -> dict[str, Any]:
    """The options without Helm's values: their keys are there."""
    found: dict[str, Any] = to_builtins(options)
    helm = found.get("helm")
    if isinstance(helm, dict):
        found["helm"] = {key: without_values(value) if key in ("values", "templateValues") else value for key, value in helm.items()}
    return found


def _partitions(planned: Plan, now: Step, number: int) -> Iterator[str]:
    """The partitions that the cluster is in, or that it is in none."""
    unavailable = {part.name: part.unavailable for part in now.partitions}
    found = [(at, part) for at, part in enumerate(planned.partitions, 1) if number in part.clusters]
    for at, part in found:
        yield (
            f"partition {part.name} ({at} of {len(planned.partitions)}): {len(part.clusters)} clusters, {unavailable.get(part.name, 0)} "
            f"not up to date or not ready, {part.max_unavailable} may be"
        )
    if not found:
        yield "no partition of the rollout strategy has the cluster, so it never gets the bundle"


def _not_promoted(bundle: Bundle, cluster: Cluster, number: int, planned: Plan, now: Step) -> Iterator[str]:
    """Why the staged options are not live yet."""
    if planned.paused:
        yield "the bundle is paused"
    elif cluster.spec.paused:
        yield "the cluster is paused"
    elif number in now.promote:
        yield "nothing: it is next"
    else:
        more = f"{now.unavailable} clusters are unavailable, {planned.max_unavailable} may be: others have to be ready first"
        yield _earlier(number, planned, now) or more


def _earlier(number: int, planned: Plan, now: Step) -> str:
    """The partition that has to be done before the cluster's; empty when none has."""
    mine = next((at for at, part in enumerate(planned.partitions) if number in part.clusters), len(planned.partitions))
    late = next((part for part in now.partitions[:mine] if part.unavailable > part.max_unavailable), None)
    if late is None:
        return ""
    return f"partition {late.name} goes first: {late.unavailable} of its clusters are not up to date, {late.max_unavailable} may be"
