import pytest
from decide_cases import ELSEWHERE, LINKED, SUGGESTED, decide, held, prioritized, released
from msgspec.structs import replace

from services.city.model import Policy
from services.events import Case, RequestPrioritized
from services.parts import AddressMatch, Boundary, Mode

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
        "the place may also lie outside the limits (27% of its circle), which is for county",
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


def test_a_place_that_no_crew_could_find_is_held_and_an_address_says_why_it_gave_none() -> None:
    assert held(prioritized(radius_m=1200)) == ("the place is known to 1,200 m only",)
    assert len(released(prioritized(radius_m=1200), policy=Policy(hold_beyond_m=1200))) == 1
    unknown = AddressMatch(outcome="unknown", reason="no such street: Main Stret")
    said = "no place was given, and of its address: no such street: Main Stret"
    assert held(prioritized(place=False, address=unknown)) == (said,)


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


def test_what_the_same_person_sent_again_goes_out_as_policy_would_and_says_so() -> None:
    again = replace(LINKED, relation="resend")
    said = "sent again by the same person within minutes, as r-0"
    for mode in ("supervised", "automatic"):
        assert released(prioritized(matching=again), mode)[-1] == f"yet {said}"
    assert held(prioritized(matching=again), "copilot")[-1] == said
    assert held(prioritized(matching=again, place=False)) == ("no place was given", said)
    suggested = prioritized(matching=replace(SUGGESTED, relation="resend"))
    assert held(suggested) == (
        "sent again by the same person within minutes: it may be the same incident as r-0 (0.64), 23 m and 1.5 h apart",
    )


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


HERE = Boundary(layer="districts", area_id="west", name="West End")
TOWN = Boundary(layer="limits", area_id="town", name="Nowhere")
OUT = replace(ELSEWHERE, layer="limits", area_id="", name="outside the limits")


def test_by_policy_a_circle_with_two_departments_is_held_with_the_question_to_ask() -> None:
    event = prioritized(ambiguous=(ELSEWHERE, OUT))
    event = replace(event, routing=replace(event.routing, boundaries=(HERE, TOWN)))
    assert held(event, policy=Policy(boundary="ask")) == (
        (
            "ask the reporter: does the place lie in West End, which is for works, "
            "or in East End (27% of its circle), which is for county?"
        ),
        (
            "ask the reporter: does the place lie in Nowhere, which is for works, "
            "or outside the limits (27% of its circle), which is for county?"
        ),
    )


def test_by_policy_the_larger_share_has_decided_already_and_nothing_is_held() -> None:
    assert released(prioritized(ambiguous=(ELSEWHERE,)), policy=Policy(boundary="larger"))


def test_a_report_beyond_the_limits_is_held_with_whom_to_ask_instead() -> None:
    event = prioritized(outside=True)
    event = replace(event, routing=replace(event.routing, instead="Fen County (311@fen.example)"))
    assert held(event) == ("the place is outside the city's limits: ask Fen County (311@fen.example) instead",)
