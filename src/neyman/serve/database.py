"""The database of the service: SQLite on this host, or PostgreSQL for many.

SQLite keeps a write-ahead log and syncs at every commit. Whoever means to write takes its lock at the beginning
(`BEGIN IMMEDIATE`): one who finds out later would be refused without a wait if another wrote meanwhile.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Float,
    Table,
    create_engine,
    event,
    exc,
    literal_column,
    make_url,
    text,
)

from neyman.core.errors import ConfigError, InputError, NeymanError
from neyman.core.files import make_folder

BUSY_SECONDS = 15
"""How long SQLite waits for another writer."""

_WRITES = "neyman_writes"
_LOCK = 0x6E65796D616E  # of migrations on PostgreSQL: a number that no other program locks
_PASSING_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_PROTOCOL")
_PASSING_STATES = ("08", "40", "53", "57")  # connection, rollback by conflict, resources, shutdown
_CLOCKS = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch from clock_timestamp())::double precision",
}


def connect(url: str) -> Engine:
    """The engine of a database; nothing is connected yet.

    Args:
        url: `sqlite:///FILE`, or `postgresql://USER@HOST/NAME`.

    Raises:
        ConfigError: If it is no such address.
        InputError: If the folder of the file cannot be made.
    """
    try:
        address = make_url(url)
    except (exc.ArgumentError, ValueError):  # of a port that is none
        raise _no_address() from None
    kind = address.get_backend_name()
    if kind == "sqlite" and address.database not in (None, "", ":memory:"):
        if address.query:  # SQLAlchemy would ignore it
            raise _no_address()
        if Path(str(address.database)).is_dir():
            raise ConfigError("a folder", where=f"database: {address.database}", expected="sqlite:///FILE")
        make_folder(Path(str(address.database)).parent)
        engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if kind == "postgresql":
        if "@" in (address.host or ""):  # of a password: what is behind it would be told as a host
            raise _no_address("%40 for an @ in a password")
        address = address.set(drivername="postgresql+psycopg")
        return create_engine(address, pool_pre_ping=True, connect_args={"connect_timeout": 5})
    raise ConfigError(
        f"a database of kind '{kind}'"[:80], where="database", expected="sqlite:///FILE or postgresql://USER@HOST/NAME"
    )


def _no_address(hint: str = "") -> ConfigError:
    return ConfigError(
        "no address of a database", where="database",
        expected="sqlite:///FILE or postgresql://USER@HOST:PORT/NAME", hint=hint,
    )  # fmt: skip


def reading(engine: Engine) -> contextlib.AbstractContextManager[Connection]:
    """A transaction that only reads."""
    return engine.begin()


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; it is committed if the block succeeds."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


def now(dialect: str) -> ColumnElement[float]:
    """The clock of the database, in seconds since 1970.

    Args:
        dialect: `engine.dialect.name`.
    """
    return literal_column(_CLOCKS[dialect], Float(53))


def arrival(table: Table, dialect: str) -> ColumnElement[Any]:
    """What orders rows that came at the same time: SQLite's clock counts milliseconds, in which two may come.

    Args:
        table: Of the rows.
        dialect: `engine.dialect.name`.
    """
    if dialect == "sqlite":
        return literal_column(f"{table.name}.rowid")
    return table.c.id


def alive(engine: Engine) -> bool:
    """Whether the database answers."""
    try:
        with reading(engine) as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1
    except exc.SQLAlchemyError:
        return False


def away(error: BaseException) -> bool:
    """Whether a database failed in a way that time can heal: it restarts, it is busy, the network is down."""
    if isinstance(error, exc.TimeoutError):  # of the pool: all connections wait for a database that hangs
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.OperationalError):
        return error.orig.sqlite_errorname.startswith(_PASSING_SQLITE)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # there was no connection that could have told
        return isinstance(error, exc.OperationalError | exc.InterfaceError)
    return str(state)[:2] in _PASSING_STATES


def unusable(error: exc.SQLAlchemyError, engine: Engine) -> NeymanError:
    """What a failure of the database means for who starts something with it."""
    reason = " ".join(str(getattr(error, "orig", error)).split())[:150]
    where = engine.url.render_as_string(hide_password=True)
    if engine.dialect.name == "sqlite" or not away(error):
        return InputError(f"cannot be used: {reason}", where=where, expected="a database of neyman, or none")
    hint = "whether it is started, and this user may use it"
    return NeymanError(f"does not answer: {reason}", where=where, hint=hint)


def upgrade(engine: Engine) -> None:
    """Bring the tables to the state of this version; of many that do so at once, one works and the others wait.

    Raises:
        ConfigError: If the database belongs to a later version.
    """
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError

    script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        context = MigrationContext.configure(connection)
        try:
            steps = list(script.iterate_revisions("head", context.get_current_revision() or "base"))
        except RevisionError:
            raise ConfigError(
                "the tables are of a later version of neyman", where="database", hint="the version that made them"
            ) from None
        with Operations.context(context):
            for step in reversed(steps):
                step.module.upgrade()
        if steps:
            context.stamp(script, "head")


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - what the driver has
    connection.isolation_level = None  # transactions begin where SQLAlchemy begins them
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:  # no wait is built in for two that change the mode of a new file at once
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
