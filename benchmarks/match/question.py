"""What PostgreSQL is asked of a report, and what it holds of one: the same for every shape of its table.

A shape is a schema and a connection of its own. Its tables are unlogged, and nothing waits for a disk: what `match`
remembers is safe only once Kafka has it, which is not counted here either.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from services.events import RequestMatched, RequestRouted
from services.incidents.seen import Reach

Link = psycopg.Connection[Any]
Answers = dict[str, tuple[str, float]]
"""The likest report of each that has any, and how like it is."""

EXTENSIONS = "CREATE EXTENSION postgis; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist"
STAGE = "CREATE UNLOGGED TABLE stage (id text, family text, made float8, off float8, said text, lon float8, lat float8)"
SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r'
"""


class Row(NamedTuple):
    """What is held of a report."""

    id: str
    family: str
    made: float
    """Seconds since 1970."""
    off: float
    """Metres that its place may be off."""
    said: str
    lon: float
    lat: float


class Query(NamedTuple):
    """What is asked of a report: how far back, and how far around."""

    row: Row
    window_s: float
    radius_m: float


def row_of(event: RequestRouted | RequestMatched) -> Row:
    """Give what is held of a report.

    Raises:
        ValueError: it has no place.

    """
    report = event.report
    if report.place is None:
        message = f"{report.request_id} has no place, which no report of this benchmark lacks"
        raise ValueError(message)
    return Row(
        report.request_id,
        event.classification.family,
        report.requested_at.timestamp(),
        report.place.radius_m,
        report.text,
        report.place.longitude,
        report.place.latitude,
    )


def queries_of(events: Iterable[RequestRouted], reaches: Mapping[str, Reach]) -> list[Query]:
    """Give what is asked of each report."""
    rows = map(row_of, events)
    return [Query(row, reaches[row.family].window_s, reaches[row.family].radius_m) for row in rows]


def stage(link: Link, events: Iterable[RequestMatched]) -> None:
    """Bring the open reports to the server, in the order in which they were made; shapes are filled from there."""
    link.execute(EXTENSIONS)
    link.execute(STAGE)
    with link.cursor() as cursor, cursor.copy("COPY stage FROM STDIN") as copy:
        for event in events:
            copy.write_row(row_of(event))


def enter(link: Link, schema: str) -> None:
    """Make a shape's schema, and have this connection find its table first."""
    link.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    link.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(schema)))


def held(link: Link, schema: str) -> tuple[int, int]:
    """Give how many reports a shape holds, and their bytes with all indexes."""
    (number,) = link.execute("SELECT count(*) FROM open").fetchone() or (0,)
    (size,) = link.execute(SIZE, [schema]).fetchone() or (0,)
    return number, size


def plan_of(link: Link, statement: str, given: Mapping[str, Any]) -> list[str]:
    """Give the nodes of a plan, without what was asked for."""
    rows = link.execute(f"EXPLAIN (COSTS OFF) {statement}", given).fetchall()
    return [line.strip(" ->") for (line,) in rows if "->" in line]
