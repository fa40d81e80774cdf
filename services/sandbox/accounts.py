"""What is known of every request of a run, in columns: some 300 bytes a request, so that a million of them fit.

A request's row is its number in `rows`. Revisions that a topic has carried are bits of an integer.
"""

from __future__ import annotations

from array import array
from typing import Any, Final, Literal

RECEIVED, CLASSIFIED, ROUTED, MATCHED, PRIORITIZED, DECIDED = range(6)
STAGES: Final = ("received", "classified", "routed", "matched", "prioritized", "decided")
Revised = Literal["matched", "prioritized", "held", "cases", "delivered"]
REVISED: Final[tuple[Revised, ...]] = ("matched", "prioritized", "held", "cases", "delivered")
"""What is said of a request under revisions."""
News = Literal["new", "again", "back"]

UNKNOWN: Final = -1
OUTSIDE, DEAD, WAITS_FOR_DECISION, WAITS_FOR_DELIVERY = 1, 2, 4, 8
_MOST: Final = 255
_LEAST: Final = 1024
_HIGHEST: Final = 62
OFFSET_BITS: Final = 40
_OFFSETS: Final = (1 << OFFSET_BITS) - 1


class Names:
    """Texts that come again and again, as numbers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Give the number of a text."""
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return number


class Accounts:
    """The columns, at least as long as `rows`."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.names = Names()
        self.times = [array("B") for _ in (RECEIVED, CLASSIFIED, ROUTED)]
        """How often each of the first topics carried it, up to 255."""
        self.revisions: dict[Revised, array[int]] = {name: array("Q") for name in REVISED}
        """Bit n is set when revision n was said."""
        self.first = [array("q") for _ in STAGES]
        """Where each stage stood first: the number of the partition, and below `OFFSET_BITS` the offset."""
        self.category = array("h")
        self.department = array("h")
        """By `names`: the category, and the department it was routed to."""
        self.taken_by = array("h")
        """By `names`: the department whose system has it."""
        self.link = array("h")
        """The newest revision of the link."""
        self.incident = array("i")
        self.duplicate_of = array("i")
        """Rows."""
        self.accepted = array("q")
        """In tenths of a second since 1970."""
        self.seconds = array("d")
        """From the door to the department's system or the desk; negative before."""
        self.case_partition = array("h")
        self.flags = array("B")
        self._beyond: dict[tuple[Revised, int], set[int]] = {}
        """Revisions too high for a bit."""
        self._zeros: list[array[int]] = [*self.times, *self.revisions.values(), self.link, self.flags]
        named = [self.category, self.department, self.taken_by, self.case_partition]
        self._unknowns: list[array[Any]] = [*self.first, *named, self.incident, self.duplicate_of, self.accepted]
        self._unknowns.append(self.seconds)

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, request_id: str) -> int:
        """Give the row of a request, a new one if it was not heard of yet."""
        row = self.rows.get(request_id)
        if row is None:
            row = len(self.rows)
            if row == len(self.flags):
                self._grow()
            self.rows[request_id] = row
        return row

    def _grow(self) -> None:
        """Lengthen all columns; seldom, since each time they are copied and leave holes in memory."""
        more = max(_LEAST, len(self.flags) // 8)
        for column in self._zeros:
            column.extend(array(column.typecode, [0]) * more)
        for column in self._unknowns:
            column.extend(array(column.typecode, [UNKNOWN]) * more)

    def count(self, stage: int, row: int) -> None:
        """Count one event of the first stages."""
        column = self.times[stage]
        if column[row] < _MOST:
            column[row] += 1

    def say(self, what: Revised, row: int, revision: int) -> News:
        """Note that a revision was said; `again` if it was before, `back` if a higher one was."""
        column = self.revisions[what]
        if not 0 <= revision <= _HIGHEST:
            return self._say_beyond(what, row, revision)
        mask = column[row]
        if mask >> revision & 1:
            return "again"
        column[row] = mask | 1 << revision
        return "back" if mask >> revision or (what, row) in self._beyond else "new"

    def _say_beyond(self, what: Revised, row: int, revision: int) -> News:
        seen = self._beyond.setdefault((what, row), set())
        if revision in seen:
            return "again"
        back = any(other > revision for other in seen)
        seen.add(revision)
        return "back" if back else "new"

    def newest(self, what: Revised, row: int) -> int:
        """Give the highest revision that was said, 0 if none was."""
        beyond = self._beyond.get((what, row))
        return max(beyond) if beyond else max(0, self.revisions[what][row].bit_length() - 1)

    def gaps(self, what: Revised, row: int) -> bool:
        """Say whether a revision below the newest was not said."""
        mask = self.revisions[what][row]
        beyond = self._beyond.get((what, row))
        if beyond:
            return mask != (1 << _HIGHEST + 1) - 2 or len(beyond) != max(beyond) - _HIGHEST
        return bool(mask & 1 or mask & (mask + 2))

    def stand(self, stage: int, row: int, place: int, offset: int) -> int:
        """Note where a stage stands, the first time; give the number of the partition where it stood first."""
        column = self.first[stage]
        known = column[row]
        if known < 0:
            column[row] = place << OFFSET_BITS | offset & _OFFSETS
            return place
        return known >> OFFSET_BITS

    def name(self, row: int) -> str:
        """Give the request id of a row. Slow: for what is shown to people."""
        return next(request_id for request_id, other in self.rows.items() if other == row)
