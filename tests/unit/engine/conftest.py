from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extension.store.sql import SqlStore, open_store
from tests.fakes.clock import Clock
from tests.unit.engine.served import Served


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path / "store.db")
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
