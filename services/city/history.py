"""A town's past requests, from the CSV that its system exports."""

import csv
import gzip
import io
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from services.city.findings import did_you_mean, listed

DELIMITERS = ",;\t|"
LONGEST = 1_000_000
SHORTEST_CLASS = 5
"""Categories with fewer requests that have a text are left out: too few to learn from."""


class HistoryError(Exception):
    """The export cannot be used; `faults` holds every reason, a line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column holds what; empty: the export has none of it."""

    text: str
    label: str
    lat: str = ""
    lon: str = ""
    created: str = ""

    def asked(self) -> dict[str, str]:
        """Give the columns that are wanted, by the option that names them."""
        return {name: column for name, column in vars(self).items() if column}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One past request that has a text and a category. `created` is as the export has it."""

    text: str
    service_code: str
    lat: float | None = None
    lon: float | None = None
    created: str = ""


@dataclass(kw_only=True)
class History:
    """What can be learnt from an export. `names` are the categories' own names by service code, the largest first."""

    requests: list[Request]
    names: dict[str, str]
    rows: int
    notes: list[str] = field(default_factory=list)
    """What was left out or taken together, and why."""


def read_history(
    path: Path, columns: Columns, *, encoding: str = "utf-8", fewest: int = SHORTEST_CLASS, classes: int = 2
) -> History:
    """Read an export, `.csv` or `.csv.gz`, parted by comma, semicolon, tab or bar, with a header.

    Categories with fewer than `fewest` requests that have a text are left out; fewer than `classes` are not enough.

    Raises:
        HistoryError: the file is not there, not text in `encoding`, lacks a column, or has too little in it.

    """
    lines = csv.reader(io.StringIO(text := _text(path, encoding), newline=""), delimiter=_delimiter(text))
    csv.field_size_limit(LONGEST)
    try:
        header = [name.strip() for name in next(lines, [])]
        places = _places(path, header, columns.asked())
        return _gather(_Rows(lines, len(header)), places, path, fewest, classes)
    except csv.Error as error:
        raise _no_csv(path, lines.line_num, error) from None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Some columns of an export, by what was asked for; all of one length, and each cell without blanks around it."""

    columns: dict[str, list[str]]
    rows: int
    """In the file, those left out as well."""
    notes: list[str]


def read_columns(path: Path, asked: Mapping[str, str], *, encoding: str = "utf-8") -> Table:
    """Read the columns of an export that are asked for, by the option that names each; a CSV as of `read_history`.

    Raises:
        HistoryError: the file is not there, not text in `encoding`, lacks a column, or has no rows.

    """
    lines = csv.reader(io.StringIO(text := _text(path, encoding), newline=""), delimiter=_delimiter(text))
    csv.field_size_limit(LONGEST)
    try:
        header = [name.strip() for name in next(lines, [])]
        places = _places(path, header, asked)
        rows = _Rows(lines, len(header))
        columns: dict[str, list[str]] = {option: [] for option in places}
        for row in rows:
            for option, place in places.items():
                columns[option].append(" ".join(row[place].split()))
    except csv.Error as error:
        raise _no_csv(path, lines.line_num, error) from None
    notes = list(_left_out(rows.ragged, rows.count, "another number of cells than the header"))
    if rows.count == rows.ragged:
        raise HistoryError(["; ".join([f"{path.name} has no past requests below its header", *notes])])
    return Table(columns=columns, rows=rows.count, notes=notes)


def slug(label: str) -> str:
    """Give a service code for a category's name: `Árbol caído / rama` is `arbol-caido-rama`; other scripts stay."""
    folded = unicodedata.normalize("NFKD", label.casefold())
    plain = unicodedata.normalize("NFC", "".join(sign for sign in folded if not unicodedata.combining(sign)))
    return re.sub(r"[^\w]+", "-", plain.replace("_", "-")).strip("-")[:60].rstrip("-")


class _Rows:
    """The rows below the header that have as many cells as it has."""

    def __init__(self, lines: Iterator[list[str]], width: int) -> None:
        self.lines = lines
        self.width = width
        self.count = 0
        self.ragged = 0

    def __iter__(self) -> Iterator[list[str]]:
        for row in self.lines:
            if not row:
                continue
            self.count += 1
            if len(row) == self.width:
                yield row
            else:
                self.ragged += 1


def _text(path: Path, encoding: str) -> str:
    if not path.is_file():
        beside = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
        raise HistoryError([f"there is no file {path}; {did_you_mean(path.name, beside)}".rstrip("; ")])
    raw = path.read_bytes()
    if path.suffix.lower() == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise HistoryError([f"{path.name} is no whole gzip file ({error}); export it again"]) from None
    try:
        return raw.decode("utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
    except LookupError:
        raise HistoryError([f"--encoding {encoding}: no such encoding; try cp1252 or utf-16"]) from None
    except UnicodeError as error:
        where = raw.count(b"\n", 0, error.start) + 1 if isinstance(error, UnicodeDecodeError) else 1
        message = f"{path.name}:{where}: not text in {encoding}; say --encoding cp1252 or whatever it was written in"
        raise HistoryError([message]) from None


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(DELIMITERS, key=header.count)


def _no_csv(path: Path, line: int, error: csv.Error) -> HistoryError:
    return HistoryError([f"{path.name}:{line}: not CSV ({error}); export the file again"])


def _places(path: Path, header: Sequence[str], asked: Mapping[str, str]) -> dict[str, int]:
    if not any(header):
        raise HistoryError([f"{path.name} is empty; expected a header and past requests"])
    faults = []
    for option, column in asked.items():
        if header.count(column) != 1:
            seen = "more than one column" if column in header else "no column"
            guess = did_you_mean(column, header)
            faults.append(f"--{option} {column}: {path.name} has {seen} of that name; columns are {listed(header)}")
            faults[-1] += f"; {guess}" if guess and column not in header else ""
    if faults:
        raise HistoryError(faults)
    return {option: header.index(column) for option, column in asked.items()}


def _gather(rows: _Rows, places: dict[str, int], path: Path, fewest: int, classes: int) -> History:
    spelt: dict[str, Counter[str]] = {}
    read: list[Request] = []
    unlabelled = textless = 0
    for row in rows:
        label = " ".join(row[places["label"]].split())
        text = " ".join(row[places["text"]].split())
        if not slug(label):
            unlabelled += 1
        elif not text:
            textless += 1
        else:
            spelt.setdefault(label.casefold(), Counter())[label] += 1
            read.append(_request(row, places, text, label.casefold()))
    sizes = sorted(((labels.total(), key) for key, labels in spelt.items()), key=lambda size: (-size[0], size[1]))
    common = {key: labels.most_common(1)[0][0] for key, labels in spelt.items()}
    small = [f"{common[key]} ({size})" for size, key in sizes if size < fewest]
    notes = [
        *_left_out(rows.ragged, rows.count, "another number of cells than the header"),
        *_left_out(unlabelled, rows.count, "no label"),
        *_left_out(textless, rows.count, "no text"),
    ]
    if small:
        notes.append(f"categories with fewer than {fewest} texts are left out: {', '.join(small)}")
    kept = [key for size, key in sizes if size >= fewest]
    if len(kept) < classes:
        least = f"at least {classes} with {_texts(fewest)} each"
        seen = f"{len(kept)} of {len(sizes)} categories can be learnt from {len(read)} labelled texts"
        raise HistoryError(["; ".join([f"{path.name}: {seen}", f"expected {least}", *notes])])
    codes = _codes(kept)
    requests = [replace(each, service_code=codes[each.service_code]) for each in read if each.service_code in codes]
    names = {code: common[key] for key, code in codes.items()}
    return History(requests=requests, names=names, rows=rows.count, notes=notes)


def _texts(number: int) -> str:
    return f"{number} texts" if number > 1 else "a text"


def _codes(keys: Sequence[str]) -> dict[str, str]:
    """Give each category a service code of its own; of two whose names differ by signs alone, the second gets `-2`."""
    keys_by_code: dict[str, str] = {}
    for key in keys:
        code, number = slug(key), 2
        while code in keys_by_code:
            code, number = f"{slug(key)}-{number}", number + 1
        keys_by_code[code] = key
    return {key: code for code, key in keys_by_code.items()}


def _request(row: Sequence[str], places: dict[str, int], text: str, label: str) -> Request:
    lat, lon = (number(row[places[key]]) if key in places else None for key in ("lat", "lon"))
    created = row[places["created"]].strip() if "created" in places else ""
    return Request(text=text, service_code=label, lat=lat, lon=lon, created=created)


def _left_out(count: int, rows: int, why: str) -> Iterator[str]:
    if count:
        yield f"{count:,} of {rows:,} rows are left out: {why}"


def number(cell: str) -> float | None:
    """Give the number in a cell, with a point or a comma; None where there is none."""
    try:
        value = float(cell.strip().replace(",", "."))
    except ValueError:
        return None
    return value if value == value else None  # noqa: PLR0124 - NaN is not itself
