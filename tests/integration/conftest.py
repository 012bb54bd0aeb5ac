"""The real components tests share. A test without its component is skipped with what to install; CI has them all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kube import cluster


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a real Kubernetes API server with its controllers."""
    reason = cluster.missing()
    if reason:
        assert not os.environ.get("REQUIRE_COMPONENTS"), reason
        pytest.skip(reason)
    with cluster.running(tmp_path_factory.mktemp("kube")) as path:
        yield path
