"""Invented matched reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.events import RequestMatched
from services.parts import Classification, Intent, Matching, Report, Routing, Safety

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HERE = "89283082803ffff"
"""An H3 cell at resolution 9, and the cell at resolution 6 around it."""
AREA = "86283082fffffff"


def at(seconds: float) -> datetime:
    """So many seconds after nine."""
    return NINE + timedelta(seconds=seconds)


def matched(
    request_id: str,
    seconds: float = 0.0,
    *,
    code: str = "street_light_out",
    family: str = "lights",
    cell: str = HERE,
    revision: int = 1,
    duplicate_of: str | None = None,
    released: bool = True,
    flagged: bool = False,
    intent: Intent = "report",
    received_at: datetime | None = None,
) -> RequestMatched:
    """A report that came so many seconds after nine."""
    moment = received_at or at(seconds)
    return RequestMatched(
        report=Report(request_id=request_id, channel="app", received_at=moment, requested_at=moment),
        classification=Classification(
            service_code=code,
            family=family,
            confidence=0.9,
            released=released,
            intent=intent,
            safety=Safety(flagged=flagged),
        ),
        routing=Routing(department="streets", rule="lights", cell=cell),
        matching=Matching(incident_id=duplicate_of or request_id, duplicate_of=duplicate_of, revision=revision),
    )
