"""Where incidents of known truth happen: at the city's own things, on its streets, at its house numbers."""

import math
from random import Random

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from services.city.model import Assets, Category, City
from services.sandbox.ground import METRES, Ground, Point, pick
from services.sandbox.incidents_words import TONGUES

APART_M = 60.0
"""Two incidents of one category stand no nearer than about this, unless they are meant to, or the town is full."""
TRIES = 40
NEIGHBOURS = 4
"""A house number that is wrong is one of so many next ones of the street."""


class Site(Struct, frozen=True, kw_only=True):
    """A true point, and what all who stand there see. `house` is empty and `address` too where none is known."""

    point: Point
    house: str = ""
    address: str = ""
    wrong: tuple[str, ...] = ()
    """Addresses a few houses off."""
    beside: int = 0
    stop: int = 0
    asset: str = ""


class Sites:
    """Finds sites in a town; each of the city's own things is the site of one incident only."""

    def __init__(self, city: City, luck: Random) -> None:
        self.ground = Ground(city, luck)
        self._luck = luck
        self._kinds: dict[str, Assets] = {
            code: assets for assets in city.assets.values() for code in assets.service_codes
        }
        self._free = {kind: list(range(len(assets.ids))) for kind, assets in city.assets.items()}
        self._numbers = city.house_numbers
        self._taken: set[tuple[str, int, int]] = set()
        self._beside = len(next(iter(TONGUES.values())).beside)

    def things(self, category: Category) -> Assets | None:
        """Give the city's own things that a category is about, if any."""
        return self._kinds.get(category.service_code)

    def one(self, category: Category, *, thing: bool, apart_m: float = APART_M) -> Site:
        """Give a site about so far away from others of the category, as long as the town has room for it.

        With `thing` it is one of the city's own things, or none of them when all have had their incident.
        """
        assets = self.things(category) if thing else None
        site = self._any(assets)
        for _ in range(TRIES):
            if self._claim(category, site.point, apart_m):
                break
            site = self._any(assets)
        self._use(assets, site)
        return site

    def two(self, category: Category, *, thing: bool, low_m: float, high_m: float) -> tuple[Site, Site] | None:
        """Give two sites of one category so far from each other; None where none were found."""
        assets = self.things(category) if thing else None
        for _ in range(TRIES):
            if assets is not None:
                found = self._pair(assets, low_m, high_m)
            else:
                one, two = (self.at(point) for point in self._along(low_m, high_m))
                found = (one, two) if low_m < metres(one.point, two.point) < high_m else None
            if found and _told_apart(*found) and self._claim(category, found[0].point):
                self._claim(category, found[1].point)
                for site in found:
                    self._use(assets, site)
                return found
        return None

    def beside(self, site: Site, reach_m: float) -> Site:
        """Give a site within `reach_m` of another, from where the same is seen."""
        turn, far = self._luck.uniform(0, 2 * math.pi), reach_m * math.sqrt(self._luck.random())
        return replace(site, point=moved(site.point, far * math.cos(turn), far * math.sin(turn)))

    def at(self, point: Point, asset: str = "") -> Site:
        """Give what is seen at a point."""
        house, address, wrong = self._house(point)
        return Site(
            point=point,
            house=house,
            address=address,
            wrong=wrong,
            beside=self._luck.randrange(self._beside),
            stop=self._luck.randrange(1000, 9999),
            asset=asset,
        )

    def _claim(self, category: Category, point: Point, apart_m: float = APART_M) -> bool:
        key = f"{category.service_code} {apart_m:g}"
        row, column = int(point[0] * METRES / apart_m), int(point[1] * METRES * self.ground.narrow / apart_m)
        cells = [(key, row + up, column + right) for up in (-1, 0, 1) for right in (-1, 0, 1)]
        free = self._taken.isdisjoint(cells)
        self._taken.add((key, row, column))
        return free

    def _any(self, assets: Assets | None) -> Site:
        free = self._free[assets.kind] if assets else []
        if assets is None or not free:
            return self.at(self.ground.inside()[0])
        number = self._luck.choice(free)
        return self.at(_point(assets, number), assets.ids[number])

    def _use(self, assets: Assets | None, site: Site) -> None:
        if assets is not None and site.asset:
            self._free[assets.kind].remove(assets.ids.index(site.asset))

    def _pair(self, assets: Assets, low_m: float, high_m: float) -> tuple[Site, Site] | None:
        free = self._free[assets.kind]
        if not free:
            return None
        one = self._luck.choice(free)
        here = _point(assets, one)
        others = [other for other in free if low_m < metres(here, _point(assets, other)) < high_m]
        if not others:
            return None
        two = self._luck.choice(others)
        return self.at(here, assets.ids[one]), self.at(_point(assets, two), assets.ids[two])

    def _along(self, low_m: float, high_m: float) -> tuple[Point, Point]:
        """Give two points of one street, or of anywhere where none are given."""
        apart = self._luck.uniform(low_m, high_m)
        if not self.ground.lines:
            point = self.ground.inside()[0]
            turn = self._luck.uniform(0, 2 * math.pi)
            return point, moved(point, apart * math.cos(turn), apart * math.sin(turn))
        line = self.ground.lines[pick(self.ground.lengths, self._luck)]
        start = self._luck.random() * max(line.length - apart, 0.0)
        return line.at(start), line.at(min(start + apart, line.length))

    def _house(self, point: Point) -> tuple[str, str, tuple[str, ...]]:
        numbers = self._numbers
        if numbers is None or not len(numbers.number):
            return "", "", ()
        north = numbers.latitude - point[0]
        east = (numbers.longitude - point[1]) * self.ground.narrow
        off = np.hypot(north, east)
        first = int(off.argmin())
        street = np.flatnonzero(numbers.street == numbers.street[first])
        order = street[off[street].argsort(kind="stable")][1 : NEIGHBOURS + 1]
        near, *others = (self._written(int(row)) for row in (first, *order))
        return near[0], near[1], tuple(address for _, address in others)

    def _written(self, row: int) -> tuple[str, str]:
        numbers = self._numbers
        if numbers is None:
            return "", ""
        house = f"{numbers.number[row]}{numbers.suffixes[int(numbers.suffix[row])]}"
        return house, f"{house} {numbers.streets[int(numbers.street[row])].name}"


def _point(assets: Assets, number: int) -> Point:
    return float(assets.latitude[number]), float(assets.longitude[number])


def _told_apart(one: Site, two: Site) -> bool:
    """Say whether two doors have two numbers, which in files that lack houses they may not, and other neighbours."""
    return one.beside != two.beside and (not one.house or one.address != two.address)


def moved(point: Point, north_m: float, east_m: float) -> Point:
    """Give a point so many metres away, to six decimals of a degree."""
    lat, lon = point
    return round(lat + north_m / METRES, 6), round(lon + east_m / (METRES * math.cos(math.radians(lat))), 6)


def metres(one: Point, two: Point) -> float:
    """Give the distance of two near points, on the plane."""
    east = (two[1] - one[1]) * math.cos(math.radians(one[0]))
    return METRES * math.hypot(two[0] - one[0], east)
