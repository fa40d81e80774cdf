"""Clients of a cluster in memory, for `services.runtime.ports`: what confluent-kafka's clients do, without waiting."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NoReturn

from confluent_kafka import KafkaError, TopicPartition

from services.sandbox.memory_cluster import Cluster, Ending, Entry, Member, Transaction, trouble
from services.sandbox.memory_consumer import MemoryConsumer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.runtime.ports import Headers, Rebalanced


class MemoryProducer:
    """A transactional producer."""

    def __init__(self, cluster: Cluster, transactional_id: str, on_suspect: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._coordinator = cluster.coordinators[transactional_id]
        self._epoch = -2
        self._open = False
        self._unheard = False
        self._abortable: Any = None
        self._fatal: Any = None
        self.suspect = on_suspect

    def init_transactions(self, timeout: float) -> None:  # noqa: ARG002, D102 - as in ports
        self._cluster.reach("before init")
        self._cluster.end(self._coordinator, Ending.ABORTED)
        self._coordinator.epoch += 1
        self._epoch = self._coordinator.epoch
        self._cluster.reach("after init")

    def begin_transaction(self) -> None:  # noqa: D102
        self._cluster.reach("before begin")
        if self._fatal is not None:
            raise self._fatal
        if self._open or self._epoch < 0:
            raise trouble(KafkaError._STATE)  # noqa: SLF001 - librdkafka's local code
        self._open = True

    def produce(  # noqa: D102
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int = -1,
        *,
        headers: Headers | None = None,
    ) -> None:
        self._cluster.reach("before produce")
        if not self._open:
            raise trouble(KafkaError._STATE)  # noqa: SLF001 - librdkafka's local code
        if self._fatal is None and self._abortable is None and self._current():
            logs = self._cluster.topics.get(topic, [])
            chosen = partition if partition >= 0 else zlib.crc32(key or b"") % max(1, len(logs))
            if chosen >= len(logs):
                self._abortable = trouble(KafkaError.UNKNOWN_TOPIC_OR_PART, abort=True)
                return
            entry = Entry(key, value, list(headers or ()), self._cluster.now_ms(), self._mine())
            self._cluster.write(self._mine(), topic, chosen, entry)
        self._cluster.reach("after produce")

    def poll(self, timeout: float) -> int:  # noqa: ARG002, D102
        return 0

    def flush(self, timeout: float) -> int:  # noqa: ARG002, D102
        self._cluster.reach("before flush")
        if self._fatal is not None:
            raise self._fatal
        return 0

    def send_offsets_to_transaction(  # noqa: D102
        self,
        positions: list[TopicPartition],
        group_metadata: Any,  # noqa: ANN401 - opaque
        timeout: float,  # noqa: ARG002
    ) -> None:
        self._cluster.reach("before send_offsets")
        self._check()
        group = self._cluster.groups[group_metadata.group]
        code = group.refuses(group_metadata.member, group_metadata.generation, group_metadata.instance)
        if code is not None:
            self._abortable = trouble(code, abort=True)
            raise self._abortable
        offsets = self._mine().offsets.setdefault(group_metadata.group, {})
        offsets |= {(p.topic, p.partition): p.offset for p in positions}
        self._cluster.reach("after send_offsets")

    def commit_transaction(self, timeout: float) -> None:  # noqa: ARG002, D102
        self._cluster.reach("before commit")
        if not self._unheard:  # else the same commit is asked for once more, after a time-out
            self._check()
            self._cluster.end(self._coordinator, Ending.COMMITTED)
            self._open, self._unheard = False, True
        self._cluster.reach("after commit")
        self._unheard = False

    def abort_transaction(self, timeout: float) -> None:  # noqa: ARG002, D102
        self._cluster.reach("before abort")
        if self._fatal is not None:
            raise self._fatal
        if self._current():
            self._cluster.end(self._coordinator, Ending.ABORTED)
        else:
            self._fence()
        self._abortable, self._open = None, False
        self._cluster.reach("after abort")

    def purge(self) -> None:  # noqa: D102
        pass

    def _mine(self) -> Transaction:
        if self._coordinator.transaction is None:
            self._coordinator.transaction = Transaction(self._epoch)
        return self._coordinator.transaction

    def _current(self) -> bool:
        return self._epoch == self._coordinator.epoch

    def _check(self) -> None:
        if self._fatal is not None:
            raise self._fatal
        if self._abortable is not None:
            raise self._abortable
        if not self._open:
            raise trouble(KafkaError._STATE)  # noqa: SLF001 - librdkafka's local code
        if not self._current():
            self._fence()

    def _fence(self) -> NoReturn:
        self._fatal = trouble(KafkaError._FENCED, fatal=True)  # noqa: SLF001 - librdkafka's local code
        raise self._fatal


class MemoryClients:
    """Clients of one cluster; see `ports.Clients`. `consumers` are the members that were made, by slot.

    Members that are not `static` do not name their instance to the coordinator when they send offsets. A poll gives
    `most` records at most, however many are there.
    """

    def __init__(
        self,
        cluster: Cluster,
        idle: Callable[[float], None] = lambda _: None,
        *,
        static: bool = True,
        most: int = 100_000,
    ) -> None:
        self._cluster = cluster
        self._most = most
        self._static = static
        self._idle = idle
        self.consumers: dict[str, MemoryConsumer] = {}
        self.producers: dict[str, MemoryProducer] = {}

    def member(  # noqa: D102
        self,
        topics: Sequence[str],
        *,
        group: str,
        slot: str,
        on_assign: Rebalanced,
        on_revoke: Rebalanced,
        on_lost: Rebalanced,
        on_lag: Callable[[Mapping[tuple[str, int], int]], None],  # noqa: ARG002
    ) -> MemoryConsumer:
        consumer = self.consumers[slot] = MemoryConsumer(
            self._cluster, self._idle, static=self._static, most=self._most
        )
        consumer.join(group, Member(slot, topics), {"assign": on_assign, "revoke": on_revoke, "lost": on_lost})
        return consumer

    def reader(self) -> MemoryConsumer:  # noqa: D102
        return MemoryConsumer(self._cluster, self._idle, most=self._most)

    def producer(self, transactional_id: str, on_suspect: Callable[[str], None]) -> MemoryProducer:  # noqa: D102
        producer = self.producers[transactional_id] = MemoryProducer(self._cluster, transactional_id, on_suspect)
        return producer

    def ends(self, partitions: Sequence[TopicPartition]) -> dict[tuple[str, int], int]:  # noqa: D102
        self._cluster.reach("before ends")
        return {(p.topic, p.partition): self._cluster.log(p.topic, p.partition).end for p in partitions}

    def since(self, partitions: Sequence[TopicPartition], at_ms: int) -> dict[tuple[str, int], int]:  # noqa: D102
        logs = {(p.topic, p.partition): self._cluster.log(p.topic, p.partition) for p in partitions}
        return {
            place: next((at for at, entry in enumerate(log.entries) if entry.timestamp_ms >= at_ms), log.end)
            for place, log in logs.items()
        }

    def partitions(self, topic: str) -> int:  # noqa: D102
        return len(self._cluster.topics.get(topic, ()))

    def generation(self, metadata: Any) -> tuple[int, str]:  # noqa: ANN401, D102 - opaque
        return (metadata.generation, metadata.member) if metadata is not None else (-1, "")
