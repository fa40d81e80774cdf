"""How every call is answered: in the asked-for format, errors included, counted, and readable from any web page."""

import logging
import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.receive import open311
from services.receive.rendering import CONTENT_TYPES, Format, Value, render
from services.runtime.metrics import Metrics

log = logging.getLogger(__name__)

OPEN_TO_ALL: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, X-Api-Key, traceparent",
    "Access-Control-Max-Age": "86400",
}
_CHANNELS: Final = "/channels/"


class AnswerError(Exception):
    """Ends a call with an error: status, descriptions, a bounded code, headers. `close` ends the connection too."""

    def __init__(
        self,
        status: HTTPStatus,
        *descriptions: str,
        code: str = "",
        headers: Mapping[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__("; ".join(descriptions))
        self.status = status
        self.descriptions = descriptions
        self.code = code or status.name.lower()
        self.headers = dict(headers or {})
        self.close = close


def asked_format(request: web.Request) -> Format:
    """Give the format of the suffix, or else the one that `Accept` likes better, or else XML, which everybody has."""
    if request.path.endswith(".json") or request.path.startswith(_CHANNELS):
        return "json"
    if request.path.endswith(".xml"):
        return "xml"
    likes = {"json": 0.0, "xml": 0.0}
    for choice in ",".join(request.headers.getall("Accept", [])).split(","):
        kind, *parameters = (part.strip() for part in choice.lower().split(";"))
        quality = next((_number(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        name = kind.partition("/")[2]
        if kind in {"application/json", "application/xml", "text/xml"}:
            likes[name] = max(likes[name], quality)
    return "json" if likes["json"] > likes["xml"] else "xml"


def document(
    request: web.Request,
    root: str,
    value: Value,
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer with a document in the asked-for format."""
    how = asked_format(request)
    return web.Response(
        status=status,
        body=render(root, value, how),
        content_type=CONTENT_TYPES[how],
        charset="utf-8",
        headers=headers,
    )


def plain_json(value: object, *, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON that is no Open311 document."""
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type="application/json", charset="utf-8", headers=headers)


def refusal(request: web.Request, error: AnswerError) -> web.Response:
    """Answer with an error: a channel gets an object of errors with codes, anybody else the Open311 array."""
    if request.path.startswith(_CHANNELS):
        found = [{"code": error.code, "description": description} for description in error.descriptions]
        response = plain_json({"errors": found}, status=error.status, headers=error.headers)
    else:
        found_311 = open311.errors(error.status, error.descriptions)
        response = document(request, "errors", found_311, status=error.status, headers=error.headers)
    if error.close:
        response.force_close()
    return response


def answering(metrics: Metrics) -> Middleware:
    """Give the middleware around every handler: it formats errors, lets any origin read, counts and times."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        try:
            response = _preflight() if request.method == "OPTIONS" else await handler(request)
        except AnswerError as error:
            metrics.reports_refused.of(error.code).inc() if request.method == "POST" else None
            response = refusal(request, error)
        except web.HTTPException as error:
            response = refusal(request, AnswerError(HTTPStatus(error.status), *_explained(request, error)))
            response.headers.update({name: error.headers[name] for name in ("Allow",) if name in error.headers})
        except ConnectionResetError:
            raise  # nobody is there to be answered
        except Exception:  # a door that one caller can break is no door; the log has the stack, masked
            log.exception("a call failed", extra={"route": _route(request), "method": request.method})
            fault = AnswerError(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here: nothing was promised")
            response = refusal(request, fault)
        response.headers.update(OPEN_TO_ALL)
        route = _route(request)
        metrics.http_requests.of(route, request.method, str(response.status)).inc()
        metrics.http_request_duration.of(route).observe(time.perf_counter() - began)
        return response

    return answer


def _preflight() -> web.StreamResponse:
    return web.Response(status=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT)


def _explained(request: web.Request, error: web.HTTPException) -> Iterable[str]:
    if error.status == HTTPStatus.NOT_FOUND:
        return [f"{request.path[:200]} is not here: see /discovery"]
    if isinstance(error, web.HTTPMethodNotAllowed):
        return [f"{request.path[:200]} does not take {error.method}: use {' or '.join(sorted(error.allowed_methods))}"]
    return [error.reason]


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
