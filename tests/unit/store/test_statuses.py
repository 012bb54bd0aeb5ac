"""What statuses name of the deployments that are not ready, and in which order (`fleet-semantics.md` 1.2, 1.4, 1.5, 1.8, 1.9)."""

from __future__ import annotations

import msgspec
import pytest

from extension.objects.base import Condition, Key
from extension.objects.gitops import PendingTargets
from extension.objects.kinds import Bundle, BundleStatus, Cluster, ClusterGroup, GitRepo
from extension.objects.selectors import LabelSelector
from extension.store.protocol import Filter
from extension.store.summing import WINDOW
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, group, listed, repo, report, status


def key(name):
    return Key("Bundle", NS, name)


def clusters(store, *names):
    for name in names:
        store.create(cluster(name))
    return [store.object_id(cluster_key(name)) for name in names]


def ready(obj):
    return next(c for c in obj.status.conditions if c.type == "Ready")


def named(obj):
    return [one.name for one in obj.status.summary.non_ready_resources]


def test_a_bundle_names_the_first_ten_clusters_by_name(store):
    store.create(bundle("web"))
    names = [f"c{number:02}" for number in range(12)]
    deploy(store, key("web"), clusters(store, *reversed(names)))
    found = store.get(Bundle, NS, "web")
    assert named(found) == [f"{NS}/{name}" for name in names[:10]]
    assert ready(found).message == f"WaitApplied(12) [Cluster {NS}/c00]"


def test_a_cluster_names_its_bundles_by_name(store):
    (number,) = clusters(store, "one")
    for name in ("web", "api", "db"):
        store.create(bundle(name))
        deploy(store, key(name), [number])
    found = store.get(Cluster, NS, "one")
    assert named(found) == ["api", "db", "web"]
    assert store.list(Cluster).items[0].status.summary == found.status.summary


def test_a_group_names_what_its_first_clusters_by_name_name_and_takes_the_last_list_whole(store):
    numbers = clusters(store, "d", "c", "b", "a")
    for name in ("b0", "b1", "b2", "b3"):
        store.create(bundle(name))
        deploy(store, key(name), numbers if name != "b3" else numbers[:1])
    store.create(group("all", LabelSelector()))
    found = store.get(ClusterGroup, NS, "all")
    assert found.status.non_ready_clusters == ("a", "b", "c", "d")
    assert found.status.display.ready_clusters == "0/4 (a,b,c,d)"
    assert named(found) == ["b0", "b1", "b2"] * 3 + ["b0", "b1", "b2", "b3"]


def test_a_gitrepos_message_is_that_of_the_worst_deployment_and_not_of_one_that_is_named(store):
    store.create(repo("site"))
    store.create(bundle("web", repo="site"))
    numbers = clusters(store, *(f"c{number:02}" for number in range(12)))
    deploy(store, key("web"), numbers)
    for number in numbers[:11]:
        report(store, key("web"), number, status("", deployed="Unknown", reason="Reconciling", message="on its way"))
    report(store, key("web"), numbers[11], status("", deployed="False", message="no such chart"))
    display = store.get(GitRepo, NS, "site").status.display
    assert (display.message, display.error) == ("no such chart", True)


def test_a_gitrepos_message_is_never_that_of_a_lesser_state(store):
    store.create(repo("site"))
    store.create(bundle("web", repo="site"))
    numbers = clusters(store, *(f"c{number:03}" for number in range(WINDOW + 1)))
    deploy(store, key("web"), numbers)
    report(store, key("web"), numbers[0], status("", deployed="Unknown", reason="Reconciling", message="on its way"))
    report(store, key("web"), numbers[-1], status("", deployed="False", message="no such chart"))
    display = store.get(GitRepo, NS, "site").status.display
    assert (display.message, display.error) == ("", False)


def test_a_gitrepo_says_why_its_first_bundle_that_is_not_ready_is_not(store):
    """In Fleet's words for a Bundle, which name the cluster."""
    store.create(repo("site"))
    (one, two) = clusters(store, "one", "two")
    wanted = {}
    for name in ("web", "api"):
        store.create(bundle(name, repo="site"))
        wanted[name] = deploy(store, key(name), [one, two])
    by_uid = sorted((store.get(Bundle, NS, name).metadata.uid, name) for name in wanted)
    for _, name in by_uid:
        assert ready(store.get(GitRepo, NS, "site")).message == f"WaitApplied(2) [Cluster {NS}/one]"
        for number in (one, two):
            report(store, key(name), number, status(wanted[name].deployment_id, ready=True, non_modified=True))
    assert ready(store.get(GitRepo, NS, "site")).status == "True"


def test_of_several_bundles_that_are_not_ready_the_first_by_uid_is_told(store):
    store.create(repo("site"))
    (one,) = clusters(store, "one")
    for name in ("web", "api"):
        store.create(bundle(name, repo="site"))
    first, second = (name for _, name in sorted((store.get(Bundle, NS, name).metadata.uid, name) for name in ("web", "api")))
    deploy(store, key(second), [one])
    told = Condition(type="Ready", status="False", reason="Error", message="targeting error: broken")
    for broken in (second, first):
        there = store.get(Bundle, NS, broken)
        store.update_status(msgspec.structs.replace(there, status=BundleStatus(conditions=(told,))))
        assert ready(store.get(GitRepo, NS, "site")).message == "targeting error: broken"
        store.update_status(msgspec.structs.replace(store.get(Bundle, NS, broken), status=BundleStatus()))
    there = store.get(Bundle, NS, first)
    store.update_status(msgspec.structs.replace(there, status=BundleStatus(pending=PendingTargets(1, (f"{NS}/moon",)))))
    assert ready(store.get(GitRepo, NS, "site")).message == f"Pending(1) [Cluster {NS}/moon]"


@pytest.fixture
def waiting(store):
    """A bundle deployed to b, with a and c still to come."""
    store.create(bundle("web"))
    wanted = deploy(store, key("web"), clusters(store, "b"))
    there = store.get(Bundle, NS, "web")
    pending = PendingTargets(2, (f"{NS}/a", f"{NS}/c"))
    store.update_status(msgspec.structs.replace(there, status=msgspec.structs.replace(there.status, pending=pending)))
    return wanted


def test_targets_without_a_deployment_are_pending_and_stand_among_the_others_by_name(store, waiting):
    found = store.get(Bundle, NS, "web")
    summary = found.status.summary
    assert (summary.pending, summary.wait_applied, summary.desired_ready) == (2, 1, 3)
    assert named(found) == [f"{NS}/a", f"{NS}/b", f"{NS}/c"]
    assert found.status.display.ready_clusters == "0/3"
    assert found.status.display.state == "WaitApplied"
    report(store, key("web"), store.object_id(cluster_key("b")), status(waiting.deployment_id, ready=True, non_modified=True))
    found = store.get(Bundle, NS, "web")
    assert (found.status.display.ready_clusters, found.status.display.state) == ("1/3", "Pending")
    assert (ready(found).status, ready(found).message) == ("False", f"Pending(2) [Cluster {NS}/a]")


def test_a_list_by_state_finds_bundles_whose_targets_are_pending(store, waiting):
    def by(state):
        return listed(store, Bundle, filters=((Filter("status.display.state", "=", (state,)),),))

    assert (by("WaitApplied"), by("Pending")) == (["web"], [])
    report(store, key("web"), store.object_id(cluster_key("b")), status(waiting.deployment_id, ready=False))
    assert (by("NotReady"), by("Pending")) == ([], ["web"])


def test_writing_back_a_bundle_that_was_read_counts_nothing_twice(store, waiting):
    before = store.get(Bundle, NS, "web")
    store.update_status(before)
    assert store.get(Bundle, NS, "web").status == before.status
    assert store.list(Bundle).items[0].status == before.status


def test_a_gitrepo_counts_as_ready_on_a_cluster_when_any_of_its_bundles_is_and_only_while_it_exists(store):
    """As Fleet counts: any, not all (1.8)."""
    (number,) = clusters(store, "one")
    store.create(repo("site"))
    for name in ("web", "api"):
        store.create(bundle(name, repo="site"))
    web, _ = (deploy(store, key(name), [number]) for name in ("web", "api"))

    def counted():
        found = store.get(Cluster, NS, "one").status
        return found.ready_git_repos, found.desired_ready_git_repos

    assert counted() == (0, 1)
    report(store, key("web"), number, status(web.deployment_id, ready=True, non_modified=True))
    assert counted() == (1, 1)
    store.delete(GitRepo, NS, "site")
    assert counted() == (0, 0)


def test_a_gitrepo_is_ready_on_the_clusters_where_all_of_its_bundles_are(store):
    """All, not any (1.2)."""
    numbers = clusters(store, "one", "two")
    store.create(repo("site"))
    for name in ("web", "api"):
        store.create(bundle(name, repo="site"))
    made = {name: deploy(store, key(name), numbers) for name in ("web", "api")}
    for name, on in (("web", 0), ("web", 1), ("api", 0)):
        report(store, key(name), numbers[on], status(made[name].deployment_id, ready=True, non_modified=True, counts=(2, 2)))
    found = store.get(GitRepo, NS, "site").status
    assert (found.ready_clusters, found.desired_ready_clusters) == (1, 2)
    assert (found.display.ready_bundle_deployments, found.summary.ready, found.summary.desired_ready) == ("3/4", 3, 4)
    assert (found.resource_counts.ready, found.resource_counts.desired_ready) == (6, 6)
    assert found.display.state == "GitUpdating", "nothing was ever read"


def test_a_cluster_that_was_never_seen_waits_for_its_check_in(store):
    clusters(store, "one")
    assert store.get(Cluster, NS, "one").status.display.state == "WaitCheckIn"
    store.seen([cluster_key("one")], "2026-01-01T00:00:00Z")
    found = store.get(Cluster, NS, "one").status
    assert (found.display.state, found.display.ready_bundles, found.agent.last_seen) == ("", "0/0", "2026-01-01T00:00:00Z")
