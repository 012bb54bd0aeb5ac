"""An application over a store, callers of every role, and a few objects that nearly every test needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Cluster, FleetWorkspace
from extension.settings import Settings
from tests.api.memory import MemoryStore, MemoryTokens

GITREPOS = "/v1/fleet.cattle.io.gitrepos"
CLUSTERS = "/v1/fleet.cattle.io.clusters"
WORKSPACES = ("fleet-default", "fleet-local", "team-a", "team-b")


@dataclass(frozen=True)
class Moved:
    cluster: Key
    leaves: tuple[Key, ...] = ()
    comes: tuple[Key, ...] = ()


class Session:
    """A client that calls with one token."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.token = token

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> Any:
        return self.call("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> Any:
        return self.call("PUT", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> Any:
        return self.call("PATCH", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Any:
        return self.call("DELETE", path, **kwargs)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    store = MemoryStore()
    for name in WORKSPACES:
        store.create(FleetWorkspace(metadata=ObjectMeta(name=name)))
    store.create(Cluster(metadata=ObjectMeta(name="local", namespace="fleet-local", labels={"name": "local"})))

    def move(cluster: Key, workspace: str, labels: Mapping[str, str], dry_run: bool) -> Moved:
        leaves = (Key("Bundle", cluster.namespace, "old"),)
        return Moved(Key("Cluster", workspace, cluster.name), leaves, (Key("Bundle", workspace, "new"),))

    return Services(store, MemoryTokens(), Settings(state_dir=tmp_path, threads=4), "1.2.3", move)


@pytest.fixture
def store(services: Services) -> Any:
    return services.store


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def login(app: Flask, services: Services) -> Callable[..., Session]:
    """Makes a session with these roles by workspace; `*` is all."""

    def make(**roles: str) -> Session:
        given = {name.replace("_", "-") if name != "all" else "*": role for name, role in roles.items()}
        return Session(app.test_client(), services.tokens.create("someone", given))

    return make


@pytest.fixture
def admin(login: Callable[..., Session]) -> Session:
    return login(all="admin")


def gitrepo(name: str = "web", namespace: str = "team-a", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"repo": "https://git.example.org/web.git", **spec}}
