"""Wiring of `receive`."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from aiohttp import web

from services.city.load import load
from services.events import ContactReceived, Event, RequestReceived
from services.readmodel.queries import ReadModel
from services.receive.adapters import PublicRequests, town_of
from services.receive.door import Doorkeeper, application
from services.receive.intake import Intake
from services.receive.recent import Recent
from services.receive.settings import ReceiveSettings
from services.runtime.kafka import KafkaSettings
from services.runtime.metrics import Metrics
from services.runtime.sender import KafkaSender
from services.runtime.settings import Shared

KEEPALIVE_S = 75.0
"""Longer than reverse proxies keep a connection open (60 s as a rule), so that they close it and not we."""

log = logging.getLogger(__name__)

WRITES: tuple[type[Event], ...] = (RequestReceived, ContactReceived)


def build(settings: ReceiveSettings, shared: Shared, kafka: KafkaSettings | None = None) -> web.Application:
    """Give the server; it connects to Kafka when it starts, and serves reads while Kafka is away."""
    city = load(shared.city_dir)
    metrics = Metrics("receive")
    metrics.info(slot="receive", versions={"city": city.version})
    sender = KafkaSender(
        kafka or KafkaSettings(bootstrap=shared.bootstrap),
        source="receive",
        topics=[kind.topic for kind in WRITES],
        ack_timeout_s=settings.ack_timeout_s,
    )
    keeper = Doorkeeper(
        settings=settings,
        city=city,
        town=town_of(city, settings.phone_region),
        requests=PublicRequests(ReadModel(shared.read_model), city, publish_text=settings.publish_text),
        sender=sender,
        intake=Intake(sender, Recent(settings.recent_reports), metrics),
        metrics=metrics,
        clock=lambda: datetime.now(UTC),
    )
    app = application(keeper)

    async def connected(_app: web.Application) -> AsyncIterator[None]:
        keeping = asyncio.create_task(sender.keep())
        yield
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping

    app.cleanup_ctx.append(connected)
    return app


async def serve(
    settings: ReceiveSettings,
    shared: Shared,
    stop: asyncio.Event,
    kafka: KafkaSettings | None = None,
    on_listening: Callable[[str], None] = lambda _address: None,
) -> None:
    """Serve until `stop` is set: then take nothing more, answer the calls in progress, and end.

    `on_listening` is told the address, once calls are taken.

    Raises:
        OSError: the port is taken.

    """
    runner = web.AppRunner(
        build(settings, shared, kafka),
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        lingering_time=2.0,
        shutdown_timeout=settings.shutdown_s,
    )
    # The one would quote what it cannot parse, the other says forty times a second that Kafka is away. What goes wrong
    # in our own handlers the middleware logs, and how Kafka fares the sender.
    for library in ("aiohttp.server", "aiokafka"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        host, port = runner.addresses[0][:2]
        log.info("listening", extra={"port": port, "detail": f"http://{host}:{port}"})
        on_listening(f"http://{host}:{port}")
        if not settings.api_keys:
            log.warning("anybody may post: RECEIVE_API_KEYS is not set", extra={"setting": "RECEIVE_API_KEYS"})
        await stop.wait()
    finally:
        await runner.cleanup()
