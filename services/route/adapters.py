"""A city's layers: where whole batches of places lie, and which areas their circles cross."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from services.city.model import City, Layer
from services.city.shelf import CityShelf
from services.events import Event
from services.parts import Boundary, Place
from services.places.circles import LEAST_SHARE, Circles
from services.places.index import AreaIndex
from services.responsible.advice import Routes
from services.route.core import Whereabouts

MOST_KNOWN = 65_536
"""Combinations of areas whose whereabouts are kept; when they are more, all are made anew as they are asked for."""

Homes = tuple[int, ...]
"""For each layer the number of the area that holds a place, -1 where none does."""


class Sheet:
    """One layer, as what it says of places. A place on a boundary belongs to the first of the areas there, by id."""

    def __init__(self, layer: Layer) -> None:
        self.index = AreaIndex(layer.areas)
        self.circles = Circles(self.index)
        self.limits = layer.limits
        self._layer = layer
        self.whole = [
            Boundary(layer=layer.id, area_id=area.area_id, name=area.name, version=layer.version)
            for area in self.index.areas
        ]

    def part(self, area: int, share: float) -> Boundary:
        """Give an area with the share of a circle that lies in it."""
        whole = self.whole[area]
        return whole if share == 1.0 else self._part(whole.area_id, whole.name, share)

    def others(self, parts: Mapping[int, float], home: int) -> Iterator[Boundary]:
        """Give the areas but for `home` that a circle reaches, and what lies in no area."""
        for area, share in sorted(parts.items()):
            if area != home:
                yield self.part(area, share)
        beyond = round(1.0 - sum(parts.values()), 3)
        if home >= 0 and beyond > LEAST_SHARE:
            yield self._part("", f"outside the {self._layer.id}", beyond)

    def _part(self, area_id: str, name: str, share: float) -> Boundary:
        return Boundary(layer=self._layer.id, area_id=area_id, name=name, version=self._layer.version, share=share)


class Live:
    """Handles each batch by the city that is worked by when it begins, from its first report to its last."""

    def __init__(self, shelf: CityShelf[Routes]) -> None:
        self._shelf = shelf

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        """Route a batch by one city."""
        return self._shelf.current().handle(batch)


class ShapelyAtlas:
    """All layers of a city, kept in memory; asked for whole batches, because one call costs as much as a hundred."""

    def __init__(self, layers: Sequence[Layer], made: dict[tuple[str, str], Sheet] | None = None) -> None:
        """Index `layers`; `made` keeps sheets by layer and day of effect for the next atlas that has the same."""
        made = {} if made is None else made
        for layer in layers:
            if (layer.id, layer.effective) not in made:
                made[layer.id, layer.effective] = Sheet(layer)
        self._sheets = [made[layer.id, layer.effective] for layer in layers]
        self._limited = any(layer.limits for layer in layers)
        self._known: dict[Homes, Whereabouts] = {}

    def locate(self, places: Sequence[Place]) -> list[Whereabouts]:
        """Give the whereabouts of each place, in order: one object for all places that have the same.

        `outside` is said only of a city that has a layer of limits.
        """
        if not places or not self._sheets:
            return [Whereabouts()] * len(places)
        longitude = np.array([place.longitude for place in places])
        latitude = np.array([place.latitude for place in places])
        radius = np.array([place.radius_m for place in places])
        homes = list(zip(*(sheet.index.home(longitude, latitude).tolist() for sheet in self._sheets), strict=True))
        known = self._known
        found = [known.get(home) or self._whole(home) for home in homes]
        shares = [sheet.circles.shares(longitude, latitude, radius) for sheet in self._sheets]
        for row in set().union(*shares):
            found[row] = self._shared(homes[row], [of_layer.get(row) for of_layer in shares], found[row])
        return found

    def _whole(self, homes: Homes) -> Whereabouts:
        """Give the whereabouts of a place whose circle crosses no boundary."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        made = self._known[homes] = self._shared(homes, [None] * len(homes))
        return made

    def _shared(
        self, homes: Homes, shares: Sequence[Mapping[int, float] | None], alone: Whereabouts | None = None
    ) -> Whereabouts:
        held: list[Boundary] = []
        touched: list[Boundary] = []
        inside = not self._limited
        for sheet, home, parts in zip(self._sheets, homes, shares, strict=True):
            inside = inside or (sheet.limits and home >= 0)
            if home >= 0:
                held.append(sheet.whole[home] if parts is None else sheet.part(home, parts.get(home, 0.0)))
            if parts is not None:
                touched.extend(sheet.others(parts, home))
        return Whereabouts(tuple(held), tuple(touched), not inside, alone)


class DatedAtlas:
    """The atlas of a city whose lines change: each place is looked up by the lines that are valid on its day.

    A day begins at midnight on the city's clock.
    """

    def __init__(self, city: City) -> None:
        zone, days = ZoneInfo(city.time_zone), city.changes()
        made: dict[tuple[str, str], Sheet] = {}
        midnights = (datetime.combine(date.fromisoformat(day), time(), zone) for day in days)
        self._begins = [midnight.timestamp() for midnight in midnights]
        self._atlases = [ShapelyAtlas(city.layers_on(day), made) for day in ("", *days)]

    def locate(self, places: Sequence[Place], instants: Sequence[datetime]) -> list[Whereabouts]:
        """Give the whereabouts of each place by the lines of its instant's day, in order."""
        if not self._begins:
            return self._atlases[0].locate(places)
        rows: dict[int, list[int]] = defaultdict(list)
        for row, instant in enumerate(instants):
            rows[bisect_right(self._begins, instant.timestamp())].append(row)
        found = {
            row: whereabouts
            for period, members in rows.items()
            for row, whereabouts in zip(
                members, self._atlases[period].locate([places[row] for row in members]), strict=True
            )
        }
        return [found[row] for row in range(len(places))]
