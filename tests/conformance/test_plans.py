"""What is planned is what comes: every recorded case planned before it is deployed, then deployed, and compared.

The deployment IDs that the engine makes of these cases are Fleet's own (test_targets.py), so a plan tells Fleet's too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extension.engine.bundles import BundleReconciler
from extension.engine.charts import TreeCharts
from extension.engine.gitrepos import GitRepoReconciler
from extension.engine.planning import Planner
from extension.engine.policies import Policies
from extension.engine.stored import listed
from extension.objects.base import ObjectMeta
from extension.objects.codec import decode
from extension.objects.errors import Invalid, UserError
from extension.objects.explanation import CommitInfo
from extension.objects.kinds import KINDS, Bundle, Cluster, ClusterGroup, FleetWorkspace, GitRepo
from extension.objects.preview import Asked
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.helm import NativeHelm
from extension.rendering.pool import Pool
from extension.sources.folder import FolderTree
from extension.store.labels import LabelIndex
from extension.store.opening import open_store
from extension.store.protocol import Query
from extension.store.sql import SqlStore
from tests.conformance.corpus import Case, cases
from tests.conformance.test_bundles import NoNetwork

HELM = NativeHelm()
TEMPLATES = GoTemplates(HELM.evaluate)
COMMIT = "c" * 40
IDs = dict[tuple[str, str], str]


class CaseSources:
    """The case's tree as the only commit there is."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def latest(self, repo: GitRepo) -> str:
        return COMMIT

    def tree(self, repo: GitRepo, commit: str) -> FolderTree:
        return FolderTree(self._root)

    def charts(self, repo: GitRepo) -> TreeCharts:
        return TreeCharts(NoNetwork(), HELM.update_dependencies)

    def about(self, repo: GitRepo, commit: str) -> CommitInfo:
        return CommitInfo()

    def fetch(self, op: Any, helm: Any) -> Mapping[str, bytes]:
        raise Invalid("no case has a HelmOp")


class World:
    """A case's clusters, groups and rules in a store, the engine's reconcilers, and a planner."""

    def __init__(self, case: Case, store: SqlStore, root: Path) -> None:
        self.store, self.case = store, case
        repo = case.gitrepo
        self.repo = msgspec.structs.replace(repo, spec=msgspec.structs.replace(repo.spec, repo="https://git.example.org/case.git"))
        self.scans = bool(case.given.get("imageScanEnabled"))
        self.sources = CaseSources(root)
        self.pool = Pool()
        self.planner = Planner(store, self.sources, self.pool.render, TEMPLATES, image_scan=self.scans)
        for obj in self._objects():
            store.create(obj)

    def _objects(self) -> Iterator[Any]:
        home = self.case.given["workspace"]
        spaces = {home: {}} | {one["name"]: one.get("labels", {}) for one in self.case.given.get("namespaces", ())}
        yield from (FleetWorkspace(metadata=ObjectMeta(name=name, labels=labels)) for name, labels in spaces.items())
        for one in self.case.given.get("clusters", ()):
            spec = {"paused": one.get("paused", False), "templateValues": one.get("templateValues")}
            yield decode(Cluster, {"metadata": _meta(one, home), "spec": spec})
        for one in self.case.given.get("clusterGroups", ()):
            yield decode(ClusterGroup, {"metadata": _meta(one, home), "spec": {"selector": one.get("selector")}})
        for one in self.case.given.get("objects", ()):
            yield decode(KINDS[one["kind"]], {**one, "metadata": {"namespace": home, **one["metadata"]}})

    def planned(self) -> IDs:
        """The deployment ID that each cluster is to have of each bundle, and what fails."""
        asked = Asked(repo=self.repo, diffs=False)
        found: IDs = {}
        for bundle in self.planner.plan(asked).bundles:
            for group in bundle.groups:
                clusters = self.planner.members(asked, group.id, "", 100).clusters
                found |= {(bundle.bundle, cluster): group.new_deployment_id for cluster in clusters}
        return found

    def deploy(self) -> str:
        """Lets the engine deploy the case; what it refuses it with, empty when it does not."""
        rules, index = Policies(self.store), LabelIndex(self.store)
        self.store.create(self.repo)
        GitRepoReconciler(
            self.store, self.sources, default_interval=15, jitter=lambda seconds: seconds, rules=rules, image_scan=self.scans
        )(self.repo.key)  # fmt: skip
        bundles = BundleReconciler(self.store, index, TEMPLATES, rules)
        index.refresh()
        for bundle in listed(self.store, Bundle):
            bundles(bundle.key)
        conditions = self.store.get(GitRepo, self.repo.metadata.namespace, self.repo.metadata.name).status.conditions
        return next((c.message for c in conditions if c.type == "Stalled" and c.status == "True"), "")

    def deployed(self) -> IDs:
        found: IDs = {}
        for one in self.store.deployments(Query(limit=500)).items:
            labels = {key.removeprefix("fleet.cattle.io/"): value for key, value in one.metadata.labels.items()}
            place = f"{labels['bundle-namespace']}/{labels['bundle-name']}", f"{labels['cluster-namespace']}/{labels['cluster']}"
            found[place] = one.spec.staged_deployment_id
        return found


def _meta(one: dict[str, Any], home: str) -> dict[str, Any]:
    return {"namespace": one.get("workspace", home)} | {key: one[key] for key in ("name", "labels", "annotations") if key in one}


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    store = open_store(tmp_path / "store.db")
    made = World(request.param, store, request.param.prepare(tmp_path))
    yield made
    made.pool.close()
    store.close()


@pytest.mark.parametrize("world", cases(), ids=lambda case: case.name, indirect=True)
def test_what_is_planned_is_what_comes(world: World) -> None:
    try:
        planned: IDs | str = world.planned()
    except UserError as error:
        planned = str(error)
    refused = world.deploy()
    assert planned == (refused or world.deployed())
    if not refused:
        again = world.planner.plan(Asked(repo=world.repo, diffs=False))
        assert (again.changes, again.created, again.changed, again.removed) == (False, 0, 0, 0)
        assert again.unchanged + again.waiting == len(world.deployed())
