"""Image scans end to end: a real registry, a real git server that asks for a login, the whole engine, a cluster that is a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.engine.clusters import folder_of
from extension.engine.runtime import Engine
from extension.engine.sources import EngineSources
from extension.engine.stored import listed
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Cluster, FleetWorkspace, GitRepo, GitRepoSpec, GitTarget, ImageScan, ImageScanCommit, Secret
from extension.objects.marks import DIRECTORY
from extension.objects.selectors import LabelSelector
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.sources.build import build
from extension.store.opening import open_store
from tests.fakes.waiting import wait_for
from tests.integration.sources.conftest import Repository
from tests.integration.sources.gits import git_http
from tests.integration.sources.registries import registry
from tests.integration.sources.servers import Server

NS = "ws"
LOGIN = "bob:canary-password"
SECONDS = 60.0
FLEET = """\
defaultNamespace: apps
imageScans:
- image: {image}
  tagName: app
  interval: 1s
  policy: {{semver: {{range: "1.x"}}}}
  secretRef: {{name: registry}}
"""
MANIFEST = """\
# A map of images.\r
apiVersion: v1
kind: ConfigMap
metadata: {name: images}
data:
  image: none   # {"$imagescan": "app"}
  tag: 'none' # {"$imagescan": "app:tag"}
  other: kept
"""


class World:
    def __init__(self, folder: Path, url: str) -> None:
        self.settings = Settings(state_dir=folder, polling_interval=1.0, drift_interval=1.0, workers=1, imagescan_enabled=True)
        self.store = open_store(folder / "store.db")
        pool = Pool()
        sources = build(self.settings, {}, lambda namespace, name: self.store.find(Secret, namespace, name))
        self.engine = Engine(self.store, EngineSources(sources, pool), pool, self.settings)
        self.url = url
        self.store.create(FleetWorkspace(metadata=ObjectMeta(name=NS)))
        self.store.create(Cluster(metadata=ObjectMeta(name="berlin", namespace=NS, annotations={DIRECTORY: "true"})))

    def secret(self, name: str, type_: str, **data: str) -> None:
        held = {key.replace("_", "."): value.encode() for key, value in data.items()}
        self.store.create(Secret(metadata=ObjectMeta(name=name, namespace=NS), type=type_, data=held))

    def login(self, image: str) -> None:
        """The secret for the registry of the image."""
        auths = {image.partition("/")[0]: {"username": "bob", "password": "canary-password"}}
        self.secret("registry", "kubernetes.io/dockerconfigjson", _dockerconfigjson=json.dumps({"auths": auths}))

    def gitrepo(self, **spec: Any) -> None:
        given = {"repo": self.url, "branch": "main", "client_secret_name": "git", "image_scan_interval": "1s", **spec}
        targets = (GitTarget(name="all", cluster_selector=LabelSelector()),)
        self.store.create(GitRepo(metadata=ObjectMeta(name="shop", namespace=NS), spec=GitRepoSpec(targets=targets, **given)))

    def says(self, words: str) -> None:
        """Waits until the condition ImageSynced has these words."""
        repo = lambda: self.store.get(GitRepo, NS, "shop")  # noqa: E731
        wait_for(lambda: any(c.type == "ImageSynced" and words in c.message for c in repo().status.conditions), SECONDS)

    def deployed(self, text: str) -> None:
        path = folder_of(self.settings, Key("Cluster", NS, "berlin")) / "apps" / "shop-app" / "configmap_images.yaml"
        wait_for(lambda: path.exists() and text in path.read_text(), SECONDS)


@pytest.fixture
def serving() -> Iterator[Callable[[Server], Server]]:
    running: list[Server] = []

    def keep(server: Server) -> Server:
        running.append(server)
        return server

    yield keep
    for server in running:
        server.stop()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "served").mkdir()
    made = Repository(tmp_path / "served", "app.git")
    made.git("config", "http.receivepack", "true", cwd=made.bare)
    return made


@pytest.fixture
def world(tmp_path: Path, serving: Callable[[Server], Server]) -> Iterator[World]:
    made = World(tmp_path / "state", f"{serving(git_http(tmp_path / 'served', login=LOGIN)).url}/app.git")
    made.secret("git", "kubernetes.io/basic-auth", username="bob", password="canary-password")
    made.engine.start()
    yield made
    made.engine.stop()
    made.store.close()


def test_a_new_image_is_committed_pushed_and_deployed_and_the_next_one_too(
    world: World, repository: Repository, serving: Callable[[Server], Server]
) -> None:
    tags = {("team/app", "1.0.0"): b"one", ("team/app", "2.0.0"): b"two"}
    server = serving(registry(tags, login=LOGIN, token=True))
    image = f"localhost:{server.port}/team/app"
    world.login(image)
    first = repository.commit({"app/fleet.yaml": FLEET.format(image=image), "app/cm.yaml": MANIFEST})
    world.gitrepo(paths=("app",))
    world.says("spec.imageScanCommit: is required")
    repo = world.store.get(GitRepo, NS, "shop")
    author = ImageScanCommit("Ann", "ann@example.org", "Newer images")
    spec = GitRepoSpec(**{**{name: getattr(repo.spec, name) for name in repo.spec.__struct_fields__}, "image_scan_commit": author})
    world.store.update(GitRepo(metadata=repo.metadata, spec=spec))
    world.deployed(f"image: {image}:1.0.0")
    expected = MANIFEST.replace("none   #", f"{image}:1.0.0   #").replace("'none'", "'1.0.0'")
    shown = repository.git("log", "-1", "--format=%P|%an|%ae|%s", "main", cwd=repository.bare)
    assert shown == f"{first}|Ann|ann@example.org|Newer images"
    assert repository.git("rev-parse", "main:app/cm.yaml", cwd=repository.bare) == hashed(repository, expected)
    found = world.store.get(ImageScan, NS, "imagescan-shop-app-0").status
    assert (found.latest_tag, found.latest_image) == ("1.0.0", f"{image}:1.0.0")
    assert found.latest_digest.startswith("sha256:")
    repository.git("pull", "-q", "--ff-only", str(repository.bare), "main")
    second = repository.commit({"app/fleet.yaml": FLEET.format(image=image).replace("1.x", "2.x")})
    world.deployed(f"image: {image}:2.0.0")
    assert repository.git("log", "-1", "--format=%P|%an", "main", cwd=repository.bare) == f"{second}|Ann"
    assert repository.git("rev-list", "--count", "main", cwd=repository.bare) == "4"
    world.store.delete(GitRepo, NS, "shop")
    wait_for(lambda: world.store.find(GitRepo, NS, "shop") is None, SECONDS)
    assert listed(world.store, ImageScan, NS) == []


def test_a_secret_that_comes_later_is_used_at_once(world: World, repository: Repository, serving: Callable[[Server], Server]) -> None:
    server = serving(registry({("team/app", "1.0.0"): b"one"}, login=LOGIN))
    image = f"localhost:{server.port}/team/app"
    fleet = FLEET.format(image=image).replace("interval: 1s", "interval: 1h")
    repository.commit({"app/fleet.yaml": fleet, "app/cm.yaml": MANIFEST})
    world.gitrepo(paths=("app",), image_scan_commit=ImageScanCommit("Ann", "ann@example.org"))
    world.says("image scan app is not ready: secret registry does not exist")
    world.login(image)
    world.deployed(f"image: {image}:1.0.0")
    wait_for(lambda: world.store.get(GitRepo, NS, "shop").status.last_synced_image_scan_time, SECONDS)


def hashed(repository: Repository, text: str) -> str:
    path = repository.work / "expected"
    path.write_bytes(text.encode())
    return repository.git("hash-object", "--no-filters", str(path))
