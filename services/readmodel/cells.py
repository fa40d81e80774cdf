"""What of an event becomes a cell of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.events import (
    Case,
    DeliveryMade,
    DraftHeld,
    IncidentClosed,
    RequestClassified,
    RequestMatched,
    RequestPrioritized,
    RequestReceived,
    RequestRouted,
    ReviewMade,
)
from services.readmodel.schema import requests

if TYPE_CHECKING:
    from datetime import datetime

    from services.parts import Matching

Cells = dict[str, Any]
Content = RequestReceived | RequestClassified | RequestRouted | RequestMatched | RequestPrioritized | DraftHeld | Case

REVISION_BITS = 20
MOST_REVISIONS = (1 << REVISION_BITS) - 1
"""Revisions above are counted as this one."""

_NOTHING: Cells = dict.fromkeys(column.name for column in requests.columns)


def whole(number: int) -> int:
    """Give a number that an INTEGER column takes: the nearest one that has 32 bits."""
    return max(-(1 << 31), min(number, (1 << 31) - 1))


def plain(text: str) -> str:
    """Give text that PostgreSQL takes: it knows no NUL."""
    return text.replace("\0", "") if "\0" in text else text


def request_cells(request_id: str) -> Cells:
    """Give a row of `requests` that says nothing yet."""
    return {**_NOTHING, "request_id": request_id}


def fill_content(cells: Cells, event: Content) -> None:
    """Fill in what an event says of a request, of its category and of whose it is, as far as its stage knows."""
    report = event.report
    cells["channel"] = report.channel
    cells["requested_at"] = report.requested_at
    cells["received_at"] = report.received_at
    cells["text"] = plain(report.text)
    cells["address"] = plain(report.address)
    if report.place is not None:
        cells["latitude"] = report.place.latitude
        cells["longitude"] = report.place.longitude
        cells["radius_m"] = report.place.radius_m
    if report.media_urls:
        cells["media_urls"] = msgspec.json.encode(report.media_urls).decode()
    cells["source_id"] = plain(report.source_id)
    cells["jurisdiction_id"] = plain(report.jurisdiction_id)
    cells["service_code"] = plain(report.service_code)
    if not isinstance(event, RequestReceived):
        cells["service_code"] = event.classification.service_code
        cells["family"] = event.classification.family
        cells["confidence"] = event.classification.confidence
        if not isinstance(event, RequestClassified):
            cells["department"] = event.routing.department


def fill_link(cells: Cells, link: Matching) -> None:
    """Fill in which incident a request belongs to."""
    cells["incident_id"] = link.incident_id
    cells["duplicate_of"] = link.duplicate_of
    cells["band"] = link.band
    cells["relation"] = link.relation
    cells["recurs_of"] = link.recurs_of
    if link.extent is not None and link.extent.hull:
        cells["hull"] = msgspec.json.encode(link.extent.hull).decode()


def fill_closing(cells: Cells, event: IncidentClosed, heard_at: datetime) -> None:
    """Fill in that the work on the incident of a request is done."""
    cells["closed_at"] = event.closed_at
    cells["closed_by"] = plain(event.closed_by)
    cells["closing_heard_at"] = heard_at


def draft_cells(draft: DraftHeld, held_at: datetime) -> Cells:
    """Give the row of a draft that nobody has decided."""
    return {
        "request_id": draft.report.request_id,
        "revision": min(draft.priority.revision, MOST_REVISIONS),
        "held_at": held_at,
        "state": "waiting",
        "department": draft.routing.department,
        "service_code": draft.classification.service_code,
        "level": draft.priority.level,
        "due_at": draft.priority.due_at,
        "draft": msgspec.json.encode(draft).decode(),
    }


def review_cells(event: ReviewMade) -> Cells:
    """Give the row of a review."""
    return {
        "review_id": event.review_id,
        "request_id": event.draft.report.request_id,
        "revision": min(event.draft.priority.revision, MOST_REVISIONS),
        "verdict": event.verdict,
        "reviewer": plain(event.reviewer),
        "reviewed_at": event.reviewed_at,
        "note": plain(event.note),
        "service_code": event.service_code,
        "department": event.department,
        "same_as": event.same_as,
    }


def delivery_cells(event: DeliveryMade) -> Cells:
    """Give the row of a delivery."""
    return {
        "request_id": event.request_id,
        "system": event.system,
        "department": event.department,
        "external_id": plain(event.external_id),
        "revision": whole(min(event.revision, MOST_REVISIONS)),
        "result": event.result,
        "attempts": whole(event.attempts),
        "delivered_at": event.delivered_at,
    }
