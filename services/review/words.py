"""How codes, times and shares are said to a person. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from services.city.model import City

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class When(NamedTuple):
    """An instant three ways: for machines, on the town's clock, and from now."""

    iso: str
    local: str
    from_now: str


class Said(NamedTuple):
    """A name and what there is to it."""

    name: str
    text: str


def when(moment: datetime, now: datetime, zone: ZoneInfo) -> When:
    """Give an instant for machines and for people of a time zone."""
    local = moment.astimezone(zone)
    return When(
        moment.isoformat(timespec="seconds"), f"{local:%a} {local.day} {local:%b %Y, %H:%M}", _from_now(moment - now)
    )


def span(length: timedelta) -> str:
    """Give a length of time in its largest unit of which there are two or more."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if length >= 2 * unit or (unit is MINUTE and length >= unit):
            return f"{length / unit:.0f} {name}"
    return f"{length.total_seconds():.0f} s"


def percent(share: float) -> int:
    """Give a share in percent."""
    return round(share * 100)


def points(value: float, digits: int = 0) -> str:
    """Give points with their sign."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def category_name(code: str, city: City) -> str:
    """Give the city's name for a category, or the code where the city has none."""
    return city.categories[code].name if code in city.categories else code


def department_name(department: str, city: City) -> str:
    """Give the city's name for a department, or its id where the city has none."""
    return city.departments[department].name if department in city.departments else department


def _from_now(distance: timedelta) -> str:
    if abs(distance) < MINUTE:
        return "now"
    return f"in {span(distance)}" if distance > timedelta() else f"{span(-distance)} ago"
