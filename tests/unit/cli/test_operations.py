"""`rancher-cd operation`: looked at, taken back, or done again where it failed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from extension.cli import main
from tests.unit.cli.test_connection import answering

FOUND = {"id": "operation-1", "type": "operation", "items": [{"id": "ws/a", "state": "failed", "message": "not found"}]}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ((), "/v1/operations/operation-1"),
        (("--undo",), "/v1/operations/operation-1?action=undo"),
        (("--retry",), "/v1/operations/operation-1?action=retry"),
        (("--retry", "--dry-run"), "/v1/operations/operation-1?action=retry&dryRun=All"),
    ],
)
def test_an_operation_is_asked_for_what_the_option_says(options: tuple[str, ...], asked: str) -> None:
    with answering(FOUND) as service:
        result = CliRunner().invoke(main, ["operation", "operation-1", *options, "--url", service.url, "--token", "token-a:b"])
    assert result.exit_code == 0, result.output
    assert [path for path, _ in service.sent] == [asked]
    assert result.stdout.split("\n")[1].split() == ["ws/a", "failed", "not", "found"]


@pytest.mark.parametrize("option", ["--undo", "--retry"])
def test_which_operation_has_to_be_named(option: str) -> None:
    result = CliRunner().invoke(main, ["operation", option])
    assert result.exit_code == 2 and "name the operation" in result.stderr
