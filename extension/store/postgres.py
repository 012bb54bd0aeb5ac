"""A store in a PostgreSQL database: for processes on several machines.

Writes come one at a time because each first takes one advisory lock, which PostgreSQL lets go of after the transaction can
be seen; so revisions become visible in order, as on SQLite. Reads are REPEATABLE READ snapshots. A commit is acknowledged
when it is on the server's disk.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumper
from sqlalchemy import Engine, create_engine

from extension.objects.errors import Invalid, Unavailable

BUSY_SECONDS = 30

_SHAPE = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of a password as %XX"

_LOCK = "SELECT pg_advisory_xact_lock(7226465661101)"
"""Any number, the same in every release: it keeps writers of one database apart."""
_ALIVE = "SET LOCAL idle_in_transaction_session_timeout = '30s'"
"""A writer that stands still must not keep the others out for ever."""
_DEFAULTS = {
    "connect_timeout": "10",
    "application_name": "rancher-cd",
    "client_encoding": "utf8",
    # A server whose machine is gone is found out while somebody waits for its answer.
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "11000",
}
_SESSION = (
    "SET client_min_messages = warning",
    # A writer whose machine is gone must not keep the others out for longer than a leader's lease.
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3",
    # Plans are made for the values asked for: how many rows are above a revision is everything.
    "SET plan_cache_mode = force_custom_plan",
    "SET jit = off; SET max_parallel_workers_per_gather = 0",
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)

_UNREACHABLE = "see that the server runs and can be reached from here; it is tried anew with the next request"
_NEXT_STEP = {
    "08": _UNREACHABLE,
    "25006": "this server is a standby: name the primary, or add ?target_session_attrs=read-write with all hosts",
    "25P03": "try again",
    "28": "see the user and password of the database URL, and the server's pg_hba.conf",
    "3D000": "create the database, encoded as UTF8",
    "40": "try again",
    "42501": "make the user the owner of the database, or let it create tables in it",
    "53100": "free disk space on the database server",
    "53300": "raise the server's max_connections, or run fewer processes",
    "53": "look at the database server's memory and limits",
    "55P03": "another process writes for too long; try again",
    "57P": "the server stops or starts; try again",
    "57014": "try again",
    "58": "look at the database server's disk",
    "XX00": "restore a backup, on the database server",
}
"""By the beginning of an SQLSTATE, the longest that fits: what to do about the errors of the machine; all others are ours."""

_SAID = {
    "authentication failed": "28000",
    "no pg_hba.conf entry": "28000",
    "no password supplied": "28000",
    "too many connections": "53300",
    "too many clients": "53300",
    "connection slots": "53300",
    "starting up": "57P03",
    "shutting down": "57P03",
    "does not exist": "3D000",
}
"""What the server says before there is a connection, which libpq hands on without its SQLSTATE."""


class PostgresServer:
    """See `database.Backend`. `url` is libpq's, with all it may say: several hosts, TLS, a password file."""

    reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    writing = f"BEGIN; {_ALIVE}; {_LOCK}"
    beside = "BEGIN"
    settling = "ANALYZE"
    errors: tuple[type[Exception], ...] = (psycopg.Error,)

    def __init__(self, url: str) -> None:
        self._settings = _DEFAULTS | _parts(url)
        self.where = _place(self._settings)
        self._adapters = AdaptersMap(psycopg.adapters)
        self._adapters.register_dumper(str, _Text)

    def engine(self) -> Engine:
        return create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            isolation_level="AUTOCOMMIT",
            pool_size=16,
            max_overflow=48,
            pool_pre_ping=True,
            hide_parameters=True,
            use_native_hstore=False,
        )

    def _connect(self) -> Any:
        connection = psycopg.connect(**self._settings, autocommit=True, context=self._adapters)
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            connection.close()
            raise Unavailable(f"the database is encoded as {encoding}", where=self.where, hint=_NEXT_STEP["3D000"])
        connection.execute("; ".join((*_SESSION, f"SET lock_timeout = {round(BUSY_SECONDS * 1000)}")))
        return connection

    def in_transaction(self, connection: Any) -> bool:
        return not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE

    def trouble(self, error: BaseException | None) -> tuple[str, str, bool] | None:
        if not isinstance(error, psycopg.Error):
            return None
        state = error.sqlstate or (_state_of(str(error)) if isinstance(error, psycopg.OperationalError) else "")
        step = next((_NEXT_STEP[state[:size]] for size in (5, 4, 3, 2) if state[:size] in _NEXT_STEP), None)
        return None if step is None else (self._clean(error), step, state[:2] in ("08", "57"))

    def _clean(self, error: psycopg.Error) -> str:
        """The first line of what was said, without a login."""
        said = (error.diag.message_primary or str(error)).strip().partition("\n")[0]
        for name, shown in (("password", "***"), ("user", "the user")):
            secret = str(self._settings.get(name) or "")
            said = said.replace(f'user "{secret}"', shown).replace(secret, shown) if len(secret) > 2 else said
        return said


def _state_of(said: str) -> str:
    """The SQLSTATE of an error that came without: those of a connection that was not made."""
    return next((state for words, state in _SAID.items() if words in said), "08000")


def _parts(url: str) -> dict[str, Any]:
    """What a URL says. Raises Invalid, without a word of it: libpq's own message quotes the password."""
    try:
        found = conninfo_to_dict(url)
    except psycopg.Error:
        raise Invalid("the URL of the database can't be read", field="database_url", hint=f"write it as {_SHAPE}") from None
    return {name: value for name, value in found.items() if value is not None}


def _place(settings: dict[str, Any]) -> str:
    """Host, port and database."""
    hosts, ports = (str(settings.get(name, "")).split(",") for name in ("host", "port"))
    ports = ports * len(hosts) if len(ports) == 1 else ports
    places = (f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))
    return f"postgresql://{','.join(places)}/{settings.get('dbname', '')}"


class _Text(StrDumper):
    """PostgreSQL's texts hold no NUL, and none of ours does: so nothing is found by one, and that is no error."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)
