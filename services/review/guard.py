"""Who may call, from where, and what a browser is told about the answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.readmodel.faults import ReadModelError
from services.review.core import Fault, Refused
from services.review.settings import ReviewSettings
from services.runtime.metrics import Metrics

log = logging.getLogger(__name__)

Answers = Callable[[web.Request, Refused], Awaitable[web.Response]]
"""Tells a caller why not: as JSON or as a page."""

PROBES: Final = ("/healthz", "/readyz", "/metrics")
SAFE: Final = ("GET", "HEAD", "OPTIONS")
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With no-referrer a browser would send `Origin: null` with a form, and nobody could tell ours from a stranger's.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
REVIEWER_COOKIE: Final = "reviewer"


def guarding(settings: ReviewSettings, metrics: Metrics, answer: Answers) -> Middleware:
    """Give the middleware that lets in only what may come in, answers errors, adds headers, and counts."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        response = await _answered(request, handler)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "none"
        metrics.http_requests.of(route, request.method, str(response.status)).inc()
        metrics.http_request_duration.of(route).observe(time.perf_counter() - began)
        return response

    async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = None if request.path in PROBES else stranger(request, settings.hosts)
        if refused is not None:
            return await answer(request, refused)
        try:
            return await handler(request)
        except ReadModelError as error:
            log.warning("the read model cannot be asked", extra={"detail": str(error)})
            message = "The list of drafts cannot be read at present. Nothing was decided; try again in a moment."
            return await answer(request, Refused(HTTPStatus.SERVICE_UNAVAILABLE, (Fault("read_model_away", message),)))
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            status = HTTPStatus(error.status)
            fault = Fault(status.name.lower(), f"{status.phrase}: {request.method} {request.path}")
            return await answer(request, Refused(status, (fault,)))

    return guard


def stranger(request: web.Request, hosts: tuple[str, ...]) -> Refused | None:
    """Say why a call does not come from our own pages or programs; None if it does.

    A browser says with each post where it comes from (Sec-Fetch-Site, or else Origin); a program says nothing, and
    nobody else's page can make it. The names are checked because a stranger may point a name of their own at this
    address, and would then be of the same origin.
    """
    name = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    if name.lower() not in hosts:
        message = f"This console does not answer to the name {name[:100]!r}: add it to REVIEW_HOSTS."
        return Refused(HTTPStatus.MISDIRECTED_REQUEST, (Fault("unknown_host", message),))
    if request.method in SAFE:
        return None
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = site == "same-origin" if site is not None else origin is None or urlsplit(origin).netloc == request.host
    # A form can be posted from anywhere by a browser too old to say from where; JSON cannot.
    told = site is not None or origin is not None or request.content_type == "application/json"
    if ours and told:
        return None
    message = "This did not come from the console's own pages, so nothing was done: open the console and decide there."
    return Refused(HTTPStatus.FORBIDDEN, (Fault("foreign_origin", message),))


def reviewer_of(request: web.Request, settings: ReviewSettings, said: str) -> str | Refused:
    """Give who is asking: as the trusted proxy says, or else as they say themselves.

    Raises nothing; without a word it is an empty name, which no verdict is taken from.
    """
    if not settings.user_header:
        return said.strip()
    name = request.headers.get(settings.user_header, "").strip()
    if not name:
        message = f"The proxy did not say who you are: {settings.user_header} is missing. Sign in again."
        return Refused(HTTPStatus.UNAUTHORIZED, (Fault("not_signed_in", message),))
    if said.strip() not in ("", name):
        message = f"You are signed in as {name}: leave out the reviewer, or say the same."
        return Refused(HTTPStatus.FORBIDDEN, (Fault("another_reviewer", message, "reviewer"),))
    return name
