"""Which department, and why: rules read against what a report is about, where it is and when it came.

A rule holds if all its conditions hold. Of those that hold, the most specific wins: the one with more conditions;
with equally many, the one whose first condition in `KINDS` comes first; then the one that stands first in the file.
A place that is missing, or outside the city's limits, holds for no rule that asks for a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Protocol, cast
from zoneinfo import ZoneInfo

import h3
import msgspec

from services.city.hours import parse
from services.city.model import City, Rule
from services.events import Event, RequestClassified, RequestRouted
from services.parts import AddressMatch, Boundary, LostRule, Place, Report, Routing

KINDS = ("safety", "service_codes", "areas", "families", "layer", "hours")
"""Kinds of condition, the most telling first. A layer with areas counts once, as `areas`."""
MOST_LOST = 8
"""How many losing rules a routing names, the most specific first."""
CELL_RESOLUTION = 9


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What the boundary files say of one place."""

    boundaries: tuple[Boundary, ...] = ()
    """The area of each layer that holds it, with the share of its circle inside."""
    touched: tuple[Boundary, ...] = ()
    """Other areas that its circle reaches; `area_id` is empty for the part beyond the city's limits."""
    outside: bool = False


class AddressBook(Protocol):
    """The city's own addresses."""

    def find(self, text: str, /) -> AddressMatch:
        """Give what the city knows of a written address."""


class Atlas(Protocol):
    """Finds places on a city's layers."""

    def locate(self, places: Sequence[Place]) -> Sequence[Whereabouts]:
        """Give the whereabouts of each place, in order."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that rules may look at, but for the hour."""

    service_code: str
    family: str
    flagged: bool
    placed: bool
    outside: bool
    areas: tuple[Boundary, ...]
    """One of each layer at most."""
    swapped: bool = False
    """The place would lie in the city if its latitude and longitude were the other way round."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A department and the account of how it came to be chosen."""

    department: str
    rule: str
    reason: str
    lost: tuple[LostRule, ...]


def specificity(rule: Rule) -> tuple[int, ...]:
    """Give what the most specific rule has most of: how many conditions, then which kinds, in the order of `KINDS`."""
    kinds = (
        rule.safety is not None,
        bool(rule.service_codes),
        bool(rule.layer and rule.areas),
        bool(rule.families),
        bool(rule.layer and not rule.areas),
        bool(rule.hours),
    )
    return (sum(kinds), *map(int, kinds))


class RuleBook:
    """A city's rules, asked again and again. It keeps no more than a few thousand past answers."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._zone = ZoneInfo(city.time_zone)
        self._holidays = frozenset(city.holidays)
        self._ranked = sorted(city.rules, key=specificity, reverse=True)  # sorted is stable: ties stay as in the file
        self._about = lru_cache(maxsize=1024)(self._find)
        self._answer = lru_cache(maxsize=8192)(self._choose)

    def choose(self, situation: Situation, when: datetime) -> Choice:
        """Give the department for a report of `when`, an instant with an offset."""
        rules = self._about(situation.service_code, situation.family)
        shut = frozenset(
            rule.id for rule in rules if rule.hours and not parse(rule.hours).open_at(when, self._zone, self._holidays)
        )
        return self._answer(situation, shut)

    def _find(self, service_code: str, family: str) -> tuple[Rule, ...]:
        return tuple(
            rule
            for rule in self._ranked
            if (not rule.service_codes or service_code in rule.service_codes)
            and (not rule.families or family in rule.families)
        )

    def _choose(self, situation: Situation, shut: frozenset[str]) -> Choice:
        winner: Rule | None = None
        lost: list[LostRule] = []
        for rule in self._about(situation.service_code, situation.family):
            why = _failure(rule, situation, shut)
            if why or winner:
                lost.append(LostRule(rule=rule.id, why=why or _second(rule, cast("Rule", winner))))
            else:
                winner = rule
        note = _note(situation)
        if winner is None:
            default = self._city.default_department
            reason = f"no rule takes category {situation.service_code} here, and {default} takes what is left{note}"
            return Choice(default, "default", reason, tuple(lost[:MOST_LOST]))
        reason = f"rule {winner.id} takes {_taken(winner, situation)}{note}"
        return Choice(winner.department, winner.id, reason, tuple(lost[:MOST_LOST]))


def _failure(rule: Rule, situation: Situation, shut: frozenset[str]) -> str:
    if rule.safety is not None and rule.safety != situation.flagged:
        return "only for reports of danger to life" if rule.safety else "not for reports of danger to life"
    if rule.layer:
        if not situation.placed:
            return f"needs a place in {rule.layer}, and none was given"
        if situation.outside:
            return f"needs a place in {rule.layer}, and this one is outside the city's limits"
        area = next((area for area in situation.areas if area.layer == rule.layer), None)
        if area is None:
            return f"the place is in no area of {rule.layer}"
        if rule.areas and area.area_id not in rule.areas:
            return f"only for {rule.layer} {', '.join(rule.areas)}; the place is in {area.area_id}"
    return f"only at {rule.hours}" if rule.id in shut else ""


def _second(rule: Rule, winner: Rule) -> str:
    ours, theirs = specificity(rule), specificity(winner)
    if ours == theirs:
        return f"as specific as {winner.id}, which stands before it"
    if ours[0] == theirs[0]:
        kind = next(kind for kind, mine, other in zip(KINDS, ours[1:], theirs[1:], strict=True) if other > mine)
        return f"{winner.id} has as many conditions, and one on {kind}, which goes before"
    return f"{winner.id} has more conditions: {theirs[0]}, against {ours[0]}"


def _taken(rule: Rule, situation: Situation) -> str:
    area = next((area for area in situation.areas if area.layer == rule.layer), None)
    parts = [
        "danger to life" if rule.safety else "",
        f"category {situation.service_code}" if rule.service_codes else "",
        f"family {situation.family}" if rule.families else "",
        f"{rule.layer} {area.name or area.area_id}" if area else "",
        f"the hours {rule.hours}" if rule.hours else "",
    ]
    return " and ".join(filter(None, parts)) or "everything"


def _note(situation: Situation) -> str:
    if not situation.placed:
        return "; no place was given, so the category alone decides"
    if situation.swapped:
        said = "it would not be with latitude and longitude swapped"
        return f"; the place is outside the city's limits, and {said}: the category alone decides"
    return "; the place is outside the city's limits, so the category alone decides" if situation.outside else ""


class Router:
    """The handler of `route`."""

    def __init__(self, city: City, atlas: Atlas, addresses: AddressBook | None = None) -> None:
        self._rules = RuleBook(city)
        self._atlas = atlas
        self._addresses = addresses
        self._extent = city.extent
        self._version = city.version

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        """Route each report of a batch of `RequestClassified`; none is rejected, each gets a department.

        A report that has an address and no place gets the place of its address, where that is found for certain.
        """
        events = cast("Sequence[RequestClassified]", batch)
        placed = [self._placed(event.report) for event in events]
        found = iter(self._atlas.locate([report.place for report, _ in placed if report.place is not None]))
        return [
            self._route(event, report, match, next(found) if report.place is not None else None)
            for event, (report, match) in zip(events, placed, strict=True)
        ]

    def _placed(self, report: Report) -> tuple[Report, AddressMatch | None]:
        if report.place is not None or not report.address or self._addresses is None:
            return report, None
        match = self._addresses.find(report.address)
        sure = match.outcome == "found" and match.place is not None
        return (msgspec.structs.replace(report, place=match.place) if sure else report), match

    def _route(
        self, event: RequestClassified, report: Report, match: AddressMatch | None, where: Whereabouts | None
    ) -> RequestRouted:
        classification = event.classification
        situation = Situation(
            service_code=classification.service_code,
            family=classification.family,
            flagged=classification.safety.flagged,
            placed=where is not None,
            outside=where is not None and where.outside,
            areas=tuple(_whole(area) for area in where.boundaries) if where else (),
            swapped=where is not None and where.outside and self._swapped(report.place),
        )
        choice = self._rules.choose(situation, report.requested_at)
        place = report.place
        return RequestRouted(
            report=report,
            classification=classification,
            routing=Routing(
                department=choice.department,
                rule=choice.rule,
                reason=choice.reason,
                lost=choice.lost,
                boundaries=where.boundaries if where else (),
                ambiguous=self._elsewhere(situation, where, choice, report.requested_at),
                outside=situation.outside,
                cell=h3.latlng_to_cell(place.latitude, place.longitude, CELL_RESOLUTION) if place else "",
                address=match,
                version=self._version,
            ),
        )

    def _swapped(self, place: Place | None) -> bool:
        west, south, east, north = self._extent
        return place is not None and west <= place.latitude <= east and south <= place.longitude <= north

    def _elsewhere(
        self, situation: Situation, where: Whereabouts | None, choice: Choice, when: datetime
    ) -> tuple[Boundary, ...]:
        """Say of each area that the circle also reaches whose the report would be there, where that is another's."""
        if where is None or not where.touched:
            return ()
        said = []
        for area in where.touched:
            rest = tuple(other for other in situation.areas if other.layer != area.layer)
            there = replace(situation, outside=not area.area_id, areas=(*rest, _whole(area)) if area.area_id else rest)
            department = self._rules.choose(there, when).department
            said.append(
                area if department == choice.department else msgspec.structs.replace(area, department=department)
            )
        return tuple(said)


def _whole(area: Boundary) -> Boundary:
    """Give the area without the share, which differs from place to place and decides nothing."""
    return area if area.share == 1.0 else msgspec.structs.replace(area, share=1.0)
