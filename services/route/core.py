"""Which department, and why: rules read against what a report is about, where it is and when it came.

A rule holds if all its conditions hold. Of those that hold, the most specific wins: the one with more conditions;
with equally many, the one whose first condition in `KINDS` comes first; then the one that stands first in the file.
A place that is missing, or outside the city's limits, holds for no rule that asks for a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Protocol, cast
from zoneinfo import ZoneInfo

import h3
import msgspec

from services.city.hours import parse
from services.city.model import City, Rule
from services.events import Event, RequestClassified, RequestRouted
from services.parts import Boundary, Classification, LostRule, Place, Routing

KINDS = ("safety", "service_codes", "areas", "families", "layer", "hours")
"""Kinds of condition, the most telling first. A layer with areas counts once, as `areas`."""
MOST_LOST = 8
"""How many losing rules a routing names, the most specific first."""
CELL_RESOLUTION = 9
MOST_SETTLED = 32_768
"""Answers that are kept at most; when they are more, all are found anew as they are asked for."""
ALWAYS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What the boundary files say of one place."""

    boundaries: tuple[Boundary, ...] = ()
    """The area of each layer that holds it, with the share of its circle inside."""
    touched: tuple[Boundary, ...] = ()
    """Other areas that its circle reaches; `area_id` is empty for the part beyond the city's limits."""
    outside: bool = False
    alone: "Whereabouts | None" = None
    """Of a place whose circle crosses a boundary: the whereabouts of its middle, which is all that rules look at."""


class Atlas(Protocol):
    """Finds places on a city's layers."""

    def locate(self, places: Sequence[Place]) -> Sequence[Whereabouts]:
        """Give the whereabouts of each place, in order.

        What is the same object is decided but once: an atlas should give one object for places that have the same.
        """


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


@dataclass(frozen=True, slots=True)
class Choice:
    """A department and the account of how it came to be chosen."""

    department: str
    rule: str
    reason: str
    lost: tuple[LostRule, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What the rules say of a situation, kept to be said again."""

    situation: Situation
    choice: Choice
    middle: Whereabouts | None
    """Kept, too: as long as it is, no other object has its id, by which it is looked up."""
    elsewhere: dict[tuple[str, str], str] = field(default_factory=dict)
    """The department that it would be for another area, by layer and area id."""


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
        self._timed = lru_cache(maxsize=1024)(self._hours)
        self._answer = lru_cache(maxsize=8192)(self._choose)

    def shut(self, service_code: str, family: str, when: datetime) -> frozenset[str]:
        """Give the rules of this category whose hours do not hold at `when`, an instant with an offset."""
        timed = self._timed(service_code, family)
        if not timed:
            return ALWAYS
        return frozenset(rule.id for rule in timed if not parse(rule.hours).open_at(when, self._zone, self._holidays))

    def choose(self, situation: Situation, shut: frozenset[str]) -> Choice:
        """Give the department, at a time at which the rules in `shut` do not hold."""
        return self._answer(situation, shut)

    def _hours(self, service_code: str, family: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._about(service_code, family) if rule.hours)

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
    return "; the place is outside the city's limits, so the category alone decides" if situation.outside else ""


class Router:
    """The handler of `route`."""

    def __init__(self, city: City, atlas: Atlas) -> None:
        self._rules = RuleBook(city)
        self._atlas = atlas
        self._version = city.version
        self._settled: dict[tuple[object, ...], Settled] = {}

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        """Route each report of a batch of `RequestClassified`; none is rejected, each gets a department."""
        events = cast("Sequence[RequestClassified]", batch)
        found = iter(self._atlas.locate([event.report.place for event in events if event.report.place is not None]))
        return [self._route(event, next(found) if event.report.place is not None else None) for event in events]

    def _route(self, event: RequestClassified, where: Whereabouts | None) -> RequestRouted:
        report, classification = event.report, event.classification
        shut = self._rules.shut(classification.service_code, classification.family, report.requested_at)
        settled = self._settle(classification, where, shut)
        choice, place = settled.choice, report.place
        return RequestRouted(
            report=report,
            classification=classification,
            routing=Routing(
                department=choice.department,
                rule=choice.rule,
                reason=choice.reason,
                lost=choice.lost,
                boundaries=where.boundaries if where else (),
                ambiguous=self._elsewhere(settled, where.touched, shut) if where and where.touched else (),
                outside=settled.situation.outside,
                cell=h3.latlng_to_cell(place.latitude, place.longitude, CELL_RESOLUTION) if place else "",
                version=self._version,
            ),
        )

    def _settle(self, classification: Classification, where: Whereabouts | None, shut: frozenset[str]) -> Settled:
        """Give what rules look at, and what they say; kept by all that goes into it, and places by identity."""
        middle = (where.alone or where) if where else None
        key = (classification.service_code, classification.family, classification.safety.flagged, shut, id(middle))
        settled = self._settled.get(key)
        if settled is None:
            if len(self._settled) >= MOST_SETTLED:
                self._settled.clear()
            situation = Situation(
                service_code=classification.service_code,
                family=classification.family,
                flagged=classification.safety.flagged,
                placed=middle is not None,
                outside=middle is not None and middle.outside,
                areas=tuple(_whole(area) for area in middle.boundaries) if middle else (),
            )
            settled = self._settled[key] = Settled(situation, self._rules.choose(situation, shut), middle)
        return settled

    def _elsewhere(self, settled: Settled, touched: Sequence[Boundary], shut: frozenset[str]) -> tuple[Boundary, ...]:
        """Say of each area that the circle also reaches whose the report would be there, where that is another's."""
        said = []
        for area in touched:
            key = (area.layer, area.area_id)
            department = settled.elsewhere.get(key)
            if department is None:
                department = settled.elsewhere[key] = self._there(settled.situation, area, shut)
            said.append(
                area
                if department == settled.choice.department
                else msgspec.structs.replace(area, department=department)
            )
        return tuple(said)

    def _there(self, situation: Situation, area: Boundary, shut: frozenset[str]) -> str:
        rest = tuple(other for other in situation.areas if other.layer != area.layer)
        there = replace(situation, outside=not area.area_id, areas=(*rest, _whole(area)) if area.area_id else rest)
        return self._rules.choose(there, shut).department


def _whole(area: Boundary) -> Boundary:
    """Give the area without the share, which differs from place to place and decides nothing."""
    return area if area.share == 1.0 else msgspec.structs.replace(area, share=1.0)
