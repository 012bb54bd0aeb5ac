"""What is asked of the API server; `extension/rancher/management.py` is the one that asks a real one.

All methods raise the house's errors: NotFound, Forbidden, Invalid, Conflict (about `metadata.resourceVersion` where somebody wrote in
between), AlreadyExists, Gone, Busy, and Unavailable while nobody answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class Api(Protocol):
    """An API server, as one user of it."""

    def read(self, path: str, query: Mapping[str, str] = {}, accept: str = JSON) -> bytes:
        """The body of an answer to a GET."""

    def follow(self, path: str, query: Mapping[str, str], seconds: int) -> Iterator[Sequence[bytes]]:
        """The events of a watch as they come, those that came together at once, until the server ends it; none at first, which says that
        the server answers."""

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, str] = {}, kind: str = JSON) -> bytes:
        """The body of an answer to a write, which is not repeated when an answer is lost."""
