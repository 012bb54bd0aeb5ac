"""Bundles, and the GitRepos and HelmOps they were made from, that become ready or stop being it: told of in the write that moves their
counts.

Nothing is read for it while no Bundle turns: what its counts became comes back from the statement that adds to them. A Bundle is held
back, and not ready whatever its counts say, while targets have no deployment yet or a reconciler says so itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, TextClause, bindparam, text

from extension.objects.happened import readiness, turn
from extension.objects.kinds import Bundle
from extension.objects.states import State, ready_message, summarise
from extension.store.bulk import fetched
from extension.store.deployments import MAKERS
from extension.store.events import tell
from extension.store.rollouts import by_cluster, cluster_of
from extension.store.schema import STATE_COLUMNS
from extension.store.summing import NotReady, first_not_ready, is_own
from extension.store.tallies import Counts, Moves

_STATES = tuple(State(int(name[1:])) for name in STATE_COLUMNS)


def held_back(bundle: Bundle) -> bool:
    """Whether a Bundle is not ready whatever its counts say."""
    return bool(bundle.status.pending.count) or any(is_own(one) for one in bundle.status.conditions)


def counts_of(connection: Connection, inside: str, values: Mapping[str, Any]) -> Counts:
    """The counts of the Bundles that `inside` selects, added up."""
    return tuple(map(int, fetched(connection, _counts(inside), **values)[0]))


def tell_held(connection: Connection, bundle_id: int, was_held: bool) -> None:
    """Tells of a Bundle whose own status began or ceased to hold it back."""
    counts = counts_of(connection, ":bundle", {"bundle": bundle_id})
    tell_turns(connection, {bundle_id: (counts, counts)}, {bundle_id: was_held})


def tell_turns(connection: Connection, moves: Moves, held: Mapping[int, bool] = {}) -> None:
    """Tells of the Bundles that turned and of what they were made from. `held` says of those whose own status changed whether they were
    held back before."""
    turned = {bundle for bundle, (old, new) in moves.items() if bundle in held or _readiness(old) is not _readiness(new)}
    if not turned:
        return
    for bundle in sorted(turned):
        _tell(connection, _Whole(bundle, ":bundle", {"bundle": bundle}, [bundle], _CLUSTERS, "Cluster"), moves, held)
    for maker in _makers(connection, moves):
        if turned.intersection(maker.moved):
            _tell(connection, maker, moves, held)


class _Whole(msgspec.Struct, frozen=True):
    """Bundles that are ready together: one for itself, or all that something made. `inside` selects their ids by `values`, `moved` are
    those in this write; `find` names what is not ready of them by the `word`."""

    object_id: int
    inside: str
    values: dict[str, Any]
    moved: list[int]
    find: Callable[..., NotReady]
    word: str

    def message(self, connection: Connection, counts: Counts) -> str:
        """What of these is not ready, as a Ready condition says it; empty where no deployment has anything to say."""
        found = self.find(connection, f"d.bundle_id IN ({self.inside})", **self.values)
        named = [found.worst, *found.named] if found.named else []
        return ready_message(summarise(dict(zip(_STATES, counts, strict=True)), named), self.word)


def _makers(connection: Connection, moves: Moves) -> Iterator[_Whole]:
    """What these Bundles were made from."""
    rows = fetched(connection, _MAKERS, bundles=list(moves))
    for (maker, namespace, label, name), found in groupby(rows, key=lambda row: row[:4]):
        values = {"namespace": namespace, "label": label, "value": name}
        yield _Whole(maker, _MADE, values, [row[4] for row in found], partial(first_not_ready, name=_bundle_of), "Bundle")


def _tell(connection: Connection, whole: _Whole, moves: Moves, held: Mapping[int, bool]) -> None:
    after = counts_of(connection, whole.inside, whole.values)
    before = after
    for bundle in whole.moved:
        before = tuple(count - new + old for count, old, new in zip(before, *moves[bundle], strict=True))
    changed = held.keys() & set(whole.moved)
    if _readiness(before) is _readiness(after) and not changed:
        return
    is_held = {row[0] for row in fetched(connection, _held(whole.inside), pending=_PENDING, refused=_REFUSED, **whole.values)}
    was_held = (is_held - changed) | {bundle for bundle in changed if held[bundle]}
    message = partial(whole.message, connection, after)
    told = turn(_readiness(before, held=bool(was_held)), _readiness(after, held=bool(is_held)), message)
    if told is not None and (told.message or told.reason == State.Ready.name):
        tell(connection, whole.object_id, [told], in_turn=True)


def _readiness(counts: Counts, *, held: bool = False) -> State | None:
    states = {state for state, count in zip(_STATES, counts, strict=True) if count}
    return readiness(states | {State.Pending} if held else states)


def _bundle_of(row: Any) -> str:
    return str(row.bundle)


_CLUSTERS = partial(first_not_ready, name=cluster_of, sort=by_cluster)
_MAKERS = text(
    f"SELECT m.id, m.namespace, l.key, m.name, b.id FROM label l JOIN object b ON b.id = l.object_id {MAKERS}"  # noqa: S608 (our own names)
    " WHERE l.object_id IN :bundles ORDER BY m.id"
).bindparams(bindparam("bundles", expanding=True))
_MADE = (
    "SELECT m.id FROM label l JOIN object m ON m.id = l.object_id"
    " WHERE l.kind = 'Bundle' AND l.key = :label AND l.value = :value AND m.namespace = :namespace"
)
# As a document writes a count of targets and a condition with a reason; `held_back` says the same of an object.
_PENDING = '%"pending":{"count":%'
_REFUSED = '%"type":"Ready","status":"False","reason":%'


@cache
def _held(inside: str) -> TextClause:
    return text(f"SELECT id FROM object WHERE id IN ({inside}) AND (doc LIKE :pending OR doc LIKE :refused)")  # noqa: S608 (our own SQL)


@cache
def _counts(inside: str) -> TextClause:
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in STATE_COLUMNS)
    return text(f"SELECT {sums} FROM tally WHERE object_id IN ({inside})")  # noqa: S608 (our own SQL)
