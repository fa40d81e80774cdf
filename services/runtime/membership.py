"""A worker's place in its consumer group: what it holds, what of that may flow, and where each partition goes on.

Partitions come and go inside a poll, maybe while the worker's own code is at a batch on the other thread. So the
callbacks here only keep the books: `held`, `moved` and `news`. State follows at the loop's own time.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from services.runtime import failures
from services.runtime.ahead import Ahead
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.runtime.ports import Clients, Consumer, Message, Place
from services.runtime.records import subscription
from services.runtime.transaction import FencedError
from services.runtime.worker import Worker

log = logging.getLogger(__name__)


class Membership:
    """One member of a worker's group. Belongs to one thread."""

    def __init__(
        self, worker: Worker, clients: Clients, *, slot: str, metrics: Metrics, clock: Clock, rewind_s: float
    ) -> None:
        self._worker = worker
        self._clients = clients
        self._slot = slot
        self._metrics = metrics
        self._clock = clock
        self._rewind_s = rewind_s
        self._consumer: Consumer | None = None
        self._ahead = Ahead()
        self._flowing: set[Place] = set()
        self._stopped = False
        self._adrift: set[Place] = set()
        self._news: set[int] = set()
        self.held: set[Place] = set()
        """The partitions that are this process's own."""
        self.moved = False
        """Partitions came or went since the last `take` began: what was taken may belong to others by now."""

    @property
    def joined(self) -> bool:
        """Whether this member asked to be one; it may hold nothing yet."""
        return self._consumer is not None

    def join(self) -> None:
        """Join the group, as the static member that the slot names."""
        self._consumer = self._clients.member(
            [subscription(kind) for kind in self._worker.reads],
            group=self._worker.name,
            slot=self._slot,
            on_assign=self._assigned,
            on_revoke=lambda consumer, partitions: self._gone(consumer, partitions, "revoked"),
            on_lost=lambda consumer, partitions: self._gone(consumer, partitions, "lost"),
            on_lag=self._lag,
        )

    def close(self) -> None:
        """Leave."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def news(self) -> set[int]:
        """Give the partition numbers that came or went since this was last asked."""
        news, self._news = self._news, set()
        return news

    # Records.

    def take(self, at_most: int, idle_s: float, linger_s: float) -> list[Message]:
        """Give up to `at_most` records, the oldest of all that was read.

        None when partitions moved meanwhile, and what is still ours is rewound.
        """
        self._anchor()
        self.moved = False
        good = [each for each in self._read(at_most, idle_s, linger_s) if each.error() is None or self._sound(each)]
        if self.moved:
            self.rewind({(message.topic(), message.partition()) for message in good})
            return []
        self._ahead.put(good, int(self._clock.now().timestamp() * 1000))
        return self._ahead.take(at_most, self._flowing)

    def _read(self, at_most: int, idle_s: float, linger_s: float) -> list[Message]:
        """Wait for what a batch has not got yet; beyond that, read what is there already."""
        consumer, ready = self._ours(), self._ahead.ready(self._flowing)
        messages = [] if ready else consumer.consume(1, idle_s)
        begun = ready + len(messages)
        if 0 < begun < at_most:
            messages += consumer.consume(at_most - begun, linger_s)
        if ready + len(messages) >= at_most:
            room = self._ahead.room(at_most) - len(messages)
            messages += consumer.consume(max(1, room), 0.0)  # who does not read at all is no member for long
        return messages

    def metadata(self) -> Any:  # noqa: ANN401 - opaque
        """Give the group metadata of now, or None when the broker would not fence it: not a member, or no more."""
        metadata = self._ours().consumer_group_metadata()
        generation, member = self._clients.generation(metadata)
        if generation < 0 or not member:
            log.warning("group metadata of generation %d is refused", generation)
            return None
        return metadata

    def poll(self, seconds: float) -> None:
        """Stay a member while nothing flows."""
        message = self._ours().poll(seconds)
        if message is not None and self._sound(message):
            # Cannot be while all is paused; if it is, it is read again.
            self.moved = True
            self.rewind({(message.topic(), message.partition())})

    # Positions.

    def committed(self, places: Iterable[Place]) -> dict[Place, int]:
        """Give what is committed, without the places for which nothing is. Asks again while the broker cannot say.

        Raises:
            KafkaException: it could not say for `rewind_s`.

        """
        wanted = [TopicPartition(*place) for place in places]
        deadline = self._clock.monotonic() + self._rewind_s
        while True:
            try:
                found = self._ours().committed(wanted, 10.0)
                for partition in found:
                    if partition.error is not None:
                        raise KafkaException(partition.error)  # noqa: TRY301 - one way out for both forms
            except KafkaException as error:
                if self._clock.monotonic() > deadline:
                    raise
                log.warning("committed offsets: %s, once more", error)
                self._clock.sleep(0.1)
            else:
                return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}

    def rewind(self, places: Iterable[Place]) -> None:
        """Go back to what is committed, which alone is true; a commit of unknown fate may have landed.

        Raises:
            KafkaException: the broker could not say what is committed, or a partition could not be moved.

        """
        left = [place for place in places if place in self.held]
        if not left:
            return
        self._ahead.drop(left)
        committed = self.committed(left)
        deadline = self._clock.monotonic() + self._rewind_s
        for place in left:
            self._seek(TopicPartition(*place, committed.get(place, OFFSET_BEGINNING)), deadline)

    def _anchor(self) -> None:
        """Take those partitions up anew whose position librdkafka could not find out, and would not ask for again."""
        adrift, self._adrift = self._adrift & self.held, set()
        if not adrift:
            return
        self._ahead.drop(adrift)
        committed = self.committed(adrift)
        anew = [TopicPartition(*place, committed.get(place, OFFSET_BEGINNING)) for place in sorted(adrift)]
        log.info("taking up anew %s", _names(anew))
        # One that never began cannot be moved by a seek.
        self._ours().incremental_unassign(anew)
        self._ours().incremental_assign(anew)
        if still := [p for p in anew if (p.topic, p.partition) not in self._flowing]:
            self._ours().pause(still)

    def _seek(self, partition: TopicPartition, deadline: float) -> None:
        while True:
            try:
                self._ours().seek(partition)
            except KafkaException as error:
                # A partition that was assigned a moment ago cannot be moved yet.
                if self._clock.monotonic() > deadline:
                    raise
                log.warning("rewind: %s, once more", error)
                self._clock.sleep(0.1)
            else:
                return

    # What flows.

    def flow(self, ready: set[Place]) -> None:
        """Let these of the held partitions be fetched, and no others."""
        self._stopped = False
        self._set(ready & self.held)

    def stop(self) -> None:
        """Let nothing be fetched, what is assigned meanwhile included, until `flow`."""
        self._stopped = True
        self._set(set())

    def _set(self, flowing: set[Place]) -> None:
        if resumed := flowing - self._flowing:
            self._ours().resume([TopicPartition(*place) for place in resumed])
        if paused := (self._flowing - flowing) & self.held:
            self._ours().pause([TopicPartition(*place) for place in paused])
        self._flowing = flowing

    # Partitions come and go; these run inside a poll.

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.moved = True
        self._metrics.rebalances.of("assigned").inc()
        if partitions:
            log.info("assigned %s", _names(partitions))
        consumer.incremental_assign(partitions)
        new = {(p.topic, p.partition) for p in partitions}
        self.held |= new
        self._news |= {partition for _, partition in new}
        self._metrics.assigned_partitions.set(len(self.held))
        # librdkafka remembers that a partition was paused when it went; what comes is told either way.
        if self._stopped or self._worker.rebuilds_from is not None or self._worker.tables:
            consumer.pause(partitions)
        else:
            consumer.resume(partitions)
            self._flowing |= new

    def _gone(self, consumer: Consumer, partitions: list[TopicPartition], event: str) -> None:
        self.moved = True
        self._metrics.rebalances.of(event).inc()
        log.info("%s %s", event, _names(partitions))
        consumer.incremental_unassign(partitions)
        old = {(p.topic, p.partition) for p in partitions}
        self.held -= old
        self._flowing -= old
        self._ahead.drop(old)
        self._news |= {partition for _, partition in old}
        self._metrics.assigned_partitions.set(len(self.held))
        for topic, partition in old:
            self._metrics.consumer_lag.forget(topic, str(partition))

    def _lag(self, lag: Mapping[Place, int]) -> None:
        ahead = self._ahead.counts()
        for (topic, partition), records in lag.items():
            if (topic, partition) in self.held:
                self._metrics.consumer_lag.of(topic, str(partition)).set(records + ahead[topic, partition])

    def _ours(self) -> Consumer:
        if self._consumer is None:
            message = f"{self._slot} has not joined its group, or has left it"
            raise RuntimeError(message)
        return self._consumer

    def _sound(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if failures.fenced(error):
            raise FencedError(self._slot, error)
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - librdkafka's local code
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
            log.warning("consumer: %s", error)
            # Of a partition, it may be that its committed offset could not be read when it was assigned, for instance
            # since the coordinator had just moved: then nothing of it would ever be fetched.
            self._adrift |= {(message.topic(), message.partition())} & self.held
        return False


def _names(partitions: list[TopicPartition]) -> str:
    return ", ".join(f"{p.topic}/{p.partition}" for p in partitions)
