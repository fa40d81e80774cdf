"""Reading partitions whole, on a cluster in memory: a replay ends by position, whatever lies there."""

import msgspec
import pytest
from confluent_kafka import KafkaError
from loop_worlds import HandClock, Heard, raising

from services.events import Event
from services.runtime.ports import Place
from services.runtime.replay import Replay
from services.sandbox.memory import MemoryClients
from services.sandbox.memory_cluster import Cluster, trouble

HERE = (Heard.topic, 0)
THERE = (Heard.topic, 1)


class Bench:
    def __init__(self) -> None:
        self.cluster = Cluster()
        self.cluster.create(Heard.topic, 2)
        self.clients = MemoryClients(self.cluster)
        self.seen: list[tuple[int, int]] = []
        self.replay = Replay(self.clients, (Heard,), self._take, HandClock())
        self.producer = self.clients.producer("id", lambda _: None)
        self.producer.init_transactions(1.0)

    def _take(self, topic: str, partition: int, event: Event) -> None:
        assert topic == Heard.topic
        assert isinstance(event, Heard)
        self.seen.append((partition, event.number))

    def append(self, *numbers: int, partition: int = 0) -> None:
        for number in numbers:
            self.cluster.append(Heard.topic, partition, msgspec.json.encode(Heard(number=number)))

    def write(self, *numbers: int) -> None:
        self.producer.begin_transaction()
        for number in numbers:
            self.producer.produce(Heard.topic, msgspec.json.encode(Heard(number=number)), partition=0)

    def whole(self, steps: int = 10) -> set[Place]:
        found: set[Place] = set()
        for _ in range(steps):
            found |= self.replay.step(0.1)
        return found


def test_partitions_are_whole_when_they_were_read_to_their_end() -> None:
    bench = Bench()
    bench.append(1, 2)
    bench.append(3, partition=1)
    assert bench.replay.begin([HERE, THERE])
    assert bench.replay.behind == {HERE, THERE}
    assert bench.whole() == {HERE, THERE}
    assert (sorted(bench.seen), bench.replay.behind, bench.replay.records) == ([(0, 1), (0, 2), (1, 3)], set(), 3)


def test_an_empty_partition_is_whole_at_once() -> None:
    bench = Bench()
    bench.replay.begin([HERE])
    assert bench.replay.step(0.0) == {HERE}


@pytest.mark.parametrize("commit", [True, False])
def test_what_is_still_open_when_it_begins_is_waited_for(*, commit: bool) -> None:
    bench = Bench()
    bench.append(1)
    bench.write(2)
    bench.replay.begin([HERE])
    assert bench.whole() == set()
    if commit:
        bench.producer.commit_transaction(1.0)
    else:
        bench.producer.abort_transaction(1.0)
    assert bench.whole() == {HERE}
    assert bench.seen == [(0, 1), (0, 2)][: 1 + commit]


def test_markers_and_aborted_records_at_the_end_do_not_keep_it_for_ever() -> None:
    bench = Bench()
    bench.write(1)
    bench.producer.commit_transaction(1.0)
    bench.write(2, 3)
    bench.producer.abort_transaction(1.0)
    bench.replay.begin([HERE])
    assert bench.whole() == {HERE}
    assert bench.seen == [(0, 1)]


def test_it_reads_on_until_it_is_told_to_end() -> None:
    bench = Bench()
    bench.replay.begin([HERE])
    bench.whole()
    bench.append(7)
    assert bench.whole() == set()
    bench.replay.end([HERE])
    bench.append(8)
    bench.whole()
    assert bench.seen == [(0, 7)]


def test_a_partition_that_begins_again_is_read_again_from_its_beginning() -> None:
    bench = Bench()
    bench.append(1)
    bench.replay.begin([HERE])
    bench.whole()
    bench.append(2)
    bench.replay.begin([HERE])
    assert bench.whole() == {HERE}
    assert bench.seen == [(0, 1), (0, 1), (0, 2)]


def test_it_begins_only_when_it_is_known_where_it_ends() -> None:
    bench = Bench()
    bench.cluster.plan("before ends", raising(trouble(KafkaError._TIMED_OUT)))
    assert not bench.replay.begin([HERE])
    assert bench.replay.behind == set()
    assert bench.replay.begin([HERE])
    assert bench.replay.behind == {HERE}


def test_tombstones_and_records_at_fault_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.cluster.append(Heard.topic, 0, None)
    bench.cluster.append(Heard.topic, 0, b"{")
    bench.append(3)
    bench.replay.begin([HERE])
    assert bench.whole() == {HERE}
    assert bench.seen == [(0, 3)]
    assert [record.getMessage() for record in caplog.records] == [
        "replay of heard.v1 passes over a record: bad_json Input data was truncated"
    ]


def test_after_its_end_it_can_be_closed_and_begun_anew() -> None:
    bench = Bench()
    bench.replay.close()
    assert bench.replay.step(0.1) == set()
    bench.append(1)
    bench.replay.begin([HERE])
    bench.whole()
    bench.replay.close()
    assert bench.seen == [(0, 1)]
