"""The loop every transactional worker runs in: consume, decide, produce and commit, all or nothing.

One thread polls and commits; the worker's own code runs on a second one, so that a slow decision never keeps the
consumer from polling. No poll happens inside a transaction. The rules that keep "nothing lost, nothing doubled":

* Group metadata is taken with the batch. A batch during which partitions moved is dropped and read again.
* Records of partitions that are not owned, or whose state is not whole, are left.
* Generation -1 or an empty member id is refused: the broker would not fence it.
* After anything but a commit, the batch's partitions are read again from `committed()`, never from memory.
* State changes only after the commit, by folding the worker's own output; when a commit's fate is unknown, the state
  of its partitions is rebuilt from the topic.
* Another holder of the slot means: exit.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from services.runtime import batch as batches
from services.runtime import failures
from services.runtime.batch import Batch, Place, Result
from services.runtime.health import Heartbeat
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.ports import Clients, Consumer, Message
from services.runtime.records import Decoder, Encoder, subscription
from services.runtime.rejections import Rejections
from services.runtime.state import States
from services.runtime.transaction import BatchFailedError, FencedError, Transactor
from services.runtime.worker import TryLaterError, Worker

log = logging.getLogger(__name__)
T = TypeVar("T")

SLOW_S = 2.0
"""Work that takes longer than this goes on while the loop polls with its partitions paused."""


class Loop:
    """Runs one worker in one slot until `stop`."""

    def __init__(
        self,
        worker: Worker,
        clients: Clients,
        *,
        slot: str,
        settings: LoopSettings,
        metrics: Metrics,
        heartbeat: Heartbeat | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.worker = worker
        self._clients = clients
        self._slot = slot
        self._settings = settings
        self._metrics = metrics
        self._heartbeat = heartbeat or Heartbeat(60.0)
        self._clock = clock
        self._stopping = threading.Event()
        self._decoder = Decoder(worker.reads, worker.name)
        self._encoder = Encoder(worker.name)
        self._batch_size = worker.batch_size
        self._consumer: Consumer | None = None
        self._transactor = Transactor(
            clients, slot, timeout_s=settings.transaction_s, on_renew=metrics.producer_renewals.inc
        )
        self._states = States(worker, clients, metrics)
        self._rejections = Rejections(settings.max_rejected_share, settings.rejected_window)
        self._own: set[Place] = set()
        self._moved = False
        self._hands = ThreadPoolExecutor(max_workers=1, thread_name_prefix=worker.name)
        self._working = False
        self._to_forget: set[int] = set()
        self._hold_until = 0.0
        self._hold_why = ""

    # What a supervisor sees and asks.

    def stop(self) -> None:
        """Finish the batch at hand and leave; may be called from a signal handler or another thread."""
        self._stopping.set()

    def resume(self) -> None:
        """Go on in spite of the rejections that paused the worker."""
        self._rejections.allow()
        if self._hold_why == "rejections":
            self._hold_until = 0.0

    def not_ready(self) -> str | None:
        """Give why no traffic should be counted on yet, or None."""
        if self._consumer is None:
            return "not started"
        if not self._own:
            return "no partitions are assigned"
        if behind := self._states.behind:
            return f"the state of {len(behind)} partitions is being rebuilt"
        if self._hold_why:
            return f"paused: {self._hold_why}"
        return None

    # The loop.

    def start(self) -> None:
        """Fence a predecessor of the slot, then join the group."""
        self._transactor.start()
        self._states.start()
        self._consumer = self._clients.member(
            [subscription(kind) for kind in self.worker.reads],
            group=self.worker.name,
            slot=self._slot,
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
            on_lag=self._lag,
        )

    def run(self) -> None:
        """Run until `stop`.

        Raises:
            FencedError: another process holds the slot.

        """
        self.start()
        try:
            while not self._stopping.is_set():
                self.turn()
        finally:
            self.close()

    def close(self) -> None:
        """Leave the group and let all clients go."""
        self._transactor.close()
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self._states.close()
        self._hands.shutdown(wait=False, cancel_futures=True)
        if self.worker.close is not None:
            self.worker.close()

    def turn(self) -> None:
        """Do one round: at most one transaction."""
        self._heartbeat.beat()
        if self._held():
            return
        self._rebuild()
        if self._states.look():
            self._metrics.last_progress.set_to_current_time()
        messages, metadata = self._take()
        if messages:
            self._work(messages, metadata)
        elif self._states.to_reconsider and self._reconsider():
            return
        self._metrics.last_progress.set_to_current_time()

    def _take(self) -> tuple[list[Message], Any]:
        consumer = self._member()
        self._moved = False
        patience = 0.0 if self._states.behind or self._states.to_reconsider else self._settings.idle_s
        messages = consumer.consume(1, patience)
        if messages and self._batch_size > 1:
            messages += consumer.consume(self._batch_size - 1, self._settings.linger_s)
        good = [message for message in messages if self._sound(message)]
        if self._moved and good:
            # Some of these may belong to others by now: read again what is still ours.
            self._rewind({(m.topic(), m.partition()) for m in good})
            return [], None
        return good, consumer.consumer_group_metadata() if good else None

    def _work(self, messages: list[Message], metadata: Any) -> None:  # noqa: ANN401 - opaque
        ready = self._own - self._states.waiting(self._own)
        batch = batches.decode(messages, ready, self._decoder)
        if skipped := len(messages) - len(batch.messages):
            self._metrics.records_skipped.of("unowned").inc(skipped)
        if not batch.messages:
            return
        generation, member = self._clients.generation(metadata)
        if generation < 0 or not member:
            log.warning("group metadata of generation %d is refused", generation)
            self._rewind(batch.places())
            return
        try:
            with self._metrics.handle_duration.time():
                outcomes = self._call(lambda: batches.handle(self.worker, batch))
        except TryLaterError as error:
            self._rewind(batch.places())
            self._hold("try_later", error.seconds, str(error))
            return
        if self._moved:
            self._rewind(batch.places())
            return
        result = batches.encode(self.worker, batch, outcomes, self._encoder, self._clock)
        if not self._rejections.acceptable(len(batch.messages), sum(result.rejected.values())):
            self._rewind(batch.places())
            self._hold("rejections", self._settings.rejections_hold_s, self._rejections.alarm(result.rejected))
            return
        if self._commit(result, batch.offsets(), metadata, batch.places()):
            self._rejections.count(len(batch.messages), sum(result.rejected.values()))
            self._measure(batch, result)

    def _commit(self, result: Result, offsets: list[TopicPartition], metadata: Any, places: list[Place]) -> bool:  # noqa: ANN401
        try:
            with self._metrics.transaction_duration.time():
                self._transactor.run(result.outgoing, offsets, metadata)
        except BatchFailedError as error:
            self._metrics.transactions.of("aborted").inc()
            log.warning("batch of %d records is read again: %s", len(result.outgoing), error)
            if not error.certain:
                self._states.rebuild({partition for _, partition in places})
                self._pause_waiting()
            self._rewind(places)
            return False
        self._metrics.transactions.of("committed").inc()
        self._states.committed(result.own)
        return True

    def _reconsider(self) -> bool:
        """Give out again what no longer holds, a bounded number at a time; False when all of it holds."""
        found = self._call(lambda: self._states.reconsider(self._settings.reconsider_size))
        if found is None or self._moved:
            return False
        partition, events = found
        result = Result()
        self._encoder.begin(self._clock())
        for event in events:
            record = self._encoder.encode(event, None, partition)
            result.outgoing.append(record)
            result.own.append((partition, event))
            result.produced[record.topic] = result.produced.get(record.topic, 0) + 1
        place = (self.worker.reads[0].topic, partition)
        if place not in self._own:
            return False
        # The offsets do not move; they are sent so that the broker checks our generation.
        offsets = [p for p in self._member().committed([TopicPartition(*place)], 10.0) if p.offset >= 0]
        done = self._commit(result, offsets, self._member().consumer_group_metadata(), [place])
        if done:
            self._metrics.reconsidered.inc(len(events))
            for topic, number in result.produced.items():
                self._metrics.records_produced.of(topic).inc(number)
        return done

    # State.

    def _rebuild(self) -> None:
        for partition in self._states.step(0.2 if not self._own - self._states.waiting(self._own) else 0.02):
            back = {place for place in self._own if place[1] == partition}
            self._rewind(back)
            self._member().resume([TopicPartition(*place) for place in back])

    def _pause_waiting(self) -> None:
        if waiting := self._states.waiting(self._own):
            self._member().pause([TopicPartition(*place) for place in waiting])

    # Partitions come and go; these run inside a poll.

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._moved = True
        self._metrics.rebalances.of("assigned").inc()
        if partitions:
            log.info("assigned %s", _names(partitions))
        consumer.incremental_assign(partitions)
        self._own.update((p.topic, p.partition) for p in partitions)
        self._metrics.assigned_partitions.set(len(self._own))
        self._states.rebuild({p.partition for p in partitions})
        stopped = self._own if self._hold_why or self._working else self._states.waiting(self._own)
        if stopped:
            consumer.pause([TopicPartition(*place) for place in stopped])

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._gone(consumer, partitions, "revoked")

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._gone(consumer, partitions, "lost")

    def _gone(self, consumer: Consumer, partitions: list[TopicPartition], event: str) -> None:
        self._moved = True
        self._metrics.rebalances.of(event).inc()
        log.info("%s %s", event, _names(partitions))
        consumer.incremental_unassign(partitions)
        self._own.difference_update((p.topic, p.partition) for p in partitions)
        self._metrics.assigned_partitions.set(len(self._own))
        for p in partitions:
            self._metrics.consumer_lag.forget(p.topic, str(p.partition))
        left = {partition for _, partition in self._own}
        gone = {p.partition for p in partitions} - left
        if self._working:
            self._to_forget |= gone  # the worker is at it on the other thread; the batch is dropped afterwards
        else:
            self._states.forget(gone)

    def _lag(self, lag: Mapping[Place, int]) -> None:
        for (topic, partition), records in lag.items():
            if (topic, partition) in self._own:
                self._metrics.consumer_lag.of(topic, str(partition)).set(records)

    # Waiting without letting go.

    def _hold(self, why: str, seconds: float, text: str) -> None:
        log.error("%s pauses for up to %.1f s: %s", self.worker.name, seconds, text)
        self._hold_why, self._hold_until = why, time.monotonic() + seconds
        self._metrics.paused.of(why).set(1)
        if self._own:
            self._member().pause([TopicPartition(*place) for place in self._own])

    def _held(self) -> bool:
        if not self._hold_why:
            return False
        began = time.monotonic()
        self._poll_paused(max(0.0, min(0.2, self._hold_until - began)))
        self._metrics.backpressure.inc(time.monotonic() - began)
        if time.monotonic() < self._hold_until:
            return True
        self._metrics.paused.of(self._hold_why).set(0)
        self._hold_why = ""
        self._resume_ready()
        return False

    def _poll_paused(self, seconds: float) -> None:
        message = self._member().poll(seconds)
        if message is not None and self._sound(message):
            self._moved = True  # cannot be while all is paused; if it is, it is read again
            self._rewind({(message.topic(), message.partition())})

    def _resume_ready(self) -> None:
        if ready := self._own - self._states.waiting(self._own):
            self._member().resume([TopicPartition(*place) for place in ready])

    def _call(self, work: Callable[[], T]) -> T:
        """Run the worker's own code; poll on, with everything paused, when it takes long."""
        future: Future[T] = self._hands.submit(work)
        try:
            return future.result(SLOW_S)
        except NotYet:
            if future.done():
                return future.result()
        began = time.monotonic()
        self._working = True
        if self._own:
            self._member().pause([TopicPartition(*place) for place in self._own])
        try:
            while not future.done():
                self._heartbeat.beat()
                self._poll_paused(0.1)
            return future.result()
        finally:
            self._working = False
            self._states.forget(self._to_forget)
            self._to_forget.clear()
            self._resume_ready()
            self._metrics.backpressure.inc(time.monotonic() - began)

    # Kafka, asked carefully.

    def _member(self) -> Consumer:
        return cast("Consumer", self._consumer)

    def _sound(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() in failures.FENCED:
            text = f"{self._slot} is held by another process: {error}"
            raise FencedError(text)
        if error.fatal():
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
            log.warning("consumer: %s", error)
        return False

    def _rewind(self, places: set[Place] | list[Place]) -> None:
        """Go back to what is committed, which alone is true; a commit of unknown fate may have landed."""
        deadline = time.monotonic() + self._settings.rewind_s
        left = [TopicPartition(*place) for place in places if place in self._own]
        while left:
            try:
                for found in self._member().committed(left, 10.0):
                    offset = found.offset if found.offset >= 0 else OFFSET_BEGINNING
                    self._member().seek(TopicPartition(found.topic, found.partition, offset))
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("rewind: %s, once more", error)
                time.sleep(0.1)
            else:
                return

    def _measure(self, batch: Batch, result: Result) -> None:
        metrics = self._metrics
        metrics.batch_records.observe(len(batch.messages))
        for topic, number in batch.consumed.items():
            metrics.records_consumed.of(topic).inc(number)
        for topic, number in result.produced.items():
            metrics.records_produced.of(topic).inc(number)
        for reason, number in result.rejected.items():
            metrics.records_rejected.of(reason).inc(number)
        now = time.time()
        for timestamp in batch.oldest_ms.values():
            metrics.event_age.observe(max(0.0, now - timestamp / 1000))


def _names(partitions: list[TopicPartition]) -> str:
    return ", ".join(f"{p.topic}/{p.partition}" for p in partitions)
