"""Targeting against what the real `fleet target` answered: every case, cluster by cluster, deployment IDs byte for byte.

The Bundles come from the recorded bundles.json, so nothing here depends on how a tree is read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml

from extension.objects.codec import decode
from extension.objects.content import content_id, sha256_sum
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleDeployment, BundleNamespaceMapping, Cluster, ClusterGroup
from extension.objects.names import cluster_namespace
from extension.objects.plan import Plan, Progress
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.helm import NativeHelm
from extension.targeting import MemoryUniverse, deployments, explain, plan, restrictions, step

CASES = Path(__file__).parent / "cases"
TEMPLATES = GoTemplates(NativeHelm().evaluate)
REFUSED = {
    ("name-override", "Not Valid_Name"): ("Not Valid_Name",),
    ("selector-bad-operator", "demo-a"): ('"Like" is not a valid label selector operator',),
    ("template-missing-label", "demo-c"): (
        "failed to render helm values template: template: values:1",
        'executing "values" at <.ClusterLabels.tier>: map has no entry for key "tier"',
    ),
}
"""What a refusal must say. The cluster of an error is in the plan, not in its text."""


class Recorded(NamedTuple):
    case: str
    bundle: str
    nth: int


def _recorded() -> Iterator[Recorded]:
    for path in sorted(CASES.glob("*/targets.json")):
        seen: Counter[str] = Counter()
        for entry in json.loads(path.read_bytes()):
            yield Recorded(path.parent.name, entry["bundle"], seen[entry["bundle"]])
            seen[entry["bundle"]] += 1


RECORDED = list(_recorded())
TARGETED = [r for r in RECORDED if (r.case, r.bundle) not in REFUSED]


def _id(recorded: Recorded) -> str:
    return f"{recorded.case}/{recorded.bundle}{f'#{recorded.nth}' if recorded.nth else ''}"


@cache
def _case(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((CASES / name / "case.yaml").read_text()))


def _documents(name: str) -> list[dict[str, Any]]:
    workspace = _case(name)["workspace"]
    return [{**d, "metadata": {"namespace": workspace, **d["metadata"]}} for d in _case(name).get("objects", [])]


def _universe(name: str) -> MemoryUniverse:
    case = _case(name)
    workspace = case["workspace"]
    mappings = [decode(BundleNamespaceMapping, d) for d in _documents(name) if d["kind"] == "BundleNamespaceMapping"]
    namespaces = {n["name"]: n.get("labels", {}) for n in case.get("namespaces", [])}
    return MemoryUniverse(
        [_cluster(c, workspace) for c in case.get("clusters", [])],
        [_group(g, workspace) for g in case.get("clusterGroups", [])],
        mappings,
        {workspace: {}, **namespaces},
    )


def _cluster(entry: dict[str, Any], workspace: str) -> Cluster:
    namespace = entry.get("workspace", workspace)
    meta = {key: entry[key] for key in ("name", "labels", "annotations") if key in entry}
    spec = {"paused": entry.get("paused", False), "templateValues": entry.get("templateValues")}
    status = {"namespace": cluster_namespace(namespace, entry["name"])}
    return decode(Cluster, {"metadata": {**meta, "namespace": namespace}, "spec": spec, "status": status})


def _group(entry: dict[str, Any], workspace: str) -> ClusterGroup:
    meta = {"name": entry["name"], "labels": entry.get("labels", {}), "namespace": entry.get("workspace", workspace)}
    return decode(ClusterGroup, {"metadata": meta, "spec": {"selector": entry.get("selector")}})


def _nth(case: str, file: str, recorded: Recorded) -> dict[str, Any]:
    entries = json.loads((CASES / case / file).read_bytes())
    named = [e for e in entries if (e["bundle"] if "bundle" in e else e["metadata"]["name"]) == recorded.bundle]
    return dict(named[recorded.nth])


def _bundle(recorded: Recorded) -> tuple[Bundle, str]:
    """The bundle, and the ID of its content: computed from its files where the record has them all, else as recorded."""
    document = _nth(recorded.case, "bundles.json", recorded)
    whole = all("content" in r for r in document["spec"].get("resources", []))
    bundle = decode(Bundle, document)
    known = _nth(recorded.case, "targets.json", recorded)
    if not whole:
        return bundle, known.get("contentID", "")
    digest = sha256_sum(bundle.spec.resources)
    if "contentSHA256" in known and "idVaries" not in known:
        assert digest == known["contentSHA256"]
        assert content_id(digest) == known["contentID"]
    return bundle, content_id(digest)


def _plan(recorded: Recorded, universe: MemoryUniverse) -> tuple[Bundle, Plan]:
    bundle, manifest_id = _bundle(recorded)
    limits = restrictions(bundle, _documents(recorded.case))
    return bundle, plan(bundle, universe, TEMPLATES, manifest_id=manifest_id, restrictions=limits)


def _key(cluster: Cluster, case: str) -> str:
    meta = cluster.metadata
    return meta.name if meta.namespace == _case(case)["workspace"] else f"{meta.namespace}/{meta.name}"


def _described(made: BundleDeployment, varies: bool) -> dict[str, Any]:
    found = json.loads(msgspec.json.encode(made))
    return _comparable({**found["metadata"], "spec": {"options": {}, **found["spec"]}}, varies)


def _comparable(entry: dict[str, Any], varies: bool) -> dict[str, Any]:
    """The deployment, of its IDs only the part behind the colon where the content can't be the same."""
    ids = {key: value.rpartition(":")[2] if varies else value for key, value in entry["spec"].items() if key.endswith("eploymentID")}
    return {**entry, "spec": {**entry["spec"], **ids}}


def _varies(entry: dict[str, Any]) -> bool:
    return "VARIES" in entry["spec"].get("deploymentID", "")


def _without_ids(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "spec": {key: value for key, value in entry["spec"].items() if not key.endswith("eploymentID")}}


@pytest.mark.parametrize("recorded", RECORDED, ids=_id)
def test_clusters_and_deployments_are_fleets(recorded: Recorded) -> None:
    known = _nth(recorded.case, "targets.json", recorded)
    universe = _universe(recorded.case)
    if "error" in known:
        _assert_refused(recorded, universe)
        return
    bundle, planned = _plan(recorded, universe)
    assert planned.errors == ()
    written = step(planned, Progress(), universe, max_new=len(planned.clusters))
    varies = "idVaries" in known
    made = {d.metadata.namespace: _described(d, varies) for d in deployments(planned, bundle, written, universe.cluster)}
    expected = {
        entry["bundleDeployment"]["namespace"]: _comparable(entry["bundleDeployment"], varies)
        for entry in known["clusters"].values()
        if entry["matched"]
    }
    if varies and any(_varies(entry) for entry in expected.values()):
        made = {namespace: _without_ids(entry) for namespace, entry in made.items()}
        expected = {namespace: _without_ids(entry) for namespace, entry in expected.items()}
    assert made == expected


def _assert_refused(recorded: Recorded, universe: MemoryUniverse) -> None:
    try:
        messages = [error.message for error in _plan(recorded, universe)[1].errors]
    except Invalid as error:
        messages = [error.message]
    assert all(part in messages[0] for part in REFUSED[recorded.case, recorded.bundle]), messages
    assert len(messages) == 1


@pytest.mark.parametrize("recorded", TARGETED, ids=_id)
def test_an_explanation_agrees_with_fleet_on_who_matches(recorded: Recorded) -> None:
    known = _nth(recorded.case, "targets.json", recorded)
    universe = _universe(recorded.case)
    bundle, _ = _bundle(recorded)
    clusters = [_cluster(c, _case(recorded.case)["workspace"]) for c in _case(recorded.case)["clusters"]]
    found = {_key(c, recorded.case): explain(bundle, universe.number(c.key), universe).matched for c in clusters}
    assert found == {name: entry["matched"] for name, entry in known["clusters"].items()}


def test_the_missing_label_is_the_error_of_its_cluster_alone() -> None:
    recorded = Recorded("template-missing-label", "demo-c", 0)
    universe = _universe(recorded.case)
    _, planned = _plan(recorded, universe)
    failed = [universe.cluster(number).metadata.name for error in planned.errors for number in error.clusters]
    assert failed == ["beta"]
    assert sorted(universe.cluster(n).metadata.name for n in planned.clusters) == ["alpha", "gamma"]


def test_every_recorded_refusal_is_checked() -> None:
    assert {(r.case, r.bundle) for r in RECORDED if "error" in _nth(r.case, "targets.json", r)} == set(REFUSED)
