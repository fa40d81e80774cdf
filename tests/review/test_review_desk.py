"""Verdicts are taken once, whoever clicks how often, and drafts are shown with what stands beside them."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from http import HTTPStatus
from typing import Any, TypeVar

from review_doubles import Town, a_town, draft, prioritized

from services.readmodel.rows import DraftFilter
from services.review.core import Fault, Refused, Verdict, Wanted
from services.review.desk import Taken

town = a_town
T = TypeVar("T")


def run(what: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(20):
            return await what

    return asyncio.run(bounded())


def wanted(verdict: Verdict = "approve", **more: Any) -> Wanted:
    return Wanted(**{"request_id": "r-1", "verdict": verdict, "reviewer": "desk-3", "revision": 1, **more})


def test_a_double_click_is_one_review(town: Town) -> None:
    town.tell(draft())

    async def twice() -> list[Taken | Refused]:
        town.kafka.gate = asyncio.Event()
        clicks = [asyncio.create_task(town.desk.decide(wanted())) for _ in range(2)]
        await asyncio.sleep(0)
        town.kafka.gate.set()
        return await asyncio.gather(*clicks)

    first, second = run(twice())
    assert isinstance(first, Taken)
    assert isinstance(second, Taken)
    assert (first.repeated, second.repeated) == (False, True)
    assert first.review_id == second.review_id
    assert [review.review_id for review in town.kafka.sent] == [first.review_id]


def test_of_two_persons_who_click_at_once_one_is_too_late(town: Town) -> None:
    town.tell(draft())

    async def both() -> list[Taken | Refused]:
        said = (wanted(), wanted("reject", reviewer="desk-4", note="a joke"))
        return await asyncio.gather(*(town.desk.decide(each) for each in said))

    found = run(both())
    assert [type(each) for each in found] == [Taken, Refused]
    assert found[1] == Refused(
        HTTPStatus.CONFLICT, (Fault("already_decided", "Too late: it was approved by desk-3 already."),)
    )
    assert len(town.kafka.sent) == 1


UNCONFIRMED = Refused(
    HTTPStatus.SERVICE_UNAVAILABLE,
    (
        Fault(
            "not_confirmed",
            "The verdict may not have been stored: Kafka did not confirm it. Try again; it counts once.",
        ),
    ),
)


def test_what_kafka_never_got_can_be_decided_otherwise(town: Town) -> None:
    town.tell(draft())
    town.kafka.fault = "Kafka does not answer"
    message = "The verdict was not stored: Kafka cannot be reached. Try again in a moment."
    assert run(town.desk.decide(wanted())) == Refused(HTTPStatus.SERVICE_UNAVAILABLE, (Fault("not_stored", message),))
    town.kafka.fault = None
    assert isinstance(run(town.desk.decide(wanted("reject", note="a joke"))), Taken)
    assert [review.verdict for review in town.kafka.sent] == ["reject"]


def test_what_kafka_did_not_confirm_can_be_sent_again_and_is_the_same_event(town: Town) -> None:
    town.tell(draft())
    town.kafka.unsure = 1
    assert run(town.desk.decide(wanted(key="first try"))) == UNCONFIRMED
    town.now += timedelta(minutes=1)
    assert isinstance(run(town.desk.decide(wanted(key="second try"))), Taken)
    late, again = town.kafka.sent
    assert late == again


def test_what_kafka_did_not_confirm_cannot_be_contradicted(town: Town) -> None:
    town.tell(draft())
    town.kafka.unsure = 1
    assert run(town.desk.decide(wanted())) == UNCONFIRMED
    message = "It is not certain yet whether this was approved: do the same again to make sure, or wait a moment."
    assert run(town.desk.decide(wanted("reject", note="a joke"))) == Refused(
        HTTPStatus.CONFLICT, (Fault("not_certain", message),)
    )
    town.tell(draft(revision=2))
    assert isinstance(run(town.desk.decide(wanted("reject", revision=2, note="a joke"))), Taken)


def test_a_draft_that_was_decided_a_moment_ago_is_left_out_before_the_read_model_knows(town: Town) -> None:
    town.tell(draft("r-1"), draft("r-2"), draft("r-3"))
    assert isinstance(run(town.desk.decide(wanted())), Taken)
    for page, request_id in ((1, "r-2"), (2, "r-3")):
        queue = run(town.desk.queue(DraftFilter(page=page, page_size=1)))
        assert [lying.draft.request_id for lying in queue.drafts] == [request_id]
        assert queue.total == 2


def test_what_the_read_model_knows_need_not_be_left_out_any_longer(town: Town) -> None:
    town.tell(draft("r-1"), draft("r-2"))
    run(town.desk.decide(wanted()))
    run(town.desk.queue(DraftFilter()))
    assert dict(town.desk._unseen) == {"r-1": 1}
    town.tell(*town.kafka.sent)
    assert run(town.desk.queue(DraftFilter())).total == 1
    assert dict(town.desk._unseen) == {}


def test_a_draft_that_changed_after_it_was_decided_is_shown_again(town: Town) -> None:
    town.tell(draft())
    assert isinstance(run(town.desk.decide(wanted())), Taken)
    town.tell(town.kafka.sent[0], draft(revision=2))
    queue = run(town.desk.queue(DraftFilter()))
    assert [(lying.draft.state, lying.draft.revision) for lying in queue.drafts] == [("update", 2)]


def test_beside_a_draft_lies_the_report_that_it_may_repeat(town: Town) -> None:
    earlier, later = draft("r-0", text="A hole"), draft("r-1", duplicate_of="r-0")
    town.tell(prioritized(earlier), prioritized(later), later)
    lying = run(town.desk.draft("r-1"))
    assert lying is not None
    assert lying.duplicate is not None
    assert (lying.duplicate.request_id, lying.duplicate.text, lying.incident_size) == ("r-0", "A hole", 1)
    assert run(town.desk.draft("r-9")) is None


def test_a_turn_is_forgotten_when_nobody_waits_for_it(town: Town) -> None:
    town.tell(draft())
    run(town.desk.decide(wanted()))
    assert town.desk._turns == {}
