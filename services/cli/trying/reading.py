"""What kind of input it is, and its items."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from services.cli.trying.columns import Plan, missing
from services.cli.trying.feed import Feed, Stream
from services.cli.trying.items import Item, items
from services.cli.trying.table import Table

_MAGIC: Final = (
    (b"\x1f\x8b", "it is compressed with gzip: zcat {file} | stormdrain try {worker}"),
    (b"PK\x03\x04", "it is a zip or Excel file: export it as CSV"),
    (b"\xff\xfe", "it is in UTF-16: iconv -f utf-16 -t utf-8 {file} | stormdrain try {worker}"),
    (b"\xfe\xff", "it is in UTF-16: iconv -f utf-16 -t utf-8 {file} | stormdrain try {worker}"),
    (b"SQLite format 3\x00", "it is a database: export a table as CSV"),
    (b"PAR1", "it is a Parquet file: export it as CSV"),
)
"""How files begin that are no text, and what to do with them."""


STANDARD_INPUT: Final = "standard input"
_LATER_OBJECT: Final = re.compile(rb'[^\n]*\n\s*\{\s*"')
"""JSON lines of which the first is damaged."""


class UnreadableError(Exception):
    """The input as a whole cannot be read; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The items of an input. `table` is its plan if it is a table."""

    items: Iterator[Item | None]
    table: Plan | None = None


def read(stream: Stream, worker: str, source: str, named: Mapping[str, str] | None = None) -> Reading:
    """Find out what is in `source`: JSON lines, a JSON array, or CSV with a header.

    `named` says of fields in which column they stand, whatever it is called.

    Raises:
        UnreadableError: it is none of these, or a table without what `worker` needs.

    """
    feed = Feed(stream)
    head = feed.head()
    cannot = f"stormdrain try {worker} cannot read {source}:"
    for magic, remedy in _MAGIC:
        if head.startswith(magic):
            file = "FILE" if source == STANDARD_INPUT else source
            raise UnreadableError(f"{cannot} {remedy.format(file=file, worker=worker)}")  # noqa: EM102, TRY003
    match head.lstrip()[:1]:
        case b"{" | b"":
            return Reading(items(feed.lines()))
        case b"[":
            return Reading(items(feed.elements(), "element"))
        case _ if _LATER_OBJECT.match(head):
            return Reading(items(feed.lines()))
    table = Table(feed.lines(), named)
    fault = table.fault or missing(worker, table.header, table.plan, named)
    if fault:
        raise UnreadableError(f"{cannot} {fault}")  # noqa: EM102, TRY003
    return Reading(table.items(), table.plan)
