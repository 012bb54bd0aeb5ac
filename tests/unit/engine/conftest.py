from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extension.store.sql import SqlStore
from tests.fakes.clock import Clock
from tests.unit.engine.served import Served
from tests.unit.store.places import BOTH, made

ON_BOTH = {"test_bundle_passes", "test_bundles", "test_contents", "test_feed", "test_hub", "test_hub_turns", "test_reports", "test_seen"}
"""Files whose tests ask the most of the store: they run on each kind of database."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.parametrize("store", BOTH, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    with made(getattr(request, "param", "sqlite"), tmp_path, request) as place:
        opened = place.open()
        yield opened
        opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def served(store: SqlStore, clock: Clock) -> Iterator[Served]:
    """Agents that report but work only when a test says so, or starts their queue."""
    made = Served(store, clock)
    made.agents.reports.start()
    yield made
    made.agents.stop()
