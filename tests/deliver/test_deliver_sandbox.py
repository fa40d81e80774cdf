"""The courier and the handler against the real sandbox CRM over HTTP, with every fault it has."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from deliver_cases import Hand, RunningCrm, case, courier, deliver, first_later
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.city.model import System
from services.deliver.adapters import connect, seconds_of
from services.deliver.core import Deliver, version
from services.deliver.settings import DeliverSettings
from services.events import Case, DeliveryMade
from services.runtime.worker import Later, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.deliver.adapters import Courier
    from services.runtime.worker import Outcome


@pytest.fixture
def crm() -> Iterator[RunningCrm]:
    running = RunningCrm()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)


def results(outcomes: Sequence[Outcome]) -> list[str]:
    return [each.result if isinstance(each, DeliveryMade) else repr(each) for each in outcomes]


def until_taken(handler: Deliver, batch: Sequence[Case], clock: Hand, tries: int = 200) -> Sequence[Outcome]:
    for _ in range(tries):
        outcomes = handler.handle(0, batch)
        early = [each.seconds for each in outcomes if isinstance(each, Later)]
        if not early:
            return outcomes
        clock.seconds += min(early)
    message = f"not taken after {tries} tries"
    raise AssertionError(message)


def test_cases_are_created_updated_and_found_unchanged(crm: RunningCrm) -> None:
    with courier(crm.url) as carrier:
        assert results(deliver(carrier).handle(0, [case("r1"), case("r2")])) == ["created", "created"]
        assert results(deliver(carrier).handle(0, [case("r1", 2)])) == ["updated"]
        assert results(deliver(carrier).handle(0, [case("r1", 2), case("r2")])) == ["unchanged", "unchanged"]
        assert results(deliver(carrier).handle(0, [case("r1", 1)])) == ["unchanged"], "stale: the newer one stands"
    assert [(line.ref, line.versions) for line in crm.crm.book.lines()] == [("r1", (1, 2)), ("r2", (1,))]


def test_a_whole_batch_is_one_call(crm: RunningCrm) -> None:
    with courier(crm.url) as carrier:
        outcomes = deliver(carrier).handle(0, [case(f"r{number}") for number in range(200)])
    assert results(outcomes) == ["created"] * 200
    assert crm.crm.requests == 1


def test_a_lost_answer_is_asked_for_again_and_makes_no_second_record(crm: RunningCrm) -> None:
    crm.faults(lose_answer_rate=1.0)
    clock = Hand()
    with courier(crm.url, clock=clock) as carrier:
        handler = deliver(carrier)
        caught = first_later(handler.handle(0, [case()]))
        assert caught.why == "works: connection: ServerDisconnectedError"
        clock.seconds += caught.seconds
        crm.faults()
        outcomes = handler.handle(0, [case()])
    assert results(outcomes) == ["unchanged"]
    assert isinstance(outcomes[0], DeliveryMade)
    assert outcomes[0].attempts == 2
    assert [line.records for line in crm.crm.book.lines()] == [1]


def test_retry_after_is_obeyed_and_a_resting_system_is_not_called(crm: RunningCrm) -> None:
    crm.faults(limit_rate=1.0, retry_after_s=40)
    clock = Hand()
    with courier(crm.url, clock=clock) as carrier:
        handler = deliver(carrier)
        caught = first_later(handler.handle(0, [case()]))
        assert caught.why == "works: status 429"
        assert caught.seconds == 40.0
        clock.seconds += 15.0
        crm.faults()
        caught = first_later(handler.handle(1, [case("r2")]))
        assert caught.seconds == 25.0
        assert crm.crm.requests == 1
        clock.seconds += 25.0
        assert results(handler.handle(0, [case()])) == ["created"]


def test_a_system_that_comes_back_is_tried_with_one_case_first(crm: RunningCrm) -> None:
    crm.faults(down="503")
    clock = Hand()
    batch = [case(f"r{number}") for number in range(50)]
    with courier(crm.url, clock=clock) as carrier:
        handler = deliver(carrier)
        for _ in range(3):
            caught = first_later(handler.handle(0, batch))
            assert caught.why == "works: status 503"
            clock.seconds += caught.seconds
        assert crm.crm.requests == 3
        crm.faults()
        assert results(handler.handle(0, batch)) == ["created"] * 50
    assert crm.crm.requests == 5


def test_a_system_that_is_away_is_told_from_one_that_is_slow(crm: RunningCrm) -> None:
    clock = Hand()
    with courier(crm.url, clock=clock, timeout_s=0.05) as carrier:
        handler = deliver(carrier)
        crm.faults(slow_ms=400)
        caught = first_later(handler.handle(0, [case()]))
        assert caught.why == "works: no answer in time"
        clock.seconds += caught.seconds
        crm.down()
        caught = first_later(handler.handle(0, [case()]))
        assert caught.why == "works: connection: ClientConnectorError"
        clock.seconds += caught.seconds
        crm.up()
        crm.faults()
        assert results(handler.handle(0, [case()])) in (["created"], ["unchanged"])
    assert [line.records for line in crm.crm.book.lines()] == [1]


def test_a_changed_schema_and_several_matches_are_rejected_and_others_pass(crm: RunningCrm) -> None:
    crm.faults(ambiguous=("r1",))
    with courier(crm.url) as carrier:
        outcomes = deliver(carrier).handle(0, [case("r1"), case("r2")])
        assert outcomes[0] == Rejected(
            "crm_ambiguous", "works: status 300: several records have this external reference; merge them there"
        )
        assert results(outcomes[1:]) == ["created"]
        crm.faults(schema_change=True)
        outcomes = deliver(carrier).handle(0, [case("r3"), case("r4")])
        expected = Rejected("crm_schema", "works: status 422: the system does not take a case of this form")
        assert outcomes == [expected, expected]


def test_a_wrong_token_stops_deliveries_and_drops_none() -> None:
    crm = RunningCrm(token="right")
    try:
        with courier(crm.url, token="wrong") as carrier:
            assert first_later(deliver(carrier).handle(0, [case("r1"), case("r2")])).why == "works: status 401"
        with courier(crm.url, token="right") as carrier:
            assert results(deliver(carrier).handle(0, [case("r1"), case("r2")])) == ["created", "created"]
    finally:
        crm.close()


def test_what_was_accepted_before_the_trouble_is_not_sent_again(crm: RunningCrm) -> None:
    crm.faults(error_rate=0.5, seed=2)
    clock = Hand()
    batch = [case(f"r{number}") for number in range(40)]
    with courier(crm.url, clock=clock) as carrier:
        outcomes = until_taken(deliver(carrier), batch, clock)
    assert results(outcomes) == ["created"] * 40
    assert [line.unchanged for line in crm.crm.book.lines()] == [0] * 40
    attempts = [each.attempts for each in outcomes if isinstance(each, DeliveryMade)]
    assert max(attempts) > 1


def test_one_system_in_trouble_does_not_keep_cases_from_another(crm: RunningCrm) -> None:
    away = RunningCrm()
    away.down()
    clock = Hand()
    try:
        with courier(crm.url, clock=clock) as carrier:
            carrier._lines["green"].connector._url = away.url  # type: ignore[attr-defined]
            caught = first_later(deliver(carrier).handle(0, [case("r1"), case("r2", department="parks"), case("r3")]))
            assert caught.why == "green: connection: ClientConnectorError"
        assert sorted(line.ref for line in crm.crm.book.lines()) == ["r1", "r3"]
    finally:
        away.up()
        away.close()


def test_the_rate_limit_of_a_system_is_kept_and_patience_ends_a_batch(crm: RunningCrm) -> None:
    clock = Hand()
    batch = [case(f"r{number}") for number in range(30)]
    with courier(crm.url, clock=clock, per_second=10.0) as carrier:
        carrier._patience_s = 0.5
        handler = deliver(carrier)
        for delivered in (10, 20):
            caught = first_later(handler.handle(0, batch))
            assert caught.why == "works: patience ran out"
            assert len(crm.crm.book) == delivered
            clock.seconds += 1.0
        assert results(handler.handle(0, batch)) == ["created"] * 30


def test_a_kind_of_system_without_a_connector_is_named_at_the_start() -> None:
    with pytest.raises(ValueError) as caught:
        connect(System(id="fire-crm", kind="dispatchpro"), DeliverSettings())
    assert str(caught.value) == (
        "deliver cannot start: system fire-crm in departments.yaml is of kind 'dispatchpro'; expected one of: sandbox"
    )


def test_retry_after_is_read_as_seconds_or_as_a_date(noon: datetime) -> None:
    assert seconds_of("7", noon) == 7.0
    assert seconds_of("-3", noon) == 0.0
    assert seconds_of("Mon, 02 Mar 2026 12:00:30 GMT", noon) == 30.0
    assert seconds_of("soon", noon) is None
    assert seconds_of(None, noon) is None


@pytest.fixture
def noon() -> datetime:
    return datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Town:
    """The runtime in miniature: one partition of cases, its committed position, its committed deliveries."""

    def __init__(self, cases: Sequence[Case], carrier: Courier) -> None:
        self.cases = cases
        self.carrier = carrier
        self.position = 0
        self.deliveries: list[DeliveryMade] = []
        self.rejected: list[Rejected] = []
        self.handler = deliver(carrier)

    def step(self, size: int, fate: str, clock: Hand) -> None:
        batch = self.cases[self.position : self.position + size]
        outcomes = self.handler.handle(0, batch)
        early = [each.seconds for each in outcomes if isinstance(each, Later)]
        clock.seconds += min(early, default=0.0)
        if fate == "crash":
            self.handler = deliver(self.carrier)
            for delivery in self.deliveries:
                self.handler.fold(0, delivery)
        if fate != "commit":
            return
        for outcome in outcomes:
            if isinstance(outcome, Later):
                return
            self.position += 1
            if isinstance(outcome, DeliveryMade):
                self.deliveries.append(outcome)
                self.handler.fold(0, outcome)
            elif isinstance(outcome, Rejected):
                self.rejected.append(outcome)


revisions = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 4), st.booleans()), min_size=1, max_size=14)
rate = st.sampled_from([0.0, 0.2, 0.6])
troubles = st.fixed_dictionaries(
    {
        "down": st.sampled_from(["", "", "", "503", "reset"]),
        "error_rate": rate,
        "error_after_rate": rate,
        "lose_answer_rate": rate,
        "limit_rate": rate,
        "retry_after_s": st.sampled_from([0.0, 3.0]),
        "seed": st.integers(0, 99),
    }
)
steps = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["commit", "commit", "abort", "crash"]), st.none() | troubles),
    max_size=20,
)


@pytest.mark.parametrize("most", [1, 200])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(revisions=revisions, steps=steps)
def test_whatever_fails_and_is_replayed_each_case_ends_as_one_record_in_its_newest_version(
    most: int, revisions: list[tuple[str, int, bool]], steps: list[tuple[int, str, dict[str, object] | None]]
) -> None:
    cases = [case(ref, revision, reviewer="desk-1" if person else "") for ref, revision, person in revisions]
    newest: dict[str, int] = {}
    for each in cases:
        number = version(each.priority.revision, reviewed=each.decision.reviewer != "")
        newest[each.report.request_id] = max(newest.get(each.report.request_id, 0), number)
    crm = RunningCrm()
    clock = Hand()
    try:
        with courier(crm.url, clock=clock) as carrier:
            for line in carrier._lines.values():
                line.connector.most = most
            town = Town(cases, carrier)
            for size, fate, faults in steps:
                if faults is not None:
                    crm.faults(**faults)
                town.step(size, fate, clock)
            crm.faults()
            for _ in range(len(cases) + 40):
                town.step(3, "commit", clock)
        book = {line.ref: line for line in crm.crm.book.lines()}
        assert town.position == len(cases)
        assert not town.rejected
        assert {ref: (line.records, line.version, line.keys) for ref, line in book.items()} == {
            ref: (1, number, 1) for ref, number in newest.items()
        }
        assert all(list(line.versions) == sorted(set(line.versions)) for line in book.values()), "never backwards"
        ids = [delivery.id for delivery in town.deliveries]
        assert len(ids) == len(set(ids)), "one delivery for each version"
    finally:
        crm.close()
