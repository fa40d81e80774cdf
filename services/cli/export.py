"""A past export as a gateway posts it: rows of a table in, reports and what is wrong with the others out."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.city.findings import did_you_mean, listed
from services.cli.trying.columns import ALSO, plan, with_point
from services.cli.trying.feed import Feed
from services.cli.trying.table import Table
from services.runtime.worker import Rejected

if TYPE_CHECKING:
    from datetime import tzinfo
    from io import BufferedIOBase
    from pathlib import Path

FIELDS: Final = ("id", "created_at", "text", "lat", "lon", "address")
"""What is looked for in an export by the names that others give it; a service code has to be named."""
OPTIONS: Final = {"created_at": "created", "service_code": "service-code"}
"""Options whose name is not that of the field."""
NOTATIONS: Final = (
    *("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d"),
    *("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y"),
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y"),
)
"""How exports write times besides ISO 8601. Of two that read as many, the first is taken: months before days."""
LOOKED_AT: Final = 5000
NOTHING: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})
"""How exports write that a cell is empty."""


class ExportError(Exception):
    """The export as a whole cannot be sent; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is not sent: its line, counted from 1, a code as the door has them, and what is wrong with it."""

    line: int
    code: str
    text: str


@dataclass(kw_only=True)
class Survey:
    """What a first reading found."""

    rows: int = 0
    lines: dict[str, int] = field(default_factory=dict)
    """Line by source id, of the rows that can be sent, in their order."""
    problems: list[Problem] = field(default_factory=list)
    repeats: int = 0
    """Rows that say what an earlier one said, under the same id."""
    notation: str = ""
    """Of the times; empty: ISO 8601."""
    oldest: datetime | None = None
    """The earliest of the times, where that was asked for and one of them can be read."""
    newest: datetime | None = None
    """The latest of them, likewise."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """An export and what its columns mean. It is read anew each time, so that it need not fit into memory."""

    path: Path
    columns: Mapping[str, Sequence[str]]
    """The export's columns by the report's fields."""
    encoding: str = "utf-8"
    source: str = ""
    """Goes before the ids, so that those of two systems are told apart."""
    zone: tzinfo = UTC
    """Of times without an offset, where they are compared or shifted; left as they are, the door knows better."""

    def survey(self, limit: int = 0, *, dated: bool = False) -> Survey:
        """Read it once: which rows can be sent (the first `limit`; 0: all), and what is wrong with the others.

        With `dated`, the oldest and the newest of their times are found too.

        Raises:
            ExportError: it cannot be read any further.

        """
        found = Survey()
        seen: dict[str, bytes] = {}
        times: list[str] = []
        for line, what in self._rows():
            found.rows += 1
            if isinstance(what, Rejected):
                found.problems.append(Problem(line, what.reason, what.detail.removeprefix(f"line {line} ")))
                continue
            name, digest = what["source_id"], hashlib.sha256(msgspec.json.encode(what)).digest()[:12]
            if name not in seen:
                seen[name], found.lines[name] = digest, line
                times.append(what.get("created_at", ""))
            elif seen[name] == digest:
                found.repeats += 1
            else:
                text = f"has the id of line {found.lines[name]}, and says something else"
                found.problems.append(Problem(line, "repeated_id", text))
            if len(found.lines) == limit:
                break
        found.notation = notation_of(list(filter(None, times)))
        if dated and (read := [moment for each in times if (moment := self._instant(each, found.notation))]):
            found.oldest, found.newest = min(read), max(read)
        return found

    def reports(self, survey: Survey, newest: datetime | None = None) -> Iterator[dict[str, Any]]:
        """Give the reports of a survey, as the door takes them.

        With `newest`, all times are shifted alike, so that this is the newest one.
        """
        shift = newest - survey.newest if newest is not None and survey.newest is not None else None
        left = dict(survey.lines)
        for line, what in self._rows():
            if isinstance(what, Rejected) or left.get(what["source_id"]) != line:
                continue
            del left[what["source_id"]]
            if created := what.get("created_at"):
                what["created_at"] = self._written(created, survey.notation, shift)
            yield what
            if not left:
                return

    def _written(self, cell: str, notation: str, shift: timedelta | None) -> str:
        """Give a time as the door takes it. One that cannot be read stays as it is, for the door to refuse."""
        if shift is not None:
            moment = self._instant(cell, notation)
            return cell if moment is None else (moment + shift).astimezone(UTC).isoformat()
        read = read_time(cell, notation) if notation else None
        return cell if read is None else read.isoformat()

    def _instant(self, cell: str, notation: str) -> datetime | None:
        read = read_time(cell, notation) if cell else None
        if read is None:
            return None
        return read.replace(tzinfo=self.zone) if read.tzinfo is None else read

    def _rows(self) -> Iterator[tuple[int, dict[str, Any] | Rejected]]:
        with opened(self.path, self.encoding) as table:
            for item in table.items():
                if item is not None and isinstance(item.what, dict):
                    yield item.number, self._report(item.what)
                elif item is not None and isinstance(item.what, Rejected):
                    yield item.number, item.what

    def _report(self, row: Mapping[str, str]) -> dict[str, Any] | Rejected:
        cells = {
            name: [cell for column in columns if (cell := row[column].strip()).casefold() not in NOTHING]
            for name, columns in self.columns.items()
        }
        text = "\n".join(cells.pop("text", []))
        said: dict[str, Any] = {name: found[0] for name, found in cells.items() if found}
        own = said.pop("id", "")
        if text:
            said["text"] = text
        elif "service_code" not in said:
            return Rejected("empty", "no text")
        for name in ("lat", "lon"):
            if name in said:
                said[name] = _number(said[name])
        if not own:
            known_by = repr(sorted(said.items())).encode("utf-8", "surrogatepass")
            own = f"row-{hashlib.sha256(known_by).hexdigest()[:24]}"
        return {"source_id": f"{self.source}:{own}" if self.source else own, **said}


@contextmanager
def opened(path: Path, encoding: str = "utf-8") -> Iterator[Table]:
    """Open an export, `.gz` or not, at its header.

    Raises:
        ExportError: it is not there, no text in `encoding`, or has no header.

    """
    if not path.is_file():
        beside = [each.name for each in path.parent.iterdir() if each.is_file()] if path.parent.is_dir() else []
        guess = did_you_mean(path.name, beside)
        message = f"there is no file {path}{f'; {guess}' if guess else ''}"
        raise ExportError(message)
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    except LookupError:
        message = f"--encoding {encoding}: there is none of that name; try cp1252 or utf-16"
        raise ExportError(message) from None
    plain = codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream: BufferedIOBase = gzip.GzipFile(fileobj=raw) if compressed else raw
            table = Table(Feed(stream if plain else _Recoded(stream, decoder)).lines())
            if table.fault or not table.header:
                message = f"{path} cannot be read: {table.fault or 'it is empty; expected a header, and reports'}"
                raise ExportError(message)
            yield table
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"{path} is no whole gzip file ({error}); export it again"
        raise ExportError(message) from error


def columns_of(path: Path, header: Sequence[str], named: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Decide which columns hold what: as `named`, by field, and for the rest by their usual names.

    Raises:
        ExportError: a named column is not there, or there is neither a text nor a service code.

    """
    guessed = {name: (column,) for name, column in plan(header).taken.items() if name in FIELDS}
    found = guessed | {name: tuple(columns) for name, columns in named.items() if columns}
    faults = []
    for name, columns in named.items():
        for column in columns:
            if column not in header:
                guess = did_you_mean(column, header)
                faults.append(f"--{OPTIONS.get(name, name)} {column}: no such column{f'; {guess}' if guess else ''}")
    if not faults and not {"text", "service_code"} & found.keys():
        faults.append(f"none of the columns is known to hold the text, as {listed(('text', *ALSO['text']))} would")
        faults.append("name it: --text COLUMN, or several of them: --text COLUMN --text COLUMN")
    if faults:
        lines = [f"{path} cannot be sent", *faults, f"the columns are: {listed(header)}"]
        raise ExportError("\n  ".join(lines))
    return found


class _Recoded:
    """A stream of bytes in some encoding, read as UTF-8."""

    def __init__(self, stream: BufferedIOBase, decoder: codecs.IncrementalDecoder) -> None:
        self._stream = stream
        self._decoder = decoder

    def read1(self, size: int, /) -> bytes:
        """Give at least one byte; none at the end."""
        while True:
            chunk = self._stream.read(size)
            text = self._decoder.decode(chunk, final=not chunk)
            if text or not chunk:
                return text.encode("utf-8", "replace")


def notation_of(times: Sequence[str]) -> str:
    """Give the notation that reads the most of some times; empty for ISO 8601, which goes first."""
    some = times[:: max(1, len(times) // LOOKED_AT)]
    best, most = "", -1
    for notation in ("", *NOTATIONS):
        read = sum(read_time(each, notation) is not None for each in some)
        if read > most:
            best, most = notation, read
        if most == len(some):
            break
    return best


def read_time(cell: str, notation: str) -> datetime | None:
    """Read a time by a notation, ISO 8601 where that is empty; None where the cell does not keep to it."""
    read: Callable[[str], datetime] = partial(_strptime, notation=notation) if notation else datetime.fromisoformat
    try:
        return read(cell)
    except (ValueError, OverflowError):
        return None


def _strptime(cell: str, *, notation: str) -> datetime:
    return datetime.strptime(cell, notation)  # noqa: DTZ007 - the town's own time, as the door takes it


def _number(cell: str) -> float | str:
    """Give a number, with a decimal comma too. What is none stays as it is, for the door to refuse."""
    try:
        return float(with_point(cell))
    except ValueError:
        return cell
