"""The mirror of an API server: what it has after lists, watches and failures, and what it says of itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.objects.base import Key
from extension.objects.errors import Forbidden, Gone, Unavailable
from extension.objects.kinds import Bundle, BundleDeployment, Cluster, GitRepo, HelmOp
from extension.store.kubernetes import kinds, watching
from extension.store.kubernetes.kinds import path_of
from extension.store.kubernetes.mirror import Mirror
from extension.store.kubernetes.store import KubernetesStore
from extension.store.protocol import Query
from tests.fakes.apiserver import MemoryApi
from tests.integration.fleet import objects

SPACE = "team-a"
BUNDLE, CLUSTER = Key("Bundle", SPACE, "web"), Key("Cluster", SPACE, "one")


def wait_for(check: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 20
    while not (found := check()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.01)
    return found


class World:
    def __init__(self, path: Path) -> None:
        self.api = MemoryApi()
        self.mirror = Mirror(self.api, path)
        self.store = KubernetesStore(self.api, self.mirror)

    def put(self, document: dict[str, Any]) -> None:
        cls = {"GitRepo": GitRepo, "Bundle": Bundle, "Cluster": Cluster, "BundleDeployment": BundleDeployment}[document["kind"]]
        meta = document["metadata"]
        self.api.put(path_of(cls, meta["namespace"], meta["name"]), document)

    def start(self) -> None:
        self.mirror.start()
        wait_for(lambda: not self.mirror.problems(), "the mirror")

    def stop(self) -> None:
        self.mirror.stop()
        self.api.end_watches()
        self.store.close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(watching, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(watching, "LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(watching, "NOT_SERVED", 0.1)
    made = World(tmp_path / "mirror.db")
    yield made
    made.stop()


def names(world: World, cls: Any = GitRepo) -> list[str]:
    return [found.metadata.name for found in world.store.list(cls).items]


def test_a_list_comes_in_pages_and_all_of_it_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "PAGE", 2)
    for number in range(5):
        world.put(objects.gitrepo(SPACE, f"repo-{number}"))
    world.start()
    assert names(world) == [f"repo-{number}" for number in range(5)]
    assert world.api.asked.count(f"GET {path_of(GitRepo)}") == 3


def test_after_a_watch_that_expired_what_went_meanwhile_is_gone_and_what_stayed_is_not_told_again(world: World) -> None:
    for name in ("stays", "goes"):
        world.put(objects.gitrepo(SPACE, name))
    world.put(objects.cluster(SPACE, "one"))
    world.put(objects.bundle(SPACE, "web", ""))
    world.put(objects.deployment(SPACE, "web", "one"))
    world.start()
    wait_for(lambda: f"WATCH {path_of(GitRepo)}" in world.api.asked, "the watch")
    since = world.store.revision()
    gone = {path_of(GitRepo, SPACE, "goes"), path_of(BundleDeployment, objects.place_of(SPACE, "one"), "web")}
    kept = {path: document for path, document in world.api.objects.items() if path not in gone}
    world.api.restore(world.api.version + 1, kept)
    wait_for(lambda: names(world) == ["stays"], "the repo's end")
    wait_for(lambda: world.store.deployments(Query()).count == 0, "the deployment's end")
    assert {change.key.name for change in world.store.changes(since) if change.key.kind == "GitRepo"} == {"goes"}


def test_an_api_server_that_was_restored_is_believed(world: World) -> None:
    for document in (objects.gitrepo(SPACE, "web", branch="old"), objects.cluster(SPACE, "one"), objects.bundle(SPACE, "web", "")):
        world.put(document)
    world.put(objects.deployment(SPACE, "web", "one", deployed="s-1:a"))
    snapshot, version = world.api.objects, world.api.version
    world.start()
    world.put(objects.gitrepo(SPACE, "web", branch="new"))
    world.put(objects.gitrepo(SPACE, "later"))
    world.put(objects.deployment(SPACE, "web", "one", deployed="s-2:b"))
    wait_for(lambda: set(world.store.progress(BUNDLE).deployed) == {"s-2:b"} and len(names(world)) == 2, "what came after the snapshot")
    world.api.restore(version, snapshot)
    wait_for(lambda: names(world) == ["web"] and world.store.get(GitRepo, SPACE, "web").spec.branch == "old", "the repo as it was")
    wait_for(lambda: set(world.store.progress(BUNDLE).deployed) == {"s-1:a"}, "the deployment as it was")
    wait_for(lambda: not world.mirror.problems(), "the mirror")


def test_an_older_event_changes_nothing_and_a_deleted_object_stays_so(world: World) -> None:
    world.put(objects.gitrepo(SPACE, "web", branch="new"))
    world.start()
    now = world.store.get(GitRepo, SPACE, "web")
    old = kinds.decoded(GitRepo, world.api.read(path_of(GitRepo, SPACE, "web")).replace(b'"101"', b'"99"').replace(b'"new"', b'"old"'))
    world.mirror.tables.put([old])
    assert world.store.get(GitRepo, SPACE, "web") == now
    world.mirror.tables.drop([now])
    world.mirror.tables.put([old])
    assert world.store.find(GitRepo, SPACE, "web") is None


def test_a_deployment_is_there_once_its_bundle_and_cluster_are(world: World) -> None:
    world.put(objects.deployment(SPACE, "web", "one"))
    world.start()
    assert world.store.deployments(Query()).count == 0
    world.put(objects.bundle(SPACE, "web", ""))
    world.put(objects.cluster(SPACE, "one"))
    wait_for(lambda: world.store.deployments(Query()).count, "the deployment")
    assert world.store.deployment(BUNDLE, CLUSTER).status.display.state == "Ready"


def test_states_follow_what_the_deployments_say(world: World) -> None:
    for document in (objects.cluster(SPACE, "one"), objects.bundle(SPACE, "web", ""), objects.deployment(SPACE, "web", "one")):
        world.put(document)
    world.start()
    wait_for(lambda: world.store.deployments(Query()).count, "the deployment")
    world.put(objects.deployment(SPACE, "web", "one", deployed="s-2:b", applied="s-1:a"))
    wait_for(lambda: world.store.deployment(BUNDLE, CLUSTER).status.display.state == "WaitApplied", "the new state")
    assert set(world.store.progress(BUNDLE).deployed) == {"s-2:b"}
    world.put(objects.deployment(SPACE, "web", "one", deployed="s-2:b", ready=False))
    wait_for(lambda: world.store.deployment(BUNDLE, CLUSTER).status.display.state == "NotReady", "the last state")
    assert world.mirror.tables.store.audit() is not None
    assert [str(finding) for finding in world.mirror.tables.store.audit() if "tally" in str(finding)] == []


def test_an_object_that_can_not_be_read_keeps_nothing_else_back(world: World) -> None:
    world.put(objects.gitrepo(SPACE, "broken", paths="not a list"))
    world.put(objects.gitrepo(SPACE, "nulls", paths=None, branch=None))
    world.start()
    assert names(world) == ["nulls"]


def test_an_answer_that_is_none_ends_no_follower(world: World) -> None:
    world.put(objects.gitrepo(SPACE, "web"))
    world.api.garbled = True
    world.mirror.start()
    wait_for(lambda: "can't be taken" in world.mirror.problems().get("gitrepos.fleet.cattle.io", ""), "the problem")
    world.api.garbled = False
    wait_for(lambda: not world.mirror.problems(), "the mirror")
    assert names(world) == ["web"]


def test_a_number_of_another_mirror_is_gone_here(world: World, tmp_path: Path) -> None:
    world.start()
    other = Mirror(world.api, tmp_path / "other.db")
    with pytest.raises(Gone):
        world.store.changes(min(world.mirror.tables.first, other.tables.first) - 1)
    assert abs(world.mirror.tables.first - other.tables.first) > 1_000_000
    other.tables.close()


def test_without_fleet_the_state_is_clear_and_ends_by_itself(world: World) -> None:
    world.api.missing = {"gitrepos", "bundles", "helmops"}
    world.put(objects.gitrepo(SPACE, "web"))
    world.mirror.start()
    wait_for(lambda: "fleet" in world.mirror.problems(), "the problem")
    wait_for(lambda: "does not serve gitrepos.fleet.cattle.io, bundles.fleet.cattle.io" in world.mirror.problems()["fleet"], "both kinds")
    with pytest.raises(Unavailable, match="Fleet is not installed") as error:
        world.store.list(GitRepo)
    assert "install Fleet" in error.value.hint
    world.api.missing = {"helmops"}  # an older Fleet has none
    wait_for(lambda: not world.mirror.problems(), "the mirror")
    assert (names(world), names(world, HelmOp)) == (["web"], [])


def test_while_the_api_server_is_away_the_state_says_so_and_a_short_time_is_no_outage(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put(objects.gitrepo(SPACE, "web"))
    world.start()
    world.api.away = Unavailable("connection refused", where="https://kubernetes")
    wait_for(lambda: "gitrepos.fleet.cattle.io" in world.mirror.problems(), "the problem")
    assert names(world) == ["web"]
    monkeypatch.setattr("extension.store.kubernetes.mirror.PATIENCE", 0.0)
    with pytest.raises(Unavailable, match="connection refused"):
        world.store.list(GitRepo)
    world.api.away = None
    wait_for(lambda: not world.mirror.problems(), "the API server to be back")
    world.put(objects.gitrepo(SPACE, "after"))
    wait_for(lambda: names(world) == ["after", "web"], "what came after")


def test_what_fleet_does_is_refused(world: World) -> None:
    world.start()
    with pytest.raises(Forbidden, match="Fleet registers clusters"):
        world.store.register([Cluster()])
    with pytest.raises(Forbidden, match="status of objects is Fleet's"):
        world.store.update_status(GitRepo())
