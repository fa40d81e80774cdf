"""Which department, and why: rules read against what a report is about, where it is and when it came.

Where a place's circle crosses a boundary beyond which the report would be another department's, the routing says so,
with the departments' shares of the circle. The department is that of the place itself, unless the city's policy gives
such a report to the larger share.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, cast

import msgspec
from h3.api import basic_int as h3

from services.city.earth import within
from services.city.model import City
from services.events import Event, RequestClassified, RequestRouted
from services.parts import AddressMatch, Asset, Boundary, Claim, Classification, Place, Report, Routing
from services.places.divided import Divider
from services.places.radius import reckoned
from services.places.surroundings import NOTHING, Around, Surroundings
from services.route.rulebook import Choice, RuleBook, Situation, told

_with = msgspec.structs.replace

CELL_RESOLUTION = 9
MOST_SETTLED = 32_768
"""Answers that are kept at most; when they are more, all are found anew as they are asked for."""


class Whereabouts(msgspec.Struct, frozen=True):
    """What the boundary files say of one place."""

    boundaries: tuple[Boundary, ...] = ()
    """The area of each layer that holds it, with the share of its circle inside."""
    touched: tuple[Boundary, ...] = ()
    """Other areas that its circle reaches; `area_id` is empty for the part in no area of the layer."""
    outside: bool = False
    alone: "Whereabouts | None" = None
    """Of a place whose circle crosses a boundary: the whereabouts of its middle, which is all that rules look at."""


class AddressBook(Protocol):
    """The city's own addresses."""

    def find(self, text: str, /) -> AddressMatch:
        """Give what the city knows of a written address."""


class Atlas(Protocol):
    """Finds places on a city's layers, by the lines that were valid when it mattered."""

    def locate(self, places: Sequence[Place], instants: Sequence[datetime]) -> Sequence[Whereabouts]:
        """Give the whereabouts of each place at its instant, in order.

        What is the same object is decided but once: an atlas should give one object for places that have the same.
        """


Spot = tuple[Place | None, Whereabouts | None, Around]
"""A report's place with its radius, and all that is known of it."""
NOWHERE: Spot = (None, None, NOTHING)


@dataclass(frozen=True, slots=True)
class Settled:
    """What the rules say of a situation, kept to be said again."""

    situation: Situation
    shut: frozenset[str]
    choice: Choice
    middle: Whereabouts | None
    """Kept, too: as long as it is, no other object has its id, by which it is looked up."""
    routing: Routing
    """What is said of every report in this situation whose circle crosses no boundary, but for what is its own."""
    elsewhere: dict[tuple[str, str], str] = field(default_factory=dict)
    """The department that it would be for another area, by layer and area id."""


class Router:
    """The handler of `route`."""

    def __init__(self, city: City, atlas: Atlas, addresses: AddressBook | None = None) -> None:
        self._rules = RuleBook(city)
        self._atlas = atlas
        self._surroundings = Surroundings(city)
        self._divider = Divider(city.layers)
        self._larger = city.policy.boundary == "larger"
        self._limits = frozenset(layer.id for layer in city.layers if layer.limits)
        self._addresses = addresses
        self._extent = city.extent
        self._version = city.version
        self._settled: dict[tuple[object, ...], Settled] = {}

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        """Route each report of a batch of `RequestClassified`; none is rejected, each gets a department.

        A report that has an address and no place gets the place of its address, where that is found for certain.
        """
        events = cast("Sequence[RequestClassified]", batch)
        given = [event.report for event in events]
        matches = [self._match(report) if report.place is None else None for report in given]
        reports = [_placed(report, match) if match else report for report, match in zip(given, matches, strict=True)]
        placed = [(event, report) for event, report in zip(events, reports, strict=True) if report.place is not None]
        places = [reckoned(cast("Place", report.place)) for _, report in placed]
        instants = [report.requested_at for _, report in placed]
        around = self._surroundings.around(places, instants, [event.classification.service_code for event, _ in placed])
        spots = zip(places, self._atlas.locate(places, instants), around, strict=True)
        return [
            self._route(event.classification, report, match, NOWHERE if report.place is None else next(spots))
            for event, report, match in zip(events, reports, matches, strict=True)
        ]

    def _match(self, report: Report) -> AddressMatch | None:
        return self._addresses.find(report.address) if report.address and self._addresses else None

    def _route(self, said: Classification, report: Report, match: AddressMatch | None, spot: Spot) -> RequestRouted:
        place, where, around = spot
        shut = self._rules.shut(said.service_code, said.family, report.requested_at)
        settled = self._settle(said, shut, spot)
        kind, routing = settled.choice.asset, settled.routing
        if place is not None and where is not None:
            if where.touched or where is not settled.middle:
                kind, routing = self._across(settled, place, where)
            cell = f"{h3.latlng_to_cell(place.latitude, place.longitude, CELL_RESOLUTION):x}"
            asset = _rounded(around.own or around.assets.get(kind))
            routing = _with(routing, cell=cell, near=around.boundaries, asset=asset, address=match)
        elif match is not None:
            routing = _with(routing, address=match)
        return RequestRouted(report=report, classification=said, routing=routing)

    def _settle(self, said: Classification, shut: frozenset[str], spot: Spot) -> Settled:
        """Give what rules look at, and what they say; kept by all that goes into it, and places by identity."""
        place, where, around = spot
        middle = (where.alone or where) if where is not None else None
        swapped = middle is not None and middle.outside and self._swapped(place)
        flagged, urgent = said.safety.flagged, bool(said.urgency)
        key = (id(middle), said.service_code, said.family, flagged, urgent, swapped, around.within, around.near, shut)
        settled = self._settled.get(key)
        if settled is None:
            if len(self._settled) >= MOST_SETTLED:
                self._settled.clear()
            situation = Situation(
                service_code=said.service_code,
                family=said.family,
                flagged=flagged,
                urgent=urgent,
                placed=middle is not None,
                outside=middle is not None and middle.outside,
                areas=tuple(_whole(area) for area in middle.boundaries) if middle else (),
                within=around.within,
                near=around.near,
                swapped=swapped,
            )
            choice = self._rules.choose(situation, shut)
            routing = self._said(situation, choice, middle.boundaries if middle else ())
            settled = self._settled[key] = Settled(situation, shut, choice, middle, routing)
        return settled

    def _said(self, situation: Situation, choice: Choice, boundaries: tuple[Boundary, ...]) -> Routing:
        referral = self._rules.referral(situation)
        return Routing(
            department=choice.department,
            rule=choice.rule,
            reason=choice.reason,
            lost=choice.lost,
            boundaries=boundaries,
            outside=situation.outside,
            instead=told(referral) if referral else "",
            version=self._version,
        )

    def _across(self, settled: Settled, place: Place, where: Whereabouts) -> tuple[str, Routing]:
        """Give what is said of a report whose circle crosses a boundary, and the kind of asset that its rule needs."""
        situation, choice, claims = settled.situation, settled.choice, tuple[Claim, ...]()
        ambiguous = self._elsewhere(settled, choice, where.touched)
        if any(area.department for area in ambiguous):
            parts = self._divided(situation, place, where, settled.shut)
            claims = _claims(parts)
            if self._larger:
                choice = _larger(choice, parts, claims)
                ambiguous = self._elsewhere(settled, choice, where.touched)
        routing = self._said(situation, choice, where.boundaries)
        routing = _with(routing, ambiguous=ambiguous, boundary_ambiguous=bool(claims), candidates=claims)
        return choice.asset, routing

    def _swapped(self, place: Place | None) -> bool:
        return place is not None and within(self._extent, place.longitude, place.latitude)

    def _elsewhere(self, settled: Settled, choice: Choice, touched: Sequence[Boundary]) -> tuple[Boundary, ...]:
        """Say of each area that the circle also reaches whose the report would be there, where that is another's."""
        said = []
        for area in touched:
            key = (area.layer, area.area_id)
            department = settled.elsewhere.get(key)
            if department is None:
                department = settled.elsewhere[key] = self._there(settled.situation, area, settled.shut)
            said.append(area if department == choice.department else _with(area, department=department))
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


def _placed(report: Report, match: AddressMatch) -> Report:
    """Give the report with the place of its address, where that is found for certain."""
    sure = match.outcome == "found" and match.place is not None
    return _with(report, place=match.place) if sure else report


def _rounded(asset: Asset | None) -> Asset | None:
    return asset and _with(asset, distance_m=round(asset.distance_m, 1))


def _whole(area: Boundary) -> Boundary:
    """Give the area without the share, which differs from place to place and decides nothing."""
    return area if area.share == 1.0 else _with(area, share=1.0)
