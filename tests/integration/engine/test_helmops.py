"""HelmOps end to end: a real Helm repository and registry, the whole engine, clusters that are folders (`fleet-semantics.md` 3.7)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.engine.clusters import folder_of
from extension.engine.runtime import Engine
from extension.engine.sources import EngineSources
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import BundleTarget, Cluster, FleetWorkspace, HelmOp, HelmOpSpec, Secret
from extension.objects.marks import DIRECTORY
from extension.objects.options import HelmOptions
from extension.objects.selectors import LabelSelector
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.sources.build import build
from extension.store.opening import open_store
from extension.store.protocol import Query
from tests.fakes.waiting import wait_for
from tests.integration.sources.archives import index, tgz
from tests.integration.sources.registries import registry
from tests.integration.sources.servers import Server, files

NS = "ws"
LOGIN = "bob:canary-password"
TEMPLATE = (
    b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  version: {{ .Chart.Version }}\n  color: {{ .Values.color }}\n"
)
SECONDS = 60.0


def packed(version: str) -> bytes:
    chart = f"apiVersion: v2\nname: web\nversion: {version}\n".encode()
    return tgz({"web/Chart.yaml": chart, "web/values.yaml": b"color: none\n", "web/templates/cm.yaml": TEMPLATE})


def published(contents: dict[str, Any], *versions: str) -> None:
    """Puts versions of the chart into the repository, the index last."""
    archives = {f"web-{version}.tgz": packed(version) for version in versions}
    contents.update({f"/charts/{name}": data for name, data in archives.items()})
    contents["/charts/index.yaml"] = index({"web": [(version, f"web-{version}.tgz") for version in versions]}, archives)


class World:
    def __init__(self, folder: Path) -> None:
        self.settings = Settings(state_dir=folder, drift_interval=1.0, workers=2)
        self.store = open_store(folder / "store.db")
        pool = Pool()
        sources = build(self.settings, {}, lambda namespace, name: self.store.find(Secret, namespace, name))
        self.engine = Engine(self.store, EngineSources(sources, pool), pool, self.settings)
        self.store.create(FleetWorkspace(metadata=ObjectMeta(name=NS)))
        for name in ("berlin", "boston"):
            meta = ObjectMeta(name=name, namespace=NS, annotations={DIRECTORY: "true"})
            self.store.create(Cluster(metadata=meta))

    def helmop(self, name: str, chart: str = "web", repo: str = "", version: str = "", **spec: Any) -> None:
        helm = HelmOptions(chart=chart, repo=repo, version=version, values={"color": "blue"})
        targets = (BundleTarget(name="all", cluster_selector=LabelSelector()),)
        given = HelmOpSpec(helm=helm, targets=targets, default_namespace="apps", **spec)
        self.store.create(HelmOp(metadata=ObjectMeta(name=name, namespace=NS), spec=given))

    def secret(self, name: str, **data: str) -> None:
        made = Secret(metadata=ObjectMeta(name=name, namespace=NS), data={key: value.encode() for key, value in data.items()})
        self.store.update(made) if self.store.find(Secret, NS, name) else self.store.create(made)

    def op(self, name: str) -> HelmOp:
        return self.store.get(HelmOp, NS, name)

    def file(self, name: str, on: str = "berlin") -> Path:
        return folder_of(self.settings, Key("Cluster", NS, on)) / "apps" / name / "configmap_web.yaml"

    def deployed(self, name: str, version: str, on: str = "berlin") -> None:
        path = self.file(name, on)
        wait_for(lambda: path.exists() and f"version: {version}\n" in path.read_text(), SECONDS)
        assert "color: blue" in path.read_text()

    def says(self, name: str, type_: str, words: str) -> str:
        """Waits until a condition's message has these words."""

        def look() -> str:
            return next((c.message for c in self.op(name).status.conditions if c.type == type_ and words in c.message), "")

        return str(wait_for(look, SECONDS))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("helmops"))
    made.engine.start()
    yield made
    made.engine.stop()
    made.store.close()


@pytest.fixture
def serving() -> Iterator[Callable[[Server], Server]]:
    running: list[Server] = []

    def keep(server: Server) -> Server:
        running.append(server)
        return server

    yield keep
    for server in running:
        server.stop()


Serving = Callable[[Server], Server]


def fetched(server: Server, path: str) -> int:
    return sum(asked == path for _, asked, _ in server.asked)


def test_a_constraint_deploys_the_newest_version_and_one_that_is_published_later_is_rolled_out(world: World, serving: Serving) -> None:
    contents: dict[str, Any] = {}
    published(contents, "1.0.0", "1.2.0", "2.0.0")
    server = serving(files(contents, login=LOGIN))
    world.secret("login", username="bob", password="canary-password")
    world.helmop("web", repo=f"{server.url}/charts", version="1.x", polling_interval="1s", helm_secret_name="login")
    for cluster in ("berlin", "boston"):
        world.deployed("web", "1.2.0", cluster)
    assert fetched(server, "/charts/web-1.2.0.tgz") == 1
    wait_for(lambda: world.op("web").status.display.ready_bundle_deployments == "2/2", SECONDS)
    status = world.op("web").status
    assert (status.version, status.display.state, status.ready_clusters, status.desired_ready_clusters) == ("1.2.0", "", 2, 2)
    assert {c.type: c.status for c in status.conditions} == {
        "Ready": "True", "Accepted": "True", "Polled": "True", "Stalled": "False", "Reconciling": "False",
    }  # fmt: skip
    found = world.store.get(Cluster, NS, "berlin").status
    assert (found.ready_helm_ops >= 1, found.ready_git_repos) == (True, 0)
    published(contents, "1.0.0", "1.2.0", "1.3.0", "2.0.0")
    for cluster in ("berlin", "boston"):
        world.deployed("web", "1.3.0", cluster)
    wait_for(lambda: world.op("web").status.version == "1.3.0", SECONDS)
    world.store.delete(HelmOp, NS, "web")
    wait_for(lambda: world.store.find(HelmOp, NS, "web") is None, SECONDS)
    assert not world.file("web").exists()


def test_wrong_credentials_are_said_so_and_right_ones_deploy(world: World, serving: Serving) -> None:
    contents: dict[str, Any] = {}
    published(contents, "1.0.0")
    server = serving(files(contents, login=LOGIN))
    world.secret("wrong", username="bob", password="mistaken")
    world.helmop("locked", repo=f"{server.url}/charts", version="1.0.0", helm_secret_name="wrong")
    assert "check user name and password" in world.says("locked", "Accepted", "answered 401")
    assert "answered 401" in world.says("locked", "Ready", "answered 401")
    world.secret("wrong", username="bob", password="canary-password")
    world.deployed("locked", "1.0.0")


@pytest.mark.parametrize(
    ("chart", "version", "words"),
    [("nope", "", "the repository has no chart nope"), ("web", "9.x", "chart web has no version 9.x (the newest are 1.0.0)")],
    ids=["chart", "version"],
)
def test_an_unknown_chart_or_version_is_said_so_with_what_there_is(
    world: World, serving: Serving, chart: str, version: str, words: str
) -> None:
    contents: dict[str, Any] = {}
    published(contents, "1.0.0")
    server = serving(files(contents))
    world.helmop(f"unknown-{chart}", chart=chart, repo=f"{server.url}/charts", version=version, polling_interval="1h")
    assert server.url in world.says(f"unknown-{chart}", "Polled", words)
    assert world.op(f"unknown-{chart}").status.version == ""


def test_an_unreachable_repository_is_said_so(world: World) -> None:
    world.helmop("far", repo="http://localhost:1/charts", version="1.x")
    assert "http://localhost:1" in world.says("far", "Stalled", "can't connect")


def test_a_secret_that_is_missing_is_said_so(world: World) -> None:
    world.helmop("keyless", repo="http://localhost:1/charts", version="1.x", helm_secret_name="nowhere")
    world.says("keyless", "Accepted", "secret nowhere does not exist")


def test_a_chart_in_a_registry_is_deployed(world: World, serving: Serving) -> None:
    server = serving(registry({("team/web", v): packed(v) for v in ("1.0.0", "1.1.0", "2.0.0")}, login=LOGIN, token=True))
    world.secret("registry", username="bob", password="canary-password", basicHTTP="true")
    world.helmop("oci", chart="", repo=f"oci://localhost:{server.port}/team/web", version="~1", helm_secret_name="registry")
    world.deployed("oci", "1.1.0")
    assert world.op("oci").status.version == "1.1.0"


def test_the_url_of_an_archive_is_deployed_and_an_archive_that_is_not_there_is_the_deployments_error(
    world: World, serving: Serving
) -> None:
    server = serving(files({"/web-1.0.0.tgz": packed("1.0.0")}))
    world.helmop("archive", chart=f"{server.url}/web-1.0.0.tgz")
    world.deployed("archive", "1.0.0")
    world.helmop("lost", chart=f"{server.url}/web-2.0.0.tgz")
    told = world.says("lost", "Ready", "ErrApplied(2)")
    assert told.startswith("ErrApplied(2) [Bundle lost: chart ") and f"{server.url}/web-2.0.0.tgz can't be fetched" in told
    assert world.op("lost").status.display.state == "ErrApplied"


def test_a_version_that_vanishes_before_it_is_fetched_is_the_deployments_error_until_it_is_back(world: World, serving: Serving) -> None:
    contents: dict[str, Any] = {}
    published(contents, "7.0.0")
    archive = contents.pop("/charts/web-7.0.0.tgz")
    server = serving(files(contents))
    world.helmop("gone", repo=f"{server.url}/charts", version="7.0.0")
    assert f"chart web 7.0.0 from {server.url}/charts can't be fetched: answered 404" in world.says("gone", "Ready", "ErrApplied(2)")
    (stored,) = world.store.deployments(Query(), bundle=Key("Bundle", NS, "gone"), cluster=Key("Cluster", NS, "berlin")).items
    assert stored.spec.helm_chart_options is not None
    contents["/charts/web-7.0.0.tgz"] = archive
    world.deployed("gone", "7.0.0")


def test_neither_values_nor_credentials_are_on_disk_in_clear(world: World) -> None:
    disk = b"".join(path.read_bytes() for path in world.settings.state_dir.glob("store.db*") if path.suffix != ".key")
    for word in (b"canary-password", base64.b64encode(LOGIN.encode()), b"color"):
        assert word not in disk
