"""The state of a stateful worker, by partition: rebuilt from its own output, changed only by what was committed."""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import cast

from services.events import Event
from services.runtime.metrics import Metrics
from services.runtime.ports import Clients
from services.runtime.replay import Place, Replay
from services.runtime.worker import Reconsiders, Stateful, Worker

log = logging.getLogger(__name__)


class States:
    """Which partitions' state is whole, and how the others get there. Does nothing for a stateless worker."""

    def __init__(self, worker: Worker, clients: Clients, metrics: Metrics) -> None:
        self._worker = worker
        self._clients = clients
        self._metrics = metrics
        self._source = worker.rebuilds_from
        self._whole: set[int] = set()
        self._began: dict[int, float] = {}
        self.to_reconsider: set[int] = set()
        self._replay = Replay(clients, (self._source,), self._fold) if self._source else None
        self._tables = Replay(clients, worker.tables, self._learn) if worker.tables else None
        self._keys: dict[str, set[str]] = {kind.topic: set() for kind in worker.tables}
        self._learnt = False

    def start(self) -> None:
        """Begin to read the tables; `behind` says when they are known."""
        if self._tables is not None:
            for kind in self._worker.tables:
                number = self._clients.partitions(kind.topic)
                self._tables.begin([(kind.topic, partition) for partition in range(number)])

    @property
    def behind(self) -> set[int]:
        """Partitions whose state is being rebuilt."""
        return set(self._began)

    def waiting(self, own: Iterable[Place]) -> set[Place]:
        """Give those of `own` that must not be handled yet."""
        if self._source is None:
            return set()
        if self._tables is not None and self._tables.behind:
            return set(own)
        return {place for place in own if place[1] not in self._whole}

    def rebuild(self, partitions: set[int]) -> None:
        """Drop the state of these partitions and begin to read it again."""
        if self._replay is None or self._source is None or not partitions:
            return
        for partition in partitions:
            self._handler().forget(partition)
            self._began[partition] = time.monotonic()
        self._whole -= partitions
        self._replay.begin([(self._source.topic, partition) for partition in partitions])
        self._metrics.rebuilding.set(len(self._began))

    def forget(self, partitions: set[int]) -> None:
        """Drop the state of partitions that moved elsewhere."""
        if self._replay is None or self._source is None:
            return
        self._replay.end([(self._source.topic, partition) for partition in partitions])
        for partition in partitions:
            self._handler().forget(partition)
            self._began.pop(partition, None)
        self._whole -= partitions
        self.to_reconsider -= partitions
        self._metrics.rebuilding.set(len(self._began))

    def step(self, seconds: float) -> set[int]:
        """Read on for a while; give the partitions whose state became whole."""
        if self._replay is None or self._source is None or not self._began:
            return set()
        done = {partition for _, partition in self._replay.step(seconds)} & set(self._began)
        self._replay.end([(self._source.topic, partition) for partition in done])
        for partition in done:
            took = time.monotonic() - self._began.pop(partition)
            log.info("state of partition %d is whole after %.1f s", partition, took)
            self._metrics.rebuild_duration.set(took)
        self._metrics.rebuild_records.set(self._replay.records)
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
        self._learnt = False
        catching_up = bool(self._tables.behind)
        self._tables.step(0.2 if catching_up else 0.0)
        if self._learnt:
            self.to_reconsider |= self._whole
            for topic, keys in self._keys.items():
                self._metrics.table_records.of(topic).set(len(keys))
        return self._learnt

    def reconsider(self, at_most: int) -> tuple[int, Sequence[Event]] | None:
        """Give the outputs of one partition that no longer hold; None when all hold."""
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

    def _handler(self) -> Stateful:
        return cast("Stateful", self._worker.handler)

    def _fold(self, _topic: str, partition: int, event: Event) -> None:
        self._handler().fold(partition, event)

    def _learn(self, topic: str, _partition: int, event: Event) -> None:
        cast("Reconsiders", self._worker.handler).learn(event)
        self._keys[topic].add(event.key)
        self._learnt = True
