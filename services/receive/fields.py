"""Reading one field of an incoming report after the other, gathering what is wrong with it.

Control characters, those that XML forbids and lone surrogates are removed from every string: what is kept can be
written as JSON and XML. A field that is absent, null or empty is one and the same (GeoReport v2 says so too).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

LONGEST_TEXT: Final = 10_000
LONGEST_ADDRESS: Final = 512
WIDEST_M: Final = 100_000.0
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""The end of time where there is no clock to ask."""
AHEAD: Final = timedelta(days=1)
_LONGEST_URL: Final = 2048
_MOST_VALUES: Final = 50
_LONGEST_ATTRIBUTES: Final = 20_000
_LARGEST: Final = 10**18
_SHOWN: Final = 40

_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,30})?|\.\d{1,30})", re.ASCII)
_ATTRIBUTE: Final = re.compile(r"[\w.:-]{1,64}")


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wrong with one field. `code` is one of few; `description` says what was seen and what was expected."""

    code: str
    description: str
    field: str = ""


class Repeated(dict[str, object]):
    """A JSON object in which `twice`, a name, stands more than once."""

    twice: str = ""


def clean(text: str) -> str:
    """Give `text` without what cannot be written on, with plain line feeds and no blanks around it."""
    return _UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


class Fields:
    """The fields of one report; `faults` grows as they are read. `names` says what a field is called at the door.

    With `loose`, numbers may be written as strings, as in forms and CSV files.
    """

    def __init__(self, raw: Mapping[str, object], names: Mapping[str, str], *, loose: bool) -> None:
        self.raw = raw
        self.names = names
        self.loose = loose
        self.faults: list[Fault] = []

    def fault(self, code: str, field: str, description: str) -> None:
        """Note what is wrong with `field`; the description begins with its name at the door."""
        name = self.names.get(field, field)
        self.faults.append(Fault(code=code, field=name, description=f"{name} {description}"))

    def string(self, field: str, most: int, *, one_line: bool = True) -> str:
        """Give a string of up to `most` characters, cleaned; empty where there is none."""
        value = self.raw.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fault("wrong_type", field, f"is {_kind(value)}: expected a string")
            return ""
        value = clean(value)
        if len(value) > most:
            self.fault("too_long", field, f"has {len(value)} characters: expected at most {most}")
            return ""
        return " ".join(value.split()) if one_line else value

    def number(self, field: str, low: float, high: float) -> float | None:
        """Give a finite number from `low` to `high`, None where there is none."""
        value = self.raw.get(field)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if isinstance(value, str) and self.loose and _NUMBER.fullmatch(value.strip()):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            seen = repr(_shown(value)) if isinstance(value, str) else _kind(value)
            self.fault("wrong_type", field, f"is {seen}: expected a number from {_figure(low)} to {_figure(high)}")
            return None
        if not low <= value <= high:
            self.fault(
                "out_of_range", field, f"is {_figure(value)}: expected a number from {_figure(low)} to {_figure(high)}"
            )
            return None
        return float(value)

    def instant(self, field: str, time_zone: tzinfo, latest: datetime) -> datetime | None:
        """Give a time in UTC, from 2000 to `latest`; one without an offset is taken in `time_zone`."""
        text = self.string(field, 64)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fault("not_a_time", field, f"is {_shown(text)!r}: expected a time as 2026-11-21T08:30:00+01:00")
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=time_zone)
        # The year first: at the ends of the calendar an offset leads out of it.
        if not (EARLIEST.year - 1 <= moment.year <= latest.year + 1 and EARLIEST <= moment <= latest):
            self.fault(
                "out_of_range", field, f"is {_shown(text)}: expected a time from 2000-01-01 to a day ahead of now"
            )
            return None
        return moment.astimezone(UTC)

    def links(self, field: str, most: int) -> tuple[str, ...]:
        """Give up to `most` http or https addresses without credentials."""
        values = self.raw.get(field)
        if values is None or values == "":
            return ()
        if isinstance(values, str):
            values = [values]
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            self.fault("wrong_type", field, "is not a list of strings: expected addresses of pictures")
            return ()
        links = tuple(link for value in values if (link := clean(value)))
        if len(links) > most:
            self.fault("too_many", field, f"has {len(links)} entries: expected at most {most}")
            return ()
        if bad := [place for place, link in enumerate(links, 1) if not _is_link(link)]:
            self.fault(
                "bad_url",
                field,
                f"entry {bad[0]} is no address that can be fetched: expected http:// or https://, a host, no password, "
                f"at most {_LONGEST_URL} characters",
            )
            return ()
        return links

    def attributes(self, field: str) -> dict[str, list[str]]:
        """Give the answers to a category's questions, as strings, by the question's code."""
        values = self.raw.get(field)
        if values is None or values == "":
            return {}
        if not isinstance(values, Mapping):
            self.fault("wrong_type", field, f"is {_kind(values)}: expected an object of answers by code")
            return {}
        if len(values) > _MOST_VALUES:
            self.fault("too_many", field, f"has {len(values)} entries: expected at most {_MOST_VALUES}")
            return {}
        read = {str(code): self._answers(field, str(code), value) for code, value in values.items()}
        if sum(len(answer) for answers in read.values() for answer in answers) > _LONGEST_ATTRIBUTES:
            self.fault("too_long", field, f"has too many characters: expected at most {_LONGEST_ATTRIBUTES} in all")
            return {}
        return {code: answers for code, answers in read.items() if answers}

    def _answers(self, field: str, code: str, value: object) -> list[str]:
        if not _ATTRIBUTE.fullmatch(code):
            self.fault("bad_attribute", field, "has a code that is none: expected 1 to 64 letters, digits, _ - . :")
            return []
        values = value if isinstance(value, list) else [value]
        if len(values) > _MOST_VALUES:
            self.fault("too_many", field, f"of {code} has {len(values)} entries: expected at most {_MOST_VALUES}")
            return []
        answers = [_plain(each) for each in values if each is not None]
        if None in answers:
            self.fault("wrong_type", field, f"of {code} holds a list or an object: expected strings and numbers")
            return []
        return [cleaned for answer in answers if (cleaned := clean(answer or ""))]


def _plain(value: object) -> str | None:
    """Give a string, number or truth as a string; None for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and -_LARGEST <= value <= _LARGEST:
        return str(value)
    return value if isinstance(value, str) else None


def _is_link(link: str) -> bool:
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return False
    fit = parts.scheme in {"http", "https"} and bool(host) and "@" not in parts.netloc
    return fit and len(link) <= _LONGEST_URL and not any(sign.isspace() for sign in link)


def _kind(value: object) -> str:
    names = {bool: "true or false", str: "a string", list: "a list", dict: "an object", int: "a number"}
    return names.get(type(value), "an object" if isinstance(value, dict) else "a number")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _figure(value: float) -> str:
    if not -_LARGEST <= value <= _LARGEST:
        return "not finite"
    return str(int(value)) if value == int(value) else f"{value:g}"
