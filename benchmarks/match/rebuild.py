"""From Kafka to a whole state: what a process of `match` does at its start, with the runtime's own replay.

The topic is filled beforehand. What is measured is a process of its own that has imported all it needs: from no
client and no state until every partition's state is whole.
"""

import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from benchmarks.match.rate import resident_mib, worker_of
from benchmarks.match.town import Files
from services.cli.run import spare_what_stays
from services.events import RequestMatched
from services.keys import TOWN
from services.runtime import wire
from services.runtime.clock import Clock
from services.runtime.cluster import admin
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.metrics import Metrics
from services.runtime.state import States
from services.sandbox.broker import Broker

PARTITIONS = 12
FLUSH_S = 120.0
STEP_S = 1.0
LIMIT_S = 1800.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Whose state a process is to rebuild."""

    files: Files
    bootstrap: str


class Named(msgspec.Struct, frozen=True):
    """Of a report, its id and its town."""

    request_id: str
    jurisdiction_id: str = TOWN


class Keyed(msgspec.Struct, frozen=True):
    """As much of a line as its record needs beside its value."""

    report: Named


def fill(bootstrap: str, files: Files) -> float:
    """Write the open reports to their topic, keyed as ever; give the seconds that it took.

    Raises:
        RuntimeError: Kafka did not take all of them.

    """
    client = admin(bootstrap)
    kinds = {RequestMatched.topic: PARTITIONS, **dict.fromkeys(_tables(files), 1)}
    for created in client.create_topics([NewTopic(name, number, 1) for name, number in kinds.items()]).values():
        created.result(30)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 200_000,
            "log_level": 0,
        }
    )
    began = time.perf_counter()
    first = next(files.read_open())
    headers = wire.headers(first, source="match")
    decoder = msgspec.json.Decoder(Keyed)
    with files.opened.open("rb") as lines:
        for line in lines:
            keyed = decoder.decode(line)
            own = [headers[0], ("ce_id", f"{keyed.report.request_id}.matched.1".encode()), *headers[2:]]
            while True:
                try:
                    producer.produce(RequestMatched.topic, line[:-1], keyed.report.jurisdiction_id, headers=own)
                    break
                except BufferError:
                    producer.poll(0.05)
    if left := producer.flush(FLUSH_S):
        message = f"Kafka did not take {left:,} of the open reports within {FLUSH_S:g} s"
        raise RuntimeError(message)
    return time.perf_counter() - began


def _tables(files: Files) -> list[str]:
    return [kind.topic for kind in worker_of(files).tables]


def rebuilt(asked: Asked) -> dict[str, Any]:
    """Rebuild the state of all partitions; give how long it took, and what it takes.

    Raises:
        RuntimeError: it was not whole after `LIMIT_S`.

    """
    worker = worker_of(asked.files)
    spare_what_stays()
    before = resident_mib()[0]
    began, began_cpu = time.perf_counter(), time.process_time()
    metrics = Metrics("match")
    clients = KafkaClients(KafkaSettings(bootstrap=asked.bootstrap))
    states = States(worker, clients, metrics, Clock())
    states.rebuild(set(range(PARTITIONS)))
    while states.behind or states.learning:
        states.look()
        states.step(STEP_S)
        if time.perf_counter() - began > LIMIT_S:
            message = f"the state was not whole after {LIMIT_S:g} s: {len(states.behind)} partitions are left"
            raise RuntimeError(message)
    took, took_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = resident_mib()[1]
    states.close()
    handler: Any = worker.handler
    known = sum(len(memory.said) for memory in handler._memories.values())  # noqa: SLF001 - to count what is there
    return {
        "open_reports": known,
        "seconds": round(took, 2),
        "cpu_s": round(took_cpu, 2),
        "records_per_s": round(asked.files.open / took),
        "before_mib": before,
        "peak_mib": peak,
    }


def broker(folder: Path) -> Broker:
    """Start the broker that the topic is on."""
    return Broker.start(folder, ephemeral=True, die_with_parent=True, ports=[0], fresh=True)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Asked)
    print(msgspec.json.encode(rebuilt(given)).decode(), flush=True)
