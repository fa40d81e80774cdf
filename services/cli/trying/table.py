"""CSV in, rows out: whatever parts the cells; a damaged row is told and the next one is read."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from services.cli.trying.columns import Plan, plan
from services.cli.trying.feed import LONGEST, PAUSE, Line
from services.cli.trying.items import LONGEST_ROW, Item, not_utf8
from services.runtime.worker import Rejected

DELIMITERS: Final = ",;\t|"
MOST_LINES: Final = 5_000
"""Lines that one row may hold within quotes."""


class _TooLongError(Exception):
    """A row goes on for more than `LONGEST_ROW` bytes or `MOST_LINES` lines."""


class _Row:
    """The lines that the CSV reader takes for one row."""

    def __init__(self, first: Line, following: Callable[[], Line | None]) -> None:
        self.taken: list[Line] = []
        self.ended = False
        """The input ended in the middle of the row."""
        self._first: Line | None = first
        self._following = following
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, self._first = self._first or self._more(), None
        if line is None:
            self.ended = True
            raise StopIteration
        self.taken.append(line)
        self._size += LONGEST if line.content is None else len(line.content)
        if line.content is None or self._size > LONGEST_ROW or len(self.taken) > MOST_LINES:
            raise _TooLongError
        return line.content.decode("utf-8") + "\n"

    def _more(self) -> Line | None:
        while (line := self._following()) is PAUSE:
            pass
        return line


class Table:
    """A table with a header; `header` is empty where there is none to be read, `fault` then says why."""

    def __init__(self, lines: Iterator[Line], named: Mapping[str, str] | None = None) -> None:
        csv.field_size_limit(LONGEST)
        self._lines = lines
        self._again: list[Line] = []
        self.fault = ""
        self.delimiter = ","
        self.header = self._read_header()
        self.plan: Plan = plan(self.header, named)

    def items(self) -> Iterator[Item | None]:
        """Give the item of each row; None where the input pauses."""
        while (line := self._next()) is not None:
            if line is PAUSE:
                yield None
                continue
            cells, fault = self._record(line)
            if fault is not None:
                yield Item(line.number, fault, self._id(cells))
            elif cells:
                yield self._item(line.number, cells)

    def _item(self, number: int, cells: list[str]) -> Item:
        while len(cells) > len(self.header) and not cells[-1]:
            cells.pop()
        if len(cells) != len(self.header):
            seen = f"line {number} has {_count(len(cells))}, and the header has {len(self.header)}"
            return Item(
                number, Rejected("wrong_cells", f"{seen}: is a quote or a {self._sign()} missing?"), self._id(cells)
            )
        return Item(number, dict(zip(self.header, cells, strict=True)))

    def _id(self, cells: list[str]) -> str | None:
        name = self.plan.taken.get("id", "")
        place = self.header.index(name) if name else len(cells)
        return cells[place] if place < len(cells) else None

    def _sign(self) -> str:
        return {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}[self.delimiter]

    def _read_header(self) -> list[str]:
        while (line := self._next()) is not None:
            if line is PAUSE or line.content == b"":
                continue
            if line.content is None:
                self.fault = f"its first line has more than {LONGEST:,} bytes: expected a header, as id,created_at,text"
                return []
            first = line.content.decode("utf-8", "replace")
            self.delimiter = max(DELIMITERS, key=first.count)
            cells, fault = self._record(line)
            if fault is not None:
                self.fault = f"of its header, {fault.detail}"
                return []
            if any(cells):
                return _told_apart([cell.strip() for cell in cells])
        return []

    def _next(self) -> Line | None:
        return self._again.pop() if self._again else next(self._lines, None)

    def _record(self, first: Line) -> tuple[list[str], Rejected | None]:
        """Read the row that begins with a line. Where a quote is never closed, only its own line is lost."""
        where, row = f"line {first.number}", _Row(first, self._next)
        try:
            cells = next(csv.reader(row, delimiter=self.delimiter), [])
        except UnicodeDecodeError as error:
            return self._lost(row.taken), not_utf8(f"line {row.taken[-1].number}", error)
        except _TooLongError:
            if len(row.taken) == 1:
                return [], Rejected("too_long", f"{where} has more than {LONGEST_ROW:,} bytes")
            row.ended = True
        except csv.Error as error:
            return self._lost(row.taken), Rejected("bad_csv", f"{where} is not CSV: {error}")
        if row.ended:
            return self._lost(row.taken), Rejected("bad_csv", f"{where} opens a quote that is never closed")
        return cells, None

    def _lost(self, taken: list[Line]) -> list[str]:
        """Give back all lines but the first, and what cells the first one seems to have."""
        self._again.extend(reversed(taken[1:]))
        return (taken[0].content or b"").decode("utf-8", "replace").split(self.delimiter)


def _told_apart(header: list[str]) -> list[str]:
    """Number the columns that have another's name, and name those that have none."""
    seen: dict[str, int] = {}
    names = []
    for place, name in enumerate(header, 1):
        seen[name] = seen.get(name, 0) + 1
        names.append(f"{name}_{seen[name]}" if seen[name] > 1 else name or f"column_{place}")
    return names


def _count(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"
