"""Operations: changes of many objects that were asked for at once, and end later. Pure.

What is remembered is what was asked for, of whom and when; how far each object is, is read from the object itself. So nothing has to
be running for an operation to end, and no process has to remember one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal

import msgspec

from extension.objects.base import Key, Object, Struct, prepare
from extension.objects.kinds import Bundle, Cluster, GitRepo, HelmOp

OperationKind = Literal["forceUpdate", "move"]
ENDED = ("failed", "gone", "reverted", "done")
"""States of an object of an operation that are its end; `done` is the one that was wanted. Others are `waiting`, `arriving`, `leaving`
and `updating`."""
RETRIED = ("failed", "reverted")
"""Ends of an object with which it is where it was, so that the same can be done again."""
KEPT = 100
"""So many operations are remembered; the oldest go."""


class OperationItem(Struct, frozen=True):
    """One object of an operation, by the id `workspace/name` that it had when it was begun. With an `error` nothing was.

    `generation` is what a forced update set. Of a move, `workspace` is where it leads, `management` the management cluster where there is
    one, `bundles` how many it has there, `labels` what those of the labels it set that were there were before, and `asked` what else it was
    asked.
    """

    id: str
    generation: int = 0
    workspace: str = ""
    management: str = ""
    bundles: int = 0
    labels: dict[str, str] = {}
    asked: dict[str, Any] = {}
    error: str = ""


class OperationSpec(Struct, frozen=True):
    """`type` is that of the objects, such as `fleet.cattle.io.clusters`. `by` is who began it, for people, and `owner` what tells
    them from all others. `undoes` names the operation that this one takes back, `retries` the one whose failures it does again."""

    kind: OperationKind = "forceUpdate"
    type: str = ""
    by: str = ""
    owner: str = ""
    undoes: str = ""
    retries: str = ""
    items: tuple[OperationItem, ...] = ()


class Operation(Object, frozen=True, kw_only=True):
    API_VERSION: ClassVar[str] = "continuous-delivery.cattle.io/v1"
    KIND: ClassVar[str] = "Operation"
    PLURAL: ClassVar[str] = "operations"
    NAMESPACED: ClassVar[bool] = False
    spec: OperationSpec = OperationSpec()


class Stage(msgspec.Struct, frozen=True):
    """How far one object is; `message` says what it waits for, or what went wrong."""

    state: str
    message: str = ""


def key_of(kind: str, item: OperationItem) -> Key:
    namespace, _, name = item.id.rpartition("/")
    return Key(kind, namespace, name)


def forced(item: OperationItem, found: Object | None, bundle: Bundle | None = None) -> Stage:
    """How far a forced update is, by the object as it is now and, for a HelmOp, its Bundle (`fleet-semantics.md` 3.7)."""
    if item.error:
        return Stage("failed", item.error)
    if found is None:
        return Stage("gone", "it was deleted meanwhile")
    waits = _WAITS[type(found)](item, found, bundle)
    return Stage("updating", waits) if waits else Stage("done")


def stage_of_all(stages: Iterable[Stage]) -> tuple[str, dict[str, int]]:
    """The state of an operation, `running`, `failed` or `done`, and how many of its objects are in which."""
    counts = Counter(stage.state for stage in stages)
    running = any(state not in ENDED for state in counts)
    return ("running" if running else "done" if set(counts) <= {"done"} else "failed"), dict(counts)


def _repo(item: OperationItem, repo: Any, _bundle: Bundle | None) -> str:
    """Fleet says which forced update it did last."""
    return "" if repo.status.update_generation >= item.generation else "the repository has not been cloned again yet"


def _helmop(item: OperationItem, _op: Any, bundle: Bundle | None) -> str:
    if bundle is None or bundle.spec.force_sync_generation < item.generation:
        return "its bundle has not been written again yet"
    return _bundle(item, bundle, None)


def _cluster(item: OperationItem, cluster: Any, _bundle: Bundle | None) -> str:
    done = cluster.status.agent_deployed_generation or 0
    return "" if done >= item.generation else "its agent has not been deployed again yet"


def _bundle(_item: OperationItem, bundle: Any, _none: Bundle | None) -> str:
    if bundle.status.observed_generation < bundle.metadata.generation:
        return "it has not been planned again yet"
    summary = bundle.status.summary
    left = summary.wait_applied + summary.out_of_sync + summary.pending
    return f"{left} of {summary.desired_ready} deployments have not been applied yet" if left else ""


_WAITS: dict[type[Object], Callable[[OperationItem, Any, Bundle | None], str]] = {
    GitRepo: _repo, HelmOp: _helmop, Cluster: _cluster, Bundle: _bundle,
}  # fmt: skip
"""By kind, what a forced update still waits for; nothing when it is done."""

prepare(Operation)
