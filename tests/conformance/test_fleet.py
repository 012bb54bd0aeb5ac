"""Before Rancher's own Fleet: what Fleet deployed of a recorded case is what this service plans of it, deployment ID by deployment ID.

An API server in memory holds the case as Fleet left it; the plan is made of the same tree, over the mirror of that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.engine.planning import Planner
from extension.objects.base import Object, document
from extension.objects.kinds import KINDS, Bundle, BundleDeployment, Cluster, ClusterGroup, FleetWorkspace, GitRepo
from extension.objects.names import cluster_namespace
from extension.objects.preview import Asked
from extension.rendering.pool import Pool
from extension.store.kubernetes.kinds import path_of
from extension.store.kubernetes.mirror import Mirror
from extension.store.kubernetes.store import KubernetesStore
from tests.conformance.corpus import Case, cases
from tests.conformance.test_plans import TEMPLATES, CaseSources
from tests.fakes.apiserver import MemoryApi

Documents = list[dict[str, Any]]


def _entries(case: Case, file: str) -> Documents:
    return list(case.recorded(file) or ())


def _is_whole(case: Case) -> bool:
    """Whether the record has all files, one answer for each bundle, and IDs that are the same every time."""
    targets, bundles = _entries(case, "targets.json"), _entries(case, "bundles.json")
    names = [entry["bundle"] for entry in targets]
    files = [file for bundle in bundles for file in bundle["spec"].get("resources", ())]
    plain = not any("error" in entry or "idVaries" in entry or "VARIES" in str(entry) for entry in targets)
    return bool(targets) and plain and len(names) == len(set(names)) == len(bundles) and all("content" in file for file in files)


OTHERWISE = {
    "bare-command-no-targets": "made by a command without a GitRepo",
    "helm-customized-chart": "the command keeps valuesFiles, which a server puts into values",
    "helm-values-files-order": "the command keeps valuesFiles, which a server puts into values",
    "helm-values-files-without-chart": "the command keeps valuesFiles, which a server puts into values",
    "image-scan-enabled": "the command looks at no setting of the server's",
    "paths-escape-tree": "the engine refuses the commit",
    "restriction-and-policy": "the engine refuses the GitRepo",
}
"""Cases that a server has not as the recorded command made them."""
WHOLE = [case for case in cases() if _is_whole(case) and case.name not in OTHERWISE]


def _put(api: MemoryApi, cls: type[Object], found: dict[str, Any]) -> None:
    meta = found["metadata"]
    api.put(path_of(cls, meta.get("namespace", ""), meta["name"]), {"apiVersion": cls.API_VERSION, "kind": cls.KIND, **found})


def _meta(one: dict[str, Any], home: str) -> dict[str, Any]:
    return {"namespace": one.get("workspace", home)} | {key: one[key] for key in ("name", "labels", "annotations") if key in one}


def _fill(api: MemoryApi, case: Case, repo: GitRepo) -> None:
    given, home = case.given, case.given["workspace"]
    for name, labels in ({home: {}} | {one["name"]: one.get("labels", {}) for one in given.get("namespaces", ())}).items():
        _put(api, FleetWorkspace, {"metadata": {"name": name, "labels": labels}})
    for one in given.get("clusters", ()):
        meta = _meta(one, home)
        status = {"namespace": cluster_namespace(meta["namespace"], meta["name"])}
        spec = {"paused": one.get("paused", False), "templateValues": one.get("templateValues")}
        _put(api, Cluster, {"metadata": meta, "spec": spec, "status": status})
    for one in given.get("clusterGroups", ()):
        _put(api, ClusterGroup, {"metadata": _meta(one, home), "spec": {"selector": one.get("selector")}})
    for one in given.get("objects", ()):
        _put(api, KINDS[one["kind"]], {**one, "metadata": {"namespace": home, **one["metadata"]}})
    _put(api, GitRepo, document(repo))
    for bundle in _entries(case, "bundles.json"):
        _put(api, Bundle, bundle)
    for place in _deployments(case):
        spec = place["spec"]
        live = spec.get("deploymentID", "")
        both = {"stagedDeploymentID": live, "stagedOptions": spec.get("options", {})}
        meta = {key: place[key] for key in ("name", "namespace", "labels")}
        _put(api, BundleDeployment, {"metadata": meta, "spec": {**both, **spec}, "status": {"appliedDeploymentID": live}})


def _deployments(case: Case) -> Documents:
    found = (one for entry in _entries(case, "targets.json") for one in entry["clusters"].values())
    return [one["bundleDeployment"] for one in found if one["matched"]]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.close()


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_what_fleet_deployed_is_what_is_planned(case: Case, pool: Pool, tmp_path: Path) -> None:
    api = MemoryApi()
    repo = case.gitrepo
    _fill(api, case, repo)
    mirror = Mirror(api, tmp_path / "mirror.db")
    store = KubernetesStore(api, mirror)
    mirror.start()
    try:
        deadline = time.monotonic() + 20
        while mirror.problems():
            assert time.monotonic() < deadline, mirror.problems()
            time.sleep(0.01)
        planner = Planner(store, CaseSources(case.prepare(tmp_path)), pool.render, TEMPLATES)
        report = planner.plan(Asked(repo=repo, diffs=False))
        assert [group for bundle in report.bundles for group in bundle.groups if not group.waiting] == []
        assert (report.created, report.changed, report.removed) == (0, 0, 0)
        assert report.unchanged + report.waiting == len(_deployments(case))
    finally:
        mirror.stop()
        api.end_watches()
        store.close()


def test_most_of_the_record_is_tried() -> None:
    assert len(WHOLE) > 50
