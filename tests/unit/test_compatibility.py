"""docs/fleet-compatibility.md tells of every field what it does here, and by which test that is shown."""

from __future__ import annotations

import ast
import re
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extension.bundles.fleetyaml import FleetYAML
from extension.objects.base import Object, Struct
from extension.objects.kinds import KINDS, BundleSpec, BundleTarget, GitTarget
from extension.objects.options import BundleDeploymentOptions
from extension.objects.selectors import LabelSelector

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "fleet-compatibility.md"
STATE = re.compile(r"(same|deliberately different|not supported yet)(: .+| \(.+\))?")
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
NO_FIELDS = ("metadata", "status")


def _structs(hint: Any) -> Iterator[tuple[type[Struct], str]]:
    """The Struct a field holds, with `[]` for a list of them."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for arg in args:
            yield from _structs(arg)
    elif origin is tuple:
        yield from ((cls, "[]") for cls, _ in _structs(args[0]))
    elif isinstance(hint, type) and issubclass(hint, Struct):
        yield hint, ""


def _fields(cls: type[Struct], leave_out: tuple[type, ...] = ()) -> Iterator[str]:
    """The paths of the fields of `cls` on the wire, without those that it has from `leave_out`."""
    inherited = {name for base in leave_out for name in base.__struct_fields__ if issubclass(cls, base)}
    hints = typing.get_type_hints(cls)
    for field in msgspec.structs.fields(cls):
        if field.name in inherited or (issubclass(cls, Object) and field.name in NO_FIELDS):
            continue
        nested = next(_structs(hints[field.name]), None)
        if nested is None or nested[0] in (LabelSelector, GitTarget, BundleTarget, BundleDeploymentOptions):
            yield field.encode_name
        else:
            yield from (f"{field.encode_name}{nested[1]}.{path}" for path in _fields(nested[0]))


def _wanted() -> dict[str, set[str]]:
    """The fields that each section of the page must have."""
    wanted = {
        "fleet.yaml": set(_fields(FleetYAML)),
        "Targets": set(_fields(BundleTarget, (BundleDeploymentOptions,))),
    }
    for kind, cls in KINDS.items():
        spec = typing.get_type_hints(cls).get("spec")
        # The options of a bundle are told once, in the section on fleet.yaml.
        found = set(_fields(spec, (BundleSpec,)) if spec is not None else _fields(cls))
        if found:
            wanted[kind] = found
    return wanted


@cache
def _rows() -> dict[str, list[tuple[str, str, str]]]:
    """Field cell, state and tests of each row with a state, by section."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    section = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if len(cells) == 3 and cells[1] not in ("state", "---"):
            found.setdefault(section, []).append((cells[0], cells[1], cells[2]))
    return found


def _told(section: str) -> list[str]:
    return [name for cell, _, _ in _rows().get(section, []) for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("section", _wanted())
def test_every_field_has_a_row_and_every_row_a_field(section: str) -> None:
    told = _told(section)
    assert sorted(set(told)) == sorted(told), "a field is told twice"
    assert set(told) == _wanted()[section]


def test_every_row_has_a_state_and_shows_it_by_a_test() -> None:
    for section, rows in _rows().items():
        for cell, state, shown in rows:
            found = STATE.fullmatch(state)
            assert found, f"{section}: {cell}"
            assert found[1] == "not supported yet" or TEST.search(shown), f"{section}: {cell}"


@cache
def _tests(path: str) -> set[str]:
    file = TESTS / path
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)} if file.exists() else set()


def test_every_test_that_is_named_exists() -> None:
    named = TEST.findall(PAGE.read_text())
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in _tests(path)] == []
