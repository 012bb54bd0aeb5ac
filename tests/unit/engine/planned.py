"""A workspace of three clusters with a GitRepo that is deployed, and what its files hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extension.objects.kinds import GitTarget
from extension.objects.preview import BundlePlan, PlanReport
from extension.objects.selectors import LabelSelector
from extension.store.sql import SqlStore
from tests.fakes.clock import Clock
from tests.unit.engine.previews import Previews, three_clusters
from tests.unit.engine.samples import NS, config_map

ALL = GitTarget(name="all", cluster_selector=LabelSelector())
PROD = GitTarget(name="prod", cluster_selector=LabelSelector(match_labels={"env": "prod"}))
FILES = {
    "web/fleet.yaml": "namespace: web\nhelm:\n  values:\n    env: ${ .ClusterLabels.env }\n",
    "web/a.yaml": config_map("a"),
    "db/fleet.yaml": "namespace: db\n",
    "db/b.yaml": config_map("b"),
}
CANARY = "canary-83b1-never-shown"


@pytest.fixture
def world(store: SqlStore, clock: Clock) -> Iterator[Previews]:
    with three_clusters(store, clock) as made:
        yield made


@pytest.fixture
def deployed(world: Previews) -> Previews:
    world.deployed(FILES, targets=(ALL,))
    return world


def numbers(report: PlanReport | BundlePlan) -> dict[str, int]:
    names = ("created", "changed", "removed", "unchanged", "waiting", "failed")
    return {name: count for name in names if (count := getattr(report, name))}


def of(report: PlanReport, name: str) -> BundlePlan:
    return next(one for one in report.bundles if one.bundle == f"{NS}/{name}")
