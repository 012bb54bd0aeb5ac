"""Who may do what: what the API asks about a caller, and the answer for those who have roles per workspace by a table of the least
role that each write needs.

Reading needs any role in the object's workspace. What lies in a workspace the caller has no role in does not exist for
them: it is left out of lists by the query, and a get, update or delete of it is the same 404 as for a name that is not
there. Objects that reach beyond their workspace (a BundleNamespaceMapping lets bundles deploy to other workspaces'
clusters) need the role everywhere. What binds the members of a workspace, its rules and the hours of its clusters, is its
administrators' to write. Each object is judged by its own kind and workspace, never by its parent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol

from extension.objects.base import Key, Object
from extension.objects.errors import Forbidden, NotFound
from extension.objects.kinds import (
    Bundle,
    BundleDeployment,
    BundleNamespaceMapping,
    Cluster,
    ClusterGroup,
    ClusterRegistrationToken,
    ConfigMap,
    FleetWorkspace,
    GitRepo,
    GitRepoRestriction,
    HelmOp,
    ImageScan,
    Policy,
    Schedule,
    Secret,
)

EVERYWHERE = "*"
BUNDLE_NAMESPACE = "fleet.cattle.io/bundle-namespace"

Verb = Literal["get", "list", "watch", "create", "update", "patch", "delete", "fleetaddcluster"]
"""Kubernetes' verbs; the last is Rancher's, to let clusters into a workspace (`rancher-integration.md` 4.3)."""
READS: tuple[Verb, ...] = ("get", "list", "watch")
VERBS: tuple[Verb, ...] = ("create", "update", "patch", "delete")


class Caller(Protocol):
    """An authenticated caller: `name`, and the id of the token it came with, for the audit log. A workspace `*` means all at once;
    without a name, any object is meant. All but the names may raise Unavailable."""

    @property
    def name(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def id(self) -> str:
        """What tells the caller from all others: names of tokens are anybody's."""

    def may(self, cls: type[Object], verb: Verb, workspace: str, name: str = "") -> bool: ...
    def workspaces(self, cls: type[Object], verb: Verb) -> tuple[str, ...] | None:
        """The workspaces in which the caller may, sorted; None for all."""

    def may_anywhere(self, cls: type[Object], verb: Verb) -> bool:
        """Whether there is a workspace in which the caller may; decides what a schema offers."""

    def lacks(self, cls: type[Object], verb: Verb, workspace: str) -> str:
        """What the caller would need, for people."""

    def gives_tokens(self, workspace: str) -> bool:
        """Whether the caller hands out API tokens of this service for the workspace."""

    def may_measure(self) -> bool:
        """Whether the caller may read the metrics."""


class Role(IntEnum):
    NONE = 0
    READ_ONLY = 1
    MEMBER = 2
    ADMIN = 3


ROLES = {"read-only": Role.READ_ONLY, "member": Role.MEMBER, "admin": Role.ADMIN}


@dataclass(frozen=True)
class Need:
    """The least role for a write, in the object's workspace or, if `everywhere`, in all."""

    role: Role
    everywhere: bool = False


def _all(need: Need) -> Mapping[Verb, Need]:
    return dict.fromkeys(VERBS, need)


WRITES: Mapping[type[Object], Mapping[Verb, Need]] = {
    GitRepo: _all(Need(Role.MEMBER)),
    HelmOp: _all(Need(Role.MEMBER)),
    Bundle: _all(Need(Role.MEMBER)),
    ClusterGroup: _all(Need(Role.MEMBER)),
    ImageScan: _all(Need(Role.MEMBER)),
    Secret: _all(Need(Role.MEMBER)),
    ConfigMap: _all(Need(Role.MEMBER)),
    Cluster: _all(Need(Role.ADMIN)),
    ClusterRegistrationToken: _all(Need(Role.ADMIN)),
    Schedule: _all(Need(Role.ADMIN)),
    GitRepoRestriction: _all(Need(Role.ADMIN)),
    Policy: _all(Need(Role.ADMIN)),
    BundleNamespaceMapping: _all(Need(Role.ADMIN, everywhere=True)),
    FleetWorkspace: {
        **_all(Need(Role.ADMIN, everywhere=True)),
        **dict.fromkeys(("update", "patch", "fleetaddcluster"), Need(Role.ADMIN)),
    },
    BundleDeployment: {},
}


@dataclass(frozen=True)
class RoleCaller:
    """A caller by its roles: one of this service's own tokens. `token` is its id."""

    name: str
    token: str
    roles: Mapping[str, Role]

    @property
    def id(self) -> str:
        return self.token

    def role(self, workspace: str) -> Role:
        return max(self.roles.get(workspace, Role.NONE), self.roles.get(EVERYWHERE, Role.NONE))

    def may(self, cls: type[Object], verb: Verb, workspace: str, name: str = "") -> bool:
        need = _need(cls, verb)
        return need is not None and self._has(need, workspace)

    def workspaces(self, cls: type[Object], verb: Verb) -> tuple[str, ...] | None:
        need = _need(cls, verb)
        if need is None:
            return ()
        if self.roles.get(EVERYWHERE, Role.NONE) >= need.role:
            return None
        return tuple(sorted(w for w, role in self.roles.items() if role >= need.role and w != EVERYWHERE))

    def may_anywhere(self, cls: type[Object], verb: Verb) -> bool:
        return any(self.may(cls, verb, workspace) for workspace in (*self.roles, ""))

    def lacks(self, cls: type[Object], verb: Verb, workspace: str) -> str:
        need = _need(cls, verb)
        if need is None:
            return "it is made by the engine"
        place = "all workspaces" if need.everywhere or workspace == EVERYWHERE else f"workspace {workspace}"
        return f"it needs the role {role_name(need.role)} in {place}"

    def gives_tokens(self, workspace: str) -> bool:
        return self.role(workspace) >= Role.ADMIN

    def may_measure(self) -> bool:
        return self.role(EVERYWHERE) >= Role.READ_ONLY

    def _has(self, need: Need, workspace: str) -> bool:
        return self.role(EVERYWHERE if need.everywhere else workspace) >= need.role


def _need(cls: type[Object], verb: Verb) -> Need | None:
    return Need(Role.READ_ONLY) if verb in READS else WRITES[cls].get(verb)


def workspace_of(obj: Object) -> str:
    """The workspace that decides who may see an object. A deployment belongs to its Bundle's."""
    if isinstance(obj, FleetWorkspace):
        return obj.metadata.name
    return obj.metadata.labels.get(BUNDLE_NAMESPACE, "") if isinstance(obj, BundleDeployment) else obj.metadata.namespace


def demand_write(caller: Caller, verb: Verb, cls: type[Object], key: Key, workspace: str) -> None:
    """Raises NotFound when the caller may not even see the object (Forbidden for a create), Forbidden when it may see it only."""
    if caller.may(cls, verb, workspace, "" if verb == "create" else key.name):
        return
    if verb != "create" and not caller.may(cls, "get", workspace, key.name):
        raise absent(key)
    raise forbidden(f"{verb} {key}", caller.lacks(cls, verb, workspace))


def forbidden(what: str, lacks: str) -> Forbidden:
    return Forbidden(f"you may not {what}", hint=lacks)


def absent(key: Key) -> NotFound:
    return NotFound(f"{key} not found")


def role_name(role: Role) -> str:
    return next(name for name, known in ROLES.items() if known is role)
