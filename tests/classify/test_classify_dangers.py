"""Danger to life in invented texts of twelve languages. A missed danger is the worst error: recall before precision."""

import pytest
from invented import said_of, share

from services.parts import Classification

LANGUAGES = ("en", "es", "fr", "de", "pt", "zh", "vi", "ar", "ru", "ht", "tl", "ko")


def flagged(language: str = "", *, dangerous: bool) -> list[bool]:
    of_kind = {True: "yes", False: "no"}[dangerous]
    return [what.safety.flagged for row, what in told(language) if row["dangerous"] == of_kind]


def told(language: str) -> list[tuple[dict[str, str], Classification]]:
    return [(row, what) for row, what in said_of("dangers") if language in ("", row["language"])]


def test_in_english_no_danger_is_missed() -> None:
    assert [row["text"] for row, what in told("en") if row["dangerous"] == "yes" and not what.safety.flagged] == []
    assert len(flagged("en", dangerous=True)) >= 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_no_language_are_dangers_missed_often(language: str) -> None:
    found = flagged(language, dangerous=True)
    assert len(found) >= 6
    assert share(found) >= 0.93


def test_over_all_languages_dangers_are_flagged_and_near_misses_mostly_are_not() -> None:
    dangers, others = flagged(dangerous=True), flagged(dangerous=False)
    assert share(dangers) >= 0.97
    assert sum(dangers) / (sum(dangers) + sum(others)) >= 0.93
    assert share(others) <= 0.12


def test_what_is_flagged_says_why() -> None:
    for _, what in said_of("dangers"):
        assert what.safety.flagged is bool(what.safety.evidence)


def test_reports_without_danger_are_seldom_flagged() -> None:
    harmless = [what.safety.flagged for row, what in said_of("reports") if what.family != "hazards"]
    assert sum(harmless) / len(harmless) <= 0.02
