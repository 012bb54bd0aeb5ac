"""Deployments: listed as objects, and given to agents as work."""

from __future__ import annotations

import msgspec
import pytest

from extension.objects.base import Key
from extension.objects.content import content_id
from extension.objects.errors import Conflict, Invalid, NotFound
from extension.objects.kinds import Bundle, Cluster, ClusterSpec
from extension.objects.selectors import LabelSelector, Requirement
from extension.store.protocol import Filter, Query, Report
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, plan, report, status, step, variant

WEB = Key("Bundle", NS, "web")


@pytest.fixture
def deployed(store):
    """Two bundles on three clusters, one deployment of which is ready."""
    for name in ("one", "two", "three"):
        store.create(cluster(name, zone=name[0]))
    numbers = [store.object_id(cluster_key(name)) for name in ("one", "two", "three")]
    for name in ("web", "api"):
        key = store.create(bundle(name, content="kind: A", repo="site" if name == "web" else "")).key
        wanted = deploy(store, key, numbers)
    report(store, key, numbers[0], status(wanted.deployment_id, ready=True, non_modified=True))
    return store


def shown(store, **query):
    page = store.deployments(Query(**query))
    assert page.count >= len(page.items)
    return [(d.metadata.name, d.metadata.labels["fleet.cattle.io/cluster"]) for d in page.items]


def test_deployments_are_listed_by_their_own_fields(deployed):
    by_cluster = ("metadata.labels[fleet.cattle.io/cluster]", "-metadata.name")
    assert shown(deployed, sort=by_cluster)[:3] == [("web", "one"), ("api", "one"), ("web", "three")]
    assert shown(deployed, filters=((Filter("status.display.state", "=", ("Ready",)),),)) == [("api", "one")]
    assert shown(deployed, filters=((Filter("metadata.state.name", "!=", ("waitapplied",)),),)) == [("api", "one")]
    assert shown(deployed, filters=((Filter("status.ready", "=", ("true",)),),)) == [("api", "one")]
    assert len(shown(deployed, filters=((Filter("metadata.labels[fleet.cattle.io/repo-name]", "=", ("site",)),),))) == 3
    assert len(shown(deployed, selector=LabelSelector({"fleet.cattle.io/repo-name": "site"}))) == 3


@pytest.mark.parametrize(
    ("requirement", "count"),
    [
        (("fleet.cattle.io/cluster", "In", ("one",)), 2),
        (("fleet.cattle.io/cluster", "NotIn", ("one",)), 4),
        (("fleet.cattle.io/cluster", "Exists", ()), 6),
        (("fleet.cattle.io/cluster", "DoesNotExist", ()), 0),
        (("fleet.cattle.io/bundle-name", "In", ("web", "nothing")), 3),
        (("fleet.cattle.io/managed", "In", ("true",)), 6),
        (("objectset.rio.cattle.io/hash", "Exists", ()), 0),
        (("objectset.rio.cattle.io/hash", "NotIn", ("x",)), 6),
    ],
)
def test_a_selector_sees_the_labels_a_deployment_shows(deployed, requirement, count):
    selector = LabelSelector(match_expressions=(Requirement(*requirement),))
    assert len(shown(deployed, selector=selector)) == count


@pytest.mark.parametrize("field", ["metadata.creationTimestamp", "metadata.generation", "spec.paused", "nonsense"])
def test_a_list_of_deployments_refuses_fields_it_does_not_have(deployed, field):
    with pytest.raises(Invalid):
        deployed.deployments(Query(sort=(field,)))


@pytest.mark.parametrize(
    "order", [("metadata.name",), ("-status.display.state", "metadata.name"), ("metadata.labels[fleet.cattle.io/cluster]",), ()]
)
def test_pages_of_deployments_put_together_are_the_whole_list(deployed, order):
    whole, after, found = shown(deployed, sort=order), "", []
    while True:
        page = deployed.deployments(Query(sort=order, limit=2, after=after))
        found += [(d.metadata.name, d.metadata.labels["fleet.cattle.io/cluster"]) for d in page.items]
        after = page.next
        if not after:
            break
    assert found == whole
    assert len(whole) == 6


def test_a_deployment_is_read_by_its_bundle_and_its_cluster(deployed):
    found = deployed.deployment(WEB, cluster_key("two"))
    assert (found.metadata.name, found.status.display.state, found.spec.options.default_namespace) == ("web", "WaitApplied", "v1")
    assert found.metadata.namespace == deployed.get(Cluster, NS, "two").status.namespace
    with pytest.raises(NotFound):
        deployed.deployment(WEB, cluster_key("four"))
    assert deployed.deployments(Query(), bundle=Key("Bundle", NS, "gone")).items == ()
    assert deployed.deployments(Query(), cluster=cluster_key("two")).count == 2


def work(store, name, since=0):
    return {w.bundle.name: w for w in store.assigned(cluster_key(name), since)}


def test_an_agent_is_given_its_own_clusters_live_deployments(deployed):
    found = work(deployed, "one")
    content = deployed.find(Bundle, NS, "web").status.resources_sha256_sum
    assert sorted(found) == ["api", "web"]
    assert (found["web"].deployment_id, found["web"].content_sha256) == (f"{content_id(content)}:v1", content)
    assert (found["api"].status.ready, found["web"].status.ready, found["web"].deleting) == (True, False, False)
    assert work(deployed, "four") == {}


def test_an_agent_that_knows_everything_is_given_nothing_until_the_hub_wants_something(deployed):
    since = max(w.revision for w in work(deployed, "one").values())
    report(deployed, WEB, deployed.object_id(cluster_key("one")), status("x"))
    assert work(deployed, "one", since) == {}
    deployed.update(msgspec.structs.replace(deployed.find(Bundle, NS, "web"), spec=bundle("web", content="kind: A", paused=True).spec))
    assert [(w.bundle.name, w.paused) for w in deployed.assigned(cluster_key("one"), since)] == [("web", True)]
    one = deployed.get(Cluster, NS, "one")
    deployed.update(msgspec.structs.replace(one, spec=ClusterSpec(paused=True)))
    assert {name: w.paused for name, w in work(deployed, "one", since).items()} == {"api": True, "web": True}


def test_what_is_only_staged_is_no_work_and_what_is_forgotten_is_to_be_removed(store):
    store.create(cluster("one"))
    key, number = store.create(bundle("web", content="kind: A")).key, store.object_id(cluster_key("one"))
    wanted = variant(store, key)
    store.apply(plan(store, key, (wanted, [number])), step(create=[number]))
    assert work(store, "one") == {}
    store.apply(plan(store, key, (wanted, [number])), step(promote=[number]))
    since = work(store, "one")["web"].revision
    assert store.forget(key) == 1
    assert work(store, "one", since)["web"].deleting
    assert list(store.progress(key).deleting) == [number]
    store.report([Report(store.object_id(key), number, removed=True)])
    assert (work(store, "one"), store.forget(key)) == ({}, 0)


def sets(found):
    return {name: list(clusters) for name, clusters in found.items()}


def test_progress_tells_what_is_staged_live_applied_and_ready(store):
    numbers = []
    for name in ("one", "two", "three"):
        store.create(cluster(name))
        numbers.append(store.object_id(cluster_key(name)))
    key = store.create(bundle("web", content="kind: A")).key
    old = deploy(store, key, numbers)
    new = variant(store, key, "v2")
    store.apply(plan(store, key, (new, numbers)), step(stage=numbers[:2], promote=numbers[:1], remove=numbers[2:]))
    report(store, key, numbers[1], status(old.deployment_id, ready=True, non_modified=True))
    found = store.progress(key)
    assert sets(found.staged) == {new.deployment_id: numbers[:2]}
    assert sets(found.deployed) == {new.deployment_id: numbers[:1], old.deployment_id: numbers[1:2]}
    assert sets(found.applied) == {old.deployment_id: numbers[1:2]}
    assert (sets(found.staged_options), sets(found.options)) == ({"v2": numbers[:2]}, {"v2": numbers[:1], "v1": numbers[1:2]})
    assert [list(one) for one in (found.existing, found.ready, found.deleting)] == [numbers[:2], numbers[1:2], numbers[2:]]


def test_a_plan_made_from_content_the_bundle_no_longer_has_is_a_conflict_and_writes_nothing(store):
    store.create(cluster("one"))
    number = store.object_id(cluster_key("one"))
    key = store.create(bundle("web", content="kind: A")).key
    planned = plan(store, key, (variant(store, key), [number]))
    store.update(bundle("web", content="kind: B"))
    before = store.revision()
    with pytest.raises(Conflict, match="plan it again"):
        store.apply(planned, step(create=[number]))
    assert (store.revision(), list(store.progress(key).existing)) == (before, [])


def test_variants_and_deployment_ids_that_no_deployment_has_any_more_are_dropped(store, place):
    store.create(cluster("one"))
    number = store.object_id(cluster_key("one"))
    key = store.create(bundle("web", content="kind: A")).key
    deploy(store, key, [number])
    for word in ("v2", "v3", "v4"):
        wanted = variant(store, key, word)
        store.apply(plan(store, key, (wanted, [number])), step(stage=[number], promote=[number]))
        report(store, key, number, status(wanted.deployment_id, ready=True, non_modified=True))
    assert place.rows("SELECT digest FROM variant") == [("v4",)]
    assert [text.rpartition(":")[2] for (text,) in place.rows("SELECT text FROM deployment_id ORDER BY id")] == ["v3", "v4"]


@pytest.mark.parametrize("cls", [Bundle, Cluster])
def test_a_list_by_state_finds_what_shows_that_state(deployed, cls):
    deployed.create(cluster("idle"))
    deployed.create(bundle("unused"))
    deployed.seen([cluster_key(name) for name in ("one", "two", "three", "idle")], "2030-01-01T00:00:00Z")
    numbers = [deployed.object_id(cluster_key(name)) for name in ("one", "two", "three")]
    for name in ("web", "api"):
        report(deployed, Key("Bundle", NS, name), numbers[2], status("x", deployed="False"))
    states = {item.metadata.name: item.status.display.state for item in deployed.list(cls, Query()).items}
    assert set(states.values()) >= {"ErrApplied", ""}
    for state in ("ErrApplied", "WaitApplied", "Modified"):
        found = deployed.list(cls, Query(filters=((Filter("status.display.state", "=", (state,)),),)))
        assert [item.metadata.name for item in found.items] == sorted(name for name, shown in states.items() if shown == state)
    idle = deployed.list(cls, Query(filters=((Filter("status.display.state", "in", ("",)), Filter("status.display.state", "!exists")),)))
    assert [item.metadata.name for item in idle.items] == sorted(name for name, shown in states.items() if shown == "")
