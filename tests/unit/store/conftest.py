from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extension.store.sql import SqlStore, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    opened = open_store(path)
    yield opened
    opened.close()
