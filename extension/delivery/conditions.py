"""What an object's conditions say of it, by the tables of Fleet's summarizers (`fleet-semantics.md` 4.7). Pure.

The words for states are Fleet's: what a GitRepo counts as not ready depends on them (1.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

Object = dict[str, Any]
Condition = dict[str, Any]

_FALLBACK_ERRORS = frozenset({("Stalled", "True"), ("Failed", "True")})
_ERRORS: dict[tuple[str, str], frozenset[tuple[str, str]]] = {
    ("helm.cattle.io", "HelmChart"): frozenset({("Failed", "True")}),
    ("apps", "Deployment"): frozenset({("ReplicaFailure", "True"), ("Progressing", "False")}),
    ("apps", "ReplicaSet"): frozenset({("ReplicaFailure", "True")}),
    ("", "Node"): frozenset({(t, "True") for t in ("OutOfDisk", "MemoryPressure", "DiskPressure", "NetworkUnavailable")}),
}
"""Conditions that are errors, by group and kind."""
_ACHIEVED = {
    "Active": "activating", "AddonDeploy": "provisioning", "AgentDeployed": "provisioning", "BackingNamespaceCreated": "configuring",
    "Built": "building", "CertsGenerated": "provisioning", "ConfigOK": "configuring", "Created": "creating",
    "CreatorMadeOwner": "configuring", "DefaultNamespaceAssigned": "configuring", "DefaultNetworkPolicyCreated": "configuring",
    "DefaultProjectCreated": "configuring", "DockerProvisioned": "provisioning", "Deployed": "deploying", "Drained": "draining",
    "Downloaded": "downloading", "etcd": "provisioning", "Inactive": "deactivating", "Initialized": "initializing",
    "Installed": "installing", "NodesCreated": "provisioning", "Pending": "pending", "PodScheduled": "scheduling",
    "Provisioned": "provisioning", "Reconciled": "reconciling", "Refreshed": "refreshed", "Registered": "registering",
    "Removed": "removing", "Saved": "saving", "Updated": "updating", "Updating": "updating", "Upgraded": "upgrading",
    "Waiting": "waiting", "InitialRolesPopulated": "activating", "ScalingActive": "pending", "AbleToScale": "pending",
    "RunCompleted": "running", "Processed": "processed",
}  # fmt: skip
"""False is an error, Unknown is on its way to the state."""
_UNDERWAY = {"Reconciling": "reconciling"}
"""True is on its way to the state."""
_BECOMING = {
    "Completed": "activating", "Ready": "unavailable", "Available": "updating", "BootstrapReady": "", "InfrastructureReady": "",
    "NodeHealthy": "",
}  # fmt: skip
"""False is on its way to the state, Unknown is an error; no state stands for the condition's reason."""


class Told(msgspec.Struct):
    """What was found of an object so far; no state is one without a fault."""

    state: str = ""
    error: bool = False
    transitioning: bool = False
    messages: list[str] = msgspec.field(default_factory=list)

    def say(self, state: str, one: Condition, *, error: bool = False) -> None:
        self.state = state
        self.error |= error
        self.transitioning |= not error
        self.messages.append(text(one))

    def words(self) -> tuple[str, ...]:
        """The messages, each once."""
        return tuple(dict.fromkeys(word for message in self.messages if (word := message.strip())))


def text(one: Condition) -> str:
    """A condition's message with each of its parts once, else its reason."""
    message = str(one.get("message") or "")
    return "; ".join(dict.fromkeys(message.split("; "))) or str(one.get("reason") or "")


def of(obj: Object) -> list[Condition]:
    status = obj.get("status")
    found = status.get("conditions") if isinstance(status, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def judged(obj: Object) -> Told:
    """What the object shows of itself and what its conditions say. Errors come first; the rest counts while there is no state yet."""
    found, told = of(obj), _shown(obj)
    group_kind = (str(obj.get("apiVersion", "")).rpartition("/")[0], str(obj.get("kind", "")))
    _errors(told, found, _ERRORS.get(group_kind, _FALLBACK_ERRORS))
    _achieved(told, found)
    _becoming(told, found)
    status = obj.get("status")
    if isinstance(status, dict) and status.get("phase") in ("Succeeded", "Bound"):
        told.transitioning = False
    return told


def _shown(obj: Object) -> Told:
    status = obj.get("status")
    holders = [status.get("display"), status.get("summary")] if isinstance(status, dict) else []
    shown = next((one for one in holders if isinstance(one, dict) and one), {})
    error, transitioning = (shown.get(field) in (True, "true") for field in ("error", "transitioning"))
    return Told(str(shown.get("state") or ""), error, transitioning, [str(shown.get("message") or "")])


def _errors(told: Told, found: Iterable[Condition], bad: frozenset[tuple[str, str]]) -> None:
    for one in found:
        if (one.get("type"), one.get("status")) in bad or one.get("reason") == "Error":
            told.error = True
            told.messages.append(text(one) or str(one.get("type")))
            told.state = "error" if told.state in ("", "active") else told.state
            return


def _achieved(told: Told, found: Iterable[Condition]) -> None:
    for one in found:
        state = _ACHIEVED.get(str(one.get("type")))
        if state and one.get("status") == "False":
            told.say(state, one, error=True)
        elif state and one.get("status") == "Unknown" and not told.state:
            told.say(state, one)


def _becoming(told: Told, found: list[Condition]) -> None:
    """What is under way, and what is not so yet; of several the first, and readiness last."""
    for one in found:
        if not told.state and one.get("status") == "True" and one.get("type") in _UNDERWAY:
            told.say(_UNDERWAY[str(one["type"])], one)
    for one in sorted(found, key=lambda one: (one.get("type"), one.get("status")) == ("Ready", "False")):
        state, status = _BECOMING.get(str(one.get("type"))), one.get("status")
        if not told.state and state is not None and status in ("False", "Unknown"):
            told.say(state or str(one.get("reason") or ""), one, error=status == "Unknown")
