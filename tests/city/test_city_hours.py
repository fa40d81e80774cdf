from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import opening_hours
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.city.hours import DAYS, Hours, HoursError, parse

PARIS = ZoneInfo("Europe/Paris")


def at(text: str, zone: ZoneInfo = PARIS) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "when", "open_then"),
    [
        ("Mo-Fr 08:00-17:00", "2026-03-02T08:00", True),
        ("Mo-Fr 08:00-17:00", "2026-03-02T07:59", False),
        ("Mo-Fr 08:00-17:00", "2026-03-02T17:00", False),
        ("Mo-Fr 08:00-17:00", "2026-03-07T12:00", False),
        ("Mo-Fr 8:00-12:00, 13:00-17:00; Sa 09:00-12:00", "2026-03-02T12:30", False),
        ("Mo-Fr 8:00-12:00, 13:00-17:00; Sa 09:00-12:00", "2026-03-07T11:59", True),
        ("Fr-Mo 10:00-11:00", "2026-03-01T10:30", True),
        ("Fr-Mo 10:00-11:00", "2026-03-03T10:30", False),
        ("Mo,We,Fr 10:00-11:00", "2026-03-04T10:30", True),
        ("Mo-Su 08:00-20:00; We off", "2026-03-04T10:30", False),
        ("08:00-20:00", "2026-03-01T10:30", True),
        ("24/7", "2026-03-01T03:30", True),
        ("", "2026-03-01T03:30", True),
        ("off", "2026-03-01T03:30", False),
        ("00:00-24:00", "2026-03-01T23:59", True),
        # over midnight: the span belongs to the day on which it begins
        ("Sa 22:00-06:00", "2026-03-01T05:59", True),
        ("Sa 22:00-06:00", "2026-03-01T06:00", False),
        ("Sa 22:00-06:00", "2026-03-01T22:30", False),
        # 25 December 2026 is a Friday and a holiday here
        ("Mo-Fr 08:00-17:00", "2026-12-25T10:00", True),
        ("Mo-Fr 08:00-17:00; PH off", "2026-12-25T10:00", False),
        ("PH 10:00-12:00", "2026-12-25T11:00", True),
        ("PH 10:00-12:00", "2026-12-24T11:00", False),
        ("Mo-Su,PH 10:00-12:00", "2026-12-25T11:00", True),
        ("22:00-06:00; PH off", "2026-12-25T03:00", True),
        ("22:00-06:00; PH off", "2026-12-25T23:00", False),
        ("22:00-06:00; PH off", "2026-12-26T03:00", False),
        ("PH off; 24/7", "2026-12-25T10:00", True),
    ],
)
def test_a_desk_is_open_when_its_hours_say_so(hours: str, when: str, *, open_then: bool) -> None:
    assert parse(hours).open_at(at(when), PARIS, ("2026-12-25",)) is open_then


def test_an_instant_is_read_off_the_clocks_of_the_town() -> None:
    hours = parse("Mo-Fr 08:00-17:00")
    instant = datetime(2026, 3, 2, 13, 30, tzinfo=UTC)
    assert hours.open_at(instant, ZoneInfo("America/New_York"))
    assert not hours.open_at(instant, ZoneInfo("Asia/Tokyo"))


def test_daylight_saving_moves_the_instant_and_not_the_clock() -> None:
    hours = parse("08:00-17:00")
    assert not hours.open_at(datetime(2026, 3, 28, 6, 30, tzinfo=UTC), PARIS)
    assert hours.open_at(datetime(2026, 3, 29, 6, 30, tzinfo=UTC), PARIS)


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^2026-03-02T08:00:00 has no offset, so nobody knows which instant it is$"):
        parse("24/7").open_at(datetime(2026, 3, 2, 8), PARIS)  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        (
            "Mondays, mostly",
            (
                "cannot read 'Mondays, mostly' as hours; expected hours such as "
                "`Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off` or `24/7`"
            ),
        ),
        (
            "Mo-Fri 08:00-17:00",
            (
                "cannot read the day 'Mo-Fri' in 'Mo-Fri 08:00-17:00'; "
                "expected Mo, Tu, We, Th, Fr, Sa, Su, PH or a range as Mo-Fr"
            ),
        ),
        (
            "Mo 08:00-25:00",
            "cannot read the times '08:00-25:00' in 'Mo 08:00-25:00'; expected 00:00-24:00, as in 08:00-17:00",
        ),
        ("Mo 8-17", "cannot read the times '8-17' in 'Mo 8-17'; expected 00:00-24:00, as in 08:00-17:00"),
        (
            "Mo 08:00-08:00",
            (
                "'08:00-08:00' in 'Mo 08:00-08:00' begins and ends at the same time; "
                "write 00:00-24:00 for a whole day, or off"
            ),
        ),
    ],
)
def test_hours_that_cannot_be_read_say_which_part_and_what_to_write(hours: str, message: str) -> None:
    with pytest.raises(HoursError) as caught:
        parse(hours)
    assert str(caught.value) == message


@given(st.text(max_size=40))
def test_any_text_is_hours_or_a_clear_refusal(text: str) -> None:
    hours, said = None, ""
    try:
        hours = parse(text)
    except HoursError as error:
        said = str(error)
    assert isinstance(hours, Hours) or "expected" in said or "write" in said


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


days = st.sampled_from([*DAYS, "Mo-Fr", "Sa-Su", "Fr-Mo", "Mo,We", "Tu-Th,Su"])
minutes = st.integers(0, 24 * 60 - 1)
spans = st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1])
rules = st.tuples(days, spans).map(lambda rule: f"{rule[0]} {_clock(rule[1][0])}-{_clock(rule[1][1])}")
by_day = st.tuples(days, spans.map(sorted)).map(lambda rule: f"{rule[0]} {_clock(rule[1][0])}-{_clock(rule[1][1])}")
weeks = st.lists(rules, min_size=1, max_size=1) | st.lists(by_day, max_size=4, min_size=1)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda when: when.replace(tzinfo=UTC))  # noqa: DTZ001


# Readers differ on a night that a later rule takes half away, so that weeks of several rules have no nights here.
@given(weeks, instants, st.sampled_from(["Europe/Paris", "America/St_Johns", "UTC"]))
def test_the_answer_is_that_of_an_independent_reader_of_opening_hours(
    week: list[str], when: datetime, name: str
) -> None:
    text, zone = "; ".join(week), ZoneInfo(name)
    oracle = opening_hours.OpeningHours(text, timezone=zone)
    assert parse(text).open_at(when, zone) is oracle.is_open(when.astimezone(zone))


@given(spans, instants)
def test_a_daily_span_and_its_complement_share_out_the_day(span: tuple[int, int], when: datetime) -> None:
    inside = parse(f"{_clock(span[0])}-{_clock(span[1])}")
    outside = parse(f"{_clock(span[1])}-{_clock(span[0])}")
    assert inside.open_at(when, PARIS) is not outside.open_at(when, PARIS)


@given(rules, st.dates(date(2020, 1, 2), date(2030, 1, 1)))
def test_on_a_holiday_that_is_off_nothing_begins(rule: str, day: date) -> None:
    hours = parse(f"{rule}; PH off")
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    every_minute = (midnight + timedelta(minutes=minute) for minute in range(0, 1440, 7))
    holidays = (day.isoformat(), (day - timedelta(days=1)).isoformat())
    assert not any(hours.open_at(minute, ZoneInfo("UTC"), holidays) for minute in every_minute)
