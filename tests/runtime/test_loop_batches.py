"""What becomes of a batch, and where it is read again: the loop on a cluster in memory."""

from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from loop_worlds import Echo, Heard, Told, Town, hands, raising, sample, turns

from services.events import Event
from services.runtime.worker import Outcome
from services.sandbox.memory_cluster import trouble
from services.sandbox.memory_consumer import Found

# One batch.


def test_a_batch_becomes_outputs_and_offsets_in_one_transaction() -> None:
    town = Town()
    loop = town.started()
    town.tell("good", "good", partition=0)
    town.tell("good", partition=1)
    loop.turn()
    assert town.numbers() == [0, 1, 2]
    assert (town.committed(0), town.committed(1)) == (2, 1)
    assert len({id(entry.transaction) for p in (0, 1) for entry in town.cluster.log(Heard.topic, p).entries}) == 1


def test_a_worker_is_told_of_its_outputs_once_they_are_committed_and_of_no_others() -> None:
    town = Town()
    loop = town.started()
    town.cluster.plan("before flush", raising(trouble(KafkaError.INVALID_TXN_STATE, abort=True)))
    town.tell("good", "bad")
    loop.turn()
    assert town.outputs == []
    turns(loop, 2)
    assert town.outputs == [Heard(number=0)]


def test_one_bad_record_among_good_ones_goes_to_the_dead_letters_and_stops_nobody() -> None:
    town = Town()
    loop = town.started()
    town.tell("good", "bad", "torn", "good")
    loop.turn()
    assert town.numbers() == [0, 3]
    refused, torn = town.cluster.read("echo.dead.v1", 0)
    assert dict(refused.headers)["dead_reason"] == b"bad_number"
    assert (torn.value, dict(torn.headers)["dead_reason"]) == (b"{2", b"bad_json")
    assert dict(torn.headers)["dead_offset"] == b"2"
    assert town.committed() == 4


def test_an_output_that_is_too_large_to_travel_is_a_dead_letter_and_not_a_transaction_that_fails_for_ever() -> None:
    town = Town()
    loop = town.started()
    handler = loop.worker.handler
    assert isinstance(handler, Echo)
    handler._one = lambda event: Heard(number=event.number, size="x" * 960_000 * (event.number == 1))  # type: ignore[method-assign]
    town.tell("good", "good", "good")
    loop.turn()
    assert town.numbers() == [0, 2]
    assert [letter["dead_reason"] for letter in town.dead()] == [b"too_large"]
    assert town.dead()[0]["dead_detail"] == b"its heard.v1 would have 960022 bytes, expected at most 950000"


def test_a_dead_letter_that_would_be_too_large_leaves_its_original_where_it_is() -> None:
    town = Town()
    loop = town.started()
    town.cluster.append(Told.topic, 0, b"{" + b"x" * 1_000_000, key=b"k")
    loop.turn()
    (letter,) = town.cluster.read("echo.dead.v1", 0)
    assert (letter.key, letter.value) == (None, None)
    assert dict(letter.headers)["dead_left_out"] == b"1000002"
    assert dict(letter.headers)["dead_offset"] == b"0"
    assert town.committed() == 1


def test_a_handler_that_forgets_a_record_stops_the_worker_and_nothing_is_committed() -> None:
    town = Town()
    loop = town.started()

    class Forgetful:
        def handle(self, batch: Sequence[Event]) -> Sequence[Outcome]:
            return [Heard(number=0)] * (len(batch) - 1)

    object.__setattr__(loop.worker, "handler", Forgetful())
    town.tell("good", "good")
    with pytest.raises(RuntimeError, match=r"^echo.handle gave 1 outcomes for 2 records, expected one for each$"):
        loop.turn()
    assert (town.numbers(), town.committed()) == ([], None)


def test_what_no_worker_foresaw_ends_the_worker_and_leaves_the_group() -> None:
    town = Town()
    loop = town.started()
    town.tell("good")
    handler = loop.worker.handler
    assert isinstance(handler, Echo)
    handler._one = lambda event: Heard(number=1 // event.number)  # type: ignore[method-assign]
    loop.start = lambda: None  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        loop.run()
    assert not loop._member.joined
    assert loop.not_ready() == "not started"


# Who owns what.


def test_a_batch_during_which_partitions_moved_is_read_again_by_whoever_has_them() -> None:
    town = Town()
    first, second = town.started(0), town.loop(1)
    second.start()
    town.tell("good", "good", partition=0)
    town.tell("good", "good", partition=1)
    hands(first).slow = second.turn
    first.turn()
    assert sample(town, "transactions_total", result="committed") == 1, "the newcomer's, and none of this batch"
    for _ in range(5):
        first.turn()
        second.turn()
    assert town.became() == dict.fromkeys(range(4), 1)
    assert sorted(town.outside.asked) != [0, 1, 2, 3], "some were decided twice, and committed once"


def test_records_of_partitions_that_went_between_two_polls_are_left_to_their_new_owner() -> None:
    town = Town()
    first, second = town.started(0), town.loop(1)
    second.start()
    town.tell("good", "good", partition=0)
    town.tell("good", "good", partition=1)

    def joins() -> None:
        second.turn()
        town.cluster.plan("after consume", lambda: turns(second, 2))

    town.cluster.plan("after consume", joins)
    first.turn()
    turns(first, 2)
    assert town.became() == dict.fromkeys(range(4), 1)


def test_metadata_of_one_who_is_no_member_any_more_is_refused() -> None:
    town = Town()
    loop = town.started()
    assert loop._member.metadata() is not None
    town.tell("good")

    def expelled_and_told_so() -> None:
        town.cluster.groups["echo"].expel("echo-0")
        town.clients.consumers["echo-0"].hear()

    town.cluster.plan("after consume", expelled_and_told_so)
    loop.turn()
    assert (town.outside.asked, town.numbers()) == ([], [])
    turns(loop, 3)
    assert town.numbers() == [0]


def test_metadata_of_one_who_has_not_joined_is_refused_because_the_broker_would_take_it() -> None:
    town = Town(static=False)
    loop = town.loop()
    loop.start()
    metadata = town.clients.consumers["echo-0"].consumer_group_metadata()
    assert metadata is not None
    assert town.cluster.groups["echo"].refuses(metadata.member, metadata.generation, metadata.instance) is None
    assert loop._member.metadata() is None


def test_a_zombie_that_was_expelled_commits_nothing() -> None:
    town = Town()
    zombie, living = town.started(0), town.started(1)
    turns(zombie, 2)
    turns(living, 2)
    town.tell("good", partition=0)
    town.tell("good", partition=1)

    def stalls() -> None:
        town.cluster.groups["echo"].expel("echo-0")
        turns(living, 3)

    town.cluster.plan("before send_offsets", stalls)
    zombie.turn()
    assert town.numbers() == [0, 1]
    assert sample(town, "transactions_total", result="aborted") == 1
    for _ in range(4):
        zombie.turn()
        living.turn()
    assert town.became() == {0: 1, 1: 1}
    assert zombie._member.held, "it joined again"


# Where a batch is read again.


def test_after_an_abort_the_batch_is_read_again() -> None:
    town = Town()
    loop = town.started()
    town.tell("good", "good")
    town.cluster.plan("before flush", raising(trouble(KafkaError.INVALID_TXN_STATE, abort=True)))
    loop.turn()
    assert town.numbers() == []
    loop.turn()
    assert (town.numbers(), town.outside.asked) == ([0, 1], [0, 1, 0, 1])


def test_after_a_commit_that_landed_unheard_the_batch_is_not_read_again() -> None:
    town = Town()
    loop = town.started()
    town.tell("good", "good")
    town.cluster.plan("after commit", raising(trouble(KafkaError._TRANSPORT, fatal=True)))
    loop.turn()
    turns(loop, 2)
    assert (town.numbers(), town.outside.asked) == ([0, 1], [0, 1])
    assert sample(town, "producer_renewals_total") == 1


def test_a_commit_that_times_out_is_asked_for_again_and_its_producer_is_not_trusted_any_more() -> None:
    town = Town()
    loop = town.started()
    town.tell("good")
    epoch = town.cluster.coordinators["echo-0"].epoch
    town.cluster.plan("before commit", raising(trouble(KafkaError._TIMED_OUT, retriable=True)))
    loop.turn()
    assert town.numbers() == [0]
    coordinator = town.cluster.coordinators["echo-0"]
    assert coordinator.epoch == epoch + 1, "a late copy of that commit would be refused"
    town.tell("good")
    loop.turn()
    assert town.numbers() == [0, 1]


def test_a_slow_commit_is_a_suspect_one() -> None:
    town = Town()
    loop = town.started()
    town.tell("good")
    town.cluster.plan("after commit", lambda: town.clock.sleep(6.0))
    loop.turn()
    assert (town.numbers(), sample(town, "producer_renewals_total")) == ([0], 1)


def test_a_disconnect_that_is_heard_of_during_a_transaction_costs_the_producer() -> None:
    town = Town()
    loop = town.started()
    town.tell("good")
    town.cluster.plan("before flush", lambda: town.clients.producers["echo-0"].suspect("disconnected"))
    loop.turn()
    assert (town.numbers(), sample(town, "producer_renewals_total")) == ([0], 1)


def test_offsets_that_the_broker_cannot_tell_are_not_taken_for_none_at_all() -> None:
    town = Town()
    loop = town.started()
    town.tell("good")
    loop.turn()
    town.tell("good")
    consumer = town.clients.consumers["echo-0"]
    true, answers = consumer.committed, []

    def committed(partitions: list[Any], timeout: float) -> list[Any]:
        answers.append(timeout)
        if len(answers) == 1:
            return [Found(Told.topic, 0, -1001, KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))]
        return true(partitions, timeout)

    consumer.committed = committed  # type: ignore[method-assign]
    town.cluster.plan("before flush", raising(trouble(KafkaError.INVALID_TXN_STATE, abort=True)))
    turns(loop, 2)
    assert len(answers) == 2
    assert town.became() == {0: 1, 1: 1}


def test_a_worker_that_cannot_learn_what_is_committed_exits() -> None:
    town = Town()
    loop = town.started()
    town.tell("good")
    loop.turn()
    consumer = town.clients.consumers["echo-0"]
    consumer.committed = lambda *_: raising(trouble(KafkaError._TIMED_OUT))()  # type: ignore[method-assign]
    town.tell("good")
    town.cluster.plan("before flush", raising(trouble(KafkaError.INVALID_TXN_STATE, abort=True)))
    began = town.clock.monotonic()
    with pytest.raises(KafkaException):
        loop.turn()
    assert town.clock.monotonic() - began == pytest.approx(60, abs=1)
