"""What an API server can send and nothing may end: the following goes on, and who relies on it knows that it did not for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from extension.delivery import following
from extension.delivery.client import Kind
from extension.delivery.following import Follower
from extension.rendering.postrender import HASH_LABEL

MAPS = Kind("v1", "ConfigMap", "configmaps", True)
GOOD = {"metadata": {"uid": "1", "labels": {HASH_LABEL: "s-one"}, "resourceVersion": "7"}}


class Server:
    """A client whose lists are these, one after the other and the last one again and again; its watch is open until `done`."""

    def __init__(self, *lists: list[Any]) -> None:
        self._lists, self.done = list(lists), threading.Event()

    def accepting(self, media_type: str) -> Server:
        return self

    def request(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        items = self._lists.pop(0) if len(self._lists) > 1 else self._lists[0]
        return {"items": items, "metadata": {"resourceVersion": "9"}}

    def follow(self, path: str, query: Mapping[str, str], seconds: int, opened: Callable[[Any], None]) -> Iterator[Sequence[bytes]]:
        yield []
        self.done.wait(10)


class Told:
    def __init__(self) -> None:
        self.there: list[Mapping[str, tuple[str, str]]] = []
        self.came = threading.Event()

    def changed(self, kind: Kind, uid: str, set_hash: str, version: str) -> None: ...
    def failed(self, kind: Kind) -> None: ...
    def is_unwanted(self, kind: Kind) -> bool:
        return False

    def listed(self, kind: Kind, there: Mapping[str, tuple[str, str]]) -> None:
        self.there.append(there)
        self.came.set()


@pytest.mark.parametrize("senseless", [[{"metadata": {}}], [None], [{"metadata": {**GOOD["metadata"], "labels": None}}]])
def test_a_list_that_makes_no_sense_ends_nothing(senseless: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.05)
    server, told = Server(senseless, [GOOD]), Told()
    follower = Follower(server, MAPS, told)  # type: ignore[arg-type]
    follower.start()
    try:
        assert told.came.wait(5)
        assert told.there == [{"1": ("s-one", "7")}]
    finally:
        follower.stop()
        server.done.set()
