"""From items to what a worker reads: a row goes by the door, and what nobody has said yet is filled in and marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from services.city.model import City
from services.cli.trying.columns import Plan, plan, with_point
from services.cli.trying.doubts import ZERO, swapped_in
from services.cli.trying.items import Id, Item, Parts, Told
from services.cli.trying.labels import Labels
from services.events import (
    Case,
    Event,
    RequestClassified,
    RequestMatched,
    RequestPrioritized,
    RequestReceived,
    RequestRouted,
)
from services.parts import Matching, Priority, Report, Routing
from services.receive.adapters import town_of
from services.receive.core import Refused, report_from_row
from services.runtime.worker import Rejected

READS: Final[dict[str, type[Event]]] = {
    "receive": RequestReceived,
    "classify": RequestReceived,
    "route": RequestClassified,
    "match": RequestRouted,
    "prioritize": RequestMatched,
    "decide": RequestPrioritized,
    "deliver": Case,
}
LOOKS_AT: Final[dict[str, frozenset[str]]] = {
    "classify": frozenset({"text"}),
    "route": frozenset({"lat", "lon", "radius_m"}),
    "match": frozenset({"lat", "lon", "radius_m", "created_at"}),
    "prioritize": frozenset({"created_at"}),
    "decide": frozenset({"lat", "lon", "radius_m"}),
    "deliver": frozenset(),
}
"""Fields whose faults reject a row; any other field that cannot be read is left out, and the line says so."""
NEEDS_TIME: Final = frozenset({"match", "prioritize"})
ORDINARY: Final = "2025-01-15T12:00:00"
"""What a row without a time counts as: noon, in the city, of a Wednesday."""
_STAND_IN: Final = "-"
_PLACE: Final = ("lat", "lon", "radius_m")
_PLANS: Final = 1_000


@dataclass(slots=True)
class Entry:
    """One line of the input on its way to one line of the output."""

    number: int
    id: Id
    event: Event | None = None
    rejected: Rejected | None = None
    passes: bytes = b""
    """A line that an earlier stage rejected, as it came."""
    row: dict[str, Any] = field(default_factory=dict)
    filled: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unread: bool = False
    """It could not be read as a row or an event at all."""
    errors: tuple[object, ...] = ()
    """What the door says is wrong, for `receive`."""
    doubt: Rejected | None = None
    """Why its place is probably not the one that was meant; it is answered all the same."""


class Filler:
    """Makes the entries of one worker's input."""

    def __init__(
        self,
        worker: str,
        city: City,
        table: Plan | None = None,
        region: str = "",
        named: Mapping[str, str] | None = None,
    ) -> None:
        self._worker = worker
        self._city = city
        self._town = town_of(city, region)
        self._table = table
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._named = named
        self._labels = Labels(city)
        ordinary = datetime.fromisoformat(ORDINARY).replace(tzinfo=self._town.time_zone)
        self._ordinary = ordinary.isoformat()

    def entry(self, item: Item) -> Entry:
        """Give the entry of an item."""
        match item.what:
            case Rejected() as fault:
                return Entry(item.number, item.id, rejected=fault, unread=True)
            case bytes() as line:
                return Entry(item.number, item.id, passes=line)
            case Told() as told:
                return self._of_event(item, told)
        return self._of_row(item.number, item.what)

    def _of_event(self, item: Item, told: Told) -> Entry:
        report = told.event.report
        entry = Entry(
            item.number,
            item.id if item.id is not None else report.source_id or report.request_id,
            row=told.row or {},
            filled=told.filled,
            left_out=told.left_out,
        )
        if self._worker in NEEDS_TIME and "created_at" in entry.filled:
            entry.rejected = _no_time(self._worker)
        else:
            self._fill(entry, told.event, "")
        return entry

    def _of_row(self, number: int, row: Mapping[str, Any]) -> Entry:
        found = self._table or self._plan(tuple(row))
        mine = {ours: row[theirs] for ours, theirs in found.taken.items() if row[theirs] not in (None, "")}
        entry = Entry(
            number, mine.get("id"), row={name: row[name] for name in found.rest if row[name] not in (None, "")}
        )
        if isinstance(entry.id, bool) or not isinstance(entry.id, str | int | float | None):
            entry.id, entry.rejected = None, Rejected("bad_id", f"line {number}: id is neither a string nor a number")
            return entry
        if entry.id is None:
            entry.id, entry.filled = number, ("id",)
        category = str(mine.pop("category", "") or mine.get("service_code", ""))
        said = self._judged(entry, mine)
        if said is not None:
            self._fill(entry, Parts(report=said), category)
        return entry

    def _plan(self, names: tuple[str, ...]) -> Plan:
        if names not in self._plans:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[names] = plan(names, self._named)
        return self._plans[names]

    def _judged(self, entry: Entry, row: dict[str, Any]) -> Report | None:
        """Let the door judge a row; None where it is refused, and the entry then says why."""
        if self._worker == "receive":
            judged = report_from_row(row, town=self._town)
            if isinstance(judged, Refused):
                entry.errors = judged.faults
                entry.rejected = _refusal(judged)
                return None
            return judged.report
        for name in _PLACE:
            if isinstance(row.get(name), str) and (number := with_point(row[name].strip())) != row[name].strip():
                row[name] = number
        while entry.rejected is None:
            if (report := self._tried(entry, row)) is not None:
                return report
        return None

    def _tried(self, entry: Entry, row: dict[str, Any]) -> Report | None:
        """Try a row; where the door refuses what this worker does not look at, leave that out of the row."""
        textless = not str(row.get("text", "")).strip()
        asked = row | {"text": _STAND_IN} if textless else row  # what a worker makes of no text is for it to say
        if not row.get("created_at"):
            if self._worker in NEEDS_TIME:
                entry.rejected = _no_time(self._worker)
                return None
            asked = asked | {"created_at": self._ordinary}
        judged = report_from_row(asked, town=self._town)
        if not isinstance(judged, Refused):
            entry.filled += () if row.get("created_at") else ("created_at",)
            entry.doubt = ZERO if any(fault.code == "no_place" for fault in judged.warnings) else None
            return replace(judged.report, text="") if textless else judged.report
        names = {fault.field for fault in judged.faults}
        if names & set(_PLACE):
            names |= set(_PLACE)
        odd = names & row.keys()
        if not odd or "id" in names or names & LOOKS_AT[self._worker]:
            entry.rejected = _refusal(judged, swapped_in(self._city, row.get("lat"), row.get("lon")))
            return None
        entry.left_out += tuple(sorted(odd))
        for name in odd:
            del row[name]
        return None

    def _fill(self, entry: Entry, parts: Parts, category: str) -> None:
        """Give the entry the event that the worker reads, with what is missing filled in by as little as there is."""
        kind = READS[self._worker]
        fields = [name for name in kind.__struct_fields__ if name in parts.__struct_fields__]
        report = parts.report
        said: dict[str, object] = {"report": report}
        least: dict[str, object] = {
            "classification": self._labels.classification(category),
            "routing": Routing(
                department=self._city.default_department, rule="none", reason="not routed", version="stormdrain try"
            ),
            "matching": Matching(incident_id=report.request_id, version="stormdrain try"),
            "priority": Priority(score=0.0, level="routine", due_at=report.requested_at, version="stormdrain try"),
        }
        filled = []
        for name in fields:
            if name != "report":
                said[name] = getattr(parts, name)
                if said[name] is None:
                    filled.append(name)
                    said[name] = least.get(name)
        if "decision" in filled:
            entry.rejected = Rejected(
                "not_decided", "deliver takes what was decided: pipe it through stormdrain try decide"
            )
            return
        entry.filled = (*entry.filled, *(name for name in filled if name not in entry.filled))
        entry.event = kind(**said)


def _refusal(refused: Refused, *more: str) -> Rejected:
    said = (*(fault.description for fault in refused.faults), *more)
    return Rejected(refused.faults[0].code, "; ".join(filter(None, said)))


def _no_time(worker: str) -> Rejected:
    return Rejected("missing", f"created_at is missing: {worker} needs the time of each report")
