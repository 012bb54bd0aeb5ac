"""What happened to objects: noted with the write that did it, counted when it happens again, and gone with the object."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from extension.objects.base import Condition, Key, ObjectMeta
from extension.objects.errors import UserError
from extension.objects.gitops import PendingTargets
from extension.objects.kinds import Bundle, Cluster, FleetWorkspace, GitRepo
from extension.objects.selectors import LabelSelector
from extension.store.events import KEPT
from extension.store.protocol import Report
from tests.unit.store.samples import NS, bundle, cluster, deploy, everything, group, plan, repo, report, status, step, variant

WEB = Key("Bundle", NS, "web")
OTHER = Key("Bundle", NS, "other")


def told(store, obj):
    """Reasons and messages, the newest first."""
    return [(one.reason, one.message) for one in store.events(obj)]


def reasons(store, obj):
    return [one.reason for one in store.events(obj)]


def found(store, cls, name="web"):
    return store.find(cls, NS, name)


def count(place, where="true"):
    return place.rows(f"SELECT count(*) FROM event WHERE {where}")[0][0]


def changed(store, **spec):
    there = found(store, GitRepo)
    return store.update(replace(there, spec=replace(there.spec, **spec)))


@pytest.fixture
def deployed(store):
    """A Bundle of GitRepo web that is deployed to two clusters, which have said nothing yet; their numbers."""
    store.create(repo())
    store.create(bundle(repo="web"))
    ids = [store.object_id(store.create(cluster(name)).key) for name in ("c1", "c2")]
    wanted = deploy(store, WEB, ids)
    return [(number, wanted.deployment_id) for number in ids]


def well(deployment_id):
    return status(deployment_id, ready=True, non_modified=True)


def broken(message="no memory"):
    return status("", deployed="False", reason="Error", message=message)


def test_what_is_made_and_changed_has_a_history_the_newest_first(store):
    made = store.create(repo())
    changed(store, branch="main")
    changed(store, paused=True)
    assert told(store, made) == [("Paused", ""), ("Changed", "branch"), ("Created", "")]
    newest = store.events(made)[0]
    assert (newest.type, newest.count, newest.first_timestamp) == ("Normal", 1, newest.last_timestamp)
    assert newest.involved_object.uid == made.metadata.uid
    assert len({one.id for one in store.events(made)}) == 3


def test_the_same_again_is_counted_and_between_others_told_again(store):
    made = store.create(repo())
    for branch in ("a", "b", "c"):
        changed(store, branch=branch)
    changed(store, paused=True)
    changed(store, branch="d")
    assert [(one.reason, one.count) for one in store.events(made)] == [("Changed", 1), ("Paused", 1), ("Changed", 3), ("Created", 1)]


def test_the_newest_of_each_object_are_kept(store, place):
    kept, other = store.create(repo()), store.create(repo("other"))
    for number in range(KEPT + 3):
        changed(store, paused=number % 2 == 0)
    assert reasons(store, kept) == ["Paused", "Unpaused"] * (KEPT // 2) + ["Created"]
    assert reasons(store, other) == ["Created"]
    assert count(place) == KEPT


def test_a_dry_run_and_a_write_that_fails_tell_nothing(store):
    made = store.create(repo())
    store.update(replace(made, spec=replace(made.spec, branch="main")), dry_run=True)
    with pytest.raises(UserError):
        store.create(repo())
    assert reasons(store, made) == ["Created"]


def test_a_history_goes_with_its_object_and_a_later_one_of_the_name_has_its_own(store, place):
    made = store.create(repo())
    changed(store, branch="main")
    store.delete(GitRepo, NS, "web")
    assert store.events(made) == [] and count(place) == 0
    assert reasons(store, store.create(repo())) == ["Created"]


def test_a_history_survives_a_restart(store, place):
    made = store.create(repo())
    store.close()
    again = place.open()
    assert reasons(again, made) == ["Created"]
    again.close()


def test_kinds_without_a_history_have_none(store, place):
    made = store.create(FleetWorkspace(metadata=ObjectMeta(name=NS)))
    assert store.events(made) == [] and count(place) == 0


def test_nothing_is_written_for_what_is_made_however_many_are_made_at_once(store, place):
    made = store.create(repo())
    store.register([cluster(f"c{number}") for number in range(30)])
    for one in (made, found(store, Cluster, "c7")):
        (birth,) = store.events(one)
        assert (birth.reason, birth.last_timestamp) == ("Created", one.metadata.creation_timestamp)
    assert count(place) == 0


def test_a_cluster_that_is_relabelled_by_somebody_says_so(store):
    made = store.create(cluster("c1", env="dev"))
    store.update(replace(made, metadata=replace(made.metadata, labels={"env": "prod"})))
    assert told(store, made)[0] == ("LabelsChanged", "env=prod")


def test_a_cluster_that_moves_takes_its_history_along(store, place):
    old = store.create(cluster("c1"))
    store.update(replace(old, spec=replace(old.spec, paused=True)))
    place.rows("UPDATE object SET created = '2020-01-01T00:00:00Z'")
    new = store.move(found(store, Cluster, "c1"), cluster("c1", "team-b"))
    assert told(store, new) == [("Moved", f"from workspace {NS}"), ("Paused", ""), ("Created", "")]
    assert store.events(new)[-1].last_timestamp == "2020-01-01T00:00:00Z"
    assert store.events(old) == []
    back = store.move(new, cluster("c1"))
    assert reasons(store, back) == ["Moved", "Moved", "Paused", "Created"]


def test_a_group_tells_of_its_selector(store):
    made = store.create(group("all", everything()))
    store.update(replace(made, spec=replace(made.spec, selector=LabelSelector(match_labels={"env": "prod"}))))
    assert told(store, made)[0] == ("Changed", "selector.matchLabels")


def test_a_commit_and_an_error_are_told_when_the_status_has_them(store):
    made = store.create(repo())
    status_ = replace(made.status, polling_commit="a" * 40)
    store.update_status(replace(made, status=status_))
    failed = Condition(type="GitPolling", status="False", message="no route")
    store.update_status(replace(made, status=replace(status_, conditions=(failed,))))
    assert told(store, made)[:2] == [("FailedToCheckCommit", "no route"), ("GotNewCommit", "a" * 40)]


def test_a_bundle_and_its_gitrepo_become_ready_with_the_last_report(store, deployed):
    web, gitrepo = found(store, Bundle), found(store, GitRepo)
    (first, live), (second, _) = deployed
    report(store, WEB, first, well(live))
    assert reasons(store, web) == reasons(store, gitrepo) == ["Created"]
    report(store, WEB, second, well(live))
    assert told(store, web)[0] == told(store, gitrepo)[0] == ("Ready", "")
    report(store, WEB, second, well(live))
    assert reasons(store, web) == ["Ready", "Created"]


def test_a_deployment_that_fails_is_told_once_with_what_it_says(store, deployed):
    web, gitrepo = found(store, Bundle), found(store, GitRepo)
    for number, _ in deployed:
        report(store, WEB, number, broken())
    assert [one.type for one in store.events(web)] == ["Warning", "Normal"]
    assert told(store, web)[0] == ("ErrApplied", f"ErrApplied(1) [Cluster {NS}/c1: no memory]; WaitApplied(1) [Cluster {NS}/c2]")
    assert told(store, gitrepo)[0] == ("ErrApplied", "ErrApplied(1) [Bundle web: no memory]; WaitApplied(1) [Bundle web]")


def test_a_bundle_that_is_rolled_out_anew_stops_being_ready(store, deployed):
    web = found(store, Bundle)
    ids = [number for number, _ in deployed]
    store.report([Report(store.object_id(WEB), number, well(live)) for number, live in deployed])
    store.apply(plan(store, WEB, (variant(store, WEB, "v2"), ids)), step(stage=ids, promote=ids))
    assert told(store, web)[0] == ("NotReady", f"WaitApplied(2) [Cluster {NS}/c1]")
    assert reasons(store, web) == ["NotReady", "Ready", "Created"]


def test_what_goes_to_and_fro_is_counted_and_pushes_nothing_out(store, deployed):
    web = found(store, Bundle)
    store.report([Report(store.object_id(WEB), number, well(live)) for number, live in deployed])
    for _ in range(3):
        report(store, WEB, deployed[0][0], replace(well(deployed[0][1]), ready=False))
        report(store, WEB, deployed[0][0], well(deployed[0][1]))
    assert [(one.reason, one.count) for one in store.events(web)] == [("Ready", 4), ("NotReady", 3), ("Created", 1)]


def test_a_cluster_that_goes_and_was_the_last_that_is_not_ready_makes_its_bundles_ready(store, deployed):
    web = found(store, Bundle)
    report(store, WEB, deployed[0][0], well(deployed[0][1]))
    store.delete(Cluster, NS, "c2")
    assert reasons(store, web) == ["Ready", "Created"]


def test_a_gitrepo_is_ready_when_the_last_of_its_bundles_is(store, deployed):
    gitrepo = found(store, GitRepo)
    store.create(bundle("other", repo="web"))
    number = deployed[0][0]
    other = deploy(store, OTHER, [number])
    store.report([Report(store.object_id(WEB), number, well(live)) for number, live in deployed])
    assert reasons(store, found(store, Bundle)) == ["Ready", "Created"] and reasons(store, gitrepo) == ["Created"]
    report(store, OTHER, number, well(other.deployment_id))
    assert reasons(store, gitrepo) == ["Ready", "Created"]
    report(store, OTHER, number, replace(well(other.deployment_id), non_modified=False))
    assert told(store, gitrepo)[0] == ("Modified", "Modified(1) [Bundle other]")


def test_a_gitrepo_is_ready_when_the_last_bundle_that_is_not_goes(store, deployed):
    gitrepo = found(store, GitRepo)
    store.create(bundle("other", repo="web"))
    deploy(store, OTHER, [deployed[0][0]])
    store.report([Report(store.object_id(WEB), number, well(live)) for number, live in deployed])
    assert reasons(store, gitrepo) == ["Created"]
    assert store.forget(OTHER) == 1
    assert reasons(store, gitrepo) == ["Ready", "Created"]


def test_a_bundle_is_not_ready_while_targets_have_no_deployment_yet(store, deployed):
    web, gitrepo = found(store, Bundle), found(store, GitRepo)

    def waits(targets):
        there = found(store, Bundle)
        store.update_status(replace(there, status=replace(there.status, pending=PendingTargets(targets))))

    waits(1)
    store.report([Report(store.object_id(WEB), number, well(live)) for number, live in deployed])
    assert reasons(store, web) == ["Created"]
    waits(0)
    assert reasons(store, web) == reasons(store, gitrepo) == ["Ready", "Created"]


def test_a_bundle_that_is_refused_says_why_and_so_does_its_gitrepo(store, deployed):
    web, gitrepo = found(store, Bundle), found(store, GitRepo)
    store.report([Report(store.object_id(WEB), number, well(live)) for number, live in deployed])

    def says(*conditions):
        there = found(store, Bundle)
        store.update_status(replace(there, status=replace(there.status, conditions=conditions)))

    says(Condition(type="Ready", status="False", reason="TargetingError", message="no value"))
    assert told(store, web)[0] == ("TargetingError", "no value")
    assert told(store, gitrepo)[0] == ("TargetingError", "bundle web: no value")
    says()
    assert reasons(store, web)[:3] == ["Ready", "Resolved", "TargetingError"]
    assert reasons(store, gitrepo)[:3] == ["Ready", "Resolved", "TargetingError"]


def test_reports_of_many_clusters_write_a_history_of_bundles_and_none_of_clusters(store, place):
    store.create(bundle())
    store.register([cluster(f"c{number:03}") for number in range(250)])
    ids = [store.object_id(Key("Cluster", NS, f"c{number:03}")) for number in range(250)]
    wanted = deploy(store, WEB, ids)
    for state in (well(wanted.deployment_id), broken(), well(wanted.deployment_id)):
        store.report([Report(store.object_id(WEB), number, state) for number in ids])
    assert [(one.reason, one.count) for one in store.events(found(store, Bundle))] == [("Ready", 2), ("ErrApplied", 1), ("Created", 1)]
    assert count(place, f"object_id IN ({','.join(map(str, ids))})") == 0


def test_a_bundle_that_is_removed_leaves_no_history(store, deployed, place):
    store.delete(Bundle, NS, "web")
    assert count(place, "reason = 'Ready'") == 0
    assert [one.reason for one in store.events(found(store, GitRepo))] == ["Created"]
