"""Bytes in, lines out: as they come, none longer than a limit, and a sign when no more are there for now."""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

CHUNK: Final = 1 << 18
LONGEST: Final = 4 << 20
"""Bytes of a line or element that are held; a longer one is skipped to its end, and said to be too long."""
BOM: Final = b"\xef\xbb\xbf"
PATIENCE_S: Final = 0.02
"""How long a batch waits for more lines before it goes as it is."""

_TOKENS: Final = re.compile(rb'["\\{}\[\],]')


class Line(NamedTuple):
    """A line or element, counted from 1; `content` is None if it was too long to be held."""

    number: int
    content: bytes | None


PAUSE: Final = Line(0, b"")
"""Stands between lines where no more are there just now: what was read so far should be answered."""


class Stream(Protocol):
    """What is read from: standard input, or a file opened as bytes."""

    def read1(self, size: int, /) -> bytes:
        """Give what is there, at least one byte; none at the end."""


class Feed:
    """The input, cut into lines or elements. Read it once, by one of its ways."""

    def __init__(self, stream: Stream, longest: int = LONGEST) -> None:
        self._stream = stream
        self._longest = longest
        self._ready = _readiness(stream)
        self._first: list[bytes] = []

    def head(self) -> bytes:
        """Give the beginning of the input, up to where something in it is not blank; takes nothing."""
        head = b"".join(self._first)
        while len(head) < CHUNK and (BOM.startswith(head) or not head.removeprefix(BOM).strip()):
            chunk = self._stream.read1(CHUNK)
            if not chunk:
                break
            self._first.append(chunk)
            head += chunk
        return head.removeprefix(BOM)

    def lines(self) -> Iterator[Line]:
        """Give each line without its end, LF or CR LF; or CR alone where the beginning has no LF."""
        head = self.head()
        end = b"\r" if b"\n" not in head and b"\r" in head[:-1] else b"\n"
        number, rest, skipping = 0, b"", False
        for chunk in self._chunks():
            if chunk is None:
                yield PAUSE
                continue
            parts = (rest + chunk).split(end)
            rest = parts.pop()
            for part in parts:
                number += 1
                yield Line(number, None if skipping or len(part) > self._longest else part.removesuffix(b"\r"))
                skipping = False
            if len(rest) > self._longest:
                rest, skipping = b"", True
        if rest or skipping:
            yield Line(number + 1, None if skipping else rest.removesuffix(b"\r"))

    def elements(self) -> Iterator[Line]:
        """Give each element of the JSON array that the input is; what an element holds is not looked at.

        Of an array that ends too early, the last element is what is left of it.
        """
        scanner = _Scanner(self._longest)
        for chunk in self._chunks():
            if chunk is None:
                yield PAUSE
                continue
            yield from scanner.scan(chunk)
            if scanner.done:
                return
        yield from scanner.rest()

    def _chunks(self) -> Iterator[bytes | None]:
        if self._first:
            yield self.head()
        while True:
            if not self._ready():
                yield None
            chunk = self._stream.read1(CHUNK)
            if not chunk:
                return
            yield chunk


class _Scanner:
    """Where in an array we are: how deep, and whether inside a string."""

    def __init__(self, longest: int) -> None:
        self.done = False
        self._longest = longest
        self._parts: list[bytes] = []
        self._held = 0
        self._depth = 0
        self._number = 0
        self._in_string = False
        self._escaped = False

    def scan(self, chunk: bytes) -> Iterator[Line]:  # noqa: C901 - one branch for each sign of JSON's grammar
        """Give the elements that end in a chunk."""
        start = 0
        skip_to = 1 if self._escaped else 0
        self._escaped = False
        for found in _TOKENS.finditer(chunk):
            place, token = found.start(), found.group()
            if place < skip_to:
                continue
            if self._in_string:
                if token == b"\\":
                    skip_to = place + 2
                    self._escaped = skip_to > len(chunk)
                elif token == b'"':
                    self._in_string = False
            elif token == b'"':
                self._in_string = True
            elif token in b"{[":
                self._depth += 1
                if self._depth == 1:
                    start = place + 1
            elif token == b",":
                if self._depth == 1:
                    self._keep(chunk[start:place])
                    start = place + 1
                    yield from self.rest()
            else:
                self._depth -= 1
                if self._depth <= 0:
                    self._keep(chunk[start:place])
                    yield from self.rest()
                    self.done = True
                    return
        self._keep(chunk[start:])

    def rest(self) -> Iterator[Line]:
        """Give what was kept as one element; an empty one only where a comma stood before nothing."""
        content = None if self._held > self._longest else b"".join(self._parts).strip()
        self._parts, self._held = [], 0
        if content != b"":
            self._number += 1
            yield Line(self._number, content)

    def _keep(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > self._longest:
            self._parts = []
        else:
            self._parts.append(part)


def _readiness(stream: Stream) -> Callable[[], bool]:
    """Give how to ask whether there is more to read now; where that cannot be asked, there always is."""
    try:
        number = stream.fileno()  # type: ignore[attr-defined]
        select.select([number], [], [], 0)
    except (AttributeError, OSError, ValueError):
        return lambda: True
    return lambda: bool(select.select([number], [], [], PATIENCE_S)[0])
