"""A door that answers as a test wants, and remembers what it was told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Reports = list[dict[str, Any]]
Answer = Callable[[Reports], web.Response | Awaitable[web.Response]]


class FakeDoor:
    """Answers each call by the next of `script`, and by `accept` when it has run out."""

    def __init__(self, *script: Answer) -> None:
        self.url = ""
        self.calls: list[Reports] = []
        self.requests: list[web.Request] = []
        self._script = list(script)

    @property
    def taken(self) -> list[str]:
        """Source ids in the order of their calls, repeats included."""
        return [report["source_id"] for call in self.calls for report in call]

    async def take(self, request: web.Request) -> web.Response:
        reports = await request.json()
        self.calls.append(reports)
        self.requests.append(request)
        answer = self._script.pop(0) if self._script else accept
        made = answer(reports)
        return made if isinstance(made, web.Response) else await made

    @asynccontextmanager
    async def open(self) -> AsyncIterator["FakeDoor"]:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/channels/{channel}/reports", self.take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()


def accept(reports: Reports) -> web.Response:
    return web.json_response([accepted(each) for each in reports], status=202)


def accepted(report: dict[str, Any]) -> dict[str, Any]:
    return {"request_id": f"r-{report['source_id']}", "status": "accepted"}


def rejected(code: str, description: str = "") -> dict[str, Any]:
    return {"status": "rejected", "errors": [{"code": code, "description": description}]}


def says(status: int, body: Any = None, **headers: str) -> Answer:
    return lambda _reports: web.json_response(body, status=status, headers=headers)


def text(status: int, body: str) -> Answer:
    return lambda _reports: web.Response(status=status, text=body)


def never(_reports: Reports) -> Awaitable[web.Response]:
    async def wait() -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    return wait()
