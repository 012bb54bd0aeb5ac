"""From a Bundle to its deployments: planned, rolled out as reports allow, explained, and taken back."""

from __future__ import annotations

import pytest

from extension.engine.bundles import FINALIZER, RETRY
from extension.objects.base import ObjectMeta
from extension.objects.kinds import (
    Bundle,
    BundleNamespaceMapping,
    BundleResource,
    BundleTarget,
    Cluster,
    RolloutStrategy,
    Secret,
)
from extension.objects.options import HelmOptions
from extension.objects.selectors import LabelSelector, Requirement
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import EVERYWHERE, NS, bundle_key, changed, cluster, conditions, config_map, marked, message, workspace

PRODUCTION = LabelSelector(match_labels={"env": "production"})
TEMPLATED = {"helm": HelmOptions(values={"region": "${ .ClusterLabels.region }"})}


@pytest.fixture
def world(store):
    return Rollouts(store)


def test_every_cluster_that_matches_gets_the_bundle_and_no_other(world):
    world.clusters("a", "b", env="production")
    world.clusters("c", env="staging")
    assert world.add("web", BundleTarget(name="prod", cluster_selector=PRODUCTION)) is None
    assert world.states("web") == {"a": "WaitApplied", "b": "WaitApplied"}
    assert world.bundle("web").metadata.finalizers == (FINALIZER,)


def test_looking_again_without_a_change_writes_nothing(world):
    world.clusters("a")
    world.add("web")
    before = world.store.revision()
    world.look("web")
    assert world.store.revision() == before


def test_a_cluster_that_joins_or_leaves_the_target_is_followed(world):
    world.clusters("a", "b", env="production")
    world.add("web", BundleTarget(name="prod", cluster_selector=PRODUCTION))
    world.report("web", "a", "b")
    moved = world.store.get(Cluster, NS, "a")
    world.store.update(marked(moved, labels={"env": "staging"}))
    world.clusters("c", env="production")
    world.look("web")
    assert world.states("web") == {"a": "", "b": "Ready", "c": "WaitApplied"}, "a is on its way out"
    world.removed("web", "a")
    assert world.states("web") == {"b": "Ready", "c": "WaitApplied"}


def test_do_not_deploy_leaves_a_cluster_out_although_a_later_target_matches(world):
    world.clusters("a", env="production")
    world.clusters("b", env="staging")
    world.add("web", BundleTarget(name="not", cluster_name="a", do_not_deploy=True), EVERYWHERE)
    assert set(world.states("web")) == {"b"}


@pytest.mark.parametrize(
    "targets",
    [
        (BundleTarget(name="none", cluster_selector=LabelSelector(match_labels={"env": "moon"})),),
        (BundleTarget(name="named", cluster_name="nobody"),),
        (BundleTarget(name="group", cluster_group="nobody"),),
        (BundleTarget(name="without criteria"),),
        (BundleTarget(name="not", cluster_selector=LabelSelector(), do_not_deploy=True),),
    ],
    ids=lambda targets: targets[0].name,
)
def test_a_bundle_that_matches_no_cluster_says_so_until_one_does(world, targets):
    world.clusters("a")
    world.add("web", *targets)
    assert world.states("web") == {}
    assert conditions(world.bundle("web"))["Targeted"] == "False"
    assert "no cluster of workspace ws matches" in message(world.bundle("web"), "Targeted")
    world.store.update(changed(world.bundle("web"), targets=(EVERYWHERE,)))
    world.look("web")
    assert "Targeted" not in conditions(world.bundle("web"))


def test_a_broken_selector_is_the_bundles_error_and_its_correction_clears_it(world):
    world.clusters("a")
    broken = LabelSelector(match_expressions=(Requirement("env", "Roughly", ("x",)),))
    assert world.add("web", BundleTarget(name="t", cluster_selector=broken)) is None
    assert "targeting error" in message(world.bundle("web"), "Ready") and "Roughly" in message(world.bundle("web"), "Ready")
    world.store.update(changed(world.bundle("web"), targets=(EVERYWHERE,)))
    world.look("web")
    assert "targeting error" not in message(world.bundle("web"), "Ready")
    assert set(world.states("web")) == {"a"}


def test_a_template_that_fails_for_some_clusters_names_them_and_the_others_go_on(world):
    world.clusters("good", region="eu")
    world.clusters("bad", "worse", env="test")
    world.add("web", **TEMPLATED)
    assert set(world.states("web")) == {"good"}
    told = message(world.bundle("web"), "Ready")
    assert "region" in told and "cluster ws/bad and 1 more" in told


def test_a_cluster_whose_template_breaks_later_keeps_what_it_has(world):
    world.clusters("a", region="eu")
    world.add("web", **TEMPLATED)
    world.report("web", "a")
    world.store.update(marked(world.store.get(Cluster, NS, "a"), labels={"env": "test"}))
    world.look("web")
    assert world.states("web") == {"a": "Ready"}
    assert "region" in message(world.bundle("web"), "Ready")


def test_what_is_out_of_order_for_a_moment_is_tried_again(world):
    world.clusters("a", region="eu")
    world.templates.down = True
    assert world.add("web", **TEMPLATED) == RETRY
    assert "the renderer was stopped" in message(world.bundle("web"), "Ready")
    world.templates.down = False
    world.look("web")
    assert set(world.states("web")) == {"a"}


def test_a_bundle_waits_for_the_secret_with_its_values(world):
    world.clusters("a")
    assert world.add("web", values_hash="0" * 64) == RETRY
    assert "web" in message(world.bundle("web"), "Ready")
    world.store.create(Secret(metadata=ObjectMeta(name="web", namespace=NS), data={"values.yaml": b"{}"}))
    assert world.look("web") == RETRY
    assert "being replaced" in message(world.bundle("web"), "Ready")


def test_a_new_content_goes_out_within_the_limit_and_on_as_clusters_report_ready(world):
    world.clusters("a", "b", "c")
    world.add("web", rollout_strategy=RolloutStrategy(max_unavailable=1))
    world.report("web", "a", "b", "c")
    world.look("web")
    world.store.update(changed(world.bundle("web"), resources=(BundleResource(name="a.yaml", content=config_map("web", "two")),)))
    world.look("web")
    assert world.states("web") == {"a": "WaitApplied", "b": "OutOfSync", "c": "OutOfSync"}
    assert (world.bundle("web").status.unavailable, world.bundle("web").status.max_unavailable) == (1, 1)
    world.report("web", "a")
    world.look("web")
    assert world.states("web") == {"a": "Ready", "b": "WaitApplied", "c": "OutOfSync"}


def test_more_clusters_than_may_be_new_at_once_are_created_in_one_look(world):
    world.clusters(*(f"c{i}" for i in range(7)))
    again = world.add("web", rollout_strategy=RolloutStrategy(max_new=2))
    assert again in (None, 0.0)
    assert len(world.states("web")) == 7


def test_a_pause_stages_and_does_not_go_live(world):
    world.clusters("a")
    world.add("web")
    world.report("web", "a")
    paused = changed(world.bundle("web"), paused=True, resources=(BundleResource(name="a.yaml", content=config_map("web", "two")),))
    world.store.update(paused)
    world.look("web")
    assert world.states("web") == {"a": "OutOfSync"}
    world.store.update(changed(world.bundle("web"), paused=False))
    world.look("web")
    assert world.states("web") == {"a": "WaitApplied"}


def test_a_bundle_that_is_deleted_goes_once_its_last_deployment_is_gone(world):
    world.clusters("a", "b")
    world.add("web")
    world.store.delete(Bundle, NS, "web")
    world.look("web")
    assert world.states("web") == {"a": "", "b": ""}
    world.removed("web", "a")
    world.look("web")
    assert world.store.find(Bundle, NS, "web") is not None
    world.removed("web", "b")
    world.look("web")
    assert world.store.find(Bundle, NS, "web") is None


def test_a_deleted_bundle_takes_the_secret_with_its_values_along(world):
    world.store.create(Secret(metadata=ObjectMeta(name="web", namespace=NS), data={"values.yaml": b"{}"}))
    world.add("web", values_hash="0" * 64)
    world.store.delete(Bundle, NS, "web")
    world.look("web")
    assert world.store.find(Secret, NS, "web") is None


def test_a_bundle_that_is_gone_is_no_error(world):
    assert world.reconcile(bundle_key("nobody")) is None


def test_a_label_that_opens_another_workspace_counts_although_the_spec_is_the_same(world):
    world.store.create(marked(workspace("other"), labels={"open": "yes"}))
    world.store.create(cluster("far", namespace="other"))
    opened = BundleNamespaceMapping(
        metadata=ObjectMeta(name="m", namespace=NS),
        bundle_selector=LabelSelector(match_labels={"share": "yes"}),
        namespace_selector=LabelSelector(match_labels={"open": "yes"}),
    )
    world.store.create(opened)
    world.add("web")
    assert world.states("web") == {}
    world.store.update(marked(world.bundle("web"), labels={"share": "yes"}))
    world.look("web")
    assert set(world.states("web")) == {"far"}
