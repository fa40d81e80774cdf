"""A YAML file of a town as a tree of values that know their lines.

Built from PyYAML's events rather than its objects: a town's file is plain data, so that aliases, tags, endless nesting
and keys said twice are faults with a line, `01` stays `01`, and `no` is the language code it was meant to be.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from services.city.findings import Findings

MAX_BYTES = 16_000_000
MAX_DEPTH = 12
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NULLS = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value as it was written; `none` when nothing was."""

    line: int
    text: str
    none: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    items: "list[Node]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with the line each stands on, and their values, in the file's order."""

    line: int
    keys: dict[str, int] = field(default_factory=dict)
    values: "dict[str, Node]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hole:
    """Where something stood that has been reported already; readers pass over it."""

    line: int


Node = Scalar | Items | Mapping | Hole


class _BrokenError(Exception):
    """The file cannot be read further; the fault is noted."""


def parse(file: str, raw: bytes, findings: Findings) -> Mapping | None:
    """Read the bytes of `file` (the name that findings carry); None, with a fault noted, if they are no mapping."""
    try:
        text = _decode(file, raw, findings)
        root = _Builder(file, findings).build(text)
    except _BrokenError:
        return None
    if root is None or (isinstance(root, Scalar) and root.none):
        remedy = "compare the city that Stormdrain ships"
        findings.fault(file, 1, "", "the file is empty", expected="keys and values", remedy=remedy)
        return None
    if isinstance(root, Hole):
        return None
    if not isinstance(root, Mapping):
        seen = f"saw {describe(root)}"
        findings.fault(file, root.line, "", seen, expected="keys and values, as in `name: Port Alder`")
        return None
    return root


def describe(node: Node) -> str:
    """Say what stands there, for a fault."""
    match node:
        case Scalar(none=True):
            return "nothing"
        case Scalar():
            return repr(node.text if len(node.text) <= 60 else node.text[:57] + "...")  # noqa: PLR2004 - fits a line
        case Items():
            return "a list"
        case _:
            return "keys and values"


def _decode(file: str, raw: bytes, findings: Findings) -> str:
    if len(raw) > MAX_BYTES:
        seen, expected = f"{len(raw):,} bytes", f"at most {MAX_BYTES:,}"
        findings.fault(file, 1, "", seen, expected=expected, remedy="keep data elsewhere")
        raise _BrokenError
    control = _CONTROL.search(raw)
    if control:
        line = raw.count(b"\n", 0, control.start()) + 1
        seen = f"control character 0x{control.group()[0]:02x}"
        remedy = "delete it, or save the file again as plain UTF-8 text"
        findings.fault(file, line, "", seen, expected="text", remedy=remedy)
        raise _BrokenError
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        seen = f"byte 0x{raw[error.start]:02x}"
        findings.fault(file, line, "", seen, expected="UTF-8 text", remedy="save the file as UTF-8")
        raise _BrokenError from None


class _Builder:
    def __init__(self, file: str, findings: Findings) -> None:
        self.file = file
        self.findings = findings
        self.events: Iterator[Any] = iter(())

    def build(self, text: str) -> Node | None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self.events = iter(yaml.parse(text, Loader=loader))
        root: Node | None = None
        documents = 0
        try:
            for event in self.events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._stop(event, "a second document (`---`)", "one document", "make it a file of its own")
                elif isinstance(event, yaml.NodeEvent):
                    root = self._node(event, 0)
        except yaml.YAMLError as error:
            self._syntax(error, text)
        return root

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - PyYAML is untyped
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self._fault(line, f"alias *{event.anchor}", "the value itself", "write it out; aliases are not read")
            return Hole(line)
        if depth > MAX_DEPTH:
            self._stop(event, f"more than {MAX_DEPTH} levels inside each other", "plain keys, values and lists", "")
        if event.tag not in (None, "!"):
            self._fault(line, f"tag {event.tag}", "a value without a tag", "delete the tag")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(line, event.value, none=bool(event.implicit[0]) and event.value in _NULLS)
        if isinstance(event, yaml.SequenceStartEvent):
            items = Items(line)
            while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
                items.items.append(self._node(inner, depth + 1))
            return items
        return self._mapping(line, depth)

    def _mapping(self, line: int, depth: int) -> Mapping:
        mapping = Mapping(line)
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self.events), depth + 1)
            if isinstance(key, Hole):
                continue
            if not isinstance(key, Scalar) or key.none:
                self._fault(key.line, f"{describe(key)} as a key", "a word")
            elif key.text in mapping.keys:
                seen = f"key {key.text!r} stands also in line {mapping.keys[key.text]}"
                self._fault(key.line, seen, "each key once", "delete one of them")
            else:
                mapping.keys[key.text] = key.line
                mapping.values[key.text] = value
        return mapping

    def _stop(self, event: Any, seen: str, expected: str, remedy: str) -> None:  # noqa: ANN401 - PyYAML is untyped
        self._fault(event.start_mark.line + 1, seen, expected, remedy)
        raise _BrokenError

    def _fault(self, line: int, seen: str, expected: str, remedy: str = "") -> None:
        self.findings.fault(self.file, line, "", seen, expected=expected, remedy=remedy)

    def _syntax(self, error: yaml.YAMLError, text: str) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        line = mark.line + 1 if mark else 1
        lines = text.splitlines()
        tab = line <= len(lines) and "\t" in lines[line - 1]
        remedy = "indent with spaces, not tabs" if tab else "look at this line and the one before it"
        self._fault(line, f"not YAML ({problem})", "YAML", remedy)
        raise _BrokenError
