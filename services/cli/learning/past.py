"""Past requests of which it is known who was responsible, as a town's own departments, categories and areas."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.city.findings import listed
from services.city.history import HistoryError, number, read_columns, slug
from services.city.parts import TOPIC
from services.classify.training.examples import read_times
from services.parts import Place
from services.route.adapters import DatedAtlas

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from services.city.model import City
    from services.parts import Boundary

HELD = 0.2
"""Share of the requests that is held back to judge by: the newest."""
LONGEST_ID = 48
_NEVER = datetime(9000, 1, 1, tzinfo=UTC)
"""When a request came in that has no time: by the newest lines."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which column holds what; empty: the export has none of it. Texts of several columns are read as one."""

    responsible: str
    text: tuple[str, ...] = ()
    category: str = ""
    latitude: str = ""
    longitude: str = ""
    address: str = ""
    created: str = ""

    def options(self) -> dict[str, str]:
        """Give the columns that are wanted, by the option that names them."""
        texts = {f"text{' ' * number}": column for number, column in enumerate(self.text)}
        return texts | {name: column for name, column in vars(self).items() if column and name != "text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One past request and the department that was responsible for it."""

    department: str
    text: str = ""
    service_code: str = ""
    """Empty: not known."""
    family: str = ""
    address: str = ""
    place: Place | None = None
    boundaries: tuple[Boundary, ...] = ()
    outside: bool = False
    when: datetime | None = None

    @property
    def areas(self) -> dict[str, str]:
        """The area that holds the place, by layer."""
        return {area.layer: area.area_id for area in self.boundaries}


@dataclass(kw_only=True)
class Past:
    """Assignments, the oldest first. `names` are the responsible bodies' own names by department id."""

    assignments: list[Assignment]
    names: dict[str, str]
    rule: str
    """How the later part was parted from the rest, in words."""
    notes: list[str] = field(default_factory=list)

    def parted(self) -> tuple[list[Assignment], list[Assignment]]:
        """Give the earlier part, and the later one, a fifth of all."""
        cut = len(self.assignments) - math.ceil(len(self.assignments) * HELD)
        return self.assignments[:cut], self.assignments[cut:]


def read_past(path: Path, asked: Asked, city: City, *, encoding: str = "utf-8") -> Past:
    """Read an export, `.csv` or `.csv.gz`.

    Raises:
        HistoryError: it cannot be read, lacks a column, or none of its rows can be used.
        TrainingError: its times are in no known notation.

    """
    table = read_columns(path, asked.options(), encoding=encoding)
    columns, size = table.columns, len(table.columns["responsible"])
    notes = list(table.notes)
    departments, names = _departments(columns["responsible"], city)
    codes = _codes(columns.get("category", [""] * size), city, path, notes)
    texts = _texts([columns[key] for key in columns if key.startswith("text")], size)
    places = _places(columns, size, notes)
    times = _times(columns["created"], city) if asked.created else [None] * size
    placed = [(place, when or _NEVER) for place, when in zip(places, times, strict=True) if place]
    whereabouts = iter(DatedAtlas(city).locate([place for place, _ in placed], [when for _, when in placed]))
    addresses = columns.get("address", [""] * size)
    found = []
    for row in range(size):
        where = next(whereabouts) if places[row] else None
        if not departments[row] or codes[row] is None:
            continue
        category = city.categories.get(codes[row] or "")
        found.append(
            Assignment(
                department=departments[row],
                text=texts[row],
                service_code=codes[row] or "",
                family=category.family if category else "",
                address=addresses[row],
                place=places[row],
                boundaries=where.boundaries if where else (),
                outside=bool(where and where.outside),
                when=times[row],
            )
        )
    missing = sum(not each for each in departments)
    if missing:
        notes.append(f"{missing:,} of {table.rows:,} rows are left out: nobody is named as responsible")
    if len({each.department for each in found}) < 2:  # noqa: PLR2004 - of one there is nothing to choose
        seen = f"{len(found)} rows can be used, and they name {len({each.department for each in found})} responsible"
        raise HistoryError(["; ".join([f"{path.name}: {seen}", "expected at least 2 who are responsible", *notes])])
    return _ordered(found, names, notes)


def _ordered(found: list[Assignment], names: dict[str, str], notes: list[str]) -> Past:
    dated = sum(each.when is not None for each in found)
    if dated < len(found):
        if dated:
            notes.append(f"{len(found) - dated:,} rows have no time, so that all are judged as if none had")
        found.sort(key=lambda each: hashlib.sha256(repr((each.text, each.address, each.place)).encode()).digest())
        rule = "a fifth at random, for want of dates: expect less of the future"
        return Past(assignments=found, names=names, rule=rule, notes=notes)
    found.sort(key=lambda each: (each.when or _NEVER, each.department, each.text))
    cut = found[len(found) - math.ceil(len(found) * HELD)].when
    return Past(assignments=found, names=names, rule=f"the newest fifth, from {cut:%Y-%m-%d} on", notes=notes)


def _texts(columns: Sequence[Sequence[str]], size: int) -> list[str]:
    return ["\n".join(filter(None, parts)) for parts in zip(*columns, strict=True)] if columns else [""] * size


def _times(column: Sequence[str], city: City) -> list[datetime | None]:
    zone = ZoneInfo(city.time_zone)
    return [when if when is None or when.tzinfo else when.replace(tzinfo=zone) for when in read_times(column)]


def _departments(column: Sequence[str], city: City) -> tuple[list[str], dict[str, str]]:
    """Give the department of each cell, and names by department; cells are names or ids, in any case."""
    known = {each.name.casefold(): code for code, each in city.departments.items()}
    known |= {code.casefold(): code for code in city.departments}
    spelt: dict[str, str] = {}
    taken: dict[str, str] = {code: each.name for code, each in city.departments.items()}
    names: dict[str, str] = {}
    for cell, _ in Counter(column).most_common():
        key = cell.casefold()
        if key and key not in spelt:
            code = known.get(key) or _new_id(cell, taken)
            spelt[key] = code
            names[code] = taken[code] = cell
    return [spelt.get(cell.casefold(), "") for cell in column], names


def _new_id(name: str, taken: Mapping[str, str]) -> str:
    """Give an id that may name a topic: ASCII, at most 48 characters, and nobody else's."""
    plain = re.sub(r"[^a-z0-9]+", "-", slug(name).encode("ascii", "ignore").decode()).strip("-")
    code = plain[:LONGEST_ID].rstrip("-")
    if not TOPIC.match(code) or code in taken:
        digest = hashlib.sha256(name.casefold().encode("utf-8", "replace")).hexdigest()[:6]
        code = f"{plain[: LONGEST_ID - 7].rstrip('-') or 'body'}-{digest}"
    return code


def _codes(column: Sequence[str], city: City, path: Path, notes: list[str]) -> list[str | None]:
    """Give the service code of each cell, empty for an empty cell, None for a category that the city has not."""
    known = {each.name.casefold(): code for code, each in city.categories.items()}
    known |= {slug(code): code for code in city.categories} | {code.casefold(): code for code in city.categories}
    codes = {cell: known.get(cell.casefold()) or known.get(slug(cell)) for cell in set(column) if cell}
    strange = Counter(cell for cell in column if cell and not codes[cell])
    if strange:
        told = f"{strange.total():,} rows are left out: their categories are not the city's: {listed(_common(strange))}"
        notes.append(told)
        if not any(codes.values()):
            remedy = "give the column of service codes or names as categories.yaml has them, or leave --category out"
            raise HistoryError([f"{path.name}: {told}; {remedy}"])
    return [codes[cell] if cell else "" for cell in column]


def _common(counts: Counter[str]) -> Iterable[str]:
    return (word for word, _ in counts.most_common())


def _places(columns: Mapping[str, Sequence[str]], size: int, notes: list[str]) -> list[Place | None]:
    if "latitude" not in columns or "longitude" not in columns:
        return [None] * size
    found = [_place(lat, lon) for lat, lon in zip(columns["latitude"], columns["longitude"], strict=True)]
    if missing := sum(place is None for place in found):
        notes.append(f"{missing:,} rows have no place that could be read")
    return found


def _place(lat: str, lon: str) -> Place | None:
    latitude, longitude = number(lat), number(lon)
    if latitude is None or longitude is None or (latitude, longitude) == (0.0, 0.0):
        return None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # noqa: PLR2004 - degrees
        return None
    return Place(latitude=latitude, longitude=longitude)
