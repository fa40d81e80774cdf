from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from classify_phrases import town
from hypothesis import given
from hypothesis import strategies as st

from services.classify.core import Classifier, Opinion, Tongue
from services.events import RequestClassified, RequestReceived
from services.parts import Alternative, Classification, Report, Safety
from services.runtime.worker import Outcome, Rejected

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
THRESHOLDS = {"pothole": 0.8, "sidewalk": 0.9, "street-light": 0.7, "gas": None}
SURE = Opinion(best=(("pothole", 0.91234), ("sidewalk", 0.05), ("gas", 0.01)), known=5)
ENGLISH = Tongue("en", 0.99)


class OneOpinion:
    """Says the same of every text, as the model of all batches and as the linguist."""

    version = "small-1"

    def __init__(self, opinion: Opinion = SURE, tongue: Tongue = ENGLISH) -> None:
        self.opinion, self.tongue, self.thresholds = opinion, tongue, THRESHOLDS

    def current(self) -> "OneOpinion":
        return self

    def score(self, texts: Sequence[str]) -> list[Opinion]:
        return [self.opinion] * len(texts)

    def tongues(self, texts: Sequence[str]) -> list[Tongue]:
        return [self.tongue] * len(texts)


def received(text: str = "deep hole in the road", **also: Any) -> RequestReceived:
    report = Report(request_id="r-1", channel="web", received_at=NOON, requested_at=NOON, text=text, **also)
    return RequestReceived(report=report)


def outcome(event: RequestReceived, opinion: Opinion = SURE, tongue: Tongue = ENGLISH, floor: float = 0.0) -> Outcome:
    said = OneOpinion(opinion, tongue)
    (found,) = Classifier(town(min_confidence=floor), said, said).handle([event])
    return found


def classified(
    event: RequestReceived, opinion: Opinion = SURE, tongue: Tongue = ENGLISH, floor: float = 0.0
) -> Classification:
    found = outcome(event, opinion, tongue, floor)
    assert isinstance(found, RequestClassified)
    assert found.report is event.report
    return found.classification


def test_a_sure_opinion_is_released_with_all_that_was_weighed() -> None:
    assert classified(received()) == Classification(
        service_code="pothole",
        family="roads",
        confidence=0.9123,
        alternatives=(
            Alternative(service_code="pothole", confidence=0.9123),
            Alternative(service_code="sidewalk", confidence=0.05),
            Alternative(service_code="gas", confidence=0.01),
        ),
        threshold=0.8,
        released=True,
        reason="sure enough: 0.91, and 0.80 is needed",
        language="en",
        language_confidence=0.99,
        model="small-1",
    )


def test_an_unsure_opinion_waits_for_a_person() -> None:
    found = classified(received(), SURE._replace(best=(("pothole", 0.79999), ("sidewalk", 0.2))))
    assert (found.released, found.reason) == (False, "not sure enough: 0.80, and 0.80 is needed")
    assert found.confidence == 0.7999


def test_a_category_without_a_threshold_is_never_released() -> None:
    found = classified(received(), SURE._replace(best=(("gas", 1.0),)))
    assert (found.released, found.threshold) == (False, 1.0)
    assert found.reason == "no confidence has been shown to be right often enough in this category"


def test_the_citys_own_floor_lies_under_every_threshold() -> None:
    found = classified(received(), floor=0.95)
    assert (found.released, found.threshold) == (False, 0.95)
    assert found.reason == "not sure enough: 0.91, and 0.95 is needed"


def test_a_category_that_the_model_learnt_no_threshold_for_is_not_released() -> None:
    assert not classified(received(), SURE._replace(best=(("quiet", 1.0),))).released


def test_the_citizens_pick_of_another_family_is_left_to_a_person() -> None:
    found = classified(received(service_code="street-light"))
    assert (found.service_code, found.released) == ("pothole", False)
    assert found.reason == "the citizen picked street-light"


@pytest.mark.parametrize("picked", ["pothole", "sidewalk", "not-of-this-city"])
def test_a_pick_of_the_same_family_or_of_no_category_of_the_city_changes_nothing(picked: str) -> None:
    assert classified(received(service_code=picked)) == classified(received())


def test_without_text_the_citizens_pick_is_taken_and_left_to_a_person() -> None:
    found = classified(received("  ", service_code="street-light"), Opinion(best=SURE.best, known=0))
    assert (found.service_code, found.family, found.confidence) == ("street-light", "lighting", 0.5)
    assert (found.released, found.reason) == (False, "the citizen's own choice; there is no text")
    assert found.alternatives == (Alternative(service_code="street-light", confidence=0.5),)
    assert (found.language, found.language_confidence) == ("und", 0.0)


def test_pictures_alone_get_the_likeliest_category_and_a_person() -> None:
    found = classified(received("", media_urls=("https://pictures.example/1.jpg",)))
    assert (found.service_code, found.released, found.reason) == ("pothole", False, "a guess; there is no text")


def test_a_report_that_says_only_what_it_is_the_same_as_is_guessed_at_and_left_to_a_person() -> None:
    found = classified(received("", same_as="r-1"))
    assert (found.service_code, found.released, found.reason) == ("pothole", False, "a guess; there is no text")


@pytest.mark.parametrize("code", ["", "not-of-this-city"])
def test_nothing_at_all_is_rejected(code: str) -> None:
    assert outcome(received(" \n", service_code=code)) == Rejected(
        "no_text", "the report has no text, no picture and no service_code of the city; send one of them"
    )


@pytest.mark.parametrize("text", ["🕳️🚗💥", "!!! ...", "___"])
def test_a_text_without_words_is_never_released(text: str) -> None:
    found = classified(received(text), SURE._replace(known=0))
    assert (found.service_code, found.released, found.reason) == ("pothole", False, "a guess; there are no words in it")
    picked = classified(received(text, service_code="gas"))
    assert picked.reason == "the citizen's own choice; there are no words in it"


@pytest.mark.parametrize(("text", "known"), [("555 0100", 2), ("ꙮꙮꙮ ꙮꙮ", 0)])
def test_a_text_without_letters_or_known_words_is_never_released(text: str, known: int) -> None:
    found = classified(received(text), SURE._replace(known=known))
    assert (found.released, found.reason) == (False, "there is no word in it that the model knows")


LONG = "suuri kuoppa ajoradalla koulun edessä, auto hajosi"


def test_a_language_that_the_city_does_not_serve_is_left_to_a_person() -> None:
    found = classified(received(LONG), tongue=Tongue("fi", 0.97))
    assert (found.language, found.released, found.reason) == ("fi", False, "language not supported: fi")


@pytest.mark.parametrize(
    ("text", "tongue"), [(LONG, Tongue("fi", 0.79)), ("iso kuoppa", Tongue("fi", 0.97)), (LONG, Tongue("de", 0.97))]
)
def test_a_language_that_is_served_or_unsure_is_no_reason_to_hold(text: str, tongue: Tongue) -> None:
    assert classified(received(text), tongue=tongue).released


def test_an_unsure_language_is_not_told() -> None:
    found = classified(received(), tongue=Tongue("nl", 0.49))
    assert (found.language, found.language_confidence) == ("und", 0.0)


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("There is a GAS LEAK behind the school", ("gas leak",)),
        ("two gas leaks, and the smell of gas is everywhere", ("gas leak", "smell of gas")),
        ("Starker GASGERUCH!", ("Gasgeruch",)),
        ("楼道里有煤气味快来", ("煤气味",)),
        ("сильно пахнет газом", ("пахнет газом",)),
        ("the gasworks museum is closed", ()),
    ],
)
def test_safety_words_of_any_category_and_language_are_flagged_with_the_words(
    text: str, evidence: tuple[str, ...]
) -> None:
    assert classified(received(text)).safety == Safety(flagged=bool(evidence), evidence=evidence)


@pytest.mark.parametrize(
    ("text", "confidence", "evidence"),
    [
        ("it stinks in the cellar, come quickly", 0.95, ("category: gas",)),
        ("it stinks in the cellar, come quickly", 0.85, ()),
        ("the smell of gas is in the cellar", 0.95, ("smell of gas",)),
    ],
)
def test_what_is_released_as_a_danger_to_life_is_flagged_in_whatever_words_it_is_told(
    text: str, confidence: float, evidence: tuple[str, ...]
) -> None:
    said = OneOpinion(Opinion(best=(("gas", confidence), ("pothole", 0.02)), known=4))
    said.thresholds = {**THRESHOLDS, "gas": 0.9}
    (found,) = Classifier(town(), said, said).handle([received(text)])
    assert isinstance(found, RequestClassified)
    assert found.classification.safety == Safety(flagged=bool(evidence), evidence=evidence)


def test_a_language_that_the_city_does_not_serve_is_the_reason_even_where_no_word_is_known() -> None:
    event = received("Στο δρόμο υπάρχει μια βαθιά λακκούβα", service_code="gas")
    said = classified(event, SURE._replace(known=0), Tongue("el", 0.99))
    assert (said.released, said.service_code) == (False, "gas")
    assert said.reason == "language not supported: el"


def test_words_of_hurry_are_told_and_nothing_else_changes_by_them() -> None:
    plain, hurried = classified(received("deep hole")), classified(received("deep hole, urgent"))
    assert hurried.urgency == ("urgent",)
    assert msgspec.structs.replace(hurried, urgency=()) == plain


shares = st.lists(st.floats(0, 1), min_size=1, max_size=3).map(
    lambda parts: sorted((part / max(sum(parts), 1.0) for part in parts), reverse=True)
)


@given(
    text=st.text(max_size=200),
    found=shares,
    codes=st.permutations(sorted(THRESHOLDS)),
    pick=st.sampled_from(["", "gas"]),
)
def test_whatever_is_said_family_and_category_agree_and_shares_add_up_to_one_at_most(
    text: str, found: list[float], codes: list[str], pick: str
) -> None:
    said = outcome(received(text, service_code=pick), Opinion(best=tuple(zip(codes, found, strict=False)), known=1))
    if isinstance(said, Rejected):
        assert not text.strip()
        return
    assert isinstance(said, RequestClassified)
    what = said.classification
    assert what.family == town().categories[what.service_code].family
    assert what.alternatives[0] == Alternative(service_code=what.service_code, confidence=what.confidence)
    assert sum(each.confidence for each in what.alternatives) <= 1.0
    assert what.released == (what.reason.startswith("sure enough"))
    assert not what.released or what.confidence >= what.threshold
    assert all(text[entity.start : entity.end] == entity.text for entity in what.entities)
