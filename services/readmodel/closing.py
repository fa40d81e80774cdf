"""Which requests are closed because the work on their incident is done, and since when. SQL alone.

A closing stands in the row of the request that a department named. It closes all requests that belong to the same
incident and were made until then, so it is asked by incident: reports may be linked to it, or away from it, later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, ScalarSelect, Select, and_, exists, not_, or_, select

from services.readmodel.rows import STAGES
from services.readmodel.schema import requests

if TYPE_CHECKING:
    from datetime import datetime

REJECTED = STAGES.index("rejected")

_named = requests.alias("named")
"""The requests that closings named."""
# With the condition of the partial index, and of its columns alone.
_OF_ITS_INCIDENT = and_(
    _named.c.incident_id == requests.c.incident_id,
    _named.c.closed_at.is_not(None),
    _named.c.closed_at >= requests.c.requested_at,
)
_ITSELF = and_(requests.c.closed_at.is_not(None), requests.c.closed_at >= requests.c.requested_at)
"""A request that nobody has linked yet has no incident, and is closed where it was named itself."""


def _first(column: Column[Any]) -> ScalarSelect[Any]:
    """Give a column of the first closing of a request's incident that is not before the request was made.

    One look into the index, however many closings an incident has: a department may close a storm's reports one by one.
    """
    found = select(column).where(_OF_ITS_INCIDENT).order_by(_named.c.closed_at, _named.c.closing_heard_at).limit(1)
    return found.correlate(requests).scalar_subquery()


def with_closings() -> Select[Any]:
    """Give all columns of requests, and with them `done_at` and `done_heard`: when each was closed, and heard of so."""
    return select(
        requests,
        _first(_named.c.closed_at).label("done_at"),
        _first(_named.c.closing_heard_at).label("done_heard"),
    )


def is_closed() -> ColumnElement[bool]:
    """Say of a request that a person rejected it, or that the work is done."""
    done = exists().where(_OF_ITS_INCIDENT).correlate(requests)
    return or_(requests.c.stage == REJECTED, _ITSELF, done)


def is_open() -> ColumnElement[bool]:
    """Say of a request the contrary of `is_closed`."""
    return not_(is_closed())


def changed_since(moment: datetime) -> ColumnElement[bool]:
    """Say of a request that something was heard of it at a moment or after it, be it that its incident was closed."""
    return or_(requests.c.updated_at >= moment, _first(_named.c.closing_heard_at) >= moment)


def unchanged_after(moment: datetime) -> ColumnElement[bool]:
    """Say of a request that nothing was heard of it after a moment."""
    heard = _first(_named.c.closing_heard_at)
    return and_(requests.c.updated_at <= moment, or_(heard.is_(None), heard <= moment))


def settled(row: dict[str, Any]) -> dict[str, Any]:
    """Give what is to be said of a row of `with_closings`: its status, when it was closed, when it last changed."""
    own = row["closed_at"] if row["closed_at"] and row["closed_at"] >= row["requested_at"] else None
    done_at = row["done_at"] or own
    heard = row["done_heard"]
    return {
        "status": "closed" if row["stage"] == REJECTED or done_at else "open",
        "closed_at": done_at,
        "updated_at": max(row["updated_at"], heard) if heard else row["updated_at"],
    }
