"""When a desk is open, in the short form that OpenStreetMap uses: `Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off`.

A later rule replaces what an earlier one said of the same days. `PH` are the town's own holidays; without a word on
them, a holiday is the weekday it falls on. A span such as `22:00-06:00` runs over midnight and belongs to the day on
which it starts, so that `PH off` takes away the night that begins on the holiday, not the one that ends there.
"""

import re
from collections.abc import Collection
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import product

from msgspec import Struct

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
DAY_MINUTES = 24 * 60
SHAPE = "hours such as `Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off` or `24/7`"

Spans = tuple[tuple[int, int], ...]
_DAY = re.compile(r"(Mo|Tu|We|Th|Fr|Sa|Su|PH)(?:-(Mo|Tu|We|Th|Fr|Sa|Su))?")
_SPAN = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_RULE = re.compile(r"(?P<days>[A-Za-z][A-Za-z,\- ]*?)??\s*(?P<times>off|closed|[0-9][0-9:,\- ]*)")
_WHOLE_DAY: Spans = ((0, DAY_MINUTES),)


class HoursError(ValueError):
    """Hours that cannot be read; the message says which part, and what was expected."""


class Hours(Struct, frozen=True, kw_only=True):
    """Opening hours of a week: for each day from Monday its spans, in minutes of local time since midnight.

    A span that runs over midnight ends beyond 1440. `holiday` is None where holidays are as any day.
    """

    week: tuple[Spans, ...]
    holiday: Spans | None = None

    def open_at(self, when: datetime, zone: tzinfo, holidays: Collection[str] = ()) -> bool:
        """Say whether it is open at an instant. A span holds its first minute and not its last.

        Args:
            when: An instant with an offset; a naive one raises ValueError.
            zone: The town's time zone; spans are read off its clocks, whatever daylight saving does to them.
            holidays: ISO dates, as `City.holidays` has them.

        """
        if when.tzinfo is None:
            message = f"{when.isoformat()} has no offset, so nobody knows which instant it is"
            raise ValueError(message)
        local = when.astimezone(zone)
        feast, eve = (day.date().isoformat() in holidays for day in (local, local - timedelta(days=1)))
        return self.open_on(local.weekday(), local.hour * 60 + local.minute, holiday=feast, after_holiday=eve)

    def open_on(self, weekday: int, minute: int, *, holiday: bool, after_holiday: bool) -> bool:
        """Say whether it is open at a minute after midnight of a weekday (0: Monday), of a holiday or the day after."""
        today, before = self._spans(weekday, holiday=holiday), self._spans(weekday - 1, holiday=after_holiday)
        return any(start <= minute < end for start, end in today) or any(
            minute + DAY_MINUTES < end for _, end in before
        )

    def turns(self) -> set[int]:
        """Give the minutes after midnight at which it may open or close."""
        return {edge % DAY_MINUTES for spans in (*self.week, self.holiday or ()) for span in spans for edge in span}

    def _spans(self, weekday: int, *, holiday: bool) -> Spans:
        return self.holiday if holiday and self.holiday is not None else self.week[weekday]


def open_together(texts: Collection[str], *, holidays: bool) -> set[frozenset[str]]:
    """Give every set of these hours that is open at one moment or another, and none of the others then.

    With `holidays` any day may be one; else none is.
    """
    hours = {text: parse(text) for text in texts}
    minutes = {0}.union(*(each.turns() for each in hours.values()))
    feasts = list(product((False, True), repeat=2)) if holidays else [(False, False)]
    return {
        frozenset(text for text, each in hours.items() if each.open_on(day, minute, holiday=today, after_holiday=eve))
        for day in range(len(DAYS))
        for minute in minutes
        for today, eve in feasts
    }


@lru_cache(maxsize=256)
def parse(text: str) -> Hours:
    """Read hours; an empty text is always open.

    Raises:
        HoursError: says which part cannot be read, what was expected and what to write instead.

    """
    if not text.strip():
        return Hours(week=(_WHOLE_DAY,) * 7)
    week: list[Spans] = [()] * 7
    holiday: Spans | None = None
    for part in filter(None, (part.strip() for part in text.split(";"))):
        days, spans = _rule(part)
        for day in days:
            if day == "PH":
                holiday = spans
            else:
                week[DAYS.index(day)] = spans
        if not days:
            week = [spans] * 7
            holiday = None
    return Hours(week=tuple(week), holiday=holiday)


def _rule(part: str) -> tuple[list[str], Spans]:
    if part == "24/7":
        return [], _WHOLE_DAY
    match = _RULE.fullmatch(part)
    if not match:
        message = f"cannot read {part!r} as hours; expected {SHAPE}"
        raise HoursError(message)
    days = [day for name in _split(match["days"]) for day in _days(name, part)]
    if match["times"] in ("off", "closed"):
        return days, ()
    return days, tuple(_span(span, part) for span in _split(match["times"]))


def _split(text: str | None) -> list[str]:
    return [piece.strip() for piece in text.split(",")] if text else []


def _days(name: str, part: str) -> list[str]:
    match = _DAY.fullmatch(name)
    if not match or (match[1] == "PH" and match[2]):
        message = (
            f"cannot read the day {name!r} in {part!r}; expected Mo, Tu, We, Th, Fr, Sa, Su, PH or a range as Mo-Fr"
        )
        raise HoursError(message)
    if not match[2]:
        return [match[1]]
    first, last = DAYS.index(match[1]), DAYS.index(match[2])
    return [DAYS[day % 7] for day in range(first, last + 1 if last >= first else last + 8)]


def _span(text: str, part: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text.replace(" ", ""))
    numbers = [int(group) for group in match.groups()] if match else [99, 99, 99, 99]
    start, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if start >= DAY_MINUTES or end > DAY_MINUTES or max(numbers[1], numbers[3]) > 59:  # noqa: PLR2004 - minutes
        message = f"cannot read the times {text!r} in {part!r}; expected 00:00-24:00, as in 08:00-17:00"
        raise HoursError(message)
    if start == end:
        message = f"{text!r} in {part!r} begins and ends at the same time; write 00:00-24:00 for a whole day, or off"
        raise HoursError(message)
    return start, end if end > start else end + DAY_MINUTES
