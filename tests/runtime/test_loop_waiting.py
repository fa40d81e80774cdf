"""Waiting without letting go, and coming and going: the loop on a cluster in memory."""

import pytest
from confluent_kafka import KafkaError
from loop_worlds import Told, Town, hands, raising, sample, turns

from services.runtime.health import Heartbeat
from services.runtime.loopsettings import LoopSettings
from services.runtime.transaction import FencedError
from services.sandbox.memory_cluster import trouble

# Waiting.


def test_too_many_rejections_pause_the_worker_and_an_operator_lets_them_through() -> None:
    town = Town()
    town.settings = LoopSettings(max_rejected_share=0.5, rejected_window=4, rejections_hold_s=300.0)
    loop = town.started()
    town.tell("good", *["bad"] * 5)
    loop.turn()
    assert (town.numbers(), town.dead(), town.committed()) == ([], [], None)
    assert loop.not_ready() == "paused: rejections"
    assert sample(town, "paused", reason="rejections") == 1
    turns(loop, 10)
    assert town.outside.asked == [0, 1, 2, 3, 4, 5], "it does not ask again before the time"
    loop.resume()
    turns(loop, 2)
    assert (town.numbers(), len(town.dead())) == ([0], 5)
    assert (loop.not_ready(), sample(town, "paused", reason="rejections")) == (None, 0)


def test_a_pause_for_rejections_ends_by_itself_and_the_worker_looks_again() -> None:
    town = Town()
    town.settings = LoopSettings(max_rejected_share=0.5, rejected_window=2, rejections_hold_s=10.0)
    loop = town.started()
    town.tell("bad", "bad")
    loop.turn()
    town.clock.sleep(11)
    turns(loop, 2)
    assert town.outside.asked == [0, 1, 0, 1]
    assert loop.not_ready() == "paused: rejections"


def test_partitions_that_come_during_a_pause_wait_too() -> None:
    town = Town()
    town.settings = LoopSettings(max_rejected_share=0.1, rejected_window=1)
    first, second = town.started(0), town.started(1)
    turns(first, 2)
    turns(second, 2)
    town.tell("bad", partition=0)
    town.tell("bad", partition=1)
    first.turn()
    town.cluster.groups["echo"].expel("echo-1")
    turns(first, 5)
    assert len(first._member.held) == 2
    assert len(town.outside.asked) == 1
    first.resume()
    turns(first, 3)
    assert town.became() == {0: 1, 1: 1}


def test_a_record_for_later_keeps_its_own_partition_waiting_and_no_other() -> None:
    town = Town()
    loop = town.started()
    town.outside.away = True
    town.tell("good", "needy", "good", partition=0)
    town.tell("good", "good", partition=1)
    loop.turn()
    assert town.numbers() == [0, 3, 4]
    assert (town.committed(0), town.committed(1)) == (1, 2)
    assert sample(town, "paused", reason="try_later") == 1
    town.tell("good", partition=1)
    turns(loop, 2)
    assert town.numbers() == [0, 3, 4, 5]
    town.outside.away = False
    town.clock.sleep(6)
    turns(loop, 2)
    assert town.numbers() == [0, 1, 2, 3, 4, 5]
    assert sample(town, "paused", reason="try_later") == 0


def test_while_work_takes_long_the_worker_stays_a_member_and_nothing_more_is_taken() -> None:
    town = Town()
    loop = town.started()
    beats: list[int] = []

    class Beats(Heartbeat):
        def beat(self) -> None:
            beats.append(1)

    loop._heartbeat = Beats(60)
    town.tell("good")
    hands(loop).slow = lambda: town.tell("good", partition=1)
    loop.turn()
    assert len(beats) == 4
    assert town.numbers() == [0]
    assert town.clients.consumers["echo-0"]._paused == {(Told.topic, 0), (Told.topic, 1)}
    loop.turn()
    assert town.became() == dict.fromkeys(range(4), 1)


def test_progress_is_what_was_committed_or_that_there_was_nothing_to_do() -> None:
    town = Town()
    loop = town.started()
    idle = sample(town, "last_progress_timestamp_seconds")
    assert idle == pytest.approx(town.clock.now().timestamp(), abs=1)
    town.tell("good")
    town.clock.sleep(100)
    town.cluster.plan("before flush", raising(trouble(KafkaError.INVALID_TXN_STATE, abort=True)))
    loop.turn()
    assert sample(town, "last_progress_timestamp_seconds") == idle
    loop.turn()
    assert sample(town, "last_progress_timestamp_seconds") == town.clock.now().timestamp()


# Coming and going.


def test_another_holder_of_the_slot_ends_the_one_before_at_its_next_commit() -> None:
    town = Town()
    old = town.started()
    town.tell("good")

    def taken_over() -> None:
        new = town.loop()
        new.start()

    town.cluster.plan("before flush", taken_over)
    with pytest.raises(FencedError, match=r"^echo-0 is held by another process: KafkaError\{FATAL,code=_FENCED"):
        old.turn()
    assert town.numbers() == []


def test_another_holder_of_the_slot_ends_one_that_has_nothing_to_do() -> None:
    town = Town()
    old = town.started()
    new = town.started()
    with pytest.raises(FencedError, match=r"^echo-0 is held by another process: KafkaError\{code=_FATAL"):
        turns(old, 2)
    town.tell("good")
    new.turn()
    assert town.numbers() == [0]


def test_a_worker_that_is_told_to_stop_finishes_the_batch_at_hand() -> None:
    town = Town()
    loop = town.started()
    town.tell("good", "good")
    hands(loop).slow = loop.stop
    loop.start = lambda: None  # type: ignore[method-assign]
    loop.run()
    assert (town.numbers(), town.committed()) == ([0, 1], 2)
    assert loop.not_ready() == "not started"


def test_a_worker_that_is_told_to_stop_while_the_broker_is_away_leaves() -> None:
    town = Town()
    loop = town.loop()
    for _ in range(3):
        town.cluster.plan("before init", raising(trouble(KafkaError._ALL_BROKERS_DOWN, retriable=True)))

    def stop_then_fail() -> None:
        loop.stop()
        raise trouble(KafkaError._ALL_BROKERS_DOWN, retriable=True)

    town.cluster.plan("before init", stop_then_fail)
    loop.run()
    assert not town.clients.consumers


def test_a_transaction_that_is_open_on_the_way_out_is_aborted_so_that_readers_need_not_wait() -> None:
    town = Town()
    loop = town.started()
    town.tell("good")
    town.cluster.plan("before flush", raising(MemoryError()))
    loop.start = lambda: None  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        loop.run()
    assert town.cluster.coordinators["echo-0"].transaction is None
    assert town.numbers() == []


def test_the_next_holder_of_a_slot_goes_on_where_the_last_one_died() -> None:
    town = Town()
    dead = town.started()
    town.tell("good", "good", "good")
    town.cluster.plan("after send_offsets", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        dead.turn()
    del dead
    town.started()
    assert town.became() == dict.fromkeys(range(3), 1)
