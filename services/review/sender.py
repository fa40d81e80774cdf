"""The way to Kafka: a verdict counts when all in-sync replicas have it."""

import asyncio
import contextlib
import logging
from typing import Any, Final, Literal, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from services.events import ReviewMade
from services.runtime import wire
from services.runtime.kafka import KafkaSettings

log = logging.getLogger(__name__)

_PROBE_S: Final = 5.0


Sent = Literal["stored", "unsure", "not_sent"]
"""`stored`: on all in-sync replicas. `unsure`: it may be lost, and it may also arrive later."""


class Sender(Protocol):
    """Stores verdicts."""

    @property
    def fault(self) -> str | None:
        """Why nothing can be stored at present; None when all is well."""

    async def send(self, review: ReviewMade) -> Sent:
        """Store a verdict and tell what is known of it; never raises for Kafka's sake."""


class KafkaSender:
    """An idempotent aiokafka producer: it reconnects by itself, and is made anew when Kafka refuses what it sends.

    `keep` runs beside the server: it connects, however long Kafka is away, and sees whether it still answers.
    """

    def __init__(self, settings: KafkaSettings, ack_timeout_s: float) -> None:
        self._settings = settings
        self._ack_timeout_s = ack_timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._fault: str | None = "Kafka has not been reached yet"
        self._trouble = asyncio.Event()

    @property
    def fault(self) -> str | None:
        """Why nothing can be stored at present; None when all is well."""
        return self._fault

    async def send(self, review: ReviewMade) -> Sent:
        """Store a verdict; see `Sender`."""
        producer = self._producer
        if producer is None:
            return "not_sent"
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                await producer.send_and_wait(
                    review.destination,
                    value=wire.encode(review),
                    key=review.key.encode(),
                    headers=wire.headers(review, source="review"),
                )
        except (KafkaError, TimeoutError) as error:
            self._fault = f"Kafka did not take a verdict: {type(error).__name__}"
            log.warning("a verdict was answered 503", extra={"detail": self._fault})
            if isinstance(error, KafkaError) and not error.retriable:
                self._trouble.set()
            return "unsure"
        return "stored"

    async def keep(self) -> None:
        """Connect and stay connected, until cancelled."""
        try:
            while True:
                if self._producer is None:
                    await self._connect()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PROBE_S):
                        await self._trouble.wait()
                if self._trouble.is_set():
                    self._trouble.clear()
                    await self._close()
                elif self._producer is not None:
                    await self._probe(self._producer)
        finally:
            await self._close()

    async def _connect(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap.split(","),
            client_id="review",
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(self._ack_timeout_s * 1000),
            **_security(self._settings),
        )
        try:
            async with asyncio.timeout(2 * self._ack_timeout_s):
                await producer.start()
                await producer.partitions_for(ReviewMade.topic)
        except (KafkaError, OSError, TimeoutError) as error:
            self._fault = f"Kafka is not ready at {self._settings.bootstrap}: {type(error).__name__}"
            log.warning("trying again", extra={"detail": self._fault, "seconds": _PROBE_S})
            await self._stop(producer)
            return
        self._producer, self._fault = producer, None
        log.info("connected to Kafka")

    async def _probe(self, producer: AIOKafkaProducer) -> None:
        """See whether a broker answers, so that readiness follows also while nobody clicks."""
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                reached = bool(await producer.client.force_metadata_update())
        except (KafkaError, OSError, TimeoutError):
            reached = False
        if reached and self._fault is not None:
            log.info("Kafka answers again")
        self._fault = None if reached else "Kafka does not answer"

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._stop(producer)

    async def _stop(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                await producer.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("a producer was closed with verdicts unsent", extra={"reason": type(error).__name__})
            # aiokafka, cut off while it waits for Kafka, would leave its sending task behind for ever.
            await producer._sender.close()  # noqa: SLF001 - no public way
            await producer.client.close()


def _security(settings: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = create_ssl_context(cafile=settings.ssl_ca_location or None)
    if settings.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.sasl_password
    return options
