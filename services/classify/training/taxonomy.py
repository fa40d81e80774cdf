"""Categories that were renamed or replaced under way: told by when they were used, and by nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

RECENT = timedelta(days=30)
"""How often a category was used of late is counted over so long."""
EXPECTED = 10.0
"""A category that was used so often that ten more texts were due, and got none, is no longer in use: by chance that
happens once in 22,000 times (Poisson)."""
FEWEST = 10
"""With fewer uses in `RECENT` nothing is said of how often it was used."""
TOGETHER = timedelta(days=5)
"""Within this, one that ends and one that begins are one change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A day on which categories ended and others began."""

    at: datetime
    ended: tuple[str, ...]
    begun: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in words."""
        return (
            f"categories changed on {self.at.date()}: {', '.join(self.ended)} ended, {', '.join(self.begun)} began; "
            "texts of those that ended are left out"
        )


def changes(uses: Iterable[tuple[str, datetime | None]]) -> list[Change]:
    """Find the days on which categories ended for good while others began, the earliest first.

    `uses` are the category and the time of each text.

    One that only ends may be a season's, and one that only begins is new: neither is a change of the list. Categories
    that the list's end or beginning is too near to judge are taken for in use.
    """
    times: dict[str, list[datetime]] = {}
    for label, at in uses:
        if at is not None:
            times.setdefault(label, []).append(at)
    if not times:
        return []
    for each in times.values():
        each.sort()
    first, last = min(each[0] for each in times.values()), max(each[-1] for each in times.values())
    ended = sorted((each[-1], label) for label, each in times.items() if _due(each[::-1], last) >= EXPECTED)
    begun = sorted((each[0], label) for label, each in times.items() if _due(each, first) >= EXPECTED)
    found: list[Change] = []
    for at, label in ended:
        heirs = tuple(heir for since, heir in begun if abs(since - at) <= TOGETHER and heir != label)
        if not heirs:
            continue
        if found and at - found[-1].at <= TOGETHER:
            before = found.pop()
            heirs = tuple(dict.fromkeys((*before.begun, *heirs)))
            found.append(Change(at=before.at, ended=(*before.ended, label), begun=heirs))
        else:
            found.append(Change(at=at, ended=(label,), begun=heirs))
    return found


def _due(times: Sequence[datetime], until: datetime) -> float:
    """Give how many texts were due on the other side of the first of `times`, until `until`, at the rate after it."""
    near = sum(abs(each - times[0]) <= RECENT for each in times)
    return near * (abs(until - times[0]) / RECENT) if near >= FEWEST else 0.0
