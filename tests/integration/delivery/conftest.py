"""A Kubernetes cluster to deliver to, and shorthand for what is delivered."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.kubeconfig import inlined, read
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Deployment
from extension.objects.kinds import BundleDeploymentStatus, BundleResource
from extension.objects.options import BundleDeploymentOptions
from extension.rendering.pool import Pool
from tests.fakes.clock import Clock

CONFIG_MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: "{value}"\n'
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)
NAMESPACES = Kind("v1", "Namespace", "namespaces", False)
SECRETS = Kind("v1", "Secret", "secrets", True)
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def access(kubeconfig: Path) -> str:
    return inlined(kubeconfig.read_text(), str(kubeconfig), kubeconfig.parent)


@pytest.fixture(scope="session")
def client(access: str) -> Iterator[Client]:
    client = Client(read(access))
    yield client
    client.close()


@pytest.fixture(scope="session")
def pools() -> Iterator[tuple[Pool, Pool]]:
    pools = (Pool(), Pool(memory=0))
    yield pools
    for pool in pools:
        pool.close()


@pytest.fixture
def clock() -> Clock:
    """The clock of `delivery`, which stands still."""
    return Clock()


@pytest.fixture
def delivery(access: str, pools: tuple[Pool, Pool], clock: Clock) -> Iterator[KubernetesDelivery]:
    delivery = KubernetesDelivery(access, *pools, clock=clock)
    yield delivery
    delivery.close()


@pytest.fixture
def opened(access: str, pools: tuple[Pool, Pool]) -> Iterator[Callable[[], KubernetesDelivery]]:
    """Makes a delivery to the cluster as a program does that starts: it remembers nothing."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(KubernetesDelivery(access, *pools)))


@pytest.fixture
def namespace() -> str:
    """A namespace no other test uses; deploying makes it."""
    return f"test-{next(_NUMBERS)}-{time.time_ns() % 10**9}"


Make = Callable[..., Deployment]


@pytest.fixture
def make(namespace: str) -> Make:
    """A deployment of files (by name) to the test's namespace; `number` is the deployment ID."""

    def deployment(
        number: int = 1, files: dict[str, str] | None = None, status: BundleDeploymentStatus = BundleDeploymentStatus(), **options: Any
    ) -> Deployment:
        files = {"a.yaml": CONFIG_MAP.format(name="a", value="one")} if files is None else files
        resources = tuple(BundleResource(name=name, content=text) for name, text in files.items())
        given = BundleDeploymentOptions(**{"default_namespace": namespace, **options})
        return Deployment(f"bundle-{namespace}", "ws", f"s-0:{number}", given, lambda: resources, status=status)

    return deployment


def conditions(status: BundleDeploymentStatus) -> dict[str, str]:
    return {c.type: c.status for c in status.conditions}


def message(status: BundleDeploymentStatus, type_: str) -> str:
    return next(c.message for c in status.conditions if c.type == type_)


def wait_for(check: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.1)
    return found
