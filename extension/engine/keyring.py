"""Keys of agents and of registration: each proves itself, so that none is stored and none needs a look at the store.

An agent's key is `agent-<cluster>.<generation>.<identity>.<mac>`: the number of the cluster, how often its key was renewed, 64 bits of
the cluster's uid, and an HMAC-SHA256 over these with a key made from the store's. The uid is in it because a restored store
gives the numbers of clusters that came after the backup to others. A registration secret is made the same way of its
ClusterRegistrationToken. The generations of renewed keys are in the store, and all of them in memory: 8 bytes a cluster, since agents
renew their keys now and then.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import time
from array import array
from collections.abc import Callable

import msgspec

from extension.objects.errors import Unauthorized
from extension.store.agent_keys import Generations
from extension.store.asking import Asking

REFRESH = 5.0
"""Seconds within which every process knows of a key that was taken back."""

_TEXT = re.compile(r"(agent|registration)-([0-9]{1,18})\.([0-9]{1,9})\.([0-9a-f]{16})\.([0-9a-f]{64})", re.ASCII)


class Bearer(msgspec.Struct, frozen=True):
    """Who a key speaks for: the number of a cluster or token, and 64 bits of its uid."""

    number: int
    identity: int
    generation: int = 0


class Keyring:
    """All methods may be called from several threads."""

    def __init__(self, asking: Asking, clock: Callable[[], float] = time.monotonic) -> None:
        self._asking = asking
        self._secret = asking.secret("keys of agents")
        self._clock = clock
        self._lock = threading.Lock()
        self._newest, self._least = array("I"), array("I")
        self._position = 0
        self._looked = -REFRESH
        self._loaded = False

    def key(self, number: int, identity: int) -> str:
        """The newest key of a cluster."""
        self._refresh()
        return self._made("agent", Bearer(number, identity, self._generations(number).newest))

    def bearer(self, key: str) -> Bearer:
        """Who the key of an agent speaks for. Raises Unauthorized for one that was never given, or was taken back."""
        found = self._read("agent", key)
        self._refresh()
        if found.generation < self._generations(found.number).least:
            raise Unauthorized("the agent's key was taken back", hint="register the cluster again")
        return found

    def outdated(self, bearer: Bearer) -> bool:
        """Whether there is a newer key than the one that was shown. One that is the newest ends the time of those before it."""
        known = self._generations(bearer.number)
        if bearer.generation == known.newest > known.least:
            self._change(bearer.number, lambda was: Generations(was.newest, max(was.least, bearer.generation)))
        return bearer.generation < known.newest

    def rotate(self, number: int) -> None:
        """Gives a cluster another key with its next check-in; the present one is good until the other was used."""
        self._change(number, lambda was: Generations(was.newest + 1, was.least))

    def revoke(self, number: int) -> None:
        """Takes back all keys of a cluster."""
        self._change(number, lambda was: Generations(was.newest + 1, was.newest + 1))

    def registration_secret(self, number: int, identity: int) -> str:
        return self._made("registration", Bearer(number, identity))

    def token(self, secret: str) -> Bearer:
        """Which token a registration secret belongs to. Raises Unauthorized."""
        return self._read("registration", secret)

    def _made(self, kind: str, bearer: Bearer) -> str:
        text = f"{bearer.number}.{bearer.generation}.{bearer.identity:016x}"
        mac = hmac.new(self._secret, f"{kind}-{text}".encode(), hashlib.sha256).hexdigest()
        return f"{kind}-{text}.{mac}"

    def _read(self, kind: str, key: str) -> Bearer:
        parts = _TEXT.fullmatch(key)
        if parts is not None and parts[1] == kind:
            bearer = Bearer(int(parts[2]), int(parts[4], 16), int(parts[3]))
            if hmac.compare_digest(self._made(kind, bearer), key):
                return bearer
        what = "the agent's key" if kind == "agent" else "the registration secret"
        raise Unauthorized(f"{what} is not one of this service", hint="register the cluster with a ClusterRegistrationToken")

    def _generations(self, number: int) -> Generations:
        return Generations(self._newest[number], self._least[number]) if number < len(self._least) else Generations()

    def _note(self, number: int, found: Generations) -> None:
        if number >= len(self._least):
            more = bytes(4 * (number + 1 - len(self._least) + number // 8))
            self._newest.frombytes(more)  # the longer one first: others read meanwhile
            self._least.frombytes(more)
        self._newest[number], self._least[number] = found.newest, found.least

    def _change(self, number: int, change: Callable[[Generations], Generations]) -> None:
        after = self._asking.change_key(number, change)
        with self._lock:
            self._note(number, after)

    def _refresh(self) -> None:
        """Reads what other processes changed. One thread looks, the others go on with what is known, but for the first time."""
        if self._clock() - self._looked < REFRESH or not self._lock.acquire(blocking=not self._loaded):
            return
        try:
            self._position, changed = self._asking.keys_changed(self._position)
            for number, found in changed.items():
                self._note(number, found)
            self._looked, self._loaded = self._clock(), True
        finally:
            self._lock.release()
