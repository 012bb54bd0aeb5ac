"""What a change would do, as a value: which clusters get, change or lose what, grouped by identical change.

The values are what `/v1/plans` answers and `rancher-cd plan` prints; `str` of a report is the text for people. They hold no
secret: what comes in here went through the one masking function (`rendering.masking`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import indent

import msgspec

from extension.objects.base import Struct, prepare
from extension.objects.kinds import Cluster, ClusterGroup, GitRepo, HelmOp

MARKS = {"created": "+", "added": "+", "changed": "~", "removed": "-", "unchanged": "="}
FATES = ("created", "changed", "removed", "unchanged", "waiting", "failed")
"""What can become of a deployment, or is told of one."""
SHORT = 12


class Value(Struct, frozen=True, omit_defaults=False):
    """A part of an answer: camelCase, every field always there."""


class Names(Value, frozen=True):
    """A number of clusters, and the first of them by name as `workspace/name`."""

    count: int = 0
    first: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = self.count - len(self.first)
        listed = ", ".join(self.first)
        return f"{listed} and {more} more" if more and listed else listed or str(self.count)


class ObjectChange(Value, frozen=True):
    """An object of a rendering that is added, removed or changed. `diff` is unified and masked; `elided` counts its lines that
    are left out."""

    change: str
    api_version: str
    kind: str
    namespace: str
    name: str
    diff: str = ""
    elided: int = 0

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        more = f"... {counted(self.elided, 'line')} left out\n" if self.elided else ""
        return f"{MARKS[self.change]} {self.api_version} {self.kind} {place}\n{indent(self.diff + more, '  ')}"


class ChangeGroup(Value, frozen=True):
    """Clusters of a bundle with one change: the same deployment ID before (empty: none) and after (empty: removed).

    `waiting`: the change was decided before and waits for its rollout, so what is planned here adds nothing to it. `options` are the
    fields of the options that differ, without their values. `left_out` counts objects with a change that are not shown; `notes`
    say what the rendering can't know, `error` why there is none.
    """

    id: str
    change: str
    clusters: Names
    old_deployment_id: str = msgspec.field(default="", name="oldDeploymentID")
    new_deployment_id: str = msgspec.field(default="", name="newDeploymentID")
    waiting: bool = False
    objects: tuple[ObjectChange, ...] = ()
    left_out: int = 0
    options: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        waits = ", decided before and waiting" if self.waiting else ""
        yield f"{MARKS[self.change]} {counted(self.clusters.count, 'cluster')} {self.change}{waits}: {self.clusters}"
        ids = [shortened(one) for one in (self.old_deployment_id, self.new_deployment_id)]
        yield f"  deployment ID {ids[0] or 'none'} -> {ids[1] or 'none'}"
        if self.options:
            yield f"  options that differ: {', '.join(self.options)}"
        yield from (f"  note: {note}" for note in self.notes)
        if self.error:
            yield f"  not rendered: {self.error}"
        for one in self.objects:
            yield indent(str(one).rstrip("\n"), "  ")
        if self.left_out:
            yield f"  ... {counted(self.left_out, 'changed object')} not shown"


class ClusterError(Value, frozen=True):
    """Clusters whose options can't be computed: they keep what they have."""

    message: str
    clusters: Names


class PlannedPart(Value, frozen=True):
    """A partition of the rollout."""

    name: str
    clusters: int
    max_unavailable: int


class BundlePlan(Value, frozen=True):
    """What becomes of a bundle. The numbers are clusters: `failed` have an error, `hidden` are in workspaces that the caller may not
    read and in no other number. `error` concerns the whole bundle: nothing of it is deployed then."""

    bundle: str
    change: str
    created: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    waiting: int = 0
    failed: int = 0
    hidden: int = 0
    groups: tuple[ChangeGroup, ...] = ()
    more_groups: int = 0
    errors: tuple[ClusterError, ...] = ()
    partitions: tuple[PlannedPart, ...] = ()
    more_partitions: int = 0
    max_unavailable: int = 0
    paused: bool = False
    error: str = ""

    @property
    def numbers(self) -> str:
        return numbered(self, (*FATES, "hidden")) or "no cluster"

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"{MARKS[self.change]} bundle {self.bundle}: {self.numbers}"
        if self.error:
            yield f"  not deployed: {self.error}"
        if self.paused:
            yield "  it is paused: nothing is deployed until it is let go"
        if len(self.partitions) > 1:
            parts = ", ".join(f"{p.name} ({p.clusters}, {p.max_unavailable} at a time)" for p in self.partitions)
            more = f" and {self.more_partitions} more" if self.more_partitions else ""
            yield f"  rollout: {parts}{more}; at most {self.max_unavailable} at a time in all"
        for error in self.errors:
            yield f"  error on {counted(error.clusters.count, 'cluster')} ({error.clusters}): {error.message}"
        shown: set[tuple[ObjectChange, ...]] = set()
        for group in self.groups:
            again = group.objects in shown
            yield indent(str(msgspec.structs.replace(group, objects=(), left_out=0) if again else group).rstrip("\n"), "  ")
            if again:
                yield "    the same diff as of a group above"
            shown.update({group.objects} - {()})
        if self.more_groups:
            yield f"  ... {counted(self.more_groups, 'group')} of clusters not shown; name the bundle with --bundle to see more"


class TargetMatch(Value, frozen=True):
    """The clusters that a target selects, those left out that an earlier one has."""

    target: str
    clusters: Names


class Asked(msgspec.Struct, frozen=True):
    """A question to the planner: what `repo` would do, at the revision it names or with `archive` (a gzipped tar) in place of its
    repository; or what `helmop` would, `group`, or `cluster` with the labels it has here. `targets_only` reads no repository;
    `bundle` is the only one that is looked at, if named.

    `workspaces` are those whose clusters the caller may read, None for all.
    """

    repo: GitRepo | None = None
    helmop: HelmOp | None = None
    group: ClusterGroup | None = None
    cluster: Cluster | None = None
    archive: bytes | None = None
    targets_only: bool = False
    bundle: str = ""
    diffs: bool = True
    workspaces: tuple[str, ...] | None = None


class PlanReport(Value, frozen=True):
    """`of` is what is planned, such as `GitRepo fleet-default/shop`; `commit` what it was read at (empty: a folder), `deployed` what its
    bundles were made of. `changes`: whether anything would be done that is not decided already. The numbers are deployments.

    `targets` are there for a plan of targets alone, `enters` and `leaves` for a ClusterGroup.
    """

    of: str
    type: str = "plan"
    commit: str = ""
    deployed: str = ""
    changes: bool = False
    created: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    waiting: int = 0
    failed: int = 0
    bundles: tuple[BundlePlan, ...] = ()
    targets: tuple[TargetMatch, ...] = ()
    enters: Names | None = None
    leaves: Names | None = None
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        read = f" at commit {self.commit[:SHORT]}" if self.commit else ""
        before = f", deployed is {self.deployed[:SHORT]}" if self.deployed and self.deployed != self.commit else ""
        yield f"{self.of}{read}{before}"
        yield from (f"warning: {warning}" for warning in self.warnings)
        for verb, found in (("would enter", self.enters), ("would leave", self.leaves)):
            if found is not None:
                yield f"{verb}: {told(found)}"
        for target in self.targets:
            yield f"target {target.target}: {told(target.clusters)}"
        if self.bundles or not self.targets:
            yield self._summary()
        yield from (
            "\n" + str(bundle).rstrip("\n") for bundle in self.bundles if bundle.change != "unchanged" or bundle.error or bundle.failed
        )

    def _summary(self) -> str:
        return f"{'changes' if self.changes else 'no changes'}; deployments: {numbered(self, FATES) or 'none'}"


class Members(Value, frozen=True):
    """A page of a group's clusters; `next` is empty on the last one."""

    group: str
    count: int
    clusters: tuple[str, ...]
    type: str = "planGroup"
    next: str = msgspec.field(default="", name="continue")


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def told(names: Names) -> str:
    return f"{counted(names.count, 'cluster')}: {names}" if names.count else "no cluster"


def shortened(deployment_id: str) -> str:
    """A deployment ID as people compare it: the first digits of its content and of its options."""
    return ":".join(part[:SHORT] for part in deployment_id.split(":"))


def totals(bundles: Sequence[BundlePlan]) -> dict[str, int]:
    """The numbers of a report, summed up."""
    return {name: sum(getattr(bundle, name) for bundle in bundles) for name in FATES}


def numbered(one: BundlePlan | PlanReport, fates: Sequence[str]) -> str:
    told = ((getattr(one, name), name) for name in fates)
    return ", ".join(f"{count} {name}" for count, name in told if count)


prepare(PlanReport, Members)
