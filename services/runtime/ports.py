"""What the loop asks of a broker's clients: the part of confluent-kafka's interface that it uses.

`services.runtime.kafka` gives real clients, `services.sandbox.memory` a verified fake; one suite of tests runs on both.
Errors are confluent-kafka's `KafkaException` carrying a `KafkaError` on either side.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import TopicPartition

Place = tuple[str, int]
"""Topic and partition."""

Headers = Sequence[tuple[str, bytes | None]]


class Message(Protocol):
    """One record as consumed, or an error in its place."""

    def error(self) -> Any: ...  # noqa: ANN401, D102 - KafkaError | None; confluent-kafka is untyped
    def topic(self) -> str: ...  # noqa: D102
    def partition(self) -> int: ...  # noqa: D102
    def offset(self) -> int: ...  # noqa: D102
    def key(self) -> bytes | None: ...  # noqa: D102
    def value(self) -> bytes | None: ...  # noqa: D102
    def headers(self) -> list[tuple[str, bytes]] | None: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102


class Consumer(Protocol):
    """A member of a consumer group, or a group-less reader after `assign`. Belongs to one thread."""

    def consume(self, num_messages: int, timeout: float) -> list[Message]: ...  # noqa: D102
    def poll(self, timeout: float) -> Message | None: ...  # noqa: D102
    def assignment(self) -> list[TopicPartition]: ...  # noqa: D102
    def assign(self, partitions: list[TopicPartition]) -> None: ...  # noqa: D102
    def incremental_assign(self, partitions: list[TopicPartition]) -> None: ...  # noqa: D102
    def incremental_unassign(self, partitions: list[TopicPartition]) -> None: ...  # noqa: D102
    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]: ...  # noqa: D102
    def seek(self, partition: TopicPartition) -> None: ...  # noqa: D102
    def pause(self, partitions: list[TopicPartition]) -> None: ...  # noqa: D102
    def resume(self, partitions: list[TopicPartition]) -> None: ...  # noqa: D102
    def consumer_group_metadata(self) -> Any: ...  # noqa: ANN401, D102 - opaque
    def close(self) -> None: ...  # noqa: D102


class Producer(Protocol):
    """A transactional producer."""

    def init_transactions(self, timeout: float) -> None: ...  # noqa: D102
    def begin_transaction(self) -> None: ...  # noqa: D102
    def produce(  # noqa: D102
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int = -1,
        *,
        headers: Headers | None = None,
    ) -> None: ...
    def poll(self, timeout: float) -> int: ...  # noqa: D102
    def flush(self, timeout: float) -> int: ...  # noqa: D102
    def send_offsets_to_transaction(  # noqa: D102
        self,
        positions: list[TopicPartition],
        group_metadata: Any,  # noqa: ANN401 - opaque
        timeout: float,
    ) -> None: ...
    def commit_transaction(self, timeout: float) -> None: ...  # noqa: D102
    def abort_transaction(self, timeout: float) -> None: ...  # noqa: D102
    def purge(self) -> None: ...  # noqa: D102


Rebalanced = Callable[[Any, list[TopicPartition]], None]


class Clients(Protocol):
    """Makes clients of one cluster."""

    def member(
        self,
        topics: Sequence[str],
        *,
        group: str,
        slot: str,
        on_assign: Rebalanced,
        on_revoke: Rebalanced,
        on_lost: Rebalanced,
        on_lag: Callable[[Mapping[tuple[str, int], int]], None],
    ) -> Consumer:
        """Join `group` as the static member `slot`; a topic that begins with ^ is a pattern."""

    def reader(self) -> Consumer:
        """Make a group-less reader of committed records that also reports the end of each partition."""

    def producer(self, transactional_id: str, on_suspect: Callable[[str], None]) -> Producer:
        """Make a transactional producer; `on_suspect` hears of time-outs and disconnects."""

    def ends(self, partitions: Sequence[TopicPartition]) -> dict[tuple[str, int], int]:
        """Give the high watermark of each partition, open transactions included."""

    def since(self, partitions: Sequence[TopicPartition], at_ms: int) -> dict[tuple[str, int], int]:
        """Give the first offset of each partition whose record is not older than `at_ms`; its end when all are."""

    def partitions(self, topic: str) -> int:
        """Give the number of partitions of a topic; 0 when there is no such topic."""

    def generation(self, metadata: Any) -> tuple[int, str]:  # noqa: ANN401 - opaque
        """Give generation and member id out of group metadata; (-1, "") before the member has joined."""
