"""What is asked of the API server; `extension/rancher/management.py` is the one that asks a real one.

All methods raise the house's errors: NotFound, Forbidden, Invalid, Conflict (about `metadata.resourceVersion` where somebody wrote in
between), AlreadyExists, Gone, Busy, and Unavailable while nobody answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from extension.objects.errors import Forbidden

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class Reader(Protocol):
    """An API server to read from, as one user of it."""

    def read(self, path: str, query: Mapping[str, str] = {}, accept: str = JSON) -> bytes:
        """The body of an answer to a GET."""


class Api(Reader, Protocol):
    """An API server, as one user of it."""

    def follow(self, path: str, query: Mapping[str, str], seconds: int) -> Iterator[Sequence[bytes]]:
        """The events of a watch as they come, those that came together at once, until the server ends it; none at first, which says that
        the server answers."""

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, str] = {}, kind: str = JSON) -> bytes:
        """The body of an answer to a write, which is not repeated when an answer is lost."""


class Either:
    """Reads as one user and, what that one may not, as another."""

    def __init__(self, first: Reader, then: Callable[[], Reader]) -> None:
        self._first, self._then = first, then

    def read(self, path: str, query: Mapping[str, str] = {}, accept: str = JSON) -> bytes:
        try:
            return self._first.read(path, query, accept)
        except Forbidden:
            return self._then().read(path, query, accept)
