"""What a plan tells: who gets, changes or loses what, what stands in the way, and never a secret. Nothing is written."""

from __future__ import annotations

import msgspec
import pytest

from extension.objects.base import ObjectMeta
from extension.objects.errors import Conflict, Forbidden, Invalid, Unavailable
from extension.objects.kinds import ClusterGroup, ClusterGroupSpec, GitRepo, GitRepoRestriction, GitTarget, Secret
from extension.objects.preview import Asked
from extension.objects.selectors import LabelSelector
from tests.unit.engine.git import URL
from tests.unit.engine.planned import ALL, FILES, PROD, deployed, numbers, of, world
from tests.unit.engine.previews import REPO, Previews, packed
from tests.unit.engine.samples import NS, bundle, changed, config_map

__all__ = ["deployed", "world"]


def test_a_commit_that_is_deployed_changes_nothing(deployed: Previews) -> None:
    report = deployed.plan()
    assert (report.changes, numbers(report)) == (False, {"unchanged": 6})
    assert str(report) == f"GitRepo ws/repo at commit {'0' * 12}\nno changes; deployments: 6 unchanged\n"


def test_a_changed_file_is_told_once_for_the_clusters_that_share_the_change(deployed: Previews) -> None:
    deployed.commit(FILES | {"web/a.yaml": config_map("a", "two")})
    report = deployed.plan()
    assert (report.changes, numbers(report), [b.bundle for b in report.bundles if b.groups]) == (
        True, {"changed": 3, "unchanged": 3}, ["ws/repo-web"],
    )  # fmt: skip
    ids = [[group.new_deployment_id.rpartition(":")[2][:12] for group in of(report, "repo-web").groups]][0]
    assert str(of(report, "repo-web")) == WEB.format(*ids)


WEB = """\
~ bundle ws/repo-web: 3 changed
  ~ 2 clusters changed: ws/a, ws/b
    deployment ID s-c791655e99:{0} -> s-ae717b9f3a:{0}
    ~ v1 ConfigMap web/a
      @@ -1,6 +1,6 @@
       apiVersion: v1
       data:
      -  key: one
      +  key: two
       kind: ConfigMap
       metadata:
         annotations:
  ~ 1 cluster changed: ws/c
    deployment ID s-c791655e99:{1} -> s-ae717b9f3a:{1}
    the same diff as of a group above
"""


def test_what_is_planned_comes_also_where_folders_come_and_go(deployed: Previews) -> None:
    files = {path: text for path, text in FILES.items() if not path.startswith("db/")} | {
        "new/b.yaml": config_map("b"),
        "new/fleet.yaml": "",
    }
    deployed.commit(files)
    report = deployed.plan()
    assert numbers(report) == {"created": 3, "removed": 3, "unchanged": 3}
    expected = {}
    for one in report.bundles:
        for group in one.groups:
            expected |= {(one.bundle, name.partition("/")[2]): group.new_deployment_id for name in group.clusters.first}
    before = deployed.ids()
    deployed.git.poll(REPO)
    deployed.roll_out()
    came = {place: id_ for place, id_ in deployed.ids().items() if before.get(place) != id_}
    assert came == {place: id_ for place, id_ in expected.items() if id_}
    assert [change.name for change in of(report, "repo-new").groups[0].objects] == ["b"]


def test_nothing_is_written(deployed: Previews) -> None:
    deployed.commit(FILES | {"web/a.yaml": config_map("a", "two"), "x/x.yaml": config_map("x")})
    before = deployed.store.revision()
    deployed.plan()
    deployed.plan(targets_only=True)
    deployed.plan(group=ClusterGroup(metadata=ObjectMeta(name="g", namespace=NS)))
    assert deployed.store.revision() == before


def test_a_folder_is_planned_in_place_of_the_repository(deployed: Previews) -> None:
    asked = len(deployed.git.sources.asked)
    report = deployed.plan(archive=packed(FILES | {"web/a.yaml": config_map("a", "two")}))
    assert (report.commit, numbers(report)) == ("", {"changed": 3, "unchanged": 3})
    assert len(deployed.git.sources.asked) == asked


def test_a_link_of_a_folder_is_read_as_git_reads_it(deployed: Previews) -> None:
    files = {path: text for path, text in FILES.items() if path != "web/a.yaml"} | {"web/real.txt": FILES["web/a.yaml"]}
    report = deployed.plan(archive=packed(files, {"web/a.yaml": "real.txt"}))
    assert [change.change for change in of(report, "repo-web").groups[0].objects] == []


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (packed({"../x.yaml": "a: b"}), "a path outside of it"),
        (packed({"/etc/x.yaml": "a: b"}), "a path outside of it"),
        (packed({"web/a.yaml": config_map("a")}, {"web/b.yaml": "../../../etc/passwd"}), "escapes bundle directory"),
        (packed({"web/a.yaml": config_map("a")}, {"web/b.yaml": "/etc/passwd"}), "escapes bundle directory"),
        (packed({"web/a.yaml": config_map("a"), "web": "x"}), "twice"),
        (b"no archive", "not a tar.gz archive"),
        (packed({"big.yaml": b"a" * (21 << 20)}), "are allowed"),
        (packed({f"{number}.yaml": "" for number in range(10_001)}), "more than 10000 files"),
        (packed({}, {f"{number}.yaml": "x" for number in range(10_001)}), "more than 10000 links"),
        (packed({"web/fleet.yaml": "a: [", "web/a.yaml": ""}), "the folder is not deployed: web/fleet.yaml"),
    ],
    ids=["parent", "absolute", "link out", "absolute link", "twice", "broken", "big file", "many files", "many links", "bad yaml"],
)
def test_a_folder_that_can_not_be_taken_is_refused(deployed: Previews, archive: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        deployed.plan(archive=archive)


def test_what_keeps_a_commit_from_being_deployed_keeps_it_from_being_planned(deployed: Previews) -> None:
    commit = deployed.commit(FILES | {"db/fleet.yaml": "helm: ["})
    with pytest.raises(Invalid, match=f"commit {commit[:12]} is not deployed: db/fleet.yaml"):
        deployed.plan()
    deployed.commit(FILES | {"other/fleet.yaml": "name: taken", "other/x.yaml": config_map("x")})
    deployed.store.create(bundle("taken"))
    with pytest.raises(Invalid, match="bundle name taken is taken by a Bundle made by hand"):
        deployed.plan()


def test_a_repository_that_does_not_answer_is_told(deployed: Previews) -> None:
    deployed.git.sources.down = "connection refused"
    with pytest.raises(Unavailable, match="connection refused"):
        deployed.plan()


def test_a_gitrepo_that_the_rules_refuse_is_refused(deployed: Previews) -> None:
    limit = GitRepoRestriction(metadata=ObjectMeta(name="r", namespace=NS), allowed_repo_patterns=("https://elsewhere/.*",))
    deployed.store.create(limit)
    with pytest.raises(Forbidden, match="disallowed repo"):
        deployed.plan()


def test_a_gitrepo_that_is_not_stored_is_planned_as_it_would_be(world: Previews) -> None:
    world.commit(FILES)
    repo = GitRepo(metadata=ObjectMeta(name=REPO, namespace=NS), spec=msgspec.structs.replace(GitRepo().spec, repo=URL.format(name=REPO)))
    report = world.plan(repo=changed(repo, targets=(PROD,)))
    assert numbers(report) == {"created": 4} and report.deployed == ""
    assert [(group.change, group.old_deployment_id) for group in of(report, "repo-db").groups] == [("created", "")]


def test_other_targets_are_planned_without_and_with_the_repository(deployed: Previews) -> None:
    repo = changed(deployed.repo, targets=(PROD, ALL))
    asked = len(deployed.git.sources.asked)
    report = deployed.plan(repo=repo, targets_only=True)
    assert str(report) == "GitRepo ws/repo\ntarget prod: 2 clusters: ws/a, ws/b\ntarget all: 1 cluster: ws/c\n"
    assert len(deployed.git.sources.asked) == asked
    assert numbers(deployed.plan(repo=changed(deployed.repo, targets=(PROD,)))) == {"removed": 2, "unchanged": 4}


def test_a_cluster_that_has_not_the_label_is_an_error_of_its_own(deployed: Previews) -> None:
    deployed.rollouts.clusters("d", other="x")
    report = deployed.plan()
    assert (numbers(report), report.changes) == ({"created": 1, "unchanged": 6, "failed": 1}, True)
    error = of(report, "repo-web").errors[0]
    assert error.clusters.first == ("ws/d",) and "env" in error.message
    assert "error on 1 cluster (ws/d): " in str(report)


def test_a_broken_selector_is_the_error_of_its_bundle(deployed: Previews) -> None:
    bad = "overrideTargets:\n- clusterSelector: {matchExpressions: [{key: env, operator: Like}]}\n"
    deployed.commit(FILES | {"db/fleet.yaml": bad})
    report = deployed.plan()
    assert '"Like" is not a valid label selector operator' in of(report, "repo-db").error
    assert numbers(of(report, "repo-web")) == {"unchanged": 3}


def test_what_waits_for_its_rollout_is_no_change(deployed: Previews) -> None:
    deployed.git.add("late", {"a.yaml": config_map("late")}, targets=(ALL,), paused=True)
    deployed.roll_out()
    repo = deployed.store.get(GitRepo, NS, "late")
    report = deployed.plan(repo=repo)
    assert (report.changes, numbers(report)) == (False, {"waiting": 3})
    assert "it is paused" in str(report) and "decided before and waiting" in str(report)


STRATEGY = """
namespace: db
rolloutStrategy:
  maxUnavailable: 1
  partitions:
  - {name: prod, clusterSelector: {matchLabels: {env: prod}}}
  - {name: dev, clusterName: c}
"""


def test_the_partitions_of_the_rollout_are_told(deployed: Previews) -> None:
    deployed.commit(FILES | {"db/fleet.yaml": STRATEGY})
    assert "  rollout: prod (2, 1 at a time), dev (1, 1 at a time); at most 1 at a time in all\n" in str(of(deployed.plan(), "repo-db"))


def test_clusters_of_workspaces_that_the_caller_may_not_read_are_only_counted(deployed: Previews) -> None:
    report = deployed.plan(workspaces=("far",), repo=changed(deployed.repo, targets=(PROD,)))
    assert (numbers(report), {one.hidden for one in report.bundles}) == ({}, {3})
    assert "ws/a" not in str(report)


def test_a_group_of_a_plan_is_paged(deployed: Previews) -> None:
    deployed.rollouts.clusters(*(f"m{number:03}" for number in range(25)), env="prod")
    deployed.commit(FILES | {"db/b.yaml": config_map("b", "two")})
    asked = Asked(repo=deployed.repo)
    group = next(one for one in of(deployed.planner.plan(asked), "repo-db").groups if one.change == "created")
    assert str(group.clusters) == "ws/m000, ws/m001, ws/m002, ws/m003, ws/m004 and 20 more"
    found, after = [], ""
    for _ in range(3):
        page = deployed.planner.members(asked, group.id, after, 10)
        found += page.clusters
        after = page.next
    assert (after, page.count, sorted(found)) == ("", 25, [f"ws/m{number:03}" for number in range(25)])
    with pytest.raises(Invalid, match="no such group"):
        deployed.planner.members(asked, "0" * 20, "", 10)


def test_one_bundle_can_be_asked_for(deployed: Previews) -> None:
    deployed.commit({"new/x.yaml": config_map("x")})
    assert [one.bundle for one in deployed.plan(bundle="repo-db").bundles] == ["ws/repo-db"]


def _group(name: str, **labels: str) -> ClusterGroup:
    return ClusterGroup(metadata=ObjectMeta(name=name, namespace=NS), spec=ClusterGroupSpec(LabelSelector(match_labels=labels)))


def test_a_group_tells_who_enters_and_leaves_and_what_that_does(world: Previews) -> None:
    world.store.create(_group("g", env="prod"))
    world.deployed(FILES, targets=(GitTarget(name="g", cluster_group="g"),))
    report = world.plan(group=_group("g", env="dev"))
    assert str(report).splitlines()[:4] == [
        "ClusterGroup ws/g",
        "would enter: 1 cluster: ws/c",
        "would leave: 2 clusters: ws/a, ws/b",
        "changes; deployments: 2 created, 4 removed",
    ]
    assert [change.name for change in of(report, "repo-db").groups[0].objects] == ["b"]
    assert numbers(world.plan(group=_group("new", env="dev"))) == {"unchanged": 4}


def test_bundles_that_ask_for_no_group_are_not_looked_at(deployed: Previews) -> None:
    report = deployed.plan(group=_group("g", env="dev"))
    assert (report.bundles, str(report.enters), str(report.leaves)) == ((), "ws/c", "0")


def test_a_bundle_whose_values_are_on_their_way_is_a_conflict(world: Previews) -> None:
    world.store.create(_group("g", env="prod"))
    world.deployed(FILES, targets=(GitTarget(name="g", cluster_group="g"),))
    secret = world.store.get(Secret, NS, "repo-web")
    world.store.update(msgspec.structs.replace(secret, data={"values.yaml": b"{}"}))
    with pytest.raises(Conflict, match="the values of bundle repo-web are being replaced"):
        world.plan(group=_group("g", env="dev"))
