"""Opens the read model's database and makes its tables."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from services.readmodel.faults import ReadModelAwayError, ReadModelError
from services.readmodel.schema import SCHEMA_VERSION, about, metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

ONE_AT_A_TIME = 3_110_311
"""The PostgreSQL advisory lock under which tables are made, so that two workers may start at once."""


@contextmanager
def reaching(engine: Engine) -> Iterator[None]:
    """Turn the driver's words for a database that is away into ReadModelAwayError."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        message = f"the read model at {engine.url.render_as_string()} does not answer: {error.orig}"
        raise ReadModelAwayError(message) from error


def open_engine(url: str) -> Engine:
    """Give an engine for a `sqlite` or `postgresql` URL. Connects to nothing yet; makes SQLite's directory.

    Raises:
        ReadModelError: the URL is no such URL, or the directory cannot be made.

    """
    place = _checked(url)
    if place.get_backend_name() == "postgresql":
        return create_engine(place.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if place.database and place.database != ":memory:":
        _make_directory(Path(place.database).parent)
    engine = create_engine(place)
    event.listen(engine, "connect", _tune_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def writing(engine: Engine) -> Engine:
    """Give the same engine, pool and all, for transactions that write."""
    return engine.execution_options(writes=True)


def make_tables(engine: Engine) -> None:
    """Make the tables that are not there yet. Where all are there, nothing is locked or written.

    Raises:
        ReadModelError: the tables there are of another version.
        ReadModelAwayError: the database does not answer.

    """
    with reaching(engine):
        with engine.connect() as connection:
            found = _version(connection) if inspect(connection).has_table(about.name) else None
        if found is None:
            with writing(engine).begin() as connection:
                found = _make(connection)
    if found != SCHEMA_VERSION:
        message = (
            f"the read model at {engine.url.render_as_string()} has tables of version {found}, this program needs "
            f"version {SCHEMA_VERSION}: it is derived, so drop it and let `index` read the topics from the start"
        )
        raise ReadModelError(message)


def _version(connection: Connection) -> int | None:
    return connection.execute(select(about.c.version)).scalar()


def _make(connection: Connection) -> int:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
    connection.execute(CreateTable(about, if_not_exists=True))
    found = _version(connection)
    if found is not None:  # another process was quicker
        return found
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))
    connection.execute(insert(about), {"version": SCHEMA_VERSION})
    return SCHEMA_VERSION


def _checked(url: str) -> URL:
    try:
        place = make_url(url)
    except ArgumentError:
        place = None
    if place is None or place.get_backend_name() not in {"sqlite", "postgresql"}:
        shown = place.render_as_string() if place else repr(url)
        message = (
            f"STORMDRAIN_READ_MODEL={shown}: expected an SQLAlchemy URL such as "
            "sqlite:////var/lib/stormdrain/readmodel.db or postgresql://user@host/stormdrain"
        )
        raise ReadModelError(message)
    return place


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = (
            f"the read model's directory {directory} cannot be made ({error.strerror}): make it writable, or set "
            "STORMDRAIN_READ_MODEL or STORMDRAIN_STATE_DIR to another place"
        )
        raise ReadModelError(message) from error


_WAL_TRIES, _WAL_PAUSE_S = 50, 0.05


def _tune_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    # The driver's own BEGIN is late and leaves reads outside; SQLAlchemy's recipe is to begin by hand.
    connection.isolation_level = None
    for pragma in ("busy_timeout=5000", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}").close()
    for left in range(_WAL_TRIES - 1, -1, -1):
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError:  # another opens it too; SQLite does not wait here, whatever the timeout
            if not left:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock first: to upgrade later fails at once when another writer was there before.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
