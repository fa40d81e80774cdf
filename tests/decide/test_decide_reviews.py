from collections.abc import Sequence
from typing import Literal

import pytest
from decide_cases import LINKED, START, SUGGESTED, city, decide, prioritized
from msgspec.structs import replace

from services.city.model import Policy
from services.decide.core import Decider
from services.events import Case, DraftHeld, Event, RequestMatched, RequestPrioritized, ReviewMade
from services.parts import (
    LostRule,
    Matching,
)
from services.runtime.worker import Outcome, Rejected

Verdict = Literal["approve", "correct", "reject", "unlink"]


def review(
    verdict: Verdict,
    *,
    event: RequestPrioritized | None = None,
    service_code: str = "",
    department: str = "",
    note: str = "",
    same_as: str = "",
) -> ReviewMade:
    draft = decide(event or prioritized(confidence=0.62, released=False))
    assert isinstance(draft, DraftHeld)
    return ReviewMade(
        review_id="v-1",
        verdict=verdict,
        reviewer="clerk-7",
        reviewed_at=START,
        draft=draft,
        service_code=service_code,
        department=department,
        note=note,
        same_as=same_as,
    )


def case_of(event: ReviewMade) -> Case:
    outcome = decide(event)
    assert isinstance(outcome, Case)
    assert (outcome.decision.action, outcome.decision.reviewer) == ("release", "clerk-7")
    return outcome


def test_an_approved_draft_becomes_the_case_as_it_was() -> None:
    event = review("approve", note="Seen it myself.")
    case = case_of(event)
    assert case.classification == event.draft.classification
    assert case.decision.reasons == ("approved by a person", "the reviewer's note: Seen it myself.")
    assert case.decision.mode == "supervised"
    assert case.id == "r-1.case.3.review"


def test_a_corrected_category_is_certain_and_keeps_what_the_model_had_said() -> None:
    event = review("correct", service_code="tree")
    case = case_of(event)
    said = case.classification
    assert (said.service_code, said.family, said.confidence, said.released) == ("tree", "trees", 1.0, True)
    assert said.reason == "corrected by a person from pothole (0.62)"
    assert said.alternatives == event.draft.classification.alternatives
    assert case.decision.reasons == ("a person corrected the category from pothole",)
    assert case.routing == event.draft.routing


def test_a_corrected_department_gets_the_case_and_the_rule_is_among_the_lost() -> None:
    case = case_of(review("correct", department="county"))
    assert (case.destination, case.routing.rule) == ("cases.county.v1", "review")
    assert case.routing.reason == "corrected by a person from works"
    assert case.routing.lost == (LostRule(rule="roads", why="a person chose another department"),)
    assert case.decision.reasons == ("a person corrected the department from works",)
    assert case.classification.service_code == "pothole"


def test_an_unlinked_report_stands_alone_and_remembers_the_candidates() -> None:
    case = case_of(review("unlink", event=prioritized(matching=SUGGESTED)))
    assert case.matching == Matching(incident_id="r-1", candidates=SUGGESTED.candidates)
    assert case.decision.reasons == ("a person says that it is not the same incident as r-0",)


def test_a_merged_report_is_of_the_incident_that_the_person_named_and_says_so() -> None:
    event = review("approve", event=prioritized(matching=SUGGESTED), same_as="r-0", note="The same hole.")
    case = case_of(event)
    assert case.matching == replace(
        SUGGESTED, incident_id="r-0", band="automatic", duplicate_of="r-0", relation="merged"
    )
    assert case.decision.reasons == (
        "approved by a person",
        "a person says that it is the same incident as r-0",
        "the reviewer's note: The same hole.",
    )


def test_a_report_may_be_corrected_and_merged_with_another_than_the_suggested_one() -> None:
    case = case_of(review("correct", event=prioritized(matching=SUGGESTED), service_code="tree", same_as="r-9"))
    assert case.matching == Matching(incident_id="r-9", band="automatic", duplicate_of="r-9", relation="merged")
    assert case.classification.service_code == "tree"
    assert case.decision.reasons[1] == "a person says that it is the same incident as r-9"


@pytest.mark.parametrize("named", ["r-7", LINKED.incident_id])
def test_a_link_that_a_person_confirms_keeps_the_incident_that_it_led_to_and_what_spoke_for_it(named: str) -> None:
    linked = replace(LINKED, duplicate_of="r-7")
    case = case_of(review("approve", event=prioritized(matching=linked, place=False), same_as=named))
    assert case.matching == replace(linked, relation="merged")


def test_a_report_that_is_said_to_be_the_same_as_itself_is_approved_as_it_is() -> None:
    event = review("approve", same_as="r-1")
    assert case_of(event).matching == event.draft.matching
    assert case_of(event).decision.reasons == ("approved by a person",)


def test_a_rejected_draft_becomes_no_case() -> None:
    event = review("reject", event=prioritized(department="parks"))
    assert list(Decider(city(Policy())).handle([event])) == [()]


@pytest.mark.parametrize(
    ("event", "rejected"),
    [
        (
            review("correct", service_code="ufo"),
            Rejected(
                "unknown_service_code", "the city has no category 'ufo'; review again with one of its categories.yaml"
            ),
        ),
        (
            review("correct", department="parks"),
            Rejected("unknown_department", "the city has no department 'parks'; correct it to one of county, works"),
        ),
        (
            review("approve", event=prioritized(department="parks")),
            Rejected("unknown_department", "the city has no department 'parks'; correct it to one of county, works"),
        ),
        (review("correct"), Rejected("nothing_corrected", "a correction needs a service_code or a department")),
    ],
)
def test_a_verdict_of_which_no_case_can_be_made_is_rejected_with_the_remedy(
    event: ReviewMade, rejected: Rejected
) -> None:
    assert list(Decider(city(Policy())).handle([event])) == [rejected]


def test_outcomes_stand_in_the_order_of_the_batch() -> None:
    batch: Sequence[Event] = [prioritized(), review("reject"), prioritized(place=False), review("approve")]
    kinds = [type(outcome) for outcome in Decider(city(Policy())).handle(batch)]
    assert kinds == [Case, tuple, DraftHeld, Case]


def test_an_event_of_another_kind_is_a_fault_of_the_wiring() -> None:
    event = prioritized()
    other = RequestMatched(
        report=event.report, classification=event.classification, routing=event.routing, matching=event.matching
    )
    with pytest.raises(TypeError) as raised:
        Decider(city(Policy())).handle([other])
    assert str(raised.value) == "decide reads requests.prioritized.v1 and reviews.made.v1, and was given RequestMatched"


def after(*reviews: ReviewMade, event: RequestPrioritized, remember: int = 10) -> Outcome:
    decider = Decider(city(Policy(mode="supervised")), remember=remember)
    for each in reviews:
        decider.learn(each)
    (outcome,) = decider.handle([replace(event, priority=replace(event.priority, revision=4))])
    return outcome


def test_what_a_person_corrected_stays_corrected_when_the_report_is_scored_anew() -> None:
    doubtful = prioritized(confidence=0.62, released=False)
    case = after(review("correct", service_code="tree", department="county"), event=doubtful)
    assert isinstance(case, Case)
    assert (case.priority.revision, case.id, case.destination) == (4, "r-1.case.4.review", "cases.county.v1")
    assert case.classification.service_code == "tree"
    assert case.decision.reviewer == "clerk-7"
    assert case.decision.reasons == (
        "a person corrected the category from pothole",
        "a person corrected the department from works",
        "scored anew since, and the person's word stands",
    )


def test_what_a_person_approved_goes_out_again_and_what_was_rejected_or_unlinked_stays_so() -> None:
    doubtful = prioritized(confidence=0.62, released=False)
    assert isinstance(after(review("approve"), event=doubtful), Case)
    assert after(review("approve"), review("reject"), event=doubtful) == ()
    case = after(review("unlink", event=prioritized(matching=SUGGESTED)), event=prioritized(matching=SUGGESTED))
    assert isinstance(case, Case)
    assert case.matching.duplicate_of is None
    assert case.decision.reasons[0] == "a person says that it is not the same incident as r-0"


@pytest.mark.parametrize(
    ("linked", "kept"),
    [
        (SUGGESTED, False),
        (replace(SUGGESTED, revision=2), False),
        (replace(LINKED, duplicate_of="r-5", revision=2), False),
        (replace(LINKED, duplicate_of="r-5", incident_id="r-5", revision=2), True),
        (replace(SUGGESTED, duplicate_of="r-5", revision=2), True),
        (Matching(incident_id="r-1", revision=2, recurs_of="r-3"), True),
    ],
)
def test_an_undone_link_stays_undone_and_another_that_is_found_later_stands(
    linked: Matching,
    kept: bool,  # noqa: FBT001
) -> None:
    undone = review("unlink", event=prioritized(matching=SUGGESTED))
    case = after(undone, event=prioritized(matching=linked))
    assert isinstance(case, Case)
    assert (case.matching == linked) is kept
    assert case.matching.incident_id == (linked.incident_id if kept else "r-1")


def test_what_match_says_later_of_a_merged_report_stands_since_it_has_read_the_review() -> None:
    said = review("approve", event=prioritized(matching=SUGGESTED), same_as="r-0")
    first = after(said, event=prioritized(matching=SUGGESTED))
    assert isinstance(first, Case)
    assert (first.matching.duplicate_of, first.matching.relation) == ("r-0", "merged")
    root = Matching(incident_id="r-1", revision=2)
    later = after(said, event=prioritized(matching=root))
    assert isinstance(later, Case)
    assert later.matching == root, "the report was made first, so the other one links to it"
    assert later.decision.reasons == (
        "approved by a person",
        "a person says that it is the same incident as r-0",
        "scored anew since, and the person's word stands",
    )


def test_a_verdict_that_nothing_can_be_made_of_is_not_learnt() -> None:
    assert isinstance(after(review("correct", department="parks"), event=prioritized()), Case)
    held_again = after(review("correct", service_code="ufo"), event=prioritized(confidence=0.62, released=False))
    assert isinstance(held_again, DraftHeld)


def test_a_report_whose_department_is_gone_is_held_whatever_was_said_of_it() -> None:
    outcome = after(review("approve"), event=prioritized(department="parks"))
    assert isinstance(outcome, DraftHeld)
    assert outcome.decision.reasons == ("the city has no department parks",)


def test_the_oldest_verdict_is_forgotten_first() -> None:
    doubtful = prioritized(confidence=0.62, released=False)
    other = review("approve")
    other = replace(other, draft=replace(other.draft, report=replace(other.draft.report, request_id="r-2")))
    assert isinstance(after(review("approve"), other, event=doubtful, remember=1), DraftHeld)
    assert isinstance(after(review("approve"), other, review("approve"), event=doubtful, remember=1), Case)


def test_decide_learns_from_verdicts_alone() -> None:
    message = r"^decide learns from reviews\.made\.v1, and was given RequestPrioritized$"
    with pytest.raises(TypeError, match=message):
        Decider(city(Policy())).learn(prioritized())
