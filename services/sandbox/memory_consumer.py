"""Members of a group and readers of a cluster in memory, as confluent-kafka's consumers behave, without waiting.

A poll that finds nothing gives nothing at once, after telling `idle` how long it would have waited. Each poll serves
one change of the group at most, as librdkafka's does one callback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, KafkaError, TopicPartition

from services.sandbox.memory_cluster import trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.runtime.ports import Message, Place, Rebalanced
    from services.sandbox.memory_cluster import Cluster, Entry, Group, Log, Member


POLL_S = 0.01
"""How long a poll takes that finds something."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as consumed; `fault` is an error in its place."""

    where: Place
    at: int
    entry: Entry | None = None
    fault: Any = None

    def error(self) -> Any:  # noqa: ANN401, D102 - as in ports
        return self.fault

    def topic(self) -> str:  # noqa: D102
        return self.where[0]

    def partition(self) -> int:  # noqa: D102
        return self.where[1]

    def offset(self) -> int:  # noqa: D102
        return self.at

    def key(self) -> bytes | None:  # noqa: D102
        return self.entry.key if self.entry else None

    def value(self) -> bytes | None:  # noqa: D102
        return self.entry.value if self.entry else None

    def headers(self) -> list[tuple[str, bytes]] | None:  # noqa: D102
        return (self.entry.headers or None) if self.entry else None

    def timestamp(self) -> tuple[int, int]:  # noqa: D102
        return (1, self.entry.timestamp_ms) if self.entry else (0, -1)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who a member was when it asked."""

    group: str
    generation: int
    member: str
    instance: str


@dataclass(frozen=True, slots=True)
class Found:
    """A committed position; stands for confluent-kafka's TopicPartition, whose `error` cannot be set."""

    topic: str
    partition: int
    offset: int
    error: Any = None


class MemoryConsumer:
    """A member of a group, or a reader without one."""

    def __init__(
        self, cluster: Cluster, idle: Callable[[float], None], *, static: bool = True, most: int = 100_000
    ) -> None:
        self._cluster = cluster
        self._most = most
        self._static = static
        self._idle = idle
        self._positions: dict[Place, int | None] = {}
        """None: to be looked up in what is committed."""
        self._paused: set[Place] = set()
        self._ended: dict[Place, int] = {}
        self._turn = 0
        self._group: Group | None = None
        self._group_name = ""
        self._member: Member | None = None
        self._callbacks: dict[str, Rebalanced] = {}
        self._told_fenced = False
        self._joined = False

    def join(self, group: str, member: Member, callbacks: dict[str, Rebalanced]) -> None:
        """Ask to be a member; the first poll brings it about."""
        self._group_name, self._group = group, self._cluster.groups[group]
        self._member, self._callbacks = member, callbacks

    # The group's news.

    def hear(self) -> None:
        """Take the coordinator's answer to a heartbeat, as librdkafka does on its own thread between polls."""
        if self._member is not None and self._member.expelled:
            self._member.id = ""

    def _serve(self) -> Record | None:
        member, group = self._member, self._group
        if member is None or group is None:
            return None
        if not self._joined:
            self._joined = True
            group.join(member)
        if member.fenced:
            if self._told_fenced:
                return None
            self._told_fenced = True
            fault = KafkaError(KafkaError._FATAL, "Fatal error: Static consumer fenced by another")  # noqa: SLF001 - local code
            return Record(("", -1), OFFSET_INVALID, fault=fault)
        if member.expelled:
            self.hear()
            self._tell("lost", member, set(member.held))
            member.expelled = False
            member.target = set()
            group.join(member)
        elif (move := group.next_move(member)) is not None:
            what, places = move
            self._tell(what, member, places)
            if what == "revoke" and not member.fenced and not member.expelled:
                group.rebalance()
        return None

    def _tell(self, what: str, member: Member, places: set[Place]) -> None:
        partitions = [TopicPartition(*place) for place in sorted(places)]
        if what == "assign":
            member.held |= places
        if partitions:
            self._callbacks[what](self, partitions)
        if what != "assign":
            member.held -= places

    # Records.

    def consume(self, num_messages: int, timeout: float) -> list[Message]:  # noqa: D102 - as in ports
        self._cluster.reach("before consume")
        most = min(num_messages, self._most)
        fault = self._serve()
        taken: list[Message] = [fault] if fault is not None else []
        places = sorted(self._positions)
        if places:
            self._turn = (self._turn + 1) % len(places)
        for place in places[self._turn :] + places[: self._turn]:
            if len(taken) >= most:
                break
            if place not in self._paused:
                self._fetch(place, most, taken)
        self._idle(POLL_S if taken else timeout)
        self._cluster.reach("after consume")
        return taken

    def poll(self, timeout: float) -> Message | None:  # noqa: D102
        self._cluster.reach("before poll")
        found = self.consume(1, timeout)
        return found[0] if found else None

    def _fetch(self, place: Place, most: int, taken: list[Message]) -> None:
        log = self._log(place)
        if log is None:
            return
        position = self._positions[place]
        if position is None:
            position = self._looked_up(place)
            if position is None:
                return
        while position < log.stable and len(taken) < most:
            if log.seen(position):
                taken.append(Record(place, position, log.entries[position]))
            position += 1
        while position < log.stable and not log.seen(position):
            position += 1
        self._positions[place] = position
        told = self._ended.get(place) == position
        if self._group is None and position >= log.stable and not told and len(taken) < most:
            self._ended[place] = position
            fault = KafkaError(KafkaError._PARTITION_EOF)  # noqa: SLF001 - librdkafka's local code
            taken.append(Record(place, position, fault=fault))

    def _log(self, place: Place) -> Log | None:
        logs = self._cluster.topics.get(place[0], [])
        return logs[place[1]] if place[1] < len(logs) else None

    def _looked_up(self, place: Place) -> int | None:
        if self._group is None:
            return 0
        if self._cluster.pending(self._group_name, [place]):
            return None
        return self._group.committed.get(place, 0)

    # Positions.

    def assignment(self) -> list[TopicPartition]:  # noqa: D102
        return [TopicPartition(*place) for place in sorted(self._positions)]

    def assign(self, partitions: list[TopicPartition]) -> None:  # noqa: D102
        self._positions.clear()
        self.incremental_assign(partitions)

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:  # noqa: D102
        for p in partitions:
            place = (p.topic, p.partition)
            self._ended.pop(place, None)
            start = 0 if p.offset == OFFSET_BEGINNING else None
            self._positions[place] = p.offset if p.offset >= 0 else start

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:  # noqa: D102
        for p in partitions:
            self._positions.pop((p.topic, p.partition), None)

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[Any]:  # noqa: D102
        self._cluster.reach("before committed")
        places = [(p.topic, p.partition) for p in partitions]
        if self._group is None or self._cluster.pending(self._group_name, places):
            self._idle(timeout)
            raise trouble(KafkaError._TIMED_OUT)  # noqa: SLF001 - librdkafka's local code
        known = self._group.committed
        return [Found(*place, known.get(place, OFFSET_INVALID)) for place in places]

    def seek(self, partition: TopicPartition) -> None:  # noqa: D102
        place = (partition.topic, partition.partition)
        if place not in self._positions:
            raise trouble(KafkaError._UNKNOWN_PARTITION)  # noqa: SLF001 - librdkafka's local code
        self._ended.pop(place, None)
        self._positions[place] = max(0, partition.offset)

    def pause(self, partitions: list[TopicPartition]) -> None:  # noqa: D102
        self._paused.update((p.topic, p.partition) for p in partitions)

    def resume(self, partitions: list[TopicPartition]) -> None:  # noqa: D102
        self._paused.difference_update((p.topic, p.partition) for p in partitions)

    def consumer_group_metadata(self) -> Metadata | None:  # noqa: D102
        member = self._member
        if member is None:
            return None
        return Metadata(self._group_name, member.generation, member.id, member.instance if self._static else "")

    def close(self) -> None:
        """Give up what is held. A static member stays in the group's books until it is expelled."""
        member = self._member
        if member is not None and not member.fenced and member.held:
            self._tell("lost" if member.expelled else "revoke", member, set(member.held))
        self._positions.clear()
