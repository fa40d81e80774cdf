"""What is told at the end of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from services.cli.trying.entries import Entry


@dataclass(slots=True)
class Tally:
    """How many lines were answered, and what was wrong with some."""

    lines: int = 0
    unread: int = 0
    """Lines that are no row and no event."""
    passed: int = 0
    """Lines that an earlier stage had rejected."""
    first_fault: str = ""
    rejected: Counter[str] = field(default_factory=Counter)

    def count(self, entry: Entry) -> None:
        """Count an answered entry."""
        self.lines += 1
        self.unread += entry.unread
        self.passed += bool(entry.passes)
        if entry.rejected is not None:
            self.rejected[entry.rejected.reason] += 1
            self.first_fault = self.first_fault or entry.rejected.detail


def told(worker: str, tally: Tally, seconds: float) -> str:
    """Give the one line that a run ends with."""
    speed = f" ({tally.lines / seconds:,.0f} lines/s)" if seconds > 0 else ""
    parts = [f"{_lines(tally.lines)} in {seconds:.1f} s{speed}"]
    if tally.rejected:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in tally.rejected.most_common())
        parts.append(f"{tally.rejected.total():,} rejected: {reasons}")
    if tally.passed:
        parts.append(f"{tally.passed:,} rejected before")
    return f"try {worker}: {'; '.join(parts)}"


def nothing(worker: str, source: str, tally: Tally, *, table: bool) -> str:
    """Say that nothing could be read, and why; empty if something was."""
    if tally.lines > tally.unread:
        return ""
    who = f"stormdrain try {worker}"
    if tally.lines:
        return f"{who} could read none of the {_lines(tally.lines)} of {source}\n  {tally.first_fault}"
    if table:
        return f"{who} has nothing to do: {source} has a header and no rows"
    return f"{who} has nothing to do: {source} is empty; give it reports: {who} < reports.csv"


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number:,} lines"
