"""Transactions on a cluster in memory: what each failure means, and what is known of the batch afterwards."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition
from loop_worlds import HandClock, raising

from services.runtime import transaction
from services.runtime.records import Outgoing
from services.runtime.transaction import BatchFailedError, FencedError, Transactor
from services.runtime.watchdog import Watchdog
from services.sandbox.memory import MemoryClients
from services.sandbox.memory_cluster import Cluster, trouble


class Bench:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.cluster = Cluster()
        self.cluster.create("out")
        self.clients = MemoryClients(self.cluster)
        self.renewals: list[int] = []
        self.told_to_stop = False
        self.transactor = self.make()
        self.transactor.start()

    def make(self) -> Transactor:
        return Transactor(
            self.clients,
            "echo-0",
            timeout_s=10.0,
            on_renew=lambda: self.renewals.append(1),
            clock=self.clock,
            stopping=lambda: self.told_to_stop,
        )

    def run(self, *values: bytes) -> None:
        self.transactor.run([Outgoing("out", None, value, []) for value in values], [], None)

    def out(self) -> list[bytes | None]:
        return [entry.value for entry in self.cluster.read("out", 0)]

    def failing(self, *values: bytes) -> BatchFailedError:
        with pytest.raises(BatchFailedError) as error:
            self.run(*values)
        return error.value


ABORT = trouble(KafkaError.INVALID_TXN_STATE, abort=True)
AGAIN = trouble(KafkaError.CONCURRENT_TRANSACTIONS, retriable=True)
FATAL = trouble(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True)
UNSORTED = trouble(KafkaError.UNKNOWN)
FENCED = trouble(KafkaError._FENCED, fatal=True)


def test_a_transaction_after_another() -> None:
    bench = Bench()
    bench.run(b"a", b"b")
    bench.run(b"c")
    assert (bench.out(), bench.renewals) == ([b"a", b"b", b"c"], [])


@pytest.mark.parametrize("moment", ["before begin", "before commit"])
def test_what_may_be_tried_again_is_and_then_the_producer_is_renewed(moment: str) -> None:
    bench = Bench()
    for _ in range(3):
        bench.cluster.plan(moment, raising(AGAIN))
    bench.run(b"a")
    assert (bench.out(), bench.renewals) == ([b"a"], [1])


def test_what_is_tried_again_in_vain_is_given_up_and_it_is_not_known_whether_it_landed() -> None:
    bench = Bench()

    def never() -> None:
        bench.cluster.plan("before commit", never)
        bench.clock.sleep(1.0)
        raise AGAIN

    bench.cluster.plan("before commit", never)
    assert bench.failing(b"a").certain is False
    assert (bench.out(), bench.renewals) == ([], [1])


@pytest.mark.parametrize("moment", ["before flush", "before commit"])
def test_what_has_to_be_aborted_is_and_the_producer_goes_on(moment: str) -> None:
    bench = Bench()
    bench.cluster.plan(moment, raising(ABORT))
    assert bench.failing(b"a").certain is True
    bench.run(b"b")
    assert (bench.out(), bench.renewals) == ([b"b"], [])


@pytest.mark.parametrize("error", [FATAL, UNSORTED])
@pytest.mark.parametrize(("moment", "certain"), [("before flush", True), ("before commit", False)])
def test_a_fatal_error_costs_the_producer_and_before_the_commit_nothing_else(
    error: Any,
    moment: str,
    certain: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    bench = Bench()
    bench.cluster.plan(moment, raising(error))
    assert bench.failing(b"a").certain is certain
    bench.run(b"b")
    assert (bench.out(), bench.renewals) == ([b"b"], [1])


def test_what_timed_out_and_has_to_be_aborted_costs_the_producer_at_once() -> None:
    bench = Bench()
    bench.cluster.plan("before commit", raising(trouble(KafkaError._TIMED_OUT, abort=True)))
    bench.cluster.plan("before abort", raising(FENCED))  # what the broker says once the transaction's time was up
    assert not bench.failing(b"a").certain
    bench.run(b"b")
    assert (bench.out(), bench.renewals) == ([b"b"], [1])


@pytest.mark.parametrize("error", [ABORT, FATAL, AGAIN])
def test_an_abort_that_fails_costs_the_producer(error: Any) -> None:
    bench = Bench()
    bench.cluster.plan("before flush", raising(ABORT))
    bench.cluster.plan("before abort", raising(error))
    assert bench.failing(b"a").certain is True
    bench.run(b"b")
    assert (bench.out(), bench.renewals) == ([b"b"], [1])


@pytest.mark.parametrize("moment", ["before begin", "before flush", "before commit"])
def test_who_is_fenced_says_so_and_does_not_renew(moment: str) -> None:
    bench = Bench()
    bench.cluster.plan(moment, raising(FENCED))
    with pytest.raises(FencedError, match=r"^echo-0 is held by another process: KafkaError\{FATAL,code=_FENCED"):
        bench.run(b"a")
    assert bench.renewals == []


@pytest.mark.parametrize("moment", ["before begin", "before commit"])
def test_who_was_fenced_lets_its_producer_go_although_that_raises_the_same_again(moment: str) -> None:
    bench = Bench()
    bench.cluster.plan(moment, bench.make().start)
    with pytest.raises(FencedError):
        bench.run(b"a")
    bench.transactor.close()
    assert bench.out() == []


@pytest.mark.parametrize("moment", ["before abort", "before init"])
def test_who_is_fenced_while_mending_says_so(moment: str) -> None:
    bench = Bench()
    bench.cluster.plan("before flush", raising(ABORT if moment == "before abort" else FATAL))
    bench.cluster.plan(moment, raising(FENCED))
    with pytest.raises(FencedError, match=r"^echo-0 is held by another process: KafkaError\{FATAL,code=_FENCED"):
        bench.run(b"a")


def test_records_that_are_not_acknowledged_in_time_fail_the_batch() -> None:
    bench = Bench()
    bench.clients.producers["echo-0"].flush = lambda timeout: 2  # type: ignore[method-assign]  # noqa: ARG005
    error = bench.failing(b"a", b"b")
    assert (str(error), error.certain) == ("2 records were not acknowledged in time", True)
    bench.run(b"c")
    assert (bench.out(), bench.renewals) == ([b"c"], [1])


def test_a_disconnect_between_transactions_costs_the_producer_before_the_next_one_begins() -> None:
    # librdkafka says nothing of a second one like it for half a minute: that may be one that counts.
    bench = Bench()
    bench.run(b"a")
    bench.clients.producers["echo-0"].suspect("disconnected")
    begun: list[int] = []
    bench.cluster.plan("before begin", lambda: begun.append(len(bench.renewals)))
    bench.run(b"b")
    second = bench.clients.producers["echo-0"]
    bench.run(b"c")
    assert (bench.out(), begun, bench.renewals) == ([b"a", b"b", b"c"], [1], [1])
    assert bench.clients.producers["echo-0"] is second


def test_a_commit_that_never_comes_back_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "GRACE_S", -9.99)
    bench, ended = Bench(), threading.Event()
    bench.transactor = Transactor(
        bench.clients,
        "echo-0",
        timeout_s=10.0,
        on_renew=lambda: None,
        clock=bench.clock,
        watchdog=Watchdog("echo-0", end=lambda _: ended.set(), look_s=0.001),
    )
    bench.transactor.start()

    def stuck() -> None:
        assert ended.wait(10.0)

    bench.cluster.plan("before commit", stuck)
    bench.run(b"a")


def _full(bench: Bench, times: int) -> Callable[..., None]:
    produce = bench.clients.producers["echo-0"].produce
    tries: list[int] = []

    def producing(*arguments: Any, **more: Any) -> None:
        tries.append(1)
        if len(tries) <= times:
            bench.clock.sleep(1.0)
            raise BufferError
        produce(*arguments, **more)

    return producing


def test_a_full_queue_is_waited_for() -> None:
    bench = Bench()
    bench.clients.producers["echo-0"].produce = _full(bench, 5)  # type: ignore[method-assign]
    bench.run(b"a")
    assert bench.out() == [b"a"]


def test_a_queue_that_stays_full_fails_the_batch() -> None:
    bench = Bench()
    bench.clients.producers["echo-0"].produce = _full(bench, 50)  # type: ignore[method-assign]
    error = bench.failing(b"a")
    assert (str(error), error.certain) == ("the producer's queue stayed full", True)


def test_whoever_starts_ends_what_its_predecessor_had_open() -> None:
    bench = Bench()
    bench.cluster.plan("before flush", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        bench.run(b"ghost")
    bench.transactor = bench.make()
    bench.transactor.start()
    bench.run(b"living")
    assert bench.out() == [b"living"]


def test_a_broker_that_is_away_at_the_start_is_waited_for_ever_longer_but_never_for_long() -> None:
    bench = Bench()
    for _ in range(10):
        bench.cluster.plan("before init", raising(AGAIN))
    began = bench.clock.monotonic()
    bench.make().start()
    assert bench.clock.monotonic() - began == pytest.approx(0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5 * 5.0)


def test_who_is_told_to_stop_waits_for_no_broker_and_commits_nothing_more() -> None:
    bench = Bench()
    bench.told_to_stop = True
    bench.cluster.plan("before commit", raising(FATAL))
    bench.cluster.plan("before init", raising(AGAIN))
    bench.cluster.plan("before init", raising(AGAIN))
    assert bench.failing(b"a").certain is False
    error = bench.failing(b"b")
    assert (str(error), error.certain) == ("there is no producer, and the worker is stopping", True)


def test_offsets_are_sent_only_where_there_are_some() -> None:
    bench = Bench()
    bench.cluster.plan("before send_offsets", raising(ABORT))
    bench.run(b"a")
    with pytest.raises(BatchFailedError):
        bench.transactor.run([], [TopicPartition("in", 0, 1)], None)
