"""A department's system for demos and tests: cases over HTTP, kept by external reference, with faults on request.

    PUT  /api/cases/{ref}      upsert: 201 created, 200 updated or unchanged, 409 stale, 300 several match, 422 schema
    POST /api/cases            create, whatever is already here: a client that uses it twice makes a duplicate
    POST /api/cases:batch      up to 200 upserts, answered 200 with a status for each
    GET  /api/cases/{ref}      one case;  GET /api/cases?department=&page=  100 a page
    GET  /api/book             what was ever accepted, a JSON line for each reference: the truth for a verifier
    GET, POST /api/faults      what goes wrong (see `crm_faults.Faults`); faults touch /api/cases only

A write carries `Idempotency-Key` and a JSON object with `version` (a whole number), `department` and `service_code`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from services.sandbox.crm_book import Book, Kept, Result
from services.sandbox.crm_faults import Dice, Faults, Misfortune

if TYPE_CHECKING:
    from pathlib import Path

STATUS: dict[Result, int] = {"created": 201, "updated": 200, "unchanged": 200, "stale": 409, "ambiguous": 300}
MOST_IN_A_BATCH = 200
PAGE_SIZE = 100
MOST_BYTES = 8 * 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _RefusedError(Exception):
    """A write at fault; `answer` says how."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.answer = {"error": error, "message": message}


class Crm:
    """The server. `journal` keeps what it acknowledged through a kill; a `token` must be sent by all where it is set.

        crm = await Crm(journal=path).start()
        ... crm.url ...
        await crm.stop()

    After `stop`, `start` listens again on the same port.
    """

    def __init__(
        self,
        port: int = 0,
        journal: Path | None = None,
        *,
        host: str = "127.0.0.1",
        token: str = "",
        faults: Faults | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.port = port
        self.book = Book(journal)
        self.requests = 0
        """Requests to /api/cases so far, whatever befell them."""
        self._journal = journal
        self._host = host
        self._token = token
        self._clock = clock
        self._dice = Dice(faults or Faults())
        self._runner: web.AppRunner | None = None
        self._open = True

    @property
    def url(self) -> str:
        """Where it is reached, once started."""
        return f"http://{self._host}:{self.port}"

    def set_faults(self, faults: Faults) -> None:
        """Change what goes wrong, and begin the draws from its seed."""
        self._dice = Dice(faults)

    async def start(self) -> Crm:
        """Listen. Raises OSError where the port is taken."""
        if not self._open:
            self.book, self._open = Book(self._journal) if self._journal else self.book, True
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Stop listening: connections are refused from here on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.book.close()
        self._open = False

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BYTES)
        app.add_routes(
            [
                web.put("/api/cases/{ref}", self._befallen(self._upsert)),
                web.post("/api/cases", self._befallen(self._create)),
                web.post("/api/cases:batch", self._befallen(self._batch)),
                web.get("/api/cases/{ref}", self._befallen(self._one)),
                web.get("/api/cases", self._befallen(self._page)),
                web.get("/api/book", self._write_book),
                web.get("/api/faults", self._faults),
                web.post("/api/faults", self._change_faults),
            ]
        )
        return app

    def _befallen(self, handler: Handler) -> Handler:
        """Give `handler` as the faults let it be seen."""

        async def answer(request: web.Request) -> web.StreamResponse:
            self.requests += 1
            faults = self._dice.faults
            what = self._dice.roll()
            if what == "reset":
                return _cut(request)
            if faults.slow_ms:
                await asyncio.sleep(faults.slow_ms / 1000)
            if what in _BEFORE:
                status, error = _BEFORE[what]
                headers = {"Retry-After": f"{faults.retry_after_s:g}"} if what == "limit" else None
                return _json(status, {"error": error}, headers)
            if self._token and request.headers.get("Authorization") != f"Bearer {self._token}":
                return _json(401, {"error": "unauthorized"})
            try:
                response = await handler(request)
            except _RefusedError as refused:
                response = _json(refused.status, refused.answer)
            self.book.flush()
            if what == "lose_answer":
                return _cut(request)
            return _json(500, {"error": "error_after"}) if what == "error_after" else response

        return answer

    async def _upsert(self, request: web.Request) -> web.Response:
        case = _decode(await request.read())
        return _json(*self._put(request.match_info["ref"], case, request.headers.get("Idempotency-Key", "")))

    async def _create(self, request: web.Request) -> web.Response:
        case = _decode(await request.read())
        ref = case.get("ref")
        if not isinstance(ref, str) or not ref:
            raise _RefusedError(422, "schema", "ref: expected a text, the external reference")
        version = self._checked(case)
        _, kept = self.book.create(
            ref, version, case, key=request.headers.get("Idempotency-Key", ""), at=self._clock().isoformat()
        )
        return _json(201, _said("created", kept))

    async def _batch(self, request: web.Request) -> web.Response:
        try:
            items = msgspec.json.decode(await request.read(), type=list[_Item])
        except msgspec.MsgspecError as error:
            raise _RefusedError(400, "json", str(error)) from error
        if len(items) > MOST_IN_A_BATCH:
            raise _RefusedError(413, "too_many", f"{len(items)} cases in a batch; expected at most {MOST_IN_A_BATCH}")
        return _json(200, [self._one_of_batch(item) for item in items])

    def _one_of_batch(self, item: _Item) -> dict[str, Any]:
        if self._dice.faults.error_rate and self._dice.roll() == "error":
            return {"ref": item.ref, "status": 500, "error": "error"}
        try:
            status, answer = self._put(item.ref, item.case, item.key)
        except _RefusedError as refused:
            status, answer = refused.status, refused.answer
        return {"ref": item.ref, "status": status, **answer}

    def _put(self, ref: str, case: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        version = self._checked(case)
        if ref in self._dice.faults.ambiguous:
            return 300, {"error": "ambiguous", "message": "several records match"}
        result, kept = self.book.upsert(ref, version, case, key=key, at=self._clock().isoformat())
        if kept is None:
            ids = [each.id for each in self.book.find(ref)]
            return 300, {"error": "ambiguous", "message": "several records match", "ids": ids}
        return STATUS[result], _said(result, kept)

    def _checked(self, case: dict[str, Any]) -> int:
        department = "department_code" if self._dice.faults.schema_change else "department"
        faults = [
            f"{name}: expected a text"
            for name in (department, "service_code")
            if not isinstance(case.get(name), str) or not case[name]
        ]
        version = case.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 0:
            faults.append("version: expected a whole number from 0")
        if faults:
            raise _RefusedError(422, "schema", "; ".join(faults))
        return int(case["version"])

    async def _one(self, request: web.Request) -> web.Response:
        found = self.book.find(request.match_info["ref"])
        if not found:
            return _json(404, {"error": "not_found"})
        if len(found) > 1:
            return _json(300, {"error": "ambiguous", "ids": [kept.id for kept in found]})
        return _json(200, {**found[0].case, "ref": found[0].ref, "id": found[0].id})

    async def _page(self, request: web.Request) -> web.Response:
        raw = request.query.get("page", "1")
        if not raw.isdecimal() or int(raw) < 1:
            raise _RefusedError(400, "page", f"page={raw!r}: expected a whole number from 1")
        found = self.book.page(request.query.get("department", ""), int(raw), PAGE_SIZE)
        return _json(200, [{**kept.case, "ref": kept.ref, "id": kept.id} for kept in found])

    async def _write_book(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        encoder = msgspec.json.Encoder()
        chunk = bytearray()
        for line in list(self.book.lines()):
            chunk += encoder.encode(line) + b"\n"
            if len(chunk) > MOST_BYTES // 64:
                await response.write(bytes(chunk))
                chunk.clear()
        await response.write(bytes(chunk))
        await response.write_eof()
        return response

    async def _faults(self, _: web.Request) -> web.Response:
        return _json(200, self._dice.faults)

    async def _change_faults(self, request: web.Request) -> web.Response:
        try:
            faults = msgspec.json.decode(await request.read(), type=Faults)
        except msgspec.MsgspecError as error:
            return _json(400, {"error": "faults", "message": str(error)})
        self.set_faults(faults)
        return _json(200, faults)


class _Item(msgspec.Struct, frozen=True):
    """One upsert of a batch."""

    ref: str
    key: str
    case: dict[str, Any]


_BEFORE: dict[Misfortune, tuple[int, str]] = {
    "down": (503, "down"),
    "limit": (429, "limit"),
    "error": (500, "error"),
}


def _decode(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise _RefusedError(400, "json", str(error)) from error


def _said(result: Result, kept: Kept) -> dict[str, Any]:
    answer = {"id": kept.id, "version": kept.version, "result": result}
    return {**answer, "error": "stale"} if result == "stale" else answer


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)


def _cut(request: web.Request) -> web.Response:
    """Close the connection at once; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
