"""What a text and an address tell that others would tell too, in every language and notation."""

import pytest

from services.incidents.particulars import COLOURS, DAYS, SIDES, particulars_of
from services.incidents.words import NO_NUMBER, address_of
from services.sandbox.incidents_words import TONGUES

NAMES = (*COLOURS, *SIDES, *DAYS)


def named(text: str, language: str) -> set[str]:
    bits = particulars_of(text, language)
    return {name for place, name in enumerate(NAMES) if bits >> place & 1}


@pytest.mark.parametrize("language", sorted(TONGUES))
@pytest.mark.parametrize("kind", ["sides", "colours", "days"])
def test_a_side_a_colour_and_a_day_are_the_same_in_every_language(language: str, kind: str) -> None:
    for said, english in zip(getattr(TONGUES[language], kind), getattr(TONGUES["en"], kind), strict=True):
        assert len(named(english, "en")) == 1
        assert named(said, language) == named(english, "en")
        assert named(said.upper(), language) == named(english, "en")


@pytest.mark.parametrize("language", sorted(TONGUES))
def test_where_something_stands_and_how_large_it_is_names_none_of_them(language: str) -> None:
    tongue = TONGUES[language]
    said = (*tongue.beside, *tongue.vague, tongue.stop, tongue.house, tongue.pole, tongue.size, tongue.depth)
    assert {text: found for text in said if (found := named(text, language))} == {}


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("este hoyo es profundo", "es", set()),
        ("en el lado este", "es", {"east"}),
        ("l'arbre est tombé", "fr", set()),
        ("côté est", "fr", {"east"}),
        ("das Auto ist rot", "de", {"red"}),
        ("the bench has dry rot", "en", set()),
        ("la lampe est rot", "fr", set()),
        ("pela segunda vez", "pt", set()),
        ("desde segunda-feira", "pt", {"Monday"}),
        ("lần thứ hai", "vi", set()),
        ("từ thứ hai", "vi", {"Monday"}),
        ("the credit was redder", "en", set()),
        ("a grey car and a red one since Friday", "en", {"grey", "red", "Friday"}),
        ("rojo", "en", set()),
        ("a red car", "und", set()),
        ("", "en", set()),
        ("x" * 2000 + " red", "en", set()),
    ],
)
def test_words_that_mean_something_else_too_are_told_apart(text: str, language: str, expected: set[str]) -> None:
    assert named(text, language) == expected


@pytest.mark.parametrize(
    ("one", "other", "house"),
    [
        ("2238 W IRVING PARK RD", "2238 w. Irving Park Rd, Chicago, IL 60618", 2238),
        ("Calle Ibiza, 22", "calle ibiza 22, 28009 Madrid", 22),
        ("22, Calle Ibiza, Madrid", "Calle Ibiza 22", 22),
        ("Hauptstraße 12a", "HAUPTSTRASSE 12 a", 12),
        ("12-14 High St", "12 High St, Springfield", 12),
        ("High St 12-14", "High St 12", 12),
        ("12\u201314 High St", "High St 12 - 14", 12),
        ("Via Roma 5/A", "Via Roma, 5", 5),
        ("Wiedner Hauptstraße 5/2/7", "Wiedner Hauptstraße 5", 5),
        ("Straße des 17. Juni 135", "STRASSE DES 17. JUNI 135, Berlin", 135),
        ("100 5th Ave", "5th Ave 100", 100),
        ("12a High St", "12 High St", 12),
    ],
)
def test_an_address_is_the_same_in_whatever_way_it_is_written(one: str, other: str, house: int) -> None:
    assert address_of(one) == address_of(other)
    assert address_of(one)[1] == house


def test_of_a_street_the_half_that_lies_west_is_not_the_one_that_lies_east() -> None:
    assert address_of("100 W Madison St") != address_of("100 E Madison St")


@pytest.mark.parametrize(
    ("text", "street", "house"),
    [
        *((text, False, NO_NUMBER) for text in ("", " , ", "123456789", "🕳", "-")),
        ("no number here", True, NO_NUMBER),
        ("17", False, 17),
        ("0", False, 0),
    ],
)
def test_an_address_that_says_little_says_no_more(text: str, street: bool, house: int) -> None:  # noqa: FBT001 - of a table
    found = address_of(text)
    assert (bool(found[0]), found[1]) == (street, house)
