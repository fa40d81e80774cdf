"""Which department, and why: rules read against what a report is about, where it is and when it came.

A rule holds if all its conditions hold. Of those that hold, the most specific wins, as `services.city.precedence` has
it. A place that is missing, or outside the city's limits, holds for no rule that asks for a layer or an asset.

Where a place's circle crosses a boundary beyond which the report would be another department's, the routing says so,
with the departments' shares of the circle. The department is that of the place itself, unless the city's policy gives
such a report to the larger share.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Protocol, cast
from zoneinfo import ZoneInfo

import h3
import msgspec

from services.city.hours import parse
from services.city.model import City, Near, Referral, Rule
from services.city.precedence import KINDS, kinds, ranked, specificity
from services.events import Event, RequestClassified, RequestRouted
from services.parts import Asset, Boundary, Claim, Classification, LostRule, Place, Routing
from services.places.divided import Divider
from services.places.radius import reckoned
from services.places.surroundings import NOTHING, Around, Surroundings

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
    """Other areas that its circle reaches; `area_id` is empty for the part in no area of the layer."""
    outside: bool = False
    alone: "Whereabouts | None" = None
    """Of a place whose circle crosses a boundary: the whereabouts of its middle, which is all that rules look at."""


class Atlas(Protocol):
    """Finds places on a city's layers, by the lines that were valid when it mattered."""

    def locate(self, places: Sequence[Place], instants: Sequence[datetime]) -> Sequence[Whereabouts]:
        """Give the whereabouts of each place at its instant, in order.

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
    urgent: bool = False
    within: frozenset[str] = frozenset()
    """Rules that ask for a distance to a layer, and have it."""
    near: frozenset[str] = frozenset()
    """Rules that ask for an asset nearby, and have it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A department and the account of how it came to be chosen."""

    department: str
    rule: str
    reason: str
    lost: tuple[LostRule, ...]
    asset: str = ""
    """The kind that the rule asks for nearby."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What the rules say of a situation, kept to be said again."""

    situation: Situation
    choice: Choice
    middle: Whereabouts | None
    """Kept, too: as long as it is, no other object has its id, by which it is looked up."""
    elsewhere: dict[tuple[str, str], str] = field(default_factory=dict)
    """The department that it would be for another area, by layer and area id."""


class RuleBook:
    """A city's rules, asked again and again. It keeps no more than a few thousand past answers."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._zone = ZoneInfo(city.time_zone)
        self._holidays = frozenset(city.holidays)
        self._ranked = ranked(city.rules)
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

    def referral(self, situation: Situation) -> Referral | None:
        """Give whom to ask instead, for a place beyond the limits."""
        outside = self._city.outside
        if outside is None or not situation.outside:
            return None
        return outside.at(next((area.area_id for area in situation.areas if area.layer == outside.layer), ""))

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
        note = _note(situation, self.referral(situation))
        if winner is None:
            default = self._city.default_department
            reason = f"no rule takes category {situation.service_code} here, and {default} takes what is left{note}"
            return Choice(default, "default", reason, tuple(lost[:MOST_LOST]))
        reason = f"rule {winner.id} takes {_taken(winner, situation)}{note}"
        asset = winner.near.asset if winner.near else ""
        return Choice(winner.department, winner.id, reason, tuple(lost[:MOST_LOST]), asset)


def _failure(rule: Rule, situation: Situation, shut: frozenset[str]) -> str:
    if rule.safety is not None and rule.safety != situation.flagged:
        return "only for reports of danger to life" if rule.safety else "not for reports of danger to life"
    if rule.urgent is not None and rule.urgent != situation.urgent:
        return (
            "only for reports that say they are urgent" if rule.urgent else "not for reports that say they are urgent"
        )
    if rule.layer and (why := _misplaced(rule, situation)):
        return why
    if rule.near and (why := _far(rule, rule.near, situation)):
        return why
    return f"only at {rule.hours}" if rule.id in shut else ""


def _misplaced(rule: Rule, situation: Situation) -> str:
    if rule.within_m:
        what = f"a place within {rule.within_m:g} m of {' '.join([rule.layer, ', '.join(rule.areas)]).strip()}"
        missing = "" if rule.id in situation.within else f"needs {what}, and this one is not"
        return _nowhere(what, situation) or missing
    nowhere = _nowhere(f"a place in {rule.layer}", situation)
    if nowhere:
        return nowhere
    area = next((area for area in situation.areas if area.layer == rule.layer), None)
    if area is None:
        return f"the place is in no area of {rule.layer}"
    if rule.areas and area.area_id not in rule.areas:
        return f"only for {rule.layer} {', '.join(rule.areas)}; the place is in {area.area_id}"
    return ""


def _far(rule: Rule, near: Near, situation: Situation) -> str:
    what = f"a {near.asset} within {near.within_m:g} m"
    missing = "" if rule.id in situation.near else f"needs {what}, and there is none"
    return _nowhere(what, situation) or missing


def _nowhere(what: str, situation: Situation) -> str:
    if not situation.placed:
        return f"needs {what}, and no place was given"
    return f"needs {what}, and the place is outside the city's limits" if situation.outside else ""


def _second(rule: Rule, winner: Rule) -> str:
    ours, theirs = specificity(rule), specificity(winner)
    if ours == theirs:
        return f"as specific as {winner.id}, which stands before it"
    if ours[0] != theirs[0]:
        return f"{winner.id} has more conditions: {theirs[0]}, against {ours[0]}"
    kind = next((kind for kind, mine, other in zip(KINDS, kinds(rule), kinds(winner), strict=True) if other > mine), "")
    if not kind:
        return f"{winner.id} has the same conditions, and asks for a shorter distance"
    return f"{winner.id} has as many conditions, and one on {kind}, which goes before"


def _taken(rule: Rule, situation: Situation) -> str:
    area = next((area for area in situation.areas if area.layer == rule.layer and not rule.within_m), None)
    parts = [
        "danger to life" if rule.safety else "",
        "words of hurry" if rule.urgent else "",
        f"category {situation.service_code}" if rule.service_codes else "",
        f"family {situation.family}" if rule.families else "",
        f"a {rule.near.asset} within {rule.near.within_m:g} m" if rule.near else "",
        f"{rule.layer} {area.name or area.area_id}" if area else "",
        f"{rule.layer} within {rule.within_m:g} m" if rule.within_m else "",
        f"the hours {rule.hours}" if rule.hours else "",
    ]
    return " and ".join(filter(None, parts)) or "everything"


def _note(situation: Situation, referral: Referral | None) -> str:
    if not situation.placed:
        return "; no place was given, so the category alone decides"
    if not situation.outside:
        return ""
    note = "; the place is outside the city's limits, so the category alone decides"
    return f"{note}; ask {told(referral)} instead" if referral else note


def told(referral: Referral) -> str:
    """Give whom to ask, with the contact if there is one."""
    return f"{referral.ask} ({referral.contact})" if referral.contact else referral.ask


class Router:
    """The handler of `route`."""

    def __init__(self, city: City, atlas: Atlas) -> None:
        self._rules = RuleBook(city)
        self._atlas = atlas
        self._surroundings = Surroundings(city)
        self._divider = Divider(city.layers)
        self._larger = city.policy.boundary == "larger"
        self._limits = frozenset(layer.id for layer in city.layers if layer.limits)
        self._version = city.version
        self._settled: dict[tuple[object, ...], Settled] = {}

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        """Route each report of a batch of `RequestClassified`; none is rejected, each gets a department."""
        events = cast("Sequence[RequestClassified]", batch)
        placed = [event for event in events if event.report.place is not None]
        places = [reckoned(event.report.place) for event in placed if event.report.place is not None]
        instants = [event.report.requested_at for event in placed]
        around = self._surroundings.around(places, instants, [event.classification.service_code for event in placed])
        found = iter(zip(places, self._atlas.locate(places, instants), around, strict=True))
        return [self._route(event, *(next(found) if event.report.place else (None, None, NOTHING))) for event in events]

    def _route(
        self, event: RequestClassified, place: Place | None, where: Whereabouts | None, around: Around
    ) -> RequestRouted:
        report, classification = event.report, event.classification
        shut = self._rules.shut(classification.service_code, classification.family, report.requested_at)
        settled = self._settle(classification, where, around, shut)
        situation, choice = settled.situation, settled.choice
        ambiguous, claims = tuple[Boundary, ...](), tuple[Claim, ...]()
        if place and where and where.touched:
            ambiguous = self._elsewhere(settled, choice, where.touched, shut)
            if any(area.department for area in ambiguous):
                parts = self._divided(situation, place, where, shut)
                claims = _claims(parts)
                if self._larger:
                    choice = _larger(choice, parts, claims)
                    ambiguous = self._elsewhere(settled, choice, where.touched, shut)
        referral = self._rules.referral(situation) if situation.outside else None
        return RequestRouted(
            report=report,
            classification=classification,
            routing=Routing(
                department=choice.department,
                rule=choice.rule,
                reason=choice.reason,
                lost=choice.lost,
                boundaries=where.boundaries if where else (),
                ambiguous=ambiguous,
                boundary_ambiguous=bool(claims),
                candidates=claims,
                near=around.boundaries,
                asset=_rounded(around.own or around.assets.get(choice.asset)),
                outside=situation.outside,
                instead=told(referral) if referral else "",
                cell=h3.latlng_to_cell(place.latitude, place.longitude, CELL_RESOLUTION) if place else "",
                version=self._version,
            ),
        )

    def _settle(
        self, classification: Classification, where: Whereabouts | None, around: Around, shut: frozenset[str]
    ) -> Settled:
        """Give what rules look at, and what they say; kept by all that goes into it, and places by identity."""
        middle = (where.alone or where) if where else None
        said, hurry = classification, bool(classification.urgency)
        about = (said.service_code, said.family, said.safety.flagged, hurry, around.within, around.near)
        key = (*about, shut, id(middle))
        settled = self._settled.get(key)
        if settled is None:
            if len(self._settled) >= MOST_SETTLED:
                self._settled.clear()
            situation = Situation(
                service_code=said.service_code,
                family=said.family,
                flagged=said.safety.flagged,
                urgent=hurry,
                placed=middle is not None,
                outside=middle is not None and middle.outside,
                areas=tuple(_whole(area) for area in middle.boundaries) if middle else (),
                within=around.within,
                near=around.near,
            )
            settled = self._settled[key] = Settled(situation, self._rules.choose(situation, shut), middle)
        return settled

    def _elsewhere(
        self, settled: Settled, choice: Choice, touched: Sequence[Boundary], shut: frozenset[str]
    ) -> tuple[Boundary, ...]:
        """Say of each area that the circle also reaches whose the report would be there, where that is another's."""
        said = []
        for area in touched:
            key = (area.layer, area.area_id)
            department = settled.elsewhere.get(key)
            if department is None:
                department = settled.elsewhere[key] = self._there(settled.situation, area, shut)
            said.append(
                area if department == choice.department else msgspec.structs.replace(area, department=department)
            )
        return tuple(said)

    def _there(self, situation: Situation, area: Boundary, shut: frozenset[str]) -> str:
        rest = tuple(other for other in situation.areas if other.layer != area.layer)
        beyond = area.layer in self._limits or situation.outside
        areas = (*rest, _whole(area)) if area.area_id else rest
        there = replace(situation, outside=beyond and not area.area_id, areas=areas)
        return self._rules.choose(there, shut).department

    def _divided(
        self, situation: Situation, place: Place, where: Whereabouts, shut: frozenset[str]
    ) -> list[tuple[Choice, float]]:
        """Choose for each part of the circle by itself; distances to lines and assets stay those of its middle."""
        known = {(area.layer, area.area_id): _whole(area) for area in (*where.boundaries, *where.touched)}
        versions = {(area.layer, area.version) for area in known.values()}
        limited = where.outside or any(layer in self._limits for layer, _ in known)
        found = []
        for part in self._divider.divide(place.longitude, place.latitude, place.radius_m, versions):
            inside = not limited or any(layer in self._limits for layer, _ in part.areas)
            areas = tuple(known.get(each, Boundary(layer=each[0], area_id=each[1])) for each in part.areas)
            found.append((self._rules.choose(replace(situation, outside=not inside, areas=areas), shut), part.share))
        return found


def unfit(first: City, found: City) -> str:
    """Say why a changed city may not be routed by while workers run that began with another; empty: it may.

    A new department has no topic yet, and the workers downstream have not heard of it: they would hold all it gets.
    """
    new = sorted(found.departments.keys() - first.departments.keys())
    if not new:
        return ""
    return (
        f"departments.yaml has new departments, {', '.join(new)}, that no other worker knows yet: "
        "run `stormdrain topics apply`, then restart the workers"
    )


def _claims(parts: Sequence[tuple[Choice, float]]) -> tuple[Claim, ...]:
    shares: dict[str, float] = defaultdict(float)
    for choice, share in parts:
        shares[choice.department] += share
    ordered = sorted(shares.items(), key=lambda each: (-each[1], each[0]))
    return tuple(Claim(department=department, share=min(round(share, 3), 1.0)) for department, share in ordered)


def _larger(choice: Choice, parts: Sequence[tuple[Choice, float]], claims: Sequence[Claim]) -> Choice:
    """Give the choice of the department with the larger share; of equal shares, that of the place itself stays."""
    own = next((claim.share for claim in claims if claim.department == choice.department), 0.0)
    if claims[0].share > own:
        of = (part for part in parts if part[0].department == claims[0].department)
        choice = max(of, key=lambda part: part[1])[0]
    shares = ", ".join(f"{claim.share:.0%} {claim.department}" for claim in claims)
    return replace(choice, reason=f"{choice.reason}; its circle lies with {shares}, and the larger share decides")


def _rounded(asset: Asset | None) -> Asset | None:
    return asset and msgspec.structs.replace(asset, distance_m=round(asset.distance_m, 1))


def _whole(area: Boundary) -> Boundary:
    """Give the area without the share, which differs from place to place and decides nothing."""
    return area if area.share == 1.0 else msgspec.structs.replace(area, share=1.0)
