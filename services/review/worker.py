"""Wiring of `review`."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import web

from services.city.load import load
from services.events import DraftHeld, Event, ReviewMade
from services.readmodel.queries import ReadModel
from services.review.desk import Desk
from services.review.door import Office, application
from services.review.settings import ReviewSettings
from services.runtime.kafka import KafkaSettings
from services.runtime.metrics import Metrics
from services.runtime.sender import KafkaSender
from services.runtime.settings import Shared

READS: tuple[type[Event], ...] = (DraftHeld,)
"""By way of the read model, which `index` folds."""
WRITES: tuple[type[Event], ...] = (ReviewMade,)

log = logging.getLogger(__name__)


def clock() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


def build(settings: ReviewSettings, shared: Shared, kafka: KafkaSettings | None = None) -> web.Application:
    """Give the server; it connects to Kafka when it starts, and shows drafts while Kafka is away."""
    city = load(shared.city_dir)
    metrics = Metrics("review")
    metrics.info(slot="review", versions={"city": city.version})
    model = ReadModel(shared.read_model)
    sender = KafkaSender(
        kafka or KafkaSettings(bootstrap=shared.bootstrap),
        source="review",
        topics=[kind.topic for kind in WRITES],
        ack_timeout_s=settings.ack_timeout_s,
    )
    desk = Desk(model=model, sender=sender, city=city, clock=clock, metrics=metrics)
    app = application(Office(settings=settings, desk=desk, sender=sender, metrics=metrics, clock=clock))

    async def connected(_app: web.Application) -> AsyncIterator[None]:
        keeping = asyncio.create_task(sender.keep())
        yield
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        model.close()

    app.cleanup_ctx.append(connected)
    return app


async def serve(
    settings: ReviewSettings, shared: Shared, stop: asyncio.Event, kafka: KafkaSettings | None = None
) -> None:
    """Serve until `stop` is set: then take nothing more, answer the calls in progress, and end.

    Raises:
        OSError: the port is taken.

    """
    app = build(settings, shared, kafka)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.shutdown_s)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        host, port = runner.addresses[0][:2]
        log.info("listening", extra={"port": port, "detail": f"http://{host}:{port}"})
        if not settings.user_header:
            log.warning("people say themselves who they are", extra={"setting": "REVIEW_USER_HEADER"})
        await stop.wait()
    finally:
        await runner.cleanup()
