"""Bundles, and the GitRepos and HelmOps they were made from, that become ready or stop being it: told of in the write that moves their
counts.

Nothing is read for it while no Bundle turns: what its counts became comes back from the statement that adds to them. A Bundle is held
back, and not ready whatever its counts say, while targets have no deployment yet or a reconciler says so itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, text

from extension.objects.base import Key
from extension.objects.happened import readiness, turn
from extension.objects.kinds import Bundle
from extension.objects.states import State, ready_message, summarise
from extension.store.applications import bundle_ids
from extension.store.bulk import fetched
from extension.store.deployments import maker_ids
from extension.store.events import tell
from extension.store.rollouts import by_cluster, cluster_of
from extension.store.schema import STATE_COLUMNS
from extension.store.summing import NotReady, first_not_ready, is_own
from extension.store.tallies import Counts, Moves

_STATES = tuple(State(int(name[1:])) for name in STATE_COLUMNS)


def held_back(bundle: Bundle) -> bool:
    """Whether a Bundle is not ready whatever its counts say."""
    return bool(bundle.status.pending.count) or any(is_own(one) for one in bundle.status.conditions)


def counts_of(connection: Connection, bundles: Iterable[int]) -> Counts:
    """The counts of some Bundles, added up."""
    found = fetched(connection, _COUNTS, bundles=list(bundles))
    return tuple(int(count) for count in found[0])


def tell_turns(connection: Connection, moves: Moves, held: Mapping[int, bool] = {}) -> None:
    """Tells of the Bundles that turned and of what they were made from. `held` says of those whose own status changed whether they were
    held back before."""
    turned = [bundle for bundle, (old, new) in moves.items() if bundle in held or _readiness(old) is not _readiness(new)]
    if not turned:
        return
    turns = _Turns(connection, moves, held)
    for bundle in turned:
        turns.tell(bundle, [bundle], partial(first_not_ready, name=cluster_of, sort=by_cluster), "Cluster")
    for maker in maker_ids(connection, turned):
        kind, namespace, name = fetched(connection, _KEY, id=maker)[0]
        turns.tell(maker, bundle_ids(connection, Key(kind, namespace, name)), partial(first_not_ready, name=_bundle_of), "Bundle")


class _Turns:
    """What some Bundles were and are together, in one write."""

    def __init__(self, connection: Connection, moves: Moves, held: Mapping[int, bool]) -> None:
        self._connection = connection
        self._moves = moves
        self._was_held = held

    def tell(self, object_id: int, bundles: Collection[int], find: Callable[..., NotReady], word: str) -> None:
        """Tells an object of a turn of its Bundles; `find` and `word` are for the message."""
        counts = counts_of(self._connection, bundles)
        held, was_held = self._held(bundles)
        before = _readiness(self._before(counts, bundles), held=bool(was_held))
        told = turn(before, _readiness(counts, held=bool(held)), lambda: self._message(bundles, counts, find, word))
        if told is not None and (told.message or told.reason == State.Ready.name):
            tell(self._connection, object_id, [told], in_turn=True)

    def _before(self, counts: Counts, bundles: Collection[int]) -> Counts:
        for bundle in self._moves.keys() & set(bundles):
            old, new = self._moves[bundle]
            counts = tuple(count - now + then for count, now, then in zip(counts, new, old, strict=True))
        return counts

    def _held(self, bundles: Collection[int]) -> tuple[set[int], set[int]]:
        """The Bundles that are held back, and those that were."""
        rows = fetched(self._connection, _HELD, bundles=list(bundles), pending=_PENDING, refused=_REFUSED)
        now = {int(row[0]) for row in rows}
        changed = self._was_held.keys() & set(bundles)
        return now, (now - changed) | {bundle for bundle in changed if self._was_held[bundle]}

    def _message(self, bundles: Collection[int], counts: Counts, find: Callable[..., NotReady], word: str) -> str:
        """What of these is not ready, as a Ready condition says it; empty where no deployment has anything to say."""
        found = find(self._connection, f"d.bundle_id IN ({','.join(map(str, bundles))})")
        named = [found.worst, *found.named] if found.named else []
        return ready_message(summarise(dict(zip(_STATES, counts, strict=True)), named), word)


def _readiness(counts: Counts, *, held: bool = False) -> State | None:
    states = {state for state, count in zip(_STATES, counts, strict=True) if count}
    return readiness(states | {State.Pending} if held else states)


def _bundle_of(row: Any) -> str:
    return str(row.bundle)


_KEY = text("SELECT kind, namespace, name FROM object WHERE id = :id")
_COUNTS = text(
    f"SELECT {', '.join(f'coalesce(sum({name}), 0)' for name in STATE_COLUMNS)} FROM tally WHERE object_id IN :bundles"  # noqa: S608
).bindparams(bindparam("bundles", expanding=True))
_HELD = text("SELECT id FROM object WHERE id IN :bundles AND (doc LIKE :pending OR doc LIKE :refused)").bindparams(
    bindparam("bundles", expanding=True)
)
# As a document writes a count of targets and a condition with a reason; `held_back` says the same of an object.
_PENDING = '%"pending":{"count":%'
_REFUSED = '%"type":"Ready","status":"False","reason":%'
