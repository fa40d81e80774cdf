"""Thanks, anger and hurry in invented texts of twelve languages; floors lie a little under what was measured."""

import pytest
from invented import said_of, share

from services.classify.reading.urgency import UrgencyWords
from services.classify.reading.words import fold

URGENCY = UrgencyWords()
SIDES = {"warm": 1, "cold": -1, "plain": 0}


@pytest.mark.parametrize("tone", SIDES)
def test_thanks_and_anger_are_told_from_plain_texts(tone: str) -> None:
    said = [(row["tone"], what.sentiment) for row, what in said_of("tones")]
    signs = [((value > 0) - (value < 0), own) for own, value in said]
    assert len(signs) >= 60
    assert share([sign == SIDES[tone] for sign, own in signs if own == tone]) >= 0.92
    assert share([own == tone for sign, own in signs if sign == SIDES[tone]]) >= 0.92


def test_hurry_is_told_in_every_language_and_plain_texts_have_none() -> None:
    said = said_of("hurry")
    assert {row["language"] for row, _ in said} == {row["language"] for row, _ in said_of("tones")}
    assert share([bool(what.urgency) for row, what in said if row["hurry"] == "yes"]) >= 0.95
    assert share([not what.urgency for row, what in said if row["hurry"] == "no"]) >= 0.95


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Fix it ASAP, this is urgent. Urgent!", ("asap", "urgent")),
        ("Bitte DRINGEND und sofort kommen", ("dringend", "sofort")),
        ("情况紧急\uff0c请马上处理", ("紧急", "马上")),
        ("the resurgent weeds", ()),
        ("", ()),
    ],
)
def test_words_of_hurry_are_told_once_in_the_order_of_the_text(text: str, words: tuple[str, ...]) -> None:
    assert URGENCY.read(fold(text)) == words
