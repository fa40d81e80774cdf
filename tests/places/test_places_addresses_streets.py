import time

import pytest
from addresses_town import judged, names
from hypothesis import given
from hypothesis import strategies as st

from services.places.addresses.languages import CONVENTIONS, convention
from services.places.addresses.spelling import Speller, alphabet, plain
from services.places.addresses.streets import error_cost

ENGLISH = names(
    "en",
    "Main Street",
    "North Main Street",
    "3rd Avenue",
    "Twenty-Third Street",
    "Saint John Street",
    "Dr. Martin Luther King Boulevard",
    "Elm Street",
    "Elm Court",
    "Eld Street",
    "Broadway",
    "Whitney Avenue",
)
ITALIAN = names(
    "it",
    "Via Giuseppe Verdi",
    "Corso Roma",
    "Via Roma",
    "Via 4 Novembre",
    "Piazza San Lorenzo",
    "Viale Citta' Nuova",
    "Via Venti Settembre",
    "Via Giovanni Paolo II",
    "Strada Statale 10",
)
SPANISH = names("es", "Calle de Alcalá", "Avenida de la Ilustración", "Plaza Mayor", "Calle Dos de Mayo", "Calle Nuñez")
GERMAN = names("de", "Hauptstraße", "Konrad-Adenauer-Straße", "Müllerweg", "Sankt-Anna-Platz", "Am Markt")
FRENCH = names("fr", "Rue de l'Église", "Boulevard Saint-Michel", "Avenue du 8 Mai", "Place de la République")
PORTUGUESE = names("pt", "Rua São José", "Avenida Doutor Prado", "Praça da Sé")
HUNGARIAN = names("hu", "Csengery utca", "Andrássy út", "Károly körút", "IV. Béla út", "Boráros tér")


@pytest.mark.parametrize(
    ("index", "written", "street"),
    [
        (ENGLISH, "main st", "Main Street"),
        (ENGLISH, "MAIN ST.", "Main Street"),
        (ENGLISH, "N. Main St", "North Main Street"),
        (ENGLISH, "Main St N", "North Main Street"),
        (ENGLISH, "third ave", "3rd Avenue"),
        (ENGLISH, "3 Avenue", "3rd Avenue"),
        (ENGLISH, "23rd St", "Twenty-Third Street"),
        (ENGLISH, "St John St", "Saint John Street"),
        (ENGLISH, "MLK Blvd", "Dr. Martin Luther King Boulevard"),
        (ENGLISH, "broadway", "Broadway"),
        (ENGLISH, "Whitney", "Whitney Avenue"),
        (ITALIAN, "V. G. Verdi", "Via Giuseppe Verdi"),
        (ITALIAN, "via Verdi", "Via Giuseppe Verdi"),
        (ITALIAN, "VERDI GIUSEPPE VIA", "Via Giuseppe Verdi"),
        (ITALIAN, "c.so Roma", "Corso Roma"),
        (ITALIAN, "via IV Novembre", "Via 4 Novembre"),
        (ITALIAN, "via quattro novembre", "Via 4 Novembre"),
        (ITALIAN, "p.zza S. Lorenzo", "Piazza San Lorenzo"),
        (ITALIAN, "v.le Città Nuova", "Viale Citta' Nuova"),
        (ITALIAN, "Via XX Settembre", "Via Venti Settembre"),
        (SPANISH, "c/ Alcala", "Calle de Alcalá"),
        (SPANISH, "Avda. Ilustracion", "Avenida de la Ilustración"),
        (SPANISH, "calle 2 de mayo", "Calle Dos de Mayo"),
        (SPANISH, "CALLE NUÑEZ", "Calle Nuñez"),
        (GERMAN, "Hauptstr.", "Hauptstraße"),
        (GERMAN, "Haupt Strasse", "Hauptstraße"),
        (GERMAN, "konrad adenauer str", "Konrad-Adenauer-Straße"),
        (GERMAN, "Muellerweg", "Müllerweg"),
        (GERMAN, "St.-Anna-Platz", "Sankt-Anna-Platz"),
        (FRENCH, "r. de l'Eglise", "Rue de l'Église"),
        (FRENCH, "Bd St Michel", "Boulevard Saint-Michel"),
        (PORTUGUESE, "R. Sao Jose", "Rua São José"),
        (PORTUGUESE, "Av. Dr. Prado", "Avenida Doutor Prado"),
        (HUNGARIAN, "Csengery u.", "Csengery utca"),
        (HUNGARIAN, "Karoly krt.", "Károly körút"),
        (HUNGARIAN, "Andrássy útja", "Andrássy út"),
    ],
)
def test_a_street_is_found_in_any_usual_spelling(index: object, written: str, street: str) -> None:
    found = index.find(written)  # type: ignore[attr-defined]
    assert (found.outcome, [index.names[at] for at in found.streets]) == ("found", [street])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("written", "street"),
    [("Whitnee Avenue", "Whitney Avenue"), ("Whitney Aveneu", "Whitney Avenue"), ("Maain Steet", "Main Street")],
)
def test_a_mistyped_street_is_found_and_said_to_be_mistyped(written: str, street: str) -> None:
    found = ENGLISH.find(written)
    assert (found.outcome, found.reason, found.exact) == ("found", "the name was mistyped", False)
    assert ENGLISH.names[found.streets[0]] == street


def test_what_may_be_either_of_two_streets_is_unsure_and_names_both() -> None:
    assert {ENGLISH.names[at] for at in ENGLISH.find("Elx Street").streets} == {"Elm Street", "Eld Street"}
    elm = ENGLISH.find("Elm")
    assert (elm.outcome, elm.reason) == ("unsure", "more than one street is called so")
    assert {ENGLISH.names[at] for at in elm.streets} == {"Elm Street", "Elm Court"}


def test_a_street_of_another_kind_is_not_taken_for_the_one_of_its_name() -> None:
    found = ENGLISH.find("Whitney Road")
    assert found.outcome == "unknown"
    assert ENGLISH.names[found.streets[0]] == "Whitney Avenue"
    assert ITALIAN.names[ITALIAN.find("Corso Roma").streets[0]] == "Corso Roma"


def test_a_figure_is_no_slip_of_the_pen_for_another() -> None:
    index = names("en", "4th Street", "5th Street")
    assert index.find("6th Street").outcome != "found"
    assert index.names[index.find("4h Street").streets[0]] == "4th Street"


def test_a_letter_left_out_is_likelier_than_a_letter_put_in() -> None:
    assert error_cost("wall street", "wal street") < error_cost("wal street", "wall street")
    assert error_cost("wall street", "wlal street") < error_cost("wall street", "wxll street")
    assert error_cost("wall street", "wall street") == 0
    assert error_cost("wall street", "al street") > error_cost("wall street", "all street")


def test_every_convention_is_in_plain_letters() -> None:
    for code in CONVENTIONS:
        way = convention((code, "en"))
        for words in (way.kinds, way.directions, way.numerals, way.titles, way.saints, way.particles, way.joins):
            assert all(plain(word) == word for word in words), (code, sorted(words))


@given(st.text(max_size=600))
def test_any_text_at_all_gets_an_outcome_and_spelling_is_settled_at_once(text: str) -> None:
    assert ENGLISH.find(text).outcome in ("found", "unsure", "unknown")
    assert plain(plain(text)) == plain(text)
    assert Speller(convention(("de",))).spell(text).written == plain(Speller(convention(("de",))).spell(text).written)


def test_a_name_of_a_hundred_thousand_letters_takes_no_time() -> None:
    began = time.process_time()
    for text in ("a" * 100_000, "a " * 50_000, "." * 100_000, "a." * 50_000, "\u0301" * 100_000, "ﷺ" * 100_000):
        assert ENGLISH.find(text).outcome == "unknown"
    assert time.process_time() - began < 2


def test_letters_tell_their_alphabet() -> None:
    assert [alphabet(text) for text in ("Straße 5", "улица", "οδός", "شارع", "12")] == [
        "Latin", "Cyrillic", "Greek", "Arabic", "",
    ]  # fmt: skip


def test_typing_errors_in_an_invented_list_are_told_apart() -> None:
    listed = [f"{first}{last} {kind}" for first in ("Al", "Ber", "Cor", "Dun", "Fen", "Gar", "Hol", "Mar", "Wes")
              for last in ("ton", "field", "wood", "bury", "ham", "ley") for kind in ("Street", "Avenue")]  # fmt: skip
    told = judged(names("en", *listed), listed, seed=11, count=400)
    assert told["right"] >= 0.9
    assert told["wrong"] <= 0.01
