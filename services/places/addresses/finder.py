"""From what was written to a place: exact, interpolated, or the street; unsure with candidates, or unknown; and why."""

import math
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import Final

import numpy as np
import shapely

from services.city.model import City
from services.parts import AddressKind, AddressMatch, Place, PlaceMethod
from services.places.addresses.crossings import Crossing, Crossings, Nearest, Reverse
from services.places.addresses.ground import Floats, Piece, lay_out
from services.places.addresses.houses import Houses
from services.places.addresses.languages import convention
from services.places.addresses.spelling import LONGEST, Speller, alphabet, plain
from services.places.addresses.streets import MOST_CANDIDATES, StreetMatch, StreetNames
from services.places.addresses.written import Hints, Reader, Reading

RELATED_M: Final = 50.0
"""How far "in front of" and its like may be from what they name."""
LANDMARK_M: Final = 20.0
_KEPT: Final = 16_384
_METHODS: Final[dict[str, PlaceMethod]] = {
    "house_number": "rooftop",
    "interpolated": "interpolated",
    "crossing": "interpolated",
    "landmark": "rooftop",
    "street": "street",
}
_ONLY_NUMBER: Final = "there is a number, and no street"

Near = tuple[float, float]
"""Latitude and longitude of a point that the address is thought to be near to."""


class Addresses:
    """All that a city's own files say of addresses; made once, asked for each text. Nothing that is asked can fail."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._speller = Speller(convention(city.address_languages or city.languages[:1]))
        table = city.house_numbers
        numbered = [each.name for each in table.streets] if table else []
        self.names = StreetNames([*(each.name for each in city.streets), *numbered], self._speller)
        self._ground = lay_out(city, self.names)
        self._houses = Houses(table, self._ground, len(self.names))
        self._crossings = Crossings(self._ground)
        self._landmarks = StreetNames([each.name for each in city.landmarks], self._speller)
        pieces = self._ground.pieces
        zips = frozenset(code for piece in pieces for code in piece.zips)
        quarters = frozenset(quarter for piece in pieces for quarter in piece.quarters)
        self._reader = Reader(self._speller, city.name, zips, quarters)
        self._alphabets = {alphabet(name) for name in self.names.names}
        self._numeric = {word for name in self.names.names for word in plain(name).split() if word.isdigit()}
        self.find = lru_cache(maxsize=_KEPT)(self._find)

    @cached_property
    def _by_point(self) -> Reverse:
        return Reverse(self._ground)

    @property
    def known(self) -> bool:
        """Say whether the city has given any street, house number or landmark."""
        return bool(len(self.names) or self._city.landmarks)

    def find_all(self, texts: Iterable[str]) -> list[AddressMatch]:
        """Give the match of each text, in order."""
        return [self.find(text) for text in texts]

    def suggest(self, text: str, most: int = MOST_CANDIDATES) -> list[str]:
        """Give names of streets that begin like a text or are most like it, the best first."""
        return [self.names.names[at] for at in self.names.suggest(text[:LONGEST], most)]

    def nearest(self, longitude: Floats, latitude: Floats) -> Nearest:
        """Give the nearest street and cross street of each point (WGS 84 degrees), by their places in `names.names`."""
        return self._by_point.nearest(np.asarray(longitude, np.float64), np.asarray(latitude, np.float64))

    def _find(self, text: str, near: Near | None = None) -> AddressMatch:
        """Find an address as it was written; `near` tells streets of one name apart."""
        parts, hints = self._reader.parts(text)
        if not any(sign.isalpha() for part in parts for sign in part):
            reason = _ONLY_NUMBER if any(plain(part) for part in parts) else "no street is named"
            return AddressMatch(outcome="unknown", reason=reason)
        for part in parts:
            for reading in self._exact(part):
                return self._at(reading, self.names.look_up(reading.street), hints, near)
        for part in parts:
            crossed = self._crossed(part, near)
            if crossed:
                return crossed
        for part in parts:
            for shorter, more in self._reader.shorter(part):
                for reading in self._exact(shorter):
                    return self._at(reading, self.names.look_up(reading.street), _both(hints, more), near)
        landmark = self._landmark(parts)
        return landmark or self._by_guess(parts, hints, near)

    def _exact(self, part: str) -> Iterable[Reading]:
        """Give the readings whose street is spelt as one of the city's."""
        return (reading for reading in self._ordered(part) if self.names.look_up(reading.street).outcome != "unknown")

    def _ordered(self, part: str) -> Iterable[Reading]:
        """Give the readings of a part; a street of the very name goes before a street and a house number."""
        if self._numeric and not self._numeric.isdisjoint(plain(part).split()):
            yield Reading(part)
        yield from self._reader.readings(part)

    def _crossed(self, part: str, near: Near | None) -> AddressMatch | None:
        for one, other, certain in self._reader.crossed(part):
            sides = self._side(one), self._side(other)
            maybe = [(a, b) for a in sides[0].streets for b in sides[1].streets if a != b]
            if any(side.outcome == "unknown" for side in sides):
                maybe = []
            meeting = [pair for pair in maybe if self._crossings.between(*pair)]
            if len(meeting) == 1 and (certain or any(side.exact for side in sides)):
                return self._meeting(*meeting[0], near)
            if all(side.outcome == "found" for side in sides) and maybe and certain:
                names = f"{self.names.names[maybe[0][0]]} & {self.names.names[maybe[0][1]]}"
                return AddressMatch(outcome="unknown", text=names, reason="these two streets do not meet")
            if certain:
                side, said = next(
                    ((side, said) for side, said in zip(sides, (one, other), strict=True) if side.outcome != "found"),
                    (sides[0], one),
                )
                return self._not_found(side, f"of the crossing, {said[:60]!r} is not clear: {side.reason}")
        return None

    def _side(self, text: str) -> StreetMatch:
        """Find one street of a crossing; a house number before it, as in `100 Elm & Oak`, is left."""
        found = self.names.find(text)
        for reading in self._reader.readings(text) if found.outcome == "unknown" else ():
            found = self.names.find(reading.street)
            if found.outcome == "found":
                break
        return found

    def _meeting(self, one: int, other: int, near: Near | None) -> AddressMatch:
        names = f"{self.names.names[one]} & {self.names.names[other]}"
        found = list(self._crossings.between(one, other))
        if near and len(found) > 1:
            found = [min(found, key=lambda each: self._metres_from(near, each.x, each.y))]
        middle = _hull(found)
        place = self._place("crossing", middle.x, middle.y, middle.radius_m)
        if len(found) == 1:
            return AddressMatch(outcome="found", kind="crossing", text=names, place=place)
        reason = f"these two streets meet at {len(found)} places"
        return AddressMatch(outcome="unsure", kind="crossing", text=names, place=place, reason=reason)

    def _landmark(self, parts: Sequence[str]) -> AddressMatch | None:
        for part in parts if self._city.landmarks else ():
            rest, related = self._reader.related(part)
            found = self._landmarks.find(rest)
            if found.outcome == "found":
                landmark = next(
                    each for each in self._city.landmarks if self._landmarks.number(each.name) == found.streets[0]
                )
                shape = self._ground.plane.flat(landmark.geometry)
                middle = shapely.centroid(shape)
                reach = float(shapely.hausdorff_distance(middle, shapely.convex_hull(shape)))
                radius = max(reach, LANDMARK_M) + (RELATED_M if related else 0.0)
                place = self._place("landmark", middle.x, middle.y, radius)
                reason = found.reason if not found.exact else ""
                return AddressMatch(outcome="found", kind="landmark", text=landmark.name, place=place, reason=reason)
        return None

    def _by_guess(self, parts: Sequence[str], hints: Hints, near: Near | None) -> AddressMatch:
        """Find a street that was shortened or mistyped; of all ways to read the text, the one that fits best."""
        if not len(self.names):
            return AddressMatch(outcome="unknown", reason="the city has given no streets")
        best: tuple[int, Reading, StreetMatch, Hints] | None = None
        rank = {"found": 0, "unsure": 1, "unknown": 2}
        for part in parts:
            for alternative, more in chain(((part, Hints()),), self._reader.shorter(part)):
                for reading in dict.fromkeys(self._reader.readings(alternative)):
                    found = self.names.find(reading.street)
                    if best is None or rank[found.outcome] < best[0]:
                        best = (rank[found.outcome], reading, found, more)
        if best is None or best[2].outcome == "unknown":
            return self._stranger(parts, best[2] if best else StreetMatch("unknown"))
        return self._at(best[1], best[2], _both(hints, best[3]), near)

    def _stranger(self, parts: Sequence[str], found: StreetMatch) -> AddressMatch:
        written = alphabet(" ".join(parts))
        if written and written not in self._alphabets:
            ours = " or ".join(sorted(self._alphabets - {""}))
            reason = f"the address is written in {written} letters, and the city's streets in {ours}"
            return AddressMatch(outcome="unknown", reason=reason)
        return self._not_found(found, "no such street")

    def _not_found(self, found: StreetMatch, reason: str) -> AddressMatch:
        candidates = tuple(self.names.names[at] for at in found.streets[:MOST_CANDIDATES])
        asked = f"; did you mean {' or '.join(candidates[:3])}?" if candidates else ""
        outcome = "unknown" if found.outcome == "found" else found.outcome
        return AddressMatch(outcome=outcome, candidates=candidates, reason=f"{reason}{asked}")

    def _at(self, reading: Reading, found: StreetMatch, hints: Hints, near: Near | None) -> AddressMatch:
        """Give the place of a reading on the street that was found for it."""
        if found.outcome != "found":
            return self._not_found(found, found.reason)
        street = found.streets[0]
        name = self.names.names[street]
        taken = "" if found.exact else f"{found.reason}: taken as {name}"
        pieces = self._ground.pieces_of[street]
        if not pieces:
            reason = _joined(taken, "the street is known, its place is not")
            return AddressMatch(outcome="found", kind="street", text=name, reason=reason)
        pieces = self._told_apart(pieces, hints, near)
        if reading.number is None:
            return self._on_street(street, pieces, taken)
        if len(pieces) > 1:
            having = self._houses.pieces_with(street, reading.number)
            pieces = tuple(piece for piece in pieces if piece in having) or pieces
        if len(pieces) > 1:
            return self._two_of_a_name(street, pieces, reading)
        return self._house(street, pieces, reading, taken)

    def _house(self, street: int, pieces: tuple[int, ...], reading: Reading, taken: str) -> AddressMatch:
        number = reading.number or 0
        part = () if len(pieces) == len(self._ground.pieces_of[street]) else pieces
        house = self._houses.find(street, number, reading.suffix, part)
        if house is None:
            span = self._houses.span(street)
            known = f"its house numbers go from {span[0]} to {span[1]}" if span else "no house numbers are known there"
            match = self._on_street(street, pieces, _joined(taken, f"{number} is not in the list: {known}"))
            return match if span is None else _unsure(match)
        return AddressMatch(
            outcome="found",
            kind=house.how,
            text=self._written(street, reading),
            place=self._place(house.how, house.x, house.y, house.radius_m),
            reason=_joined(taken, house.reason),
        )

    def _on_street(self, street: int, pieces: tuple[int, ...], reason: str) -> AddressMatch:
        if len(pieces) > 1:
            return self._two_of_a_name(street, pieces, Reading(""))
        x, y, far = self._ground.pieces[pieces[0]].centre()
        place = self._place("street", x, y, max(far, LANDMARK_M))
        name = self.names.names[street]
        return AddressMatch(outcome="found", kind="street", text=name, place=place, reason=reason)

    def _two_of_a_name(self, street: int, pieces: tuple[int, ...], reading: Reading) -> AddressMatch:
        written = self._written(street, reading)
        labels = [self._label(piece) for piece in pieces[:MOST_CANDIDATES]]
        candidates = tuple(f"{written} ({label})" if label else written for label in labels)
        reason = f"there are {len(pieces)} streets of this name, and nothing says which"
        return AddressMatch(outcome="unsure", text=written, candidates=candidates, reason=reason)

    def _label(self, piece: int) -> str:
        """Give what tells a street from others of its name: a quarter, a ZIP, or a street that it meets."""
        label = self._ground.pieces[piece].label
        crossing = -1 if label else self._by_point.meets(piece)
        return f"at {self.names.names[crossing]}" if crossing >= 0 else label

    def _told_apart(self, pieces: tuple[int, ...], hints: Hints, near: Near | None) -> tuple[int, ...]:
        if len(pieces) < 2:  # noqa: PLR2004 - nothing to tell apart
            return pieces
        all_pieces = self._ground.pieces
        by_zip = tuple(at for at in pieces if hints.zip and hints.zip in all_pieces[at].zips)
        by_quarter = tuple(at for at in by_zip or pieces if hints.quarter and hints.quarter in all_pieces[at].quarters)
        left = by_quarter or by_zip or pieces
        if near and len(left) > 1:
            left = (min(left, key=lambda at: self._far(near, all_pieces[at])),)
        return left

    def _far(self, near: Near, piece: Piece) -> float:
        point = shapely.Point(self._ground.plane.metres(np.array([[near[1], near[0]]]))[0])
        return float(shapely.distance(piece.shape, point))

    def _metres_from(self, near: Near, x: float, y: float) -> float:
        here = self._ground.plane.metres(np.array([[near[1], near[0]]]))[0]
        return math.hypot(here[0] - x, here[1] - y)

    def _written(self, street: int, reading: Reading) -> str:
        name = self.names.names[street]
        if reading.number is None:
            return name
        slash = "-" if reading.suffix.isdigit() else "/"
        number = f"{reading.number}{slash}{reading.suffix}" if reading.suffix else str(reading.number)
        return f"{number} {name}" if self._speller.convention.number_first else f"{name} {number}"

    def _place(self, how: AddressKind, x: float, y: float, radius_m: float) -> Place:
        longitude, latitude = self._ground.plane.degrees(x, y)
        return Place(
            latitude=round(latitude, 7),
            longitude=round(longitude, 7),
            radius_m=round(radius_m, 1),
            method=_METHODS[how],
        )


def _both(hints: Hints, more: Hints) -> Hints:
    return Hints(more.zip or hints.zip, more.quarter or hints.quarter)


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def _unsure(match: AddressMatch) -> AddressMatch:
    return AddressMatch(outcome="unsure", kind=match.kind, text=match.text, place=match.place, reason=match.reason)


def _hull(found: Sequence[Crossing]) -> Crossing:
    if len(found) == 1:
        return found[0]
    x, y = float(np.mean([each.x for each in found])), float(np.mean([each.y for each in found]))
    return Crossing(x, y, max(math.hypot(each.x - x, each.y - y) + each.radius_m for each in found))
