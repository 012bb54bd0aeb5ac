"""How far one gets on the way to a repository, as a value: what `/v1/connections` answers and `rancher-cd test-connection` prints."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from extension.objects.base import prepare
from extension.objects.errors import Hop
from extension.objects.preview import SHORT, Value, counted

STATES = ("passed", "failed", "untried")
SHOWN = 10
"""Names of a kind that the text for people lists."""


class Way(msgspec.Struct, frozen=True):
    """The hops to a repository in their order, and the proxy on it (without its login, empty for none)."""

    hops: tuple[Hop, ...]
    proxy: str = ""


class References(msgspec.Struct, frozen=True):
    """What a repository has: its branches and tags by name, and the branch that its HEAD is on (empty when that is on none)."""

    default: str = ""
    branches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Step(Value, frozen=True):
    """One hop: passed, failed or untried."""

    hop: str
    state: str
    message: str = ""
    hint: str = ""

    def __str__(self) -> str:
        told = ": ".join(filter(None, (self.state, self.message)))
        return f"{self.hop:<12} {told}{f' ({self.hint})' if self.hint else ''}"


class FoundPath(Value, frozen=True):
    """A folder that a GitRepo may name (`.` is the repository's root), and the file in it that says what it is."""

    path: str
    holds: str

    def __str__(self) -> str:
        return f"{self.path} ({self.holds})"


class ConnectionReport(Value, frozen=True):
    """`works`: every hop was passed. `more_...` count what is not listed. `commit` is what the branch or revision names."""

    repo: str
    works: bool
    steps: tuple[Step, ...]
    type: str = "connection"
    proxy: str = ""
    default_branch: str = ""
    branches: tuple[str, ...] = ()
    more_branches: int = 0
    tags: tuple[str, ...] = ()
    more_tags: int = 0
    commit: str = ""
    paths: tuple[FoundPath, ...] = ()
    more_paths: int = 0

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        via = f" through the proxy {self.proxy}" if self.proxy else ""
        at = f" at commit {self.commit[:SHORT]}" if self.commit else ""
        yield f"{self.repo}{via}{at}: {'works' if self.works else 'does not work'}"
        yield from (f"  {step}" for step in self.steps)
        yield from _named("branch", self.branches, self.more_branches)
        yield from _named("tag", self.tags, self.more_tags)
        yield from _named("path", tuple(map(str, self.paths)), self.more_paths)


def _named(noun: str, names: tuple[str, ...], more: int) -> Iterator[str]:
    if names:
        left = len(names) - SHOWN + more
        count = counted(len(names) + more, noun) if noun != "branch" else f"branches: {len(names) + more}"
        yield f"{count}: {', '.join(names[:SHOWN])}{f' and {left} more' if left > 0 else ''}"


prepare(ConnectionReport)
