"""Encryption at rest of secrets and helm values: AES-256-GCM, a fresh nonce a value, bound to the place it stands in.

The key is a file beside the database that only its owner may read. Whoever has a copy of the database alone
learns nothing from it; a value copied to another row doesn't open there.
"""

from __future__ import annotations

import os
import secrets
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

    def close(self, data: bytes, place: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises Unavailable when the key is another one or the value was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise Unavailable(
                "a stored secret can't be decrypted", where=place, hint="the key file does not belong to this database"
            ) from None


def key_of(path: Path) -> bytes:
    """The key kept in `path`, made there (mode 0600) the first time. Raises Unavailable when it is not a key."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise Unavailable(f"{len(key)} bytes are no key", where=str(path), hint="restore the key file from the backup") from None
        return key
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(KEY_BYTES)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key
