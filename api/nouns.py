"""What each noun's file declares: the kind, what is checked before it is written, what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from marshmallow import fields

from api.access import WRITES, Caller, Verb
from api.services import Services
from extension.objects.base import Key, Object


@dataclass(frozen=True)
class Call:
    """A request: with what, for whom, and whether it may store anything. `confirm` is the name that a deletion was confirmed with,
    with `keep_resources` what is deployed is to stay."""

    services: Services
    caller: Caller
    dry_run: bool = False
    confirm: str = ""
    keep_resources: bool = False


@dataclass(frozen=True)
class Write:
    """A write about to be done: `new` is what would be stored, `old` what is (None for a create)."""

    call: Call
    new: Object
    old: Object | None = None


Check = Callable[[Write], None]
"""Raises a UserError naming the field when the write breaks a rule."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
METHODS: Mapping[Verb, tuple[Method, ...]] = {"create": ("POST",), "update": ("PUT",), "patch": ("PATCH",), "delete": ("DELETE",)}


@dataclass(frozen=True)
class Action:
    """Something one can do with an object by name. `change` gives the object as it should be; it must be pure, for it is
    repeated when somebody else wrote in between. An action with `run` instead does more than one write; it gets the body."""

    change: Callable[[Any], Object] = lambda obj: obj
    run: Callable[[Call, Any, Mapping[str, Any]], dict[str, Any]] | None = None
    summary: str = ""


@dataclass(frozen=True)
class Noun:
    """A type of the API. `links` are further places below an object, by name. `deletion` is what a deletion may be asked
    with, `delete` what it does, where that is more than to take the object out of the store. `prepare` completes a body that is to be
    written from what is stored (None for a create) before it is checked."""

    cls: type[Object]
    description: str
    checks: tuple[Check, ...] = ()
    on_delete: tuple[Check, ...] = ()
    actions: Mapping[str, Action] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    deletion: Mapping[str, fields.Field[Any]] = field(default_factory=dict)
    delete: Callable[[Call, Any], Object] | None = None
    prepare: Callable[[dict[str, Any], Any], dict[str, Any]] = lambda body, old: body

    @property
    def group(self) -> str:
        return self.cls.API_VERSION.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.cls.API_VERSION.rpartition("/")[2]

    @property
    def id(self) -> str:
        """The schema id, such as `fleet.cattle.io.gitrepo`."""
        return ".".join(part for part in (self.group, self.cls.KIND.lower()) if part)

    @property
    def plural(self) -> str:
        """The name in URLs, such as `fleet.cattle.io.gitrepos`."""
        return ".".join(part for part in (self.group, self.cls.PLURAL) if part)

    @property
    def writable(self) -> bool:
        return bool(WRITES[self.cls])

    def key(self, namespace: str, name: str) -> Key:
        return Key(self.cls.KIND, namespace, name)

    def workspace(self, namespace: str, name: str) -> str:
        """The workspace of an object by its place; not for deployments, whose place is a cluster's namespace."""
        return namespace if self.cls.NAMESPACED else name


def object_id(key: Key) -> str:
    """Steve's id: `namespace/name`, or the name of a cluster-scoped object."""
    return f"{key.namespace}/{key.name}" if key.namespace else key.name
