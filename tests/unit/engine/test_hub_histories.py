"""Random histories of bundles, pauses, check-ins, reports, restarts and lost answers: an agent that asks knows what it should."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extension.engine import reports
from extension.objects.kinds import Bundle, BundleResource, BundleTarget, Cluster
from extension.objects.names import registered_cluster_name
from extension.store.opening import open_store
from extension.store.protocol import Query
from tests.unit.engine.hubs import World
from tests.unit.engine.samples import NS, changed, config_map, marked

CLIENTS = ("a", "b")
BUNDLES = ("for-a", "for-b", "for-all")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.sampled_from(BUNDLES), st.integers(0, 3)),
        st.tuples(st.just("pause"), st.sampled_from(BUNDLES), st.booleans()),
        st.tuples(st.just("forget"), st.sampled_from(BUNDLES), st.none()),
        st.tuples(st.just("hold"), st.sampled_from(CLIENTS), st.booleans()),
        st.tuples(st.just("ask"), st.sampled_from(CLIENTS), st.none()),
        st.tuples(st.just("report"), st.sampled_from(CLIENTS), st.none()),
        st.tuples(st.sampled_from(("lose", "repeat", "begin")), st.sampled_from(CLIENTS), st.none()),
        st.tuples(st.just("restart"), st.none(), st.none()),
    ),
    min_size=3,
    max_size=12,
)


class History:
    def __init__(self, folder):
        self.store = open_store(folder / "store.db")
        self.world = World(self.store)
        self.agents = {agent.client: agent for agent in self.world.agents(*CLIENTS)}
        self.sent = {client: [] for client in CLIENTS}
        for name in BUNDLES:
            client = name.removeprefix("for-")
            here = (BundleTarget(name="t", cluster_name=registered_cluster_name(client)),) if client != "all" else ()
            self.world.rollouts.add(name, *here)
        for agent in self.agents.values():
            agent.check_in()

    def commit(self, name, value):
        self._update(name, resources=(BundleResource(name="a.yaml", content=config_map(name, value)),))

    def pause(self, name, paused):
        self._update(name, paused=paused)

    def _update(self, name, **spec):
        bundle = self.store.get(Bundle, NS, name)
        self.store.update(marked(changed(bundle, **spec), resource_version=""))
        self.world.rollouts.look(name)

    def forget(self, name, _):
        self.store.forget(self.store.get(Bundle, NS, name).key)

    def hold(self, client, paused):
        cluster = self.store.get(Cluster, NS, registered_cluster_name(client))
        self.store.update(marked(changed(cluster, paused=paused), resource_version=""))

    def ask(self, client, _):
        self.agents[client].check_in()

    def lose(self, client, _):
        agent = self.agents[client]
        self.world.hub.check_in(agent.key, agent.since)

    def begin(self, client, _):
        self.agents[client].since = ""
        self.agents[client].check_in()

    def report(self, client, _):
        agent = self.agents[client]
        made = [agent.said(name, removed=item.deleting) for name, item in agent.items.items()]
        agent.report(*made)
        self.sent[client] += made

    def repeat(self, client, _):
        for old in (*self.sent[client][-2:], *self.sent[client][:2]):
            self.agents[client].report(old)

    def restart(self, *_):
        hub = self.world.restarted()
        for agent in self.agents.values():
            agent.hub = hub

    def ends_well(self):
        """After everybody asked once more, each agent has what the store says, and every row that was reported of as it is now is Ready."""
        self.world.caught_up()
        for client, agent in self.agents.items():
            agent.check_in()
            wanted = {item.bundle.name: item for item in self.store.assigned(agent.cluster)}
            kept = {name: item for name, item in agent.items.items() if name in wanted or not item.deleting}
            told = {name: (item.deployment_id, item.paused, item.deleting) for name, item in kept.items()}
            assert told == {name: (item.deployment_id, item.paused, item.deleting) for name, item in wanted.items()}
            assert not {name for name in agent.items if name not in (f"for-{client}", "for-all")}
            self.report(client, None)
            self.repeat(client, None)
        asked = [one for one in self.store.deployments(Query()).items if one.spec.deployment_id]
        assert {one.status.display.state for one in asked} <= {"Ready", "OutOfSync"}

    def close(self):
        self.world.stop()
        self.store.close()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_no_change_is_lost_and_nobody_is_told_of_anothers_work(steps):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports, "GATHER", 0.001)
        history = History(Path(folder))
        try:
            for step, *args in steps:
                getattr(history, step)(*args)
            history.ends_well()
        finally:
            history.close()
