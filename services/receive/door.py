"""The HTTP server: Open311 for the public, channels for gateways, probes for whoever keeps it running."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeVar

from aiohttp import web
from msgspec.structs import replace
from prometheus_client import generate_latest

from services.city.model import City
from services.parts import Place
from services.receive import channels, nearby, open311
from services.receive.answering import AnswerError, answering, document, plain_json
from services.receive.bodies import Bodies, read_pairs
from services.receive.callers import Keys, idempotency_key, traceparent
from services.receive.core import Accepted, Door, Refused, Town, judge
from services.receive.identity import RANDOM_BYTES, derived_id, timed_id
from services.receive.intake import CONFLICT, UNAVAILABLE, Intake, Verdict
from services.receive.joining import Original, Originals, named
from services.receive.rendering import Value
from services.receive.settings import ReceiveSettings
from services.runtime.metrics import Metrics
from services.runtime.sender import Sender

log = logging.getLogger(__name__)
Found = TypeVar("Found")

SUFFIX: Final = r"{suffix:(?:\.(?:xml|json))?}"
_BREATH: Final = 10
"""Reports judged before other calls get a turn."""
_LOOK_UP_S: Final = 2.0
"""A report is not kept waiting longer for what could be filled in."""


@dataclass(frozen=True, kw_only=True)
class Doorkeeper:
    """All that the handlers need; `worker.build` puts it together, tests with doubles."""

    settings: ReceiveSettings
    city: City
    town: Town
    requests: nearby.Known
    sender: Sender
    intake: Intake
    metrics: Metrics
    clock: Callable[[], datetime]
    random: Callable[[int], bytes] = os.urandom


def application(keeper: Doorkeeper) -> web.Application:
    """Give the server with all its routes."""
    app = web.Application(middlewares=[answering(keeper.metrics)], client_max_size=keeper.settings.max_body_bytes)
    entrance = Entrance(keeper)
    reading = Reading(keeper)
    app.add_routes(
        [
            web.post(f"/requests{SUFFIX}", entrance.post_request),
            web.post("/channels/{channel:[a-z0-9]{1,16}}/reports", entrance.post_reports),
            web.get(f"/discovery{SUFFIX}", reading.discovery),
            web.get(f"/services{SUFFIX}", reading.services),
            web.get(r"/services/{service_code:[^/]+?}" + SUFFIX, reading.definition),
            web.get(f"/requests{SUFFIX}", reading.requests),
            web.get(f"/requests/nearby{SUFFIX}", reading.nearby),
            web.get(r"/requests/{request_id:[^/]+?}" + SUFFIX, reading.request),
            web.get(f"/addresses{SUFFIX}", reading.addresses),
            web.get("/healthz", reading.healthz),
            web.get("/readyz", reading.readyz),
            web.get("/metrics", reading.metrics),
        ]
    )
    return app


class Entrance:
    """Where reports come in."""

    def __init__(self, keeper: Doorkeeper) -> None:
        self._keeper = keeper
        self._keys = Keys(keeper.settings.api_keys)
        self._bodies = Bodies(keeper.settings)
        self._retry = {"Retry-After": str(keeper.settings.retry_after_s)}

    async def post_request(self, request: web.Request) -> web.Response:
        """Take one report as Open311 has it."""
        with self._bodies.admitted():
            pairs, files = read_pairs(request, await self._bodies.read(request))
            form = open311.read_form(pairs, request.query)
            caller = self._keys.caller(request, form.api_key)
            check_jurisdiction(self._keeper.town, form.jurisdiction_id)
            originals = await self._originals([form.raw])
            judged = self._judge(form.raw, open311.DOOR, caller, idempotency_key(request), originals=originals)
            if form.faults:
                known = judged.faults if isinstance(judged, Refused) else ()
                judged = Refused(faults=form.faults + known)
            (verdict,) = await self._keeper.intake.take([judged], traceparent(request))
        if verdict.faults:
            status = _open311_status(verdict)
            headers = self._retry if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
            # It is counted already: the answer alone is made here.
            errors = open311.errors(status, [fault.description for fault in verdict.faults])
            return document(request, "errors", errors, status=status, headers=headers)
        said = [fault.description for fault in verdict.warnings]
        said += ["Files are not kept: send the address of a picture as media_url."] if files else []
        answer = open311.accepted(verdict.request_id, "; ".join(said))
        return document(request, "service_requests", answer, status=HTTPStatus.CREATED)

    async def post_reports(self, request: web.Request) -> web.Response:
        """Take the reports of a gateway."""
        name = request.match_info["channel"]
        door = channels.DOORS.get(name)
        if door is None:
            message = f"{name} is no channel: expected one of {', '.join(channels.DOORS)}"
            raise AnswerError(HTTPStatus.NOT_FOUND, message, code="unknown_channel")
        caller = self._keys.caller(request)
        with self._bodies.admitted():
            body = await self._bodies.read(request)
            try:
                reports = channels.read_body(body, self._keeper.settings.max_batch)
            except channels.NotJsonError as error:
                raise AnswerError(HTTPStatus.BAD_REQUEST, str(error), code="not_json") from error
            key = idempotency_key(request)
            originals = await self._originals(reports)
            judged: list[Accepted | Refused] = []
            for number, report in enumerate(reports):
                judged.append(self._judge(report, door, caller, key, number=number, originals=originals))
                if number % _BREATH == _BREATH - 1:
                    await asyncio.sleep(0)
            verdicts = await self._keeper.intake.take(judged, traceparent(request))
        status = channels.status_of(verdicts)
        headers = self._retry if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return plain_json(channels.results(verdicts), status=status, headers=headers)

    async def _originals(self, reports: Iterable[object]) -> Originals:
        """Look up what reports say they are the same as; no report is refused because that cannot be done."""
        ids = tuple(dict.fromkeys(filter(None, map(named, reports))))
        if not ids:
            return {}
        try:
            async with asyncio.timeout(_LOOK_UP_S):
                found = await asyncio.to_thread(self._keeper.requests.find, open311.Query(request_ids=ids))
        except (open311.RequestsAwayError, TimeoutError) as error:
            log.warning("what reports are the same as cannot be looked up", extra={"detail": str(error)})
            return None
        return {each.request_id: _original(each) for each in found}

    def _judge(
        self, raw: object, door: Door, caller: str, key: str, *, number: int = 0, originals: Originals
    ) -> Accepted | Refused:
        now = self._keeper.clock()
        # One key stands for one call of one caller, so the reports of a call are told apart by their number.
        request_id = (
            derived_id("key", door.channel, caller, key, str(number))
            if key
            else timed_id(now, self._keeper.random(RANDOM_BYTES))
        )
        return judge(
            raw,
            town=self._keeper.town,
            door=door,
            received_at=now,
            request_id=request_id,
            derived=bool(key),
            caller=caller,
            originals=originals,
            reporter_secret=self._keeper.settings.reporter_secret,
        )


class Reading:
    """What can be read: the city's services, requests of public categories, and how the worker fares."""

    def __init__(self, keeper: Doorkeeper) -> None:
        self._keeper = keeper

    async def discovery(self, request: web.Request) -> web.Response:
        """Say where everything is."""
        settings = self._keeper.settings
        found = open311.discovery(
            self._keeper.city,
            url=settings.public_url or f"{request.scheme}://{request.host}",
            test_url=settings.test_url,
            contact=settings.contact,
            key_service=settings.key_service,
        )
        return document(request, "discovery", found)

    async def services(self, request: web.Request) -> web.Response:
        """List the services."""
        check_jurisdiction(self._keeper.town, request.query.get("jurisdiction_id", ""))
        return document(request, "services", open311.services(self._keeper.city))

    async def definition(self, request: web.Request) -> web.Response:
        """Give one service's questions."""
        check_jurisdiction(self._keeper.town, request.query.get("jurisdiction_id", ""))
        code = request.match_info["service_code"]
        category = self._keeper.city.categories.get(code)
        if category is None:
            message = f"service_code {code[:64]!r} was not found: see /services"
            raise AnswerError(HTTPStatus.NOT_FOUND, message, code="unknown_service_code")
        return document(request, "service_definition", open311.definition(category))

    async def requests(self, request: web.Request) -> web.Response:
        """List requests, newest first."""
        check_jurisdiction(self._keeper.town, request.query.get("jurisdiction_id", ""))
        query = open311.read_query(request.query, time_zone=self._keeper.town.time_zone, now=self._keeper.clock())
        if isinstance(query, tuple):
            raise AnswerError(HTTPStatus.BAD_REQUEST, *(fault.description for fault in query), code="bad_query")
        return document(request, "service_requests", await self._found(query))

    async def request(self, request: web.Request) -> web.Response:
        """Give one request, as a list of one."""
        check_jurisdiction(self._keeper.town, request.query.get("jurisdiction_id", ""))
        request_id = request.match_info["request_id"]
        found = await self._found(open311.Query(request_ids=(request_id,)))
        if not found:
            message = f"service_request_id {request_id[:64]!r} was not found; a new one shows once it has a category"
            raise AnswerError(HTTPStatus.NOT_FOUND, message, code="unknown_request")
        return document(request, "service_requests", found)

    async def nearby(self, request: web.Request) -> web.Response:
        """List the open incidents about a place, the likeliest first."""
        check_jurisdiction(self._keeper.town, request.query.get("jurisdiction_id", ""))
        city, now = self._keeper.city, self._keeper.clock()
        asked = nearby.read_nearby_query(request.query, city)
        if isinstance(asked, tuple):
            raise AnswerError(HTTPStatus.BAD_REQUEST, *(fault.description for fault in asked), code="bad_query")
        place = asked.place or await self._placed(asked.q)
        # Of a street or a crossing only the middle is known.
        asked = replace(asked, radius_m=min(max(asked.radius_m, place.radius_m), nearby.WIDEST_M))
        found = await self._asked(lambda: self._keeper.requests.near(asked, place, now))
        ranked = await asyncio.to_thread(nearby.likeliest, found, asked, city, now)
        return document(request, "incidents", nearby.incidents(ranked, city, self._keeper.town.time_zone))

    async def addresses(self, request: web.Request) -> web.Response:
        """Say what the city knows of a written address, or which street is nearest to a point."""
        book = self._keeper.town.addresses
        if book is None:
            message = "this city has given no streets: see its city.yaml, places"
            raise AnswerError(HTTPStatus.NOT_FOUND, message, code="no_addresses")
        asked = open311.read_address_query(request.query)
        if isinstance(asked, tuple):
            raise AnswerError(HTTPStatus.BAD_REQUEST, *(fault.description for fault in asked), code="bad_query")
        if isinstance(asked, str):
            match = await asyncio.to_thread(book.find, asked)
            asking = match.reason and not match.candidates
            near = await asyncio.to_thread(book.suggest, asked) if asking else []
            return document(request, "addresses", open311.address(asked, match, near))
        around = await asyncio.to_thread(book.around, asked.latitude, asked.longitude)
        return document(request, "addresses", open311.surroundings(asked, around))

    async def healthz(self, _request: web.Request) -> web.Response:
        """Say that the loop turns, by answering."""
        return web.Response(text="ok\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        """Say whether reports can be stored."""
        fault = self._keeper.sender.fault
        status = HTTPStatus.SERVICE_UNAVAILABLE if fault else HTTPStatus.OK
        return web.Response(text=f"{fault or 'ok'}\n", status=status)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Give the metrics."""
        return web.Response(body=generate_latest(self._keeper.metrics.registry), headers={"Content-Type": _EXPOSITION})

    async def _placed(self, q: str) -> Place:
        """Give where a written address is.

        Raises:
            AnswerError: 400, says what the city knows of it.

        """
        book = self._keeper.town.addresses
        if book is None:
            message = "q cannot be looked up, this city has given no streets: expected lat and long"
            raise AnswerError(HTTPStatus.BAD_REQUEST, message, code="no_addresses")
        match = await asyncio.to_thread(book.find, q)
        if match.place is None:
            message = f"q: {match.reason or 'no such address'}; expected an address that is found, or lat and long"
            raise AnswerError(HTTPStatus.BAD_REQUEST, message, code="bad_query")
        return match.place

    async def _found(self, query: open311.Query) -> Value:
        found = await self._asked(lambda: self._keeper.requests.find(query))
        return open311.requests(found, self._keeper.city, self._keeper.town.time_zone)

    async def _asked(self, ask: Callable[[], Found]) -> Found:
        try:
            return await asyncio.to_thread(ask)
        except open311.RequestsAwayError as error:
            log.warning("requests cannot be read", extra={"detail": str(error)})
            raise AnswerError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "requests cannot be read just now: ask again",
                headers={"Retry-After": str(self._keeper.settings.retry_after_s)},
            ) from error


_EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"


def check_jurisdiction(town: Town, asked: str) -> None:
    """See that the call is meant for this city; without a word about it, it is.

    Raises:
        AnswerError: 404, names the jurisdiction.

    """
    if asked and town.jurisdiction_id and asked != town.jurisdiction_id:
        message = f"jurisdiction_id {asked[:100]!r} was not found: this is {town.jurisdiction_id!r}"
        raise AnswerError(HTTPStatus.NOT_FOUND, message, code="unknown_jurisdiction")


def _original(each: open311.PublicRequest) -> Original:
    place = None
    if each.latitude is not None and each.longitude is not None:
        place = Place(latitude=each.latitude, longitude=each.longitude, radius_m=each.radius_m or 0.0)
    return Original(service_code=each.service_code, place=place, address=each.address)


def _open311_status(verdict: Verdict) -> HTTPStatus:
    codes = {fault.code for fault in verdict.faults}
    if "unknown_service_code" in codes:
        return HTTPStatus.NOT_FOUND
    if UNAVAILABLE.code in codes:
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.UNPROCESSABLE_ENTITY if CONFLICT.code in codes else HTTPStatus.BAD_REQUEST
