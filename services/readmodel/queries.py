"""Asks the read model. Every call is one short transaction; calls block, so asyncio workers use a thread."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import msgspec
from sqlalchemy import ColumnElement, Select, func, select

from services.events import DraftHeld
from services.readmodel.closing import changed_since, is_closed, is_open, settled, unchanged_after, with_closings
from services.readmodel.engine import make_tables, open_engine, reaching
from services.readmodel.near import nearby_query, nearby_rows
from services.readmodel.rows import (
    STAGES,
    WAITING,
    Counts,
    DraftFilter,
    DraftRow,
    KpiRow,
    NearbyFilter,
    NearbyRow,
    RequestFilter,
    RequestRow,
    ReviewRow,
    SurgeRow,
)
from services.readmodel.schema import WAITS, drafts, kpis, requests, reviews, surges

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

EVERY_REQUEST = RequestFilter()
EVERY_OPEN_DRAFT = DraftFilter()
ROW_FIELDS = tuple(
    name for name in RequestRow.__struct_fields__ if name not in {"status", "closed_at", "updated_at", "hull"}
)

_KNOWN = requests.c.content_version > 0
"""A delivery may be heard of before the request itself; such a row is not shown yet."""


class ReadModel:
    """Answers about requests, drafts, incidents, surges and figures. Safe to share between threads.

    The tables are made on the first call, so that a reader may start before `index` has ever run. Every method raises
    ReadModelAwayError when the database does not answer, ReadModelError when its tables are of another version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._made = False
        self._making = Lock()

    def requests(self, wanted: RequestFilter = EVERY_REQUEST) -> list[RequestRow]:
        """Give one page of the requests that match, newest `requested_at` first."""
        query = with_closings().where(*_request_conditions(wanted))
        query = query.order_by(requests.c.requested_at.desc(), requests.c.request_id.desc())
        return [_request(row) for row in self._ask(_page(query, wanted.page, wanted.page_size))]

    def request(self, request_id: str) -> RequestRow | None:
        """Give one request, or None when nothing is known of it yet."""
        found = self.requests(RequestFilter(ids=(request_id,)))
        return found[0] if found else None

    def drafts(self, wanted: DraftFilter = EVERY_OPEN_DRAFT) -> list[DraftRow]:
        """Give one page of the drafts that match, the one due first on top."""
        query = select(drafts).where(*_draft_conditions(wanted)).order_by(drafts.c.due_at, drafts.c.request_id)
        return [_draft(row) for row in self._ask(_page(query, wanted.page, wanted.page_size))]

    def count_drafts(self, wanted: DraftFilter = EVERY_OPEN_DRAFT) -> int:
        """Give how many drafts match, on all pages together."""
        query = select(func.count().label("n")).select_from(drafts).where(*_draft_conditions(wanted))
        return int(self._ask(query)[0]["n"])

    def draft(self, request_id: str) -> DraftRow | None:
        """Give the newest draft of a request with all reviews of the request, or None."""
        found = self._ask(select(drafts).where(drafts.c.request_id == request_id))
        if not found:
            return None
        said = select(reviews).where(reviews.c.request_id == request_id)
        said = said.order_by(reviews.c.reviewed_at, reviews.c.review_id)
        return _draft(found[0], tuple(ReviewRow(**row) for row in self._ask(said)))

    def review(self, review_id: str) -> ReviewRow | None:
        """Give one review, or None."""
        found = self._ask(select(reviews).where(reviews.c.review_id == review_id))
        return ReviewRow(**found[0]) if found else None

    def incident_sizes(self, incident_ids: Collection[str]) -> dict[str, int]:
        """Give how many requests belong to each incident; incidents without any are left out."""
        query = select(requests.c.incident_id, func.count().label("n")).where(requests.c.incident_id.in_(incident_ids))
        return {row["incident_id"]: row["n"] for row in self._ask(query.group_by(requests.c.incident_id))}

    def incident(self, incident_id: str, at_most: int = 100) -> list[RequestRow]:
        """Give the requests of one incident, earliest first."""
        query = with_closings().where(requests.c.incident_id == incident_id, _KNOWN)
        query = query.order_by(requests.c.requested_at, requests.c.request_id).limit(at_most)
        return [_request(row) for row in self._ask(query)]

    def nearby(self, wanted: NearbyFilter) -> list[NearbyRow]:
        """Give the open incidents about a point: the nearest `at_most` of them, the newest word first.

        An incident is open while one of its reports of `service_codes` is, wherever that lies.
        """
        if not wanted.service_codes or not wanted.since:
            return []
        return nearby_rows(wanted, self._ask(nearby_query(wanted)))

    def surges(self) -> list[SurgeRow]:
        """Give the surges that are on, strongest first."""
        query = select(surges).where(surges.c.active).order_by(surges.c.ratio.desc(), surges.c.service_code)
        return [SurgeRow(**{name: row[name] for name in SurgeRow.__struct_fields__}) for row in self._ask(query)]

    def kpis(self, name: str, since: datetime) -> list[KpiRow]:
        """Give the figures of one name from windows that start at `since` or later, oldest first."""
        query = select(kpis).where(kpis.c.name == name, kpis.c.window_start >= since)
        query = query.order_by(kpis.c.window_start, kpis.c.labels)
        return [KpiRow(**{**row, "labels": msgspec.json.decode(row["labels"])}) for row in self._ask(query)]

    def counts(self) -> Counts:
        """Give how many requests stand at each stage and how many drafts wait in each department."""
        stages = select(requests.c.stage, func.count().label("n")).where(requests.c.stage >= 0)
        waiting = select(drafts.c.department, func.count().label("n")).where(WAITS)
        return Counts(
            requests={STAGES[row["stage"]]: row["n"] for row in self._ask(stages.group_by(requests.c.stage))},
            waiting={row["department"]: row["n"] for row in self._ask(waiting.group_by(drafts.c.department))},
        )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _ask(self, query: Select[Any]) -> Sequence[dict[str, Any]]:
        with self._making:
            if not self._made:
                make_tables(self._engine)
                self._made = True
        with reaching(self._engine), self._engine.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _request_conditions(wanted: RequestFilter) -> list[ColumnElement[bool]]:
    at = requests.c
    bounds = (
        (wanted.start, at.requested_at.__ge__),
        (wanted.end, at.requested_at.__le__),
        (wanted.updated_after, changed_since),
        (wanted.updated_before, unchanged_after),
    )
    conditions: list[ColumnElement[bool]] = [_KNOWN, *(compare(moment) for moment, compare in bounds if moment)]
    if wanted.ids:
        conditions.append(at.request_id.in_(wanted.ids))
    if wanted.service_codes:
        conditions.append(at.service_code.in_(wanted.service_codes))
    if set(wanted.statuses) == {"closed"}:
        conditions.append(is_closed())
    elif set(wanted.statuses) == {"open"}:
        conditions.append(is_open())
    return conditions


def _draft_conditions(wanted: DraftFilter) -> list[ColumnElement[bool]]:
    states: ColumnElement[bool] = drafts.c.state.in_(wanted.states)
    if set(wanted.states) == set(WAITING):
        states = cast("ColumnElement[bool]", WAITS)
    lists = (
        (drafts.c.request_id, wanted.ids),
        (drafts.c.department, wanted.departments),
        (drafts.c.service_code, wanted.service_codes),
        (drafts.c.level, wanted.levels),
    )
    conditions = [states, *(column.in_(values) for column, values in lists if values)]
    return [*conditions, drafts.c.request_id.not_in(wanted.without)] if wanted.without else conditions


def _page(query: Select[Any], page: int, page_size: int) -> Select[Any]:
    return query.limit(page_size).offset((page - 1) * page_size)


def _request(row: dict[str, Any]) -> RequestRow:
    kept = {name: row[name] for name in ROW_FIELDS if row[name] is not None}
    kept["stage"] = STAGES[row["stage"]]
    kept["media_urls"] = tuple(msgspec.json.decode(row["media_urls"])) if row["media_urls"] else ()
    kept["hull"] = tuple((north, east) for north, east in msgspec.json.decode(row["hull"])) if row["hull"] else ()
    return RequestRow(**kept, **settled(row))


def _draft(row: dict[str, Any], said: tuple[ReviewRow, ...] = ()) -> DraftRow:
    return DraftRow(
        request_id=row["request_id"],
        revision=row["revision"],
        state=row["state"],
        held_at=row["held_at"],
        draft=msgspec.json.decode(row["draft"], type=DraftHeld),
        reviews=said,
    )
