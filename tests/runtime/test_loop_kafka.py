"""The whole loop in processes on Kafka: killed inside a transaction, joined by a second, left by it again."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from broker_worlds import OnKafka, Seat, name, until
from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from run_echo import kinds

PARTITIONS = 4
ROOT = Path(__file__).parents[2]


class Flow:
    """Topics of one worker, what was written to them, and processes of it."""

    def __init__(self, kafka: str, stack: ExitStack, protocol: str) -> None:
        self._protocol = protocol
        self.world = OnKafka(kafka)
        self.world.patience_s = 40.0
        self.prefix = name("echo")
        self.told, self.heard = kinds(self.prefix)
        for topic in (self.told.topic, self.heard.topic, f"{self.prefix}.dead.v1"):
            self.world.create(topic, PARTITIONS)
        self.wanted: Counter[bytes] = Counter()
        self.seat = Seat(self.world)
        self.seat.consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in (self.heard.topic, f"{self.prefix}.dead.v1")
                for partition in range(PARTITIONS)
            ]
        )
        stack.callback(self.seat.consumer.close)
        self._kafka = kafka
        self._stack = stack

    def tell(self, number: int) -> None:
        for i in range(len(self.wanted), len(self.wanted) + number):
            value = b"{torn %d" % i if i % 100 == 3 else msgspec.json.encode(self.told(number=i))
            self.world.append(self.told.topic, i % PARTITIONS, value)
            self.wanted[value] += 1

    def process(self, slot: int, commits: int = 0) -> "subprocess.Popen[str]":
        command = [sys.executable, str(Path(__file__).with_name("run_echo.py")), self._kafka]
        made = subprocess.Popen(
            [*command, str(slot), self.prefix, str(commits), self._protocol],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._stack.callback(made.wait)
        self._stack.callback(made.kill)
        assert made.stdout is not None
        self._stack.callback(made.stdout.close)
        return made

    def became(self) -> Counter[bytes | None]:
        return Counter(self.seat.values)

    def settle(self) -> None:
        """Read until everything that was told has become something, then see that nothing became two things."""
        until(lambda: len(set(self.seat.values)) >= len(self.wanted), self.seat)
        assert self.became() == self.wanted


@pytest.fixture
def flow(kafka: str, request: pytest.FixtureRequest) -> Iterator[Flow]:
    with ExitStack() as stack:
        yield Flow(kafka, stack, getattr(request, "param", "classic"))


def wait_for(line: str, process: "subprocess.Popen[str]") -> None:
    """Read what a process says until it says `line`; it fails when the process ends before."""
    assert process.stdout is not None
    assert any(said == f"{line}\n" for said in process.stdout), f"a process ended and never said {line}"


def test_a_worker_killed_inside_a_transaction_and_restarted_in_its_slot_gives_every_record_once(flow: Flow) -> None:
    flow.tell(600)
    killed = flow.process(0, commits=3)
    wait_for("inside", killed)
    killed.kill()
    killed.wait()
    flow.process(0)
    flow.settle()
    reasons = [dict(m.headers() or ())["dead_reason"] for m in flow.seat.messages if m.topic().endswith("dead.v1")]
    assert Counter(reasons) == {b"bad_number": 12, b"bad_json": 6}


@pytest.mark.slow
@pytest.mark.parametrize("flow", ["classic", "consumer"], indirect=True)
def test_workers_that_come_and_go_share_the_work_and_each_record_is_given_once(flow: Flow) -> None:
    first = flow.process(0)
    wait_for("holds 4", first)
    flow.tell(200)
    second = flow.process(1)
    wait_for("holds 2", second)
    flow.tell(200)
    flow.settle()
    second.terminate()
    flow.tell(200)
    assert second.wait(20) == 0
    wait_for("holds 4", first)
    flow.settle()
    first.terminate()
    assert first.wait(20) == 0
