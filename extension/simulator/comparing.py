"""Every row a hub shows, compared with what its simulated agents know to be true: no row is lost, added, or another, and every counter is
what a recount of the agents' own knowledge gives.

Rows come as a stream, in any order; what is kept of them is 8 bytes an agent.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from extension.simulator.agents import Agents, Known


class Row(msgspec.Struct, frozen=True):
    """A deployment as the hub shows it: `cluster` as `<workspace>/<name>`, what is wanted, and what its agent said."""

    cluster: str
    bundle: str
    deployment_id: str
    applied: str
    ready: bool
    state: str


class Count(msgspec.Struct, frozen=True):
    """The counters of a cluster or a bundle: how many deployments it has, and how many of them are Ready."""

    name: str
    desired: int
    ready: int


class Mismatch(msgspec.Struct, frozen=True):
    place: str
    told: str
    shown: str


class Comparison:
    """`bundles` are names by the number that agents know them by. `rows` comes before the counters and `missing`."""

    def __init__(self, agents: Sequence[Agents], bundles: Mapping[int, str]) -> None:
        self._agents = agents
        self._numbers = {name: number for number, name in bundles.items()}
        self._bits = {name: 1 << at for at, name in enumerate(sorted(self._numbers))}
        self._places = {name: (at, number) for at, one in enumerate(agents) for number, name in enumerate(one.names)}
        self._seen = [array("Q", bytes(8 * len(one))) for one in agents]
        self.rows_compared = 0

    def rows(self, rows: Iterable[Row]) -> Iterator[Mismatch]:
        """The rows that are not what the agents know: all of theirs has to be wanted, applied and told."""
        for row in rows:
            self.rows_compared += 1
            known = self._known(row)
            told = "nothing" if known is None else _said(known.deployment_id, known.deployment_id, known.ready)
            shown = f"{_said(row.deployment_id, row.applied, row.ready)} {row.state}"
            state = "" if known is None else " Ready" if known.ready else " NotReady"
            if told + state != shown or self._is_again(row):
                yield Mismatch(f"{row.cluster} {row.bundle}", told + state, shown)

    def missing(self) -> Iterator[Mismatch]:
        """What an agent knows and no row told."""
        for agents, seen in zip(self._agents, self._seen, strict=True):
            for number, known in agents.known.items():
                if seen[number].bit_count() != len(known):
                    yield Mismatch(agents.names[number], f"{len(known)} deployments", f"{seen[number].bit_count()} of them")

    def clusters(self, counts: Iterable[Count]) -> Iterator[Mismatch]:
        for count in counts:
            place = self._places.get(count.name)
            if place is not None:
                known = self._agents[place[0]].known.get(place[1], {}).values()
                yield from _different(count, len(known), sum(one.ready for one in known))

    def bundles(self, counts: Iterable[Count]) -> Iterator[Mismatch]:
        for count in counts:
            known = [of[self._numbers[count.name]] for one in self._agents for of in one.known.values() if self._numbers[count.name] in of]
            yield from _different(count, len(known), sum(one.ready for one in known))

    def _known(self, row: Row) -> Known | None:
        place, bundle = self._places.get(row.cluster), self._numbers.get(row.bundle)
        return None if place is None or bundle is None else self._agents[place[0]].known.get(place[1], {}).get(bundle)

    def _is_again(self, row: Row) -> bool:
        """Whether there was a row of this deployment before; notes that there was one now."""
        if row.cluster not in self._places or row.bundle not in self._bits:
            return False
        at, number = self._places[row.cluster]
        before = self._seen[at][number]
        self._seen[at][number] = before | self._bits[row.bundle]
        return bool(before & self._bits[row.bundle])


def _said(wanted: str, applied: str, ready: bool) -> str:
    return f"{wanted} applied={applied} ready={ready}"


def _different(count: Count, desired: int, ready: int) -> Iterator[Mismatch]:
    if (count.desired, count.ready) != (desired, ready):
        yield Mismatch(count.name, f"{ready}/{desired} ready", f"{count.ready}/{count.desired} ready")
