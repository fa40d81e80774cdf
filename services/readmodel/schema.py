"""The tables, for SQLite and PostgreSQL alike. All of them are derived: dropped, they come back from the topics.

`requests` holds one row a request. Its columns come in groups, and each group carries the version of the event that
last wrote it, so that events may come in any order and any number of times (see `services.readmodel.fold`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

SCHEMA_VERSION = 2
"""Grows whenever a table changes; an older read model is dropped and folded again."""

metadata = MetaData()


def stored(moment: datetime | None) -> str | None:
    """Give an instant as SQLite keeps a `Moment`: UTC, to the microsecond, without an offset."""
    return None if moment is None else moment.astimezone(UTC).isoformat(" ", "microseconds")[: -len("+00:00")]


class Moment(TypeDecorator[datetime]):
    """An instant: `timestamptz` in PostgreSQL, UTC text in SQLite, always with an offset in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; SQLite keeps no offset."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give UTC back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id(name: str, **options: Any) -> Column[str]:  # noqa: ANN401 - SQLAlchemy's options
    return Column(name, String(64), **options)


about = Table("read_model", metadata, Column("version", Integer, primary_key=True))
"""One row: which version of these tables this is."""

requests = Table(
    "requests",
    metadata,
    _id("request_id", primary_key=True),
    Column("stage", SmallInteger, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("released_revision", Integer, nullable=False),
    # What it says, what it is about, whose it is.
    Column("content_version", BigInteger, nullable=False),
    Column("channel", Text),
    Column("requested_at", Moment),
    Column("received_at", Moment),
    Column("text", Text),
    Column("address", Text),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("radius_m", Float),
    Column("media_urls", Text),
    Column("source_id", Text),
    Column("jurisdiction_id", Text),
    Column("service_code", Text),
    Column("family", Text),
    Column("confidence", Float),
    Column("department", Text),
    # Which incident it belongs to.
    Column("link_version", BigInteger, nullable=False),
    _id("incident_id"),
    _id("duplicate_of"),
    Column("band", Text),
    Column("relation", Text),
    _id("recurs_of"),
    Column("hull", Text),
    # How soon.
    Column("priority_version", BigInteger, nullable=False),
    Column("score", Float),
    Column("level", Text),
    Column("due_at", Moment),
    Column("revision", Integer),
    # Where it went.
    Column("delivery_version", BigInteger, nullable=False),
    Column("system", Text),
    Column("external_id", Text),
    Column("delivered_at", Moment),
    # That its incident was closed, where this is the report that the department named.
    Column("closing_version", BigInteger, nullable=False),
    Column("closed_at", Moment),
    Column("closed_by", Text),
    Column("closing_heard_at", Moment),
)
Index("requests_newest", requests.c.requested_at, requests.c.request_id)
Index("requests_of_service", requests.c.service_code, requests.c.requested_at, requests.c.request_id)
Index("requests_updated", requests.c.updated_at)
Index("requests_of_incident", requests.c.incident_id)
Index("requests_at_stage", requests.c.stage)
CLOSED = text("closed_at IS NOT NULL")
Index(
    "requests_closed",
    requests.c.incident_id,
    requests.c.closed_at,
    requests.c.closing_heard_at,
    sqlite_where=CLOSED,
    postgresql_where=CLOSED,
)
Index("requests_near", requests.c.latitude, requests.c.longitude, requests.c.requested_at)

drafts = Table(
    "drafts",
    metadata,
    _id("request_id", primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("held_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("service_code", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("draft", Text, nullable=False),
)
WAITS = text("state IN ('waiting', 'update')")
"""Word for word as in the partial index, which SQLite otherwise does not recognize as the one to use."""
Index("drafts_waiting", drafts.c.due_at, drafts.c.request_id, sqlite_where=WAITS, postgresql_where=WAITS)

reviews = Table(
    "reviews",
    metadata,
    _id("review_id", primary_key=True),
    _id("request_id", nullable=False),
    Column("revision", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("reviewed_at", Moment, nullable=False),
    Column("note", Text, nullable=False),
    Column("service_code", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("same_as", Text, nullable=False),
)
Index("reviews_of_request", reviews.c.request_id)

deliveries = Table(
    "deliveries",
    metadata,
    _id("request_id", primary_key=True),
    Column("system", Text, primary_key=True),
    Column("department", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("result", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("delivered_at", Moment, nullable=False),
)

surges = Table(
    "surges",
    metadata,
    Column("service_code", Text, primary_key=True),
    Column("area", Text, primary_key=True),
    Column("surge_version", BigInteger, nullable=False),
    Column("window_start", Moment, nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("baseline", Float, nullable=False),
    Column("ratio", Float, nullable=False),
    Column("active", Boolean, nullable=False),
)

kpis = Table(
    "kpis",
    metadata,
    Column("name", Text, primary_key=True),
    Column("labels", Text, primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("window_s", Integer, nullable=False),
    Column("value", Float, nullable=False),
)
