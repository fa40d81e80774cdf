import re
import string
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from receive_sentences import HIDDEN, STAYS, TOO_LITTLE, TOO_MUCH

from services.receive.masking import KEPT, SHAPES, luhn, masked

LABELS = re.compile(r"\[(?:phone|email|card)\]")


@pytest.mark.parametrize(("region", "sentence"), HIDDEN)
def test_what_tells_who_wrote_is_masked_and_the_rest_of_the_sentence_stays(region: str, sentence: str) -> None:
    found = masked(sentence.replace("{", "").replace("}", ""), region)

    assert LABELS.sub("@", found) == re.sub(r"\{[^}]*\}", "@", sentence)


@pytest.mark.parametrize(("region", "sentence"), STAYS)
def test_house_numbers_dates_times_prices_and_places_stay(region: str, sentence: str) -> None:
    assert masked(sentence, region) == sentence


@pytest.mark.parametrize(("region", "sentence", "found"), TOO_MUCH)
def test_some_sentences_are_known_to_lose_more_than_they_must(region: str, sentence: str, found: str) -> None:
    assert masked(sentence, region) == found


@pytest.mark.parametrize(("region", "sentence"), TOO_LITTLE)
def test_some_sentences_are_known_to_keep_what_they_should_not(region: str, sentence: str) -> None:
    assert masked(sentence, region) == sentence


def test_each_kind_has_its_own_label() -> None:
    text = "jo@mail.example or 203-555-0123, card 4111 1111 1111 1111"

    assert masked(text, "US") == "[email] or [phone], card [card]"


@pytest.mark.parametrize(("_pattern", "example"), SHAPES)
def test_the_example_of_every_shape_is_masked_without_knowing_the_country(_pattern: str, example: str) -> None:
    assert masked(f"ask {example} for it") == "ask [phone] for it"


@pytest.mark.parametrize(("pattern", "example"), KEPT)
def test_the_example_of_everything_that_is_kept_is_kept(pattern: str, example: str) -> None:
    assert re.search(pattern, example, re.IGNORECASE)
    assert masked(f"it says {example} there", "US") == f"it says {example} there"


def _examples() -> list[tuple[str, str]]:
    forms = (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164, PhoneNumberFormat.NATIONAL)
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    return [
        (region, phonenumbers.format_number(number, form))
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in kinds
        if (number := phonenumbers.example_number_for_type(region, kind))
        for form in forms
    ]


def test_the_example_numbers_of_every_country_are_masked_in_every_notation_where_it_is_at_home() -> None:
    # Of islands with numbers of 4 to 6 digits, and of one that writes its numbers like dates, no witness speaks.
    left = [
        (region, number)
        for region, number in _examples()
        if sum(sign.isdigit() for sign in number) > 6
        and re.search(r"\d{2}", masked(f"The lamp is out. Ask for Sam on weekends {number} if need be", region))
    ]

    assert left == [("NC", "+687 20.12.34")]


def test_the_example_numbers_of_every_country_are_masked_abroad_with_their_country_code() -> None:
    left = [number for _, number in _examples() if number.startswith("+") and re.search(r"\d", masked(f"ask {number}"))]

    # Numbers of fewer than 8 digits in all, which could be anything, and the one that looks like a date.
    assert {sum(sign.isdigit() for sign in number) for number in left} <= {7, 9}
    assert len(left) == 9


@pytest.mark.parametrize("sign", ["+", "\uff0b"])
def test_a_foreign_number_shorter_than_any_of_the_country_is_known_by_its_plus_sign(sign: str) -> None:
    assert masked(f"Ask for Sam on weekends {sign}677 12345", "US") == "Ask for Sam on weekends [phone]"


digits = st.text(string.digits, min_size=0, max_size=17)


@given(digits.filter(lambda text: len(text) >= 12), st.sampled_from("3456"), st.sampled_from(["", " ", "-"]))
def test_whatever_carries_the_check_digit_of_a_card_is_masked(rest: str, first: str, gap: str) -> None:
    body = first + rest
    check = next(digit for digit in string.digits if luhn(body + digit))
    number = body + check
    written = gap.join(number[start : start + 4] for start in range(0, len(number), 4))

    assert not re.search(r"\d", masked(f"they charged {written} twice", "US"))


@given(
    st.builds("{}{:02}".format, st.integers(2, 9), st.integers(0, 99)),
    st.builds("{}{:02}".format, st.integers(2, 9), st.integers(0, 99)),
    st.builds("{:04}".format, st.integers(0, 9999)),
    st.sampled_from(["{}-{}-{}", "({}) {}-{}", "{}.{}.{}", "{} {} {}", "+1{}{}{}", "1-{}-{}-{}", "{}{}{}"]),
)
def test_a_north_american_number_is_masked_however_it_is_written(area: str, office: str, line: str, form: str) -> None:
    assert masked(f"ask me, {form.format(area, office, line)}, please") == "ask me, [phone], please"


@given(
    st.builds(
        "{} {}, since {:%Y-%m-%d} {:%H:%M}, near {}, cost ${:,}.50, unit {}".format,
        st.integers(1, 29_999),
        st.sampled_from(["Elm Street", "Calle Mayor", "F\u0151 utca", "Am Wall"]),
        st.dates(),
        st.times(),
        st.decimals(-180, 180, places=6),
        st.integers(1, 99_999),
        st.integers(1, 99),
    ),
    st.sampled_from(["US", "DE", "ES", ""]),
)
def test_an_ordinary_report_of_numbers_stays_as_it_is(text: str, region: str) -> None:
    assert masked(text, region) == text


@given(st.text(st.characters(exclude_categories=("Cs", "Nd"), exclude_characters="@\uff20([{"), max_size=200))
def test_a_text_without_digits_and_at_signs_stays_as_it_is(text: str) -> None:
    if " dot " not in text.lower():
        assert masked(text, "US") == text


@given(st.text(max_size=300))
def test_any_text_can_be_masked(text: str) -> None:
    assert isinstance(masked(text, "US"), str)


@given(st.text("0123456789 .-/()+@ab", max_size=120))
def test_texts_of_digits_and_separators_can_be_masked(text: str) -> None:
    assert isinstance(masked(text, "DE"), str)


@pytest.mark.parametrize(
    "piece", ["1 ", "0-", "a@", "203 ", "+1 ", "call me ", "1/", "1,234,", "a.b@c.", "x(at)", "7 "]
)
def test_a_text_made_to_take_long_does_not(piece: str) -> None:
    text = (piece * 10_000)[:10_000]

    # Without bounds in the patterns each of these took from 30 ms to seconds; the count of matcher calls is bounded.
    assert len(masked(text, "US")) <= 10_000


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "region"), [("newhaven_2014_jan_aug.csv", "US"), ("konstanz_first70.csv", "DE")], ids=["en", "de"]
)
def test_real_reports_whose_numbers_are_masked_already_are_not_touched(real_data: Path, file: str, region: str) -> None:
    import csv  # noqa: PLC0415 - only here

    with (real_data / file).open(encoding="utf-8", newline="") as lines:
        texts = [row["text"] for row in csv.DictReader(lines) if row["text"]]

    assert sum(masked(text, region) != text for text in texts) == 0
