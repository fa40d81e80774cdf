"""How far a side has come, seen from outside: the same look at every side, whatever language it is written in.

A record counts as done once a `read_committed` reader can have what became of it. A side that promises exactly once
commits its positions with its output, so its group's positions tell. Of one that promises at least once the end of its
output tells, and that it must still commit its positions afterwards is not held against it.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from benchmarks.peers.job import Job
from services.runtime.kafka import KafkaClients, KafkaSettings

QUIET = {"log_level": 0}


ANSWER_S = 10.0
FIND_S = 30.0
"""A leader of a new topic, or a coordinator, that is only just being found."""


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
        return _answer(self._look)

    def close(self) -> None:
        self._reader.close()

    def _look(self) -> int:
        return sum(max(0, place.offset) for place in self._reader.committed(self._places, ANSWER_S))


class Written:
    """Counts the records of the target, which no transaction marks."""

    def __init__(self, job: Job) -> None:
        self._clients = KafkaClients(KafkaSettings(bootstrap=job.bootstrap))
        self._places = [TopicPartition(job.target, number) for number in range(job.partitions)]

    def look(self) -> int:
        return _answer(self._look)

    def close(self) -> None:
        """Nothing is held that would want closing."""

    def _look(self) -> int:
        return sum(self._clients.offsets(self._places, OffsetSpec.latest(), timeout_s=ANSWER_S).values())


def _answer(ask: Callable[[], int]) -> int:
    """Ask until there is an answer.

    Raises:
        KafkaException: there was none for `FIND_S`.

    """
    deadline = time.monotonic() + FIND_S
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
