"""The Faust app around the windows: batches in, events out, the position committed after they are acknowledged."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import faust
from yarl import URL

from services.events import Event, KpiMeasured, RequestMatched, SurgeDetected
from services.runtime.health import Heartbeat
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.metrics import Metrics
from services.runtime.ports import Headers
from services.runtime.records import ODD_NAME, Decoder, Encoder, Outgoing, dead_letter, trace_of
from services.runtime.worker import Rejected
from services.watch.core import Desk
from services.watch.settings import WatchSettings
from services.watch.transport import UNREADABLE, CommittedConsumer, CommittedTransport, Found, Membership, Standing

log = logging.getLogger(__name__)

READS = RequestMatched.topic
WRITES = (SurgeDetected.topic, KpiMeasured.topic)
NAME = "watch"
TICK_S = 1.0
STANDING_S = 5.0
ACK_S = 30.0
"""How long the broker may take to acknowledge what a batch says; longer ends the process."""


class WatchError(Exception):
    """The process must end and be started anew: its windows are rebuilt from the topic."""


class Watch:
    """One process of `watch`. `run` serves until it is told to stop, or fails."""

    def __init__(
        self,
        settings: WatchSettings,
        kafka: KafkaSettings,
        *,
        instance: str,
        data_dir: Path,
        metrics: Metrics,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._metrics = metrics
        self._desk = Desk(settings.rules)
        self._taken: dict[int, int] = {}
        """Records taken of each partition since the last seek."""
        self._spoken: dict[int, int] = {}
        self._speaking = asyncio.Lock()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._progress = self._monotonic()
        self.heartbeat = Heartbeat(2 * ACK_S)
        self._decoder = Decoder((RequestMatched,), NAME)
        self._encoder = Encoder(NAME)
        member = Membership(NAME, instance, settings.session_timeout_s)
        self._app = _app(settings, kafka, data_dir)
        self._app.transport = CommittedTransport(
            self._app.conf.broker_consumer, self._app, owner=self, member=member, reader=KafkaClients(kafka).reader
        )
        topic = self._app.topic(READS, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self._app.agent(topic, name="windows")(self._windows)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set.

        Raises:
            WatchError: what happened; start it anew.

        """
        await self._app.start()
        ticking = asyncio.create_task(self._tick_for_ever())
        stopping = asyncio.create_task(stop.wait())
        crashed = asyncio.create_task(self._app.wait_until_stopped())
        try:
            waiting: set[asyncio.Future[Any]] = {ticking, stopping, crashed, self._failed}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ticking, stopping, crashed):
                task.cancel()
            outcome = await asyncio.gather(ticking, stopping, return_exceptions=True)
            await self._app.stop()
        if self._failed.done():
            self._failed.result()
        for each in outcome:
            if isinstance(each, BaseException) and not isinstance(each, asyncio.CancelledError):
                raise each
        if self._app.crash_reason is not None:
            message = f"faust gave up: {type(self._app.crash_reason).__name__}: {self._app.crash_reason}"
            raise WatchError(message) from self._app.crash_reason

    def ready(self) -> str | None:
        """Give None when all partitions are read aloud, otherwise what is awaited."""
        rebuilding = self._desk.rebuilding()
        if rebuilding:
            return f"partitions being read again: {rebuilding}"
        return None if self._desk.positions else "no partition is assigned yet"

    # What `transport.Owner` asks.

    def now_ms(self) -> int:
        """Give the time, in Unix milliseconds."""
        return int(self._clock().timestamp() * 1000)

    def horizon_ms(self) -> int:
        """Give how far back to read."""
        return self._settings.rules.horizon_s * 1000

    def begin(self, found: Mapping[int, Found]) -> Mapping[int, int]:
        """Take over what is new, keep what was ours already, drop the rest; give where to go on."""
        for partition in self._desk.positions.keys() - found.keys():
            self._desk.give_up(partition)
            self._spoken.pop(partition, None)
            self._metrics.consumer_lag.forget(READS, str(partition))
        for partition, where in found.items():
            if partition not in self._desk.positions:
                said_until = min(where.committed, where.end) if where.committed is not None else 0
                start = min(where.since, where.end, said_until if where.committed is not None else where.since)
                self._desk.take_over(partition, start, said_until)
                log.info("reading windows again", extra={"topic": READS, "partition": partition, "offset": start})
        self._taken = dict.fromkeys(found, 0)
        self._metrics.assigned_partitions.set(len(found))
        self._progress = self._monotonic()
        return self._desk.positions

    def spoken(self, partition: int) -> int | None:
        """Give the offset before which all has been said and acknowledged."""
        return self._spoken.get(partition)

    # The agent and the clock.

    async def _windows(self, stream: Any) -> None:  # noqa: ANN401 - a faust stream
        async for events in stream.take_events(self._settings.batch_size, within=self._settings.batch_wait_s):
            try:
                await self._take(events)
            except Exception as error:  # noqa: BLE001 - faust would log it, ack the records and go on
                self._fail(error)
                await asyncio.Event().wait()  # take nothing more; `run` ends the process

    async def _take(self, events: Sequence[Any]) -> None:
        began = time.perf_counter()
        async with self._speaking:
            said: list[Outgoing] = []
            self._encoder.begin(self._clock())
            touched: set[int] = set()
            taken = 0
            for each in events:
                message = each.message
                if not self._desk.due(message.partition, message.offset):
                    continue
                taken += 1
                touched.add(message.partition)
                self._taken[message.partition] += 1
                said += self._one(message)
            for partition in sorted(touched):
                said += [self._encoder.encode(event, None) for event in self._desk.settle(partition)]
            await self._say(said)
            for partition in touched:
                self._now_spoken(partition)
        self._progress = self._monotonic()
        self._metrics.records_consumed.of(READS).inc(taken)
        self._metrics.records_skipped.of("repeated").inc(len(events) - taken)
        self._metrics.records_skipped.of("too_late").inc(self._desk.take_too_late())
        self._metrics.batch_records.observe(taken)
        self._metrics.handle_duration.observe(time.perf_counter() - began)

    def _one(self, message: Any) -> list[Outgoing]:  # noqa: ANN401 - faust's message
        partition, offset = message.partition, message.offset
        odd = message.headers is UNREADABLE
        event = ODD_NAME if odd else self._decoder.decode(READS, message.value, message.headers)
        if event is None:
            self._desk.passed(partition, offset)
            return []
        if isinstance(event, Rejected):
            if not self._desk.passed(partition, offset):
                return []
            self._metrics.records_rejected.of(event.reason).inc()
            return [dead_letter(NAME, _Record(message), event, self._clock())]
        assert isinstance(event, RequestMatched)  # noqa: S101 - the decoder was made for it
        appended_at = datetime.fromtimestamp(message.timestamp, UTC)
        parent = trace_of(message.headers)
        return [
            self._encoder.encode(each, parent) for each in self._desk.observe(partition, offset, event, appended_at)
        ]

    def _now_spoken(self, partition: int) -> None:
        position = self._desk.positions.get(partition)
        if position is not None:
            self._spoken[partition] = position

    async def _say(self, said: Sequence[Outgoing]) -> None:
        """Produce, and wait until all of it is acknowledged."""
        if not said:
            return
        producer = self._app.producer
        async with asyncio.timeout(ACK_S):
            sent = [
                await producer.send(each.topic, _key(each), each.value, None, None, _sendable(each.headers))
                for each in said
            ]
            await asyncio.gather(*sent)
        for each in said:
            self._metrics.records_produced.of(each.topic).inc()

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            behind = len(self._desk.positions) or 1
            if not self._app.rebalancing:
                behind = await self._tick() if self._desk.positions else 0
            self._see_to_it(behind)
            self.heartbeat.beat()

    async def _tick(self) -> int:
        """Close windows by the clock where a partition is read to its end; give how many are not."""
        behind = 0
        async with self._speaking:
            said: list[Event] = []
            standing = await self._standing()
            for partition, position in self._desk.positions.items():
                where = standing.get(partition)
                if where is None or where.position < where.stable or position < where.fetched_end:
                    behind += 1
                    lag = max(0, where.stable - position) if where else 0
                else:
                    lag = 0
                    self._check(partition, where)
                    said += self._desk.tick(partition, self._clock())
                self._metrics.consumer_lag.of(READS, str(partition)).set(lag)
            self._encoder.begin(self._clock())
            await self._say([self._encoder.encode(event, None) for event in said])
        self._metrics.rebuilding.set(self._desk.rebuilding())
        return behind

    async def _standing(self) -> Mapping[int, Standing]:
        try:
            async with asyncio.timeout(STANDING_S):
                return await cast("CommittedConsumer", self._app.consumer).standing()
        except TimeoutError:  # a rebalance began meanwhile
            return {}

    def _see_to_it(self, behind: int) -> None:
        """End the process when it is behind and has taken nothing for too long."""
        if not behind:
            self._progress = self._monotonic()
            self._metrics.last_progress.set(self._clock().timestamp())
        silent = self._monotonic() - self._progress
        if silent > self._settings.stall_s:
            message = (
                f"watch is behind on {behind} partitions of {READS} and took nothing for {silent:.0f} s; "
                f"start it anew, it reads its windows again"
            )
            raise WatchError(message)

    def _check(self, partition: int, where: Standing) -> None:
        taken = self._taken.get(partition, 0)
        if taken < where.fetched:
            message = (
                f"faust fetched {where.fetched} records of {READS} partition {partition} and handed over {taken}; "
                f"start watch anew, it reads its windows again"
            )
            raise WatchError(message)

    def _fail(self, error: BaseException) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)


def _key(record: Outgoing) -> bytes | None:
    # aiokafka does not send what has neither key nor value, which any other client may have put on a topic.
    return b"" if record.key is None and record.value is None else record.key


def _sendable(headers: Headers) -> list[tuple[str, bytes]]:
    return [(name, content if content is not None else b"") for name, content in headers]


class _Record:
    """A faust message as `records.dead_letter` wants to see one."""

    def __init__(self, message: Any) -> None:  # noqa: ANN401
        self._message = message

    def error(self) -> None: ...

    def topic(self) -> str:
        return str(self._message.topic)

    def partition(self) -> int:
        return int(self._message.partition)

    def offset(self) -> int:
        return int(self._message.offset)

    def key(self) -> bytes | None:
        key: bytes | None = self._message.key
        return key

    def value(self) -> bytes | None:
        value: bytes | None = self._message.value
        return value

    def headers(self) -> list[tuple[str, bytes]] | None:
        found = self._message.headers
        if found is UNREADABLE:
            return None
        return list(found.items() if isinstance(found, Mapping) else found) if found else None

    def timestamp(self) -> tuple[int, int]:
        return int(self._message.timestamp_type), int(self._message.timestamp * 1000)


def _app(settings: WatchSettings, kafka: KafkaSettings, data_dir: Path) -> faust.App:
    secured = "SSL" in kafka.security_protocol
    context = ssl.create_default_context(cafile=kafka.ssl_ca_location or None) if secured else None
    credentials = None
    if kafka.security_protocol.startswith("SASL"):
        credentials = faust.SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password,
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return faust.App(
        NAME,
        env={},  # Faust would let BROKER_URL, APP_ID and 78 more of its own go before what is said here
        broker=[URL(f"kafka://{each.strip()}") for each in kafka.bootstrap.split(",")],
        broker_credentials=credentials,
        ssl_context=context,
        broker_commit_interval=settings.commit_s,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 10,
        broker_request_timeout=30.0,
        processing_guarantee="at_least_once",
        datadir=str(data_dir),
        store="memory://",
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,  # a batch under way is not waited for: reading goes on where `Desk` stands
        stream_buffer_maxsize=8192,
        producer_acks=-1,
        producer_compression_type="lz4",
        producer_linger_ms=5,
        web_enabled=False,
        autodiscover=False,
    )
