"""docs/repair.md has every rule, every result and every field there is; docs/cli.md every option of `doctor`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click

from api.repair import MOST, WAIT, RepairRequest
from extension.commands.doctor import command
from extension.rancher.repair import findings, report

DOCS = Path(__file__).parents[4] / "docs"
TEXT = (DOCS / "repair.md").read_text()


def cells(text: str) -> set[str]:
    """What the first cells of tables name."""
    return {name for row in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}


def test_every_rule_and_every_field_of_a_request_is_documented_and_nothing_else() -> None:
    rules = set(re.findall(r'Finding\(\s*"(\w+)"', inspect.getsource(findings)))
    assert len(rules) >= 8 and {name for name in cells(TEXT) if name[0].isupper()} == rules
    assert cells(TEXT) >= set(RepairRequest().fields)
    assert f"at most {MOST}" in TEXT and f"| `{WAIT}` |" in TEXT and f"| `{int(report.SILENT_AFTER)}` |" in TEXT


def test_every_result_of_a_step_is_documented() -> None:
    results = (report.PLANNED, report.DONE, report.UNNEEDED, report.WAITING, report.FAILED, report.SKIPPED)
    assert all(f"`{result}`" in TEXT for result in results)


def test_every_option_of_doctor_is_documented_with_its_default() -> None:
    section = (DOCS / "cli.md").read_text().partition("### doctor")[2].partition("### ")[0]
    for one in command.params:
        assert isinstance(one, click.Option)
        assert f"`{one.opts[-1]}" in section or f"{one.opts[-1]} " in section, one.opts
        if isinstance(one.default, str):
            assert f"`{one.opts[-1]}` | `{one.default}` |" in section
