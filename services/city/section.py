"""Reads one mapping of a town's file key by key, noting what is missing, of the wrong kind, or unknown."""

import re
from collections.abc import Collection, Iterator
from datetime import date

from services.city.document import Hole, Items, Mapping, Node, Scalar, describe
from services.city.findings import Findings, did_you_mean, listed

LANGUAGE = re.compile(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
_ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_TRUE = {"true", "yes", "on"}
_FALSE = {"false", "no", "off"}
_SECRET = re.compile(r"(?i)url|token|secret|passw|api_?key|host|user|address")


def is_date(text: str) -> bool:
    """Say whether a text is a day as in 2026-12-25."""
    try:
        date.fromisoformat(text if _ISO_DATE.match(text) else "")
    except ValueError:
        return False
    return True


class Section:
    """One mapping. Every reading method gives a value of its kind, a default where a fault was noted.

    Call `done` last: it names the keys that nobody asked for.
    """

    def __init__(self, file: str, at: str, node: Mapping, findings: Findings) -> None:
        self.file = file
        self.at = at
        self.node = node
        self.findings = findings
        self._asked: list[str] = []

    def line(self, key: str = "") -> int:
        """Give the line of a key, or of the section where it is not there."""
        return self.node.keys.get(key, self.node.line)

    def field(self, key: str) -> str:
        """Give the dotted name of a key, as findings show it."""
        return ".".join(part for part in (self.at, key) if part)

    def fault(self, key: str, seen: str, expected: str = "", remedy: str = "") -> None:
        """Note a fault at a key."""
        self.findings.fault(self.file, self.line(key), self.field(key), seen, expected=expected, remedy=remedy)

    def warn(self, key: str, seen: str, expected: str = "", remedy: str = "") -> None:
        """Note a warning at a key."""
        self.findings.warn(self.file, self.line(key), self.field(key), seen, expected=expected, remedy=remedy)

    def has(self, key: str) -> bool:
        """Say whether a value stands at `key`."""
        node = self.node.values.get(key)
        return node is not None and not (isinstance(node, Scalar) and node.none)

    def names(self) -> tuple[str, ...]:
        """Give all keys, in the file's order."""
        return tuple(self.node.keys)

    def text(self, key: str, default: str | None = None, *, known: Collection[str] | None = None) -> str:
        """Give a text; without a default it must be there, with `known` it must be one of these."""
        node = self._take(key, required=default is None, expected="text")
        if not isinstance(node, Scalar):
            self._wrong(key, node, "text")
            return default or ""
        value = node.text.strip()
        if known is not None and value not in known:
            self.unknown(key, value, known)
            return default or ""
        return value

    def number(self, key: str, default: float, *, low: float, high: float) -> float:
        """Give a number from `low` to `high`."""
        node = self._take(key)
        if node is None:
            return default
        expected = f"a number from {low:g} to {high:g}"
        if not isinstance(node, Scalar):
            self._wrong(key, node, expected)
            return default
        try:
            value = float(node.text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            self.fault(key, f"saw {describe(node)}", expected)
            return default
        return value

    def numbers(self, key: str, count: int, expected: str) -> tuple[float, ...]:
        """Give a list of `count` numbers, or none where there are none or a fault was noted."""
        node = self._take(key)
        if node is None:
            return ()
        items = node.items if isinstance(node, Items) else []
        try:
            values = tuple(float(item.text) for item in items if isinstance(item, Scalar))
        except ValueError:
            values = ()
        if len(values) == len(items) == count:
            return values
        seen = ", ".join(item.text if isinstance(item, Scalar) else describe(item) for item in items)
        self.fault(key, f"saw [{seen}]" if items else f"saw {describe(node)}", expected)
        return ()

    def flag(self, key: str, default: bool | None = False) -> bool | None:  # noqa: FBT001, FBT002 - a default value
        """Give true or false, or the default where nothing is said."""
        node = self._take(key)
        if node is None:
            return default
        word = node.text.lower() if isinstance(node, Scalar) else ""
        if word not in _TRUE | _FALSE:
            self._wrong(key, node, "true or false")
            return default
        return word in _TRUE

    def texts(self, key: str, *, known: Collection[str] | None = None) -> tuple[str, ...]:
        """Give a list of texts; one text alone counts as a list of one. With `known`, each must be one of these."""
        node = self._take(key)
        if node is None:
            return ()
        if isinstance(node, Scalar):
            node = Items(node.line, [node])
        if not isinstance(node, Items):
            self._wrong(key, node, "a list of texts")
            return ()
        values: list[str] = []
        for item in node.items:
            value = item.text.strip() if isinstance(item, Scalar) and not item.none else ""
            if isinstance(item, Hole):
                continue
            if not value:
                self.findings.fault(self.file, item.line, self.field(key), f"saw {describe(item)}", expected="text")
            elif known is not None and value not in known:
                self._unknown(item.line, self.field(key), value, known)
            elif value in values:
                self.findings.warn(self.file, item.line, self.field(key), f"{value!r} stands there twice")
            else:
                values.append(value)
        return tuple(values)

    def by_language(self, key: str) -> dict[str, tuple[str, ...]]:
        """Give lists of texts by language code (BCP 47)."""
        section = self.section(key)
        if section is None:
            return {}
        found: dict[str, tuple[str, ...]] = {}
        for code in section.names():
            if not LANGUAGE.match(code):
                section.fault(code, f"saw {code!r}", "a language code, as in en, es or zh-Hant")
            found[code] = section.texts(code)
        return {code: texts for code, texts in found.items() if texts}

    def section(self, key: str, *, required: bool = False) -> "Section | None":
        """Give the mapping at `key`, or None where there is none."""
        node = self._take(key, required=required, expected="keys and values")
        if isinstance(node, Mapping):
            return Section(self.file, self.field(key), node, self.findings)
        self._wrong(key, node, "keys and values")
        return None

    def sections(self, key: str, *, required: bool = False) -> "Iterator[tuple[str, Section]]":
        """Give the mappings inside the mapping at `key`, by their names; `name:` with nothing after it is empty."""
        outer = self.section(key, required=required)
        if outer is None:
            return
        for name, node in outer.node.values.items():
            if isinstance(node, Mapping) or (isinstance(node, Scalar) and node.none):
                keys, values = (node.keys, node.values) if isinstance(node, Mapping) else ({}, {})
                inner = Mapping(outer.line(name), keys, values)
                yield name, Section(self.file, outer.field(name), inner, self.findings)
            else:
                outer._wrong(name, node, "keys and values")  # noqa: SLF001 - a section of the same file

    def listed(self, key: str) -> "list[Section]":
        """Give the mappings in the list at `key`."""
        node = self._take(key)
        if node is None:
            return []
        if not isinstance(node, Items):
            self._wrong(key, node, "a list")
            return []
        found = []
        for number, item in enumerate(node.items):
            at = f"{self.field(key)}[{number}]"
            if isinstance(item, Mapping):
                found.append(Section(self.file, at, item, self.findings))
            elif not isinstance(item, Hole):
                self.findings.fault(self.file, item.line, at, f"saw {describe(item)}", expected="keys and values")
        return found

    def unknown(self, key: str, value: str, known: Collection[str]) -> None:
        """Note that `value` at `key` refers to nothing that is there."""
        self._unknown(self.line(key), self.field(key), value, known)

    def done(self, *, secrets_outside: bool = False) -> None:
        """Name every key that nobody asked for."""
        for key in self.node.keys:
            if key in self._asked:
                continue
            remedy = did_you_mean(key, self._asked) or f"keys are {listed(self._asked)}"
            if secrets_outside and _SECRET.search(key):
                remedy = "addresses and secrets come from the environment, never from a city's files"
            self.fault(key, "unknown key", "", remedy)

    def _unknown(self, line: int, at: str, value: str, known: Collection[str]) -> None:
        remedy = did_you_mean(value, known)
        self.findings.fault(self.file, line, at, f"saw {value!r}", expected=f"one of {listed(known)}", remedy=remedy)

    def _take(self, key: str, *, required: bool = False, expected: str = "") -> Node | None:
        self._asked.append(key)
        node = self.node.values.get(key)
        if node is None or (isinstance(node, Scalar) and node.none):
            if required:
                seen = "is empty" if key in self.node.keys else "is missing"
                self.fault(key, seen, expected)
            return None
        return node

    def _wrong(self, key: str, node: Node | None, expected: str) -> None:
        if node is not None and not isinstance(node, Hole):
            self.fault(key, f"saw {describe(node)}", expected)
