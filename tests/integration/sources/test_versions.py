"""Constraints compared with Helm's own resolver, through `semverCompare` of its templates."""

from __future__ import annotations

import itertools
import re

import pytest

from extension.objects.errors import Invalid
from extension.sources.versions import Constraint
from tests.integration.sources.archives import tgz

VERSIONS = [
    *("0.0.1", "0.0.2", "0.0.9", "0.1.0", "0.2.3", "0.2.9", "0.3.0", "1.0.0-0", "1.0.0-alpha", "1.0.0-alpha.2", "1.0.0", "1.0.1"),
    *("1.2.0", "1.2.3-beta", "1.2.3", "1.2.4-rc.1", "1.2.4", "1.3.0", "1.9.9", "2.0.0-alpha", "2.0.0", "2.0.5", "2.1.0-rc.1", "2.1.0"),
    *("3.0.0", "3.9.0", "4.0.0", "10.0.0", "v1.2.3", "1.2", "2", "1.2.3+build"),
]
BASES = [
    *("0", "0.0", "0.0.1", "0.2", "0.2.3", "1", "1.2", "1.2.3", "v1.2.3", "1.x", "1.2.x", "1.*", "*", "x", "2.0.0-alpha", "1.2.3-beta"),
    *("2-0", "2.0-0", "1.2.3+build"),
]
OPERATORS = ["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"]
COMPOUND = [
    ">=1.0, <2",
    ">= 1.0, < 2",
    ">=1.0 <2",
    ">=1.0.0-0 <2",
    ">=1.0.0-0, <2.0.0-0",
    "1.2 - 3",
    "1.2.3 - 2.0",
    "1.2.3-beta - 2.0.0",
    "^1.2 || ^2.0",
    "^1.2 || >2.0-0",
    "1.2.3 || 2.x",
    ">=1, !=1.2.3, <3",
    "~1.2 !=1.2.4",
    "  ^1.2.3  ",
    "> 1.2",
    "=1.2.3 || =2.0.0",
]
NONE = ["a", "1.2.3.4", ">", "1.2 -3 4 x-", "latest", ">=a", "1.2.3 -", "||", ",", "^^1"]


def helm_says(constraints: list[str]) -> dict[tuple[str, str], bool]:
    """What Helm answers for each constraint and version, all asked in one template."""
    helm = pytest.importorskip("helm_python", reason="install helm-python-sdk")
    template = b"{{ range $c := .Values.c }}{{ range $v := $.Values.v }}[{{ semverCompare $c $v }}]{{ end }}{{ end }}"
    files = {"t/Chart.yaml": b"apiVersion: v2\nname: t\nversion: 1.0.0\n", "t/templates/NOTES.txt": b"", "t/templates/a.txt": template}
    with helm.Chart.load_archive(tgz(files)) as chart:
        rendered = chart.render(values={"c": constraints, "v": VERSIONS}, name="t")
    said = [word == "true" for word in re.findall(r"\[(true|false)\]", str(rendered))]
    pairs = list(itertools.product(constraints, VERSIONS))
    assert len(said) == len(pairs)
    return dict(zip(pairs, said, strict=True))


def test_every_constraint_means_what_helm_says() -> None:
    constraints = [operator + base for operator in OPERATORS for base in BASES] + COMPOUND
    differ = {pair: helm for pair, helm in helm_says(constraints).items() if Constraint(pair[0]).check(pair[1]) != helm}
    assert differ == {}


@pytest.mark.parametrize("text", NONE)
def test_what_helm_does_not_read_is_invalid(text: str) -> None:
    helm = pytest.importorskip("helm_python", reason="install helm-python-sdk")
    with pytest.raises(helm.HelmError):
        helm_says([text])
    with pytest.raises(Invalid):
        Constraint(text)
