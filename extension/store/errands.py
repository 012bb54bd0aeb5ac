"""What a process asks of the one that works as the engine: kept until it is done, so that a kill of either loses nothing.

Rows are outside the sequence and wake nobody. An errand is answered once; answers are kept for KEPT errands and then forgotten.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import text

from extension.store.database import Database

KEPT = 1000


class Errand(msgspec.Struct, frozen=True):
    """`begun`: an engine set about it and did not answer, so it may be done."""

    id: int
    asked: bytes
    begun: bool


class ErrandLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, asked: bytes) -> int:
        with self._database.write() as connection:
            number = int(connection.execute(_ASK, {"asked": asked.decode()}).scalar_one())
            connection.execute(_PRUNE, {"oldest": number - KEPT})
            return number

    def waiting(self) -> list[Errand]:
        """Those that nobody answered, oldest first."""
        with self._database.read() as connection:
            return [Errand(row.id, row.asked.encode(), bool(row.begun)) for row in connection.execute(_WAITING)]

    def begin(self, number: int) -> None:
        with self._database.write() as connection:
            connection.execute(_BEGIN, {"id": number})

    def answer(self, number: int, answer: bytes) -> None:
        with self._database.write() as connection:
            connection.execute(_ANSWER, {"id": number, "answer": answer.decode()})

    def answered(self, number: int) -> bytes | None:
        """The answer; None while there is none."""
        with self._database.read() as connection:
            found = connection.execute(_ANSWERED, {"id": number}).scalar_one_or_none()
        return None if found is None else str(found).encode()


_ASK = text("INSERT INTO errand (asked, begun) VALUES (:asked, false) RETURNING id")
_PRUNE = text("DELETE FROM errand WHERE id <= :oldest AND answer IS NOT NULL")
_WAITING = text("SELECT id, asked, begun FROM errand WHERE answer IS NULL ORDER BY id")
_BEGIN = text("UPDATE errand SET begun = true WHERE id = :id")
_ANSWER = text("UPDATE errand SET answer = :answer WHERE id = :id AND answer IS NULL")
_ANSWERED = text("SELECT answer FROM errand WHERE id = :id")
