"""Incidents with known truth, to measure how well reports of the same are found, from a seed. All of it is synthetic.

What makes it hard is what is hard in towns: several languages, places that are off by 5 to 150 m, several incidents at
one corner, look-alikes next door, people who send a report again or report two things. What makes it fair: witnesses
of one incident tell of the same thing, mostly with a particular of it, and those of another tell of another's.
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from services.city.model import Category, City
from services.sandbox.ground import Point, pick
from services.sandbox.incidents_matters import matters_of
from services.sandbox.incidents_sites import APART_M, Site, Sites, moved
from services.sandbox.incidents_witness import Incident, Witnesses
from services.sandbox.incidents_words import COUNTS, DEPTHS, SIZES, TONGUES, Kind, Matter, Phrases
from services.sandbox.storm import StormReport

EVERYDAY = {
    "roads": 2.0,
    "lighting": 1.5,
    "waste": 2.0,
    "vehicles": 2.0,
    "graffiti": 1.5,
    "hazards": 0.4,
    "winter": 0.4,
}
"""How much more often than others a family is reported on any day; families of other names weigh 1."""
CROWDS = ((0.60, 1), (0.80, 2), (0.90, 3), (0.96, 4))
"""Up to which share of incidents how many report; of the rest `CROWD` to `MOST` do, seldom so many."""
CROWD, MOST, TAIL = 5, 40, 1.2
EARLY, LATEST = 10.0, 0.95
"""Of the family's window reports come a tenth after the first on average, and none beyond the latest part."""
RESENT = 0.04
CORNER_M = 15.0
NEXT_DOOR_M = (40.0, 120.0)
TOGETHER = 0.2
"""The part of a window within which those of a hard case begin."""
LASTING_H = 48.0
"""Only of families whose incidents last so long people say since which day."""
NOTICED, AT_STOP = 0.7, 0.2
MIXTURES = ("families", "categories", "category")
"""What is at one corner, in turn: several families, several categories of a family, one category several times."""
TELLING: frozenset[Kind] = frozenset(("colour", "size", "count"))
"""By what two of one category at one corner are told apart."""
BLOCK = "block"
"""The matter of an outage: that of a front, and of nothing that happens at one place."""
FRONT_S, WORD_S = 7200.0, 600.0
"""How long a front spreads, and how long after it has reached them people report, on average."""
CENTRES, PAIRS = 200, 50
"""How often places are tried."""
RIM = [(math.cos(turn * math.pi / 4), math.sin(turn * math.pi / 4)) for turn in range(8)]

VALUES: dict[Kind, tuple[int, ...]] = {
    "size": SIZES,
    "depth": DEPTHS,
    "count": COUNTS,
    "colour": tuple(range(len(TONGUES["en"].colours))),
    "side": tuple(range(len(TONGUES["en"].sides))),
}
Particulars = set[tuple[Kind, int | str]]


def truth_storm(
    city: City,
    *,
    seed: int,
    incidents: int,
    start: datetime,
    spread_s: float,
    corners: int = 0,
    lookalikes: int = 0,
) -> Iterator[StormReport]:
    """Give the reports of incidents in order of time; the same arguments give the same reports, byte for byte.

    Args:
        city: Whose categories, phrases, streets, house numbers and things to use.
        seed: Which incidents.
        incidents: How many, those at corners and next door among them.
        start: The first moment, with an offset.
        spread_s: Within how many seconds incidents begin; reports come later, within their family's window.
        corners: How many places have 2 to 4 incidents within 15 m: of several families, of several categories of
            one family, or of one category, in turn.
        lookalikes: How many pairs of incidents of one category lie 40 to 120 m apart at the same time.

    Raises:
        ValueError: `start` has no offset, nothing in the town can be told apart, or the hard cases are too many.

    """
    _check(start)
    if 4 * corners + 2 * lookalikes > incidents:
        most = 4 * corners + 2 * lookalikes
        message = f"{corners} corners and {lookalikes} look-alikes take up to {most} incidents: {incidents} are too few"
        raise ValueError(message)
    truth = _Truth(city, seed, start, spread_s)
    if not truth.categories or (corners and not truth.at_corners):
        message = f"{city.name} has no category with phrases in its languages, of a family with a match_radius_m"
        raise ValueError(message)
    return truth.reports(incidents, corners, lookalikes)


def two_fronts(
    city: City,
    *,
    seed: int,
    reports: int,
    start: datetime,
    gap_m: float = 60.0,
    reach_m: float = 600.0,
    service_code: str = "street-light",
) -> Iterator[StormReport]:
    """Give the reports of two outages that spread for two hours, each from its own centre, until they nearly touch.

    Args:
        city: Whose categories, phrases and limits to use.
        seed: Which outages.
        reports: How many of both together.
        start: When both begin, with an offset.
        gap_m: How far their edges are apart at the end, metres; they overlap by a negative one.
        reach_m: How far each has spread at the end, metres.
        service_code: The category of both.

    Raises:
        ValueError: `start` has no offset, or the town has no such category with phrases in its languages.

    """
    _check(start)
    truth = _Truth(city, seed, start, FRONT_S)
    if not truth.matters.get(service_code):
        message = f"{city.name} has no category {service_code} with phrases in its languages: name one that it has"
        raise ValueError(message)
    return truth.fronts(reports, gap_m, reach_m, city.categories[service_code])


def _check(start: datetime) -> None:
    if start.tzinfo is None:
        message = f"a storm cannot start at {start.isoformat()}: that has no offset"
        raise ValueError(message)


class _Truth:
    def __init__(self, city: City, seed: int, start: datetime, spread_s: float) -> None:
        luck = Random(seed)
        self.city = city
        self.luck = luck
        self.seed = seed
        self.start = start
        self.spread_s = spread_s
        self.sites = Sites(city, luck)
        self.witnesses = Witnesses(city, luck, seed, start)
        self.matters = {code: self._matters(category) for code, category in city.categories.items()}
        self.single = {code: [each for each in of if each[0].name != BLOCK] for code, of in self.matters.items()}
        self.categories = [
            category
            for code, category in city.categories.items()
            if city.families[category.family].match_radius_m > 0 and self.single[code]
        ]
        self.at_corners = [each for each in self.categories if self.sites.things(each) is None]
        weights = [EVERYDAY.get(category.family, 1.0) for category in self.categories]
        reaches = [city.families[category.family].match_radius_m for category in self.categories]
        self.common = list(accumulate(weights))
        self.seen_far = list(accumulate(weight * reach for weight, reach in zip(weights, reaches, strict=True)))
        self.plan: list[tuple[float, int, Incident]] = []

    def reports(self, count: int, corners: int, lookalikes: int) -> Iterator[StormReport]:
        for number in range(corners):
            self._corner(number)
        for number in range(lookalikes):
            self._next_door(number)
        while len(self.plan) < count:
            self._anywhere()
        yield from self._told(
            [
                (at, at == begun, incident)
                for begun, crowd, incident in self.plan
                for at in self._times(begun, crowd, incident)
            ]
        )

    def fronts(self, count: int, gap_m: float, reach_m: float, category: Category) -> Iterator[StormReport]:
        matters = self.matters[category.service_code]
        _, phrases = next((each for each in matters if each[0].name == BLOCK), matters[0])
        turn, apart = self.luck.uniform(0, 2 * math.pi), 2 * reach_m + gap_m
        one = self._centre(turn, apart, reach_m)
        centres = one, moved(one, apart * math.cos(turn), apart * math.sin(turn))
        told = []
        for number in range(count):
            way, far = self.luck.uniform(0, 2 * math.pi), reach_m * math.sqrt(self.luck.random())
            site = self.sites.at(moved(centres[number % 2], far * math.cos(way), far * math.sin(way)))
            incident = Incident(
                label=f"synthetic-{self.seed}-front-{number % 2}",
                category=category,
                phrases=phrases,
                site=site,
                particulars=self._of_place(site),
                group="front",
            )
            told.append((FRONT_S * far / reach_m + self.luck.expovariate(1 / WORD_S), number < len(centres), incident))
        yield from self._told(told)

    def _told(self, told: list[tuple[float, bool, Incident]]) -> Iterator[StormReport]:
        said = []
        for at, first, incident in sorted(told, key=lambda each: each[0]):
            resent = self.luck.random() < RESENT
            said.append(self.witnesses.report(incident, at, first=first, resent=resent))
            if resent:
                said.append(self.witnesses.again(said[-1]))
        yield from sorted(said, key=lambda report: report.requested_at)

    def _centre(self, turn: float, apart: float, reach_m: float) -> Point:
        """Give where the first front begins: where most of both lies in the town."""
        ground = self.sites.ground
        best, most = ground.inside()[0], -1
        for _ in range(CENTRES):
            one = ground.inside()[0]
            two = moved(one, apart * math.cos(turn), apart * math.sin(turn))
            rims = [moved(each, reach_m * up, reach_m * right) for each in (one, two) for up, right in RIM]
            held = sum(ground.holds(point) for point in (one, two, *rims))
            if held > most:
                best, most = one, held
        return best

    def _matters(self, category: Category) -> list[tuple[Matter, Phrases]]:
        spoken = set(self.city.languages)
        return [each for each in matters_of(category) if spoken & each[1].keys()]

    def _anywhere(self) -> None:
        crowd = self._crowd()
        category = self.categories[pick(self.common if crowd < CROWD else self.seen_far, self.luck)]
        matter = self.luck.choice(self.single[category.service_code])
        reach = self.city.families[category.family].match_radius_m if matter[0].wide else 0.0
        site = self.sites.one(category, thing="pole" in matter[0].kinds, apart_m=max(reach, APART_M))
        self._add(category, matter, site, self._begins(), crowd=crowd)

    def _corner(self, number: int) -> None:
        corner = self.sites.at(self.sites.ground.inside()[0])
        begins, used = self._begins(), set[tuple[Kind, int | str]]()
        mixture = MIXTURES[number % len(MIXTURES)]
        for category, matter in self._mixed(mixture):
            window = self.city.families[category.family].match_window_hours * 3600
            site = self.sites.beside(corner, CORNER_M / 2 - 0.2)
            at = begins + self.luck.random() * window * TOGETHER
            self._add(category, matter, site, at, group=f"corner-{number}", used=used, alike=mixture == "category")

    def _mixed(self, mixture: str) -> list[tuple[Category, tuple[Matter, Phrases]]]:
        """Give what is at a corner; one category several times where the town has no more to mix."""
        luck, families = self.luck, dict[str, list[Category]]()
        for category in self.at_corners:
            families.setdefault(category.family, []).append(category)
        several = [members for members in families.values() if len(members) > 1]
        if mixture == "families" and len(families) > 1:
            mixed = luck.sample(list(families.values()), min(luck.randint(2, 4), len(families)))
            chosen = [luck.choice(members) for members in mixed]
        elif mixture == "categories" and several:
            members = luck.choice(several)
            chosen = luck.sample(members, min(luck.randint(2, 4), len(members)))
        else:
            one = luck.choice([each for each in self.at_corners if self._telling(each)] or self.at_corners)
            told = self._telling(one) or self.single[one.service_code]
            return [(one, luck.choice(told)) for _ in range(luck.randint(2, 3))]
        return [(each, luck.choice(self.single[each.service_code])) for each in chosen]

    def _telling(self, category: Category) -> list[tuple[Matter, Phrases]]:
        """Give the matters of which two at one corner can be told apart."""
        return [
            each for each in self.single[category.service_code] if TELLING & set(each[0].kinds) and not each[0].wide
        ]

    def _next_door(self, number: int) -> None:
        for _ in range(PAIRS):
            category = self.categories[pick(self.common, self.luck)]
            matter = self.luck.choice(self.single[category.service_code])
            if matter[0].wide:
                continue
            low, high = NEXT_DOOR_M
            pair = self.sites.two(category, thing="pole" in matter[0].kinds, low_m=low, high_m=high)
            if pair is not None:
                break
        else:
            message = f"{self.city.name} has no room for look-alikes next door: ask for fewer than {number + 1}"
            raise ValueError(message)
        window = self.city.families[category.family].match_window_hours * 3600
        begins, used = self._begins(), set[tuple[Kind, int | str]]()
        for site in pair:
            at = begins + self.luck.random() * window * TOGETHER
            self._add(category, matter, site, at, group=f"lookalike-{number}", used=used)

    def _add(
        self,
        category: Category,
        matter: tuple[Matter, Phrases],
        site: Site,
        begins: float,
        *,
        crowd: int | None = None,
        group: str = "",
        used: Particulars | None = None,
        alike: bool = False,
    ) -> None:
        """Plan an incident. Of several `alike` at one corner people say which they mean, not what stands beside all."""
        incident = Incident(
            label=f"synthetic-{self.seed}-{len(self.plan):06d}",
            category=category,
            phrases=matter[1],
            site=site,
            particulars=self._of_thing(category, matter[0], site, begins, used)
            + (() if alike else self._of_place(site)),
            group=group,
        )
        self.plan.append((begins, self._crowd() if crowd is None else crowd, incident))

    def _of_thing(
        self, category: Category, matter: Matter, site: Site, begins: float, used: Particulars | None
    ) -> tuple[tuple[Kind, int | str], ...]:
        """Give what witnesses may tell of the thing: none of it is in `used`, which grows by it."""
        luck = self.luck
        lasting = self.city.families[category.family].match_window_hours >= LASTING_H
        found: list[tuple[Kind, int | str]] = []
        for kind in matter.kinds:
            if kind == "pole" and site.asset:
                found.append((kind, site.asset))
            elif kind == "since" and lasting:
                day = (self.start + timedelta(seconds=begins)).weekday() - luck.randint(0, 2)
                found.append((kind, day % 7))
            elif kind in VALUES and (used is not None or luck.random() < NOTICED):
                free = [value for value in VALUES[kind] if (kind, value) not in (used or ())]
                found.append((kind, luck.choice(free or VALUES[kind])))
        if used is not None:
            used.update(found)
        return tuple(found)

    def _of_place(self, site: Site) -> tuple[tuple[Kind, int | str], ...]:
        """Give what witnesses may tell of the place: at least what stands there."""
        found: list[tuple[Kind, int | str]] = [("beside", site.beside)]
        if site.house and self.luck.random() < NOTICED:
            found.append(("house", site.house))
        if self.luck.random() < AT_STOP:
            found.append(("stop", site.stop))
        return tuple(found)

    def _begins(self) -> float:
        return self.luck.random() * self.spread_s

    def _crowd(self) -> int:
        rank = self.luck.random()
        for share, size in CROWDS:
            if rank < share:
                return size
        return min(int(CROWD * (1 - self.luck.random()) ** (-1 / TAIL)), MOST)

    def _times(self, begins: float, crowd: int, incident: Incident) -> list[float]:
        window = self.city.families[incident.category.family].match_window_hours * 3600
        waits = (self.luck.expovariate(EARLY / window) for _ in range(crowd - 1))
        latest = LATEST * window
        return [begins, *(begins + (wait if wait < latest else self.luck.random() * latest) for wait in waits)]
