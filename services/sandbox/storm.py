"""A storm over a town that never was: synthetic reports whose category and incident are known, from a seed.

Reports are composed of the town's own example phrases in its languages, with greetings, addresses, typos and repeats;
they fall in clusters in time and place, mostly inside the limits, some outside, some without any place, some about
danger to life. Names, phones and e-mails are plain fakes (`Resident 17`, 555-01xx, example.org), partly inside the
text, so that masking has work. `*_truth` fields are labels for measuring, and are never sent.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from msgspec import Struct

from services.city.model import Category, City
from services.parts import Channel, PlaceMethod
from services.sandbox.ground import METRES, Ground, Point, pick
from services.sandbox.storm_words import BARE, WORDS, Words, fakes, spoken, typo

STORM = {"water": 7.0, "trees": 6.0, "signals": 3.0, "lighting": 2.5, "roads": 2.0, "hazards": 1.4, "general": 0.3}
"""How much more often than others a family is reported in a storm; families of other names weigh 1."""
CHANNELS: tuple[tuple[Channel, float], ...] = (
    ("app", 0.35),
    ("web", 0.25),
    ("phone", 0.15),
    ("open311", 0.10),
    ("sms", 0.08),
    ("email", 0.07),
)
ACCURACY_M: dict[Channel, tuple[float, float]] = {"app": (4, 25), "open311": (4, 25), "web": (10, 40)}
TYPED_M = (30.0, 80.0)
"""How far off an address is that was told on the phone or in a message."""
OUTSIDE = 0.02
PLACELESS = 0.06
SIBLING = 0.12
"""Share of repeats that are reported under another category of the family."""
SAID_DANGER = 0.12
WITH_CONTACT = 0.4
CONTACT_IN_TEXT = 0.05

ROOM = 6
"""How often a place is sought for an incident before it may lie beside another."""


class Contact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who to answer: obviously nobody."""

    name: str = ""
    phone: str = ""
    email: str = ""


class StormReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One synthetic report. Without a place `lat` and `lon` are None; `service_code` is what the citizen picked.

    Fields from `method` on are said of incidents with known truth only (`incidents_storm`).
    """

    source_id: str
    channel: Channel
    requested_at: datetime
    text: str
    lat: float | None
    lon: float | None
    radius_m: float
    address: str
    service_code: str
    language: str
    contact: Contact | None
    service_code_truth: str
    incident_truth: str
    """`synthetic-<seed>-<number>`; equal for all reports of one incident."""
    method: PlaceMethod = "given"
    """How the place was found, where there is one."""
    place_truth: Point | None = None
    asset_truth: str = ""
    """The id of the city's own thing that it is about."""
    group_truth: str = ""
    """The hard case that its incident is part of, such as `corner-3`, `lookalike-0` or `front`; mostly none."""
    resend_of_truth: str = ""
    """The `source_id` of the report that the same person made before."""


class _Incident(Struct):
    number: int
    category: Category
    at: float
    point: Point
    address: str
    danger: bool


def storm(
    city: City, *, seed: int, count: int, start: datetime, spread_s: float, duplicate_share: float = 0.25
) -> Iterator[StormReport]:
    """Give `count` reports of a storm in order of time; the same arguments give the same reports, byte for byte.

    Args:
        city: Whose categories, phrases, streets and limits to use.
        seed: Which storm.
        count: How many reports.
        start: The first moment, with an offset.
        spread_s: How long it lasts, in seconds.
        duplicate_share: The share of reports that repeat an incident that has been reported, 0 to 1.

    """
    if start.tzinfo is None:
        message = f"a storm cannot start at {start.isoformat()}: that has no offset"
        raise ValueError(message)
    return _Storm(city, Random(seed), seed, start, spread_s).reports(count, duplicate_share)


def to_channel_json(report: StormReport) -> dict[str, Any]:
    """Give a report as a channel's webhook sends it; labels stay behind."""
    contact = report.contact or Contact()
    return {
        "source_id": report.source_id,
        "channel": report.channel,
        "created_at": report.requested_at.isoformat(),
        "text": report.text,
        "lat": report.lat,
        "lon": report.lon,
        "radius_m": None if report.lat is None else report.radius_m,
        "address": report.address or None,
        "service_code": report.service_code or None,
        "contact": {"name": contact.name, "phone": contact.phone, "email": contact.email} if report.contact else None,
    }


class _Storm:
    def __init__(self, city: City, luck: Random, seed: int, start: datetime, spread_s: float) -> None:
        self.city = city
        self.luck = luck
        self.seed = seed
        self.start = start
        self.spread_s = spread_s
        self.ground = Ground(city, luck)
        self.categories = list(city.categories.values())
        sizes: dict[str, list[Category]] = {}
        for category in self.categories:
            sizes.setdefault(category.family, []).append(category)
        self.families = sizes
        urgency = {family: sum(c.base_points + 1 for c in members) for family, members in sizes.items()}
        shares = (STORM.get(c.family, 1.0) * (c.base_points + 1) / urgency[c.family] for c in self.categories)
        self.weights = list(accumulate(shares))
        self.taken: set[tuple[str, int, int]] = set()
        self.channel_weights = list(accumulate(weight for _, weight in CHANNELS))

    def reports(self, count: int, duplicate_share: float) -> Iterator[StormReport]:
        repeats = max(0, min(round(count * duplicate_share), count - 1))
        incidents = [self._incident(number) for number in range(count - repeats)]
        plan = [(incident.at, incident, False) for incident in incidents]
        repeatable = [i for i in incidents if self.city.families[i.category.family].match_radius_m > 0] or incidents
        crowd = list(repeatable)
        for _ in range(repeats):
            incident = self.luck.choice(crowd)
            crowd.append(incident)  # what was reported twice is the more likely to be reported again
            plan.append((self._later(incident), incident, True))
        plan.sort(key=lambda entry: (entry[0], entry[1].number))
        for number, (at, incident, repeat) in enumerate(plan):
            yield self._report(number, at, incident, repeat=repeat)

    def _incident(self, number: int) -> _Incident:
        luck = self.luck
        category = self.categories[pick(self.weights, luck)]
        point, address = self.ground.outside() if luck.random() < OUTSIDE else self._apart(category.family)
        at = luck.betavariate(1.6, 2.6) * self.spread_s
        danger = category.safety and luck.random() < SAID_DANGER
        return _Incident(number, category, at, point, address, danger)

    def _apart(self, family: str) -> tuple[Point, str]:
        """Give a place away from other incidents of the family, as long as the town has room for it."""
        step = max(self.city.families[family].match_radius_m, 1.0)
        for tries in range(ROOM):
            point, address = self.ground.inside()
            row, column = int(point[0] * METRES / step), int(point[1] * METRES * self.ground.narrow / step)
            cells = [(family, row + up, column + right) for up in (-1, 0, 1) for right in (-1, 0, 1)]
            if tries == ROOM - 1 or self.taken.isdisjoint(cells):
                break
        self.taken.add((family, row, column))
        return point, address

    def _later(self, incident: _Incident) -> float:
        window = self.city.families[incident.category.family].match_window_hours * 3600
        rest = self.spread_s - incident.at
        wait = self.luck.expovariate(6 / min(window, self.spread_s)) if min(window, self.spread_s) > 0 else 0.0
        return incident.at + (wait if wait < min(window, rest) else self.luck.random() * min(window, rest))

    def _report(self, number: int, at: float, incident: _Incident, *, repeat: bool) -> StormReport:
        luck = self.luck
        channel = CHANNELS[pick(self.channel_weights, luck)][0]
        category = incident.category
        if repeat and luck.random() < SIBLING:
            category = luck.choice(self.families[category.family])
        language = self._language(category)
        low, high = ACCURACY_M.get(channel, TYPED_M)
        radius = luck.uniform(low, high)
        placed = luck.random() >= PLACELESS and (channel in ACCURACY_M or bool(incident.address))
        reach = min(radius, self.city.families[category.family].match_radius_m) / 2.5
        lat, lon = self.ground.near(incident.point, reach) if placed else (None, None)
        contact = self._contact(number, channel)
        said_place = incident.address and luck.random() < (0.35 if placed else 0.6)
        return StormReport(
            source_id=f"storm-{self.seed:x}-{number:x}",
            channel=channel,
            requested_at=self.start + timedelta(seconds=round(at, 3)),
            text=self._text(category, language, number, incident.address if said_place else "", danger=incident.danger),
            lat=lat,
            lon=lon,
            radius_m=round(radius, 1) if placed else 0.0,
            address=incident.address if luck.random() < 0.5 and (placed or channel == "phone") else "",  # noqa: PLR2004 - half
            service_code=category.service_code if channel in ("open311", "web") else "",
            language=language,
            contact=contact,
            service_code_truth=category.service_code,
            incident_truth=f"synthetic-{self.seed}-{incident.number:06d}",
        )

    def _language(self, category: Category) -> str:
        offered = [language for language in self.city.languages if category.examples.get(language)]
        return spoken(offered or list(category.examples), self.luck)

    def _text(self, category: Category, language: str, number: int, address: str, *, danger: bool) -> str:
        luck = self.luck
        words = WORDS.get(language, BARE)
        text = luck.choice(category.examples[language])
        if luck.random() < (0.2 if words.typos else 0):
            text = typo(text, luck)
        if address:
            text += luck.choice(words.places).replace("{place}", address)
        # A pattern such as `gas + smell` is nothing that people write.
        phrases = [phrase for phrase in category.safety_words.get(language, ()) if not {"+", "|"} & set(phrase)]
        if danger and phrases:
            text += f", {luck.choice(phrases)}"
        if luck.random() < 0.3:  # noqa: PLR2004 - a share
            text = luck.choice(words.openings) + text
        if luck.random() < 0.3:  # noqa: PLR2004 - a share
            text += luck.choice(words.closings)
        if luck.random() < CONTACT_IN_TEXT:
            text += _reach(words, number, luck)
        return text.upper() if luck.random() < 0.03 and words.typos else text  # noqa: PLR2004 - a share

    def _contact(self, number: int, channel: Channel) -> Contact | None:
        if self.luck.random() >= WITH_CONTACT and channel not in ("sms", "email"):
            return None
        phone, email = fakes(number, self.luck)
        by_phone = channel in ("phone", "sms") or (channel != "email" and self.luck.random() < 0.5)  # noqa: PLR2004 - half
        name = f"Resident {number}" if self.luck.random() < 0.6 else ""  # noqa: PLR2004 - a share
        return Contact(name=name, phone=phone if by_phone else "", email="" if by_phone else email)


def _reach(words: Words, number: int, luck: Random) -> str:
    phone, email = fakes(number, luck)
    return luck.choice(words.contacts).replace("{phone}", phone).replace("{email}", email)
