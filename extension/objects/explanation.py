"""Why a cluster gets a bundle or not, and where an object on a cluster came from: values that `/v1` answers and `rancher-cd` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from extension.objects.base import prepare
from extension.objects.preview import SHORT, Value, shortened
from extension.objects.states import modified_lines
from extension.objects.status import ModifiedStatus
from extension.objects.yaml_dump import dump


class Term(Value, frozen=True):
    """One condition of a target, and what of the cluster it was held against."""

    text: str
    holds: bool
    seen: str

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'does not hold'}: {self.text}; {self.seen}"


class TargetCheck(Value, frozen=True):
    """A target, customization or restriction as it was compared with the cluster. `selected`: it is the one that counts, or a
    customization that applies."""

    kind: str
    name: str
    matches: bool
    selected: bool = False
    do_not_deploy: bool = False
    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        verdict = "matches" if self.matches else "does not match"
        chosen = ", selected" if self.selected else ""
        kept = ", says doNotDeploy" if self.do_not_deploy else ""
        lines = (f"{self.kind} {self.name} {verdict}{chosen}{kept}", *(f"  {term}" for term in self.terms))
        return "\n".join(lines)


class Explained(Value, frozen=True):
    """A bundle and a cluster. `matched`: its targets select the cluster. `steps` are sentences in the order in which things are
    decided, `waits` what keeps it from being deployed now. `inputs` are what its templates read, `options` come without Helm's values.
    `modified` is what is not as deployed."""

    bundle: str
    cluster: str
    matched: bool
    steps: tuple[str, ...] = ()
    targets: tuple[TargetCheck, ...] = ()
    inputs: dict[str, str] = {}
    options: dict[str, Any] = {}
    planned: str = msgspec.field(default="", name="plannedDeploymentID")
    staged: str = msgspec.field(default="", name="stagedDeploymentID")
    live: str = msgspec.field(default="", name="deploymentID")
    applied: str = msgspec.field(default="", name="appliedDeploymentID")
    partitions: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    state: str = ""
    modified: tuple[ModifiedStatus, ...] = ()
    error: str = ""

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"cluster {self.cluster} {'gets' if self.matched and not self.error else 'does not get'} bundle {self.bundle}"
        yield from (f"  {step}" for step in self.steps)
        if self.error:
            yield f"  error: {self.error}"
        yield from _part("targets", [line for target in self.targets for line in str(target).splitlines()])
        yield from _part("template inputs", [f"{name} = {value}" for name, value in self.inputs.items()])
        yield from _part("options", dump(self.options).splitlines() if self.options else [])
        ids = (("planned", self.planned), ("staged", self.staged), ("live", self.live), ("applied", self.applied))
        yield from _part("deployment ID", [f"{name:<8} {shortened(id_)}" for name, id_ in ids if id_])
        yield from _part("rollout", list(self.partitions))
        yield from _part("waits", list(self.waits))
        if self.state:
            yield f"  state: {self.state}"
        yield from _part("not as deployed", [line for one in self.modified for line in modified_lines(one)])


def _part(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}:"
        yield from (f"    {line}" for line in lines)


class Explanations(Value, frozen=True):
    """The bundles of a GitRepo, or the one that was asked about, for a cluster. `notes` concern them all."""

    cluster: str
    type: str = "explanation"
    bundles: tuple[Explained, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((*(f"{note}\n" for note in self.notes), *map(str, self.bundles)))


class Membership(Value, frozen=True):
    """Whether a cluster group, or a selector that belongs to none yet, has a cluster, condition by condition."""

    cluster: str
    type: str = "membership"
    group: str = ""
    matches: bool = False
    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        of = f"cluster group {self.group}" if self.group else "what is selected"
        lines = (f"cluster {self.cluster} is {'' if self.matches else 'not '}in {of}", *(f"  {term}" for term in self.terms))
        return "".join(f"{line}\n" for line in lines)


class CommitInfo(Value, frozen=True):
    """A commit's author, time (RFC 3339) and first line."""

    author: str = ""
    date: str = ""
    subject: str = ""


class Origin(Value, frozen=True):
    """Where an object on a cluster comes from. `path` is the bundle's folder in the repository (`.` is its root), `options` the file
    with its options, which is there or would be, `rule` the target that selected the cluster. `modified` is how the object is not as
    deployed. What is not known is empty."""

    bundle: str
    bundle_deployment: str
    deployment_id: str = msgspec.field(default="", name="deploymentID")
    state: str = ""
    release: str = ""
    made_by: str = ""
    repo: str = ""
    path: str = ""
    options: str = ""
    commit: str = ""
    author: str = ""
    date: str = ""
    subject: str = ""
    rule: str = ""
    modified: tuple[ModifiedStatus, ...] = ()

    def __str__(self) -> str:
        commit = " ".join(filter(None, (self.commit[:SHORT], self.date, self.author, self.subject)))
        facts = (
            ("release", self.release),
            ("state", self.state),
            ("deployment", self.bundle_deployment),
            ("deployment ID", shortened(self.deployment_id)),
            ("bundle", self.bundle),
            ("rule", self.rule),
            ("path", self.path),
            ("options", self.options),
            ("commit", commit),
            ("repository", self.repo),
            ("made by", self.made_by),
        )
        told = "".join(f"  {name + ':':<15}{value}\n" for name, value in facts if value)
        return told + "".join(f"  {line}\n" for one in self.modified for line in modified_lines(one))


class Trace(Value, frozen=True):
    """The origins of an object: one, unless two bundles bring the same. Without any, nothing here deployed it."""

    cluster: str
    object: str
    type: str = "trace"
    origins: tuple[Origin, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        found = "\n".join(map(str, self.origins)) or "  no bundle brings it; kinds are written in full, such as ConfigMap\n"
        return f"{self.object} on cluster {self.cluster}\n{found}" + "".join(f"  note: {note}\n" for note in self.notes)


class TracedObject(Value, frozen=True):
    """An object on a cluster that comes from a path."""

    cluster: str
    bundle: str
    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.cluster} {self.api_version} {self.kind} {place} ({self.bundle})"


class TracedObjects(Value, frozen=True):
    """A page of what comes from a path of a GitRepo; `next` is empty on the last one. `bundles` are those of the path."""

    path: str
    type: str = "traceObjects"
    bundles: tuple[str, ...] = ()
    objects: tuple[TracedObject, ...] = ()
    next: str = msgspec.field(default="", name="continue")

    def __str__(self) -> str:
        return "".join(f"{one}\n" for one in self.objects) or f"nothing on a cluster comes from {self.path}\n"


prepare(Explanations, Membership, Trace, TracedObjects)
