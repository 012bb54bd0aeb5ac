"""Clusters that register themselves, and the tokens they do it with (`fleet-semantics.md` 1.10, 3.8)."""

from __future__ import annotations

import threading

import msgspec
import pytest

from extension.engine.registering import MOST
from extension.engine.registrationtokens import RegistrationTokenReconciler
from extension.objects.agents import RegistrationRequest
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import Busy, Conflict, Invalid, MissingRequired, Unauthorized
from extension.objects.kinds import Cluster, ClusterRegistrationToken, FleetWorkspace, Secret
from extension.objects.names import registered_cluster_name
from extension.settings import Settings
from extension.store.copying import Place, copy_store
from extension.store.opening import open_store
from extension.store.protocol import Query
from tests.unit.engine.hubs import Agent, World, one, token, world
from tests.unit.engine.samples import NS, changed, cluster
from tests.unit.store.places import BOTH

__all__ = ["world"]


def test_a_cluster_gets_fleets_name_its_labels_and_a_key_that_works(world):
    asked = {"env": "prod", "fleet.cattle.io/x": "1", "management.cattle.io/y": "2", "fleet.cattle.io/created-by-agent-pod": "pod"}
    (found,) = world.hub.register(world.token(), [RegistrationRequest("a", asked)])
    made = world.store.get(Cluster, NS, found.cluster_name)
    assert made.metadata.name == registered_cluster_name("a")
    assert made.spec.client_id == "a"
    assert made.status.namespace == found.deployment_namespace
    assert made.metadata.labels == {
        "env": "prod",
        "fleet.cattle.io/created-by-agent-pod": "pod",
        "fleet.cattle.io/cluster": made.metadata.name,
    }
    assert world.hub.check_in(found.key, "").work.complete


def test_labels_that_are_asked_for_can_be_ignored(store):
    world = World(store, Settings(ignore_cluster_registration_labels=True))
    (found,) = world.hub.register(world.token(), one("a", env="prod"))
    assert set(world.store.get(Cluster, NS, found.cluster_name).metadata.labels) == {"fleet.cattle.io/cluster"}
    world.stop()


def test_the_same_client_is_the_same_cluster_and_its_labels_are_left_alone(world):
    secret = world.token()
    (first,) = world.hub.register(secret, one("a", env="prod"))
    before = world.store.revision()
    (again,) = world.hub.register(secret, one("a", env="test"))
    assert again == first
    assert world.store.revision() == before
    assert world.store.get(Cluster, NS, first.cluster_name).metadata.labels["env"] == "prod"


def test_a_cluster_that_somebody_made_with_the_clients_id_is_the_one(world):
    world.store.create(cluster("by-hand", client_id="a"))
    world.store.create(cluster("other", client_id="b"))
    (found,) = world.hub.register(world.token(), one("a"))
    assert found.cluster_name == "by-hand"
    assert world.store.list(Cluster).count == 2


def test_a_client_id_belongs_to_a_workspace(world):
    world.store.create(FleetWorkspace(metadata=ObjectMeta(name="there")))
    (here,) = world.hub.register(world.token(), one("a"))
    (there,) = world.hub.register(world.token("other", namespace="there"), one("a"))
    assert (here.cluster_namespace, there.cluster_namespace) == (NS, "there")
    assert here.key != there.key


def test_many_register_at_once_new_ones_and_known_ones_in_one_write(world):
    secret = world.token()
    world.hub.register(secret, one("c7"))
    before = world.store.revision()
    clients = [f"c{number}" for number in range(600)]
    found = world.hub.register(secret, [RegistrationRequest(client) for client in [*clients, "c1"]])
    assert [answer.client_id for answer in found] == [*clients, "c1"]
    assert [answer.cluster_name for answer in found[:600]] == [registered_cluster_name(client) for client in clients]
    assert world.store.revision() == before + 1
    assert world.store.list(Cluster, Query(limit=1)).count == 600


def test_a_token_counts_the_clusters_that_were_made_with_it_and_no_other(world):
    secret = world.token()
    world.hub.register(secret, [RegistrationRequest("a"), RegistrationRequest("b")])
    world.hub.register(secret, [RegistrationRequest("b"), RegistrationRequest("c")])
    world.hub.register(world.token("other"), one("c"))
    look = RegistrationTokenReconciler(world.store, world.hub.keys, world.settings)
    world.store.update(msgspec.structs.replace(world.store.get(ClusterRegistrationToken, NS, "join"), spec=token(ttl="1h").spec))
    look(token().key)
    counted = {name: world.store.get(ClusterRegistrationToken, NS, name).status for name in ("join", "other")}
    assert {name: status.registered_clusters for name, status in counted.items()} == {"join": 3, "other": 0}
    assert counted["join"].expires, "what else the status tells is kept up beside it"


def test_clusters_of_a_token_that_went_meanwhile_are_made_uncounted(world):
    world.store.register([cluster("a")], Key(ClusterRegistrationToken.KIND, NS, "gone"))
    assert world.store.get(Cluster, NS, "a").metadata.uid


def test_the_same_clients_registering_at_the_same_time_are_one_cluster_each(world):
    secret, found, start = world.token(), [], threading.Barrier(4)

    def join():
        start.wait()
        found.append(world.hub.register(secret, [RegistrationRequest(f"c{number}") for number in range(20)]))

    threads = [threading.Thread(target=join) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(answers == found[0] for answers in found)
    assert world.store.list(Cluster).count == 20


def test_clients_that_would_get_one_name_are_told_apart_or_refused(world):
    alike = ["x" * 100 + "1", "x" * 100 + "2"]
    secret = world.token()
    with pytest.raises(Conflict, match="clientID"):
        world.hub.register(secret, [RegistrationRequest(client) for client in alike])
    world.hub.register(secret, one(alike[0]))
    with pytest.raises(Conflict, match="clientID"):
        world.hub.register(secret, one(alike[1]))
    world.store.create(cluster(registered_cluster_name("named")))
    with pytest.raises(Conflict, match="clientID"):
        world.hub.register(secret, one("named"))


@pytest.mark.parametrize(
    ("requests", "error"),
    [([], Invalid), (one(""), MissingRequired), (one("x" * 254), Invalid), (one() * (MOST + 1), Invalid)],
    ids=["none", "no clientID", "a long clientID", "too many"],
)
def test_what_can_not_be_registered(world, requests, error):
    with pytest.raises(error):
        world.hub.register(world.token(), requests)
    assert world.store.list(Cluster).count == 0


def test_the_local_workspace_takes_no_clusters(world):
    with pytest.raises(Invalid, match="fleet-local"):
        world.hub.register(world.token(namespace="fleet-local"), one())


def test_a_crowd_of_new_clusters_is_told_when_to_come_back(world):
    secret = world.token()
    entered = [world.hub.register._gate.entered() for _ in range(Settings().threads // 2)]
    for gate in entered:
        gate.__enter__()
    with pytest.raises(Busy) as refused:
        world.hub.register(secret, one())
    assert 5 <= refused.value.retry_after <= 15
    for gate in entered:
        gate.__exit__(None, None, None)
    assert world.hub.register(secret, one())


@pytest.mark.parametrize("secret", ["", "registration-1.0.0123456789abcdef." + "0" * 64, "token-abc:def"])
def test_a_secret_that_was_never_given_is_refused(world, secret):
    world.token()
    with pytest.raises(Unauthorized, match="not one of this service"):
        world.hub.register(secret, one())


def test_a_deleted_token_ends_and_one_of_its_name_is_another(world):
    secret = world.token()
    world.store.delete(ClusterRegistrationToken, NS, "join")
    with pytest.raises(Unauthorized, match="was deleted"):
        world.hub.register(secret, one())
    assert world.token() != secret
    with pytest.raises(Unauthorized, match="was deleted"):
        world.hub.register(secret, one())


def test_a_token_that_is_over_is_refused_before_it_is_deleted(world):
    secret = world.token(ttl="1h")
    made = world.store.get(ClusterRegistrationToken, NS, "join")
    world.store.update(changed(made, ttl="1ns"))
    with pytest.raises(Unauthorized, match="expired"):
        world.hub.register(secret, one())


@pytest.mark.parametrize("to", BOTH)
def test_after_a_restore_keys_are_good_and_whoever_was_ahead_is_told_everything(world, tmp_path, to, request):
    """The hub is set back to a backup, and goes on past the revision that an agent knows of another history."""
    (old,) = world.agents("old")
    world.rollouts.add("web")
    old.check_in()
    where = tmp_path / "restored.db" if to == "sqlite" else request.getfixturevalue("postgres").empty()
    key_file = tmp_path / "restored.db.key"
    copy_store(Place(tmp_path / "store.db", tmp_path / "store.db.key"), Place(where, key_file), lambda *_: None)
    (young,) = world.agents("young")
    world.rollouts.add("db")
    world.caught_up()
    for agent in (old, young):
        agent.check_in()
    assert set(old.items) == {"web", "db"}

    store = open_store(where, key_file=key_file)
    restored = World.__new__(World)
    restored.store, restored.settings, restored.reports = store, world.settings, world.reports
    restored.hub = type(world.hub)(store, world.reports, world.settings, pause=0.02)
    store.asking.begin(1)
    restored.hub.start(1)
    try:
        (other,) = [Agent(restored.hub, "other", one) for one in restored.hub.register(restored.token("later"), one("other"))]
        while store.revision() <= world.store.revision():
            store.create(Secret(metadata=ObjectMeta(generate_name="s-", namespace=NS)))
        old.hub = young.hub = restored.hub
        old.check_in()
        assert set(old.items) == {"web"}
        with pytest.raises(Unauthorized, match="does not exist any more"):
            young.check_in()
        (again,) = restored.hub.register(restored.token("again"), one("young"))
        assert restored.hub.check_in(again.key, "").work.complete
        assert restored.hub.check_in(other.key, "").work.complete
    finally:
        restored.hub.stop()
        store.close()


def test_nothing_secret_is_in_what_is_printed_of_keys(world):
    (found,) = world.hub.register(world.token(), one())
    assert found.key not in repr(found)
    world.hub.rotate(Key("Cluster", NS, found.cluster_name))
    work = world.hub.check_in(found.key, "").work
    assert work.key and work.key not in repr(work)
    assert msgspec.json.decode(msgspec.json.encode(work))["key"] == work.key


def test_a_client_id_given_later_is_found_too(world):
    made = world.store.create(cluster("by-hand"))
    world.store.update(changed(made, client_id="later"))
    (found,) = world.hub.register(world.token(), one("later"))
    assert found.cluster_name == "by-hand"


def test_many_who_register_one_by_one_at_the_same_time_all_get_their_own(world):
    secret, found = world.token(), {}

    def register(client):
        (found[client],) = world.hub.register(secret, one(client, own=client))

    threads = [threading.Thread(target=register, args=(f"c{number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {client: made.cluster_name for client, made in found.items()} == {
        client: registered_cluster_name(client) for client in (f"c{number}" for number in range(12))
    }
    assert {made.metadata.labels["own"] for made in world.store.list(Cluster, Query(namespaces=(NS,))).items} == found.keys()
    assert len({made.key for made in found.values()}) == 12
