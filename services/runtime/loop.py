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
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import TopicPartition

from services.runtime import batch as batches
from services.runtime.batch import Batch, Result
from services.runtime.clock import Clock
from services.runtime.hands import Hands
from services.runtime.health import Heartbeat
from services.runtime.loopsettings import LoopSettings
from services.runtime.membership import Membership
from services.runtime.metrics import Metrics
from services.runtime.ports import Clients, Message, Place
from services.runtime.records import Decoder, Encoder
from services.runtime.rejections import Rejections
from services.runtime.state import States
from services.runtime.transaction import BatchFailedError, Transactor
from services.runtime.watchdog import Watchdog
from services.runtime.worker import Later, Worker

log = logging.getLogger(__name__)
T = TypeVar("T")


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
        clock: Clock | None = None,
        hands: Hands | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        self.worker = worker
        self._settings = settings
        self._metrics = metrics
        self._heartbeat = heartbeat or Heartbeat(60.0)
        self._clock = clock or Clock()
        self._hands = hands or Hands(worker.name)
        self._stopping = threading.Event()
        self._decoder = Decoder(worker.reads, worker.name)
        self._encoder = Encoder(worker.name)
        self._member = Membership(
            worker, clients, slot=slot, metrics=metrics, clock=self._clock, rewind_s=settings.rewind_s
        )
        self._transactor = Transactor(
            clients,
            slot,
            timeout_s=settings.transaction_s,
            on_renew=metrics.producer_renewals.inc,
            clock=self._clock,
            stopping=self._stopping.is_set,
            watchdog=watchdog,
        )
        self._states = States(worker, clients, metrics, self._clock)
        self._rejections = Rejections(settings.max_rejected_share, settings.rejected_window)
        self._parked: dict[Place, float] = {}
        self._hold_until = 0.0

    # What a supervisor sees and asks.

    def stop(self) -> None:
        """Finish the batch at hand and leave; may be called from a signal handler or another thread."""
        self._stopping.set()

    def resume(self) -> None:
        """Go on in spite of the rejections that paused the worker."""
        self._rejections.allow()
        self._hold_until = min(self._hold_until, self._clock.monotonic())

    def not_ready(self) -> str | None:
        """Give why no traffic should be counted on yet, or None."""
        member, states = self._member, self._states
        reasons = (
            (not member.joined, "not started"),
            (not member.held, "no partitions are assigned"),
            (states.learning, "the tables are being read"),
            (bool(states.behind), f"the state of {len(states.behind)} partitions is being rebuilt"),
            (bool(self._hold_until), "paused: rejections"),
            (member.held <= set(self._parked), "paused: try_later"),
        )
        return next((reason for holds, reason in reasons if holds), None)

    # The loop.

    def start(self) -> None:
        """Fence a predecessor of the slot, then join the group."""
        self._transactor.start()
        if not self._stopping.is_set():
            self._member.join()

    def run(self) -> None:
        """Run until `stop`.

        Raises:
            FencedError: another process holds the slot.

        """
        try:
            self.start()
            while not self._stopping.is_set():
                self.turn()
        finally:
            self.close()

    def close(self) -> None:
        """Leave the group and let all clients go."""
        self._transactor.close()
        self._member.close()
        self._states.close()
        self._hands.close()
        if self.worker.close is not None:
            self.worker.close()

    def turn(self) -> None:
        """Do one round: at most one transaction."""
        self._heartbeat.beat()
        if self._held():
            return
        ready = self._ready()
        patience = 0.0 if self._busy_elsewhere() else self._settings.idle_s
        messages = self._member.take(self.worker.batch_size, patience, self._settings.linger_s)
        if messages:
            done = self._work(messages, self._member.metadata(), ready)
        else:
            done = self._reconsider() or not self._busy_elsewhere()
        if done:
            self._metrics.last_progress.set(self._clock.now().timestamp())

    def _ready(self) -> set[Place]:
        """Let state follow the partitions that are held, and those whose state is whole flow; give these."""
        held = self._member.held
        if news := self._member.news():
            self._states.follow({partition for _, partition in held}, news)
        idle = not held - self._states.waiting(held)
        for partition in self._states.step(0.2 if idle else 0.02):
            self._member.rewind({place for place in held if place[1] == partition})
        self._states.look()
        ready = held - self._states.waiting(held) - self._too_early()
        self._member.flow(ready)
        return ready

    def _busy_elsewhere(self) -> bool:
        return bool(self._states.behind or self._states.to_reconsider or self._states.learning)

    def _work(self, messages: list[Message], metadata: Any, ready: set[Place]) -> bool:  # noqa: ANN401 - opaque
        """Carry one batch through; True when it was committed."""
        batch = batches.decode(messages, ready & self._member.held, self._decoder)
        if len(messages) > len(batch.messages):
            self._leave(messages, batch)
        places = batch.places()
        if not places:
            return False
        result = self._decide(batch) if metadata is not None else None
        if result is None:
            self._member.rewind(places)
            return False
        if result.consumed and not self._commit(result, result.offsets(), metadata, places):
            return False
        if result.later:
            self._park(result.later)
        if not result.consumed:
            return False
        self._rejections.count(sum(result.consumed.values()), sum(result.rejected.values()))
        self._measure(batch, result)
        return True

    def _decide(self, batch: Batch) -> Result | None:
        """Give what a batch becomes, or None when it has to be read again, now or later."""
        with self._metrics.handle_duration.time():
            outcomes = self._call(lambda: batches.handle(self.worker, batch))
        if self._member.moved:
            return None
        result = batches.encode(self.worker, batch, outcomes, self._encoder, self._clock.now())
        if self._rejections.acceptable(sum(result.consumed.values()), sum(result.rejected.values())):
            return result
        self._hold(self._rejections.alarm(result.rejected))
        return None

    def _leave(self, messages: list[Message], batch: Batch) -> None:
        """Leave what is not ours to its owner, and what is not ready to a later read."""
        self._metrics.records_skipped.of("unowned").inc(len(messages) - len(batch.messages))
        self._member.rewind({(m.topic(), m.partition()) for m in messages} - set(batch.next_offsets))

    def _commit(self, result: Result, offsets: list[TopicPartition], metadata: Any, places: list[Place]) -> bool:  # noqa: ANN401 - opaque
        try:
            with self._metrics.transaction_duration.time():
                self._transactor.run(result.outgoing, offsets, metadata)
        except BatchFailedError as error:
            self._metrics.transactions.of("aborted").inc()
            log.warning("a batch with %d outputs is read again: %s", len(result.outgoing), error)
            if self._stopping.is_set():
                return False  # whoever comes next begins at what is committed
            if not error.certain:
                self._states.rebuild({partition for _, partition in places})
            self._member.rewind(places)
            return False
        self._metrics.transactions.of("committed").inc()
        self._states.committed(result.own)
        return True

    def _reconsider(self) -> bool:
        """Give out again what no longer holds, a bounded number at a time; True when some of it was committed."""
        if not self._states.to_reconsider or self._member.moved:
            return False
        metadata = self._member.metadata()
        if metadata is None:
            return False
        found = self._call(lambda: self._states.reconsider(self._settings.reconsider_size))
        if found is None or self._member.moved:
            return False
        partition, events = found
        places = [place for place in self._member.held if place[1] == partition]
        # The offsets do not move; they are sent so that the broker checks our generation.
        committed = self._member.committed(places)
        offsets = [TopicPartition(*place, committed.get(place, 0)) for place in places]
        result = batches.reconsidered(partition, events, self._encoder, self._clock.now())
        done = self._commit(result, offsets, metadata, places)
        if done:
            self._metrics.reconsidered.inc(len(events))
            for topic, number in result.produced.items():
                self._metrics.records_produced.of(topic).inc(number)
        return done

    # Waiting without letting go.

    def _park(self, later: dict[Place, Later]) -> None:
        """Leave partitions alone whose next record has to wait; the others go on."""
        for why in sorted({each.why for each in later.values()}):
            log.warning("%s waits: %s", self.worker.name, why)
        now = self._clock.monotonic()
        self._parked |= {place: now + each.seconds for place, each in later.items()}
        self._metrics.paused.of("try_later").set(1)
        self._member.rewind(later)

    def _too_early(self) -> set[Place]:
        if not self._parked:
            return set()
        now, held = self._clock.monotonic(), self._member.held
        self._parked = {place: until for place, until in self._parked.items() if until > now and place in held}
        self._metrics.paused.of("try_later").set(bool(self._parked))
        return set(self._parked)

    def _hold(self, text: str) -> None:
        """Take nothing for a while: most of what comes is rejected, so that somebody should look first."""
        seconds = self._settings.rejections_hold_s
        log.error("%s pauses for up to %.1f s: %s", self.worker.name, seconds, text)
        self._hold_until = self._clock.monotonic() + seconds
        self._metrics.paused.of("rejections").set(1)
        self._member.stop()

    def _held(self) -> bool:
        if not self._hold_until:
            return False
        began = self._clock.monotonic()
        self._member.poll(max(0.0, min(0.2, self._hold_until - began)))
        now = self._clock.monotonic()
        self._metrics.backpressure.inc(now - began)
        if now < self._hold_until:
            return True
        self._metrics.paused.of("rejections").set(0)
        self._hold_until = 0.0
        return False

    def _call(self, work: Callable[[], T]) -> T:
        """Run the worker's own code; poll on, with everything paused, when it takes long."""
        return self._hands.call(work, self._wait)

    def _wait(self) -> None:
        began = self._clock.monotonic()
        self._heartbeat.beat()
        self._member.stop()
        self._member.poll(0.1)
        self._metrics.backpressure.inc(self._clock.monotonic() - began)

    def _measure(self, batch: Batch, result: Result) -> None:
        metrics = self._metrics
        metrics.batch_records.observe(sum(result.consumed.values()))
        for topic, number in result.consumed.items():
            metrics.records_consumed.of(topic).inc(number)
        for topic, number in result.produced.items():
            metrics.records_produced.of(topic).inc(number)
        for reason, number in result.rejected.items():
            metrics.records_rejected.of(reason).inc(number)
        now = self._clock.now().timestamp()
        for timestamp in batch.oldest_ms.values():
            metrics.event_age.observe(max(0.0, now - timestamp / 1000))
        if self.worker.told is not None:
            self.worker.told(result.events)
