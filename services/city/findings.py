"""What is wrong, or merely odd, in a town's files: gathered while reading, told all at once."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

NAMED = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault or warning. `line` counts from 1; 0 says that the finding concerns no single line."""

    file: str
    line: int
    field: str
    seen: str
    expected: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """Give `file:line: field: what was seen; expected what; remedy`."""
        where = [f"{self.file}:{self.line}" if self.line else self.file, *([self.field] if self.field else [])]
        what = [self.seen, *([f"expected {self.expected}"] if self.expected else []), self.remedy]
        return ": ".join([*where, "; ".join(part for part in what if part)])


class CityError(Exception):
    """The files in `directory` do not make a town; `faults` holds all that is wrong with them."""

    def __init__(self, directory: Path, faults: Iterable[Finding]) -> None:
        self.faults = tuple(faults)
        number = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = [f"the city in {directory} cannot be used: {number}", *(f"  {fault}" for fault in self.faults)]
        super().__init__("\n".join(lines))


@dataclass(slots=True)
class Findings:
    """Collects faults (the town cannot be used) and warnings (it can, and is probably not what was meant)."""

    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def fault(self, file: str, line: int, at: str, seen: str, *, expected: str = "", remedy: str = "") -> None:
        """Note what makes the town unusable."""
        self.faults.append(Finding(file, line, at, seen, expected, remedy))

    def warn(self, file: str, line: int, at: str, seen: str, *, expected: str = "", remedy: str = "") -> None:
        """Note what is probably not meant."""
        self.warnings.append(Finding(file, line, at, seen, expected, remedy))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give `did you mean 'roads'?` for the nearest known word, or nothing where none is near."""
    by_lower = {option.lower(): option for option in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[near[0]]!r}?" if near else ""


def listed(known: Iterable[str]) -> str:
    """Give known words as `a, b, c and 4 more`, or `none is there`."""
    words = list(known)
    if not words:
        return "none is there"
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")
