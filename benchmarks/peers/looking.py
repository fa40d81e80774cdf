"""How far a side has come, seen from outside: the same look at every side, whatever language it is written in.

A record counts as done once a `read_committed` reader can have what became of it. A side that promises exactly once
commits its positions with its output, so its group's positions tell. Of one that promises at least once the end of its
output tells, and that it must still commit its positions afterwards is not held against it.
"""

from typing import Any, Protocol

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from benchmarks.peers.job import Job

QUIET = {"log_level": 0}


class Look(Protocol):
    """Counts the records that are done."""

    def look(self) -> int:
        """Count them now."""

    def close(self) -> None:
        """Look no more."""


class Committed:
    """Counts the records of the source that the group has behind it."""

    def __init__(self, job: Job) -> None:
        # Read uncommitted, so that a transaction which is just being committed is not waited for.
        self._reader: Any = Consumer(
            {
                "bootstrap.servers": job.bootstrap,
                "group.id": job.group,
                "isolation.level": "read_uncommitted",
                **QUIET,
            }
        )
        self._places = [TopicPartition(job.source, number) for number in range(job.partitions)]

    def look(self) -> int:
        try:
            return sum(max(0, place.offset) for place in self._reader.committed(self._places, 10.0))
        except KafkaException:  # a coordinator that is only just being found; who never answers stands still
            return 0

    def close(self) -> None:
        self._reader.close()


class Written:
    """Counts the records of the target, which no transaction marks."""

    def __init__(self, job: Job) -> None:
        self._admin: Any = AdminClient({"bootstrap.servers": job.bootstrap, **QUIET})
        self._ends = {TopicPartition(job.target, number): OffsetSpec.latest() for number in range(job.partitions)}

    def look(self) -> int:
        found = self._admin.list_offsets(self._ends, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        try:
            return sum(future.result(10.0).offset for future in found.values())
        except KafkaException:  # a leader of a new topic that is only just being found; as above
            return 0

    def close(self) -> None:
        self._ends.clear()
