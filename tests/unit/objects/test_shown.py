"""Documents as Kubernetes shows them: zeros that Go writes, and the cells of tables (`fleet-semantics.md` 1.2 to 1.9, 1.19)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extension.objects.base import Condition, ObjectMeta
from extension.objects.clusters import ClusterStatus
from extension.objects.kinds import KINDS, Bundle, Cluster, GitRepo, Secret
from extension.objects.shown import COLUMNS, cells, shown

COUNTS = dict.fromkeys(("ready", "desiredReady", "waitApplied", "modified", "orphaned", "missing", "unknown", "notReady"), 0)
SUMS = {"summary": {"ready": 0, "desiredReady": 0}, "resourceCounts": COUNTS}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("GitRepo", {"observedGeneration": 0, "readyClusters": 0, "desiredReadyClusters": 0, **SUMS}),
        ("HelmOp", {"readyClusters": 0, "desiredReadyClusters": 0, **SUMS}),
        (
            "Bundle",
            {
                "summary": {"ready": 0, "desiredReady": 0},
                "unavailable": 0,
                "unavailablePartitions": 0,
                "maxUnavailable": 0,
                "maxUnavailablePartitions": 0,
                "observedGeneration": 0,
            },
        ),
        ("BundleDeployment", {"resourceCounts": COUNTS}),
        ("Cluster", {"readyGitRepos": 0, "desiredReadyGitRepos": 0, "readyHelmOps": 0, "desiredReadyHelmOps": 0, **SUMS}),
        ("ClusterGroup", {"clusterCount": 0, "nonReadyClusterCount": 0, **SUMS}),
    ],
)
def test_numbers_that_go_writes_are_there_when_they_are_zero(kind: str, status: dict[str, Any]) -> None:
    assert shown(KINDS[kind]())["status"] == status


def test_what_is_not_zero_stays_and_what_has_no_status_gets_none() -> None:
    cluster = Cluster(status=msgspec.convert({"summary": {"ready": 3}, "readyGitRepos": 2}, ClusterStatus))
    assert shown(cluster)["status"]["summary"] == {"ready": 3, "desiredReady": 0}
    assert shown(cluster)["status"]["readyGitRepos"] == 2
    assert "status" not in shown(Secret())


def test_what_is_shown_of_one_object_is_not_shown_of_the_next() -> None:
    shown(Bundle())["status"]["summary"]["ready"] = 9
    assert shown(Bundle())["status"]["summary"]["ready"] == 0


def test_a_condition_always_has_its_status() -> None:
    unknown = Cluster(status=ClusterStatus(conditions=(Condition(type="Connected", status="Unknown"),)))
    assert list(shown(unknown)["status"]["conditions"]) == [{"type": "Connected", "status": "Unknown"}]


def test_a_row_has_the_name_and_the_cells_of_fleets_columns() -> None:
    ready = {"type": "Ready", "status": "False", "message": "NotReady(1) [Cluster ws/a]"}
    body = {
        "metadata": {"name": "web"},
        "spec": {"repo": "https://git.example.org/web.git"},
        "status": {"commit": "abc", "display": {"readyBundleDeployments": "0/1"}, "conditions": [{"type": "Accepted"}, ready]},
    }
    assert [title for title, _ in COLUMNS["GitRepo"]] == ["Repo", "Commit", "BundleDeployments-Ready", "Status"]
    assert cells("GitRepo", body) == ["web", "https://git.example.org/web.git", "abc", "0/1", "NotReady(1) [Cluster ws/a]"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_not_there_is_an_empty_cell(kind: str) -> None:
    body = shown(KINDS[kind](metadata=ObjectMeta(name="x")))
    assert cells(kind, body) == ["x", *("" for _ in COLUMNS.get(kind, ()))]


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_a_column_is_a_field_of_its_kind(kind: str) -> None:
    for _, path in COLUMNS[kind]:
        cls: Any = KINDS[kind]
        for step in path.partition(".conditions[")[0].split("."):
            fields = {field.encode_name: field.type for field in msgspec.structs.fields(cls)}
            assert step in fields, path
            cls = next((one for one in getattr(fields[step], "__args__", ()) if isinstance(one, type)), fields[step])


def test_nothing_is_lost_by_showing() -> None:
    repo = GitRepo(metadata=ObjectMeta(name="web", namespace="ws"))
    assert msgspec.convert(shown(repo), GitRepo) == repo
