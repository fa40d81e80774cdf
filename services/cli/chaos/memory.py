"""How much memory each process holds while reports flow: whether it grows with them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from services.runtime.supervisor import Supervisor

EVERY_S = 2.0
SHORTEST = 10
"""Looks at one life of a process below which nothing is said of it."""


class Look(NamedTuple):
    """One look at a process."""

    pid: int
    reports: int
    """Accepted at the door by then."""
    resident: int
    """Bytes."""


class Growth(NamedTuple):
    """The longest life of a process: how it began, when it had warmed up, and how it ended."""

    reports: int
    """Accepted at the door between the two."""
    before: int
    after: int
    """Resident bytes: the median of the second quarter and of the last."""

    @property
    def gained(self) -> int:
        """Bytes that it holds more; negative where it shrank."""
        return self.after - self.before

    @property
    def per_report(self) -> float:
        """Bytes that stay for each report; negative where it shrank."""
        return self.gained / max(1, self.reports)


@dataclass
class Memory:
    """Looks at every process of a town every two seconds."""

    reports: Callable[[], int] = lambda: 0
    looks: dict[str, list[Look]] = field(default_factory=dict)
    _due: float = 0.0

    def look(self, supervisor: Supervisor, names: Iterable[str]) -> None:
        """Look, if it is time."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_S
        reports = self.reports()
        for name in names:
            pid = supervisor.pid(name)
            if pid is None:
                continue
            try:
                resident = psutil.Process(pid).memory_info().rss
            except psutil.Error:  # it was killed a moment ago
                continue
            self.looks.setdefault(name, []).append(Look(pid, reports, resident))

    def peak(self) -> dict[str, int]:
        """Give the most bytes that each process ever held."""
        return {name: max(look.resident for look in looks) for name, looks in self.looks.items()}

    def growth(self) -> dict[str, Growth]:
        """Give how the longest life of each process went, where one was long enough to tell."""
        found = {}
        for name, looks in self.looks.items():
            life = max((list(life) for _, life in groupby(looks, key=lambda look: look.pid)), key=len)
            if len(life) < SHORTEST:
                continue
            quarter = len(life) // 4
            second, last = life[quarter : 2 * quarter], life[-quarter:]
            found[name] = Growth(
                reports=last[len(last) // 2].reports - second[len(second) // 2].reports,
                before=int(median(look.resident for look in second)),
                after=int(median(look.resident for look in last)),
            )
        return found
