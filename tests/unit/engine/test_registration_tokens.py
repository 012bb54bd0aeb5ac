"""ClusterRegistrationTokens: their Secret, their end (`fleet-semantics.md` 1.10, 3.8)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from extension.engine.hub import Hub
from extension.engine.registrationtokens import TYPE, RegistrationTokenReconciler, expires
from extension.engine.reports import Reports
from extension.engine.runtime import Engine
from extension.engine.seen import Seen
from extension.objects import yaml
from extension.objects.base import ObjectMeta
from extension.objects.kinds import Cluster, ClusterRegistrationToken, Secret
from extension.rendering.pool import Pool
from extension.settings import Settings
from tests.fakes.sources import DictSources
from tests.fakes.waiting import wait_for
from tests.unit.engine.hubs import one, token, world
from tests.unit.engine.samples import NS, marked

__all__ = ["world"]


def test_the_secret_of_a_token_has_what_an_agent_needs(world, tmp_path):
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----\n")
    settings = Settings(server_url="https://cd.example.org", server_ca=str(authority))
    made = world.store.create(token())
    assert RegistrationTokenReconciler(world.store, world.hub.keys, settings)(made.key) is None
    secret = world.store.get(Secret, NS, "join")
    values = yaml.load(secret.data["values"])
    assert secret.type == TYPE
    assert values.pop("token").startswith("registration-")
    assert values == {
        "clusterNamespace": NS,
        "apiServerURL": "https://cd.example.org",
        "apiServerCA": "-----BEGIN CERTIFICATE-----\n",
        "tokenName": "join",
        "systemRegistrationNamespace": "cattle-fleet-clusters-system",
    }
    status = world.store.get(ClusterRegistrationToken, NS, "join").status
    assert (status.secret_name, status.expires) == ("join", None)


def test_a_second_look_writes_nothing_and_a_secret_that_was_deleted_comes_back_the_same(world):
    secret = world.token()
    before = world.store.revision()
    look = RegistrationTokenReconciler(world.store, world.hub.keys, world.settings)
    look(token().key)
    assert world.store.revision() == before
    world.store.delete(Secret, NS, "join")
    look(token().key)
    assert yaml.load(world.store.get(Secret, NS, "join").data["values"])["token"] == secret


def test_a_token_ends_after_its_ttl_and_takes_its_secret_along(world):
    made = world.store.create(token(ttl="2h"))
    moment = datetime.fromisoformat(made.metadata.creation_timestamp)
    now = [moment]
    look = RegistrationTokenReconciler(world.store, world.hub.keys, world.settings, clock=lambda: now[0])
    assert look(made.key) == 3600
    over = (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert world.store.get(ClusterRegistrationToken, NS, "join").status.expires == over
    now[0] += timedelta(hours=1, minutes=59)
    assert look(made.key) == pytest.approx(60.01)
    now[0] += timedelta(minutes=1)
    assert look(made.key) is None
    assert world.store.find(ClusterRegistrationToken, NS, "join") is None
    look(made.key)
    assert world.store.find(Secret, NS, "join") is None


@pytest.mark.parametrize("ttl", [None, "0", "0s", "2562047h"])
def test_a_token_without_an_end(ttl):
    made = token(ttl=ttl)
    made = marked(made, creation_timestamp="9999-01-01T00:00:00Z" if ttl == "2562047h" else "2026-01-01T00:00:00Z")
    assert expires(made) is None


def test_a_secret_of_somebody_else_is_left_alone_and_the_token_names_none(world):
    world.store.create(Secret(metadata=ObjectMeta(name="join", namespace=NS), data={"k": b"v"}))
    made = world.store.create(token())
    look = RegistrationTokenReconciler(world.store, world.hub.keys, world.settings)
    look(made.key)
    assert world.store.get(Secret, NS, "join").data == {"k": b"v"}
    assert world.store.get(ClusterRegistrationToken, NS, "join").status.secret_name == ""
    world.store.delete(ClusterRegistrationToken, NS, "join")
    look(made.key)
    assert world.store.find(Secret, NS, "join")


def test_a_running_engine_makes_the_secret_of_a_token_sees_who_checks_in_and_drops_the_secret_with_the_token(store, tmp_path):
    settings = Settings(state_dir=tmp_path)
    engine = Engine(store, DictSources(), Pool(), settings, term=1)
    engine.start()
    reports = Reports(store)
    hub = Hub(store, reports, settings)
    seen = Seen(store, numbers=hub.reached)
    assert hub.start(1)
    seen.start()
    try:
        store.create(token())
        wait_for(lambda: store.find(Secret, NS, "join"))
        values = yaml.load(store.get(Secret, NS, "join").data["values"])
        (found,) = hub.register(values["token"], one())
        hub.check_in(found.key, "")
        wait_for(lambda: store.get(Cluster, NS, found.cluster_name).status.agent.last_seen)
        store.delete(ClusterRegistrationToken, NS, "join")
        wait_for(lambda: store.find(Secret, NS, "join") is None)
    finally:
        for part in (seen, hub, engine):
            part.stop()
