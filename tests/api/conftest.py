"""An application over a store, callers of every role, and a few objects that nearly every test needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyroaring import FrozenBitMap

from api.app import create_app
from api.services import Services
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Bundle, BundleDeploymentStatus, Cluster, FleetWorkspace
from extension.objects.moving import Move, Moved
from extension.objects.names import cluster_namespace
from extension.objects.options import BundleDeploymentOptions
from extension.objects.plan import Assignment, Plan, Step, Variant
from extension.objects.status import FieldChange, ModifiedStatus, NonReadyStatus, ResourceCounts, ResourceKey, ResourceSummary
from extension.settings import Settings
from extension.store.opening import open_store
from extension.store.operations import StoredOperations
from extension.store.protocol import Report

GITREPOS = "/v1/fleet.cattle.io.gitrepos"
CLUSTERS = "/v1/fleet.cattle.io.clusters"
WORKSPACES = ("fleet-default", "fleet-local", "team-a", "team-b")


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


@pytest.fixture(scope="session")
def made_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a closed store with the workspaces and the local cluster: a copy is quicker than a new one."""
    path = tmp_path_factory.mktemp("made") / "store.db"
    store = open_store(path)
    for name in WORKSPACES:
        store.create(FleetWorkspace(metadata=ObjectMeta(name=name)))
    store.create(Cluster(metadata=ObjectMeta(name="local", namespace="fleet-local", labels={"name": "local"})))
    store.close()
    return path


@pytest.fixture
def services(made_store: Path, tmp_path: Path) -> Iterator[Services]:
    for name in ("store.db", "store.db.key"):
        shutil.copy(made_store.with_name(name), tmp_path / name)
    store = open_store(tmp_path / "store.db")

    def move(cluster: Key, wanted: Move, dry_run: bool) -> Moved:
        leaves, comes = Key("Bundle", cluster.namespace, "old"), Key("Bundle", wanted.workspace, "new")
        adopts = () if wanted.keep_resources else (Key("Bundle", wanted.workspace, "same"),)
        return Moved(Key("Cluster", wanted.workspace, cluster.name), (leaves,), adopts, (comes,), removed=7)

    yield Services(store, store.tokens, Settings(state_dir=tmp_path, threads=4), "1.2.3", move, StoredOperations(store))
    store.close()


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


WEB = ResourceKey(kind="Deployment", api_version="apps/v1", namespace="web", name="web")
CONFIG = ResourceKey(kind="ConfigMap", api_version="v1", namespace="web", name="config")


OPTIONS = BundleDeploymentOptions()
WELL = BundleDeploymentStatus(
    applied_deployment_id="d1",
    ready=True,
    non_modified=True,
    resources=(WEB, CONFIG),
    resource_counts=ResourceCounts(ready=2, desired_ready=2),
)
EDITED = FieldChange("/data/key", '"one"', '"two"', "kubectl-edit", "2026-11-29T12:00:00Z")
CHANGED = (
    ModifiedStatus(kind="ConfigMap", api_version="v1", namespace="web", name="config", patch="{}", changes=(EDITED,)),
    ModifiedStatus(kind="Service", api_version="v1", namespace="web", name="web", missing=True),
)
STARTING = NonReadyStatus(
    kind="Deployment",
    api_version="apps/v1",
    namespace="web",
    name="web",
    summary=ResourceSummary(state="in-progress", message=("1 of 3 are up",)),
)
REPORTS: dict[tuple[str, str], BundleDeploymentStatus | None] = {
    ("team-a", "c1"): WELL,
    ("team-a", "c2"): msgspec.structs.replace(WELL, non_modified=False, modified_status=CHANGED),
    ("team-a", "c3"): msgspec.structs.replace(WELL, ready=False, non_ready_status=(STARTING,), incomplete_state=True),
    ("team-b", "c4"): None,
}
PLACES = {cluster: cluster_namespace(workspace, cluster) for workspace, cluster in REPORTS}


@pytest.fixture
def filled(admin: Session, deployed: None) -> None:
    """An object of every kind."""
    place = {"name": "one", "namespace": "team-a", "labels": {"example.org/env": "prod"}}
    for plural, parts in {
        "fleet.cattle.io.clustergroups": {"spec": {"selector": {"matchLabels": {"env": "prod"}}}},
        "fleet.cattle.io.clusterregistrationtokens": {"spec": {"ttl": "24h"}},
        "fleet.cattle.io.bundlenamespacemappings": {"bundleSelector": {}, "namespaceSelector": {}},
        "fleet.cattle.io.gitrepos": gitrepo(branch="main", paths=["a", "b"], paused=True, forceSyncGeneration=7),
        "fleet.cattle.io.imagescans": {"spec": {"image": "org/app", "tagName": "app", "gitrepoName": "one"}},
        "fleet.cattle.io.helmops": {"spec": {"helm": {"repo": "https://charts.example.org", "chart": "web", "version": "^1"}}},
        "fleet.cattle.io.schedules": {"spec": {"schedule": "0 0 22 * * *", "duration": "2h", "location": "Europe/Berlin"}},
        "fleet.cattle.io.gitreporestrictions": {"allowedRepoPatterns": ["https://git.example.org/.*"], "defaultServiceAccount": "web"},
        "fleet.cattle.io.policies": {"requireServiceAccount": True, "helmOp": {"allowedChartPatterns": ["web.*"]}},
        "configmaps": {"data": {"k": "v"}},
        "secrets": {"stringData": {"k": "v"}},
    }.items():
        assert admin.post(f"/v1/{plural}", json=parts | {"metadata": place}).status_code == 201


@pytest.fixture
def deployed(admin: Session, store: Any) -> None:
    """A bundle of GitRepo web in two workspaces, on four clusters; the agent of the fourth has told nothing yet."""
    for workspace in ("team-a", "team-b"):
        admin.post(GITREPOS, json=gitrepo("web", workspace))
        labels = {"fleet.cattle.io/repo-name": "web"}
        store.create(Bundle(metadata=ObjectMeta(name="web", namespace=workspace, labels=labels)))
        clusters = [cluster for place, cluster in REPORTS if place == workspace]
        ids = {c: store.object_id(store.create(Cluster(metadata=ObjectMeta(name=c, namespace=workspace))).key) for c in clusters}
        bundle, members = Key("Bundle", workspace, "web"), FrozenBitMap(ids.values())
        store.apply(Plan(bundle, "s-1", (Assignment(Variant("d1", OPTIONS), members),)), Step(create=members))
        store.apply(Plan(bundle, "s-1", (Assignment(Variant("d1", OPTIONS), members),)), Step(promote=members))
        told = {c: status for c in clusters if (status := REPORTS[workspace, c])}
        store.report([Report(store.object_id(bundle), ids[c], status) for c, status in told.items()])
        store.seen([Key("Cluster", workspace, c) for c in told], "2026-01-01T00:00:00Z")


@pytest.fixture
def repos(admin: Session) -> None:
    for name, namespace, env in (("one", "team-a", "prod"), ("two", "team-a", "dev"), ("three", "team-b", "prod")):
        body = gitrepo(name, namespace)
        body["metadata"]["labels"] = {"env": env}
        admin.post(GITREPOS, json=body)
