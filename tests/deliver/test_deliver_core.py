from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from deliver_cases import LATER, case, deliver, first_later
from hypothesis import given
from hypothesis import strategies as st

from services.deliver.core import (
    Accepted,
    Answer,
    Ledger,
    Parcel,
    Refused,
    Trip,
    Unavailable,
    idempotency_key,
    judge,
    parcel,
    version,
    wait,
)
from services.events import DeliveryMade, Event, RequestReceived
from services.runtime.worker import Later, Outcome, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Porter:
    """A carrier that answers as it is told and remembers what it carried."""

    def __init__(self, answer: Callable[[Parcel], Answer | None] | None = None) -> None:
        self.answer = answer or (lambda load: Accepted("created", f"CRM-{load.ref}"))
        self.waits: dict[str, tuple[str, float]] = {}
        self.carried: list[tuple[str, int]] = []

    def carry(self, loads: Mapping[str, Sequence[Parcel]]) -> Trip:
        answers: dict[str, Answer] = {}
        for mine in loads.values():
            for load in mine:
                answer = self.answer(load)
                if answer is not None:
                    self.carried.append((load.ref, load.version))
                    answers[load.key] = answer
        return Trip(answers, self.waits)


def made(outcome: Outcome) -> DeliveryMade:
    assert isinstance(outcome, DeliveryMade)
    return outcome


def test_a_delivery_tells_where_under_which_key_and_when() -> None:
    delivery = made(deliver(Porter()).handle(0, [case("r1", 3)])[0])
    assert delivery.request_id == "r1"
    assert delivery.department == "streets"
    assert delivery.system == "works"
    assert delivery.external_id == "CRM-r1"
    assert delivery.idempotency_key == hashlib.sha256(b"testwater|r1|works").hexdigest()
    assert delivery.revision == 3
    assert delivery.result == "created"
    assert delivery.attempts == 1
    assert delivery.delivered_at == LATER
    assert delivery.id == "r1.delivery.works.3"


def test_a_case_that_the_ledger_has_is_not_sent_again_and_nothing_is_said() -> None:
    porter = Porter()
    handler = deliver(porter)
    handler.fold(0, made(handler.handle(0, [case("r1", 2)])[0]))
    assert handler.handle(0, [case("r1", 2), case("r1", 1)]) == [(), ()]
    assert porter.carried == [("r1", 2)]


def test_the_state_stays_as_it_is_until_the_delivery_is_committed() -> None:
    porter = Porter()
    handler = deliver(porter)
    first = handler.handle(0, [case()])
    again = handler.handle(0, [case()])
    assert first == again
    assert porter.carried == [("r1", 1)], "what was accepted is remembered although the transaction was aborted"


def test_a_ledger_rebuilt_from_the_deliveries_decides_like_the_one_that_made_them() -> None:
    porter = Porter()
    before = deliver(porter)
    deliveries = [made(each) for each in before.handle(0, [case("r1"), case("r2"), case("r3", 2)])]
    after = deliver(porter)
    for delivery in deliveries:
        after.fold(0, delivery)
    porter.carried.clear()
    after.handle(0, [case("r1"), case("r2", 2), case("r3", 2)])
    assert porter.carried == [("r2", 2)]


def test_a_forgotten_partition_has_no_ledger_and_no_tries() -> None:
    porter = Porter()
    handler = deliver(porter)
    handler.fold(0, made(handler.handle(0, [case()])[0]))
    handler.forget(0)
    handler.handle(0, [case()])
    assert porter.carried == [("r1", 1), ("r1", 1)]


def test_of_several_versions_in_a_batch_only_the_newest_is_sent_whatever_their_order() -> None:
    porter = Porter()
    outcomes = deliver(porter).handle(0, [case("r1", 1), case("r1", 3), case("r2"), case("r1", 2)])
    assert outcomes[0] == ()
    assert outcomes[3] == ()
    assert made(outcomes[1]).revision == 3
    assert made(outcomes[2]).request_id == "r2"
    assert sorted(porter.carried) == [("r1", 3), ("r2", 1)]


def test_a_persons_decision_outranks_the_policys_of_the_same_revision() -> None:
    porter = Porter()
    handler = deliver(porter)
    handler.fold(0, made(handler.handle(0, [case("r1", 1)])[0]))
    delivery = made(handler.handle(0, [case("r1", 1, reviewer="desk-2")])[0])
    assert delivery.reviewed
    assert delivery.id == "r1.delivery.works.1.review"
    handler.fold(0, delivery)
    assert handler.handle(0, [case("r1", 1)]) == [()]


def test_a_department_that_the_city_does_not_have_is_rejected() -> None:
    outcome = deliver(Porter()).handle(0, [case(department="moats"), case("r2")])
    assert outcome[0] == Rejected("unknown_department", "moats is not in departments.yaml")
    assert made(outcome[1]).request_id == "r2"


def test_a_case_moved_to_another_department_goes_to_that_departments_system_under_another_key() -> None:
    handler = deliver(Porter())
    first = made(handler.handle(0, [case("r1", 1)])[0])
    second = made(handler.handle(0, [case("r1", 2, department="parks")])[0])
    assert (first.system, second.system) == ("works", "green")
    assert first.idempotency_key != second.idempotency_key


def test_a_system_that_is_away_asks_for_patience_and_what_others_took_is_not_sent_again() -> None:
    porter = Porter(lambda load: Unavailable("status 503") if load.system == "green" else Accepted("created", "C"))
    porter.waits = {"green": ("status 503", 12.0)}
    handler = deliver(porter)
    batch = [case("r1"), case("r2", department="parks")]
    outcomes = handler.handle(0, batch)
    assert made(outcomes[0]).request_id == "r1"
    assert outcomes[1] == Later("green: status 503", 12.0)
    porter.answer = lambda _: Accepted("created", "C")
    outcomes = handler.handle(0, batch)
    assert [made(each).attempts for each in outcomes] == [1, 2]
    assert porter.carried == [("r1", 1), ("r2", 1), ("r2", 1)]


def test_a_parcel_that_there_was_no_time_for_is_tried_at_once() -> None:
    porter = Porter(lambda load: None if load.ref == "r2" else Accepted("created", "C"))
    caught = first_later(deliver(porter).handle(0, [case("r1"), case("r2")]))
    assert caught.why == "works: patience ran out"
    assert caught.seconds == 0.0


def test_a_refused_case_is_rejected_without_a_word_of_the_answer() -> None:
    handler = deliver(Porter(lambda _: judge(422, {"message": "text: the lamp at the corner"})))
    expected = Rejected("crm_schema", "works: status 422: the system does not take a case of this form")
    assert handler.handle(0, [case()]) == [expected]


def test_a_case_that_breaks_its_system_while_others_pass_is_given_up_and_goes_last() -> None:
    porter = Porter(
        lambda load: Unavailable("status 500", failed=True) if load.ref == "bad" else Accepted("created", "C")
    )
    handler = deliver(porter, give_up_after=3)
    batch = [case("bad"), case("r1")]
    for _ in range(2):
        assert first_later(handler.handle(0, batch)).why == "works: patience ran out"
    outcomes = handler.handle(0, batch)
    detail = "works: the system failed on it 3 times while it took others; look there, then replay"
    assert outcomes[0] == Rejected("crm_failed", detail)
    assert made(outcomes[1]).request_id == "r1"


def test_a_system_that_breaks_over_everything_is_never_given_up() -> None:
    handler = deliver(Porter(lambda _: Unavailable("status 500", failed=True)), give_up_after=2)
    for _ in range(10):
        assert first_later(handler.handle(0, [case("r1"), case("r2")])).seconds == 0.0


def test_what_was_tried_least_is_carried_first() -> None:
    porter = Porter(lambda load: Unavailable("status 500", failed=True) if load.ref == "bad" else None)
    handler = deliver(porter)
    assert first_later(handler.handle(0, [case("bad"), case("r1")])).seconds == 0.0
    order: list[str] = []
    porter.answer = lambda load: order.append(load.ref) or Accepted("created", "C")  # type: ignore[func-returns-value]
    handler.handle(0, [case("bad"), case("r1")])
    assert order == ["r1", "bad"]


def test_an_event_of_another_kind_stops_the_worker() -> None:
    stranger: Event = RequestReceived(report=case().report)
    with pytest.raises(TypeError, match=r"^deliver cannot handle a RequestReceived; expected a Case$"):
        deliver(Porter()).handle(0, [stranger])
    with pytest.raises(TypeError, match=r"^deliver cannot fold a RequestReceived; expected a DeliveryMade$"):
        deliver(Porter()).fold(0, stranger)


def test_what_is_sent_is_the_decision_with_its_evidence() -> None:
    load = parcel(case("r9", 2), system="works", tenant="testwater")
    assert load.ref == "r9"
    assert load.version == 2
    body = json.loads(json.dumps(load.case))
    assert body["version"] == 2
    assert body["department"] == "streets"
    assert body["latitude"] == 0.5
    assert body["because"] == {
        "department": "lights go to streets",
        "priority": ["category: +41"],
        "release": ["confident"],
    }


@given(st.text(), st.text(), st.text())
def test_the_key_is_64_hex_digits_and_of_one_case_in_one_system(tenant: str, request_id: str, system: str) -> None:
    key = idempotency_key(tenant, request_id, system)
    assert len(bytes.fromhex(key)) == 32
    assert key == idempotency_key(tenant, request_id, system)
    assert key != idempotency_key(tenant, request_id, system + "2")


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_versions_grow_with_revisions_and_a_persons_word_outranks_every_one_of_policys(a: int, b: int) -> None:
    assert version(a, reviewed=False) < version(b, reviewed=True)
    for reviewed in (False, True):
        assert (version(a, reviewed=reviewed) < version(b, reviewed=reviewed)) == (a < b)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, {"id": "C1", "result": "created"}, Accepted("created", "C1")),
        (200, {"id": "C1", "result": "updated"}, Accepted("updated", "C1")),
        (200, {"id": "C1", "result": "unchanged"}, Accepted("unchanged", "C1")),
        (
            200,
            {"id": 7, "result": "updated"},
            Refused("crm_schema", "status 200 without a text `id` and a known `result`"),
        ),
        (200, None, Refused("crm_schema", "status 200 without a text `id` and a known `result`")),
        (409, {"id": "C1", "version": 9}, Accepted("unchanged", "C1")),
        (409, None, Unavailable("status 409")),
        (
            300,
            {},
            Refused("crm_ambiguous", "status 300: several records have this external reference; merge them there"),
        ),
        (400, {}, Refused("crm_schema", "status 400: the system does not take a case of this form")),
        (410, {}, Refused("crm_refused", "status 410")),
        (401, {}, Unavailable("status 401")),
        (404, {}, Unavailable("status 404")),
        (429, {}, Unavailable("status 429")),
        (500, {}, Unavailable("status 500", failed=True)),
        (503, {}, Unavailable("status 503")),
    ],
)
def test_an_answer_is_judged_by_its_status(status: int, body: dict[str, Any] | None, expected: Answer) -> None:
    assert judge(status, body) == expected


@given(st.integers(1, 10_000), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 10_000)))
def test_a_wait_is_bounded_and_never_shorter_than_what_was_asked(
    failures: int, luck: float, asked: float | None
) -> None:
    seconds = wait(failures, asked, luck)
    assert 0.25 <= seconds <= 300.0
    assert seconds >= min(asked or 0.0, 300.0)
    if asked is None:
        assert seconds <= 30.0


def test_waits_double_up_to_half_a_minute() -> None:
    assert [wait(n, None, 1.0) for n in (1, 2, 3, 6, 7, 99)] == [0.5, 1.0, 2.0, 16.0, 30.0, 30.0]
    assert [wait(n, None, 1.0, 3.0) for n in (1, 2, 3, 99)] == [0.5, 1.0, 2.0, 3.0]
    assert wait(1, None, 0.0) == 0.25


def test_a_full_ledger_forgets_its_oldest_deliveries_first() -> None:
    ledger = Ledger(most=2)
    a, b, c = (idempotency_key("t", name, "s") for name in "abc")
    ledger.enter(0, a, 1)
    ledger.enter(0, b, 1)
    ledger.enter(0, a, 2)
    ledger.enter(0, c, 1)
    assert ledger.has(0, a, 2)
    assert not ledger.has(0, b, 1)
    assert ledger.has(0, c, 1)


def test_an_older_delivery_that_comes_later_does_not_lower_the_ledger() -> None:
    ledger = Ledger(most=10)
    key = idempotency_key("t", "a", "s")
    ledger.enter(0, key, 5)
    ledger.enter(0, key, 3)
    assert ledger.has(0, key, 5)


@pytest.mark.parametrize("key", ["", "no hex", "é", "0"])
def test_a_delivery_under_a_key_that_is_none_of_ours_does_not_stop_the_ledger(key: str) -> None:
    ledger = Ledger(most=10)
    ledger.enter(0, key, 1)
    assert ledger.has(0, key, 1)
    assert not ledger.has(0, idempotency_key("t", "a", "s"), 1)
