"""What a worker said, as one flat line: the names that people look at and evaluations compare, and the event whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from services.cli.trying.entries import Entry
from services.cli.trying.items import Id
from services.deliver.core import Parcel
from services.events import (
    Case,
    DraftHeld,
    Event,
    RequestClassified,
    RequestMatched,
    RequestPrioritized,
    RequestReceived,
    RequestRouted,
)
from services.parts import Asset, Boundary

Flat = dict[str, Any]
Names = Callable[[str], Id]
"""Gives the caller's own id of a request id."""

_encoder = msgspec.json.Encoder()


class Writer:
    """Writes the lines of output; `flat` ones without the event."""

    def __init__(self, *, flat: bool = False) -> None:
        self._flat = flat

    def line(self, entry: Entry, said: Event | None = None, *, called: Names = lambda name: name) -> bytes:
        """Give the line for an entry: flat names first, what was filled in and left out, the row's rest, the event."""
        if entry.passes:
            return entry.passes + b"\n"
        flat: Flat = {"id": entry.id}
        if entry.rejected is None and said is not None:
            flat |= FLAT[type(said)](said, called) | _rest(entry)
            return _encoder.encode(flat if self._flat else flat | {"event": said}) + b"\n"
        if entry.errors:
            flat |= {"request_id": None, "accepted": False, "errors": entry.errors}
        if entry.rejected is not None:
            flat["rejected"] = {"reason": entry.rejected.reason, "detail": entry.rejected.detail}
        return _encoder.encode(flat | _rest(entry)) + b"\n"

    def parcel(self, entry: Entry, parcel: Parcel | None, why: str) -> bytes:
        """Give the line of what `deliver` would send, or of why nothing is sent."""
        flat: Flat = {"id": entry.id, "sent": parcel is not None}
        if parcel is None:
            flat["reason"] = why
        else:
            flat |= {"system": parcel.system, "idempotency_key": parcel.key, "version": parcel.version}
            flat["body"] = parcel.case
        return _encoder.encode(flat | _rest(entry)) + b"\n"


def _rest(entry: Entry) -> Flat:
    rest: Flat = {}
    if entry.filled:
        rest["filled"] = entry.filled
    if entry.left_out:
        rest["left_out"] = entry.left_out
    if entry.doubt:
        rest["doubt"] = {"reason": entry.doubt.reason, "detail": entry.doubt.detail}
    if entry.row:
        rest["row"] = entry.row
    return rest


def _received(event: RequestReceived, _called: Names) -> Flat:
    return {
        "request_id": event.report.request_id,
        "accepted": True,
        "errors": [],
        "text": event.report.text,
    }


def _classified(event: RequestClassified, _called: Names) -> Flat:
    said = event.classification
    return {
        "category": said.service_code,
        "confidence": said.confidence,
        "alternatives": [{"category": each.service_code, "confidence": each.confidence} for each in said.alternatives],
        "family": said.family,
        "language": said.language,
        "safety": said.safety.flagged,
        "released": said.released,
        "reason": said.reason,
    }


def _routed(event: RequestRouted, _called: Names) -> Flat:
    said = event.routing
    found: Flat = {
        "department": said.department,
        "rule": said.rule,
        "reason": said.reason,
        "boundaries": {area.layer: area.name or area.area_id for area in said.boundaries},
        "areas": {area.layer: area.area_id for area in said.boundaries},
        "versions": {area.layer: area.version for area in said.boundaries},
        "lost": [{"rule": each.rule, "why": each.why} for each in said.lost],
        "outside": said.outside,
        "ambiguous": [_area(area) for area in said.ambiguous],
    }
    more: Flat = {
        "boundary_ambiguous": said.boundary_ambiguous,
        "candidates": {claim.department: claim.share for claim in said.candidates},
        "instead": said.instead,
        "near": [f"{area.layer} {area.name or area.area_id} ({area.distance_m:g} m)" for area in said.near],
        "asset": said.asset and _asset(said.asset),
    }
    return found | {name: value for name, value in more.items() if value}


def _area(area: Boundary) -> Flat:
    return {"layer": area.layer, "area": area.name or area.area_id, "share": area.share, "department": area.department}


def _asset(asset: Asset) -> Flat:
    return {
        "kind": asset.kind,
        "asset_id": asset.asset_id,
        "distance_m": asset.distance_m,
        "criticality": asset.criticality,
    }


def _matched(event: RequestMatched, called: Names) -> Flat:
    said, seen = event.matching, event.matching.evidence
    return {
        "incident": called(said.incident_id),
        "linked_to": called(said.duplicate_of) if said.duplicate_of else None,
        "score": said.score,
        "band": said.band,
        "relation": said.relation,
        "why": said.why,
        "recurs_of": called(said.recurs_of) if said.recurs_of else None,
        "reports": said.extent.reports if said.extent else 1,
        "evidence": seen
        and {
            "distance_m": seen.distance_m,
            "uncertainty_m": seen.uncertainty_m,
            "elapsed_s": seen.elapsed_s,
            "text_similarity": seen.text_similarity,
            "same_category": seen.same_service_code,
            "reasons": [{"what": reason.what, "points": reason.points} for reason in seen.reasons],
        },
    }


def _prioritized(event: RequestPrioritized, _called: Names) -> Flat:
    said = event.priority
    return {
        "score": said.score,
        "level": said.level,
        "due_at": said.due_at,
        "reasons": [{"what": reason.what, "points": reason.points} for reason in said.reasons],
    }


def _decided(event: Case | DraftHeld, _called: Names) -> Flat:
    return {
        "decision": "released" if isinstance(event, Case) else "held",
        "department": event.routing.department,
        "mode": event.decision.mode,
        "reasons": event.decision.reasons,
    }


FLAT: Final[Mapping[type[Event], Callable[[Any, Names], Flat]]] = cast(
    "Mapping[type[Event], Callable[[Any, Names], Flat]]",
    {
        RequestReceived: _received,
        RequestClassified: _classified,
        RequestRouted: _routed,
        RequestMatched: _matched,
        RequestPrioritized: _prioritized,
        Case: _decided,
        DraftHeld: _decided,
    },
)
