"""Why a cluster gets a bundle or not, what it waits for, and where an object on it came from."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from extension.engine.turns import Deadline, TooLong, Turns
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import Busy, Invalid, NotFound
from extension.objects.explanation import Explained, Origin
from extension.objects.kinds import BundleDeploymentStatus, BundleRef, Policy
from extension.objects.status import FieldChange, ModifiedStatus, ResourceKey
from extension.store.protocol import Report
from tests.fakes.clock import Clock
from tests.unit.engine.planned import ALL, CANARY, FILES, PROD, world
from tests.unit.engine.previews import REPO, Previews
from tests.unit.engine.samples import NS, bundle_key, cluster_key, config_map

__all__ = ["world"]

MAP = ResourceKey(kind="ConfigMap", api_version="v1", namespace="web", name="a")
EDITED = ModifiedStatus(
    kind="ConfigMap",
    api_version="v1",
    namespace="web",
    name="a",
    patch="{}",
    changes=(FieldChange("/data/key", '"one"', '"two"', "kubectl-edit", "2026-11-29T12:00:00Z"),),
)
GONE = ModifiedStatus(kind="Secret", api_version="v1", namespace="web", name="s", missing=True)
EDIT = 'data.key is "two", deployed "one", changed by kubectl-edit at 2026-11-29T12:00:00Z'


@pytest.fixture
def deployed(world: Previews) -> Previews:
    world.deployed(FILES, targets=(ALL,))
    return world


def explained(world: Previews, cluster: str, name: str = "repo-web") -> Explained:
    return world.planner.explain(cluster_key(cluster), bundle_key(name), None).bundles[0]


def test_all_of_a_deployment_is_told(deployed: Previews) -> None:
    ids = deployed.ids()
    found = explained(deployed, "a")
    wanted = ids["ws/repo-web", "a"]
    assert (found.matched, found.planned, found.live, found.applied, found.state) == (True, wanted, wanted, "", "WaitApplied")
    assert found.inputs == {"ClusterLabels.env": "prod"}
    assert found.options == {"namespace": "web", "helm": {"values": {"env": "***"}}}
    assert found.waits == ("the cluster has not applied it yet; it was last heard of never",)
    deployed.rollouts.report("repo-web", "a")
    assert (explained(deployed, "a").waits, explained(deployed, "a").applied) == ((), wanted)
    assert "cluster ws/a gets bundle ws/repo-web\n  workspace ws is searched\n" in str(explained(deployed, "a"))


def test_a_cluster_that_is_not_targeted_is_told_why(world: Previews) -> None:
    world.deployed(FILES, targets=(PROD,))
    found = explained(world, "c")
    assert (found.matched, found.planned, found.live) == (False, "", "")
    assert "does not hold: clusterSelector env=prod; the cluster has env=dev" in str(found)


@pytest.mark.parametrize(
    ("spec", "waits"),
    [
        ({"paused": True}, "the bundle is paused"),
        ({"depends_on": (BundleRef(name="other"),)}, "waiting for bundle ws/other: not deployed to this cluster; accepted is Ready"),
    ],
    ids=["paused", "dependency"],
)
def test_what_is_waited_for_is_told(world: Previews, spec: Any, waits: str) -> None:
    world.rollouts.add("app", **spec)
    assert explained(world, "a", "app").waits[0] == waits


def held_up(world: Previews) -> None:
    """A rollout that goes on with one cluster at a time, and waits for the first."""
    one = {"db/fleet.yaml": "rolloutStrategy: {maxUnavailable: 1}\n"}
    world.deployed(FILES | one, targets=(ALL,))
    for name in "abc":
        world.rollouts.report("repo-db", name)
    world.commit(FILES | one | {"db/b.yaml": config_map("b", "two")})
    world.git.poll(REPO)
    world.roll_out()


def test_a_rollout_that_others_hold_up_is_told(world: Previews) -> None:
    held_up(world)
    assert explained(world, "a", "repo-db").waits == ("the cluster has not applied it yet; it was last heard of never",)
    assert explained(world, "b", "repo-db").waits == ("1 clusters are unavailable, 1 may be: others have to be ready first",)
    assert explained(world, "b", "repo-db").partitions == ("partition All (1 of 1): 3 clusters, 3 not up to date or not ready, 1 may be",)


def test_clusters_that_are_offline_and_hold_a_rollout_up_are_named(world: Previews) -> None:
    held_up(world)
    world.store.seen([cluster_key("a")], "2020-01-01T00:00:00Z")
    world.store.seen([cluster_key("b")], "2999-01-01T00:00:00Z")
    assert explained(world, "b", "repo-db").waits[1:] == ("1 of 3 clusters that are not up to date are offline: ws/a",)


def test_an_earlier_partition_goes_first(world: Previews) -> None:
    parts = "rolloutStrategy:\n  maxUnavailable: 0\n  partitions:\n  - {name: p1, clusterName: a}\n  - {name: p2, clusterSelector: {}}\n"
    world.deployed(FILES | {"db/fleet.yaml": parts}, targets=(ALL,))
    assert explained(world, "b", "repo-db").waits == ("partition p1 goes first: 1 of its clusters are not up to date, 0 may be",)


def test_a_template_that_fails_is_the_clusters_error(deployed: Previews) -> None:
    deployed.rollouts.clusters("d", other="x")
    found = explained(deployed, "d")
    assert (found.matched, found.inputs) == (True, {"ClusterLabels.env": "missing"}) and "env" in found.error
    assert str(found).startswith("cluster ws/d does not get bundle ws/repo-web\n")


def test_a_rule_that_refuses_the_bundle_is_its_error(deployed: Previews) -> None:
    deployed.store.create(Policy(metadata=ObjectMeta(name="p", namespace=NS), require_service_account=True))
    assert "requires a service account" in explained(deployed, "a").error


def test_a_gitrepo_is_explained_by_its_bundles_or_by_what_keeps_it_from_having_any(deployed: Previews) -> None:
    repo = Key("GitRepo", NS, REPO)
    assert [one.bundle for one in deployed.planner.explain(cluster_key("a"), None, repo).bundles] == ["ws/repo-db", "ws/repo-web"]
    deployed.git.add("bad", {"fleet.yaml": "a: ["})
    found = deployed.planner.explain(cluster_key("a"), None, Key("GitRepo", NS, "bad"))
    assert found.notes[0].startswith("GitRepo ws/bad has no bundle yet: ") and "is not deployed" in str(found)


def test_no_value_is_in_an_explanation(world: Previews) -> None:
    web = FILES["web/fleet.yaml"] + f"    password: {CANARY}\n  templateValues:\n    t: '{CANARY}'\n"
    world.deployed(FILES | {"web/fleet.yaml": web}, targets=(ALL,))
    found = world.planner.explain(cluster_key("a"), bundle_key("repo-web"), None)
    assert CANARY not in str(found) and CANARY not in msgspec.json.encode(found).decode()
    assert found.bundles[0].options["helm"]["values"]["password"] == "***"


def test_an_unknown_cluster_or_bundle_is_not_found(deployed: Previews) -> None:
    with pytest.raises(NotFound):
        explained(deployed, "nobody")
    with pytest.raises(NotFound):
        explained(deployed, "a", "nothing")


def _has(world: Previews, cluster: str, name: str, *objects: ResourceKey) -> None:
    bundle, on = world.rollouts.ids(name, cluster)
    world.store.report([Report(bundle, on, BundleDeploymentStatus(ready=True, release=f"web/{name}:1", resources=objects))])


def test_an_object_is_traced_to_folder_commit_and_rule(deployed: Previews) -> None:
    _has(deployed, "a", "repo-web", MAP)
    found = deployed.planner.trace(cluster_key("a"), ResourceKey(kind="configmap", name="a"), None)
    commit = deployed.git.sources.commits[deployed.repo.spec.repo][0][0]
    assert found.origins == (
        Origin(
            bundle="ws/repo-web",
            bundle_deployment=found.origins[0].bundle_deployment,
            deployment_id=deployed.ids()["ws/repo-web", "a"],
            state="WaitApplied",
            release="web/repo-web:1",
            made_by="GitRepo ws/repo",
            repo=deployed.repo.spec.repo,
            path="web",
            options="web/fleet.yaml",
            commit=commit,
            author="Ada",
            date="2026-01-01T00:00:00+00:00",
            subject="A change",
            rule="target all (clusterSelector anything)",
        ),
    )
    assert "  path:          web\n" in str(found)


def _differs(world: Previews, cluster: str, name: str) -> None:
    bundle, on = world.rollouts.ids(name, cluster)
    status = BundleDeploymentStatus(ready=True, release=f"web/{name}:1", resources=(MAP,), modified_status=(EDITED, GONE))
    world.store.report([Report(bundle, on, status)])


def test_what_is_not_as_deployed_is_explained_with_who_changed_it(deployed: Previews) -> None:
    _differs(deployed, "a", "repo-web")
    found = explained(deployed, "a")
    assert found.modified == (EDITED, GONE)
    assert f"  not as deployed:\n    configmap.v1 web/a modified:\n      {EDIT}\n    secret.v1 web/s missing\n" in str(found)


def test_an_object_is_traced_with_what_differs_of_it_and_also_when_it_is_missing(deployed: Previews) -> None:
    _differs(deployed, "a", "repo-web")
    [origin] = deployed.planner.trace(cluster_key("a"), MAP, None).origins
    assert origin.modified == (EDITED,) and str(origin).endswith(f"  configmap.v1 web/a modified:\n    {EDIT}\n")
    [origin] = deployed.planner.trace(cluster_key("a"), ResourceKey(kind="secret", name="s"), None).origins
    assert origin.modified == (GONE,)


@pytest.mark.parametrize(
    "wanted",
    [
        ResourceKey(kind="ConfigMap", name="b"),
        ResourceKey(kind="Secret", name="a"),
        ResourceKey(kind="ConfigMap", namespace="other", name="a"),
        ResourceKey(kind="ConfigMap", api_version="v2", name="a"),
    ],
    ids=["name", "kind", "namespace", "version"],
)
def test_what_no_bundle_brings_has_no_origin(deployed: Previews, wanted: ResourceKey) -> None:
    _has(deployed, "a", "repo-web", MAP)
    assert deployed.planner.trace(cluster_key("a"), wanted, None).origins == ()


def test_what_is_of_a_workspace_that_the_caller_may_not_read_has_no_origin(deployed: Previews) -> None:
    _has(deployed, "a", "repo-web", MAP)
    assert deployed.planner.trace(cluster_key("a"), MAP, ("far",)).origins == ()
    assert deployed.planner.traced(deployed.repo, ".", 10, "", ("far",)).objects == ()


def test_a_repository_that_can_not_be_read_leaves_the_rest(deployed: Previews) -> None:
    _has(deployed, "a", "repo-web", MAP)
    deployed.git.sources.gone = "connection refused"
    found = deployed.planner.trace(cluster_key("a"), MAP, None)
    assert (found.origins[0].path, found.origins[0].bundle) == ("", "ws/repo-web")
    assert "the path is not known: " in found.notes[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [(".", {"a", "b"}), ("web", {"a"}), ("web/a.yaml", {"a"}), ("db/", {"b"}), ("nothing", set()), ("we", set())],
)
def test_a_path_is_traced_to_what_came_from_it(deployed: Previews, path: str, expected: set[str]) -> None:
    _has(deployed, "a", "repo-web", MAP)
    _has(deployed, "c", "repo-db", ResourceKey(kind="ConfigMap", api_version="v1", namespace="db", name="b"))
    found, after = set(), ""
    while True:
        page = deployed.planner.traced(deployed.repo, path, 1, after, None)
        found |= {one.name for one in page.objects}
        after = page.next
        if not after:
            break
    assert found == expected


def test_a_path_that_leaves_the_repository_is_refused(deployed: Previews) -> None:
    with pytest.raises(Invalid, match="leaves the repository"):
        deployed.planner.traced(deployed.repo, "a/../..", 1, "", None)


def test_work_that_takes_too_long_is_told_and_leaves_its_turn_when_it_ends() -> None:
    go = threading.Event()
    turns = Turns(at_once=1, seconds=0.05)

    def slow(deadline: Deadline) -> str:
        deadline.check("fetching")
        go.wait(30)
        return "late"

    with pytest.raises(TooLong, match=r"no answer within 0\.05 s while fetching"):
        turns.run(slow)
    with pytest.raises(Busy, match="too many plans"):
        turns.run(lambda _: "now")
    go.set()
    while True:
        try:
            assert turns.run(lambda _: "now") == "now"
        except Busy:
            continue
        break


def test_work_looks_at_the_clock() -> None:
    clock = Clock()
    deadline = Deadline(10, clock)
    deadline.check("one")
    clock.pass_(11)
    with pytest.raises(TooLong, match="no answer within 10 s while one"):
        deadline.check("two")


def test_the_error_of_work_is_its_callers() -> None:
    with pytest.raises(NotFound, match="nothing"):
        Turns().run(_fails)


def _fails(_deadline: Deadline) -> str:
    raise NotFound("nothing")
