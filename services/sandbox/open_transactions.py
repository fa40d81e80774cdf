"""Whether anything was left behind: transactions that nobody ended, and records that a group has not read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

if TYPE_CHECKING:
    from services.runtime.kafka import KafkaClients

ASK_S = 20.0
AGAIN_S = 0.2
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Open:
    """A partition on which a transaction is under way: no reader gets past `stable`."""

    topic: str
    partition: int
    stable: int
    end: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}: stable up to {self.stable}, and ends at {self.end}"


def places(clients: KafkaClients, topics: Iterable[str]) -> list[Place]:
    """Give all partitions of these topics; one that is not there has none."""
    return [(topic, partition) for topic in topics for partition in range(clients.partitions(topic))]


def open_transactions(clients: KafkaClients, topics: Iterable[str], patience_s: float = 5.0) -> list[Open]:
    """Give the partitions that hold a transaction which nobody commits or aborts within `patience_s`.

    A transaction that was ended a moment ago still looks open, until the brokers have written so on each partition.

    Raises:
        KafkaException: the brokers did not say.

    """
    wanted = places(clients, topics)
    deadline = time.monotonic() + patience_s
    stuck = _open(clients, wanted)
    while stuck and time.monotonic() < deadline:
        time.sleep(AGAIN_S)
        now = {(each.topic, each.partition): each for each in _open(clients, wanted)}
        before = {(each.topic, each.partition): each.stable for each in stuck}
        stuck = [each for place, each in now.items() if before.get(place) == each.stable]
    return stuck


def _open(clients: KafkaClients, wanted: list[Place]) -> list[Open]:
    stable = _ends(clients, wanted, IsolationLevel.READ_COMMITTED)
    ends = _ends(clients, wanted, IsolationLevel.READ_UNCOMMITTED)
    return [Open(*place, stable[place], ends[place]) for place in wanted if stable[place] < ends[place]]


def lag(
    clients: KafkaClients, reads: Mapping[str, Iterable[str]], last: Mapping[Place, int] | None = None
) -> dict[str, int]:
    """Give, for each group, how many offsets of the topics that it `reads` lie between its commits and the stable ends.

    Markers of transactions take offsets and are no records, so that a group which has read everything still seems to
    be a few behind. Where `last` says which offset the last record of a partition has (`Follower.last`; a partition
    that it lacks holds none), a group that is past it is not behind.

    Raises:
        KafkaException: the brokers did not say.

    """
    wanted = {group: places(clients, topics) for group, topics in reads.items()}
    every = sorted({place for each in wanted.values() for place in each})
    ends = _ends(clients, every, IsolationLevel.READ_COMMITTED)
    starts = _offsets(clients, every, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)
    found = {}
    for group, mine in wanted.items():
        committed = clients.committed(group, mine, ASK_S)
        found[group] = sum(
            ends[place] - position
            for place in mine
            if (position := max(starts[place], committed.get(place, 0))) < ends[place]
            and (last is None or position <= last.get(place, -1))
        )
    return found


def _ends(clients: KafkaClients, wanted: Iterable[Place], isolation: IsolationLevel) -> dict[Place, int]:
    return _offsets(clients, wanted, OffsetSpec.latest(), isolation)


def _offsets(
    clients: KafkaClients, wanted: Iterable[Place], what: Any, isolation: IsolationLevel  # noqa: ANN401 - confluent-kafka is untyped
) -> dict[Place, int]:  # fmt: skip
    asked = [TopicPartition(*place) for place in wanted]
    until = time.monotonic() + ASK_S
    while True:
        try:
            return clients.offsets(asked, what, isolation, ASK_S)
        except KafkaException:
            # A leader that has just changed answers with an epoch that the next one does not know; it is asked anew.
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
