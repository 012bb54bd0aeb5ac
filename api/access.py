"""Who may do what: roles per workspace, and one table of the least role each write needs.

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
from typing import Literal

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

Verb = Literal["create", "update", "delete"]
VERBS: tuple[Verb, ...] = ("create", "update", "delete")


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
    FleetWorkspace: {**_all(Need(Role.ADMIN, everywhere=True)), "update": Need(Role.ADMIN)},
    BundleDeployment: {},
}


@dataclass(frozen=True)
class Caller:
    """An authenticated caller. `token` is the id of the token it came with, for the audit log."""

    name: str
    token: str
    roles: Mapping[str, Role]

    def role(self, workspace: str) -> Role:
        return max(self.roles.get(workspace, Role.NONE), self.roles.get(EVERYWHERE, Role.NONE))

    def workspaces(self, least: Role = Role.READ_ONLY) -> tuple[str, ...] | None:
        """The workspaces in which the caller has at least this role, None for all."""
        if self.roles.get(EVERYWHERE, Role.NONE) >= least:
            return None
        return tuple(sorted(w for w, role in self.roles.items() if role >= least and w != EVERYWHERE))

    def has(self, need: Need, workspace: str) -> bool:
        return (self.roles.get(EVERYWHERE, Role.NONE) if need.everywhere else self.role(workspace)) >= need.role

    def may(self, cls: type[Object], verb: Verb, workspace: str) -> bool:
        need = WRITES[cls].get(verb)
        return need is not None and self.has(need, workspace)

    def may_anywhere(self, cls: type[Object], verb: Verb) -> bool:
        """Whether there is a workspace in which the caller may; decides what a schema offers."""
        return any(self.may(cls, verb, workspace) for workspace in (*self.roles, ""))


def workspace_of(obj: Object) -> str:
    """The workspace that decides who may see an object. A deployment belongs to its Bundle's."""
    if isinstance(obj, FleetWorkspace):
        return obj.metadata.name
    return obj.metadata.labels.get(BUNDLE_NAMESPACE, "") if isinstance(obj, BundleDeployment) else obj.metadata.namespace


def demand_write(caller: Caller, verb: Verb, cls: type[Object], key: Key, workspace: str) -> None:
    """Raises NotFound when the caller may not even see the object (Forbidden for a create), Forbidden when it may see it only."""
    if caller.may(cls, verb, workspace):
        return
    if verb != "create" and caller.role(workspace) is Role.NONE:
        raise absent(key)
    raise forbidden(f"{verb} {key}", WRITES[cls].get(verb), workspace)


def forbidden(what: str, need: Need | None, workspace: str) -> Forbidden:
    if need is None:
        return Forbidden(f"you may not {what}", hint="it is made by the engine")
    place = "all workspaces" if need.everywhere else f"workspace {workspace}"
    return Forbidden(f"you may not {what}", hint=f"it needs the role {role_name(need.role)} in {place}")


def absent(key: Key) -> NotFound:
    return NotFound(f"{key} not found")


def role_name(role: Role) -> str:
    return next(name for name, known in ROLES.items() if known is role)
