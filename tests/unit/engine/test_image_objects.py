"""The ImageScans of a GitRepo's Bundles: how they come, change and go (`fleet-semantics.md` 2.1, 3.10)."""

import pytest

from extension.engine.gitrepos import GitRepoReconciler
from extension.engine.imagescans import ImageScanReconciler
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import GitRepo, ImageScan, ImageScanSpec
from tests.unit.engine.git import INTERVAL as POLL
from tests.unit.engine.samples import NS, config_map, message
from tests.unit.engine.scanning import FILES, IMAGE, NAME, SCANS, World


@pytest.fixture
def world(store, clock):
    return World(store, clock)


def test_a_bundles_scans_become_objects_of_fleets_names_and_know_their_gitrepo(world):
    world.add(files=FILES)
    assert set(world.scans()) == {NAME}
    spec = world.found().spec
    assert (spec.image, spec.tag_name, spec.interval, spec.gitrepo_name) == (IMAGE, "app", "5m", "repo")


def test_scans_follow_their_bundles_and_go_with_the_last_of_them(world):
    world.add(files=FILES)
    world.commit({**FILES, "web/fleet.yaml": FILES["web/fleet.yaml"].replace("5m", "1h") + "- {image: b, tagName: b}\n"})
    world.poll()
    assert {name: scan.spec.interval for name, scan in world.scans().items()} == {NAME: "1h", "imagescan-repo-web-1": ""}
    world.commit({"db/b.yaml": config_map("b")})
    world.poll()
    assert world.scans() == {}


def test_scans_go_with_their_gitrepo_and_no_others_do(world):
    world.add(files=FILES)
    world.store.create(ImageScan(metadata=ObjectMeta(name="by-hand", namespace=NS), spec=ImageScanSpec(image="b", tag_name="b")))
    world.store.delete(GitRepo, NS, "repo")
    world.look()
    world.let_go()
    world.look()
    assert set(world.scans()) == {"by-hand"}


def test_a_scan_by_hand_survives_a_commit(world):
    world.add(files=FILES)
    spec = ImageScanSpec(image="b", tag_name="b", gitrepo_name="repo")
    world.store.create(ImageScan(metadata=ObjectMeta(name="by-hand", namespace=NS), spec=spec))
    world.commit({"db/b.yaml": config_map("b")})
    world.poll()
    assert set(world.scans()) == {"by-hand"}


def test_a_name_of_another_gitrepos_scan_is_refused_before_anything_is_written(world):
    world.store.create(ImageScan(metadata=ObjectMeta(name=NAME, namespace=NS), spec=ImageScanSpec(image="b", gitrepo_name="other")))
    world.add(files=FILES)
    assert f"image scan name {NAME} is taken by GitRepo other" in message(world.repo(), "Accepted")
    assert world.bundles() == {}


def test_an_interval_that_is_none_is_refused_and_named(world):
    world.add(files={**FILES, "web/fleet.yaml": SCANS.replace("5m", "soon")})
    assert "web/fleet.yaml: imageScans[0].interval: 'soon' is not a duration" in message(world.repo(), "Accepted")
    assert world.bundles() == {}


def test_without_the_setting_image_scans_are_refused_and_nothing_runs(world):
    world.reconcile = GitRepoReconciler(
        world.store, world.sources, default_interval=POLL, jitter=float, rules=world.rules, clock=world.clock
    )
    world.add(files=FILES)
    assert "imagescan is disabled" in message(world.repo(), "Accepted")
    off = ImageScanReconciler(world.store, world.sources, enabled=False, jitter=float, rules=world.rules)
    assert off(Key("ImageScan", NS, NAME)) is None
    assert off(Key("GitRepo", NS, "repo")) is None
