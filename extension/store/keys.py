"""The key that a database's secrets are sealed with."""

from __future__ import annotations

from pathlib import Path

from extension.objects.errors import Unavailable
from extension.store.database import Database
from extension.store.documents import sealed_sample
from extension.store.sealing import Seal, key_of


def seal_of(database: Database, path: Path, key: bytes | None) -> Seal:
    """The seal of `key`, else of the one in the file `path`. Raises Unavailable when it does not open what is in the database."""
    with database.read() as connection:
        sample = sealed_sample(connection)
    seal = Seal(key or key_of(path, make=sample is None))
    if sample is not None and not seal.fits(*sample):
        raise Unavailable("the key does not belong to this database", where=str(path), hint="restore the key file from the backup")
    return seal
