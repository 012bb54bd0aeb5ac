"""Who is calling, as Kubernetes knows them: the one value behind every door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

ANONYMOUS = "system:anonymous"
UNAUTHENTICATED = "system:unauthenticated"
TOKEN_ID = "requesttokenid"  # noqa: S105 (the name of the token in a user's extras, which is no secret)

Extra = tuple[tuple[str, tuple[str, ...]], ...]


class Identity(msgspec.Struct, frozen=True):
    """A verified user: names and groups exactly as received, for what RBAC compares is text. `extra` is sorted by key."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Extra = ()

    @property
    def token(self) -> str:
        """The id of the token that the user came with, for the audit log; empty when nobody told."""
        return next((values[0] for key, values in self.extra if key == TOKEN_ID and values), "")


def is_somebody(identity: Identity) -> bool:
    """Whether this is a user at all. Rancher and Kubernetes have users that stand for "not authenticated", such as
    `system:cattle:error` (3.1), and all of them are in one group."""
    return bool(identity.user) and identity.user != ANONYMOUS and UNAUTHENTICATED not in identity.groups


def from_user_info(info: Mapping[str, Any]) -> Identity:
    """The identity in a `userInfo` of authentication.k8s.io. Raises TypeError or AttributeError for what is none."""
    user, uid = info.get("username") or "", info.get("uid") or ""
    if not isinstance(user, str) or not isinstance(uid, str):
        raise TypeError("username and uid are texts")
    return Identity(user, uid, _texts(info.get("groups") or ()), extra_of(info.get("extra") or {}))


def extra_of(extra: Mapping[str, Iterable[str]]) -> Extra:
    return tuple(sorted((key, _texts(values)) for key, values in extra.items()))


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    found = tuple(values)
    if isinstance(values, str) or not all(isinstance(value, str) for value in found):
        raise TypeError("expected texts")
    return found
