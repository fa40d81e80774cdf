"""One suite for the broker's port, run on the cluster in memory and on Kafka: what holds here holds on both.

What the loop's own tests assume of Kafka stands here, the holes that it has to step around included.
"""

import pytest
from broker_worlds import Seat, World, code, name, producer, quiet, topic_of, until
from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

from services.runtime import failures
from services.runtime.failures import Kind


def reader(world: World, topic: str, partition: int = 0) -> Seat:
    seat = Seat(world)
    seat.consumer.incremental_assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    return seat


def end(world: World, topic: str, partition: int = 0) -> int:
    return world.clients().ends([TopicPartition(topic, partition)])[topic, partition]


# Transactions.


def test_a_transaction_is_seen_whole_and_only_once_it_is_committed(world: World) -> None:
    topic = topic_of(world, 2)
    one = producer(world, name("id-"))
    one.begin_transaction()
    one.produce(topic, b"a", partition=0)
    one.produce(topic, b"b", partition=1)
    one.produce(topic, b"c", partition=0)
    assert one.flush(10) == 0
    seats = [reader(world, topic, 0), reader(world, topic, 1)]
    until(lambda: bool(seats[0].ends and seats[1].ends), *seats)
    assert [seat.values for seat in seats] == [[], []]
    one.commit_transaction(10)
    assert (seats[0].read(2), seats[1].read(1)) == ([b"a", b"c"], [b"b"])
    for seat in seats:
        seat.consumer.close()


def test_what_was_aborted_is_never_seen_and_the_producer_goes_on(world: World) -> None:
    topic = topic_of(world)
    one = producer(world, name("id-"))
    one.begin_transaction()
    one.produce(topic, b"no", partition=0)
    assert one.flush(10) == 0
    one.abort_transaction(10)
    one.begin_transaction()
    one.produce(topic, b"yes", partition=0)
    one.commit_transaction(10)
    seat = reader(world, topic)
    assert seat.read(1) == [b"yes"]
    seat.consumer.close()


def test_markers_take_offsets(world: World) -> None:
    topic = topic_of(world)
    one = producer(world, name("id-"))
    for value in (b"a", b"b"):
        one.begin_transaction()
        one.produce(topic, value, partition=0)
        one.commit_transaction(10)
    assert end(world, topic) == 4
    seat = reader(world, topic)
    until(lambda: len(seat.values) == 2, seat)
    assert [message.offset() for message in seat.messages] == [0, 2]
    seat.consumer.close()


def test_an_open_transaction_holds_back_readers_of_what_others_committed_behind_it(world: World) -> None:
    topic = topic_of(world)
    slow, quick = producer(world, name("id-")), producer(world, name("id-"))
    world.append(topic, 0, b"before")
    slow.begin_transaction()
    slow.produce(topic, b"slow", partition=0)
    assert slow.flush(10) == 0
    quick.begin_transaction()
    quick.produce(topic, b"quick", partition=0)
    quick.commit_transaction(10)
    seat = reader(world, topic)
    until(lambda: bool(seat.ends), seat)
    quiet(seat)
    assert (seat.values, seat.ends) == ([b"before"], [1])
    assert end(world, topic) == 4, "the end counts what is open"
    slow.commit_transaction(10)
    until(lambda: len(seat.values) == 3, seat)
    assert seat.values == [b"before", b"slow", b"quick"]
    seat.consumer.close()


def test_a_zombie_is_fenced_by_the_next_holder_of_its_id_and_what_it_had_open_is_aborted(world: World) -> None:
    topic, own = topic_of(world), name("id-")
    old = producer(world, own)
    old.begin_transaction()
    old.produce(topic, b"ghost", partition=0)
    assert old.flush(10) == 0
    new = producer(world, own)
    with pytest.raises(KafkaException) as error:
        old.commit_transaction(10)
    assert failures.kind(error.value.args[0]) is Kind.FENCED
    new.begin_transaction()
    new.produce(topic, b"living", partition=0)
    new.commit_transaction(10)
    seat = reader(world, topic)
    assert seat.read(1) == [b"living"]
    seat.consumer.close()


def test_a_fenced_producer_stays_fenced(world: World) -> None:
    topic, own = topic_of(world), name("id-")
    old = producer(world, own)
    producer(world, own)
    for _ in range(2):
        with pytest.raises(KafkaException) as error:
            _one_record(old, topic)
        assert failures.kind(error.value.args[0]) is Kind.FENCED


def _one_record(one: object, topic: str) -> None:
    one.begin_transaction()  # type: ignore[attr-defined]
    one.produce(topic, b"x", partition=0)  # type: ignore[attr-defined]
    one.flush(10)  # type: ignore[attr-defined]
    one.commit_transaction(10)  # type: ignore[attr-defined]


def test_calls_out_of_order_are_refused(world: World) -> None:
    topic = topic_of(world)
    one = producer(world, name("id-"))
    with pytest.raises(KafkaException) as error:
        one.produce(topic, b"x", partition=0)
    assert code(error.value) == "_STATE"
    with pytest.raises(KafkaException) as error:
        one.commit_transaction(5)
    assert code(error.value) == "_STATE"
    one.begin_transaction()
    with pytest.raises(KafkaException) as error:
        one.begin_transaction()
    assert code(error.value) == "_STATE"
    one.commit_transaction(5)


def test_records_keep_key_headers_and_nothing_and_one_key_keeps_to_one_partition(world: World) -> None:
    topic = topic_of(world, 4)
    one = producer(world, name("id-"))
    one.begin_transaction()
    for value in (b"a", None, b"c"):
        one.produce(topic, value, b"key", headers=[("h", b"1"), ("h", None)])
    one.commit_transaction(10)
    seat = Seat(world)
    seat.consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(4)])
    until(lambda: len(seat.messages) == 3, seat)
    assert [(m.key(), m.value(), m.headers()) for m in seat.messages] == [
        (b"key", value, [("h", b"1"), ("h", None)]) for value in (b"a", None, b"c")
    ]
    assert len({m.partition() for m in seat.messages}) == 1
    seat.consumer.close()


# Readers.


def test_the_end_of_a_partition_is_told_once_and_again_when_it_has_moved(world: World) -> None:
    topic = topic_of(world)
    seat = reader(world, topic)
    until(lambda: seat.ends == [0], seat)
    world.append(topic, 0, b"a", b"b")
    until(lambda: seat.ends == [0, 2], seat)
    quiet(seat)
    assert (seat.values, seat.ends) == ([b"a", b"b"], [0, 2])
    seat.consumer.close()


def test_an_aborted_transaction_moves_the_end(world: World) -> None:
    topic = topic_of(world)
    seat = reader(world, topic)
    until(lambda: seat.ends == [0], seat)
    one = producer(world, name("id-"))
    one.begin_transaction()
    one.produce(topic, b"no", partition=0)
    assert one.flush(10) == 0
    one.abort_transaction(10)
    until(lambda: seat.ends == [0, 2], seat)
    assert seat.values == []
    seat.consumer.close()


def test_a_reader_that_begins_a_partition_again_is_told_its_end_again(world: World) -> None:
    topic = topic_of(world)
    world.append(topic, 0, b"a")
    seat = reader(world, topic)
    until(lambda: seat.ends == [1], seat)
    seat.consumer.incremental_unassign([TopicPartition(topic, 0)])
    seat.consumer.incremental_assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    until(lambda: seat.ends == [1, 1], seat)
    assert seat.values == [b"a", b"a"]
    seat.consumer.close()


def test_what_is_paused_does_not_flow_and_goes_on_where_it_was_or_where_it_was_sought(world: World) -> None:
    topic = topic_of(world)
    world.append(topic, 0, *[b"%d" % i for i in range(300)])
    seat = reader(world, topic)
    here = [TopicPartition(topic, 0)]
    until(lambda: len(seat.values) >= 100, seat)
    seen = len(seat.values)
    seat.consumer.pause(here)
    quiet(seat)
    assert len(seat.values) == seen
    seat.consumer.resume(here)
    assert seat.consumer.consume(1, world.patience_s)[0].offset() == seen
    seat.consumer.pause(here)
    seat.consumer.seek(TopicPartition(topic, 0, 5))
    quiet(seat)
    seat.consumer.resume(here)
    assert seat.consumer.consume(1, world.patience_s)[0].offset() == 5
    seat.consumer.seek(TopicPartition(topic, 0, 7))
    seat.consumer.pause(here)
    quiet(seat)
    seat.consumer.resume(here)
    assert seat.consumer.consume(1, world.patience_s)[0].offset() == 7
    seat.consumer.seek(TopicPartition(topic, 0, OFFSET_BEGINNING))
    assert seat.consumer.consume(1, world.patience_s)[0].offset() == 0
    seat.consumer.close()


def test_a_partition_that_was_paused_is_paused_when_it_comes_back(world: World) -> None:
    topic = topic_of(world)
    world.append(topic, 0, b"a")
    seat = reader(world, topic)
    assert seat.read(1) == [b"a"]
    here = [TopicPartition(topic, 0)]
    seat.consumer.pause(here)
    seat.consumer.incremental_unassign(here)
    seat.consumer.incremental_assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    quiet(seat)
    assert seat.values == []
    seat.consumer.resume(here)
    assert seat.read(1) == [b"a"]
    seat.consumer.close()


def test_only_what_is_assigned_can_be_sought(world: World) -> None:
    seat = reader(world, topic_of(world))
    with pytest.raises(KafkaException) as error:
        seat.consumer.seek(TopicPartition("elsewhere", 0, 1))
    assert code(error.value) == "_UNKNOWN_PARTITION"
    seat.consumer.close()


def test_a_topic_says_how_many_partitions_it_has_and_one_that_is_not_there_has_none(world: World) -> None:
    topic = topic_of(world, 3)
    clients = world.clients()
    assert (clients.partitions(topic), clients.partitions("not.there")) == (3, 0)
    assert clients.ends([TopicPartition(topic, 2)]) == {(topic, 2): 0}
    assert clients.ends([]) == {}


def test_the_first_offset_of_a_time_or_later_is_told_and_the_end_where_all_is_older(world: World) -> None:
    topic = topic_of(world, 2)
    world.append(topic, 0, b"a", b"b")
    both = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    clients = world.clients()
    assert clients.since(both, 1000) == {(topic, 0): 0, (topic, 1): 0}
    assert clients.since(both, 4_000_000_000_000) == {(topic, 0): 2, (topic, 1): 0}


def test_a_moment_is_the_first_offset_that_is_not_older_and_the_end_when_all_are(world: World) -> None:
    topic = topic_of(world, 2)
    world.append(topic, 0, b"a", b"b")
    seat = reader(world, topic)
    assert seat.read(2) == [b"a", b"b"]
    seat.consumer.close()
    places = [TopicPartition(topic, partition) for partition in range(2)]
    assert world.clients().since(places, 0) == {(topic, 0): 0, (topic, 1): 0}
    assert world.clients().since(places, 2**42) == {(topic, 0): 2, (topic, 1): 0}
    assert world.clients().since([], 0) == {}
