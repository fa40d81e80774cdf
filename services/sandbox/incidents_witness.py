"""What one witness says of an incident, and where: the text, the place and its error, the channel, the language."""

import math
from collections import deque
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

import shapely
from msgspec import Struct
from msgspec.structs import replace

from services.city.model import Category, City
from services.parts import Channel, PlaceMethod
from services.sandbox.ground import METRES, Point, pick
from services.sandbox.incidents_sites import Site, moved
from services.sandbox.incidents_words import TONGUES, Kind, Phrases, told
from services.sandbox.storm import CHANNELS, Contact, StormReport
from services.sandbox.storm_words import BARE, WORDS, fakes, spoken, typo

RADIUS_M: dict[Channel, tuple[float, float]] = {"app": (5, 25), "open311": (5, 25), "web": (10, 40)}
TYPED_M = (30.0, 150.0)
"""How far off a place may be that was found for words, on the phone or in a message."""
ERROR_M = (5.0, 150.0)
"""Between these lies how far a place really is off."""
METHODS: dict[Channel, PlaceMethod] = {"app": "gps", "open311": "gps", "web": "given"}
VAGUE_PLACE, PLACELESS = 0.05, 0.05
"""Of places that were told in words."""
WITH_ADDRESS, WRONG_HOUSE = 0.35, 0.12
SILENT, EMPTY_WORDS = 0.025, 0.03
WRONG_CODE = 0.08
"""Share of codes picked by citizens that are those of another category of the family."""
WITH_CONTACT, BUSY = 0.45, 0.04
"""Share of reports with a contact, and of these of people who reported something else shortly before."""
RECENT = 30
RESENT_S = (20.0, 590.0)
NONE_TOLD, ONE_TOLD = 0.15, 0.65
"""Up to the first share nothing particular is told, up to the second one thing, else two."""
HALF = 0.5


class Incident(Struct, frozen=True, kw_only=True):
    """What happened: `phrases` are all that say it, by language; `particulars` what its witnesses may tell of it."""

    label: str
    category: Category
    phrases: Phrases
    site: Site
    particulars: tuple[tuple[Kind, int | str], ...] = ()
    group: str = ""


class Witnesses:
    """Makes reports; keeps which phrases of an incident were said, so that the next witness says another."""

    def __init__(self, city: City, luck: Random, seed: int, start: datetime) -> None:
        self._city = city
        self._luck = luck
        self._seed = seed
        self._start = start
        self._made = 0
        self._weights = list(accumulate(weight for _, weight in CHANNELS))
        self._said: dict[tuple[str, str], list[str]] = {}
        self._recent: deque[Contact] = deque(maxlen=RECENT)
        self._siblings: dict[str, list[Category]] = {}
        for category in city.categories.values():
            self._siblings.setdefault(category.family, []).append(category)
        self._zones = [area.geometry for layer in city.layers if not layer.limits for area in layer.areas]

    def report(self, incident: Incident, at: float, *, first: bool, resent: bool = False) -> StormReport:
        """Give one witness's report, so many seconds after the start; with a contact if it is sent again."""
        luck, site = self._luck, incident.site
        channel = CHANNELS[pick(self._weights, luck)][0]
        language = self._language(incident)
        code = self._code(incident.category) if channel in ("open311", "web") else ""
        text = self._text(incident, language)
        if luck.random() < SILENT:
            text, code = "", code or incident.category.service_code
        elif not first and luck.random() < EMPTY_WORDS and language in TONGUES:
            text = luck.choice(TONGUES[language].vague)
        point, radius, method = self._place(site.point, channel)
        address = ""
        if site.address and luck.random() < (WITH_ADDRESS if point else HALF):
            wrong = luck.random() < WRONG_HOUSE and bool(site.wrong)
            address = luck.choice(site.wrong) if wrong else site.address
        self._made += 1
        return StormReport(
            source_id=f"truth-{self._seed:x}-{self._made:x}",
            channel=channel,
            requested_at=self._start + timedelta(seconds=round(at, 3)),
            text=text,
            lat=point and point[0],
            lon=point and point[1],
            radius_m=radius,
            address=address,
            service_code=code,
            language=language,
            contact=self._contact(channel, sure=resent),
            service_code_truth=incident.category.service_code,
            incident_truth=incident.label,
            method=method,
            place_truth=site.point,
            asset_truth=site.asset,
            group_truth=incident.group,
        )

    def again(self, report: StormReport) -> StormReport:
        """Give the same report as its person sends it again within ten minutes."""
        luck = self._luck
        text = report.text
        if text and luck.random() < HALF:
            text = typo(text, luck) if luck.random() < HALF else text.rstrip(".!") + "!!"
        later = timedelta(seconds=round(luck.uniform(*RESENT_S), 3))
        return replace(
            report,
            source_id=f"{report.source_id}-2",
            requested_at=report.requested_at + later,
            text=text,
            resend_of_truth=report.source_id,
        )

    def _language(self, incident: Incident) -> str:
        return spoken([language for language in self._city.languages if incident.phrases.get(language)], self._luck)

    def _code(self, category: Category) -> str:
        if self._luck.random() < WRONG_CODE:
            return self._luck.choice(self._siblings[category.family]).service_code
        return category.service_code

    def _text(self, incident: Incident, language: str) -> str:
        luck, words, tongue = self._luck, WORDS.get(language, BARE), TONGUES.get(language)
        left = self._said.setdefault((incident.label, language), [])
        if not left:
            left.extend(incident.phrases[language])
            luck.shuffle(left)
        text = left.pop()
        if words.typos and luck.random() < 0.2:  # noqa: PLR2004 - a share
            text = typo(text, luck)
        many = luck.random()
        count = 0 if many < NONE_TOLD else 1 if many < ONE_TOLD else 2
        if tongue is not None:
            for kind, value in luck.sample(incident.particulars, min(count, len(incident.particulars))):
                text += tongue.joint + told(tongue, kind, value)
        if incident.site.address and luck.random() < 0.15:  # noqa: PLR2004 - a share
            text += luck.choice(words.places).replace("{place}", incident.site.address)
        if luck.random() < 0.25:  # noqa: PLR2004 - a share
            text = luck.choice(words.openings) + text
        if luck.random() < 0.25:  # noqa: PLR2004 - a share
            text += luck.choice(words.closings[:2])  # the others say since when, which is a particular
        return text.upper() if words.typos and luck.random() < 0.03 else text  # noqa: PLR2004 - a share

    def _place(self, point: Point, channel: Channel) -> tuple[Point | None, float, PlaceMethod]:
        luck = self._luck
        if channel not in RADIUS_M:
            fate = luck.random()
            zone = self._zone(point) if fate < VAGUE_PLACE else None
            if zone is not None:
                return zone[0], zone[1], "zip"
            if fate < VAGUE_PLACE + PLACELESS:
                return None, 0.0, "given"
        radius = round(luck.uniform(*RADIUS_M.get(channel, TYPED_M)), 1)
        north, east = luck.gauss(0, radius / 2), luck.gauss(0, radius / 2)
        off = math.hypot(north, east) or 1.0
        low, high = ERROR_M
        kept = min(max(off, low * 1.02), high * 0.98) / off  # what rounding takes stays within
        return moved(point, north * kept, east * kept), radius, METHODS.get(channel, "interpolated")

    def _zone(self, point: Point) -> tuple[Point, float] | None:
        """Give the middle of the district that holds a point, as of a ZIP code, and how far it reaches in metres."""
        for zone in self._zones:
            if zone.contains(shapely.Point(point[1], point[0])):
                narrow = math.cos(math.radians(point[0]))
                reach = METRES * math.sqrt(zone.area * narrow / math.pi)
                return (round(zone.centroid.y, 6), round(zone.centroid.x, 6)), round(reach, 1)
        return None

    def _contact(self, channel: Channel, *, sure: bool) -> Contact | None:
        luck = self._luck
        if not sure and luck.random() >= WITH_CONTACT and channel not in ("sms", "email"):
            return None
        if self._recent and luck.random() < BUSY:
            return luck.choice(self._recent)
        phone, email = fakes(self._made, luck)
        by_phone = channel in ("phone", "sms")
        name = f"Resident {self._made}"  # a hundred phones are nobody's, so the name tells two people apart
        contact = Contact(name=name, phone=phone if by_phone else "", email="" if by_phone else email)
        self._recent.append(contact)
        return contact
