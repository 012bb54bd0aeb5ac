"""What holds in every step of every rollout, and that rollouts end (fleet-semantics.md 3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import FrozenBitMap

from extension.objects.plan import NONE, Plan, Progress, Step
from extension.targeting import MemoryUniverse, plan, step
from tests.unit.targeting.worlds import Substituting, bundle, cluster

LIMITS = st.one_of(st.integers(1, 12), st.sampled_from(("1", "3", "10%", "50%", "100%")))
RINGS = ("one", "two", "three")
BY_RING = [{"name": ring, "clusterSelector": {"matchLabels": {"ring": ring}}} for ring in RINGS]


@st.composite
def strategies(draw: st.DrawFn) -> dict[str, Any]:
    strategy = draw(
        st.fixed_dictionaries(
            {"maxNew": st.integers(1, 20)},
            optional={
                "maxUnavailable": LIMITS,
                "maxUnavailablePartitions": st.integers(0, 2),
                "autoPartitionSize": LIMITS,
                "autoPartitionThreshold": st.integers(0, 5),
            },
        )
    )
    if draw(st.booleans()):
        strategy["partitions"] = [{**ring, "maxUnavailable": draw(LIMITS)} for ring in BY_RING]
    return strategy


class Rollout:
    """A bundle's stored deployments, and agents that report when they are told to."""

    def __init__(self, strategy: dict[str, Any], rings: list[str], paused: list[bool]) -> None:
        clusters = [
            cluster(f"c{n:03}", {"ring": ring}, paused=stopped) for n, (ring, stopped) in enumerate(zip(rings, paused, strict=True))
        ]
        self.universe = MemoryUniverse(clusters)
        self.everyone = self.universe.clusters("ws")
        self.strategy = strategy
        self.version = 0
        self.staged: dict[int, str] = {}
        self.deployed: dict[int, str] = {}
        self.applied: dict[int, str] = {}
        self.ready: set[int] = set()
        self.plan = self.change()

    def change(self) -> Plan:
        """The next version of the bundle."""
        self.version += 1
        spec = {"namespace": f"v{self.version}", "rolloutStrategy": self.strategy, "targets": [{"name": "all", "clusterSelector": {}}]}
        self.plan = plan(bundle(spec), self.universe, Substituting(), manifest_id="s-1")
        return self.plan

    @property
    def target(self) -> dict[int, str]:
        return {n: a.variant.deployment_id for a in self.plan.assignments for n in a.clusters}

    def progress(self) -> Progress:
        return Progress(
            existing=FrozenBitMap(self.staged),
            staged=_by_id(self.staged),
            deployed=_by_id(self.deployed),
            applied=_by_id(self.applied),
            ready=FrozenBitMap(self.ready),
            options={a.variant.digest: a.clusters for a in self.plan.assignments},
        )

    def next(self) -> Step:
        """The next step, written."""
        done = step(self.plan, self.progress(), self.universe)
        for number in done.stage:
            self.staged[number] = self.target[number]
        for number in done.promote:
            self.deployed[number] = self.staged[number]
            self.ready.discard(number)
        return done

    def report(self, numbers: Iterator[int] | FrozenBitMap) -> None:
        for number in numbers:
            if number in self.deployed:
                self.applied[number] = self.deployed[number]
                self.ready.add(number)

    def unavailable(self, among: FrozenBitMap) -> int:
        return sum(n in self.staged and not self._runs(n) for n in among)

    def behind(self, among: FrozenBitMap) -> int:
        return sum(not (n in self.staged and self._runs(n) and self.deployed.get(n) == self.target[n]) for n in among)

    def _runs(self, number: int) -> bool:
        return number in self.ready and self.applied.get(number) == self.deployed.get(number)


def _by_id(places: dict[int, str]) -> dict[str, FrozenBitMap]:
    return {id_: FrozenBitMap([n for n, own in places.items() if own == id_]) for id_ in set(places.values())}


@st.composite
def rollouts(draw: st.DrawFn, pauses: bool = False) -> Rollout:
    rings = draw(st.lists(st.sampled_from((*RINGS, *RINGS, "none") if pauses else RINGS), min_size=1, max_size=25))
    stopped = [pauses and draw(st.integers(0, 4)) == 0 for _ in rings]
    return Rollout(draw(strategies()), rings, stopped)


REPORTS = st.lists(st.frozensets(st.integers(0, 24), max_size=25), min_size=3, max_size=12)


def _run(rollout: Rollout, reports: list[frozenset[int]]) -> Iterator[tuple[dict[str, int], int, Step]]:
    """A first rollout and a second one on top of it, agents reporting as they like: what was unavailable before each step."""
    for turn, heard in enumerate(reports):
        if turn == len(reports) // 2:
            rollout.report(rollout.everyone)
            rollout.change()
        before = {partition.name: rollout.unavailable(partition.clusters) for partition in rollout.plan.partitions}
        everywhere = rollout.unavailable(rollout.everyone)
        yield before, everywhere, rollout.next()
        rollout.report(FrozenBitMap(heard & set(rollout.everyone)))


@given(rollouts(pauses=True), REPORTS)
@settings(deadline=None)
def test_no_step_makes_more_unavailable_than_it_may(rollout: Rollout, reports: list[frozenset[int]]) -> None:
    for before, everywhere, done in _run(rollout, reports):
        for partition in rollout.plan.partitions:
            fresh = done.create & partition.clusters
            now = rollout.unavailable(partition.clusters - fresh)
            assert now <= max(before[partition.name], partition.max_unavailable), partition.name
        assert rollout.unavailable(rollout.everyone - done.create) <= max(everywhere, rollout.plan.max_unavailable)


@given(rollouts(pauses=True), REPORTS)
@settings(deadline=None)
def test_a_partition_waits_for_the_ones_before_it(rollout: Rollout, reports: list[frozenset[int]]) -> None:
    for _, _, done in _run(rollout, reports):
        touched = done.create | done.stage | done.promote | done.refresh
        late = 0
        for partition in rollout.plan.partitions:
            if late > rollout.plan.max_unavailable_partitions:
                assert touched.isdisjoint(partition.clusters), partition.name
            late += rollout.behind(partition.clusters) > partition.max_unavailable


@given(rollouts(pauses=True), REPORTS)
@settings(deadline=None)
def test_no_step_creates_more_than_it_may_nor_touches_what_is_paused(rollout: Rollout, reports: list[frozenset[int]]) -> None:
    stopped = rollout.universe.paused()
    for _, _, done in _run(rollout, reports):
        assert len(done.create) == done.newly_created <= rollout.plan.max_new
        assert stopped.isdisjoint(done.promote | done.refresh)
        assert done.create <= done.stage
        assert done.remove == NONE


@given(rollouts(pauses=True), REPORTS)
@settings(deadline=None, max_examples=30)
def test_clusters_in_no_partition_are_never_touched(rollout: Rollout, reports: list[frozenset[int]]) -> None:
    inside = FrozenBitMap.union(NONE, *(partition.clusters for partition in rollout.plan.partitions))
    for _, _, done in _run(rollout, reports):
        assert (done.create | done.stage | done.promote) <= inside


@given(rollouts(), st.randoms())
@settings(deadline=None)
def test_a_rollout_ends_when_every_deployment_becomes_ready(rollout: Rollout, random: Any) -> None:
    """Also one on top of another that was not finished, and however slowly agents report."""
    for _ in range(3):
        rollout.next()
    rollout.report(FrozenBitMap(random.sample(sorted(rollout.everyone), len(rollout.everyone) // 2)))
    rollout.change()
    for _ in range(8 * len(rollout.everyone) + 8):
        done = rollout.next()
        waiting = sorted(set(rollout.deployed) - {n for n in rollout.deployed if rollout._runs(n)})
        if done.empty and not waiting:
            break
        rollout.report(FrozenBitMap(random.sample(waiting, random.randint(1, len(waiting)))) if waiting else NONE)
    assert rollout.deployed == rollout.applied == rollout.staged == rollout.target
    assert rollout.behind(rollout.everyone) == 0
