"""Faust's aiokafka transport, made to read committed records only, from where `watch` says, and to commit what it says.

Four things that Faust 0.15.3 and aiokafka 0.14 do are not good enough here, and each has one hook below:

- its consumer reads uncommitted records unless the app is transactional itself (`_create_worker_consumer`);
- it seeks to the committed position, where `watch` has to read its windows again from further back
  (`seek_to_committed`);
- it guesses the position to commit from acks, past records in flight (faust #606) or, after a gap, never again (#596);
  here the position is what `watch` has spoken of (`_new_offset`);
- aiokafka never gets past a header whose name is not UTF-8: librdkafka reads what stands there (`_fetch_records`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

import aiokafka
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.structs import ConsumerRecord
from confluent_kafka import TopicPartition
from faust.transport.drivers import aiokafka as driver

from services.runtime.records import readable

if TYPE_CHECKING:
    from services.runtime.ports import Consumer as Reader
    from services.runtime.ports import Message

log = logging.getLogger(__name__)

UNREADABLE: Final = (("", b""),)
"""The very headers of a record that has one whose name is not UTF-8."""
OTHERWISE = 500
OTHERWISE_S = 2.0
MAX_POLL_INTERVAL_S = 300
FIRST_AGE_MS = 60_000


class Found(NamedTuple):
    """What a partition holds when it is taken over, all as offsets."""

    since: int
    """The first record that is less than a horizon older than the one at `committed` (than now, if None), or `end`."""
    committed: int | None
    """Where the group had come to, if it ever committed."""
    end: int
    """Where the last committed transaction ends."""


class Standing(NamedTuple):
    """How far a partition has been fetched."""

    position: int
    """The next offset to fetch; transaction markers and aborted records are passed too."""
    stable: int
    """The last stable offset: fetched to here, a partition is read to its end."""
    fetched_end: int
    """The offset after the last record that was fetched, 0 before there was one."""
    fetched: int
    """Records fetched since the last seek."""


class Owner(Protocol):
    """Whoever decides where reading begins and what is committed. Called on the main loop."""

    def now_ms(self) -> int:
        """Give the time, in Unix milliseconds."""

    def horizon_ms(self) -> int:
        """Give how far back to read."""

    def begin(self, found: Mapping[int, Found]) -> Mapping[int, int]:
        """Take the assigned partitions, and no others, from now on; give the offset to start each at."""

    def spoken(self, partition: int) -> int | None:
        """Give the offset before which all has been said and acknowledged."""


@dataclass(frozen=True, slots=True)
class Membership:
    """How the process is a member of its group."""

    group: str
    instance: str
    """A slot's name: static membership, so that a restart is no rebalance. Empty: a passing member."""
    session_timeout_s: int


class CommittedThread(driver.AIOKafkaConsumerThread):
    """The consumer's own thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(*args, **kwargs)
        self._fetched: dict[Any, tuple[int, int]] = {}
        self._next: dict[Any, int] = {}
        """The next offset to fetch of each partition, by what was sought and handed over."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        """Make the consumer as Faust would, but `read_committed` and with a short fetch wait."""
        conf, member = self.app.conf, cast("CommittedTransport", transport).member
        return aiokafka.AIOKafkaConsumer(
            client_id=member.instance or member.group,
            group_id=member.group,
            group_instance_id=member.instance or None,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=250,
            retry_backoff_ms=500,
            max_poll_records=2000,
            max_poll_interval_ms=MAX_POLL_INTERVAL_S * 1000,
            session_timeout_ms=member.session_timeout_s * 1000,
            heartbeat_interval_ms=member.session_timeout_s * 100,
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def find(self, now_ms: int, horizon_ms: int) -> dict[Any, Found]:
        """Look at all assigned partitions."""
        found: dict[Any, Found] = await self.call_thread(self._find, now_ms, horizon_ms)
        return found

    async def _find(self, now_ms: int, horizon_ms: int) -> dict[Any, Found]:
        consumer = self._ensure_consumer()
        assigned = list(consumer.assignment())
        ends = await consumer.end_offsets(assigned) if assigned else {}

        async def since(each: Any, moment_ms: int) -> int:  # noqa: ANN401 - aiokafka's pair
            first = (await consumer.offsets_for_times({each: max(0, moment_ms)}))[each]
            return int(first.offset if first else ends[each])

        found = {}
        for each in assigned:
            committed = await consumer.committed(each)
            # The record at `committed` may be old: this process was away. It is at most `age` old when no record
            # before it is younger than that.
            age = 0 if committed is None else FIRST_AGE_MS
            while committed is not None and age < now_ms and await since(each, now_ms - age) > committed:
                age *= 2
            found[each] = Found(await since(each, now_ms - age - horizon_ms), committed, ends[each])
        return found

    async def move(self, starts: Mapping[Any, int]) -> None:
        """Seek."""
        await self.call_thread(self._move, starts)

    async def _move(self, starts: Mapping[Any, int]) -> None:
        consumer = self._ensure_consumer()
        self._fetched.clear()
        self._next.clear()
        for each, offset in starts.items():
            if each in consumer.assignment():
                consumer.seek(each, offset)
                self._next[each] = offset

    async def _fetch_records(self, consumer: Any, active_partitions: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
        try:
            records = await super()._fetch_records(consumer, active_partitions, *args, **kwargs)
        except UnicodeDecodeError:
            records = await self._fetch_otherwise(consumer, active_partitions)
        for each, batch in records.items():
            if batch:
                _, before = self._fetched.get(each, (0, 0))
                self._fetched[each] = batch[-1].offset + 1, before + len(batch)
                self._next[each] = batch[-1].offset + 1
        return records

    async def _fetch_otherwise(self, consumer: Any, active_partitions: Any) -> dict[Any, list[ConsumerRecord]]:  # noqa: ANN401
        """Read on by librdkafka. aiokafka has moved on past records that it did not hand over, so it is put back."""
        starts = {each: self._next[each] for each in active_partitions or () if each in self._next}
        seeks = dict(self._next)
        log.warning("a header that cannot be read: reading on otherwise", extra={"partitions": len(starts)})
        reader = cast("CommittedTransport", self.transport).reader
        found = await asyncio.to_thread(_read, reader, starts)
        if self._next != seeks:  # partitions moved meanwhile
            return {}
        assigned = consumer.assignment()
        found = {each: batch for each, batch in found.items() if each in assigned}
        for each, start in starts.items():
            if each in assigned:
                batch = found.get(each)
                consumer.seek(each, batch[-1].offset + 1 if batch else start)
        return found

    async def standing(self) -> dict[Any, Standing]:
        """Say how far each assigned partition has been fetched; those that were not yet are left out."""
        found: dict[Any, Standing] = await self.call_thread(self._standing)
        return found

    async def _standing(self) -> dict[Any, Standing]:
        consumer = self._ensure_consumer()
        found = {}
        for each in consumer.assignment():
            stable = consumer.last_stable_offset(each)
            if stable is not None and stable >= 0:
                found[each] = Standing(await consumer.position(each), stable, *self._fetched.get(each, (0, 0)))
        return found


def _read(reader: Callable[[], Reader], starts: Mapping[Any, int]) -> dict[Any, list[ConsumerRecord]]:
    """Read a few records of each partition, the first of them at least, if they come in time."""
    found: dict[Any, list[ConsumerRecord]] = {}
    of_place = {(each.topic, each.partition): each for each in starts}
    client = reader()
    try:
        client.assign([TopicPartition(each.topic, each.partition, start) for each, start in starts.items()])
        for message in client.consume(OTHERWISE, OTHERWISE_S):
            if message.error() is None:
                found.setdefault(of_place[message.topic(), message.partition()], []).append(_record(message))
    finally:
        client.close()
    return found


def _record(message: Message) -> ConsumerRecord:
    sound = readable(message)
    key, value, (kind, at_ms) = sound.key(), sound.value(), sound.timestamp()
    headers = tuple(sound.headers() or ()) if sound is message else UNREADABLE
    sizes = (-1 if key is None else len(key), -1 if value is None else len(value))
    return ConsumerRecord(
        sound.topic(), sound.partition(), sound.offset(), at_ms, kind, key, value, None, *sizes, headers
    )


class CommittedConsumer(driver.Consumer):
    """Faust's consumer, with the owner's word on where to begin and what to commit."""

    _seeks = 0
    """Odd while one is under way."""

    @property
    def _owner(self) -> Owner:
        return cast("CommittedTransport", self.transport).owner

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """Seek to where the owner wants to begin; Faust calls it after each rebalance, and at times in between."""
        owner, thread = self._owner, cast("CommittedThread", self._thread)
        self._seeks += 1
        found = await thread.find(owner.now_ms(), owner.horizon_ms())
        by_partition = {each.partition: each for each in found}
        begun = owner.begin({each.partition: what for each, what in found.items()})
        starts = {by_partition[partition]: offset for partition, offset in begun.items()}
        await thread.move(starts)
        self._seeks += 1
        return starts

    async def standing(self) -> dict[int, Standing]:
        """See `CommittedThread.standing`; by partition. Nothing while, or if meanwhile, partitions are sought."""
        before = self._seeks
        found = await cast("CommittedThread", self._thread).standing()
        if before % 2 or before != self._seeks:
            return {}
        return {each.partition: what for each, what in found.items()}

    def _new_offset(self, tp: Any) -> int | None:  # noqa: ANN401 - Faust's own kind of pair
        # What Faust keeps for its guess would grow for ever, since only its own method prunes it.
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        self._gap[tp].clear()
        return self._owner.spoken(tp.partition)


class CommittedTransport(driver.Transport):
    """The transport to give to a `faust.App` before it starts."""

    Consumer = CommittedConsumer

    def __init__(
        self, *args: Any, owner: Owner, member: Membership, reader: Callable[[], Reader], **kwargs: Any  # noqa: ANN401
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.reader = reader
        self.owner = owner
        self.member = member
