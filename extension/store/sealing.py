"""Encryption at rest of secrets and helm values: AES-256-GCM, a fresh nonce a value, bound to the place it stands in.

The key is a file beside the database that only its owner may read. Whoever has a copy of the database alone
learns nothing from it; a value copied to another row doesn't open there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from extension.objects.errors import Unavailable

KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal:
    """`key` is 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._key = key

    def derive(self, purpose: str) -> bytes:
        """Another key of 32 bytes, always the same for a purpose, which tells nothing of this one."""
        return hmac.new(self._key, f"derived for {purpose}".encode(), hashlib.sha256).digest()

    def close(self, data: bytes, place: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises Unavailable when the key is another one or the value was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):  # ValueError: too short for a nonce
            raise Unavailable(
                "a stored secret can't be decrypted", where=place, hint="the key file does not belong to this database"
            ) from None

    def fits(self, sealed: bytes, place: str) -> bool:
        """Whether the value was closed with this key."""
        try:
            self.open(sealed, place)
        except Unavailable:
            return False
        return True


def key_of(path: Path, *, make: bool = True) -> bytes:
    """The key kept in `path`, made there (mode 0600) the first time unless `make` is off. Raises Unavailable."""
    try:
        if make and not path.exists():
            keep(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except FileNotFoundError:
        raise Unavailable("the key file is missing", where=str(path), hint="restore it from the backup of this database") from None
    except OSError as error:
        raise Unavailable(f"the key file can't be used: {error.strerror}", where=str(path), hint="see its folder and disk") from None
    if len(key) != KEY_BYTES:
        raise Unavailable(f"{len(key)} bytes are no key", where=str(path), hint="restore the key file from the backup")
    return key


def keep(path: Path, key: bytes) -> None:
    """Writes a key to a file, unless there is one, for its owner only. Raises OSError.

    A whole key or none, whenever this is killed: it is written beside its place, and whoever links it there first wins."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(name)
    finally:
        Path(name).unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
