"""The whole engine over folders: which change makes a HelmOp look again. Nothing polls, and a failure is tried again only much later."""

from __future__ import annotations

import pytest

from extension.engine import helmops
from extension.engine.clusters import folder_of
from extension.engine.runtime import Engine
from extension.objects.base import ObjectMeta
from extension.objects.errors import Unavailable
from extension.objects.kinds import Bundle, HelmOp, HelmOpSpec, Policy, Secret
from extension.objects.marks import DIRECTORY
from extension.objects.options import HelmOptions
from extension.objects.policies import HelmOpPolicy
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.store.opening import open_store
from tests.fakes.charts import DictCharts
from tests.fakes.sources import DictSources
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import EVERYWHERE, NS, changed, cluster, cluster_key, conditions, message, workspace

HOUR = 3600.0
REPO = "https://charts.example.org"


class Content(DictSources, DictCharts):
    def __init__(self):
        DictSources.__init__(self)
        DictCharts.__init__(self, {(REPO, "web"): ["1.0.0", "1.2.0"]})


class World:
    def __init__(self, folder):
        self.settings = Settings(state_dir=folder, polling_interval=HOUR, drift_interval=HOUR, workers=2)
        self.store = open_store(folder / "store.db")
        self.content = Content()
        self.engine = Engine(self.store, self.content, Pool(), self.settings)
        self.store.create(workspace(NS))
        self.store.create(cluster("a", annotations={DIRECTORY: "true"}))

    def helmop(self, name, **spec):
        helm = HelmOptions(chart="web", repo=REPO, version="1.x")
        given = HelmOpSpec(helm=helm, targets=(EVERYWHERE,), default_namespace="apps", **spec)
        self.store.create(HelmOp(metadata=ObjectMeta(name=name, namespace=NS), spec=given))

    def op(self, name):
        return self.store.get(HelmOp, NS, name)

    def deployed(self, name):
        path = folder_of(self.settings, cluster_key("a")) / "apps" / name / "configmap_web.yaml"
        wait_for(path.exists, 60)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    before, helmops.RETRY = helmops.RETRY, HOUR
    world = World(tmp_path_factory.mktemp("engine"))
    world.engine.start()
    yield world
    world.engine.stop()
    world.store.close()
    helmops.RETRY = before


def test_a_helmop_that_is_made_is_deployed_and_counted(world):
    world.helmop("web")
    world.deployed("web")
    wait_for(lambda: world.op("web").status.display.ready_bundle_deployments == "1/1")
    wait_for(lambda: conditions(world.op("web"))["Ready"] == "True")


def test_a_bundle_that_is_removed_by_hand_is_put_back(world):
    world.helmop("stubborn")
    world.deployed("stubborn")
    born = world.store.get(Bundle, NS, "stubborn").metadata.uid
    world.store.delete(Bundle, NS, "stubborn")
    wait_for(lambda: (found := world.store.find(Bundle, NS, "stubborn")) and found.metadata.uid != born)
    world.deployed("stubborn")


def test_a_secret_that_is_made_or_changed_is_tried_at_once(world):
    world.content.error = Unavailable("answered 401")
    world.helmop("private", helm_secret_name="login")
    wait_for(lambda: "answered 401" in message(world.op("private"), "Accepted"))
    world.content.error = None
    world.store.create(Secret(metadata=ObjectMeta(name="login", namespace=NS), data={"username": b"bob", "password": b"x"}))
    world.deployed("private")


def test_a_rule_that_changes_is_felt_at_once(world):
    world.helmop("ruled")
    world.deployed("ruled")
    rule = Policy(metadata=ObjectMeta(name="rule", namespace=NS), helm_op=HelmOpPolicy(allowed_helm_repo_patterns=("https://corp/.*",)))
    world.store.create(rule)
    wait_for(lambda: "disallowed repo" in message(world.op("ruled"), "Accepted"))
    wait_for(lambda: "disallowed repo" in message(world.store.get(Bundle, NS, "ruled"), "Ready"))
    world.store.delete(Policy, NS, "rule")
    wait_for(lambda: conditions(world.op("ruled"))["Accepted"] == "True" and conditions(world.op("ruled"))["Ready"] == "True")


def test_a_helmop_is_found_again_after_a_start_without_asking_its_repository(world):
    world.helmop("kept")
    world.deployed("kept")
    world.engine.stop()
    asked = len(world.content.asked)
    world.engine = Engine(world.store, world.content, Pool(), world.settings)
    world.engine.start()
    world.store.update(changed(world.op("kept"), paused=True))
    wait_for(lambda: world.store.get(Bundle, NS, "kept").spec.paused)
    assert len(world.content.asked) == asked
