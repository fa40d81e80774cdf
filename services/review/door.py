"""The server with all its routes: pages, JSON, probes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from aiohttp import web
from prometheus_client import generate_latest

from services.readmodel.faults import ReadModelError
from services.review import api
from services.review.console import Console
from services.review.core import Refused
from services.review.desk import Desk
from services.review.guard import guarding
from services.review.settings import ReviewSettings
from services.runtime.metrics import Metrics
from services.runtime.sender import Sender

LARGEST_BODY = 65_536


@dataclass(frozen=True, kw_only=True)
class Office:
    """All that the server needs; `worker.build` puts it together, tests with doubles."""

    settings: ReviewSettings
    desk: Desk
    sender: Sender
    metrics: Metrics
    clock: Callable[[], datetime]


def application(office: Office) -> web.Application:
    """Give the server."""
    console = Console(office.desk, office.settings, office.clock)

    async def refuse(request: web.Request, refused: Refused) -> web.Response:
        if request.path.startswith("/api/"):
            return await api.refuse(request, refused)
        return await console.refuse(request, refused)

    app = web.Application(middlewares=[guarding(office.settings, office.metrics, refuse)], client_max_size=LARGEST_BODY)
    app.add_routes([*console.routes(), *api.Api(office.desk, office.settings).routes(), *Probes(office).routes()])
    return app


class Probes:
    """What a supervisor and Prometheus ask."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
        ]

    async def healthz(self, _request: web.Request) -> web.Response:
        """Say that the loop turns, by answering."""
        return web.Response(text="ok\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        """Say whether drafts can be read and verdicts stored."""
        fault = self._office.sender.fault
        try:
            await self._office.desk.town()
        except ReadModelError as error:
            fault = str(error)
        return web.Response(
            text=f"{fault or 'ok'}\n", status=HTTPStatus.SERVICE_UNAVAILABLE if fault else HTTPStatus.OK
        )

    async def metrics(self, _request: web.Request) -> web.Response:
        """Give the metrics."""
        body = await asyncio.to_thread(generate_latest, self._office.metrics.registry)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
