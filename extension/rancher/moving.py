"""What moving a cluster of Rancher's to another workspace takes, and how far it is. Pure (`rancher-integration.md` 4.2, 4.3).

Rancher makes a Fleet Cluster from the management cluster, again and again: only `spec.fleetWorkspaceName` there moves it. Rancher's
controllers then make the Fleet Cluster anew in the target and take the old one away, so a move is asked for here and ends later; how far
it is, is read from the objects and remembered by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from extension.objects.base import Key
from extension.objects.errors import AlreadyExists, Conflict, Invalid, UserError
from extension.objects.names import LOCAL_CLUSTER, LOCAL_WORKSPACE

FORCED = "provisioning.cattle.io/fleet-workspace-name"
EXTERNALLY = "provisioning.cattle.io/externally-managed"
BACK_POPULATION = "provisioningv2-fleet-workspace-back-population"
HARVESTER = "harvester-baremetal-container-workload"
_PROVISIONED = re.compile(r"c-m-[a-z0-9]{8}\Z")


class Facts(msgspec.Struct, frozen=True):
    """All that a move of one cluster depends on, as read at one time.

    `cluster` is the Fleet Cluster, `management` the object it is made from, None where there is none; `provisioning` likewise.
    `features` are Rancher's feature flags that are on. `taken` is the management cluster's name of a Fleet Cluster of this name in
    the target, empty where there is none. `missing` are registry secrets that the target has not, `unseen` those that whoever moves
    may not look for.
    """

    cluster: Key
    target: str
    target_exists: bool
    management: Mapping[str, Any] | None = None
    provisioning: Mapping[str, Any] | None = None
    features: frozenset[str] = frozenset()
    taken: str = ""
    missing: tuple[Key, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the management cluster."""
        return _meta(self.management)["name"] if self.management else ""

    @property
    def workspace(self) -> str:
        """Where the cluster is to be, by what Rancher goes by."""
        return str(_spec(self.management).get("fleetWorkspaceName") or self.cluster.namespace)

    @property
    def is_provisioned(self) -> bool:
        """Made by Rancher's provisioning v2, where the provisioning cluster stays in its namespace."""
        return bool(_PROVISIONED.match(self.name))

    @property
    def forced(self) -> str:
        return str((_meta(self.provisioning).get("annotations") or {}).get(FORCED) or "") if self.is_provisioned else ""


class Relocation(msgspec.Struct, frozen=True):
    """What a move writes: `patch` (RFC 6902) to the management cluster, after `secrets` were copied to the target. Nothing to do: both
    are empty. `warnings` are what whoever moves should know."""

    facts: Facts
    patch: tuple[dict[str, Any], ...] = ()
    secrets: tuple[Key, ...] = ()
    warnings: tuple[str, ...] = ()


def relocation(facts: Facts, labels: Mapping[str, str]) -> Relocation:
    """What has to be written. Raises Invalid, AlreadyExists or Conflict for a cluster that can't be moved there."""
    for refused, error in _REFUSALS:
        if refused(facts):
            raise error(facts)
    patch = (*_moved(facts), *_labelled(facts, labels))
    return Relocation(facts, patch, facts.missing if patch else (), tuple(told(facts) for holds, told in _WARNINGS if holds(facts)))


def _moved(facts: Facts) -> tuple[dict[str, Any], ...]:
    """Another's move in between fails the test, and with it the patch."""
    path = "/spec/fleetWorkspaceName"
    if facts.workspace == facts.target:
        return ()
    old = _spec(facts.management).get("fleetWorkspaceName")
    test = ({"op": "test", "path": path, "value": old},) if old else ()
    return (*test, {"op": "add", "path": path, "value": facts.target})


def _labelled(facts: Facts, labels: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Labels belong to the management cluster: Rancher would take them off the Fleet Cluster again (1.8)."""
    there = _meta(facts.management).get("labels")
    new = {key: value for key, value in sorted(labels.items()) if (there or {}).get(key) != value}
    if not new:
        return ()
    if not there:
        return ({"op": "add", "path": "/metadata/labels", "value": new},)
    return tuple({"op": "add", "path": f"/metadata/labels/{_escaped(key)}", "value": value} for key, value in new.items())


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


class Seen(msgspec.Struct, frozen=True):
    """What shows how far a move is: the workspace that the management cluster names, None when it is gone; whether the Fleet Cluster
    is in the target, with a namespace of its own; whether there is still one in the source."""

    workspace: str | None
    arrived: bool
    placed: bool
    stays: bool


def progress(seen: Seen, target: str) -> tuple[str, str]:
    """State and message of a move that was asked for: `gone`, `reverted`, `waiting`, `arriving`, `leaving` or `done`."""
    if seen.workspace is None:
        return "gone", "the cluster was removed from Rancher meanwhile"
    if seen.workspace != target:
        return "reverted", f"the cluster now belongs to workspace {seen.workspace}: somebody, or Rancher itself, moved it again"
    if not seen.arrived:
        return "waiting", "Rancher has not made the Fleet cluster in the target yet; it does once the cluster is Ready"
    if not seen.placed:
        return "arriving", "Fleet has not given the cluster its namespace yet"
    return ("leaving", "the cluster has not left its old workspace yet") if seen.stays else ("done", "")


def secret_names(management: Mapping[str, Any], provisioning: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Registry secrets of a cluster, which Rancher looks for in the cluster's workspace (4.2)."""
    imported = _spec(management).get("importedConfig") or {}
    found = [str(one.get("name") or "") for one in imported.get("privateRegistryPullSecrets") or ()]
    registries = (_spec(provisioning).get("rkeConfig") or {}).get("registries") or {}
    found += [str(one.get("authConfigSecretName") or "") for one in (registries.get("configs") or {}).values()]
    return tuple(dict.fromkeys(name for name in found if name))


def _spec(obj: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (obj or {}).get("spec") or {}


def _meta(obj: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (obj or {}).get("metadata") or {}


def _is_local(facts: Facts) -> bool:
    return LOCAL_CLUSTER in (facts.name, facts.cluster.name) or bool(_spec(facts.management).get("internal"))


def _is_external(facts: Facts) -> bool:
    annotations = _meta(facts.management).get("annotations") or {}
    return annotations.get(EXTERNALLY, "false") != "false" and not _spec(facts.management).get("fleetWorkspaceName")


def _is_harvester(facts: Facts) -> bool:
    labels = _meta(facts.management).get("labels") or {}
    return "harvester" in (labels.get("provider.cattle.io"), ((facts.management or {}).get("status") or {}).get("provider"))


def _is_ready(facts: Facts) -> bool:
    conditions = ((facts.management or {}).get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _no(message: str, hint: str = "") -> Callable[[Facts], UserError]:
    return lambda facts: Invalid(message.format(f=facts), where=str(facts.cluster), field="workspace", hint=hint.format(f=facts))


Refusal = tuple[Callable[[Facts], bool], Callable[[Facts], UserError]]
_REFUSALS: tuple[Refusal, ...] = (
    (
        lambda f: LOCAL_WORKSPACE in (f.cluster.namespace, f.target) or _is_local(f),
        _no(f"{LOCAL_WORKSPACE} holds the local cluster only: it is never left and never entered"),
    ),
    (lambda f: not f.target, _no("a cluster always has a workspace", "name the workspace to move to")),
    (lambda f: not f.target_exists, _no("workspace {f.target} does not exist", "create it first")),
    (
        lambda f: f.management is None,
        _no("the cluster was not registered through Rancher", "register it anew in the other workspace: Fleet itself moves no clusters"),
    ),
    (_is_external, _no(f"the cluster is managed from elsewhere ({EXTERNALLY})", "move it where it is managed")),
    (
        lambda f: _is_harvester(f) and HARVESTER not in f.features,
        _no("a Harvester cluster takes part in continuous delivery with a feature flag only", f"switch on the feature {HARVESTER}"),
    ),
    (
        lambda f: f.is_provisioned and f.target != f.workspace and BACK_POPULATION not in f.features,
        _no("Rancher would move a cluster that it provisioned back at once", f"switch on the feature {BACK_POPULATION}"),
    ),
    (
        lambda f: f.forced not in ("", f.target),
        _no(f"the provisioning cluster's annotation {FORCED} keeps it in {{f.forced}}", "change or remove that annotation first"),
    ),
    (
        lambda f: f.workspace not in (f.cluster.namespace, f.target),
        lambda f: Conflict(f"the cluster is on its way to workspace {f.workspace}", where=str(f.cluster), hint="wait until it is there"),
    ),
    (
        lambda f: f.taken not in ("", f.name),
        lambda f: AlreadyExists(f"workspace {f.target} has another cluster {f.cluster.name}", where=str(f.cluster), field="workspace"),
    ),
)

Remark = tuple[Callable[[Facts], bool], Callable[[Facts], str]]
_WARNINGS: tuple[Remark, ...] = (
    (lambda f: not _is_ready(f), lambda _f: "the cluster is not Ready: Rancher makes the Fleet cluster anew only once it is"),
    (lambda f: bool(f.missing), lambda f: f"registry secrets are copied to {f.target}: {', '.join(key.name for key in f.missing)}"),
    (
        lambda f: bool(f.unseen),
        lambda f: f"you may not see whether {f.target} has the registry secrets {', '.join(f.unseen)}: see that it has",
    ),
    (lambda f: not f.is_provisioned, lambda f: f"Rancher makes the provisioning cluster anew as well, in namespace {f.target}"),
)
