"""The JSON side: /api/drafts. Every answer is an object; errors are {"errors": [{code, message, field}]}."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from services.parts import Level
from services.readmodel.rows import DraftFilter
from services.review.core import VERDICTS, Fault, Refused, Wanted
from services.review.desk import Desk, Queue, Taken
from services.review.guard import reviewer_of
from services.review.settings import ReviewSettings

_encoder: Final = msgspec.json.Encoder()
_ETAG: Final = re.compile(r'^(?:W/)?"?(\d{1,9})"?$')
PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 200
LEVELS: Final[tuple[Level, ...]] = ("life_safety", "urgent", "elevated", "routine")


class Verdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a verdict."""

    reviewer: str = ""
    revision: int | None = None
    note: str = ""
    service_code: str = ""
    department: str = ""
    same_as: str = ""
    """With approve and correct: a request whose incident is this one's too."""
    review_id: str = ""
    """As Idempotency-Key: the same one again is the same review."""


def answer(value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        status=status, body=_encoder.encode(value), content_type="application/json", charset="utf-8", headers=headers
    )


async def refuse(_request: web.Request, refused: Refused) -> web.Response:
    """Answer with what is wrong."""
    headers = {"Retry-After": "2"} if refused.status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return answer({"errors": [_fault(fault) for fault in refused.faults]}, refused.status, headers)


def read_filter(request: web.Request, page_size: int) -> DraftFilter | Refused:
    """Read which drafts are asked for. Commas or repeats give several values; an empty value is none."""
    levels = _several(request, "level")
    faults = [
        Fault("unknown_level", f"There is no level {level!r}: expected one of {', '.join(LEVELS)}.", "level")
        for level in levels
        if level not in LEVELS
    ]
    page, size = (
        _number(request, "page", 1, 100_000, faults),
        _number(request, "page_size", page_size, LARGEST_PAGE, faults),
    )
    if faults:
        return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, tuple(faults))
    return DraftFilter(
        departments=_several(request, "department"),
        service_codes=_several(request, "service_code"),
        levels=tuple(level for level in LEVELS if level in levels),
        page=page,
        page_size=size,
    )


class Api:
    """The handlers."""

    def __init__(self, desk: Desk, settings: ReviewSettings) -> None:
        self._desk = desk
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get("/api/drafts", self.drafts),
            web.get(r"/api/drafts/{request_id:[\w-]{1,64}}", self.draft),
            web.post(r"/api/drafts/{request_id:[\w-]{1,64}}/{verdict:[a-z]{1,16}}", self.decide),
        ]

    async def drafts(self, request: web.Request) -> web.Response:
        """List the drafts that wait, the one due first on top."""
        wanted = read_filter(request, PAGE_SIZE)
        if isinstance(wanted, Refused):
            return await refuse(request, wanted)
        found: Queue = await self._desk.queue(wanted)
        return answer(found)

    async def draft(self, request: web.Request) -> web.Response:
        """Give one draft, decided or not; its revision is the ETag."""
        request_id = request.match_info["request_id"]
        lying = await self._desk.draft(request_id)
        if lying is None:
            fault = Fault("unknown_draft", f"There is no draft of request {request_id!r}.")
            return await refuse(request, Refused(HTTPStatus.NOT_FOUND, (fault,)))
        return answer(lying, headers={"ETag": f'"{lying.draft.revision}"'})

    async def decide(self, request: web.Request) -> web.Response:
        """Take a verdict: 202 once all in-sync replicas have it."""
        wanted = await self._read(request)
        done: Taken | Refused = wanted if isinstance(wanted, Refused) else await self._desk.decide(wanted)
        return await refuse(request, done) if isinstance(done, Refused) else answer(done, HTTPStatus.ACCEPTED)

    async def _read(self, request: web.Request) -> Wanted | Refused:
        verdict = next((each for each in VERDICTS if each == request.match_info["verdict"]), None)
        if verdict is None:
            message = f"There is no verdict {request.match_info['verdict']!r}: expected one of {', '.join(VERDICTS)}."
            return Refused(HTTPStatus.NOT_FOUND, (Fault("unknown_verdict", message),))
        if request.content_type != "application/json":
            message = "Send the verdict as application/json."
            return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, (Fault("not_json", message),))
        try:
            said = msgspec.json.decode(await request.read(), type=Verdict)
        except msgspec.DecodeError as error:
            return Refused(HTTPStatus.BAD_REQUEST, (Fault("bad_body", f"The verdict cannot be read: {error}."),))
        reviewer = reviewer_of(request, self._settings, said.reviewer)
        if isinstance(reviewer, Refused):
            return reviewer
        return Wanted(
            request_id=request.match_info["request_id"],
            verdict=verdict,
            reviewer=reviewer,
            revision=said.revision if said.revision is not None else _if_match(request),
            note=said.note.strip(),
            service_code=said.service_code,
            department=said.department,
            same_as=said.same_as.strip(),
            key=request.headers.get("Idempotency-Key", "").strip() or said.review_id,
        )


def _if_match(request: web.Request) -> int | None:
    found = _ETAG.match(request.headers.get("If-Match", "").strip())
    return int(found[1]) if found else None


def _several(request: web.Request, name: str) -> tuple[str, ...]:
    return tuple(part.strip() for value in request.query.getall(name, []) for part in value.split(",") if part.strip())


def _number(request: web.Request, name: str, default: int, most: int, faults: list[Fault]) -> int:
    said = request.query.get(name, "").strip() or str(default)
    if re.fullmatch(r"[0-9]{1,9}", said) and 1 <= int(said) <= most:
        return int(said)
    faults.append(Fault(f"bad_{name}", f"{name}={said[:20]!r}: expected a number from 1 to {most}.", name))
    return default


def _fault(fault: Fault) -> dict[str, Any]:
    said = {"code": fault.code, "message": fault.message}
    return {**said, "field": fault.field} if fault.field else said
