"""Reading partitions whole, outside any group: how state is rebuilt, and how topics that concern everyone are known.

A replay ends by position: when the reader stands at or beyond the high watermark that the partition had when the
replay began, open transactions included. Counting records, or waiting for the offset of the last record, would wait
for ever, since transaction markers take offsets and aborted records are never shown. Waiting for the watermark, and
not only for what is stable now, is what makes the state whole: what a predecessor had written before this process
took over is then either in it or aborted.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from services.events import Event
from services.runtime.clock import Clock
from services.runtime.ports import Clients, Consumer, Place
from services.runtime.records import Decoder, readable
from services.runtime.worker import Rejected

log = logging.getLogger(__name__)


class Replay:
    """Reads partitions of topics from their beginning; each is `whole` once it has reached its target."""

    def __init__(
        self, clients: Clients, kinds: Sequence[type[Event]], take: Callable[[str, int, Event], None], clock: Clock
    ) -> None:
        self._clients = clients
        self._decoder = Decoder(kinds)
        self._take = take
        self._clock = clock
        self._reader: Consumer | None = None
        self._targets: dict[Place, int] = {}
        self._held: set[Place] = set()
        self.records = 0

    def begin(self, places: Iterable[Place], since: datetime | None = None) -> bool:
        """Read these partitions from their beginning, or from `since`; one that was being read begins again.

        False when the broker could not say where they end: nothing began, ask again.
        """
        wanted = [TopicPartition(topic, partition) for topic, partition in places]
        try:
            targets = self._clients.ends(wanted)
            starts = {} if since is None else self._clients.since(wanted, int(since.timestamp() * 1000))
        except KafkaException as error:
            log.warning("replay: the ends of %d partitions are not known, once more: %s", len(wanted), error)
            return False
        self.end([(p.topic, p.partition) for p in wanted])
        self._targets.update(targets)
        if self._reader is None:
            self._reader = self._clients.reader()
        for p in wanted:
            p.offset = starts.get((p.topic, p.partition), OFFSET_BEGINNING)
        self._reader.incremental_assign(wanted)
        self._held.update((p.topic, p.partition) for p in wanted)
        return True

    def end(self, places: Iterable[Place]) -> None:
        """Read these partitions no more."""
        gone = [place for place in places if place in self._held]
        if gone and self._reader is not None:
            self._reader.incremental_unassign([TopicPartition(*place) for place in gone])
        self._held.difference_update(gone)
        for place in gone:
            self._targets.pop(place, None)

    @property
    def behind(self) -> set[Place]:
        """The partitions that have not reached their target yet."""
        return set(self._targets)

    def step(self, timeout_s: float, at_most: int = 5000) -> set[Place]:
        """Read on for up to `timeout_s`; give the partitions that became whole. They go on being read until `end`."""
        if self._reader is None or not self._held:
            return set()
        whole: set[Place] = {place for place, target in self._targets.items() if target <= 0}
        deadline = self._clock.monotonic() + timeout_s
        while not whole:
            messages = self._reader.consume(at_most, min(timeout_s, 0.05))
            for message in messages:
                place = (message.topic(), message.partition())
                if place not in self._held:
                    continue
                error = message.error()
                if error is None:
                    self._fold(place, message.value(), readable(message).headers())
                    reached = message.offset() + 1
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                    reached = message.offset()
                else:
                    log.warning("replay: %s", error)
                    continue
                if reached >= self._targets.get(place, reached + 1):
                    whole.add(place)
            if self._clock.monotonic() >= deadline or not messages:
                break
        for place in whole:
            self._targets.pop(place, None)
        return whole

    def close(self) -> None:
        """Let the reader go."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _fold(self, place: Place, value: bytes | None, headers: Sequence[tuple[str, bytes]] | None) -> None:
        if value is None:
            return  # a tombstone: what it erases is not state of ours
        event = self._decoder.decode(place[0], value, headers)
        if event is None:
            return  # a repeat for one reader of the topic; the record itself was here before
        if isinstance(event, Rejected):
            # Our own output, or a table others wrote: a fault in it cannot go to the dead letters twice.
            log.error("replay of %s passes over a record: %s %s", place[0], event.reason, event.detail)
            return
        self.records += 1
        self._take(*place, event)
