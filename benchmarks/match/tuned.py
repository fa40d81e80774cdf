"""`tuned`: what one who knows PostGIS well makes of it for this race alone.

A part for each family, its rows in the order of the map; geometry on a plane, so that no earth is round; places
transformed beforehand; no key, and no index that is not used; a batch looked up by one statement and taken in by
another. Within such a batch no report sees another, which `match` and `plain` do see.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from psycopg import sql

from benchmarks.match.question import Answers, Link, Query, enter, plan_of
from services.incidents.seen import MOST_OFF_M

PLANS = ("auto", "force_generic_plan")
TRIED = 300
"""Queries that each way to ask is tried with."""
TIMES = 4
"""How often; the fastest counts, since others use the machine, too."""
METRIC = 32618
"""UTM zone 18 north, metres: geometry on a plane costs PostGIS a small part of what geography does."""

STRAIGHT = f"""
SELECT id, family, made, off, said,
    ST_Transform(ST_SetSRID(ST_MakePoint(lon, lat), 4326), {METRIC})::geometry(Point, {METRIC}) AS place
FROM public.stage ORDER BY family, ST_GeoHash(ST_SetSRID(ST_MakePoint(lon, lat), 4326))
"""  # noqa: S608 - of numbers of ours
PARTED = f"""
CREATE UNLOGGED TABLE open
    (id text, family text, made float8, off float8, said text, place geometry(Point, {METRIC}))
PARTITION BY LIST (family)
"""
PART = "CREATE UNLOGGED TABLE {} PARTITION OF open FOR VALUES IN ({})"
INDEXES = {
    "place": "CREATE INDEX open_place ON open USING gist (place)",
    "place and time": "CREATE INDEX open_place_made ON open USING gist (place, made)",
}
"""Of each family's part. The second takes minutes to be built, the first seconds; so it is tried last."""
ONE = f"""
SELECT id, similarity(said, {{said}}) AS alike FROM open
WHERE family = {{family}} AND made BETWEEN {{made}} - {{span}} AND {{made}}
  AND ST_DWithin(place, {{place}}, {{radius}} + {MOST_OFF_M})
  AND ST_Distance(place, {{place}}) <= {{radius}} + least(sqrt(off * off + {{off}} * {{off}}), {MOST_OFF_M})
ORDER BY similarity(said, {{said}}) DESC, ST_Distance(place, {{place}}) LIMIT 1
"""  # noqa: S608 - likewise
POINT = f"SELECT ST_AsHEXEWKB(ST_Transform(ST_SetSRID(ST_MakePoint(%s, %s), 4326), {METRIC}))"
TYPES = {
    "id": "text",
    "family": "text",
    "made": "float8",
    "off": "float8",
    "said": "text",
    "place": "geometry",
    "span": "float8",
    "radius": "float8",
}
HELD = ("id", "family", "made", "off", "said", "place")


class Placed(NamedTuple):
    """A query with its place on the plane: `TYPES`."""

    id: str
    family: str
    made: float
    off: float
    said: str
    place: str
    span: float
    radius: float


class Tuned:
    """The open reports in this shape."""

    def __init__(self, link: Link, families: Iterable[str]) -> None:
        """Fill it from the stage, without an index: `best` builds one."""
        self._link = link
        self._one = ONE.format(**{name: f"%({name})s::{kind}" for name, kind in TYPES.items()})
        given = ", ".join(f"%({name})s::{_plain(kind)}[]" for name, kind in TYPES.items())
        columns = ", ".join(f"u.{name}::{kind} AS {name}" for name, kind in TYPES.items())
        rows = f"SELECT u.n, {columns} FROM unnest({given}) WITH ORDINALITY AS u({', '.join(TYPES)}, n)"  # noqa: S608 - of names of ours
        lateral = ONE.format(**{name: f"q.{name}" for name in TYPES})
        # Materialized, or a place would be read from its text for every report that is looked at.
        self._many = f"""
            WITH asked AS MATERIALIZED ({rows})
            SELECT q.n, best.id, best.alike FROM asked q CROSS JOIN LATERAL ({lateral}) best
        """  # noqa: S608 - likewise
        self._take = f"INSERT INTO open SELECT {', '.join(HELD)} FROM ({rows}) taken"  # noqa: S608 - likewise
        enter(link, "tuned")
        link.execute(PARTED)
        for family in families:
            link.execute(sql.SQL(PART).format(sql.Identifier(f"open_{family}"), sql.Literal(family)))
        link.execute(f"INSERT INTO open {STRAIGHT}")

    def placed(self, queries: Iterable[Query]) -> list[Placed]:
        """Put places on the plane beforehand, which a race does not count."""
        found = []
        for (request_id, family, made, off, said, *place), window_s, radius_m in queries:
            (point,) = self._link.execute(POINT, place).fetchone() or ("",)
            found.append(Placed(request_id, family, made, off, said, point, window_s, radius_m))
        return found

    def one_by_one(self, queries: Sequence[Placed]) -> Answers:
        """Look each up: a prepared statement each."""
        found: Answers = {}
        with self._link.cursor(binary=True) as cursor:
            for query in queries:
                row = cursor.execute(self._one, query._asdict(), prepare=True).fetchone()
                if row is not None:
                    found[query.id] = row
        return found

    def at_once(self, queries: Sequence[Placed]) -> Answers:
        """Give the same with one statement for all."""
        with self._link.cursor(binary=True) as cursor:
            rows = cursor.execute(self._many, _columns(queries), prepare=True).fetchall()
        return {queries[n - 1].id: (other, alike) for n, other, alike in rows}

    def take(self, queries: Sequence[Placed], *, at_once: bool) -> Answers:
        """Look all up, in either way, then take all in by one statement, in one transaction."""
        with self._link.transaction():
            found = self.at_once(queries) if at_once else self.one_by_one(queries)
            self._link.execute(self._take, _columns(queries), prepare=True)
        return found

    def best(self, queries: Sequence[Placed]) -> dict[str, Any]:
        """Try each index and each way to plan, and leave the fastest; give queries/s of all.

        Which ways of asking are then raced is not decided here: both are.
        """
        some = queries[:TRIED]
        tried: dict[str, float] = {}
        built: dict[str, float] = {}
        for name, make in INDEXES.items():
            for other in INDEXES.values():
                self._link.execute(f"DROP INDEX IF EXISTS {other.split()[2]}")
            built[name] = self._made(make)
            for plan in PLANS:
                self._link.execute(f"SET plan_cache_mode = {plan}")
                took = min(self._timed(some) for _ in range(TIMES))
                tried[f"{name}; {plan}"] = round(len(some) / took, 1)
        best = max(tried, key=lambda name: tried[name])
        index, _, plan = best.partition("; ")
        if index != name:
            self._link.execute(f"DROP INDEX {make.split()[2]}")
            self._made(INDEXES[index])
        self._link.execute(f"SET plan_cache_mode = {plan}")
        nodes = plan_of(self._link, self._one, some[0]._asdict())
        return {"tried_per_s": tried, "chosen": best, "built_s": built, "plan": nodes}

    def _timed(self, queries: Sequence[Placed]) -> float:
        began = time.perf_counter()
        self.one_by_one(queries)
        return time.perf_counter() - began

    def _made(self, make: str) -> float:
        began = time.perf_counter()
        self._link.execute(make)
        self._link.execute("VACUUM ANALYZE open")
        return round(time.perf_counter() - began, 1)


def _columns(queries: Sequence[Placed]) -> dict[str, list[Any]]:
    return {name: list(column) for name, column in zip(TYPES, zip(*queries, strict=True), strict=True)}


def _plain(kind: str) -> str:
    """Give the type that an array of them is sent as: PostGIS parts the geometries of an array by colons."""
    return "text" if kind == "geometry" else kind
