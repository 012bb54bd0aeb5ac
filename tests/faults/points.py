"""A program of the product that is killed at a named point of what it does, and at no other.

`python -m tests.faults.points FOLDER COMMAND...` runs `rancher-cd COMMAND...`. While FOLDER holds a file with the name of a point, the
program is killed when it gets there: before, amid or after a call of what it speaks to the world by (the cluster, Helm, the hub, the store,
where its key is kept). The file is renamed then, so it happens once.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

BEFORE, AFTER, AMID = "before", "after", "amid"
Told = Callable[..., bool]


def always(*_args: Any, **_more: Any) -> bool:
    return True


def asks(operation: str) -> Told:
    """Helm is asked for this."""
    return lambda _pool, name, *_args, **_more: name == f"helm_release.{operation}"


def of(kind: str) -> Told:
    """A write to the store, of such an object."""
    return lambda _store, obj, *_args, **more: type(obj).__name__ == kind and not more.get("dry_run")


def has_key(_keep: Any, identity: Any) -> bool:
    return bool(identity.key)


def tells(_link: Any, _key: str, batch: Any) -> bool:
    return bool(batch.reports)


@dataclass(frozen=True)
class Point:
    """`place` is a method as `module:Class.method`. `AMID` is a moment after the call began."""

    place: str
    when: str
    where: Told = always


_DELIVERY = "extension.delivery.kubernetes:KubernetesDelivery"
_HELM = "extension.rendering.pool:Pool.call"
_LINK = "extension.agent.link:HttpLink"
_KEEP = "extension.agent.identity:SecretKeep.save"
_RECORDS = "extension.delivery.helm_records:HelmRecords"
_PRODUCED = "extension.engine.produced:Produced.write"
_STORE = "extension.store.sql:SqlStore"
_HUB = "extension.engine.hub:Hub"

AGENT = {
    "before it registers": Point(f"{_LINK}.register", BEFORE),
    "after it registered, before its key is kept": Point(f"{_LINK}.register", AFTER),
    "after its key is kept": Point(_KEEP, AFTER, has_key),
    "after it was told its work": Point(f"{_LINK}.check_in", AFTER),
    "before it fetches files": Point(f"{_LINK}.content", BEFORE),
    "before it deploys": Point(f"{_DELIVERY}.deploy", BEFORE),
    "before Helm applies": Point(_HELM, BEFORE, asks("apply")),
    "while Helm applies": Point(_HELM, AMID, asks("apply")),
    "after Helm applied": Point(_HELM, AFTER, asks("apply")),
    "after what moved was taken out of a record": Point(f"{_RECORDS}.rewrite", AFTER),
    "before a release of another name goes, or one of a bundle that does": Point(f"{_DELIVERY}.remove", BEFORE),
    "while Helm uninstalls": Point(_HELM, AMID, asks("uninstall")),
    "after Helm uninstalled": Point(_HELM, AFTER, asks("uninstall")),
    "after a deployment, before it is told": Point("extension.agent.outbox:Outbox.put", BEFORE),
    "before the hub is told": Point(f"{_LINK}.report", BEFORE, tells),
    "after the hub was told": Point(f"{_LINK}.report", AFTER, tells),
}
HUB = {
    "before the Bundles of a commit are written": Point(_PRODUCED, BEFORE),
    "after the first Bundle of a commit is written": Point(f"{_STORE}.update", AFTER, of("Bundle")),
    "before a Bundle is deleted": Point(f"{_STORE}.delete", BEFORE),
    "after the Bundles of a commit are written, before it is noted": Point(_PRODUCED, AFTER),
    "before deployments are stored": Point(f"{_STORE}.apply", BEFORE),
    "after deployments are stored": Point(f"{_STORE}.apply", AFTER),
    "after a Bundle's deployments are forgotten": Point(f"{_STORE}.forget", AFTER),
    "before Helm applies": Point(_HELM, BEFORE, asks("apply")),
    "while Helm applies": Point(_HELM, AMID, asks("apply")),
    "after Helm applied": Point(_HELM, AFTER, asks("apply")),
    "after Helm uninstalled": Point(_HELM, AFTER, asks("uninstall")),
    "before reports are on disk": Point(f"{_STORE}.report", BEFORE),
    "after reports are on disk": Point(f"{_STORE}.report", AFTER),
}
POINTS = {f"agent {name}": point for name, point in AGENT.items()} | {f"hub {name}": point for name, point in HUB.items()}
A_MOMENT = 0.03
FIRED = ".fired"


def armed(folder: Path, name: str) -> Path:
    """Has a program killed at a point; the file that is there once it was."""
    folder.mkdir(exist_ok=True)
    (folder / name).touch()
    return folder / f"{name}{FIRED}"


def under(folder: Path, command: Sequence[str]) -> list[str]:
    """The command that starts `rancher-cd COMMAND...` so that it can be killed at points."""
    return [sys.executable, "-m", "tests.faults.points", str(folder), *command]


def main(folder: Path, command: list[str]) -> None:
    program = os.getpid()

    def killed(name: str) -> None:
        try:
            (folder / name).rename(folder / f"{name}{FIRED}")
        except FileNotFoundError:
            return  # another thread was first
        os.kill(program, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)  # the process of the program that got there

    for name, point in POINTS.items():
        _stop_at(point, partial(killed, name), (folder / name).exists)
    sys.argv = ["rancher-cd", *command]
    importlib.import_module("extension.cli").main()


def _stop_at(point: Point, killed: Callable[[], None], is_armed: Callable[[], bool]) -> None:
    module, _, path = point.place.partition(":")
    cls, _, method = path.partition(".")
    owner = getattr(importlib.import_module(module), cls)
    real = getattr(owner, method)

    def wrapped(*args: Any, **more: Any) -> Any:
        here = is_armed() and point.where(*args, **more)
        if here and point.when == BEFORE:
            killed()
        if here and point.when == AMID:
            threading.Timer(A_MOMENT, killed).start()
        answer = real(*args, **more)
        if here and point.when == AFTER:
            killed()
        return answer

    setattr(owner, method, wrapped)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
