"""What the sandbox CRM has on record, and the journal that makes its word survive a kill.

The rules are those of systems of record with an external id (Salesforce calls it upsert): one case per external
reference unless somebody creates twice without it, and an older version never overwrites a newer one.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Result = Literal["created", "updated", "unchanged", "stale", "ambiguous"]


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line of the journal: a create or an update that was accepted."""

    ref: str
    id: str
    version: int
    at: str
    """ISO 8601 with offset: when it was accepted."""
    key: str
    """The Idempotency-Key it came with."""
    case: dict[str, Any]


class Kept(Struct):
    """One record of the CRM."""

    ref: str
    id: str
    version: int
    case: dict[str, Any]
    versions: list[int]
    """Every version accepted, in the order of acceptance."""
    created_at: str
    updated_at: str
    keys: list[str]
    """The different idempotency keys that it was written with."""
    departments: list[str]
    """The different departments that it was written for."""
    unchanged: int = 0
    """How often a version came that was already here."""


class Line(Struct, frozen=True):
    """What the book says of one external reference."""

    ref: str
    ids: tuple[str, ...]
    records: int
    """1 where every client behaved; more means a duplicate."""
    version: int
    versions: tuple[int, ...]
    created_at: str
    updated_at: str
    keys: int
    unchanged: int
    department: str
    departments: int
    """How many different ones it was written for. More keys than these mean a client that makes them up."""


class Book:
    """All records, in memory, and on disk where `journal` is given.

    What `upsert` and `create` return may be told to the client only after `flush`: then it survives a kill of this
    process (not a power cut: nothing is fsynced).
    """

    def __init__(self, journal: Path | None = None) -> None:
        self._records: dict[str, list[Kept]] = {}
        self._number = 0
        self._encoder = msgspec.json.Encoder()
        self._journal: IO[bytes] | None = None
        self._pending = bytearray()
        if journal is not None:
            self._rebuild(journal)
            self._journal = journal.open("ab")

    def __len__(self) -> int:
        """Count the references, not the records."""
        return len(self._records)

    def find(self, ref: str) -> list[Kept]:
        """Give the records of a reference: none, one, or more where somebody created twice."""
        return self._records.get(ref, [])

    def upsert(self, ref: str, version: int, case: dict[str, Any], *, key: str, at: str) -> tuple[Result, Kept | None]:
        """Create the case, update it, or leave it where `version` is already here or `stale`."""
        found = self._records.get(ref)
        if not found:
            return self.create(ref, version, case, key=key, at=at)
        if len(found) > 1:
            return "ambiguous", None
        kept = found[0]
        if version < kept.version:
            return "stale", kept
        _add(kept.keys, key)
        _add(kept.departments, _department(case))
        if version == kept.version:
            kept.unchanged += 1
            return "unchanged", kept
        self._write(Entry(ref, kept.id, version, at, key, case))
        return "updated", kept

    def create(self, ref: str, version: int, case: dict[str, Any], *, key: str, at: str) -> tuple[Result, Kept]:
        """Create a record whatever is already here: the second one of a reference is a duplicate, and shows."""
        self._number += 1
        entry = Entry(ref, f"CRM-{self._number:06d}", version, at, key, case)
        self._write(entry)
        return "created", self._records[ref][-1]

    def flush(self) -> None:
        """Hand all that was accepted since the last flush to the operating system."""
        if self._journal is not None and self._pending:
            self._journal.write(self._pending)
            self._journal.flush()
        self._pending.clear()

    def close(self) -> None:
        """Flush and let go of the journal."""
        self.flush()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def page(self, department: str, number: int, size: int) -> list[Kept]:
        """Give a page of the cases of a department (all, if empty), by order of creation; pages count from 1."""
        every = (kept for found in self._records.values() for kept in found)
        mine = [kept for kept in every if not department or kept.case.get("department") == department]
        return mine[(number - 1) * size : number * size]

    def lines(self) -> Iterator[Line]:
        """Give one line for each reference."""
        for ref, found in self._records.items():
            newest = max(found, key=lambda kept: kept.version)
            yield Line(
                ref=ref,
                ids=tuple(kept.id for kept in found),
                records=len(found),
                version=newest.version,
                versions=tuple(version for kept in found for version in kept.versions),
                created_at=found[0].created_at,
                updated_at=newest.updated_at,
                keys=len({key for kept in found for key in kept.keys}),
                unchanged=sum(kept.unchanged for kept in found),
                department=str(newest.case.get("department", "")),
                departments=len({name for kept in found for name in kept.departments}),
            )

    def _write(self, entry: Entry) -> None:
        self._take(entry)
        if self._journal is not None:
            self._pending += self._encoder.encode(entry) + b"\n"

    def _take(self, entry: Entry) -> None:
        found = self._records.setdefault(entry.ref, [])
        for kept in found:
            if kept.id == entry.id:
                kept.version, kept.case, kept.updated_at = entry.version, entry.case, entry.at
                kept.versions.append(entry.version)
                _add(kept.keys, entry.key)
                _add(kept.departments, _department(entry.case))
                return
        kept = Kept(entry.ref, entry.id, entry.version, entry.case, [entry.version], entry.at, entry.at, [], [])
        _add(kept.keys, entry.key)
        _add(kept.departments, _department(entry.case))
        found.append(kept)

    def _rebuild(self, path: Path) -> None:
        """Read the journal; a torn last line was never acknowledged, so it is cut off."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return
        whole = 0
        for entry, end in _entries(path):
            self._take(entry)
            self._number = max(self._number, int(entry.id.removeprefix("CRM-")))
            whole = end
        if whole < path.stat().st_size:
            os.truncate(path, whole)


def _add(known: list[str], name: str) -> None:
    if name and name not in known:
        known.append(name)


def _department(case: dict[str, Any]) -> str:
    return str(case.get("department", ""))


def _entries(path: Path) -> Iterable[tuple[Entry, int]]:
    """Give each whole line's entry and where it ends.

    Raises:
        ValueError: a line before the last is broken, so the file is not a journal of ours.

    """
    decoder = msgspec.json.Decoder(Entry)
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            end += len(line)
            try:
                yield decoder.decode(line), end
            except msgspec.MsgspecError as error:
                message = (
                    f"the sandbox CRM cannot read line {number} of its journal {path}: {error}; move the file away"
                )
                raise ValueError(message) from error
