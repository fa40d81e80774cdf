"""What is a report that the city can accept, and what is wrong with one that it cannot. Plain values only.

`judge` is the one way in: Open311, the channels and files call it with the same canonical names (`CANONICAL`), so that
a report is judged alike wherever it comes in. It cleans, checks and masks; it never drops a report for what a person
may leave out: a channel's report needs a text or a service code, nothing else.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

import msgspec
from msgspec import Struct

from services.city.earth import WORLD, Extent, within
from services.city.model import Category
from services.events import ContactReceived
from services.parts import Channel, Place, Report
from services.receive.answers import check_answers, masked_answers
from services.receive.fields import AHEAD, LATEST, LONGEST_ADDRESS, LONGEST_TEXT, WIDEST_M, Fault, Fields, Repeated
from services.receive.identity import derived_id
from services.receive.joining import Joined, Originals, join, read_same_as
from services.receive.masking import masked
from services.receive.placing import AddressBook, is_nowhere, odd_address, odd_place
from services.receive.pseudonym import pseudonym

CANONICAL: Final = frozenset(
    (
        "source_id",
        "created_at",
        "text",
        "lat",
        "lon",
        "radius_m",
        "address",
        "service_code",
        "attributes",
        "media_urls",
        "contact",
        "same_as",
    )
)
CONTACT: Final = ("name", "phone", "email", "account_id", "device_id")
_MOST_FIELDS: Final = 100
_MOST_LINKS: Final = 10
_LONGEST_ID: Final = 256
_LONGEST_CONTACT: Final = 256
_LONGEST_CODE: Final = 64
_IGNORED_SHOWN: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
"""Ids of this shape tell nobody's number, and need not be searched for one: that takes 0.1 ms."""


class Town(Struct, frozen=True, kw_only=True):
    """What the door knows of the city. `region` is its country (ISO 3166), for telephone numbers; may be empty."""

    time_zone: tzinfo
    categories: dict[str, Category]
    jurisdiction_id: str = ""
    region: str = ""
    extent: Extent = WORLD
    addresses: AddressBook | None = None
    """The city's own streets, where it has given any."""


class Door(Struct, frozen=True, kw_only=True):
    """How a way in speaks. `names` are its own words for canonical ones; `loose`: numbers come as strings.

    With `asks`, the rules of GeoReport v2 hold: a service code, a place or an address, answers to required questions.
    """

    channel: Channel
    names: dict[str, str] = {}
    loose: bool = False
    asks: bool = False


FILE: Final = Door(channel="file", names={"source_id": "id"}, loose=True)


class Accepted(Struct, frozen=True, kw_only=True):
    """A report as it goes on, who to answer if anybody, and what was said that nobody here understands."""

    report: Report
    contact: ContactReceived | None = None
    derived: bool = False
    """The request id follows from what the sender said, so the same again is the same request."""
    ignored: tuple[str, ...] = ()
    warnings: tuple[Fault, ...] = ()
    """What is odd about its place, its address or what it is the same as, and no reason to refuse it."""
    said: Report | None = None
    """The report before anything was filled in from the one that it is the same as; None: nothing was."""

    @property
    def fingerprint(self) -> bytes:
        """What was said, apart from when it came in: equal for a repeat, different for another report.

        The contact stands for the pseudonym, which is another one tomorrow.
        """
        said = msgspec.structs.replace(self.said or self.report, received_at=_EPOCH, reporter="")
        if self.report.requested_at == self.report.received_at:
            said = msgspec.structs.replace(said, requested_at=_EPOCH)
        return hashlib.sha256(msgspec.json.encode((said, self.contact))).digest()


class Refused(Struct, frozen=True, kw_only=True):
    """A report that cannot be accepted, with all that is wrong with it."""

    faults: tuple[Fault, ...]


def judge(
    raw: object,
    *,
    town: Town,
    door: Door,
    received_at: datetime,
    request_id: str,
    derived: bool = False,
    caller: str = "",
    originals: Originals = None,
    reporter_secret: str = "",
) -> Accepted | Refused:
    """Decide on one incoming report, a mapping of canonical names.

    `request_id` is its id unless it brings a `source_id`, from which the id then follows (with the channel and the
    caller: two gateways may both count from 1); `derived` says that `request_id` follows from an idempotency key.

    A report that is the `same_as` one of `originals` has its category and place from there, if it brings none; its
    sender need not describe it again. With a `reporter_secret` it carries a pseudonym of its contact.
    """
    if not isinstance(raw, Mapping):
        return Refused(faults=(Fault(code="wrong_type", description="a report is an object of fields"),))
    fields = Fields(raw, door.names, loose=door.loose)
    _check_shape(fields, raw)
    source_id = fields.string("source_id", _LONGEST_ID)
    same_as = read_same_as(fields)
    joined = join(same_as, originals)
    service_code = _service_code(fields, town, required=door.asks and not joined.same_as)
    category = town.categories.get(service_code)
    text = fields.string("text", LONGEST_TEXT, one_line=False)
    given = _place(fields)
    place = None if given and is_nowhere(given, town.extent) else given
    address = fields.string("address", LONGEST_ADDRESS)
    requested_at = fields.instant("created_at", town.time_zone, received_at + AHEAD)
    attributes = fields.attributes("attributes")
    links = fields.links("media_urls", _MOST_LINKS)
    contact = _contact(fields, raw.get("contact"))
    if door.asks:
        if not joined.same_as:
            _check_place(fields, place, address, attributes, nowhere=given is not place)
        check_answers(fields, category, attributes, required=not joined.same_as)
    elif not (text or service_code or joined.same_as or fields.faults):
        fields.fault("empty", "text", "is empty: expected a text, or a service_code")
    if fields.faults:
        fields.faults += [joined.warning] if joined.warning and not joined.same_as else []
        return Refused(faults=tuple(fields.faults))
    if source_id:
        request_id, derived = derived_id("source", door.channel, caller, source_id), True
    report = Report(
        request_id=request_id,
        channel=door.channel,
        received_at=received_at,
        requested_at=requested_at or received_at,
        text=masked(text, town.region)[:LONGEST_TEXT],
        place=place,
        address=masked(address, town.region)[:LONGEST_ADDRESS],
        service_code=service_code,
        attributes=masked_answers(attributes, category, town.region),
        media_urls=tuple(masked(link, town.region) for link in links),
        source_id=_kept_source(source_id, town),
        jurisdiction_id=town.jurisdiction_id,
        reporter=pseudonym(reporter_secret, received_at, contact, town.region),
        same_as=same_as,
    )
    who = ContactReceived(request_id=request_id, **contact) if contact else None
    odd = _warnings(given, place, address, town, door) + ((joined.warning,) if joined.warning else ())
    return Accepted(
        report=_filled(report, joined, town),
        contact=who,
        derived=derived,
        ignored=_ignored(raw),
        warnings=odd,
        said=report if same_as else None,
    )


def report_from_row(
    row: Mapping[str, object], *, town: Town, received_at: datetime | None = None
) -> Accepted | Refused:
    """Decide on one row of a CSV or JSON file: `id`, `created_at`, `text`, `lat`, `lon`, and any other canonical name.

    Other columns are left alone. A row without an id is known by its content. Without `received_at`, the row counts
    as received when it was created, as a past export is replayed.
    """
    raw = {name: value for name, value in row.items() if name in CANONICAL and value not in (None, "")}
    if row.get("id") not in (None, ""):
        raw["source_id"] = str(row["id"])
    if received_at is None:
        fields = Fields(raw, FILE.names, loose=True)
        received_at = fields.instant("created_at", town.time_zone, LATEST)
        if received_at is None:
            missing = Fault(code="missing", field="created_at", description="created_at is missing: expected a time")
            return Refused(faults=tuple(fields.faults) or (missing,))
    known_by = derived_id("row", *(f"{name}={raw[name]}" for name in sorted(raw)))
    return judge(raw, town=town, door=FILE, received_at=received_at, request_id=known_by, derived=True)


def handle(
    rows: Iterable[Mapping[str, object]], *, town: Town, received_at: datetime | None = None
) -> list[Accepted | Refused]:
    """Decide on rows, one after the other, in order."""
    return [report_from_row(row, town=town, received_at=received_at) for row in rows]


def _check_shape(fields: Fields, raw: Mapping[str, object]) -> None:
    nested = (raw, raw.get("contact"), raw.get("attributes"))
    for each in nested:
        if isinstance(each, Repeated):
            fields.faults.append(Fault(code="repeated_field", description="a name stands twice in one object"))
    if len(raw) > _MOST_FIELDS:
        seen = f"a report has {len(raw)} fields: expected at most {_MOST_FIELDS}"
        fields.faults.append(Fault(code="too_many", description=seen))


def _filled(report: Report, joined: Joined, town: Town) -> Report:
    """Give the report with what it left out, as the request says it that it is the same as."""
    original = joined.original
    filled = msgspec.structs.replace(report, same_as=joined.same_as)
    if not report.service_code and original.service_code in town.categories:
        filled = msgspec.structs.replace(filled, service_code=original.service_code)
    if report.place is None and not report.address and "address_id" not in report.attributes:
        filled = msgspec.structs.replace(filled, place=original.place, address=original.address)
    return filled


def _service_code(fields: Fields, town: Town, *, required: bool) -> str:
    code = fields.string("service_code", _LONGEST_CODE)
    if code and code not in town.categories:
        fields.fault("unknown_service_code", "service_code", f"{code!r} is not a service of this city: see /services")
    if required and not code and fields.raw.get("service_code") in (None, ""):
        fields.fault("missing", "service_code", "is missing: expected a code of /services")
    return code


def _place(fields: Fields) -> Place | None:
    before = len(fields.faults)
    latitude = fields.number("lat", -90, 90)
    longitude = fields.number("lon", -180, 180)
    radius = fields.number("radius_m", 0, WIDEST_M)
    if latitude is not None and longitude is not None:
        return Place(latitude=latitude, longitude=longitude, radius_m=radius or 0.0)
    if (latitude is None) != (longitude is None) and len(fields.faults) == before:
        given, absent = ("lat", "lon") if longitude is None else ("lon", "lat")
        fields.fault("missing", absent, f"is missing: expected it with {fields.names.get(given, given)}")
    return None


def _warnings(given: Place | None, place: Place | None, address: str, town: Town, door: Door) -> tuple[Fault, ...]:
    odd: list[Fault | None] = []
    if place is None and given is not None:
        lat, lon = door.names.get("lat", "lat"), door.names.get("lon", "lon")
        said = f"{lat} and {lon} are 0, 0, which stands for no position: they are left out"
        odd.append(Fault(code="no_place", field=lat, description=said))
    elif place is not None:
        odd.append(odd_place(place, town.extent, door.names))
    astray = place is None or not within(town.extent, place.latitude, place.longitude)
    if address and astray and town.addresses is not None:
        odd.append(odd_address(town.addresses.find(address), door.names))
    return tuple(fault for fault in odd if fault is not None)


def _contact(fields: Fields, value: object) -> dict[str, str]:
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        fields.fault("wrong_type", "contact", "is no object: expected name, phone, email")
        return {}
    names = {name: fields.names.get(f"contact.{name}", f"contact.{name}") for name in CONTACT}
    inner = Fields(value, names, loose=False)
    contact = {name: text for name in CONTACT if (text := inner.string(name, _LONGEST_CONTACT))}
    fields.faults += inner.faults
    return contact


def _check_place(
    fields: Fields, place: Place | None, address: str, attributes: Mapping[str, list[str]], *, nowhere: bool
) -> None:
    if place is None and not address and "address_id" not in attributes and not fields.faults:
        description = "a place is missing: expected lat and long, address_string or address_id"
        if nowhere:
            description += "; 0, 0 stands for no position"
        fields.faults.append(Fault(code="missing", description=description))


def _kept_source(source_id: str, town: Town) -> str:
    """Give the gateway's id, or what stands for it where it would tell who wrote (an address, a number)."""
    if _UUID.fullmatch(source_id) or masked(source_id, town.region) == source_id:
        return source_id
    return f"sha256-{hashlib.sha256(source_id.encode()).hexdigest()[:32]}"


def _ignored(raw: Mapping[str, object]) -> tuple[str, ...]:
    unknown = [str(name)[:_LONGEST_CODE] for name in raw if name not in CANONICAL]
    return tuple(unknown[:_IGNORED_SHOWN])
