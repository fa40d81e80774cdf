"""A past export as reports to be routed: rows in, reports out, and a count of what cannot be routed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any, Final

from services.city.findings import did_you_mean, listed
from services.cli.export import LOOKED_AT, NOTHING, ExportError, notation_of, opened, read_time
from services.cli.trying.columns import ALSO, plan, with_point
from services.cli.trying.entries import ORDINARY
from services.parts import YEARS, Place, Report
from services.receive.fields import LONGEST_ADDRESS, LONGEST_TEXT, WIDEST_M, Fields
from services.runtime.worker import Rejected

GUESSED: Final = ("created_at", "text", "lat", "lon", "radius_m", "address", "category", "service_code")
"""Fields whose columns are found by their usual names, where they are not named."""
OPTIONS: Final = {"created_at": "created", "label": "category", "radius_m": "radius"}
"""Options whose name is not that of the field."""
EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Row:
    """A report of the past: the line of the export where it begins, and what that calls its category."""

    line: int
    report: Report
    label: str


@dataclass(slots=True)
class LeftOut:
    """Rows that cannot be routed for one reason: how many, and the lines of the first."""

    reports: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        """Count a row."""
        self.reports += 1
        if len(self.lines) < EXAMPLES:
            self.lines.append(line)


def columns_of(path: Path, encoding: str, named: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Decide which columns hold what, by field: as `named`, else by their usual names; `label` only as named.

    Raises:
        ExportError: the file cannot be read, a named column is not there, or one of a pair of coordinates is missing.

    """
    with opened(path, encoding) as table:
        header = table.header
    guessed = {name: (column,) for name, column in plan(header).taken.items() if name in GUESSED}
    found = guessed | {name: tuple(columns) for name, columns in named.items() if columns}
    faults = []
    for name, columns in named.items():
        for column in columns:
            if column not in header:
                guess = did_you_mean(column, header)
                faults.append(f"--{OPTIONS.get(name, name)} {column}: no such column{f'; {guess}' if guess else ''}")
    if ("lat" in found) != ("lon" in found):
        absent = "lon" if "lat" in found else "lat"
        faults.append(f"no column is called {absent} or {listed(ALSO[absent])}; name it: --{absent} COLUMN")
    if faults:
        lines = [f"{path} cannot be read", *faults, f"the columns are: {listed(header)}"]
        raise ExportError("\n  ".join(lines))
    return found


class Past:
    """The rows of an export, read one by one; `left_out` and the counts grow while they are."""

    def __init__(
        self,
        path: Path,
        columns: Mapping[str, Sequence[str]],
        *,
        zone: tzinfo,
        encoding: str = "utf-8",
        limit: int = 0,
        at: datetime | None = None,
    ) -> None:
        """Look at the first times of the export, to find out how they are written.

        Times without an offset are of `zone`. With `at`, all reports count as of that instant.

        Raises:
            ExportError: it cannot be read.

        """
        self.path = path
        self.columns = columns
        self.rows = 0
        self.untimed = 0
        """Rows routed as of noon of a Wednesday, as their time is missing or cannot be read."""
        self.unplaced = 0
        self.left_out: dict[str, LeftOut] = {}
        self._encoding = encoding
        self._limit = limit
        self._zone = zone
        self._at = at
        self._ordinary = datetime.fromisoformat(ORDINARY).replace(tzinfo=zone).astimezone(UTC)
        self._created = columns["created_at"][0] if columns.get("created_at") else ""
        self._notation = notation_of(self._times()) if self._created and at is None else ""

    def __iter__(self) -> Iterator[Row]:
        """Give the report of each row that can be routed, in order.

        Raises:
            ExportError: it cannot be read any further.

        """
        for line, what in self._items():
            self.rows += 1
            row = self._row(line, what) if isinstance(what, dict) else what
            if isinstance(row, Rejected):
                self.leave_out(row.reason, line)
            else:
                yield row

    def leave_out(self, reason: str, line: int) -> None:
        """Count a row that cannot be routed, for a reason of one word."""
        self.left_out.setdefault(reason, LeftOut()).add(line)

    def dated(self) -> bool:
        """Say whether reports are routed as of their own times."""
        return bool(self._created) and self._at is None

    def reasons(self) -> Counter[str]:
        """Give how many rows were left out for each reason."""
        return Counter({reason: each.reports for reason, each in self.left_out.items()})

    def _items(self) -> Iterator[tuple[int, dict[str, Any] | Rejected]]:
        with opened(self.path, self._encoding) as table:
            rows = (item for item in table.items() if item is not None)
            for item in islice(rows, self._limit or None):
                if isinstance(item.what, dict | Rejected):
                    yield item.number, item.what

    def _times(self) -> list[str]:
        cells = (what[self._created].strip() for _, what in self._items() if isinstance(what, dict))
        return list(islice((cell for cell in cells if cell.casefold() not in NOTHING), LOOKED_AT))

    def _row(self, line: int, cells: Mapping[str, str]) -> Row | Rejected:
        said = {name: self._said(cells, name) for name in ("lat", "lon", "radius_m", "address", "label")}
        place = _place(said)
        if isinstance(place, Rejected):
            return place
        text = "\n".join(filter(None, (cells[column].strip() for column in self.columns.get("text", ()))))
        moment = self._at or self._moment(cells)
        self.untimed += moment is None
        self.unplaced += place is None
        moment = moment or self._ordinary
        report = Report(
            request_id=f"line-{line}",
            channel="file",
            received_at=moment,
            requested_at=moment,
            text=text[:LONGEST_TEXT],
            place=place,
            address=said["address"][:LONGEST_ADDRESS],
        )
        return Row(line, report, said["label"])

    def _said(self, cells: Mapping[str, str], name: str) -> str:
        if not (columns := self.columns.get(name)):
            return ""
        cell = cells[columns[0]].strip()
        return "" if cell.casefold() in NOTHING and name != "label" else cell

    def _moment(self, cells: Mapping[str, str]) -> datetime | None:
        cell = cells[self._created].strip() if self._created else ""
        read = read_time(cell, self._notation) if cell else None
        if read is None:
            return None
        if read.year not in YEARS[1:-1]:  # an offset may lead into the next year
            return None
        return (read.replace(tzinfo=self._zone) if read.tzinfo is None else read).astimezone(UTC)


def _place(said: Mapping[str, str]) -> Place | Rejected | None:
    """Judge a place as the door does: None where there is none, and why it is none where it cannot be read."""
    cells = {name: with_point(said[name]) for name in ("lat", "lon", "radius_m") if said[name]}
    fields = Fields(cells, {}, loose=True)
    latitude, longitude = fields.number("lat", -90, 90), fields.number("lon", -180, 180)
    radius = fields.number("radius_m", 0, WIDEST_M)
    if fields.faults:
        return Rejected(fields.faults[0].code, fields.faults[0].description)
    if (latitude is None) != (longitude is None):
        return Rejected("half_a_place", "one of lat and lon is missing")
    if latitude is None or longitude is None:
        return None
    return Place(latitude=latitude, longitude=longitude, radius_m=radius or 0.0)
