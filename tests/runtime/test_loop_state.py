"""When state is whole, and what is decided again: the loop on a cluster in memory."""

from datetime import timedelta
from typing import Any

from confluent_kafka import KafkaError
from loop_worlds import Heard, Town, count, hands, raising, sample, turns

from services.sandbox.memory_cluster import Ending, trouble

# State.


def test_state_follows_the_commit_and_never_comes_before_it() -> None:
    town = Town(stateful=True)
    loop = town.started()
    town.tell("good", "good")
    town.cluster.plan("before commit", lambda: seen.append(count(loop).heard.get(0)))
    seen: list[Any] = []
    loop.turn()
    assert seen == [None]
    assert count(loop).heard[0] == [0, 1]


def test_state_is_kept_through_an_abort_that_is_certain() -> None:
    town = Town(stateful=True)
    loop = town.started()
    town.tell("good")
    loop.turn()
    town.tell("good")
    town.cluster.plan("before flush", raising(trouble(KafkaError.INVALID_TXN_STATE, abort=True)))
    loop.turn()
    assert (count(loop).heard[0], loop._states.behind) == ([0], set())
    loop.turn()
    assert [heard.nth for heard in town.heard(0)] == [0, 1]


def test_state_is_read_anew_when_it_is_not_known_whether_a_commit_landed() -> None:
    town = Town(stateful=True)
    loop = town.started()
    town.tell("good")
    loop.turn()
    town.tell("good")
    town.cluster.plan("after commit", raising(trouble(KafkaError._TRANSPORT, fatal=True)))
    loop.turn()
    assert loop._states.behind == {0}
    assert loop.not_ready() == "the state of 1 partitions is being rebuilt"
    town.tell("good")
    turns(loop, 3)
    assert [heard.nth for heard in town.heard(0)] == [0, 1, 2]
    assert count(loop).heard[0] == [0, 1, 2]


def test_a_partition_is_not_handled_before_its_state_is_whole() -> None:
    town = Town(stateful=True)
    first = town.started()
    town.tell("good", "good")
    first.turn()
    del first
    # Somebody's open transaction keeps the end of the state's topic from being seen.
    ghost = town.clients.producer("ghost", lambda _: None)
    ghost.init_transactions(1.0)
    ghost.begin_transaction()
    ghost.produce(Heard.topic, b"{}", partition=0)
    second = town.loop()
    second.start()
    town.tell("good", partition=0)
    town.tell("good", partition=1)
    turns(second, 6)
    assert town.numbers() == [0, 1, 3], "the other partition goes on"
    town.cluster.end(town.cluster.coordinators["ghost"], Ending.ABORTED)
    turns(second, 3)
    assert [heard.nth for heard in town.heard(0)] == [0, 1, 2]


def test_a_partition_that_goes_and_comes_back_while_the_worker_is_busy_is_read_anew_and_not_forgotten() -> None:
    town = Town(stateful=True)
    loop = town.started()
    town.tell("good")
    loop.turn()
    town.tell("good")

    def expelled() -> None:
        town.cluster.groups["echo"].expel("echo-0")

    hands(loop).slow = expelled
    loop.turn()
    assert count(loop).heard[0] == [0], "nobody touches state while the worker may be at it"
    turns(loop, 5)
    assert loop.not_ready() is None
    assert [heard.nth for heard in town.heard(0)] == [0, 1]


def test_the_ends_of_the_topic_are_asked_for_again_when_the_broker_does_not_answer() -> None:
    town = Town(stateful=True)
    town.cluster.plan("before ends", raising(trouble(KafkaError._TIMED_OUT)))
    loop = town.loop()
    loop.start()
    town.tell("good")
    turns(loop, 6)
    assert town.numbers() == [0]


# Deciding again.


def test_nothing_is_decided_before_the_tables_are_known() -> None:
    town = Town(stateful=True, tables=True)
    town.season(7)
    for _ in range(3):
        town.cluster.plan("before ends", raising(trouble(KafkaError._TIMED_OUT)))
    loop = town.loop()
    loop.start()
    town.tell("good")
    turns(loop, 2)
    assert town.numbers() == []
    turns(loop, 6)
    assert [heard.again for heard in town.heard()] == [7]


def test_a_stateless_worker_too_waits_for_its_tables() -> None:
    town = Town(tables=True)
    town.season(3)
    town.tell("good")
    loop = town.started()
    turns(loop, 2)
    assert [heard.again for heard in town.heard()] == [3]
    town.season(4)
    turns(loop, 1)
    town.tell("good")
    turns(loop, 2)
    assert [heard.again for heard in town.heard()] == [3, 4]


def test_records_of_a_table_that_are_older_than_what_is_asked_for_are_not_read() -> None:
    town = Town(tables=True)
    town.tables_age = timedelta(hours=1)
    town.season(3)
    town.clock.seconds += 7200.0
    town.tell("good")
    loop = town.started()
    turns(loop, 2)
    assert [heard.again for heard in town.heard()] == [0]


def test_a_table_that_is_not_there_is_waited_for() -> None:
    town = Town(stateful=True, tables=True)
    del town.cluster.topics["weather.v1"]
    loop = town.loop()
    loop.start()
    town.tell("good")
    turns(loop, 5)
    assert (town.numbers(), loop.not_ready()) == ([], "the tables are being read")
    town.cluster.create("weather.v1")
    turns(loop, 5)
    assert town.numbers() == [0]


def test_what_no_longer_holds_is_decided_again_in_bounded_transactions_and_the_offsets_stay() -> None:
    town = Town(stateful=True, tables=True)
    loop = town.started()
    turns(loop, 3)
    town.tell("good", "good", "good")
    loop.turn()
    assert town.committed() == 3
    commits = sample(town, "transactions_total", result="committed") or 0
    town.season(1)
    turns(loop, 5)
    assert [(heard.number, heard.again) for heard in town.heard(0)] == [
        *((number, 0) for number in range(3)),
        *((number, 1) for number in range(3)),
    ]
    assert sample(town, "transactions_total", result="committed") == commits + 2
    assert (town.committed(), sample(town, "reconsidered_total")) == (3, 3)
    turns(loop, 3)
    assert len(town.heard(0)) == 6, "then all hold"


def test_one_who_lost_its_place_decides_nothing_again() -> None:
    town = Town(stateful=True, tables=True)
    loop = town.started()
    turns(loop, 3)
    town.tell("good")
    loop.turn()
    town.season(1)

    def expelled() -> None:
        town.cluster.groups["echo"].expel("echo-0")
        town.clients.consumers["echo-0"].hear()

    town.cluster.plan("after consume", lambda: town.cluster.plan("after consume", expelled))  # the reader's is first
    loop.turn()
    assert [heard.again for heard in town.heard()] == [0]
    turns(loop, 8)
    assert [heard.again for heard in town.heard()] == [0, 1]


def test_nothing_is_decided_again_from_state_that_is_being_read() -> None:
    town = Town(stateful=True, tables=True)
    loop = town.started()
    turns(loop, 3)
    town.tell("good", "good")
    loop.turn()
    town.season(1)
    loop._ready()
    assert loop._states.to_reconsider
    loop._states.rebuild({0, 1})
    assert not loop._states.to_reconsider
