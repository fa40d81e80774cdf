"""`watch` as its own process against a real broker: aborted transactions, SIGKILL, rebalances, bad records."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,
)
from watch_reports import matched

from services.events import KpiMeasured, RequestMatched, SurgeDetected
from services.runtime import wire
from services.runtime.settings import Shared
from services.sandbox.broker import Broker
from services.sandbox.odd_names import OddNames
from services.watch.app import WatchError
from services.watch.settings import WatchSettings
from services.watch.worker import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PARTITIONS = 3
LIMIT_S = 60.0
TOPICS = {RequestMatched.topic: PARTITIONS, SurgeDetected.topic: 2, KpiMeasured.topic: 2, "watch.dead.v1": 1}
WINDOW_S = 10
LONG_AGO = timedelta(minutes=10)
"""Long enough for a window to be closed, and within the horizon of 90 windows."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker.start(
        tmp_path_factory.mktemp("watch"), ports=[0], heap_mb=256, ephemeral=True, die_with_parent=True
    ) as started:
        yield started


@pytest.fixture
def topics(broker: Broker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    there = admin.list_topics(timeout=10).topics
    new = [NewTopic(name, number, 1) for name, number in TOPICS.items() if name not in there]
    for created in admin.create_topics(new).values() if new else ():
        created.result(20)


@contextmanager
def watching(broker: Broker, state_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of `watch` with short windows; killed at the end if it still runs."""
    environment = os.environ | {
        "PYTHONPATH": str(Path.cwd()),
        "KAFKA_BOOTSTRAP": broker.bootstrap,
        "STORMDRAIN_STATE_DIR": str(state_dir),
        "WATCH_WINDOW_S": str(WINDOW_S),
        "WATCH_LATENESS_S": "0",
        "WATCH_BASELINE_WINDOWS": "90",
        "WATCH_COMMIT_S": "0.2",
        "WATCH_BATCH_SIZE": "50",
        "WATCH_SESSION_TIMEOUT_S": "6",
        "WATCH_METRICS_PORT": "0",
    }
    command = [sys.executable, "-W", "error", str(Path(__file__).with_name("run_watch.py"))]
    with (
        (state_dir / "watch.log").open("a", encoding="utf-8") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True, cwd=Path.cwd()) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def stopped(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


class Feed:
    """Appends matched reports in transactions, as `match` does."""

    def __init__(self, broker: Broker, family: str) -> None:
        self.family = family
        self._began = datetime.now(UTC) - LONG_AGO
        self._producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap,
                "transactional.id": f"feed-{family}",
                "partitioner": "murmur2_random",
            }
        )
        self._producer.init_transactions(30)

    def append(self, numbers: Iterable[int], *, revision: int = 1, commit: bool = True) -> None:
        """Report `n` came `n` seconds after long ago, in one of three families, each on its partition."""
        self._producer.begin_transaction()
        for number in numbers:
            event = self.event(number, revision)
            self._producer.produce(
                event.topic,
                wire.encode(event),
                event.key.encode(),
                number % PARTITIONS,
                headers=[*wire.headers(event, source="match")],
            )
        self._producer.flush(10)
        if commit:
            self._producer.commit_transaction(10)
        else:
            self._producer.abort_transaction(10)

    def event(self, number: int, revision: int = 1) -> RequestMatched:
        name = f"{self.family}-{number % PARTITIONS}"
        moment = self._began + timedelta(seconds=number / 10)
        return matched(f"{self.family}-{number}", code=name, family=name, received_at=moment, revision=revision)

    def truth(self, numbers: Iterable[int]) -> dict[tuple[str, str], float]:
        """Different requests by window and category."""
        found: Counter[tuple[str, str]] = Counter()
        for number in set(numbers):
            event = self.event(number)
            start = int(event.report.received_at.timestamp()) // WINDOW_S * WINDOW_S
            found[datetime.fromtimestamp(start, UTC).isoformat(), event.classification.service_code] += 1
        return {key: float(count) for key, count in found.items()}


class Reader:
    """Reads a topic from its beginning, and goes on."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.records: list[tuple[dict[str, str], dict[str, Any] | bytes]] = []
        self._consumer = Consumer(
            {"bootstrap.servers": broker.bootstrap, "group.id": "test", "enable.auto.commit": False}
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(TOPICS[topic])])

    def until(self, done: Callable[[], bool]) -> None:
        """Read until `done`; the test fails when that takes too long."""
        deadline = time.monotonic() + LIMIT_S
        while not done():
            assert time.monotonic() < deadline, f"after {LIMIT_S:g} s there were {len(self.records)} records"
            message = self._consumer.poll(0.2)
            if message is not None and message.error() is None:
                pairs: Any = message.headers() or []
                headers = {name: content.decode() for name, content in pairs}
                raw = message.value() or b""
                self.records.append((headers, json.loads(raw) if raw.startswith(b"{") else raw))

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def reading(broker: Broker, topic: str) -> Iterator[Reader]:
    reader = Reader(broker, topic)
    try:
        yield reader
    finally:
        reader.close()


def figures(reader: Reader, family: str) -> dict[tuple[str, str], float]:
    """What was said last of each window and category of a family."""
    return {
        (datetime.fromisoformat(body["window_start"]).isoformat(), body["labels"]["service_code"]): body["value"]
        for _, body in reader.records
        if isinstance(body, dict) and body["name"] == "reports" and body["labels"]["family"].startswith(family)
    }


def test_topics_that_are_missing_are_named_at_the_start(broker: Broker, tmp_path: Path) -> None:
    async def start() -> None:
        shared = Shared(kafka_bootstrap=broker.bootstrap, stormdrain_state_dir=tmp_path)
        await serve(WatchSettings(), shared, asyncio.Event())

    with pytest.raises(WatchError) as caught:
        asyncio.run(start())
    assert str(caught.value) == (
        "watch cannot start: requests.matched.v1, surges.detected.v1, kpis.measured.v1, watch.dead.v1 not on "
        f"{broker.bootstrap}; run `stormdrain topics apply`"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("topics")
def test_aborted_records_never_count_and_a_kill_doubles_none(broker: Broker, tmp_path: Path) -> None:
    feed = Feed(broker, "kill")
    feed.append(range(600))
    feed.append(range(600, 1200), commit=False)
    feed.append(range(1200, 1500))
    first = [*range(600), *range(1200, 1500)]
    with reading(broker, KpiMeasured.topic) as kpis, reading(broker, SurgeDetected.topic) as surges:
        with watching(broker, tmp_path) as process:
            kpis.until(lambda: figures(kpis, "kill") == feed.truth(first))
            process.kill()
        feed.append(range(300), revision=2)
        feed.append(range(1500, 1800), commit=False)
        feed.append(range(1550, 2000))
        truth = feed.truth([*first, *range(1550, 2000)])
        with watching(broker, tmp_path) as process:
            kpis.until(lambda: figures(kpis, "kill") == truth)
            process.kill()
        with watching(broker, tmp_path) as process:
            feed.append(range(2000, 2100))
            truth = feed.truth([*first, *range(1550, 2100)])
            kpis.until(lambda: figures(kpis, "kill") == truth)
            assert stopped(process) == 0
        surges.until(lambda: len(surges.records) > 0)
    for _, body in kpis.records:
        if isinstance(body, dict) and body["labels"]["family"].startswith("kill") and body["name"] == "reports":
            window = datetime.fromisoformat(body["window_start"]).isoformat(), body["labels"]["service_code"]
            assert body["value"] <= truth[window], "no window was ever said to hold more than it does"
    headers, body = next(each for each in kpis.records if isinstance(each[1], dict) and each[1]["name"] == "reports")
    assert headers["ce_type"] == "stormdrain.kpis.measured.v1"
    assert headers["ce_source"] == "/watch"
    assert len(headers["traceparent"]) == 55
    assert isinstance(body, dict)
    assert headers["ce_id"].startswith("reports/family=kill-")


@pytest.mark.usefixtures("topics")
def test_partitions_that_move_between_two_processes_lose_and_double_nothing(broker: Broker, tmp_path: Path) -> None:
    feed = Feed(broker, "move")
    feed.append(range(300))
    with reading(broker, KpiMeasured.topic) as kpis, watching(broker, tmp_path) as one:
        kpis.until(lambda: figures(kpis, "move") == feed.truth(range(300)))
        before = _taken_over(tmp_path)
        with watching(broker, tmp_path) as two:
            kpis.until(lambda: _taken_over(tmp_path) > before)
            feed.append(range(300, 500))
            kpis.until(lambda: figures(kpis, "move") == feed.truth(range(500)))
            feed.append(range(400, 700))
            assert stopped(one) == 0
            kpis.until(lambda: figures(kpis, "move") == feed.truth(range(700)))
            assert stopped(two) == 0


@pytest.mark.usefixtures("topics")
def test_a_record_that_cannot_be_read_goes_to_the_dead_letters_and_stops_nobody(broker: Broker, tmp_path: Path) -> None:
    feed = Feed(broker, "dead")
    feed.append(range(30))
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(RequestMatched.topic, b"not json", b"k", 0, headers=[("mark", b"x")])
    producer.produce(RequestMatched.topic, None, None, 0, headers=[("ce_type", b"stormdrain.requests.matched.v1")])
    producer.flush(10)
    feed.append(range(30, 60))
    with (
        reading(broker, KpiMeasured.topic) as kpis,
        reading(broker, "watch.dead.v1") as dead,
        watching(broker, tmp_path) as process,
    ):
        kpis.until(lambda: figures(kpis, "dead") == feed.truth(range(60)))
        dead.until(lambda: len(dead.records) > 1)
        empty, body = dead.records[1]
        assert not body
        assert empty["dead_reason"] == "empty_value"
        headers, body = dead.records[0]
        assert body == b"not json"
        assert headers["mark"] == "x"
        assert headers["dead_reason"] == "bad_json"
        assert headers["dead_worker"] == "watch"
        port = _port(tmp_path / "watch.log")
        for path, expected in (("healthz", "ok\n"), ("readyz", "ok\n")):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
                assert answer.read().decode() == expected
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        assert 'stormdrain_records_rejected_total{reason="bad_json",worker="watch"} 1.0' in text
        assert 'stormdrain_records_rejected_total{reason="empty_value",worker="watch"} 1.0' in text
        assert stopped(process) == 0


@pytest.mark.usefixtures("topics")
def test_a_header_whose_name_cannot_be_read_costs_one_letter_and_no_figure(broker: Broker, tmp_path: Path) -> None:
    feed = Feed(broker, "odd")
    feed.append(range(30))
    odd = OddNames(broker.bootstrap)
    for partition in (0, 0, 1):
        odd.send(RequestMatched.topic, partition, b"odd", wire.encode(feed.event(1)), partition)
    while odd.awaited:
        assert all(place[1] == partition for place, partition in odd.acknowledged())
    odd.close()
    feed.append(range(30, 90))
    with (
        reading(broker, KpiMeasured.topic) as kpis,
        reading(broker, "watch.dead.v1") as dead,
        watching(broker, tmp_path) as process,
    ):
        kpis.until(lambda: figures(kpis, "odd") == feed.truth(range(90)))
        feed.append(range(90, 120))
        kpis.until(lambda: figures(kpis, "odd") == feed.truth(range(120)))
        dead.until(lambda: sum(headers["dead_reason"] == "bad_headers" for headers, _ in dead.records) == 3)
        assert stopped(process) == 0
    letters = [headers for headers, _ in dead.records if headers["dead_reason"] == "bad_headers"]
    assert sorted(headers["dead_partition"] for headers in letters) == ["0", "0", "1"]
    assert {headers["dead_detail"] for headers in letters} == {
        "the name of a header is not UTF-8; the letter has no headers"
    }


def _taken_over(state_dir: Path) -> int:
    return (state_dir / "watch.log").read_text().count("reading windows again")


def _port(log: Path) -> int:
    found = [json.loads(line) for line in log.read_text().splitlines() if '"port"' in line]
    return int(found[-1]["port"])
