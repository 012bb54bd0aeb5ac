"""What deployments complain of: one group for all that say the same, and nothing left of what nobody says any more."""

from __future__ import annotations

import msgspec
import pytest

from extension.objects.base import Key
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, Cluster, ClusterGroup, GitRepo
from extension.objects.selectors import LabelSelector
from extension.objects.shapes import OTHER
from extension.objects.states import State
from extension.store import complaints
from extension.store.errorgroups import ErrorQuery
from extension.store.protocol import Filter, Query
from tests.unit.store.samples import NS, bundle, cluster, deploy, group, names, plan, repo, report, status, step, variant


@pytest.fixture
def world(store):
    """Four clusters with the bundles `web` and `db` of the GitRepo `site`."""
    store.create(repo("site"))
    ids = []
    for number in range(4):
        made = store.create(cluster(f"site-{number}", env="a"))
        ids.append(store.object_id(made.key))
    for name in ("web", "db"):
        deploy(store, store.create(bundle(name, content=f"kind: {name}", repo="site")).key, ids)
    return ids


def key(name):
    return Key("Bundle", NS, name)


def fails(store, name, cluster_id, message):
    report(store, key(name), cluster_id, status(deployed="False", reason="Error", message=message))


def well(store, name, cluster_id):
    wanted = store.deployment(key(name), store.keys("Cluster", [cluster_id])[cluster_id]).spec.deployment_id
    report(store, key(name), cluster_id, status(wanted, ready=True, non_modified=True))


def told(store, **query):
    return [(one.text, one.clusters, one.deployments) for one in store.errors.list(ErrorQuery(**query)).items]


def test_bundles_that_fail_alike_on_a_cluster_count_it_once(store, world):
    for name in ("web", "db"):
        for cluster_id in world[:2]:
            fails(store, name, cluster_id, f"quota of 10.0.0.{cluster_id} is used up")
    fails(store, "db", world[2], "quota of 10.1.1.1 is used up")
    assert told(store) == [("quota of <ip> is used up", 3, 5)]
    assert told(store, bundle=key("web")) == [("quota of <ip> is used up", 2, 2)]
    assert told(store, maker=Key("GitRepo", NS, "site")) == [("quota of <ip> is used up", 3, 5)]
    assert told(store, maker=Key("GitRepo", NS, "web")) == []
    assert told(store, workspaces=("elsewhere",)) == []
    assert told(store, state=State.NotReady) == []


def test_a_group_names_the_clusters_that_registered_first_and_when_it_began(store, world):
    for cluster_id in reversed(world):
        fails(store, "web", cluster_id, f"site-{world.index(cluster_id)} is full")
    (found,) = store.errors.list(ErrorQuery()).items
    assert found.names == tuple(f"{NS}/site-{number}" for number in range(4))
    assert (found.text, found.bundles, found.state) == ("<cluster> is full", ("web",), State.ErrApplied)
    assert found.example == "site-3 is full"
    assert found.since


def test_what_nobody_says_any_more_leaves_nothing(store, place, world):
    fails(store, "web", world[0], "one")
    fails(store, "db", world[1], "two")
    fails(store, "web", world[0], "three")
    assert sorted(text for text, _, _ in told(store)) == ["three", "two"]
    well(store, "web", world[0])
    store.delete(Bundle, NS, "db")
    assert place.rows("SELECT * FROM shape") == place.rows("SELECT * FROM complaint") == []


def test_a_complaint_goes_with_its_deployment_from_state_to_state(store, world):
    fails(store, "web", world[0], "one")
    store.apply(plan(store, key("web"), (variant(store, key("web"), "v2"), world)), step(stage=world, promote=world))
    assert told(store, state=State.ErrApplied) == [("one", 1, 1)]
    store.forget(key("web"))
    assert told(store) == []
    assert list(store.audit()) == []


def test_of_very_many_messages_the_rest_are_one(store, world, monkeypatch):
    monkeypatch.setattr(complaints, "MOST", 2)
    for cluster_id, message in zip(world, ("one", "two", "three", "four"), strict=True):
        fails(store, "web", cluster_id, message)
    assert told(store)[0] == (OTHER, 2, 2)
    assert sorted(text for text, _, _ in told(store)) == sorted([OTHER, "one", "two"])


@pytest.mark.parametrize("message", ["\x00", "a\x00b", "\ud800 c"])
def test_a_message_of_any_characters_is_kept(store, world, message):
    fails(store, "web", world[0], message.encode(errors="replace").decode())
    assert len(told(store)) == 1


def test_lists_of_clusters_and_deployments_are_those_of_a_shape(store, world):
    for cluster_id in world[:3]:
        fails(store, "web", cluster_id, "one")
    fails(store, "db", world[3], "one")
    (found,) = store.errors.list(ErrorQuery()).items
    alike = ((Filter("status.shape", "=", (found.shape,)),),)
    assert names(store.list(Cluster, Query(filters=alike))) == [f"site-{number}" for number in range(4)]
    first = store.deployments(Query(filters=alike, limit=2))
    rest = store.deployments(Query(filters=alike, limit=2, after=first.next))
    assert (first.count, names(first) + names(rest), rest.next) == (4, ["web", "web", "web", "db"], "")
    well(store, "db", world[3])
    assert names(store.list(Cluster, Query(filters=alike))) == [f"site-{number}" for number in range(3)]
    failed = (*alike, (Filter("status.display.state", "=", ("ErrApplied",)),))
    assert store.deployments(Query(filters=failed)).count == 3
    assert store.deployments(Query(filters=(*alike, (Filter("status.display.state", "=", ("Ready",)),)))).count == 0


def test_groups_go_on_after_a_place(store, world):
    for name, cluster_id, message in (("web", 0, "one"), ("web", 1, "one"), ("web", 2, "two"), ("db", 3, "two"), ("db", 0, "three")):
        fails(store, name, world[cluster_id], message)
    first = store.errors.list(ErrorQuery(limit=1))
    rest = store.errors.list(ErrorQuery(after=first.next))
    assert [one.clusters for one in (*first.items, *rest.items)] == [2, 2, 1]
    assert (first.count, rest.count, rest.next) == (3, 3, "")
    with pytest.raises(Invalid):
        store.errors.list(ErrorQuery(after="[1]"))


def test_a_write_that_is_given_back_hides_no_later_change(store, world):
    """What a dry run saw has the number that the next write takes."""
    made = store.create(group("everyone", LabelSelector()))
    site = store.get(GitRepo, NS, "site")
    for name, one in zip(("web", "db"), world, strict=False):
        store.update(relabelled(store.get(ClusterGroup, NS, made.metadata.name)), dry_run=True)
        store.update(relabelled(site), dry_run=True)
        well(store, name, one)
        assert store.get(ClusterGroup, NS, "everyone").status.summary.ready == 1 + (name == "db")
    store.update(relabelled(site), dry_run=True)
    well(store, "db", world[0])
    found = store.get(GitRepo, NS, "site").status
    assert (found.ready_clusters, found.desired_ready_clusters) == (1, 4)


def relabelled(obj):
    meta = msgspec.structs.replace(obj.metadata, labels={"a": "b"}, resource_version="")
    return msgspec.structs.replace(obj, metadata=meta)
