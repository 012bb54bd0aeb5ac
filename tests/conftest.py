"""What tests of several folders share: how properties are tried, and the database server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.integration.postgres.server import Server

hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any machine")
"""No property fails because the machine is busy."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server that forgets what it has when its machine goes, so that tests are quick."""
    from tests.integration.postgres import server

    reason = server.missing()
    if reason:
        assert not os.environ.get("REQUIRE_COMPONENTS"), reason
        pytest.skip(reason)
    with server.running() as made:
        yield made
