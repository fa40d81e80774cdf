"""Writes the read model: batches of events, in any order, as often as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Table, and_, case, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.readmodel.cells import Cells
from services.readmodel.engine import make_tables, open_engine, reaching, writing
from services.readmodel.fold import Heard, Rows, fold
from services.readmodel.schema import Moment, deliveries, drafts, kpis, requests, reviews, stored, surges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Update
    from sqlalchemy.engine import Connection, Dialect

Upsert = postgresql.Insert | sqlite.Insert

GROUPS: dict[str, tuple[str, ...]] = {
    "content_version": (
        "channel",
        "requested_at",
        "received_at",
        "text",
        "address",
        "latitude",
        "longitude",
        "radius_m",
        "media_urls",
        "source_id",
        "jurisdiction_id",
        "service_code",
        "family",
        "confidence",
        "department",
    ),
    "link_version": ("incident_id", "duplicate_of", "band", "relation", "recurs_of", "hull"),
    "priority_version": ("score", "level", "due_at", "revision"),
    "delivery_version": ("system", "external_id", "delivered_at"),
    "closing_version": ("closed_at", "closed_by", "closing_heard_at"),
}
"""Which columns of `requests` each version speaks for."""
STATE_OF_VERDICT = {"approve": "approved", "correct": "corrected", "reject": "rejected", "unlink": "unlinked"}
AT_ONCE = 500
"""Ids in one IN list."""


class Store:
    """The writing side of the read model. The tables are made on the first call.

    Several processes may write at once: rows are merged in SQL, by version, and locked in the order of their ids.
    """

    def __init__(self, url: str) -> None:
        self._engine = writing(open_engine(url))
        self._made = False
        dialect = self._engine.dialect
        upserts = {table.name: _upsert(table, dialect.name) for table in (requests, drafts, deliveries, surges, kpis)}
        upserts[reviews.name] = _insert(reviews, dialect.name).on_conflict_do_nothing()
        self._upserts = {name: Compiled(upsert, dialect) for name, upsert in upserts.items()}

    def apply(self, heard: Sequence[Heard]) -> None:
        """Take a batch, in one transaction: all of it, or nothing when this raises.

        Each event comes with the instant when it was heard of, with an offset. Events may be repeated.

        Raises:
            ReadModelAwayError: the database does not answer or is busy; try again.
            ReadModelError: its tables are of another version.

        """
        rows = fold(heard)
        if not self._made:
            make_tables(self._engine)
            self._made = True
        with reaching(self._engine), self._engine.begin() as connection:
            self._write(connection, rows)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _write(self, connection: Connection, rows: Rows) -> None:
        # Requests first: the lock on a request's row makes writers of one request wait for each other, so that the
        # one that settles its draft last sees what the others wrote.
        for name in (table.name for table in (requests, drafts, reviews, deliveries, surges, kpis)):
            found = getattr(rows, name)
            if found:
                self._upserts[name].execute(connection, found)
        for ids in _chunks(rows.to_settle):
            connection.execute(_settle(ids))


class Compiled:
    """An insert as the driver takes it, made once.

    SQLAlchemy binds each value by several calls in Python, which took longer than SQLite takes to write the row.
    """

    def __init__(self, statement: Upsert, dialect: Dialect) -> None:
        columns = statement.table.columns
        compiled = statement.compile(dialect=dialect, column_keys=columns.keys())
        self._text = str(compiled)
        # SQLite's driver takes values by their place, and instants as text; that of PostgreSQL by name and as they are.
        order = compiled.positiontup or ()
        self._columns = [(name, isinstance(columns[name].type, Moment)) for name in order]

    def execute(self, connection: Connection, rows: Sequence[Cells]) -> None:
        """Write rows, each with a cell for every column."""
        connection.exec_driver_sql(self._text, [self._placed(cells) for cells in rows] if self._columns else list(rows))

    def _placed(self, cells: Cells) -> tuple[Any, ...]:
        return tuple([stored(cells[name]) if instant else cells[name] for name, instant in self._columns])


def _insert(table: Table, dialect: str) -> Upsert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def _upsert(table: Table, dialect: str) -> Upsert:
    statement = _insert(table, dialect)
    new, old = statement.excluded, table.c
    keys = [column.name for column in table.primary_key]
    changes: dict[str, Any]
    if table is requests:
        changes = {name: _greater(new[name], old[name]) for name in ("stage", "updated_at", "released_revision")}
        for version, names in GROUPS.items():
            newer = new[version] > old[version]
            changes |= {name: case((newer, new[name]), else_=old[name]) for name in (version, *names)}
    else:
        changes = {column.name: new[column.name] for column in table.columns if column.name not in keys}
    if table is drafts:
        del changes["state"]  # settled by what else is known
        newer = new.revision > old.revision
        earlier = or_(newer, and_(new.revision == old.revision, new.held_at < old.held_at))
        changes = {name: case((newer, value), else_=old[name]) for name, value in changes.items()}
        changes["held_at"] = case((earlier, new.held_at), else_=old.held_at)
    news = {deliveries: new.get("revision"), surges: new.get("surge_version")}.get(table)
    where = None if news is None else news > old[news.name]
    return statement.on_conflict_do_update(index_elements=keys, set_=changes, where=where)


def _greater(one: ColumnElement[Any], two: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((one > two, one), else_=two)


def _settle(request_ids: Sequence[str]) -> Update:
    """Set the state of these requests' drafts from the reviews and releases there are."""
    mine = reviews.c.request_id == drafts.c.request_id
    verdict = (
        select(case(STATE_OF_VERDICT, value=reviews.c.verdict))
        .where(mine, reviews.c.revision >= drafts.c.revision)
        .order_by(reviews.c.revision.desc(), reviews.c.reviewed_at, reviews.c.review_id)
        .limit(1)
        .scalar_subquery()
    )
    released = (
        select(requests.c.released_revision).where(requests.c.request_id == drafts.c.request_id).scalar_subquery()
    )
    decided_before = or_(released > 0, exists().where(mine))
    unsaid = case((released >= drafts.c.revision, "released"), (decided_before, "update"), else_="waiting")
    return update(drafts).values(state=func.coalesce(verdict, unsaid)).where(drafts.c.request_id.in_(request_ids))


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]
