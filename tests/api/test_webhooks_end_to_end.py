"""From a Git server's signed push to files on a cluster: the door, the engine and a real repository in one process."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.services import Services
from extension.engine.runtime import Engine
from extension.engine.sources import EngineSources
from extension.objects.kinds import GitRepo, Secret
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.sources.build import build
from extension.store.opening import open_store
from extension.store.operations import StoredOperations
from tests.api.conftest import GITREPOS, Session, gitrepo
from tests.api.hooks import BEFORE, EVERYBODYS, OTHER, SECRET, SYSTEM, Hook, github, secret, send
from tests.fakes.waiting import wait_for

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="install git")

LOCAL = "fleet-local"
PATIENCE = 60.0


@dataclass
class World:
    session: Session
    store: Any
    work: Path
    deployed: Path

    def git(self, *args: str) -> str:
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.com")
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        ran = subprocess.run(["git", *identity, *args], cwd=self.work, env=environment, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def commit(self, greeting: str) -> str:
        config_map = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hello\ndata:\n  greeting: {greeting}\n"
        (self.work / "hello.yaml").write_text(config_map)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", greeting)
        return self.git("rev-parse", "HEAD")

    def push(self, commit: str) -> Hook:
        """What the repository's server sends of a commit."""
        return github(commit=commit).changed(repository={"html_url": f"file://{self.work}"})

    def shows(self, greeting: str) -> bool:
        return any(f"greeting: {greeting}" in file.read_text() for file in self.deployed.rglob("*.yaml"))

    def repo(self) -> GitRepo:
        found: GitRepo = self.store.get(GitRepo, LOCAL, "web")
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    settings = Settings(state_dir=tmp_path / "state", allow_file_repos=True, polling_interval=1.0, threads=4)
    store, pool = open_store(settings.database), Pool()
    sources = build(settings, {}, lambda namespace, name: store.find(Secret, namespace, name), allow_file=True)
    engine = Engine(store, EngineSources(sources, pool), pool, settings)
    engine.start()
    services = Services(store, store.tokens, settings, "0", engine.moves.move, StoredOperations(store), allow_file=True)
    session = Session(create_app(services).test_client(), store.tokens.create("admin", {"*": "admin"}))
    work = tmp_path / "web"
    work.mkdir()
    made = World(session, store, work, settings.directories / LOCAL / "local")
    made.git("init", "-q", "-b", "main")
    yield made
    engine.stop()
    store.close()


def test_a_signed_push_deploys_the_newest_commit_though_nobody_polls(world: World) -> None:
    first = world.commit("hello")
    secret(world.session, SYSTEM, EVERYBODYS, github=SECRET)
    spec = {"repo": f"file://{world.work}", "branch": "main", "targets": [{"clusterName": "local"}]}
    spec |= {"disablePolling": True, "pollingInterval": "1h"}  # neither a poll nor a changed spec lets the engine look
    assert world.session.post(GITREPOS, json=gitrepo("web", LOCAL, **spec)).status_code == 201
    wait_for(lambda: world.shows("hello"), PATIENCE)
    wait_for(lambda: world.repo().status.commit == first, PATIENCE)

    second = world.commit("goodbye")
    assert send(world.session, world.push(second), OTHER).status_code == 401
    assert send(world.session, replace(world.push(second), headers={"X-GitHub-Event": "ping"})).status_code == 200
    assert world.repo().status.webhook_commit == ""

    assert send(world.session, world.push(second)).json["triggered"] == 1
    wait_for(lambda: world.shows("goodbye"), PATIENCE)
    wait_for(lambda: world.repo().status.commit == second, PATIENCE)

    third = world.commit("again")
    assert send(world.session, world.push(BEFORE)).json["triggered"] == 1
    wait_for(lambda: world.shows("again"), PATIENCE)
    wait_for(lambda: world.repo().status.commit == third, PATIENCE)
    assert world.repo().status.commit != BEFORE, "a delivery does not choose what is deployed"
