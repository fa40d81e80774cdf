"""Group metadata that is late, empty or another member's, on a real broker: a plain client with it, and ours."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition
from proxied_kafka import PATIENCE_S, Behind, Flow

from services.runtime.clock import Clock
from services.runtime.kafka import KafkaClients, generation_of
from services.runtime.membership import Membership
from services.runtime.metrics import Metrics
from services.runtime.worker import Worker


class Member:
    """A consumer of no special kind, and what it has read."""

    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer
        self.values: list[bytes] = []

    def poll(self) -> None:
        message = self.consumer.poll(0.02)
        if message is not None and message.error() is None:
            self.values.append(message.value())

    @property
    def holds(self) -> list[int]:
        return [each.partition for each in self.consumer.assignment()]

    def metadata(self) -> bytes:
        metadata: bytes = self.consumer.consumer_group_metadata()
        return metadata


def until(true: Callable[[], bool], *members: Member) -> None:
    for _ in range(int(PATIENCE_S / 0.02)):
        if true():
            return
        for member in members:
            member.poll()
    pytest.fail(f"not within {PATIENCE_S:g} s: {[(each.holds, each.values) for each in members]}")


class Plain:
    """Members of a group and producers, all of no special kind, that copy a topic of two partitions."""

    def __init__(self, behind: Behind, stack: ExitStack) -> None:
        self.behind = behind
        self.group = behind.name("plain")
        self.told, self.heard = behind.topic(), behind.topic()
        self._stack = stack
        self.first = self.member()
        until(lambda: self.first.holds == [0, 1], self.first)

    def member(self) -> Member:
        made = self.behind.consumer(self.group, self.told, **{"partition.assignment.strategy": "cooperative-sticky"})
        self._stack.callback(made.close)
        return Member(made)

    def joined_by(self) -> tuple[Member, int]:
        """A second member, and the partition that moved to it."""
        second = self.member()
        until(lambda: len(self.first.holds) == len(second.holds) == 1, self.first, second)
        return second, second.holds[0]

    def copy(self, name: str, partition: int, value: bytes, metadata: bytes, offset: int = 1) -> None:
        """Write what was read from a partition, and that it was read, in one transaction."""
        producer = self.behind.producer(f"{self.group}-{name}")
        producer.begin_transaction()
        producer.produce(self.heard, value, partition=partition)
        try:
            producer.send_offsets_to_transaction([TopicPartition(self.told, partition, offset)], metadata, 10)
        except KafkaException:
            producer.abort_transaction(10)
            raise
        producer.commit_transaction(10)

    def copies(self) -> list[bytes]:
        return self.behind.read(self.heard)


@pytest.fixture
def plain(behind: Behind) -> Any:
    with ExitStack() as stack:
        yield Plain(behind, stack)


# What the broker lets a plain client do.


def test_metadata_of_before_a_rebalance_is_refused_so_that_nothing_is_doubled(plain: Plain) -> None:
    metadata = plain.first.metadata()
    _, moved = plain.joined_by()
    with pytest.raises(KafkaException) as error:
        plain.copy("first", moved, b"x", metadata)
    assert (error.value.args[0].name(), error.value.args[0].txn_requires_abort()) == ("ILLEGAL_GENERATION", True)
    assert plain.copies() == []


def test_metadata_taken_late_lets_who_lost_a_partition_double_what_its_new_owner_has_done(plain: Plain) -> None:
    for partition in range(2):
        plain.behind.append(plain.told, partition, b"%d" % partition)
    until(lambda: len(plain.first.values) == 2, plain.first)
    second, moved = plain.joined_by()
    until(lambda: second.values == [b"%d" % moved], second)
    plain.copy("second", moved, second.values[0], second.metadata())
    plain.copy("first", moved, plain.first.values[plain.first.values.index(b"%d" % moved)], plain.first.metadata())
    assert plain.copies() == [b"%d" % moved] * 2


def test_empty_metadata_is_checked_by_nobody_and_moves_the_offsets_of_a_group_that_is_at_work(plain: Plain) -> None:
    outsider = plain.behind.consumer(plain.group, "none")
    empty = outsider.consumer_group_metadata()
    outsider.close()
    assert generation_of(empty) == (-1, "")
    plain.copy("member", 0, b"x", plain.first.metadata(), offset=7)
    plain.copy("outsider", 0, b"x", empty, offset=3)
    assert plain.behind.committed(plain.group, plain.told) == 3, "seven was done, and is done again after a restart"


def test_another_members_metadata_is_as_good_as_ones_own(plain: Plain) -> None:
    second, moved = plain.joined_by()
    plain.copy("first", moved, b"x", second.metadata(), offset=5)
    assert plain.behind.committed(plain.group, plain.told, moved) == 5
    _, member = generation_of(second.metadata())
    with pytest.raises(KafkaException) as error:
        plain.copy("stranger", moved, b"y", second.metadata().replace(member.encode(), b"nobody"), offset=6)
    assert error.value.args[0].name() == "UNKNOWN_MEMBER_ID"
    assert plain.behind.committed(plain.group, plain.told, moved) == 5


# What ours does.


def test_our_loop_drops_a_batch_during_which_a_second_one_joined_and_each_record_counts_once(behind: Behind) -> None:
    flow = Flow(behind)
    with flow.running(0) as first, ExitStack() as stack:
        flow.settle(4)
        second = flow.running(1)

        def meanwhile() -> None:
            stack.enter_context(second)
            assert second.holds(1)

        first.echo.meanwhile = meanwhile
        flow.settle(8)
        assert max((first.echo.asked + second.echo.asked).values()) > 1, "what was dropped is decided again"
        flow.settle(4)
    assert flow.is_sound()


def test_our_loop_expelled_in_the_middle_of_a_transaction_is_refused_and_each_record_counts_once(
    behind: Behind, caplog: pytest.LogCaptureFixture
) -> None:
    flow = Flow(behind, session_timeout_ms=1000)
    with flow.running(0) as zombie:
        flow.settle(4)
        silent = behind.proxy.hold("Heartbeat", client=zombie.slot)
        late = behind.proxy.hold("TxnOffsetCommit", client=zombie.slot, times=1)
        flow.tell(4)
        late.wait()
        with flow.running(1) as living:
            assert living.holds(2)
            late.lift()
            late.wait_answers()
            silent.lift()
            flow.settle(4)
        flow.settle(4)
    assert "UNKNOWN_MEMBER_ID" in caplog.text
    assert flow.is_sound()


def test_our_loop_commits_nothing_under_empty_metadata_and_reads_again_what_it_had_decided(
    behind: Behind, caplog: pytest.LogCaptureFixture
) -> None:
    flow = Flow(behind)
    with flow.running(0) as running:
        flow.settle(4)
        running.clients.times = 2
        flow.settle(4)
    assert running.clients.times == 0
    assert caplog.messages.count("group metadata of generation -1 is refused") == 2
    assert flow.is_sound()


def test_our_membership_has_no_metadata_to_give_before_it_has_joined(behind: Behind) -> None:
    flow = Flow(behind)
    worker = Worker(name=flow.group, reads=(flow.told,), writes=(), handler=flow.running().echo)
    member = Membership(
        worker,
        KafkaClients(flow.settings),
        slot=f"{flow.group}-0",
        metrics=Metrics("echo"),
        clock=Clock(),
        rewind_s=1.0,
    )
    member.join()
    assert member.metadata() is None
    member.close()
