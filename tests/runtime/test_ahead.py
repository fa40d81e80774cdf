"""What is read before its turn: oldest first over all partitions, each partition's own order kept, and bounded."""

from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loop_worlds import Echo, Town, sample, turns

from services.runtime.ahead import AT_MOST_BYTES, BATCHES, Ahead
from services.runtime.loop import Loop

NOW = 1_000_000
PARTITIONS = range(3)
ALL = {("told.v1", partition) for partition in PARTITIONS}


class Told(NamedTuple):
    """A record as far as anyone looks at it here."""

    of: int
    at: int
    number: int
    said: bytes | None = b"hello"

    def topic(self) -> str:
        return "told.v1"

    def partition(self) -> int:
        return self.of

    def timestamp(self) -> tuple[int, int]:
        return 1, self.at

    def value(self) -> bytes | None:
        return self.said


def put(ahead: Ahead, *told: Told) -> None:
    messages: Any = told
    ahead.put(messages, NOW)


def take(ahead: Ahead, at_most: int, flowing: set[tuple[str, int]] = ALL) -> list[Told]:
    messages: Any = ahead.take(at_most, flowing)
    return list(messages)


def begun(batch_size: int) -> tuple[Town, Loop]:
    """Give a loop that has handed out its first batch of three records."""
    town = Town()
    town.batch_size = batch_size
    loop = town.started()
    town.tell("good", "good", "good", partition=1)
    loop.turn()
    return town, loop


def test_long_runs_of_partitions_come_out_as_they_were_written() -> None:
    ahead = Ahead()
    for partition in PARTITIONS:
        put(ahead, *[Told(partition, 3 * at + partition, at) for at in range(100)])
    assert [each.at for each in take(ahead, 1000)] == list(range(300))


@given(
    runs=st.lists(
        st.tuples(
            st.lists(st.tuples(st.sampled_from(PARTITIONS), st.integers(-1, NOW * 2))),
            st.integers(1, 9),
            st.sets(st.sampled_from(sorted(ALL))),
        )
    )
)
def test_nothing_is_lost_or_doubled_and_a_partition_keeps_its_order_whatever_its_clocks_say(
    runs: list[tuple[list[tuple[int, int]], int, set[tuple[str, int]]]],
) -> None:
    ahead, number, out = Ahead(), 0, list[Told]()
    for told, at_most, flowing in runs:
        put(ahead, *[Told(of, at, number + n) for n, (of, at) in enumerate(told)])
        number += len(told)
        given = take(ahead, at_most, flowing)
        assert len(given) <= at_most
        assert {(each.topic(), each.of) for each in given} <= flowing
        out += given
    assert sum(ahead.counts().values()) == number - len(out)
    out += take(ahead, number)
    assert sorted(each.number for each in out) == list(range(number))
    for partition in PARTITIONS:
        numbers = [each.number for each in out if each.of == partition]
        assert all(one < two for one, two in pairwise(numbers))


def test_a_record_from_the_future_holds_its_partition_up_no_longer_than_what_was_there_before_it_came() -> None:
    ahead = Ahead()
    put(ahead, Told(0, NOW * 1000, 0), Told(0, 5, 1), Told(1, NOW - 1, 2))
    assert [each.number for each in take(ahead, 3)] == [2, 0, 1]
    put(ahead, Told(0, 7, 3), Told(1, NOW, 4))
    assert [each.number for each in take(ahead, 1)] == [3]


def test_room_is_bounded_by_number_and_by_size() -> None:
    ahead = Ahead()
    assert ahead.room(10) == BATCHES * 10
    put(ahead, *[Told(0, at, at) for at in range(BATCHES * 10)])
    assert ahead.room(10) == 0
    take(ahead, 30)
    assert ahead.room(10) == 30
    put(ahead, Told(1, 5, 0, b"x" * AT_MOST_BYTES), Told(1, 6, 0, None))
    assert ahead.room(10) == 0
    ahead.drop({("told.v1", 1)})
    assert ahead.room(10) == 30


def test_what_can_be_handed_out_is_what_partitions_that_flow_have() -> None:
    ahead = Ahead()
    put(ahead, *[Told(at % 2, at, at) for at in range(10)])
    assert ahead.ready(ALL) == 10
    assert ahead.ready({("told.v1", 1)}) == 5
    assert ahead.ready({("told.v1", 2)}) == 0


def test_the_loop_works_a_backlog_off_in_the_order_it_was_written_in() -> None:
    town = Town()
    town.batch_size = 10
    for _ in range(40):
        for partition in (0, 1):
            town.tell("good", partition=partition)
            town.clock.sleep(0.01)
    loop = town.started()
    turns(loop, 12)
    handler = loop.worker.handler
    assert isinstance(handler, Echo)
    assert town.outside.asked == list(range(80))


def test_what_was_read_already_waits_for_nobody_who_may_come() -> None:
    town, loop = begun(batch_size=2)
    assert town.numbers() == [0, 1]
    began = town.clock.monotonic()
    loop.turn()
    assert town.numbers() == [0, 1, 2]
    assert town.clock.monotonic() - began <= town.settings.linger_s


@pytest.mark.parametrize(
    ("ahead", "waits", "asked"),
    [
        (0, 0, [(1, 0.2)]),
        (0, 1, [(1, 0.2), (4, 0.1)]),
        (0, 9, [(1, 0.2), (4, 0.1), (35, 0.0)]),
        (3, 0, [(2, 0.1)]),
        (3, 9, [(2, 0.1), (35, 0.0)]),
        (7, 9, [(33, 0.0)]),
        (40, 9, [(1, 0.0)]),
    ],
)
def test_a_batch_is_waited_for_as_ever_and_only_what_is_there_is_read_beyond_it(
    ahead: int, waits: int, asked: list[tuple[int, float]]
) -> None:
    """Batches of 5, of which 40 records are held at most."""
    town = Town()
    member: Any = town.started()._member
    put(member._ahead, *[Told(1, at, at) for at in range(ahead)])
    calls: list[tuple[int, float]] = []

    def consume(number: int, timeout: float) -> list[Told]:
        given = min(number, waits - sum(each for each, _ in calls))
        calls.append((number, timeout))
        return [Told(1, NOW, at) for at in range(max(0, given))]

    member._consumer.consume = consume
    member._read(5, 0.2, 0.1)
    assert calls == asked


def test_lag_counts_what_was_read_and_not_handed_out() -> None:
    town, loop = begun(batch_size=1)
    loop._member._lag({("told.v1", 1): 5})
    assert sample(town, "consumer_lag_records", topic="told.v1", partition="1") == 7
