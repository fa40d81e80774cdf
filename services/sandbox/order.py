"""Whether order was kept: what a run may never do to the order of records, however it was disturbed.

* A key stays on one partition of its topic, and what belongs together on partitions of one number: a case and its
  delivery, a routed report and what `match` and `prioritize` say of it.
* What came from one partition and went to one partition went in order, at every hop from `receive` to `decide`.
  Requests of one key share both partitions, so this holds for each key.
* Revisions of a request are said in order, each once, none left out.

A few numbers are kept for each request (`accounts`), so a million of them can be followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from services.sandbox.accounts import (
    DECIDED,
    MATCHED,
    OFFSET_BITS,
    PRIORITIZED,
    ROUTED,
    STAGES,
    UNKNOWN,
    Accounts,
    Revised,
)

SHOWN: Final = 100
"""How many violations of a kind are kept word for word; the rest is counted."""

What = Literal["moved", "overtook", "went back", "left out"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of order."""

    what: What
    where: str
    """A topic, or a hop such as `routed -> matched`."""
    request: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.request} {self.what} on {self.where}{f': {self.detail}' if self.detail else ''}"


class Order:
    """Is told of every record, those of one partition in order; says what was out of order."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._places: dict[tuple[str, int], int] = {}
        self._partitions: list[int] = []
        self._keys: dict[tuple[str, bytes], int] = {}
        self._seen: list[Violation] = []
        self.more = 0
        """Violations beyond those that are kept."""

    def place(self, topic: str, partition: int) -> int:
        """Give the number of a partition of a topic."""
        number = self._places.get((topic, partition))
        if number is None:
            number = self._places[topic, partition] = len(self._partitions)
            self._partitions.append(partition)
        return number

    def keyed(self, topic: str, partition: int, key: bytes | None, row: int) -> None:
        """Take a record of a topic with few keys."""
        known = self._keys.setdefault((topic, key or b""), partition)
        if known != partition:
            self._note("moved", topic, row, f"key {key!r} was on partition {known} and is on {partition}")

    def stand(self, stage: int, row: int, topic: str, partition: int, offset: int) -> None:
        """Take a record of a stage; for `DECIDED`, of revision 1."""
        number = self.place(topic, partition)
        stood = self._accounts.stand(stage, row, number, offset)
        if stood != number and stage != DECIDED:
            self._note("moved", topic, row, f"was on partition {self._partitions[stood]} and is on {partition}")
        if stage in {MATCHED, PRIORITIZED}:
            routed = self._accounts.first[ROUTED][row]
            if routed >= 0 and self._partitions[routed >> OFFSET_BITS] != partition:
                self._note("moved", topic, row, f"routed to another partition than {partition}")

    def case(self, row: int, topic: str, partition: int) -> None:
        """Take a record of a case or of a delivery, which share partition numbers."""
        column = self._accounts.case_partition
        if column[row] == UNKNOWN:
            column[row] = partition
        elif column[row] != partition:
            self._note("moved", topic, row, f"was on partition {column[row]} and is on {partition}")

    def back(self, topic: str, row: int, revision: int) -> None:
        """Take note of a revision that came after a higher one."""
        self._note("went back", topic, row, f"to revision {revision}")

    def violations(self) -> list[Violation]:
        """Give what was out of order so far; `left out` and `overtook` are to be asked for when all has been read."""
        found = list(self._seen)
        for before, after in pairwise(range(len(STAGES))):
            found += self._overtaken(before, after)
        for what in ("matched", "prioritized"):
            found += self._left_out(what)
        return found

    def _overtaken(self, before: int, after: int) -> list[Violation]:
        start, end = (np.array(self._accounts.first[stage]) for stage in (before, after))
        rows = np.flatnonzero((start >= 0) & (end >= 0))
        start, end = start[rows], end[rows]
        ways = (start >> OFFSET_BITS) * (len(self._partitions) + 1) + (end >> OFFSET_BITS)
        order = np.lexsort((end, ways))
        start, ways, rows = start[order], ways[order], rows[order]
        wrong = np.flatnonzero((ways[1:] == ways[:-1]) & (start[1:] < start[:-1])) + 1
        self.more += max(0, len(wrong) - SHOWN)
        return [
            Violation(
                "overtook",
                f"{STAGES[before]} -> {STAGES[after]}",
                self._name(int(rows[each - 1])),
                f"{self._name(int(rows[each]))}, which came before it",
            )
            for each in wrong[:SHOWN]
        ]

    def _left_out(self, what: Revised) -> list[Violation]:
        masks = np.array(self._accounts.revisions[what])
        doubtful = [
            int(row)
            for row in np.flatnonzero((masks & (masks + np.uint64(2))) | masks & np.uint64(1) | masks >> np.uint64(62))
        ]
        wrong = [row for row in doubtful if self._accounts.gaps(what, row)]
        self.more += max(0, len(wrong) - SHOWN)
        newest = self._accounts.newest
        return [
            Violation("left out", what, self._name(row), f"a revision before {newest(what, row)}")
            for row in wrong[:SHOWN]
        ]

    def _name(self, row: int) -> str:
        return self._accounts.name(row)

    def _note(self, what: What, where: str, row: int, detail: str) -> None:
        if len(self._seen) < SHOWN:
            self._seen.append(Violation(what, where, self._name(row), detail))
        else:
            self.more += 1
