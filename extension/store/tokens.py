"""API tokens: `token-xxxxx:secret`, shown once, kept as a hash.

The secret has 256 random bits, so one round of SHA-256 keeps it; slow hashes are for passwords. A check compares in
constant time and costs the same for a name that does not exist.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update

from extension.objects.errors import Invalid, NotFound
from extension.store.clock import now
from extension.store.database import Database
from extension.store.schema import tokens

ROLES = ("admin", "member", "read-only")
EVERYWHERE = "*"
LONGEST_TTL = 100 * 365 * 24 * 3600.0
_NO_HASH = hashlib.sha256(b"").digest()


class Token(msgspec.Struct, frozen=True):
    """A token without its secret. `roles` maps a workspace, or `*` for all, to one of ROLES. `expires` is empty for never."""

    id: str
    name: str
    roles: dict[str, str]
    created: str
    expires: str = ""


class TokenStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, roles: Mapping[str, str], ttl: float | None = None) -> str:
        """The clear token. `ttl` is in seconds, None for no end. Raises Invalid for an unknown role, or none, or a ttl without end."""
        unknown = next((role for role in roles.values() if role not in ROLES), None)
        if unknown is not None or not roles:
            what = "at least one role is needed" if unknown is None else f"role {unknown!r} does not exist"
            raise Invalid(what, field="roles", hint=f"use one of {', '.join(ROLES)}")
        if ttl is not None and not ttl < LONGEST_TTL:
            raise Invalid("ttl is longer than a century", field="ttl", hint="leave it out for a token that does not expire")
        token_id, secret = f"token-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
        values = {
            "id": token_id, "name": name, "hash": _hash(secret), "roles": msgspec.json.encode(dict(roles)).decode(),
            "created": now(), "expires": None if ttl is None else time.time() + ttl,
        }  # fmt: skip
        with self._database.write() as connection:
            connection.execute(insert(tokens).values(values))
        return f"{token_id}:{secret}"

    def verify(self, token: str) -> Token | None:
        """Whom a clear token stands for; None when it is unknown, wrong or expired."""
        token_id, _, secret = token.partition(":")
        if not token.isascii():  # no token of ours, and it may hold what can't be encoded
            return None
        with self._database.read() as connection:
            row = connection.execute(select(tokens).where(tokens.c.id == token_id)).one_or_none()
        right = hmac.compare_digest(_hash(secret), row.hash if row else _NO_HASH)
        if row is None or not right or (row.expires is not None and row.expires <= time.time()):
            return None
        return _token(row)

    def list(self) -> Sequence[Token]:
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(select(tokens).order_by(tokens.c.created, tokens.c.id))]

    def revoke(self, token_id: str) -> None:
        """Raises NotFound."""
        with self._database.write() as connection:
            if connection.execute(delete(tokens).where(tokens.c.id == token_id)).rowcount == 0:
                raise NotFound(f"token {token_id} not found")


def forget_workspace(connection: Connection, workspace: str) -> None:
    """Takes a workspace that goes out of every token's roles, so that a later one of its name is not theirs. A token without
    any role left is revoked."""
    for row in connection.execute(select(tokens).where(tokens.c.roles.contains(f'"{workspace}"', autoescape=True))).all():
        roles = msgspec.json.decode(row.roles, type=dict[str, str])
        kept = {name: role for name, role in roles.items() if name != workspace}
        own = tokens.c.id == row.id
        changed = update(tokens).where(own).values(roles=msgspec.json.encode(kept).decode()) if kept else delete(tokens).where(own)
        connection.execute(changed)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _token(row: Row[Any]) -> Token:
    expires: float | None = row.expires
    told = "" if expires is None else datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Token(row.id, row.name, msgspec.json.decode(row.roles, type=dict[str, str]), row.created, told)
