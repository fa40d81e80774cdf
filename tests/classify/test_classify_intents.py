"""What invented texts are for, in twelve languages; floors lie a little under what was measured."""

from collections import Counter

import pytest
from invented import said_of, share

INTENTS = ("report", "question", "status", "feedback", "spam")


def test_the_set_holds_every_intent_in_every_language() -> None:
    number = Counter((row["language"], row["intent"]) for row, _ in said_of("intents"))
    languages = {language for language, _ in number}
    assert len(languages) == 12
    for intent in INTENTS:
        assert number["en", intent] >= 8
        assert min(number[language, intent] for language in languages) >= 2


@pytest.mark.parametrize("intent", INTENTS)
def test_each_intent_is_told_in_english_and_in_the_other_languages(intent: str) -> None:
    said = [(row, what.intent) for row, what in said_of("intents")]
    assert share([told == intent for row, told in said if row["intent"] == intent]) >= 0.94
    assert share([row["intent"] == intent for row, told in said if told == intent]) >= 0.93
    assert share([told == intent for row, told in said if row["intent"] == intent and row["language"] == "en"]) >= 0.95


def test_a_report_is_seldom_taken_for_anything_else() -> None:
    reports = [what.intent for _, what in said_of("reports")]
    reports += [what.intent for row, what in said_of("intents") if row["intent"] == "report"]
    assert share([intent == "report" for intent in reports]) >= 0.98
    assert "spam" not in reports
