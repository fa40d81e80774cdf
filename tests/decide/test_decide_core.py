from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from msgspec.structs import replace

from services.city.model import Category, City, Department, Family, Policy, System
from services.decide.core import Decider
from services.events import Case, DraftHeld, Event, RequestMatched, RequestPrioritized, ReviewMade
from services.parts import (
    Alternative,
    Boundary,
    Candidate,
    Classification,
    Intent,
    LinkEvidence,
    LostRule,
    Matching,
    Mode,
    Place,
    Priority,
    Report,
    Routing,
)
from services.runtime.worker import Outcome, Rejected

START = datetime(2026, 3, 2, tzinfo=UTC)
SUGGESTED = Matching(
    incident_id="r-1",
    band="suggestion",
    duplicate_of="r-0",
    score=0.64,
    evidence=LinkEvidence(distance_m=23.4, elapsed_s=5400.0, text_similarity=0.3),
    candidates=(Candidate(request_id="r-9", score=0.6),),
)
LINKED = Matching(incident_id="r-0", band="automatic", duplicate_of="r-0", score=0.93)
ELSEWHERE = Boundary(layer="districts", area_id="east", name="East End", share=0.27, department="county")


def city(policy: Policy) -> City:
    return City(
        name="Nowhere",
        jurisdiction_id="nowhere.example",
        time_zone="UTC",
        languages=("en",),
        extent=(9.9, 49.9, 10.1, 50.1),
        categories={
            "pothole": Category(service_code="pothole", name="Pothole", family="roads"),
            "tree": Category(service_code="tree", name="Fallen tree", family="trees"),
        },
        families={"roads": Family(id="roads"), "trees": Family(id="trees")},
        departments={name: Department(id=name, name=name, system="sandbox") for name in ("works", "county")},
        systems={"sandbox": System(id="sandbox")},
        rules=(),
        default_department="works",
        layers=(),
        policy=policy,
        version="cccc00000000",
    )


def prioritized(
    *,
    confidence: float = 0.97,
    released: bool = True,
    threshold: float = 0.9,
    code: str = "pothole",
    intent: Intent = "report",
    place: bool = True,
    outside: bool = False,
    ambiguous: tuple[Boundary, ...] = (),
    department: str = "works",
    matching: Matching | None = None,
    danger: bool = False,
) -> RequestPrioritized:
    return RequestPrioritized(
        report=Report(
            request_id="r-1",
            channel="web",
            received_at=START,
            requested_at=START,
            text="A hole.",
            place=Place(latitude=50.0, longitude=10.0) if place else None,
        ),
        classification=Classification(
            service_code=code,
            family="roads",
            confidence=confidence,
            alternatives=(Alternative(service_code=code, confidence=confidence),),
            threshold=threshold,
            released=released,
            intent=intent,
        ),
        routing=Routing(department=department, rule="roads", outside=outside, ambiguous=ambiguous),
        matching=matching or Matching(incident_id="r-1"),
        priority=Priority(
            score=30.0, level="life_safety" if danger else "routine", due_at=START + timedelta(hours=1), revision=3
        ),
    )


def decide(
    event: Event, mode: Mode = "supervised", policy: Policy | None = None, *, hold_suggestions: bool = True
) -> Event:
    (outcome,) = Decider(city(policy or Policy(mode=mode)), hold_suggestions=hold_suggestions).handle([event])
    assert isinstance(outcome, Event)
    return outcome


def released(event: Event, mode: Mode = "supervised", policy: Policy | None = None, **more: bool) -> tuple[str, ...]:
    outcome = decide(event, mode, policy, **more)
    assert isinstance(outcome, Case)
    assert outcome.decision.action == "release"
    return outcome.decision.reasons


def held(event: Event, mode: Mode = "supervised", policy: Policy | None = None) -> tuple[str, ...]:
    outcome = decide(event, mode, policy)
    assert isinstance(outcome, DraftHeld)
    assert outcome.decision.action == "hold"
    return outcome.decision.reasons


DOUBTFUL = [
    (prioritized(confidence=0.62, released=False), "not sure enough that it is Pothole: 0.62, and 0.90 is needed"),
    (prioritized(released=False), "the classifier did not release it: it gave no reason"),
    (prioritized(matching=SUGGESTED), "it may be the same incident as r-0 (0.64), 23 m and 1.5 h apart"),
    (prioritized(intent="question"), "it reads like a question, not like a report"),
    (prioritized(intent="status"), "it reads like a question about an earlier report, not like a report"),
]
UNWORKABLE = [
    (
        prioritized(ambiguous=(ELSEWHERE,)),
        "the place may also lie in East End (27% of its circle), which is for county",
    ),
    (
        prioritized(ambiguous=(replace(ELSEWHERE, area_id="", name="outside the limits"),)),
        "the place may also lie outside the city's limits (27% of its circle), which is for county",
    ),
    (prioritized(intent="spam"), "it reads like spam"),
    (prioritized(outside=True), "the place is outside the city's limits"),
    (prioritized(place=False), "no place was given"),
    (prioritized(code="ufo"), "the city has no category ufo"),
    (prioritized(department="parks"), "the city has no department parks"),
]


def test_a_sure_report_goes_out_in_supervised_mode_and_carries_all_that_was_said() -> None:
    event = prioritized()
    case = decide(event)
    assert isinstance(case, Case)
    assert case.decision.reasons == ("sure of the category: 0.97, and 0.90 is needed",)
    assert (case.decision.mode, case.decision.reviewer, case.decision.version) == ("supervised", "", "1.cccc00000000")
    assert (case.report, case.routing, case.matching, case.priority) == (
        event.report,
        event.routing,
        event.matching,
        event.priority,
    )
    assert (case.destination, case.id) == ("cases.works.v1", "r-1.case.3.policy")


@pytest.mark.parametrize(("event", "reason"), [*DOUBTFUL, *UNWORKABLE])
def test_supervised_mode_holds_every_doubt_and_names_it(event: RequestPrioritized, reason: str) -> None:
    assert held(event) == (reason,)


@pytest.mark.parametrize(("event", "reason"), DOUBTFUL)
def test_automatic_mode_releases_with_the_doubt_told(event: RequestPrioritized, reason: str) -> None:
    assert released(event, "automatic") == ("reports of this category go out without a person", f"yet {reason}")


@pytest.mark.parametrize(("event", "reason"), UNWORKABLE)
def test_automatic_mode_holds_what_no_department_could_work_with(event: RequestPrioritized, reason: str) -> None:
    assert held(event, "automatic") == (reason,)


@pytest.mark.parametrize(("event", "reason"), [*DOUBTFUL, *UNWORKABLE])
def test_copilot_mode_holds_everything_with_the_doubts_beside(event: RequestPrioritized, reason: str) -> None:
    assert held(event, "copilot") == ("a person confirms every report of this category", reason)


def test_copilot_mode_holds_even_a_sure_report() -> None:
    assert held(prioritized(), "copilot") == ("a person confirms every report of this category",)


def test_all_doubts_are_told_at_once() -> None:
    event = prioritized(confidence=0.4, released=False, place=False, matching=SUGGESTED)
    assert len(held(event)) == 3


def test_a_category_may_have_its_own_mode() -> None:
    policy = Policy(mode="automatic", categories={"pothole": "copilot"})
    assert held(prioritized(), policy=policy) == ("a person confirms every report of this category",)
    assert released(prioritized(code="tree"), policy=policy) == ("reports of this category go out without a person",)


def test_the_citys_floor_under_the_confidence_holds_what_the_model_would_release() -> None:
    policy = Policy(min_confidence=0.98)
    assert held(prioritized(), policy=policy) == ("not sure enough that it is Pothole: 0.97, and 0.98 is needed",)


def test_a_city_may_let_places_outside_and_missing_ones_pass() -> None:
    policy = Policy(hold_outside=False, hold_without_place=False)
    assert len(released(prioritized(outside=True), policy=policy)) == 1
    assert len(released(prioritized(place=False), policy=policy)) == 1


def test_an_area_of_the_same_department_is_no_doubt() -> None:
    assert len(released(prioritized(ambiguous=(replace(ELSEWHERE, department=""),)))) == 1


def test_an_operator_may_let_likely_duplicates_pass() -> None:
    reasons = released(prioritized(matching=SUGGESTED), hold_suggestions=False)
    assert reasons[1] == "yet it may be the same incident as r-0 (0.64), 23 m and 1.5 h apart"


def test_a_duplicate_goes_out_with_its_link_and_is_never_dropped() -> None:
    case = decide(prioritized(matching=LINKED))
    assert isinstance(case, Case)
    assert case.matching.duplicate_of == "r-0"
    assert case.decision.reasons[1] == "linked to r-0 as the same incident"


@pytest.mark.parametrize("mode", ["copilot", "supervised", "automatic"])
@pytest.mark.parametrize(("event", "reason"), [*DOUBTFUL, *UNWORKABLE[:-1]])
def test_danger_to_life_goes_out_at_once_in_every_mode_whatever_the_doubts(
    event: RequestPrioritized, reason: str, mode: Mode
) -> None:
    event = replace(event, priority=replace(event.priority, level="life_safety"))
    assert released(event, mode) == ("danger to life: goes out at once", f"yet {reason}")


def test_danger_to_life_waits_as_others_do_where_the_policy_says_so() -> None:
    policy = Policy(mode="copilot", release_life_safety=False)
    assert held(prioritized(danger=True), policy=policy) == ("a person confirms every report of this category",)


def test_danger_to_life_for_a_department_that_the_city_does_not_have_is_held_because_nobody_would_get_it() -> None:
    assert held(prioritized(danger=True, department="parks")) == ("the city has no department parks",)


Verdict = Literal["approve", "correct", "reject", "unlink"]


def review(
    verdict: Verdict,
    *,
    event: RequestPrioritized | None = None,
    service_code: str = "",
    department: str = "",
    note: str = "",
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
