"""A synthetic town of about 500 km2 that reports more than it can mend: the same seed gives the same reports.

Nobody made these reports. They lie along streets, a quarter are about what another reported before, and their texts
are phrases of the city's file with words left out, exchanged and added. Open reports are of every family that links
any, as many as its window is long, evenly over it: as if each family were reported equally often. Fresh ones come a
second apart after all of them, of each family equally often.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import cos, radians, sin, tau
from pathlib import Path
from random import Random
from typing import cast

import msgspec
import numpy as np
from msgspec.structs import replace

from benchmarks.samples import START, samples
from services.city.earth import METRES_PER_DEGREE
from services.city.load import load
from services.city.model import Category, City
from services.events import RequestMatched, RequestRouted
from services.incidents.seen import Seen
from services.match.adapters import seen_of
from services.match.worker import HOUR_S
from services.parts import Alternative, Asset, Candidate, Extent, LinkEvidence, Matching, Place, Reason, Report

SIDE_M = 22_360.0
SOUTH, WEST = 39.0, -75.3
STREETS = 4000
STREET_M = 600.0
HOUSE_M = 12.0
LAMP_M = 35.0
REPEATED = 0.25
"""The share of reports that are about what was reported before."""
LAST = 300
"""A family's newest incidents, one of which a repeat is about."""
SAMPLES = 2000
TAILS = ("since Monday", "please hurry", "again", "next to the bus stop", "near the school", "it is dangerous", "")
WIDTHS = (5.0, 8.0, 12.0, 20.0, 30.0, 60.0)
"""Metres that a place may be off."""
PACE_S = 1.0


class Incident(msgspec.Struct):
    """What was reported first, so that it can be reported again."""

    request_id: str
    category: Category
    made: float
    north: float
    east: float
    street: int
    along: float
    reports: int = 1


class Town:
    """Its reports, open ones before fresh ones."""

    def __init__(self, city: City, base: Sequence[RequestRouted], seed: int) -> None:
        self._luck = Random(seed)
        self._seed = seed
        self._base = base
        self._codes = list(city.categories)
        self._families = {
            family: [each for each in city.categories.values() if each.family == family]
            for family, known in city.families.items()
            if known.match_radius_m > 0
        }
        self._windows = {family: city.families[family].match_window_hours * HOUR_S for family in self._families}
        self._phrases = {
            (code, language): [phrase.split() for phrase in phrases]
            for code, category in city.categories.items()
            for language, phrases in category.examples.items()
        }
        self._streets = [self._street() for _ in range(STREETS)]
        self._weights = np.cumsum(1 / (200 + np.arange(STREETS))).tolist()
        self._recent: dict[str, deque[Incident]] = {family: deque(maxlen=LAST) for family in self._families}
        self._now = START.timestamp()

    def opened(self, number: int) -> Iterator[RequestMatched]:
        """Give so many open reports in the order in which they were made, as `match` wrote them."""
        drawn = np.random.default_rng(self._seed)
        windows = np.array(list(self._windows.values()))
        families = drawn.choice(len(windows), number, p=windows / windows.sum())
        made = self._now - drawn.random(number) * windows[families] * 0.98
        names = list(self._windows)
        for count, place in enumerate(np.argsort(made, kind="stable")):
            report, incident = self._report(f"open-{count}", names[families[place]], float(made[place]))
            yield self._matched(report, incident)

    def fresh(self, number: int) -> Iterator[RequestRouted]:
        """Give so many reports that nobody has matched yet."""
        names = list(self._windows)
        for count in range(number):
            self._now += PACE_S
            yield self._report(f"fresh-{int(self._now)}-{count}", self._luck.choice(names), self._now)[0]

    def _street(self) -> tuple[float, float, float, float]:
        luck = self._luck
        angle = luck.choice((0.0, 0.25, 0.5, 0.75)) * tau + luck.gauss(0, 0.05)
        return luck.random() * SIDE_M, luck.random() * SIDE_M, cos(angle), sin(angle)

    def _incident(self, request_id: str, family: str, made: float) -> Incident:
        luck = self._luck
        (street,) = luck.choices(range(STREETS), cum_weights=self._weights)
        along = luck.random() * STREET_M
        north, east, by_north, by_east = self._streets[street]
        north, east = north + along * by_north + luck.gauss(0, 8), east + along * by_east + luck.gauss(0, 8)
        return Incident(request_id, luck.choice(self._families[family]), made, north, east, street, along)

    def _report(self, request_id: str, family: str, made: float) -> tuple[RequestRouted, Incident]:
        luck, recent = self._luck, self._recent[family]
        if luck.random() < REPEATED and recent and made - (known := luck.choice(recent)).made < self._windows[family]:
            incident = known
            incident.reports += 1
        else:
            incident = self._incident(request_id, family, made)
            recent.append(incident)
        off = luck.choice(WIDTHS)
        north, east = incident.north + luck.gauss(0, off / 2), incident.east + luck.gauss(0, off / 2)
        when = datetime.fromtimestamp(round(made, 3), UTC)
        words = f"{1 + int(incident.along / HOUSE_M)} {_name(incident.street)}"
        base = self._base[luck.randrange(len(self._base))]
        report = Report(
            request_id=request_id,
            channel=luck.choice(("web", "app", "phone", "open311")),
            received_at=when,
            requested_at=when,
            text=self._text(incident.category, words),
            place=Place(latitude=lat(north), longitude=lon(north, east), radius_m=off, method="gps"),
            address=words if luck.random() < 0.5 else "",
            reporter=f"{luck.getrandbits(64):016x}" if luck.random() < 0.6 else "",
            source_id=request_id,
            jurisdiction_id=base.report.jurisdiction_id,
        )
        sure = round(0.6 + 0.39 * luck.random(), 4)
        left = round((1 - sure) / 3, 4)
        code = incident.category.service_code
        others = [Alternative(service_code=each, confidence=left) for each in luck.choices(self._codes, k=2)]
        alternatives = (Alternative(service_code=code, confidence=sure), *others)
        classification = replace(
            base.classification,
            service_code=code,
            family=family,
            confidence=sure,
            alternatives=alternatives,
            intent="report",
        )
        asset = None
        if family in {"lighting", "signals"}:
            thing = f"{incident.street}-{int(incident.along / LAMP_M)}"
            asset = Asset(kind=family, asset_id=thing, distance_m=round(off, 1))
        routing = replace(base.routing, asset=asset)
        return RequestRouted(report=report, classification=classification, routing=routing), incident

    def _text(self, category: Category, words: str) -> str:
        """Say a phrase of the category in other words."""
        luck = self._luck
        language = "en" if luck.random() < 0.6 else luck.choice(list(category.examples))
        phrases = self._phrases[category.service_code, language]
        said = list(luck.choice(phrases))
        if len(said) > 3 and luck.random() < 0.4:
            del said[luck.randrange(len(said))]
        if luck.random() < 0.4:
            said[luck.randrange(len(said))] = luck.choice(luck.choice(phrases))
        if luck.random() < 0.3:
            said += ["at", words]
        return " ".join([*said, luck.choice(TAILS)]).strip()

    def _matched(self, event: RequestRouted, incident: Incident) -> RequestMatched:
        """Say of a report what `match` would: of a repeat that it joined, and of three others that they did not win."""
        luck, report = self._luck, event.report
        lost = tuple(
            Candidate(
                request_id=each.request_id, score=round(luck.random() / 4, 4), why=f"less like than {report.request_id}"
            )
            for each in luck.choices(self._recent[event.classification.family], k=luck.randrange(4))
        )
        matching = Matching(incident_id=report.request_id, candidates=lost, version=VERSION)
        if incident.request_id != report.request_id:
            first, here = (lat(incident.north), lon(incident.north, incident.east)), cast("Place", report.place)
            matching = Matching(
                incident_id=incident.request_id,
                band="automatic",
                duplicate_of=incident.request_id,
                score=round(0.85 + luck.random() / 8, 4),
                evidence=LinkEvidence(
                    distance_m=round(here.radius_m, 1),
                    elapsed_s=round(report.requested_at.timestamp() - incident.made, 3),
                    text_similarity=round(luck.random(), 4),
                    same_service_code=True,
                    uncertainty_m=here.radius_m,
                    reasons=tuple(Reason(what=what, points=round(luck.random() * 3, 2)) for what in WHAT),
                ),
                candidates=lost,
                relation="duplicate",
                anchor=first,
                extent=Extent(
                    reports=incident.reports,
                    since=datetime.fromtimestamp(incident.made, UTC),
                    until=report.requested_at,
                    hull=(first, (here.latitude, here.longitude)),
                ),
                version=VERSION,
            )
        return RequestMatched(
            report=report,
            classification=event.classification,
            routing=event.routing,
            matching=matching,
            reading=cast("Seen", seen_of(event, {})).reading,
        )


VERSION = "2.synthetic.00000000.0.5-0.9"
WHAT = ("nearness", "text", "same category", "hours apart")


def lat(north: float) -> float:
    """Give the degrees of metres north of the town's corner."""
    return round(SOUTH + north / METRES_PER_DEGREE, 6)


def lon(north: float, east: float) -> float:
    """Give the degrees of metres east of it."""
    return round(WEST + east / METRES_PER_DEGREE / cos(radians(lat(north))), 6)


def _name(street: int) -> str:
    return f"{chr(65 + street % 26)}{'aeiou'[street // 26 % 5]}{'lmnrst'[street // 130 % 6]}{street // 780}ton Street"


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """A town's reports, a line of JSON each: as `match` reads and writes them."""

    folder: str
    city: str
    models: str
    open: int
    fresh: int
    seed: int

    @property
    def opened(self) -> Path:
        """The open reports: lines of `RequestMatched`."""
        return Path(self.folder) / f"open-{self.open}-{self.seed}.jsonl"

    @property
    def following(self) -> Path:
        """The fresh ones: lines of `RequestRouted`."""
        return Path(self.folder) / f"fresh-{self.open}-{self.fresh}-{self.seed}.jsonl"

    def write(self) -> None:
        """Write what is not there yet."""
        if self.opened.is_file() and self.following.is_file():
            return
        city = Path(self.city)
        base = samples("routed", seed=self.seed, count=SAMPLES, city=city, models=Path(self.models))
        town = Town(load(city), cast("Sequence[RequestRouted]", base), self.seed)
        for path, events in ((self.opened, town.opened(self.open)), (self.following, town.fresh(self.fresh))):
            with path.with_suffix(".part").open("wb") as lines:
                for event in events:
                    lines.write(msgspec.json.encode(event) + b"\n")
            path.with_suffix(".part").rename(path)

    def read_open(self) -> Iterator[RequestMatched]:
        """Read the open reports, one after the other."""
        decoder = msgspec.json.Decoder(RequestMatched)
        with self.opened.open("rb") as lines:
            for line in lines:
                yield decoder.decode(line)

    def read_fresh(self) -> Iterator[RequestRouted]:
        """Read the fresh ones."""
        decoder = msgspec.json.Decoder(RequestRouted)
        with self.following.open("rb") as lines:
            for line in lines:
                yield decoder.decode(line)
