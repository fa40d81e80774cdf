"""Items of the input: rows, events of an earlier stage, lines that pass, and what could not be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from services.cli.trying.feed import LONGEST, PAUSE, Line
from services.parts import Classification, Decision, Matching, Priority, Report, Routing
from services.runtime.worker import Rejected

LONGEST_ROW: Final = 1 << 20
"""Bytes of a row, or of a line that is no event; a longer one is rejected, as the door does with a longer body."""
_INT64: Final = 1 << 63
_QUOTED: Final = re.compile(r"'[^']*'")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Id = str | int | float | None


class Parts(Struct, frozen=True, kw_only=True):
    """What an event says of a report, as far as workers have said something of it."""

    report: Report
    classification: Classification | None = None
    routing: Routing | None = None
    matching: Matching | None = None
    priority: Priority | None = None
    decision: Decision | None = None


class Told(Struct, frozen=True, kw_only=True):
    """A line that an earlier stage wrote, or an event as it stands on a topic."""

    event: Parts
    id: Id = None
    row: dict[str, Any] | None = None
    filled: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One line, row or element: `what` is a row, an event, bytes that pass as they are, or what is wrong."""

    number: int
    what: dict[str, Any] | Told | bytes | Rejected
    id: Id = None


class _Shape(Struct):
    """What tells lines apart, unread."""

    rejected: Raw | UnsetType = UNSET
    event: Raw | UnsetType = UNSET
    report: Raw | UnsetType = UNSET


_shape = msgspec.json.Decoder(_Shape)
_told = msgspec.json.Decoder(Told)
_parts = msgspec.json.Decoder(Parts)
_row = msgspec.json.Decoder(dict[str, Any])


def items(lines: Iterator[Line], unit: str = "line") -> Iterator[Item | None]:
    """Give the item of each line or element that holds one JSON object; None where the input pauses."""
    for line in lines:
        if line is PAUSE:
            yield None
        elif line.content is None:
            yield Item(line.number, _too_long(f"{unit} {line.number}", LONGEST))
        elif line.content.strip():
            yield item(line.number, line.content.strip(), unit)


def item(number: int, content: bytes, unit: str = "line", *, mended: bool = False) -> Item:
    """Read one JSON object."""
    where = f"{unit} {number}"
    try:
        return _item(number, content, where)
    except msgspec.ValidationError as error:
        # msgspec quotes an enumeration's wrong value; it may be anything, so it is left out.
        fault = Rejected("bad_field", f"{where}: {_QUOTED.sub('…', str(error))}")
    except RecursionError:
        fault = Rejected("bad_json", f"{where} is nested too deeply: expected an object of fields")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if not mended:
            again = _mended(where, content)
            return Item(number, again) if isinstance(again, Rejected) else item(number, again, unit, mended=True)
        fault = Rejected("bad_json", f"{where} is not JSON: {error}")
    return Item(number, fault, _id_of(content))


def _item(number: int, content: bytes, where: str) -> Item:
    if content == b"{" or not content.startswith(b"{"):
        detail = f"{where} is not a whole JSON object: expected one a line; jq -c . FILE makes it so"
        return Item(number, Rejected("bad_json", detail))
    shape = _shape.decode(content)
    if _is_object(shape.rejected):
        return Item(number, content)
    if _is_object(shape.event):
        told = _told.decode(content)
        return Item(number, told, told.id)
    if _is_object(shape.report):
        return Item(number, Told(event=_parts.decode(content)))
    return Item(number, _row.decode(content) if len(content) <= LONGEST_ROW else _too_long(where, LONGEST_ROW))


def _is_object(raw: Raw | UnsetType) -> bool:
    return isinstance(raw, Raw) and bytes(raw)[:1] == b"{"


def _mended(where: str, content: bytes) -> Rejected | bytes:
    """Read what other programs write and JSON does not know: NaN, lone surrogates, numbers without end."""
    try:
        return msgspec.json.encode(_writable(json.loads(content.decode("utf-8"), parse_constant=lambda _name: None)))
    except UnicodeDecodeError as error:
        return not_utf8(where, error)
    except json.JSONDecodeError as error:
        return Rejected("bad_json", f"{where} is not JSON: {error.msg.lower()} at column {error.colno}")
    except (ValueError, RecursionError):
        return Rejected("bad_json", f"{where} is not JSON: a number is too long, or it is nested too deeply")


def _writable(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", name): _writable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_writable(inner) for inner in value]
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return str(value)
    return value


def _id_of(content: bytes) -> Id:
    try:
        found = _row.decode(content).get("id")
    except (msgspec.MsgspecError, RecursionError):
        return None
    return found if isinstance(found, str | int | float) and not isinstance(found, bool) else None


def not_utf8(where: str, error: UnicodeDecodeError) -> Rejected:
    """Say that a line is not written in UTF-8."""
    detail = (
        f"{where} is not UTF-8, at byte {error.start + 1}: save the file as UTF-8, or iconv -f cp1252 -t utf-8 FILE"
    )
    return Rejected("not_utf8", detail)


def _too_long(where: str, most: int) -> Rejected:
    return Rejected("too_long", f"{where} has more than {most:,} bytes")
