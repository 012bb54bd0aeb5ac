"""docs/webhooks.md has every provider, key and result there is, and its answers are those of the door."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from api.webhooks.providers import PROVIDERS
from api.webhooks.webhook import MAX_BODY
from extension.store.deliveries import KEPT, Result
from tests.api.hooks import EVERYBODYS, SYSTEM

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()


def cells(heading: str) -> list[list[str]]:
    """The rows of the first table after a text, cell by cell."""
    table = PAGE[PAGE.index(heading) :].partition("\n|")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_key_of_every_provider_is_there() -> None:
    told = {key for row in cells("## The secret") for key in re.findall(r"`([a-z-]+)`", row[1])}
    assert told == {key for provider in PROVIDERS for key in provider.keys}
    assert f"`{EVERYBODYS}` in `{SYSTEM}`" in PAGE


def test_every_provider_is_set_up_in_three_lines() -> None:
    steps = PAGE[PAGE.index("## Setting it up") : PAGE.index("## Which GitRepos look")].strip().split("\n\n")[1:]
    assert len(steps) == len(PROVIDERS)
    assert {len(step.splitlines()) for step in steps} == {3}


def test_every_result_is_there() -> None:
    assert {row[0].strip("`") for row in cells("## When nothing happens")} == set(get_args(Result))
    assert f"{KEPT} proven ones" in PAGE


def test_the_limits_are_those_of_the_door() -> None:
    assert f"larger than {MAX_BODY // 2**20} MiB" in PAGE
    assert [row[0].partition(" ")[0] for row in cells("## Answers")] == ["200", "200", "401", "403", "413", "422"]
