"""Members of a workspace on a Rancher server: RoleBindings in its namespace to the roles that Rancher makes for workspaces
(`rancher-integration.md` 3.6).

Only bindings to those roles are members; others in the namespace are nobody's business here. A binding may have several subjects, as
Rancher's own have one: each is a member of its own, and taking one away leaves the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from extension.objects.errors import AlreadyExists, NotFound
from extension.rancher.management import listed
from extension.store.kubernetes.api import Api

ROLES = ("fleetworkspace-admin", "fleetworkspace-member", "fleetworkspace-readonly")
MADE = "continuous-delivery.cattle.io/member"
"""Label of the bindings that are made here."""
_GROUP = "rbac.authorization.k8s.io"
SubjectKind = Literal["User", "Group"]


class Member(msgspec.Struct, frozen=True, order=True):
    """Somebody, a user or a group by the name that Kubernetes knows them by, with one of ROLES."""

    name: str
    role: str
    kind: SubjectKind = "User"

    @property
    def id(self) -> str:
        """A name for it that can be in a URL."""
        return hashlib.sha256(f"{self.kind}\0{self.name}\0{self.role}".encode()).hexdigest()[:16]


class BoundMembers:
    """The members of workspaces, as one user sees and changes them: `user` gives the API server in that user's name, or raises Forbidden.
    All raise what that says: Forbidden, also for a role that the user may not give, Conflict, Unavailable."""

    def __init__(self, user: Callable[[], Api]) -> None:
        self._user = user

    def list(self, workspace: str) -> list[Member]:
        return sorted({member for member, _ in self._bound(workspace)})

    def add(self, workspace: str, member: Member) -> None:
        """Who is a member already stays one."""
        if any(found == member for found, _ in self._bound(workspace)):
            return
        meta = {"name": f"member-{member.id}", "namespace": workspace, "labels": {MADE: "true"}}
        subject = {"apiGroup": _GROUP, "kind": member.kind, "name": member.name}
        ref = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": member.role}
        body = {"apiVersion": f"{_GROUP}/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": ref, "subjects": [subject]}
        with suppress(AlreadyExists):  # by whoever asked for the same at the same time
            self._user().send("POST", _path(workspace), body)

    def remove(self, workspace: str, id_: str) -> Member:
        """Takes a member's role away, in every binding that gives it. Raises NotFound."""
        found = [(member, binding) for member, binding in self._bound(workspace) if member.id == id_]
        if not found:
            raise NotFound(f"workspace {workspace} has no such member", hint="list the members")
        for member, binding in found:
            self._unbind(workspace, member, binding)
        return found[0][0]

    def _unbind(self, workspace: str, member: Member, binding: Mapping[str, Any]) -> None:
        """A binding that somebody changed since it was read is a Conflict: whom it binds now is not known."""
        path, meta = _path(workspace, binding["metadata"]["name"]), binding["metadata"]
        left = [subject for subject in binding["subjects"] if (subject.get("kind"), subject.get("name")) != (member.kind, member.name)]
        if left:
            self._user().send("PUT", path, {**binding, "subjects": left})
        else:
            self._user().send("DELETE", path, {"preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}})

    def _bound(self, workspace: str) -> Iterator[tuple[Member, dict[str, Any]]]:
        for binding in listed(self._user(), _path(workspace)):
            ref = binding.get("roleRef") or {}
            if ref.get("kind") == "ClusterRole" and ref.get("name") in ROLES:
                for subject in binding.get("subjects") or ():
                    if subject.get("kind") in ("User", "Group"):
                        yield Member(str(subject.get("name")), str(ref["name"]), subject["kind"]), binding


def _path(workspace: str, name: str = "") -> str:
    place = f"/apis/{_GROUP}/v1/namespaces/{quote(workspace, safe='')}/rolebindings"
    return f"{place}/{quote(name, safe='')}" if name else place
