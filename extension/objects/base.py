"""The shape all objects share, and the one rule of their JSON: Go's `omitempty`.

Structs are frozen; their fields stand in the order of Fleet's Go types, because the canonical
JSON that goes into a deploymentID depends on it (`fleet-semantics.md` 3.3, conformance README).
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec


class Struct(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A value of Fleet's API: immutable, camelCase on the wire, zero values left out."""


def written(kind: type[Any] = str) -> Any:
    """A field that stands in JSON also when it is empty: one that Go's type has without `omitempty`."""
    return msgspec.field(default_factory=kind)


class Condition(Struct, frozen=True):
    type: str = ""
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_update_time: str = ""
    last_transition_time: str = ""


class OwnerReference(Struct, frozen=True):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Struct, frozen=True):
    """Kubernetes metadata. `resource_version` is the store's sequence number as text."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()


class Object(Struct, frozen=True, kw_only=True):
    """A Kubernetes object. Subclasses set the class variables and add spec, status or data."""

    API_VERSION: ClassVar[str] = "fleet.cattle.io/v1alpha1"
    KIND: ClassVar[str] = ""
    PLURAL: ClassVar[str] = ""
    NAMESPACED: ClassVar[bool] = True

    metadata: ObjectMeta = ObjectMeta()

    @property
    def key(self) -> Key:
        return Key(self.KIND, self.metadata.namespace, self.metadata.name)


class Key(msgspec.Struct, frozen=True, order=True):
    """Which object: kind, namespace (empty for cluster-scoped kinds) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


def prepare(*types: Any) -> None:
    """Has msgspec look at these types now, in the one thread that imports them.

    It looks at a type when it is first decoded into, and two threads that do so at the same time can crash the process (seen with
    0.22 as a segmentation fault at start). Every Struct that is decoded is prepared at the end of its module.
    """
    for type_ in types:
        msgspec.json.Decoder(type_)


def to_builtins(value: object) -> Any:
    """The plain JSON form (dicts, lists, scalars; bytes as base64) of a Struct, zero values left out."""
    return msgspec.to_builtins(value)


def document(obj: Object) -> dict[str, Any]:
    """The object as a Kubernetes document, `apiVersion` and `kind` first."""
    return {"apiVersion": obj.API_VERSION, "kind": obj.KIND, **to_builtins(obj)}
