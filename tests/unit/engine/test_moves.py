"""A cluster changes its workspace: what is foreseen, what is refused, and what happens."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from extension.delivery.protocol import Release
from extension.engine.moves import Moves
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import AlreadyExists, Conflict, Invalid, NotFound
from extension.objects.kinds import (
    Bundle,
    BundleNamespaceMapping,
    BundleTarget,
    Cluster,
    ClusterGroup,
    ClusterGroupSpec,
    FleetWorkspace,
)
from extension.objects.marks import DIRECTORY
from extension.objects.moving import LEAVING, Leaving, Move
from extension.objects.selectors import LabelSelector, Requirement
from tests.fakes.waiting import wait_for
from tests.unit.engine.moving import BLUE, SERVED, Moving
from tests.unit.engine.samples import EVERYWHERE, NS, bundle, bundle_key, cluster, cluster_key, marked, workspace


@pytest.fixture
def moving(served, tmp_path):
    return Moving(served, tmp_path / "state")


def names(keys):
    return [(key.namespace, key.name) for key in keys]


def test_what_leaves_and_what_comes_is_foreseen_and_nothing_is_written(moving):
    moving.cluster("a")
    moving.bundle("old")
    moving.bundle("everywhere")
    moving.bundle("everywhere", namespace="new")
    moving.bundle("fresh", namespace="new")
    moving.bundle("not-for-it", BLUE, namespace="new")
    before = moving.store.revision()
    found = moving.move(dry_run=True)
    assert found.cluster == Key("Cluster", "new", "a")
    assert names(found.leaves) == [(NS, "old")]
    assert names(found.adopts) == [("new", "everywhere")]
    assert names(found.comes) == [("new", "fresh")]
    assert moving.store.revision() == before


def test_the_labels_it_is_given_count_for_what_comes(moving):
    moving.cluster("a", labels={"env": "test"})
    moving.bundle("blue", BLUE, namespace="new")
    assert names(moving.move(dry_run=True).comes) == []
    assert names(moving.move(labels={"color": "blue"}, dry_run=True).comes) == [("new", "blue")]
    moving.move(labels={"color": "blue"})
    assert moving.store.get(Cluster, "new", "a").metadata.labels == {"env": "test", "color": "blue"}


def test_groups_of_the_new_workspace_count_for_what_comes(moving):
    moving.cluster("a", labels={"color": "blue"})
    group = ClusterGroupSpec(selector=LabelSelector(match_labels={"color": "blue"}))
    moving.store.create(ClusterGroup(metadata=cluster("g", namespace="new").metadata, spec=group))
    moving.bundle("grouped", BundleTarget(name="g", cluster_group="g"), namespace="new")
    assert names(moving.move(dry_run=True).comes) == [("new", "grouped")]


def test_what_does_not_deploy_to_it_does_not_come(moving):
    moving.cluster("a")
    moving.bundle("not", BundleTarget(name="not", cluster_name="a", do_not_deploy=True), EVERYWHERE, namespace="new")
    assert names(moving.move(dry_run=True).comes) == []


def test_a_moved_cluster_is_in_its_new_workspace_only_with_all_that_makes_it(moving):
    moving.cluster("a", labels={"env": "test"}, annotations={**SERVED, "note": "stays"}, template_values={"size": "big"})
    moving.bundle("old")
    moving.move()
    assert moving.store.find(Cluster, NS, "a") is None
    moved = moving.store.get(Cluster, "new", "a")
    assert (moved.metadata.labels, moved.spec.template_values) == ({"env": "test"}, {"size": "big"})
    assert moved.metadata.annotations == {**SERVED, "note": "stays", LEAVING: '[{"bundle":"old"}]'}


def test_a_cluster_that_brings_nothing_that_leaves_has_no_mark(moving):
    moving.cluster("a")
    moving.bundle("same")
    moving.bundle("same", namespace="new")
    moving.move()
    assert LEAVING not in moving.store.get(Cluster, "new", "a").metadata.annotations


def test_what_leaves_is_removed_what_stays_is_not_deployed_again_and_what_comes_is(moving):
    served = moving.served
    delivery = moving.cluster("a")
    served.agents.queue.start()
    for name in ("old", "same"):
        moving.bundle(name)
        served.reaches(name, "Ready")
    deployed = delivery.deployed["same"].deployment_id
    for name in ("same", "fresh"):
        moving.bundle(name, namespace="new")
    moving.move()
    served.agents.cluster_changed(cluster_key("a", "new"))
    for name in ("same", "fresh"):
        moving.roll_out(name, "new")
    wait_for(lambda: set(delivery.deployed) == {"same", "fresh"})
    wait_for(lambda: LEAVING not in moving.store.get(Cluster, "new", "a").metadata.annotations)
    assert delivery.deployed["same"].deployment_id == deployed
    assert delivery.did("remove") == ["old"]


def test_a_cluster_that_moves_on_before_it_is_rid_of_the_old_is_rid_of_both(moving):
    moving.store.create(workspace("third"))
    moving.cluster("a")
    moving.bundle("one")
    moving.move()
    moving.served.agents.cluster_changed(cluster_key("a", "new"))
    moving.bundle("two", namespace="new")
    moving.move(workspace="third", namespace="new")
    assert moving.left("third") == [Leaving("one"), Leaving("two")]


def test_what_left_and_comes_again_stays(moving):
    moving.cluster("a")
    moving.bundle("one")
    moving.move()
    moving.served.agents.cluster_changed(cluster_key("a", "new"))
    moving.move(workspace=NS, namespace="new")
    moving.served.agents.queue.start()
    moving.served.agents.cluster_changed(cluster_key("a"))
    moving.roll_out("one")
    wait_for(lambda: moving.left(NS) == [])
    assert set(moving.served.deliveries["a"].deployed) == {"one"}


def test_what_was_moved_without_its_objects_loses_only_its_releases(moving):
    delivery = moving.cluster("a")
    moving.served.agents.queue.start()
    moving.bundle("old")
    moving.served.reaches("old", "Ready")
    assert moving.move(keep_resources=True, dry_run=True).removed == 0
    moving.move(keep_resources=True)
    moving.served.agents.cluster_changed(cluster_key("a", "new"))
    wait_for(lambda: moving.left("new") == [])
    assert (delivery.did("keep"), delivery.did("remove")) == (["old"], [])


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_would_be_taken_over_and_may_not_be_is_named(moving, dry_run):
    moving.cluster("a")
    for namespace in (NS, "new"):
        moving.bundle("same", namespace=namespace)
    with pytest.raises(Conflict, match="1 bundles are in both workspaces and would be taken over: same"):
        moving.move(adopt=False, dry_run=dry_run)
    assert moving.store.find(Cluster, NS, "a")


def test_a_release_of_another_place_goes_once_the_one_that_takes_over_is_there(moving):
    delivery = moving.cluster("a")
    served = moving.served
    served.agents.queue.start()
    moving.bundle("same", default_namespace="before")
    served.reaches("same", "Ready")
    moving.bundle("same", namespace="new", default_namespace="after")
    old = served.store.deployment(bundle_key("same"), cluster_key("a")).status.release
    moving.move()
    assert moving.left("new") == [Leaving("same", replaced=True)]
    delivery.gate.clear()
    served.agents.cluster_changed(cluster_key("a", "new"))
    moving.roll_out("same", "new")
    wait_for(lambda: delivery.did("deploy") == ["same", "same"])
    assert delivery.did("remove") == [] and old.startswith("before/")
    delivery.deployed["of before"] = Release("same", "before", "same", "")  # the fake has one a bundle
    delivery.gate.set()
    wait_for(lambda: moving.left("new") == [])
    assert set(delivery.did("remove")) == {"same"}


def test_an_agent_of_its_own_is_told_what_leaves_its_cluster(moving):
    moving.cluster("a", annotations={})
    moving.bundle("old")
    moving.move(keep_resources=True)
    assert moving.left("new") == [Leaving("old", keep=True)]


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ({"name": "nobody"}, NotFound, "nobody"),
        ({"workspace": "nowhere"}, NotFound, "nowhere"),
        ({"workspace": NS}, Invalid, "is in workspace ws already"),
        ({"workspace": "fleet-local"}, Invalid, "holds the local cluster only"),
        ({"name": "local", "namespace": "fleet-local"}, Invalid, "holds the local cluster only"),
        ({"name": "taken"}, AlreadyExists, "workspace new has a cluster taken"),
    ],
    ids=["unknown cluster", "unknown workspace", "same workspace", "to fleet-local", "the local cluster", "taken name"],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_move_is_refused_with_its_reason(moving, where, error, words, dry_run):
    moving.cluster("a", "taken")
    moving.cluster("local", namespace="fleet-local")
    moving.cluster("taken", namespace="new")
    before = moving.store.revision()
    with pytest.raises(error, match=words):
        moving.move(**where, dry_run=dry_run)
    assert moving.store.revision() == before


def test_a_directory_clusters_folder_moves_along(moving):
    moving.cluster("a", annotations={DIRECTORY: "true"})
    (moving.folder(NS) / "web").mkdir(parents=True)
    (moving.folder(NS) / "web" / "a.yaml").write_text("kept")
    moving.move()
    assert (moving.folder("new") / "web" / "a.yaml").read_text() == "kept"
    assert not moving.folder(NS).exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_folder_that_is_there_already_is_never_mixed_with_the_clusters_own(moving, dry_run):
    moving.cluster("a", annotations={DIRECTORY: "true"})
    for namespace in (NS, "new"):
        moving.folder(namespace).mkdir(parents=True)
        (moving.folder(namespace) / "a.yaml").write_text(namespace)
    with pytest.raises(AlreadyExists, match="folder"):
        moving.move(dry_run=dry_run)
    assert moving.store.get(Cluster, NS, "a")
    assert (moving.folder("new") / "a.yaml").read_text() == "new"


def test_a_cluster_that_somebody_else_moved_meanwhile_is_not_moved_twice(moving):
    moving.cluster("a")
    moving.store.create(workspace("third"))

    @contextmanager
    def late(key):
        with moving.served.agents.held(key):
            moving.store.delete(Cluster, NS, "a")
            moving.store.create(marked(cluster("a"), namespace="third"))
            yield

    moves = Moves(moving.store, moving.served.rollouts.templates, moving.settings, late)
    with pytest.raises(NotFound):
        moves.move(cluster_key("a"), Move("new"), False)
    assert moving.store.find(Cluster, "new", "a") is None


VALUED = {"values_hash": "0" * 64}


def test_bundles_that_are_being_deleted_do_not_come_and_hold_no_move_up(moving):
    moving.cluster("a")
    for namespace in (NS, "new", "fleet-local"):
        moving.store.create(marked(bundle("going", namespace=namespace, **VALUED), finalizers=("hold",)))
        moving.store.delete(Bundle, namespace, "going")
    assert moving.move(dry_run=True).comes == ()


def test_bundles_whose_values_are_being_replaced_or_that_are_broken_hold_no_move_up(moving):
    moving.cluster("a")
    broken = LabelSelector(match_expressions=(Requirement("env", "Roughly", ("x",)),))
    moving.store.create(bundle("valued", namespace="new", **VALUED))
    moving.store.create(bundle("broken", BundleTarget(name="t", cluster_selector=broken), namespace="new"))
    moving.store.create(bundle("elsewhere", BundleTarget(name="t", cluster_selector=broken), namespace="fleet-local", **VALUED))
    assert names(moving.move(dry_run=True).comes) == [("new", "valued")]


def test_a_bundle_of_another_workspace_comes_where_a_mapping_opens_the_new_one_to_it(moving):
    moving.cluster("a")
    moving.store.create(workspace("shared"))
    moving.store.update(marked(moving.store.get(FleetWorkspace, "", "new"), labels={"open": "yes"}))
    for name, labels in (("open", {"share": "yes"}), ("closed", {})):
        moving.store.create(bundle(name, namespace="shared", labels=labels))
    mapping = BundleNamespaceMapping(
        metadata=ObjectMeta(name="m", namespace="shared"),
        bundle_selector=LabelSelector(match_labels={"share": "yes"}),
        namespace_selector=LabelSelector(match_labels={"open": "yes"}),
    )
    moving.store.create(mapping)
    assert names(moving.move(dry_run=True).comes) == [("shared", "open")]
