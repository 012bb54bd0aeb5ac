from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extension.store.sql import SqlStore
from tests.unit.store.copies import Room
from tests.unit.store.places import BOTH, Place, made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a SQLite file may be, for tests of what only files have."""
    return tmp_path / "store.db"


@pytest.fixture(params=BOTH)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where `store` is, on either kind of database."""
    with made(request.param, tmp_path, request) as found:
        yield found


@pytest.fixture
def store(place: Place) -> Iterator[SqlStore]:
    opened = place.open()
    yield opened
    opened.close()


@pytest.fixture
def room(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Room]:
    """Places to copy stores from and to."""
    made = Room(tmp_path, request.getfixturevalue("postgres"))
    yield made
    made.close()
