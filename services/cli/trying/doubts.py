"""Places that are probably not the ones that were meant, and why: swapped, zero, far away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from services.city.earth import arc_m, metres_outside, within
from services.city.model import City
from services.events import Event, RequestClassified, RequestRouted
from services.parts import Place
from services.runtime.worker import Rejected

"""Mean radius of the Earth (IUGG)."""
SWAPPED: Final = "the other way round it lies in the city: are latitude and longitude swapped?"
ZERO: Final = Rejected("zero", "latitude and longitude are 0, as systems write what they could not place")


class Routes(Protocol):
    """What routes reports, as the worker does."""

    def handle(self, batch: Sequence[Event], /) -> Sequence[Event]:
        """Give each report's department, in order."""


def swapped_in(city: City, latitude: object, longitude: object) -> str:
    """Say that a pair which is no place lies in the city's extent the other way round; empty if it does not."""
    try:
        east, north = float(str(latitude)), float(str(longitude))
    except ValueError:
        return ""
    return SWAPPED if within(city.extent, north, east) else ""


class Doubts:
    """Looks at the reports that lie in no area of a city, for what may be wrong with their places."""

    def __init__(self, city: City, router: Routes) -> None:
        self._city = city
        self._router = router
        west, south, east, north = city.extent
        self._across = arc_m(math.radians(south), math.radians(north), math.radians(west - east))

    def of(self, routed: Sequence[RequestRouted]) -> list[Rejected | None]:
        """Give the doubt about each report's place, in order; None where there is none.

        Its reason is `swapped` (in the city the other way round) or `far` (further from the city's extent than that
        is across). A place at 0, 0 (`ZERO`) does not get past the door.
        """
        astray = [number for number, event in enumerate(routed) if event.report.place and not placed(event)]
        turned = self._turned([routed[number] for number in astray])
        found: list[Rejected | None] = [None] * len(routed)
        for number, other_way in zip(astray, turned, strict=True):
            place = routed[number].report.place
            if place is not None:
                found[number] = self._doubt(place, other_way=other_way)
        return found

    def _doubt(self, place: Place, *, other_way: bool) -> Rejected | None:
        if other_way:
            return Rejected("swapped", SWAPPED)
        away = metres_outside(self._city.extent, place.latitude, place.longitude)
        return Rejected("far", f"the place is {away / 1000:,.0f} km from the city") if away > self._across else None

    def _turned(self, routed: Sequence[RequestRouted]) -> list[bool]:
        """Say of each report whether it lies in an area of the city if latitude and longitude change places."""
        turned: dict[int, RequestClassified] = {}
        for number, event in enumerate(routed):
            place = event.report.place
            if place is not None and within(self._city.extent, place.longitude, place.latitude):
                there = replace(place, latitude=place.longitude, longitude=place.latitude)
                report = replace(event.report, place=there)
                turned[number] = RequestClassified(report=report, classification=event.classification)
        answers = self._router.handle(list(turned.values())) if turned else []
        inside = {
            number
            for number, answer in zip(turned, answers, strict=True)
            if isinstance(answer, RequestRouted) and placed(answer)
        }
        return [number in inside for number in range(len(routed))]


def placed(event: RequestRouted) -> bool:
    """Say whether a report lies in the city: in an area of it, and within its limits."""
    return bool(event.routing.boundaries) and not event.routing.outside
