"""Sending to a side, and seeing when each report comes out of it, as whoever reads committed records sees it."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.peers.pipeline.reports import Record
from services.runtime.kafka import KafkaClients, KafkaSettings

STILL_S = 30.0
"""A side that gives nothing out for this long has lost what is missing."""


class StuckError(Exception):
    """A side did not give out what was sent to it: its figures would mean nothing."""


class _Report(msgspec.Struct, frozen=True):
    request_id: str


class _Category(msgspec.Struct, frozen=True):
    service_code: str = ""


class _Department(msgspec.Struct, frozen=True):
    department: str = ""


class _Out(msgspec.Struct, frozen=True):
    report: _Report
    classification: _Category = _Category()
    routing: _Department = _Department()


class Observer:
    """Reads the ends of one side on a thread, from now on: when each report was first there, and as what."""

    def __init__(self, bootstrap: str, topics: Iterable[str]) -> None:
        self.first: dict[str, float] = {}
        """By request: seconds of `time.perf_counter`."""
        self.said: dict[str, tuple[str, str]] = {}
        """By request: category and department, as first said."""
        self._decode = msgspec.json.Decoder(_Out).decode
        self._reader = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "observer",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
                "fetch.queue.backoff.ms": 5,
                "log_level": 0,  # what it would say is that a broker has gone that was stopped
            }
        )
        self._reader.assign([TopicPartition(*place, end) for place, end in ends(bootstrap, topics).items()])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()

    def wait(self, ids: Sequence[str], what: str, sick: Callable[[], str], still_s: float = STILL_S) -> None:
        """Return when all of them were seen.

        Raises:
            StuckError: nothing more came for `still_s`, or `sick` says why nothing will.

        """
        moved, looked = time.perf_counter(), len(self.first)
        left = [each for each in ids if each not in self.first]
        while left:
            time.sleep(0.02)
            now = time.perf_counter()
            # Looking through thousands of ids takes the processor from who is measured: not before they may be there.
            if len(self.first) - looked < len(left) and now - moved < still_s and not sick():
                continue
            before, looked = len(left), len(self.first)
            left = [each for each in left if each not in self.first]
            why = sick() or (f"nothing came for {still_s:g} s" if len(left) == before else "")
            if left and why:
                message = f"{what}: {len(left)} of {len(ids)} reports did not come out: {why}"
                raise StuckError(message)
            moved = now

    def close(self) -> None:
        """Read no more."""
        self._stop.set()
        self._thread.join()
        self._reader.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            messages: list[Any] = self._reader.consume(1, 0.2)
            if messages:
                messages += self._reader.consume(2000, 0.001)
            now = time.perf_counter()
            for message in messages:
                if message.error() is None:
                    out = self._decode(message.value())
                    name = out.report.request_id
                    if name not in self.first:
                        self.said[name] = (out.classification.service_code, out.routing.department)
                        self.first[name] = now


def ends(bootstrap: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """Give where each partition ends, once all of them have a leader: those just created may have none yet."""
    clients = KafkaClients(KafkaSettings(bootstrap=bootstrap))
    names = list(topics)
    until = time.monotonic() + STILL_S
    while True:
        counted = {name: clients.partitions(name) for name in names}
        try:
            if all(counted.values()):
                return clients.ends(
                    [TopicPartition(name, p) for name, number in counted.items() for p in range(number)]
                )
        except KafkaException:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


class Feed:
    """Writes to receive's topic of any side, as `receive` does: acks from all, by key."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "compression.type": "lz4",
                "linger.ms": 1,
                "acks": "all",
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,  # what it would say is that a broker has gone that was stopped
            }
        )

    def all_at_once(self, topic: str, records: Iterable[Record]) -> float:
        """Write all as fast as can be; give when it began."""
        began = time.perf_counter()
        for each in records:
            self._producer.produce(topic, each.value, each.key, headers=each.headers)
        self._flush()
        return began

    def at_rate(self, topic: str, records: Sequence[Record], per_second: float, sent: dict[str, float]) -> None:
        """Write one after the other, noting in `sent` when each was written."""
        began = time.perf_counter()
        for number, each in enumerate(records):
            wait = began + number / per_second - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            sent[each.request_id] = time.perf_counter()
            self._producer.produce(topic, each.value, each.key, headers=each.headers)
            self._producer.poll(0)
        self._flush()

    def _flush(self) -> None:
        if left := self._producer.flush(60):
            message = f"Kafka did not take {left} records within 60 s"
            raise StuckError(message)
