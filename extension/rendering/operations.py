"""What a rendering process can be asked to do: a name to a function from bytes to bytes.

A name is `MODULE.FUNCTION`; a module of this room offers its functions in a table `OPERATIONS`, and only the modules named
here are ever imported. Helm's own operations are below; releases are in `helm_release`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import msgspec

from extension.objects.base import prepare
from extension.objects.errors import Invalid
from extension.rendering.helm import ChartRequest, NativeHelm

Operation = Callable[[bytes], bytes]
MODULES = ("operations", "helm_release")

_HELM = NativeHelm()


class Evaluation(msgspec.Struct, frozen=True):
    """The arguments of `Helm.evaluate`."""

    source: str
    context: dict[str, Any]
    name: str


class Satisfying(msgspec.Struct, frozen=True):
    """The arguments of `Helm.satisfying`."""

    constraint: str
    versions: tuple[str, ...]


def _render(args: bytes) -> bytes:
    return msgspec.msgpack.encode(_HELM.render(msgspec.msgpack.decode(args, type=ChartRequest)))


def _evaluate(args: bytes) -> bytes:
    asked = msgspec.msgpack.decode(args, type=Evaluation)
    return _HELM.evaluate(asked.source, asked.context, asked.name).encode()


def _satisfying(args: bytes) -> bytes:
    asked = msgspec.msgpack.decode(args, type=Satisfying)
    return msgspec.msgpack.encode(_HELM.satisfying(asked.constraint, asked.versions))


def _update_dependencies(args: bytes) -> bytes:
    _HELM.update_dependencies(args.decode())
    return b""


OPERATIONS: dict[str, Operation] = {
    "render": _render,
    "evaluate": _evaluate,
    "satisfying": _satisfying,
    "update_dependencies": _update_dependencies,
}


def find(name: str) -> Operation:
    """The operation called `name`. Raises Invalid for one that is not offered."""
    module, _, function = name.partition(".")
    if module not in MODULES:
        raise Invalid(f"no operation {name!r}")
    table: dict[str, Operation] = importlib.import_module(f"extension.rendering.{module}").OPERATIONS
    if function not in table:
        raise Invalid(f"no operation {name!r}")
    return table[function]


prepare(ChartRequest, Evaluation, Satisfying)
