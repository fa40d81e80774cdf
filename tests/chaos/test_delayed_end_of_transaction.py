"""An EndTxn that comes late, on a real broker: what it does to the next transaction, and that ours survives it.

librdkafka speaks the first transaction protocol, in which all transactions of one producer look alike to the broker
(KIP-890). The proxy takes a request off the wire, and gives it to the broker when the next transaction is open.
"""

import pytest
from confluent_kafka import KafkaException
from proxied_kafka import Behind, Transactions, code

from services.runtime import kafka
from services.runtime.transaction import BatchFailedError, FencedError
from services.sandbox.frames import Api
from services.sandbox.proxy import Rule

CODE_AT = {Api.EndTxn: 4, Api.InitProducerId: 5}
"""Where in a broker's answer the error code is: behind the throttle time, which tagged fields may precede."""
STALE = {"INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"}


def arrive(rule: Rule) -> str:
    """Let what was held reach the broker; what it said."""
    rule.release()
    rule.wait_answers()
    return code(rule.answers[0], CODE_AT[Api(rule.exchanges[0].request.api)])


# The hazard, with a producer of no special kind.


def test_a_late_abort_takes_half_of_the_next_transaction_away_though_all_its_calls_succeed(behind: Behind) -> None:
    topic, slot = behind.topic(), behind.name("plain-")
    plain = behind.producer(slot)
    late = behind.proxy.hold("EndTxn", client=slot, times=1, cut=True)
    plain.begin_transaction()
    plain.produce(topic, b"unwanted", partition=0)
    assert plain.flush(10) == 0
    plain.abort_transaction(10)
    plain.begin_transaction()
    plain.produce(topic, b"first half", partition=0)
    assert plain.flush(10) == 0
    assert arrive(late) == "NO_ERROR"
    plain.produce(topic, b"second half", partition=1)
    plain.commit_transaction(10)
    assert behind.read(topic) == [b"second half"], "the first half is lost, and nobody was told"


def test_a_late_commit_commits_half_of_the_next_transaction_though_it_is_aborted(behind: Behind) -> None:
    topic, slot = behind.topic(), behind.name("plain-")
    plain = behind.producer(slot)
    late = behind.proxy.hold("EndTxn", client=slot, times=1, cut=True)
    plain.begin_transaction()
    plain.produce(topic, b"wanted", partition=0)
    plain.commit_transaction(10)
    plain.begin_transaction()
    plain.produce(topic, b"first half", partition=0)
    assert plain.flush(10) == 0
    assert arrive(late) == "NO_ERROR"
    plain.produce(topic, b"second half", partition=1)
    assert plain.flush(10) == 0
    plain.abort_transaction(10)
    assert behind.read(topic) == [b"wanted", b"first half"], "half of what was aborted is there, and nobody was told"


def test_a_late_commit_is_noticed_only_by_who_goes_on_writing_to_the_same_partition(behind: Behind) -> None:
    topic, slot = behind.topic(), behind.name("plain-")
    plain = behind.producer(slot)
    late = behind.proxy.hold("EndTxn", client=slot, times=1, cut=True)
    plain.begin_transaction()
    plain.produce(topic, b"wanted", partition=0)
    plain.commit_transaction(10)
    plain.begin_transaction()
    plain.produce(topic, b"first half", partition=0)
    assert plain.flush(10) == 0
    assert arrive(late) == "NO_ERROR"
    while behind.read(topic) != [b"wanted", b"first half"]:
        pass
    plain.produce(topic, b"second half", partition=0)
    with pytest.raises(KafkaException) as error:
        plain.commit_transaction(10)
    assert error.value.args[0].name() == "INVALID_TXN_STATE"
    with pytest.raises(KafkaException) as error:
        plain.abort_transaction(10)
    assert (error.value.args[0].name(), error.value.args[0].fatal()) == ("INVALID_TXN_STATE", True)
    assert behind.read(topic) == [b"wanted", b"first half"]


# Ours.


def half_open(behind: Behind, ours: Transactions, late: Rule, *values: bytes) -> str:
    """Run one more transaction, and give the broker what was held when all but its end is there."""
    answers: list[str] = []
    with behind.proxy.hold("EndTxn", client=ours.slot, times=1) as end:

        def meanwhile() -> None:
            end.wait()
            answers.append(arrive(late))
            end.release()

        ours.meanwhile(meanwhile, *values)
    return answers[0]


def test_after_a_connection_that_broke_in_a_commit_the_late_one_is_refused_and_the_next_transaction_is_whole(
    behind: Behind,
) -> None:
    topic = behind.topic()
    with Transactions(behind, topic) as ours:
        ours.run(b"a")
        late = behind.proxy.hold("EndTxn", client=ours.slot, times=1, cut=True)
        ours.run(b"b")
        assert ours.renewals == 1
        assert half_open(behind, ours, late, b"c", b"d") in STALE
    assert sorted(behind.read(topic)) == [b"a", b"b", b"c", b"d"]


def test_after_a_connection_that_broke_in_an_abort_the_late_one_is_refused_too(behind: Behind) -> None:
    topic = behind.topic()
    with Transactions(behind, topic) as ours:
        late = behind.proxy.hold("EndTxn", client=ours.slot, times=1, cut=True)
        with pytest.raises(BatchFailedError) as error:
            ours.fail(b"unwanted")
        assert error.value.certain
        assert half_open(behind, ours, late, b"a", b"b") in STALE
        assert ours.renewals == 1
    assert sorted(behind.read(topic)) == [b"a", b"b"]


def test_after_a_commit_that_was_sent_again_because_nobody_answered_the_late_one_is_refused_too(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = kafka.connection
    monkeypatch.setattr(kafka, "connection", lambda settings: shipped(settings) | {"socket.timeout.ms": 1000})
    topic = behind.topic()
    with Transactions(behind, topic) as ours:
        ours.run(b"a")
        late = behind.proxy.hold("EndTxn", client=ours.slot, times=1)
        ours.run(b"b")
        assert (late.seen, ours.renewals) == (1, 1)
        assert half_open(behind, ours, late, b"c", b"d") in STALE
    assert sorted(behind.read(topic)) == [b"a", b"b", b"c", b"d"]


def test_a_connection_that_breaks_like_those_before_it_is_not_overlooked(behind: Behind) -> None:
    """librdkafka tells of the same disconnect no third time within half a minute."""
    topic = behind.topic()
    with behind.proxy.cut("InitProducerId", times=3), Transactions(behind, topic) as ours:
        late = behind.proxy.hold("EndTxn", client=ours.slot, times=1, cut=True)
        ours.run(b"a")
        assert ours.renewals == 1
        assert half_open(behind, ours, late, b"b", b"c") in STALE
    assert sorted(behind.read(topic)) == [b"a", b"b", b"c"]


@pytest.mark.parametrize("cut", [True, False], ids=["by a broken connection", "in silence"])
def test_a_commit_whose_answer_is_lost_counts_once(
    behind: Behind,
    monkeypatch: pytest.MonkeyPatch,
    cut: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    shipped = kafka.connection
    monkeypatch.setattr(kafka, "connection", lambda settings: shipped(settings) | {"socket.timeout.ms": 1000})
    topic = behind.topic()
    with Transactions(behind, topic) as ours:
        lost = behind.proxy.drop_answer("EndTxn", client=ours.slot, times=1, cut=cut)
        ours.run(b"a", b"b")
        ours.run(b"c", b"d")
        assert (lost.seen, [code(answer) for answer in lost.answers], ours.renewals) == (1, ["NO_ERROR"], 1)
    assert sorted(behind.read(topic)) == [b"a", b"b", b"c", b"d"]


def test_a_late_start_of_who_held_the_slot_before_fences_who_holds_it_now(behind: Behind) -> None:
    topic = behind.topic()
    late = behind.proxy.hold("InitProducerId", times=1, cut=True)
    with Transactions(behind, topic) as ours:
        assert arrive(late) == "NO_ERROR"
        with pytest.raises(FencedError):
            ours.run(b"a")
    assert behind.read(topic) == [], "whoever starts in the slot next goes on from there"
