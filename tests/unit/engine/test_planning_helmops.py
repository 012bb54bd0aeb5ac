"""What a plan tells of a HelmOp that is not stored yet, or not as it is: the chart it would get, for whom, and what is in its way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extension.engine.helmop_bundles import bundle_of, chart_of
from extension.objects.base import ObjectMeta
from extension.objects.errors import Forbidden, Invalid, Unavailable
from extension.objects.kinds import BundleTarget, HelmOp, HelmOpSpec, Policy
from extension.objects.options import HelmOptions
from extension.objects.policies import HelmOpPolicy
from extension.objects.selectors import LabelSelector
from extension.store.sql import SqlStore
from tests.fakes.clock import Clock
from tests.unit.engine.previews import Previews, Sources, three_clusters
from tests.unit.engine.samples import NS, bundle, config_map

ALL = (BundleTarget(name="all", cluster_selector=LabelSelector()),)
REPO = "https://charts.example.org"


def chart(version: str) -> dict[str, bytes]:
    meta = f"apiVersion: v2\nname: web\nversion: {version}\n"
    return {"web/Chart.yaml": meta.encode(), "web/templates/a.yaml": config_map("a", version).encode()}


def helmop(version: str = "^1", targets: tuple[BundleTarget, ...] = ALL, **spec: object) -> HelmOp:
    helm = HelmOptions(repo=REPO, chart="web", version=version)
    made = HelmOpSpec(helm=helm, targets=targets, default_namespace="web", **spec)  # type: ignore[arg-type]
    return HelmOp(metadata=ObjectMeta(name="web", namespace=NS), spec=made)


@pytest.fixture
def world(store: SqlStore, clock: Clock) -> Iterator[Previews]:
    with three_clusters(store, clock) as made:
        assert isinstance(made.git.sources, Sources)
        made.git.sources.versions["web"] = {"1.0.0": chart("1.0.0"), "1.1.0": chart("1.1.0")}
        yield made


def test_a_helmop_that_is_not_stored_is_planned_with_the_chart_and_the_secret_it_would_have(world: Previews, store: SqlStore) -> None:
    report = world.plan(helmop=helmop(helm_secret_name="mine"))
    assert (report.of, report.created, report.changes) == (f"HelmOp {NS}/web", 3, True)
    (group,) = report.bundles[0].groups
    told = {one.name: one.diff for one in group.objects}
    assert ("1.1.0" in told["a"], "mine" in told["who"]) == (True, True), group
    assert store.find(HelmOp, NS, "web") is None


def test_a_new_version_of_its_chart_is_told_as_a_change(world: Previews, store: SqlStore) -> None:
    op = helmop()
    store.create(op)
    store.create(bundle_of(op, {chart_of(op.spec.helm or HelmOptions()): "1.0.0"}))
    world.roll_out()
    report = world.plan(helmop=op)
    (group,) = report.bundles[0].groups
    assert (report.changed, [one.name for one in group.objects], group.options) == (3, ["a"], ("helm.version",))
    assert world.plan(helmop=op, bundle="other").bundles == ()


def test_its_targets_are_told_without_asking_for_its_chart(world: Previews) -> None:
    assert isinstance(world.git.sources, Sources)
    world.git.sources.versions.clear()
    production = BundleTarget(name="prod", cluster_selector=LabelSelector(match_labels={"env": "prod"}), helm=HelmOptions(version="2"))
    report = world.plan(helmop=helmop(targets=(production, *ALL)), targets_only=True)
    assert [(one.target, one.clusters.count) for one in report.targets] == [("prod", 2), ("all", 1)]
    with pytest.raises(Unavailable, match="chart web is unknown"):
        world.plan(helmop=helmop())


def test_what_the_engine_would_refuse_is_refused(world: Previews, store: SqlStore) -> None:
    store.create(bundle("web"))
    with pytest.raises(Invalid, match="taken by a Bundle made by hand"):
        world.plan(helmop=helmop())
    rule = HelmOpPolicy(allowed_chart_patterns=("other",))
    store.create(Policy(metadata=ObjectMeta(name="p", namespace=NS), helm_op=rule))
    with pytest.raises(Forbidden):
        world.plan(helmop=helmop())


def test_what_a_helmop_says_for_nothing_is_a_warning(world: Previews) -> None:
    op = helmop()
    assert op.spec.helm is not None
    files = HelmOptions(repo=REPO, chart="web", version="^1", values_files=("values.yaml",))
    report = world.plan(helmop=HelmOp(metadata=op.metadata, spec=HelmOpSpec(helm=files, targets=ALL)))
    assert "spec.helm.valuesFiles" in report.warnings[0]
