"""Open311 GeoReport v2: what its forms and queries mean, and the documents it answers with.

Source: https://wiki.open311.org/GeoReport_v2. An absent argument, an empty one and null are the same. `page`,
`page_size`, `updated_after` and `updated_before` are what cities have added to it; `requested_datetime` in a POST is
what FixMyStreet sends; `same_as` is our own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, Protocol

from msgspec import Struct

from services.city.model import Category, City, Question
from services.parts import AddressMatch, Place
from services.receive.core import Door
from services.receive.fields import LATEST, LONGEST_ADDRESS, Fault, Fields
from services.receive.placing import Around
from services.receive.rendering import Value

API_CHANGESET: Final = "2026-11-22T00:00:00Z"
"""When what is said here last changed, as discovery tells it."""
SPECIFICATION: Final = "http://wiki.open311.org/GeoReport_v2"
DOOR: Final = Door(
    channel="open311",
    names={
        "text": "description",
        "lon": "long",
        "address": "address_string",
        "media_urls": "media_url",
        "created_at": "requested_datetime",
        **{f"contact.{name}": name for name in ("phone", "email", "account_id", "device_id")},
    },
    loose=True,
    asks=True,
)
_PLAIN: Final = {
    "service_code": "service_code",
    "lat": "lat",
    "long": "lon",
    "address_string": "address",
    "description": "text",
    "requested_datetime": "created_at",
    "same_as": "same_as",
}
_CONTACT: Final = {"email": "email", "phone": "phone", "account_id": "account_id", "device_id": "device_id"}
_SPAN: Final = timedelta(days=90)
MOST_ROWS: Final = 1000
_MOST_IDS: Final = 200
_LONGEST_LIST: Final = 8000

Status = Literal["open", "closed"]


class Form(Struct, frozen=True, kw_only=True):
    """A posted form: the report by canonical names, and what concerns the call."""

    raw: dict[str, object]
    api_key: str = ""
    jurisdiction_id: str = ""
    faults: tuple[Fault, ...] = ()


def read_form(pairs: Iterable[tuple[str, str]], query: Mapping[str, str]) -> Form:
    """Read the fields of a POST; a key and a jurisdiction may also stand in the query, as some clients have it."""
    single: dict[str, str] = {}
    attributes: dict[str, object] = {}
    links: list[str] = []
    faults: list[Fault] = []
    for name, value in pairs:
        if not value.strip():
            continue
        if name in {"media_url", "media_url[]"}:
            links.append(value)
        elif name.startswith("attribute[") and "]" in name:
            answers = attributes.setdefault(name[len("attribute[") : name.index("]")], [])
            if isinstance(answers, list):
                answers.append(value)
        elif single.setdefault(name, value) != value:
            said = f"{name} stands twice, with two values: expected one"
            faults.append(Fault(code="repeated_field", field=name[:64], description=said[:200]))
    raw: dict[str, object] = {ours: single[theirs] for theirs, ours in _PLAIN.items() if theirs in single}
    if "address_id" in single:
        attributes.setdefault("address_id", [single["address_id"]])
    contact = {ours: single[theirs] for theirs, ours in _CONTACT.items() if theirs in single}
    if name := " ".join(part for part in (single.get("first_name", ""), single.get("last_name", "")) if part):
        contact["name"] = name
    raw |= {"attributes": attributes, "media_urls": links, "contact": contact}
    return Form(
        raw=raw,
        api_key=single.get("api_key") or query.get("api_key", ""),
        jurisdiction_id=single.get("jurisdiction_id") or query.get("jurisdiction_id", ""),
        faults=tuple(faults),
    )


class Query(Struct, frozen=True, kw_only=True):
    """Which requests are asked for. Times are of the request's creation, both ends included; pages begin at 1."""

    request_ids: tuple[str, ...] = ()
    service_codes: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    page: int = 1
    page_size: int = MOST_ROWS


def read_query(arguments: Mapping[str, str], *, time_zone: tzinfo, now: datetime) -> Query | tuple[Fault, ...]:
    """Read the arguments of GET requests, or say what is wrong with them. Request ids override all others."""
    fields = Fields(arguments, {}, loose=True)
    request_ids = _listed(fields, "service_request_id")
    page = fields.number("page", 0, 1_000_000)
    page_size = fields.number("page_size", 1, 1_000_000)
    if request_ids:
        return tuple(fields.faults) or Query(request_ids=request_ids)
    statuses: list[Status] = []
    for status in _listed(fields, "status"):
        if status in {"open", "closed"}:
            statuses.append("open" if status == "open" else "closed")
        else:
            fields.fault("unknown_status", "status", f"is {status[:40]!r}: expected open, closed, or both with a comma")
    start = fields.instant("start_date", time_zone, LATEST)
    end = fields.instant("end_date", time_zone, LATEST)
    if start and end and not timedelta(0) <= end - start <= _SPAN:
        fields.fault("too_long", "end_date", "is not within 90 days after start_date: ask for shorter spans")
    after = fields.instant("updated_after", time_zone, LATEST)
    before = fields.instant("updated_before", time_zone, LATEST)
    service_codes = _listed(fields, "service_code")
    if fields.faults:
        return tuple(fields.faults)
    if not (after or before) or start or end:
        end = end or (min(now, start + _SPAN) if start else now)
        start = start or end - _SPAN
    return Query(
        service_codes=service_codes,
        statuses=tuple(statuses),
        start=start,
        end=end,
        updated_after=after,
        updated_before=before,
        page=max(1, int(page or 1)),
        page_size=min(MOST_ROWS, int(page_size or MOST_ROWS)),
    )


def _listed(fields: Fields, name: str) -> tuple[str, ...]:
    parts = tuple(part for each in fields.string(name, _LONGEST_LIST).split(",") if (part := each.strip()))
    if len(parts) > _MOST_IDS:
        fields.fault("too_many", name, f"has {len(parts)} entries: expected at most {_MOST_IDS}")
    return parts


class PublicRequest(Struct, frozen=True, kw_only=True):
    """What the public may see of a request. `status` is open or closed; times carry an offset."""

    request_id: str
    status: Status
    service_code: str
    requested_at: datetime
    updated_at: datetime | None = None
    expected_at: datetime | None = None
    status_notes: str = ""
    description: str = ""
    agency: str = ""
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    media_url: str = ""


class RequestsAwayError(Exception):
    """The requests cannot be read just now; the text says why, to an operator."""


class Requests(Protocol):
    """The requests that the public may see."""

    def find(self, query: Query) -> Sequence[PublicRequest]:
        """Give the requests that are asked for, newest first. Blocks.

        Raises:
            RequestsAwayError: they cannot be read just now.

        """


def read_address_query(arguments: Mapping[str, str]) -> str | Place | tuple[Fault, ...]:
    """Read the arguments of GET addresses: a text `q`, or a point `lat` and `long`; or say what is wrong with them."""
    fields = Fields(arguments, {}, loose=True)
    text = fields.string("q", LONGEST_ADDRESS)
    latitude = fields.number("lat", -90, 90)
    longitude = fields.number("long", -180, 180)
    if fields.faults:
        return tuple(fields.faults)
    if text:
        return text
    if latitude is None or longitude is None:
        return (Fault(code="missing", description="an address is missing: expected q, or lat and long"),)
    return Place(latitude=latitude, longitude=longitude)


def address(asked: str, match: AddressMatch, near: Sequence[str]) -> Value:
    """Give the document on a written address; `near` are streets that may have been meant."""
    place = match.place
    return [
        {
            "q": asked,
            "outcome": match.outcome,
            "kind": match.kind,
            "address": match.text or None,
            "lat": place.latitude if place else None,
            "long": place.longitude if place else None,
            "radius_m": place.radius_m if place else None,
            "reason": match.reason or None,
            "candidates": [*match.candidates, *near],
        }
    ]


def surroundings(asked: Place, around: Around) -> Value:
    """Give the document on a point: its street and cross street."""
    return [
        {
            "lat": asked.latitude,
            "long": asked.longitude,
            "street": around.street or None,
            "distance_m": around.distance_m,
            "cross_street": around.cross_street or None,
            "cross_distance_m": around.cross_distance_m,
        }
    ]


def discovery(city: City, *, url: str, test_url: str, contact: str, key_service: str) -> Value:
    """Give the discovery document of the endpoint at `url`, and of a test endpoint if there is one."""
    kinds = [("production", url)] + ([("test", test_url)] if test_url else [])
    return {
        "changeset": API_CHANGESET,
        "contact": contact or f"the city of {city.name}",
        "key_service": key_service or f"the city of {city.name}",
        "endpoints": [
            {
                "specification": SPECIFICATION,
                "url": where,
                "changeset": API_CHANGESET,
                "type": kind,
                "formats": ["text/xml", "application/json"],
            }
            for kind, where in kinds
        ],
    }


def services(city: City) -> Value:
    """Give all services that can be asked for."""
    return [
        {
            "service_code": each.service_code,
            "service_name": each.name,
            "description": each.description,
            "metadata": bool(each.questions),
            "type": "realtime",
            "keywords": ",".join(each.keywords),
            "group": city.families[each.family].name if each.family in city.families else each.family,
        }
        for each in city.categories.values()
    ]


def definition(category: Category) -> Value:
    """Give the questions of a service."""
    return {
        "service_code": category.service_code,
        "attributes": [_attribute(order, each) for order, each in enumerate(category.questions, 1)],
    }


def _attribute(order: int, question: Question) -> dict[str, Value]:
    return {
        "variable": True,
        "code": question.code,
        "datatype": question.datatype,
        "required": question.required,
        "datatype_description": None,
        "order": order,
        "description": question.prompt,
        "values": [{"key": value, "name": value} for value in question.values],
    }


def accepted(request_id: str, notice: str = "") -> Value:
    """Give the answer to a POST that is stored."""
    return [{"service_request_id": request_id, "service_notice": notice or None, "account_id": None}]


def errors(status: int, descriptions: Iterable[str]) -> Value:
    """Give the document of errors; the code of each is that of HTTP."""
    return [{"code": status, "description": description} for description in descriptions]


def requests(found: Iterable[PublicRequest], city: City, time_zone: tzinfo) -> Value:
    """Give the document of service requests, times in the city's own."""
    return [_request(each, city, time_zone) for each in found]


def _request(each: PublicRequest, city: City, time_zone: tzinfo) -> Value:
    category = city.categories.get(each.service_code)
    return {
        "service_request_id": each.request_id,
        "status": each.status,
        "status_notes": each.status_notes or None,
        "service_name": category.name if category else None,
        "service_code": each.service_code,
        "description": each.description or None,
        "agency_responsible": each.agency or None,
        "service_notice": None,
        "requested_datetime": w3c(each.requested_at, time_zone),
        "updated_datetime": w3c(each.updated_at or each.requested_at, time_zone),
        "expected_datetime": w3c(each.expected_at, time_zone) if each.expected_at else None,
        "address": each.address or None,
        "address_id": None,
        "zipcode": None,
        "lat": each.latitude,
        "long": each.longitude,
        "media_url": each.media_url or None,
    }


def w3c(moment: datetime, time_zone: tzinfo) -> str:
    """Give the time to the second with its offset: clients take neither fractions nor a missing offset."""
    local = moment.replace(microsecond=0).astimezone(time_zone)
    # Before time zones were tidied up, offsets had seconds; W3C-DTF has none.
    seconds = (local.utcoffset() or timedelta()).total_seconds() % 60
    return (local if not seconds else moment.replace(microsecond=0).astimezone(UTC)).isoformat()
