"""Consumer groups in the broker's port, on the cluster in memory and on Kafka: what holds here holds on both.

What the loop's own tests assume of Kafka stands here, the holes that it has to step around included.
"""

import time

import pytest
from broker_worlds import InMemory, Seat, World, code, name, producer, quiet, topic_of, until
from confluent_kafka import OFFSET_INVALID, KafkaException, TopicPartition

from services.runtime import failures
from services.runtime.failures import Kind

# Groups.


def test_offsets_are_committed_with_the_transaction_and_not_before(world: World) -> None:
    topic, group = topic_of(world), name("group")
    seat = Seat(world, group, f"{group}-0", [topic])
    until(lambda: len(seat.held) == 1, seat)
    one = producer(world, f"{group}-0")
    place = (topic, 0)
    assert seat.committed(place) == [OFFSET_INVALID]
    one.begin_transaction()
    one.send_offsets_to_transaction([TopicPartition(*place, 3)], seat.metadata(), 10)
    with pytest.raises(KafkaException) as error:
        seat.consumer.committed([TopicPartition(*place)], 1.0)
    assert code(error.value) == "_TIMED_OUT", "until it is known what becomes of the transaction"
    one.commit_transaction(10)
    assert seat.committed(place) == [3]
    one.begin_transaction()
    one.send_offsets_to_transaction([TopicPartition(*place, 9)], seat.metadata(), 10)
    one.abort_transaction(10)
    assert seat.committed(place) == [3]
    seat.consumer.close()


def test_a_member_begins_where_its_group_has_committed(world: World) -> None:
    topic, group = topic_of(world), name("group")
    world.append(topic, 0, b"a", b"b", b"c")
    first = Seat(world, group, f"{group}-0", [topic])
    assert first.read(3) == [b"a", b"b", b"c"]
    one = producer(world, f"{group}-0")
    one.begin_transaction()
    one.send_offsets_to_transaction([TopicPartition(topic, 0, 2)], first.metadata(), 10)
    one.commit_transaction(10)
    first.consumer.close()
    again = Seat(world, group, f"{group}-0", [topic])
    assert again.read(1) == [b"c"]
    again.consumer.close()


def test_metadata_of_an_earlier_generation_is_refused_and_the_producer_goes_on(world: World) -> None:
    topic, group = topic_of(world, 2), name("group")
    seat = Seat(world, group, f"{group}-0", [topic])
    until(lambda: len(seat.held) == 2, seat)
    stale = seat.metadata()
    generation, member = seat.clients.generation(stale)
    assert generation > 0
    assert member
    other = Seat(world, group, f"{group}-1", [topic])
    until(lambda: len(seat.held) == len(other.held) == 1, seat, other)
    one = producer(world, f"{group}-0")
    one.begin_transaction()
    with pytest.raises(KafkaException) as error:
        one.send_offsets_to_transaction([TopicPartition(*min(seat.held), 1)], stale, 10)
    assert code(error.value) == "ILLEGAL_GENERATION"
    assert failures.kind(error.value.args[0]) is Kind.ABORTABLE
    one.abort_transaction(10)
    one.begin_transaction()
    # The first hole: whoever is in the generation may move the offsets of any partition.
    one.send_offsets_to_transaction([TopicPartition(*min(other.held), 7)], seat.metadata(), 10)
    one.commit_transaction(10)
    assert other.committed(min(other.held)) == [7]
    for each in (seat, other):
        each.consumer.close()


def test_who_has_not_joined_has_generation_minus_one_and_a_static_member_is_refused(world: World) -> None:
    topic, group = topic_of(world), name("group")
    seat = Seat(world, group, f"{group}-0", [topic])
    until(lambda: len(seat.held) == 1, seat)
    outsider = Seat(world, group, f"{group}-9", ["port.none"])
    metadata = outsider.metadata()
    assert outsider.clients.generation(metadata) == (-1, "")
    one = producer(world, name("id-"))
    one.begin_transaction()
    with pytest.raises(KafkaException) as error:
        one.send_offsets_to_transaction([TopicPartition(topic, 0, 5)], metadata, 10)
    assert code(error.value) == "UNKNOWN_MEMBER_ID"
    for each in (seat, outsider):
        each.consumer.close()


def test_partitions_move_to_a_newcomer_only_after_they_were_given_up(world: World) -> None:
    topic, group = topic_of(world, 4), name("group")
    first = Seat(world, group, f"{group}-0", [topic])
    until(lambda: len(first.held) == 4, first)
    second = Seat(world, group, f"{group}-1", [topic])
    both = []
    until(
        lambda: both.append(first.held & second.held) or len(first.held) == len(second.held) == 2,  # type: ignore[func-returns-value]
        first,
        second,
    )
    assert not any(both)
    assert [what for what, _ in first.told] == ["assigned", "revoked"], "what stays is not taken away and given again"
    for each in (first, second):
        each.consumer.close()


def test_a_restarted_slot_takes_its_place_over_and_its_ghost_is_fenced(world: World) -> None:
    topic, group = topic_of(world, 4), name("group")
    ghost = Seat(world, group, f"{group}-0", [topic])
    other = Seat(world, group, f"{group}-1", [topic])
    until(lambda: len(ghost.held) == len(other.held) == 2, ghost, other)
    told, metadata = list(other.told), ghost.metadata()
    living = Seat(world, group, f"{group}-0", [topic])
    until(lambda: len(living.held) == 2, living, other)
    assert (living.held, other.told) == (ghost.held, told), "nobody else has noticed"
    one = producer(world, f"{group}-0")
    one.begin_transaction()
    with pytest.raises(KafkaException) as error:
        one.send_offsets_to_transaction([TopicPartition(*min(ghost.held), 1)], metadata, 10)
    assert failures.kind(error.value.args[0]) is Kind.FENCED
    until(lambda: bool(ghost.faults), ghost)
    assert failures.fenced(ghost.faults[0])
    quiet(ghost)
    assert len(ghost.faults) == 1, "it is told once only"
    for each in (living, other):
        each.consumer.close()


def test_a_pattern_subscribes_to_a_family_of_topics(world: World) -> None:
    family, group = name("family"), name("group")
    for department in ("parks", "water"):
        world.create(f"{family}.{department}.v1", 1)
    world.create(f"{family}.v1", 1)
    seat = Seat(world, group, f"{group}-0", [rf"^{family}\.[a-z]+\.v1$"])
    until(lambda: seat.held == {(f"{family}.parks.v1", 0), (f"{family}.water.v1", 0)}, seat)
    seat.consumer.close()


@pytest.mark.slow
def test_a_member_that_did_not_poll_has_lost_all_and_what_it_knew_is_refused(world: World) -> None:
    world.hurry()
    topic, group = topic_of(world), name("group")
    seat = Seat(world, group, f"{group}-0", [topic])
    until(lambda: len(seat.held) == 1, seat)
    stale = seat.metadata()
    world.outlast(group, f"{group}-0")
    one = producer(world, f"{group}-0")
    deadline = time.monotonic() + 30
    refused = ""
    while refused != "UNKNOWN_MEMBER_ID":
        assert time.monotonic() < deadline, refused
        one.begin_transaction()
        try:
            one.send_offsets_to_transaction([TopicPartition(topic, 0, 1)], stale, 10)
        except KafkaException as error:
            refused = code(error)
        one.poll(0.5)
        one.abort_transaction(10)
    assert seat.clients.generation(seat.metadata())[1] == "" or isinstance(world, InMemory)
    until(lambda: [what for what, _ in seat.told] == ["assigned", "lost", "assigned"], seat)
    seat.consumer.close()
