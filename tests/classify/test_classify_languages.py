"""The shipped city and model on invented reports in its twelve languages, and in languages that it does not serve.

Floors lie a little under what was measured.
"""

import pytest
from invented import CITY, said_of, share, shares

from services.city.load import load

LANGUAGES = load(CITY).languages


def test_every_language_has_a_report_of_most_categories() -> None:
    said = said_of("reports")
    for language in LANGUAGES:
        codes = {row["service_code"] for row, _ in said if row["language"] == language}
        assert len(codes) >= 20, language
        assert codes <= load(CITY).categories.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_short_reports_are_told_to_be_in_their_language_and_of_their_category(language: str) -> None:
    said = [(row, what) for row, what in said_of("reports") if row["language"] == language]
    assert share([what.language == language for _, what in said]) >= 0.96
    assert share([what.service_code == row["service_code"] for row, what in said]) >= 0.88
    among_three = [row["service_code"] in {each.service_code for each in what.alternatives} for row, what in said]
    assert share(among_three) >= 0.92


def test_over_all_languages_few_reports_are_of_a_wrong_category_and_fewer_go_out_so() -> None:
    said = said_of("reports")
    assert share([what.service_code == row["service_code"] for row, what in said]) >= 0.95
    released = [what.service_code == row["service_code"] for row, what in said if what.released]
    assert len(released) >= 0.3 * len(said)
    assert share(released) >= 0.97


def test_reports_of_other_languages_are_held_for_their_language_and_never_released() -> None:
    said = said_of("foreign")
    assert not {row["language"] for row, _ in said} & set(LANGUAGES)
    assert [row["text"] for row, what in said if what.released] == []
    for_it = [what.reason == f"language not supported: {row['language']}" for row, what in said]
    assert share(for_it) >= 0.93
    assert min(shares((row["language"], what.language == row["language"]) for row, what in said).values()) >= 0.75
