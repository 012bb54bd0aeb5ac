"""Shards of simulated agents with a hub of this process."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from extension.objects.agents import DeploymentReport, ReportAnswer
from extension.objects.kinds import Bundle, BundleDeploymentStatus, Cluster
from extension.simulator.behaviour import Behaviour
from extension.simulator.doors import Away, HttpDoor, HubDoor
from extension.simulator.running import Figures, Shard, clusters, total
from extension.store.opening import open_store
from tests.unit.engine.hubs import World
from tests.unit.engine.samples import NS

ROUGH = Behaviour(
    deploy_seconds=1, failing=0.3, offline=0.1, offline_seconds=60, restarting=0.2, duplicated=0.3, delayed=0.3, skewed=5, interval=5
)


@pytest.fixture
def world(tmp_path):
    store = open_store(tmp_path / "store.db")
    world = World(store)
    yield world
    world.stop()
    store.close()


class Clock:
    """Goes on by a hundredth of a second whenever it is looked at."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.01
        return self.now


def shard(door, behaviour, speed=100.0):
    return Shard(door, behaviour, 1, speed, Clock())


def live(made, seconds=300.0):
    made.run(made.now() + seconds, threading.Event())


def test_what_an_agent_is_made_to_say_is_counted_and_acknowledged(world):
    made = shard(HubDoor(world.hub), Behaviour(deploy_seconds=0, interval=5))
    made.register(world.token(), list(clusters("c", 1)), 1)
    world.rollouts.add("web")
    live(made)
    ((bundle_id, known),) = made.agents.known[0].items()
    wrong = BundleDeploymentStatus(applied_deployment_id=known.deployment_id, non_modified=True)
    made.say(0, (DeploymentReport(bundle_id, known.sequence + 1, status=wrong),))
    assert world.store.get(Bundle, NS, "web").status.summary.not_ready == 1
    assert not made.agents.known[0][bundle_id].ready
    assert made.figures.told["report"] == 2


def test_agents_of_a_rough_network_end_with_all_that_was_asked_and_counters_that_agree(world):
    made = shard(HubDoor(world.hub), ROUGH)
    made.register(world.token(), list(clusters("c", 20)), 7)
    for name in ("web", "shop"):
        world.rollouts.add(name)
    live(made)
    made.settle()
    assert world.store.list(Cluster).count == 20
    assert [bundle.status.display.ready_clusters for bundle in world.store.list(Bundle).items] == ["20/20"] * 2
    assert list(made.compared()) == []
    assert sum(len(known) for known in made.agents.known.values()) == 40
    assert made.figures.refused == {}


def test_what_the_hub_forgot_is_told_by_cluster_and_bundle(world):
    made = shard(HubDoor(world.hub), Behaviour(deploy_seconds=0, interval=5))
    made.register(world.token(), list(clusters("c", 2)), 2)
    world.rollouts.add("web")
    live(made)
    (bundle,) = made.agents.known[0]
    made.agents.known[0][bundle] = made.agents.known[0][bundle].__class__(99, "other", True)
    (lost,) = made.compared()
    assert (lost.cluster, lost.bundle_id, lost.told) == (made.agents.names[0], bundle, "other ready=True")
    assert lost.known.endswith("ready=True")


class Crowded:
    """A hub that sends everybody away at first."""

    def __init__(self, hub, times):
        self._door, self.left = HubDoor(hub), times

    def _turned_away(self):
        if self.left:
            self.left -= 1
            raise Away("429", 0.01)

    def register(self, *given):
        self._turned_away()
        return self._door.register(*given)

    def check_in(self, *given):
        self._turned_away()
        return self._door.check_in(*given)

    def report(self, *given):
        self._turned_away()
        return self._door.report(*given)


def test_who_is_sent_away_comes_again_and_is_counted(world):
    made = shard(Crowded(world.hub, 5), Behaviour(deploy_seconds=0, interval=5))
    made.register(world.token(), list(clusters("c", 2)), 2)
    world.rollouts.add("web")
    live(made)
    assert made.figures.refused == {"register: 429": 5}
    made._door.left = 3
    live(made)
    assert made.figures.refused["check-in: 429"] == 3
    assert world.store.get(Bundle, NS, "web").status.display.ready_clusters == "2/2"


def test_figures_of_shards_are_put_together():
    one, two = Figures(), Figures()
    for figures, seconds in ((one, 0.001), (two, 0.002)):
        for _ in range(99):
            figures.add("check-in", seconds)
    two.add("check-in", 5.0)
    both = one.merged(two)
    assert both.told == {"check-in": 199}
    assert both.percentiles("check-in") == {"p50": 2.0, "p99": 2.0, "p100": 5000.0}
    assert both.percentiles("report") == {}


def test_a_shard_without_agents_ends_at_once():
    class Nobody:
        def report(self, *_given):
            return ReportAnswer()

    made = shard(Nobody(), Behaviour())
    live(made)
    assert total([made]).told == {}


@pytest.mark.parametrize(("verify", "told"), [(True, "SSLCertVerificationError"), (False, "404"), ("CA", "404")])
def test_a_door_trusts_the_certificates_it_is_told_to(tmp_path, verify, told):
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)

    class Nothing(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_error(404)

        def log_message(self, *_given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    door = HttpDoor(f"https://127.0.0.1:{server.server_address[1]}", str(tmp_path / "ca.pem") if verify == "CA" else verify)
    with pytest.raises(Away, match=told):
        door.check_in("key", "")
    server.shutdown()
    server.server_close()
