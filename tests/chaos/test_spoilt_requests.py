"""Our whole loop on a real broker, with single requests of its own that come late, twice or never."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from proxied_kafka import Behind, Flow, code

from services.runtime import kafka

OF_A_TRANSACTION = ("AddPartitionsToTxn", "Produce", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn")
CODE_AT = {"AddPartitionsToTxn": -2, "AddOffsetsToTxn": -2, "EndTxn": -2, "TxnOffsetCommit": -5}
"""Where in a broker's answer the last error code is."""
STALE = {"INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED", "INVALID_TXN_STATE"}


class Town:
    """One loop that all tests here spoil in turn."""

    def __init__(self, behind: Behind) -> None:
        self.proxy = behind.proxy
        self.flow = Flow(behind)
        self._stack = ExitStack()
        self.running = self._stack.enter_context(self.flow.running())

    def is_handed_over(self) -> bool:
        """Let another process take the slot, which begins where the offsets are, and see what it makes of them."""
        self.stop()
        self.running = self._stack.enter_context(self.flow.running())
        self.flow.settle(4)
        return self.flow.is_sound()

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def _town(proxied: Behind) -> Iterator[Town]:
    made = Town(proxied)
    yield made
    made.stop()


@pytest.fixture
def town(_town: Town, behind: Behind) -> Town:
    assert behind.proxy is _town.proxy
    _town.flow.settle(4)
    return _town


@pytest.mark.parametrize("api", OF_A_TRANSACTION)
def test_a_request_that_is_sent_again_and_comes_late_is_refused_or_changes_nothing(town: Town, api: str) -> None:
    renewals = town.running.renewals
    late = town.proxy.hold(api, client=town.running.slot, times=1, cut=True)
    town.flow.settle(4)
    with town.proxy.hold("EndTxn", client=town.running.slot, times=1) as end:
        town.flow.tell(4)
        end.wait()
        late.release()
        late.wait_answers()
    town.flow.settle(4)
    assert (late.seen, town.running.renewals > renewals) == (1, True)
    if api in CODE_AT:
        assert code(late.answers[0], CODE_AT[api]) in STALE
    assert town.flow.is_sound()


@pytest.mark.parametrize("api", OF_A_TRANSACTION)
def test_a_request_whose_answer_is_lost_counts_once(town: Town, api: str) -> None:
    renewals = town.running.renewals
    lost = town.proxy.drop_answer(api, client=town.running.slot, times=1, cut=True)
    town.flow.settle(4)
    town.flow.settle(4)
    assert (lost.seen, lost.answered, town.running.renewals > renewals) == (1, 1, True)
    assert town.flow.is_sound()


@pytest.mark.parametrize("api", ["Produce", "TxnOffsetCommit", "EndTxn"])
def test_a_connection_that_is_cut_before_the_broker_has_a_request_costs_the_producer_and_nothing_else(
    town: Town, api: str
) -> None:
    renewals = town.running.renewals
    cut = town.proxy.cut(api, client=town.running.slot, times=1)
    town.flow.settle(4)
    town.flow.settle(4)
    assert (cut.seen, town.running.renewals > renewals) == (1, True)
    assert town.flow.is_sound()


@pytest.mark.parametrize("api", ["Fetch", "Heartbeat", "OffsetFetch"])
def test_a_member_whose_connection_is_cut_reads_on_where_it_was(town: Town, api: str) -> None:
    cut = town.proxy.cut(api, client=town.running.slot, times=1)
    if api == "OffsetFetch":
        assert town.is_handed_over()
    else:
        cut.wait()
    town.flow.settle(4)
    assert (cut.seen, town.flow.is_sound()) == (1, True)


def test_after_all_this_whoever_takes_the_slot_next_doubles_nothing(town: Town) -> None:
    assert town.is_handed_over()


@pytest.mark.parametrize("api", ["TxnOffsetCommit", "EndTxn"])
def test_a_partition_from_the_coordinator_in_the_middle_of_a_transaction_is_outlasted(
    behind: Behind, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = kafka.connection
    monkeypatch.setattr(kafka, "connection", lambda settings: shipped(settings) | {"socket.timeout.ms": 1000})
    town = Town(behind)
    town.flow.settle(4)
    sent = behind.proxy.hold(api, client=town.running.slot, times=1)
    town.flow.tell(4)
    sent.wait()
    behind.proxy.partition()
    sent.lift()
    behind.proxy.hold("ApiVersions", client=town.running.slot, seconds=0).wait(3)
    behind.proxy.heal()
    town.flow.settle(4)
    assert town.running.renewals > 0
    assert town.is_handed_over()
    town.stop()
