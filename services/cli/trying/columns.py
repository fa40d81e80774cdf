"""Which column or field means what: a report's own names, and what others call them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.city.findings import did_you_mean, listed

_COMMA: Final = re.compile(r"[+-]?\d{1,3},\d+")

ALSO: Final[dict[str, tuple[str, ...]]] = {
    "id": (
        "source_id",
        "request_id",
        "requestid",
        "service_request_id",
        "service_request_number",
        "unique_key",
        "case_id",
        "ticket_id",
        "objectid",
    ),
    "created_at": (
        "created_on",
        "created",
        "created_date",
        "createdat",
        "date_created",
        "requested_datetime",
        "requested_at",
        "datetimeinit",
        "first_seen_at",
        "opened_at",
        "datetime",
        "timestamp",
        "date",
    ),
    "text": ("description", "summary", "details", "message", "comments", "body", "title"),
    "lat": ("latitude",),
    "lon": ("lng", "long", "longitude"),
    "radius_m": (),
    "address": ("address_string", "street_address"),
    "service_code": (),
    "attributes": (),
    "media_urls": ("media_url",),
    "contact": (),
    "category": ("service_name", "complaint_type", "problemcode", "type"),
}
"""What is read, by Stormdrain's name for it, with other names that mean the same, the likeliest first."""

NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "receive": ("created_at", "text"),
    "classify": ("text",),
    "route": ("lat", "lon"),
    "match": ("created_at", "lat", "lon"),
    "prioritize": ("created_at",),
    "decide": (),
    "deliver": (),
}
"""Columns without which a table makes no sense to a worker."""

EXAMPLE: Final = "id,created_at,text,lat,lon"
_STANDS_IN: Final = {"text": "service_code"}
_GRID: Final = re.compile(r"(?:\w*_)?(?:sr|coord)?[xy]|(?:x|y)_?coord\w*|easting|northing", re.IGNORECASE)
_DATA: Final = re.compile(r"[+-]?\d[\d.,:/T+ -]*Z?")


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a row is taken as what, and what is left."""

    taken: Mapping[str, str]
    """The row's own name, by ours."""
    rest: tuple[str, ...]
    """Names that mean nothing here, and `category`, which a later reader may want."""

    def renamed(self) -> list[str]:
        """Give `'Latitude' as lat` for each column that is taken under another name than its own."""
        return [f"{theirs!r} as {ours}" for ours, theirs in self.taken.items() if ours != theirs]


def plan(names: Sequence[str], named: Mapping[str, str] | None = None) -> Plan:
    """Decide which of a row's names is taken as what. Upper case, blanks and hyphens in them do not matter.

    What is `named`, the row's own name by ours, goes before what is guessed; a name that the row lacks is left aside.
    """
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(re.sub(r"[\s-]+", "_", name.strip().casefold()), name)
    taken = {
        ours: plain[found]
        for ours, others in ALSO.items()
        if (found := next((each for each in (ours, *others) if each in plain), None))
    }
    taken |= {ours: theirs for ours, theirs in (named or {}).items() if theirs in names}
    used = {theirs for ours, theirs in taken.items() if ours != "category"}
    return Plan(taken, tuple(name for name in names if name not in used))


def missing(worker: str, header: Sequence[str], found: Plan, named: Mapping[str, str] | None = None) -> str:
    """Say why a table with this header cannot be read by a worker, in lines to read; empty if it can.

    Begins after `stormdrain try WORKER cannot read FILE: `.
    """
    if unknown := [f"--{ours} {theirs}" for ours, theirs in (named or {}).items() if theirs not in header]:
        guess = _guess(unknown[0].partition(" ")[2], header)
        return f"{' and '.join(unknown)}: no such column{guess}\n  the columns are: {listed(map(_shown, header))}"
    needed = [
        name for name in NEEDS[worker] if name not in found.taken and _STANDS_IN.get(name, name) not in found.taken
    ]
    if found.taken and not needed:
        return ""
    number = "a column it needs is" if len(needed) == 1 else f"{len(needed)} columns it needs are"
    lines = [f"{number} missing" if needed else "no column has a name that it knows"]
    for name in needed:
        others = ALSO[name]
        also = f", nor {listed(others)}" if others else ""
        lines.append(f"  {name}: there is no column of that name{also}{_guess(name, header)}")
    lines.append(f"  the columns are: {listed(_shown(name) for name in header)}")
    if "text" in needed and "category" in found.taken:
        lines.append("  a category that the citizen picked is read from a column service_code")
    if "lat" in needed and any(_GRID.fullmatch(name.strip()) for name in header):
        lines.append("  coordinates of a grid have to be turned into degrees (WGS 84) first")
        lines.append("  if they are degrees, name them: --lat COLUMN --lon COLUMN")
    lines.append(f"  {_remedy(header)}")
    return "\n".join(lines)


def _guess(name: str, header: Sequence[str]) -> str:
    guess = did_you_mean(name, header)
    return f"; {guess}" if guess else ""


def _remedy(header: Sequence[str]) -> str:
    if header and header[0].lstrip().startswith("<"):
        return "it looks like a web page or XML: give JSON lines, or CSV with a header"
    if any(_DATA.fullmatch(name.strip()) for name in header):
        return f"the first line looks like data, not like names: put a header before it, as {EXAMPLE}"
    if len(header) == 1:
        return f"there is one column alone, parted by none of , ; | tab: expected a header as {EXAMPLE}"
    return f"rename the columns, as {EXAMPLE}"


def _shown(name: str, most: int = 30) -> str:
    return repr(name) if len(name) <= most else repr(name[:most] + "...")


def with_point(cell: str) -> str:
    """Give a number's decimal comma as a point; anything else stays as it is."""
    return cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell
