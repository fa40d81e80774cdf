"""The way to Kafka from asyncio: a record counts when all in-sync replicas have it. For `receive` and `review`."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.helpers import create_ssl_context

from services.events import Event
from services.runtime import wire
from services.runtime.kafka import KafkaSettings

log = logging.getLogger(__name__)

Sent = Literal["stored", "unsure", "not_sent"]
"""`stored`: on all in-sync replicas. `unsure`: it may be lost, and it may also arrive later."""

_BATCH_BYTES: Final = 262_144
_PROBE_S: Final = 5.0
_NOT_YET: Final = "Kafka has not been reached yet"


class Sender(Protocol):
    """Stores events."""

    @property
    def fault(self) -> str | None:
        """Why nothing can be stored at present; None when all is well."""

    async def send(self, events: Sequence[Event], traceparent: bytes | None = None) -> list[Sent]:
        """Store the events and tell what is known of each, in order; never raises for Kafka's sake."""


class NoTopicError(Exception):
    """A topic that is written to has not been made; the text names it and says what to do."""


class KafkaSender:
    """An idempotent aiokafka producer that is made anew whenever it breaks.

    `keep` runs beside the server: it connects, however long Kafka is away, and looks after the connection.
    """

    def __init__(self, settings: KafkaSettings, *, source: str, topics: Sequence[str], ack_timeout_s: float) -> None:
        self._settings = settings
        self._source = source
        self._topics = topics
        self._ack_timeout_s = ack_timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._broken = asyncio.Event()
        self._fault: str | None = _NOT_YET

    @property
    def fault(self) -> str | None:
        """Why nothing can be stored at present; None when all is well."""
        return self._fault

    async def send(self, events: Sequence[Event], traceparent: bytes | None = None) -> list[Sent]:
        """Store the events; see `Sender`."""
        producer = self._producer
        if producer is None:
            return ["not_sent"] * len(events)
        deadline = asyncio.get_running_loop().time() + self._ack_timeout_s
        pending: list[asyncio.Future[Any]] = []
        trouble: BaseException | None = None
        try:
            async with asyncio.timeout_at(deadline):
                for event in events:
                    pending.append(await self._enqueue(producer, event, traceparent))  # noqa: PERF401 - kept when cut off
        except (TimeoutError, KafkaError) as error:
            trouble = error
        if pending:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait(pending, timeout=left)
        sent: list[Sent] = ["stored" if _stored(future) else "unsure" for future in pending]
        # One that was cut off while it waited for room in the producer may be in there all the same.
        sent += ["unsure"] * (len(events) - len(sent))
        if all(each == "stored" for each in sent):
            self._fault = None
        else:
            self._complain(producer, [trouble, *(_error(future) for future in pending)])
        return sent

    async def keep(self) -> None:
        """Connect and stay connected, until cancelled."""
        try:
            while True:
                if self._producer is None:
                    await self._connect()
                else:
                    await self._probe(self._producer)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PROBE_S):
                        await self._broken.wait()
                if self._broken.is_set():
                    self._broken.clear()
                    await self._close()
        finally:
            await self._close()

    async def _enqueue(self, producer: AIOKafkaProducer, event: Event, traceparent: bytes | None) -> Any:  # noqa: ANN401
        parent = wire.child_traceparent(traceparent)
        headers = wire.headers(event, source=self._source, traceparent=parent)
        future = await producer.send(
            event.destination, value=wire.encode(event), key=event.key.encode(), headers=headers
        )
        future.add_done_callback(_error)  # looked at, even if nobody waits any longer
        return future

    def _complain(self, producer: AIOKafkaProducer, errors: list[BaseException | None]) -> None:
        for error in errors:
            if isinstance(error, KafkaError) and not error.retriable:
                self._fault = f"Kafka refused a record: {type(error).__name__}"
                log.error("the producer is made anew", extra={"reason": type(error).__name__})
                if producer is self._producer:
                    self._broken.set()
                return
        self._fault = f"Kafka did not acknowledge within {self._ack_timeout_s:g} s"
        log.warning("what comes in is answered 503", extra={"detail": self._fault})

    async def _connect(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap.split(","),
            client_id=self._source,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=int(self._ack_timeout_s * 1000),
            **_security(self._settings),
        )
        self._producer = producer
        try:
            async with asyncio.timeout(2 * self._ack_timeout_s):
                await producer.start()
                for topic in self._topics:
                    await self._see(producer, topic)
        except (KafkaError, NoTopicError, OSError, TimeoutError) as error:
            why = str(error) if isinstance(error, NoTopicError) else type(error).__name__
            self._fault = f"Kafka is not ready at {self._settings.bootstrap}: {why}"
            log.warning("trying again", extra={"detail": self._fault, "seconds": _PROBE_S})
            await self._close()
            return
        self._fault = None
        log.info("connected to Kafka")

    async def _see(self, producer: AIOKafkaProducer, topic: str) -> None:
        try:
            await producer.partitions_for(topic)
        except UnknownTopicOrPartitionError as error:
            message = f"there is no topic {topic}; make it with `stormdrain topics apply`"
            raise NoTopicError(message) from error

    async def _probe(self, producer: AIOKafkaProducer) -> None:
        """See whether a broker answers, so that readiness follows also while nobody reports."""
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                reached = await producer.client.force_metadata_update()
        except (KafkaError, OSError, TimeoutError):
            reached = False
        if not reached:
            self._fault = "Kafka does not answer"
        elif self._fault is not None:
            self._fault = None
            log.info("Kafka answers again")

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                await producer.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("records were left unsent; nobody was told that they are stored", extra={"reason": str(error)})
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


def _stored(future: asyncio.Future[Any]) -> bool:
    return future.done() and _error(future) is None and not future.cancelled()


def _error(future: asyncio.Future[Any]) -> BaseException | None:
    return future.exception() if future.done() and not future.cancelled() else None
