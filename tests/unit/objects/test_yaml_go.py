"""What Go's YAML parser makes of rarer writing, held against the parser itself (Helm's, which is Fleet's)."""

from __future__ import annotations

import helm_python
import pytest

from extension.objects import yaml
from extension.objects.codec import canonical
from extension.objects.errors import Invalid


def _go(text: str) -> bytes | None:
    """What Go reads, or None where it refuses."""
    try:
        return canonical(helm_python.values_from_yaml(text))
    except helm_python.HelmError:
        return None


def _ours(text: str) -> bytes | None:
    try:
        return canonical(yaml.load(text))
    except Invalid:
        return None


FOREIGN = ["1\u00a0", "0\u00a0\u00a0", "1\u0661", "0\u06610", "\u0661", "1\u2003", "0x\uff11"]


@pytest.mark.parametrize("scalar", [*FOREIGN, "0o-6", "0o+6", "0b-1", "0b+1"])
def test_only_ascii_digits_and_their_sign_make_a_number(scalar: str) -> None:
    text = f"k: {scalar}\nl:\n- {scalar}\n"
    assert _ours(text) == _go(text) is not None


@pytest.mark.parametrize(
    "line",
    [
        "d: {<<: *x, b: 5}",
        "d: {b: 5, <<: *x}",
        "d: {b: 5, <<: *x, b: 6}",
        "d: {b: 5, <<: [*x, *y]}",
        "d: {b: 5, <<: [*y, *x]}",
        "d: {<<: *x, <<: *y}",
        "d: {<<: *y, <<: *x, z: 1}",
        "d: {'<<': 1}",
        "d: {m: {b: 1}, <<: {m: {c: 1}}}",
    ],
)
def test_what_is_merged_counts_where_it_stands(line: str) -> None:
    """Keys behind a merge win over it, and it wins over the keys before it."""
    text = f"a: &x {{b: 1, c: 2}}\ne: &y {{b: 3, z: 4}}\n{line}\n"
    assert _ours(text) == _go(text) is not None


@pytest.mark.parametrize(
    ("head", "is_read"),
    [
        ("%YAML 1.2\n---\n", False),
        ("# c\n\n%TAG ! !\n%YAML 1.2\n---\n", False),
        ("%YAML 1.0\n---\n", False),
        ("%YAML 1.1\n---\n", True),
        ("%TAG ! !\n---\n", True),
        ("b: |\n  %YAML 1.2\n", True),
    ],
)
def test_a_document_may_say_no_other_version_than_1_1(head: str, is_read: bool) -> None:
    text = f"{head}a: yes\n"
    assert _ours(text) == _go(text)
    assert (_ours(text) is not None, _ours(text)) == (is_read, canonical(yaml.load(text.encode())) if is_read else None)
