"""The key that a database's secrets are sealed with."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from extension.objects.errors import Invalid, Unavailable
from extension.store.database import Database
from extension.store.documents import sealed_sample
from extension.store.sealing import Seal, key_of

_PLACE = "key sample"


def seal_of(database: Database, path: Path | None, key: bytes | None) -> Seal:
    """The seal of `key`, else of the one in the file `path`. Raises Unavailable when it does not open what is in the database.

    A database that several machines use keeps a sample from its first moment, so that no two of them begin with different keys.
    """
    if key is None and path is None:
        raise Invalid("a database on a server needs a key", where=database.where, hint="name the file of the key, or give the key itself")
    where = str(path or database.where)
    sample = _sample(database)
    seal = Seal(key or key_of(path or Path(), make=sample is None))
    if sample is None and database.shared:
        sample = _begin(database, seal)
    return _fitting(seal, sample, where)


def given_key(database: Database, path: Path) -> bytes:
    """The key in a file. Raises Unavailable when there is none, or it does not open what is in the database."""
    key, sample = key_of(path, make=False), _sample(database)
    _fitting(Seal(key), sample, str(path))
    return key


def keep_sample(connection: Connection, seal: Seal) -> None:
    """Keeps what a key is tried on, unless there is something."""
    connection.execute(_KEEP, {"sealed": seal.close(b"", _PLACE)})


def _fitting(seal: Seal, sample: tuple[bytes, str] | None, where: str) -> Seal:
    if sample is not None and not seal.fits(*sample):
        raise Unavailable("the key does not belong to this database", where=where, hint="restore the key file from the backup")
    return seal


def _sample(database: Database) -> tuple[bytes, str] | None:
    with database.read() as connection:
        kept = connection.execute(_KEPT).scalar_one_or_none()
        return sealed_sample(connection) if kept is None else (bytes(kept), _PLACE)


def _begin(database: Database, seal: Seal) -> tuple[bytes, str] | None:
    """Keeps a sample of this key, unless another process did meanwhile; the one that is kept."""
    with database.write() as connection:
        keep_sample(connection, seal)
    return _sample(database)


_KEPT = text("SELECT sealed FROM key_sample WHERE id = 1")
_KEEP = text("INSERT INTO key_sample (id, sealed) VALUES (1, :sealed) ON CONFLICT (id) DO NOTHING")
