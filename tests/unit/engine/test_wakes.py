"""The whole engine over folders: which change makes whom look again. Polls and drift are an hour away, so only changes wake."""

from __future__ import annotations

import pytest

from extension.engine.clusters import folder_of
from extension.engine.runtime import Engine
from extension.objects.base import ObjectMeta
from extension.objects.kinds import Bundle, Cluster, ClusterGroup, ClusterGroupSpec, GitRepo, GitRepoSpec, GitTarget, Secret
from extension.objects.marks import DIRECTORY
from extension.objects.moving import LEAVING, Move
from extension.objects.selectors import LabelSelector
from extension.rendering.pool import Pool
from extension.settings import Settings
from extension.store.opening import open_store
from tests.fakes.sources import DictSources
from tests.fakes.waiting import wait_for
from tests.unit.engine.git import URL
from tests.unit.engine.samples import NS, changed, cluster, cluster_key, config_map, marked, replace, workspace

HOUR = 3600.0
BLUE = LabelSelector(match_labels={"color": "blue"})


class World:
    def __init__(self, folder):
        self.settings = Settings(state_dir=folder, polling_interval=HOUR, drift_interval=HOUR, workers=2)
        self.store = open_store(folder / "store.db")
        self.sources = DictSources()
        self.engine = Engine(self.store, self.sources, Pool(), self.settings)

    def commit(self, name, value="one"):
        return self.sources.commit(
            URL.format(name=name), {"app/fleet.yaml": "defaultNamespace: web\n", "app/a.yaml": config_map("a", value)}
        )

    def repo(self, name, **target):
        """A GitRepo for the cluster of its name unless another target is given."""
        self.commit(name)
        targets = (GitTarget(name="t", **(target or {"cluster_name": name})),)
        secret = {"client_secret_name": "token"} if name == "private" else {}
        given = GitRepoSpec(repo=URL.format(name=name), targets=targets, **secret)
        self.store.create(GitRepo(metadata=ObjectMeta(name=name, namespace=NS), spec=given))

    def cluster(self, name, **labels):
        self.store.create(cluster(name, labels=labels, annotations={DIRECTORY: "true"}))

    def file(self, repo, on):
        return folder_of(self.settings, cluster_key(on)) / "web" / f"{repo}-app" / "configmap_a.yaml"

    def deployed(self, repo, on, value="one"):
        path = self.file(repo, on)
        wait_for(lambda: path.exists() and f"key: {value}" in path.read_text())

    def gone(self, repo, on):
        wait_for(lambda: not self.file(repo, on).exists())

    def update(self, cls, name, **meta):
        self.store.update(marked(self.store.get(cls, NS, name), resource_version="", **meta))

    def change(self, cls, name, **spec):
        self.store.update(marked(changed(self.store.get(cls, NS, name), **spec), resource_version=""))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("engine"))
    world.store.create(workspace(NS))
    world.engine.start()
    yield world
    world.engine.stop()
    world.store.close()


def test_a_gitrepo_that_is_made_is_deployed_and_says_so(world):
    world.cluster("first")
    world.repo("first")
    world.deployed("first", "first")
    wait_for(lambda: world.store.get(GitRepo, NS, "first").status.display.ready_bundle_deployments == "1/1")


def test_a_cluster_that_joins_gets_what_is_for_it_and_one_whose_labels_change_loses_it(world):
    world.repo("blue", cluster_selector=BLUE)
    world.cluster("joining", color="blue")
    world.deployed("blue", "joining")
    world.update(Cluster, "joining", labels={"color": "red"})
    world.gone("blue", "joining")


def test_a_group_that_changes_its_selector_changes_who_gets_a_bundle(world):
    world.cluster("grouped", ring="one")
    group = ClusterGroupSpec(selector=LabelSelector(match_labels={"ring": "two"}))
    world.store.create(ClusterGroup(metadata=ObjectMeta(name="ring", namespace=NS), spec=group))
    world.repo("ringed", cluster_group="ring")
    wait_for(lambda: world.store.find(Bundle, NS, "ringed-app"))
    world.change(ClusterGroup, "ring", selector=LabelSelector(match_labels={"ring": "one"}))
    world.deployed("ringed", "grouped")


def test_a_bundle_that_is_removed_by_hand_is_put_back(world):
    world.cluster("stubborn")
    world.repo("stubborn")
    world.deployed("stubborn", "stubborn")
    before = world.store.get(Bundle, NS, "stubborn-app").metadata.uid
    world.store.delete(Bundle, NS, "stubborn-app")
    wait_for(lambda: (found := world.store.find(Bundle, NS, "stubborn-app")) and found.metadata.uid != before, 15)
    world.deployed("stubborn", "stubborn")


def test_what_goes_on_after_a_pause_is_looked_at_again(world):
    world.cluster("paused")
    world.repo("paused")
    world.deployed("paused", "paused")

    def state():
        return world.store.get(GitRepo, NS, "paused").status.display.state

    wait_for(lambda: state() == "")
    world.change(GitRepo, "paused", paused=True)
    wait_for(lambda: world.store.get(Bundle, NS, "paused-app").spec.paused)
    path = world.file("paused", "paused")
    path.write_text(path.read_text().replace("one", "tampered"))
    world.change(GitRepo, "paused", paused=False)
    wait_for(lambda: state() == "Modified", 15)


def test_a_secret_makes_the_gitrepos_that_use_it_look_again_and_no_other(world):
    for name in ("private", "public"):
        world.repo(name)
    wait_for(lambda: all(world.store.get(GitRepo, NS, name).status.commit for name in ("private", "public")))
    newest = world.commit("private", "two")
    asked = world.sources.asked.count("public")
    world.store.create(Secret(metadata=ObjectMeta(name="token", namespace=NS), data={"username": b"u"}))
    wait_for(lambda: world.store.get(GitRepo, NS, "private").status.commit == newest)
    assert world.sources.asked.count("public") == asked


def test_a_kubeconfig_secret_makes_the_clusters_that_name_it_be_opened_again_and_a_broken_one_harms_nobody_else(world):
    world.store.create(cluster("waiting", kube_config_secret="kube"))

    def said(words):
        conditions = world.store.get(Cluster, NS, "waiting").status.conditions
        return any(c.type == "Imported" and words in c.message for c in conditions)

    wait_for(lambda: said("Secret ws/kube with key value is missing"))
    world.store.create(Secret(metadata=ObjectMeta(name="kube", namespace=NS), data={"value": b"contexts: 7"}))
    wait_for(lambda: said("contexts has no"))
    world.cluster("after")
    world.repo("after")
    world.deployed("after", "after")


def test_a_forced_update_and_a_new_commit_arrive(world):
    world.cluster("forced")
    world.repo("forced")
    world.deployed("forced", "forced")
    world.commit("forced", "two")
    world.change(GitRepo, "forced", force_sync_generation=1)
    world.deployed("forced", "forced", "two")


def test_a_gitrepo_that_is_deleted_takes_everything_along(world):
    world.cluster("leaving")
    world.repo("leaving")
    world.deployed("leaving", "leaving")
    world.store.delete(GitRepo, NS, "leaving")
    world.gone("leaving", "leaving")
    wait_for(lambda: world.store.find(GitRepo, NS, "leaving") is None)


def test_a_moved_cluster_takes_its_folder_along_and_loses_what_is_not_for_it(world):
    world.store.create(workspace("new"))
    world.cluster("moving")
    world.repo("moving")
    world.deployed("moving", "moving")
    world.engine.moves.move(cluster_key("moving"), Move("new"), False)
    moved = folder_of(world.settings, cluster_key("moving", "new"))
    wait_for(lambda: LEAVING not in world.store.get(Cluster, "new", "moving").metadata.annotations)
    assert moved.exists() and not list(moved.rglob("configmap_a.yaml"))
    assert not folder_of(world.settings, cluster_key("moving")).exists()


def test_a_workspaces_secret_goes_along_with_a_commit_that_names_it_follows_its_changes_and_leaves_with_it(world):
    fleet = "defaultNamespace: web\n"
    named = {"app/fleet.yaml": f"{fleet}downstreamResources:\n- {{kind: Secret, name: shared}}\n", "app/a.yaml": config_map("a")}
    world.cluster("copying")
    world.repo("copying")
    world.deployed("copying", "copying")
    world.sources.commit(URL.format(name="copying"), named)
    world.change(GitRepo, "copying", force_sync_generation=1)
    copy = world.file("copying", "copying").with_name("web_secret_shared.yaml")

    def told():
        return world.store.get(Bundle, NS, "copying-app").status.conditions[-1].message

    wait_for(lambda: "Secret ws/shared does not exist" in told())
    world.store.create(Secret(metadata=ObjectMeta(name="shared", namespace=NS), data={"key": b"one"}))
    wait_for(lambda: copy.exists() and "b25l" in copy.read_text())
    wait_for(lambda: told() == "")
    shared = world.store.get(Secret, NS, "shared")
    world.store.update(marked(replace(shared, data={"key": b"two"}), resource_version=""))
    wait_for(lambda: "dHdv" in copy.read_text())
    world.sources.commit(URL.format(name="copying"), {**named, "app/fleet.yaml": fleet})
    world.change(GitRepo, "copying", force_sync_generation=2)
    wait_for(lambda: not copy.exists())
    assert world.file("copying", "copying").exists()


def test_a_gitrepo_that_waits_for_a_lost_cluster_says_so_and_goes_with_the_cluster(world):
    world.store.create(cluster("lost", kube_config_secret="nowhere"))
    world.repo("lost")
    wait_for(lambda: world.store.get(GitRepo, NS, "lost").status.display.ready_bundle_deployments == "0/1")
    world.store.delete(GitRepo, NS, "lost")

    def told():
        return " ".join(c.message for c in world.store.get(GitRepo, NS, "lost").status.conditions)

    wait_for(lambda: "is still to be removed from cluster ws/lost: " in told() and "Secret ws/nowhere" in told())
    world.store.delete(Cluster, NS, "lost")
    wait_for(lambda: world.store.find(GitRepo, NS, "lost") is None)
