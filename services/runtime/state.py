"""The state of a stateful worker, by partition: rebuilt from its own output, changed only by what was committed."""

import logging
from collections.abc import Iterable, Sequence
from typing import cast

from confluent_kafka import KafkaException

from services.events import Event
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.runtime.ports import Clients, Place
from services.runtime.replay import Replay
from services.runtime.worker import Learns, Reconsiders, Stateful, Worker

log = logging.getLogger(__name__)


class States:
    """Which partitions' state is whole, and how the others get there. Does nothing for a stateless worker."""

    def __init__(self, worker: Worker, clients: Clients, metrics: Metrics, clock: Clock) -> None:
        self._worker = worker
        self._clients = clients
        self._metrics = metrics
        self._clock = clock
        self._source = worker.rebuilds_from
        self._whole: set[int] = set()
        self._began: dict[int, float] = {}
        self.to_reconsider: set[int] = set()
        self._replay = Replay(clients, (self._source,), self._fold, clock) if self._source else None
        self._tables = Replay(clients, worker.tables, self._learn, clock) if worker.tables else None
        self._keys: dict[str, set[str]] = {kind.topic: set() for kind in worker.tables}
        self._unread: set[int] = set()
        self._begun = False
        self._learnt = False

    @property
    def learning(self) -> bool:
        """Whether the tables are not known yet: nothing can be decided before."""
        return self._tables is not None and (not self._begun or bool(self._tables.behind))

    @property
    def behind(self) -> set[int]:
        """Partitions whose state is being rebuilt."""
        return set(self._began)

    def waiting(self, own: Iterable[Place]) -> set[Place]:
        """Give those of `own` that must not be handled yet."""
        if self.learning:
            return set(own)
        if self._source is None:
            return set()
        return {place for place in own if place[1] not in self._whole}

    def follow(self, held: set[int], news: set[int]) -> None:
        """Take note that the partitions in `news` came or went: what is held of them is read anew, the rest dropped."""
        self.rebuild(news & held)
        self._forget(news - held)

    def rebuild(self, partitions: set[int]) -> None:
        """Drop the state of these partitions and begin to read it again."""
        if self._replay is None or not partitions:
            return
        self._drop(partitions)
        for partition in partitions:
            self._began[partition] = self._clock.monotonic()
        self._unread |= partitions
        self._metrics.rebuilding.set(len(self._began))

    def _forget(self, partitions: set[int]) -> None:
        if self._replay is None or not partitions:
            return
        self._drop(partitions)
        for partition in partitions:
            self._began.pop(partition, None)
        self._metrics.rebuilding.set(len(self._began))

    def _drop(self, partitions: set[int]) -> None:
        replay, source = self._reading()
        replay.end([(source, partition) for partition in partitions])
        for partition in partitions:
            self._handler().forget(partition)
        self._whole -= partitions
        self._unread -= partitions
        self.to_reconsider -= partitions

    def step(self, seconds: float) -> set[int]:
        """Read on for a while; give the partitions whose state became whole."""
        if self._replay is None or not self._began:
            return set()
        replay, source = self._reading()
        if self._unread and replay.begin([(source, partition) for partition in self._unread]):
            self._unread.clear()
        done = {partition for _, partition in replay.step(seconds)} & set(self._began)
        replay.end([(source, partition) for partition in done])
        for partition in done:
            took = self._clock.monotonic() - self._began.pop(partition)
            log.info("state of partition %d is whole after %.1f s", partition, took)
            self._metrics.rebuild_duration.set(took)
        self._metrics.rebuild_records.set(replay.records)
        self._metrics.rebuilding.set(len(self._began))
        self._whole |= done
        if self._tables is not None:
            self.to_reconsider |= done
        return done

    def committed(self, own: Sequence[tuple[int, Event]]) -> None:
        """Take committed outputs into the state."""
        handler = self._handler()
        for partition, event in own:
            handler.fold(partition, event)

    def look(self) -> bool:
        """Read on in the tables; True when something new was learnt."""
        if self._tables is None:
            return False
        if not self._begun:
            self._begun = self._begin(self._tables)
        self._learnt = False
        catching_up = self.learning
        self._tables.step(0.2 if catching_up else 0.0)
        if self._learnt or (catching_up and not self.learning):
            self.to_reconsider |= self._whole
            for topic, keys in self._keys.items():
                self._metrics.table_records.of(topic).set(len(keys))
        return self._learnt

    def reconsider(self, at_most: int) -> tuple[int, Sequence[Event]] | None:
        """Give the outputs of one partition that no longer hold; None when all hold, or the tables are unknown."""
        if self.learning:
            return None
        while self.to_reconsider:
            partition = min(self.to_reconsider)
            events = cast("Reconsiders", self._worker.handler).reconsider(partition, at_most)
            if events:
                return partition, events
            self.to_reconsider.discard(partition)
        return None

    def close(self) -> None:
        """Let the readers go."""
        for replay in (self._replay, self._tables):
            if replay is not None:
                replay.close()

    def _begin(self, tables: Replay) -> bool:
        places: list[Place] = []
        for kind in self._worker.tables:
            try:
                number = self._clients.partitions(kind.topic)
            except KafkaException as error:
                log.warning("topic %s is not known, once more: %s", kind.topic, error)
                return False
            if number == 0:
                log.warning("topic %s is not there; waiting for `stormdrain topics apply`", kind.topic)
                self._clock.sleep(0.2)
                return False
            places += [(kind.topic, partition) for partition in range(number)]
        age = self._worker.tables_age
        return tables.begin(places, None if age is None else self._clock.now() - age)

    def _reading(self) -> tuple[Replay, str]:
        return cast("Replay", self._replay), cast("type[Event]", self._source).topic

    def _handler(self) -> Stateful:
        return cast("Stateful", self._worker.handler)

    def _fold(self, _topic: str, partition: int, event: Event) -> None:
        self._handler().fold(partition, event)

    def _learn(self, topic: str, _partition: int, event: Event) -> None:
        cast("Learns", self._worker.handler).learn(event)
        self._keys[topic].add(event.key)
        self._learnt = True
