"""Open reports, in columns and in cells: who may be compared with whom, and how like they are.

A report is filed under its family and under those that the classifier thought of as well: two are compared where one
family holds both, by the larger of the reaches of such families. So a mistake of the classifier hides no duplicate.
Compared with a report are, of each grid cell in reach of each family, the latest `per_cell` earlier reports that are
nobody's repeat. That bounds the work where thousands report one thing from one spot, and depends on the set of reports
alone. A repeat (the same words from the same place and person within one span of `RESENT_S`) has nothing to say that
the first of the span has not.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from math import inf, isnan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from services.incidents.drawers import Drawer, Entry, Filing
from services.incidents.links import Likeness
from services.incidents.pairs import FEATURES, apart, pairs_of, part_of
from services.incidents.seen import AT_ONE_PLACE, HERE, RECORD, Key, Reach, Seen, reading_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from services.incidents.pairs import Numbers, Pairs
    from services.incidents.scorer import Scorer

    Rows = NDArray[np.int64]

PER_CELL = 8
RESENT_S = 600.0
CROWD_S = 2 * 3600.0
"""How lately others of a crowd were reported."""
AT_ONCE = 20_000
"""Pairs compared at once: some 700 bytes each."""
GROWTH = 5
"""The table grows by a fifth: both copies are held while it does."""
NOBODY: Entry = (0.0, 0.0, "", -1)
"""Of a row that is free."""


class Crowding(NamedTuple):
    """An earlier report of the same category, near and lately made."""

    entry: Entry
    weight: float
    """1 at the same place, less with the distance."""
    person: int
    """Who said it; 0: nobody knows."""


class Compared(NamedTuple):
    """A report held against the earlier ones in reach: their entries, and in the same order how like they are."""

    others: list[Entry]
    scores: Numbers
    pairs: Pairs
    reaches: list[Reach]
    """Of the family that holds both."""
    crowd: Sequence[Crowding] = ()
    """Those of the same category that lie further off or not, but may be one of many with it."""

    @property
    def ids(self) -> list[str]:
        """The ids of the earlier ones, in the same order."""
        return [entry[2] for entry in self.others]


class _Part:
    """Reports to be held against others: of each run of rows in `others` for whom it is, by which reach, how many.

    `crowds` says within how many metres a run may be a crowd.
    """

    __slots__ = ("crowds", "families", "numbers", "others", "reaches", "sizes", "wanted")

    def __init__(self) -> None:
        self.wanted: list[Entry] = []
        self.families: list[str] = []
        self.others = array("I")
        self.numbers: list[int] = []
        self.reaches: list[Reach] = []
        self.crowds: list[float] = []
        self.sizes: list[int] = []


class Near:
    """The open reports of a town. `benchmarks.match` measures what each takes."""

    def __init__(self, reaches: Mapping[str, Reach], scorer: Scorer, per_cell: int = PER_CELL) -> None:
        self._reaches, self.scorer, self.per_cell = reaches, scorer, per_cell
        self.rows: dict[str, Entry] = {}
        self._have(np.zeros(64, RECORD))
        self._entries: list[Entry] = [NOBODY] * 64
        self._filed: list[Filing | None] = [None] * 64
        self._filings: dict[tuple[str, ...], Filing] = {}
        self._free = list(range(63, -1, -1))
        self._drawers: dict[str, Drawer] = {}
        self._alike: dict[int, Entry | list[Entry]] = {}
        """By the words' mark: who said them, in order; a list only where that is more than one."""

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, seen: Seen) -> None:
        """Take a report that is not known yet."""
        if not self._free:
            self._grow()
        row = self._free.pop()
        entry = (*seen.key, row)
        self._bytes[row * RECORD.itemsize : (row + 1) * RECORD.itemsize] = seen.record
        self._filed[row] = self._filing(seen.families)
        self._entries[row] = self.rows[seen.id] = entry
        if not seen.words:
            self._show(entry)
            return
        said = self._who_said(seen.words)
        place = bisect_left(said, entry)
        said.insert(place, entry)
        self._alike[seen.words] = said if len(said) > 1 else entry
        if not (place and _in_one_span(entry, said[place - 1])):
            self._show(entry)
        if place + 1 < len(said) and _in_one_span(said[place + 1], entry):
            self._hide(said[place + 1])

    def drop(self, request_id: str) -> None:
        """Let go of a report."""
        entry = self.rows.pop(request_id)
        row = entry[3]
        words = self._words.item(row)
        self._hide(entry)
        if words:
            said = self._who_said(words)
            place = bisect_left(said, entry)
            del said[place]
            if said:
                self._alike[words] = said if len(said) > 1 else said[0]
            else:
                del self._alike[words]
            after = said[place] if place < len(said) else None
            if after and _in_one_span(after, entry) and not (place and _in_one_span(after, said[place - 1])):
                self._show(after)
        self._entries[row] = NOBODY
        self._free.append(row)

    def place(self, request_id: str) -> tuple[float, float]:
        """Give where a report is, degrees."""
        return self._where(self.rows[request_id])

    def reading(self, request_id: str) -> bytes:
        """Give what was read out of a report's words."""
        return reading_in(self.table[self.rows[request_id][3]].tobytes())

    def repeated(self, request_id: str) -> Entry | None:
        """Give the last report in the same words from the same place and person, if it is `RESENT_S` old at most."""
        entry = self.rows[request_id]
        before = self._said_before(entry)
        return before if before and entry[0] - before[0] <= RESENT_S else None

    def hidden(self, request_id: str) -> bool:
        """Say whether a report is nothing but a repeat, which no other is held against."""
        entry = self.rows[request_id]
        before = self._said_before(entry)
        return before is not None and _in_one_span(entry, before)

    def later(self, request_id: str) -> Iterator[str]:
        """Give the later reports that are, or would be, held against this one: fewer than `per_cell` lie between.

        Those of the report that repeats this one too, which speaks for itself where this one is not there.
        """
        entry = self.rows[request_id]
        words = self._words.item(entry[3])
        if words:
            said = self._who_said(words)
            for after in said[(place := bisect_right(said, entry)) : place + 1]:
                yield after[2]
                yield from self._followers(after)
        yield from self._followers(entry)

    def reach(self, request_id: str) -> Reach:
        """Give the reach of a report's own family."""
        return self._filing_of(self.rows[request_id]).own

    def kept_s(self, families: Sequence[str]) -> float:
        """Give how long a report of such families may be compared with later ones, seconds."""
        return self._filing(tuple(families)).window_s

    def _followers(self, entry: Entry) -> Iterator[str]:
        latitude, longitude = self._where(entry)
        known = self._entries.__getitem__
        for drawer in self._filing_of(entry).drawers:
            own = drawer.cells.get(drawer.grid.cell(latitude, longitude), ())
            end = bisect_left(own, entry, key=known) + self.per_cell
            until: Key = (entry[0] + drawer.reach.window_s, inf, "")
            if end < len(own):
                until = min(until, known(own[end])[:3])
            for rows in drawer.around(latitude, longitude):
                for place in range(bisect_right(rows, entry, key=known), len(rows)):
                    after = known(rows[place])
                    if after[:3] > until:
                        break
                    yield after[2]

    def compared(self, wanted: Sequence[str]) -> Iterator[tuple[str, Compared]]:
        """Hold reports against the earlier ones in reach, many at once."""
        part = _Part()
        for request_id in wanted:
            self._gather(part, self.rows[request_id])
            if len(part.others) >= AT_ONCE:
                yield from self._compare(part)
                part = _Part()
        yield from self._compare(part)

    def pair(self, later: str, earlier: str) -> Compared:
        """Hold one report against one other, whether in reach or not."""
        one, two, reach = self.rows[later], self.rows[earlier], self.reach(later)
        radius, window = np.array([reach.radius_m]), np.array([reach.window_s])
        ones, twos = np.array([one[3]]), np.array([two[3]])
        pairs = pairs_of(self.table[ones], self.table[twos], self._apart(ones, twos), radius, window)
        return Compared([two], self.scorer.scores(pairs.values, [self._filing_of(one).family]), pairs, [reach])

    def likeness(self, compared: Compared, place: int) -> Likeness:
        """Give how like a report is to one of those it was held against, with the reasons."""
        pairs, values = compared.pairs, compared.pairs.values[place].tolist()
        alike = pairs.alike.item(place)
        flag = dict(zip(FEATURES, values, strict=True))
        told = flag["another street"] or flag["same street"]
        return Likeness(
            compared.others[place][2],
            compared.scores.item(place),
            round(pairs.metres.item(place), 1),
            round(pairs.seconds.item(place), 3),
            None if isnan(alike) else round(alike, 4),
            round(pairs.off.item(place), 1),
            round(pairs.other_category.item(place), 4),
            bool(flag["same category"]),
            bool(flag["same thing"]) if flag["same thing"] or flag["another thing"] else None,
            bool(flag["same address"]) if told else None,
            bool(flag["same person"]),
            tuple(self.scorer.reasons(values)),
        )

    def _compare(self, part: _Part) -> Iterator[tuple[str, Compared]]:
        entries = self._entries
        sizes = np.array(part.sizes, np.int64)
        number = np.repeat(np.array(part.numbers, np.int64), sizes)
        ones = np.array([entry[3] for entry in part.wanted], np.int64)[number]
        twos = np.frombuffer(part.others, np.uint32).astype(np.int64)
        which = np.repeat(np.arange(len(sizes)), sizes)
        radius, most_off, window = (
            np.array([(reach.radius_m, reach.most_off_m, reach.window_s) for reach in part.reaches])
            .reshape(-1, 3)[which]
            .T
        )
        metres, limit = self._apart(ones, twos), radius + self._most_off(ones, twos, most_off)
        crowd = np.array(part.crowds)[which]
        young = self._made[twos] >= self._made[ones] - window
        close = np.flatnonzero((metres <= crowd) & (crowd > 0) & young)
        close = close[self._of_a_crowd(ones[close], twos[close])] if close.size else close
        weights, people = np.exp(-((metres[close] / crowd[close]) ** 2)), self.table["reporter"][twos[close]]
        told = zip(close.tolist(), number[close].tolist(), weights.tolist(), people.tolist(), strict=True)
        crowds: dict[int, list[Crowding]] = {}
        for at, place, weight, person in told:
            crowds.setdefault(place, []).append(Crowding(entries[part.others[at]], round(weight, 4), person))
        kept = np.flatnonzero((metres <= limit) & young)
        # Two that share several families stand in each: the first of them has the largest radius.
        _, first = np.unique(number[kept] << 32 | twos[kept], return_index=True)
        kept = kept[np.sort(first)]
        pairs = pairs_of(self.table[ones[kept]], self.table[twos[kept]], metres[kept], radius[kept], window[kept])
        scores = self.scorer.scores(pairs.values, [part.families[each] for each in number[kept].tolist()])
        others = [entries[row] for row in twos[kept].tolist()]
        reaches = [part.reaches[each] for each in which[kept].tolist()]
        at = 0
        counts = np.bincount(number[kept], minlength=len(part.wanted)).tolist()
        for place, (entry, size) in enumerate(zip(part.wanted, counts, strict=True)):
            share = slice(at, at + size)
            held = others[share], scores[share], part_of(pairs, share), reaches[share]
            yield entry[2], Compared(*held, crowds.get(place, ()))
            at += size

    def _apart(self, ones: Rows, twos: Rows) -> Numbers:
        lat, lon = self._latitudes, self._longitudes
        return apart(lat[ones], lon[ones], lat[twos], lon[twos])

    def _most_off(self, ones: Rows, twos: Rows, most_off: Numbers) -> Numbers:
        """Give by how much pairs may be further apart than their radius: the rest need not be compared in full."""
        off = self.table["off"]
        both = np.hypot(off[ones].astype(np.float64), off[twos].astype(np.float64))
        return np.minimum(both, most_off)

    def _of_a_crowd(self, ones: Rows, twos: Rows) -> NDArray[np.bool_]:
        """Say of each pair, whose places are near, whether one outage may have been told of by two people."""
        one, two = self.table[ones], self.table[twos]
        lately = one["made"] - two["made"] <= CROWD_S
        others = (one["reporter"] != two["reporter"]) | (one["reporter"] == 0)
        placed = ~(one["vague"] | two["vague"])
        alike: NDArray[np.bool_] = lately & others & placed & (one["codes"][:, 0] == two["codes"][:, 0])
        return alike

    def _gather(self, part: _Part, entry: Entry) -> None:
        """Gather the earlier reports in the cells in reach that are nobody's repeat."""
        latitude, longitude = self._where(entry)
        filing = self._filing_of(entry)
        others, number = part.others, len(part.wanted)
        made, known, at = self._made.item, self._entries.__getitem__, entry[0]
        part.wanted.append(entry)
        part.families.append(filing.family)
        for drawer in filing.drawers:
            before = len(others)
            for rows in drawer.around(latitude, longitude):
                end = len(rows) if made(rows[-1]) < at else bisect_left(rows, entry, key=known)
                others += rows[max(0, end - self.per_cell) : end]
            if len(others) > before:
                part.numbers.append(number)
                part.reaches.append(drawer.reach)
                # What the classifier thought of as well widens what is compared, but says nothing of an outage.
                part.crowds.append(drawer.reach.crowd_m if drawer is self._drawers[filing.family] else 0.0)
                part.sizes.append(len(others) - before)

    def _said_before(self, entry: Entry) -> Entry | None:
        words = self._words.item(entry[3])
        if not words:
            return None
        said = self._who_said(words)
        place = bisect_left(said, entry)
        return said[place - 1] if place else None

    def _who_said(self, words: int) -> list[Entry]:
        said = self._alike.get(words, [])
        return said if isinstance(said, list) else [said]

    def _filing_of(self, entry: Entry) -> Filing:
        filing = self._filed[entry[3]]
        assert filing is not None  # noqa: S101 - every row in use has one
        return filing

    def _filing(self, families: tuple[str, ...]) -> Filing:
        """Give where reports of such families are filed; one of which nothing is linked is not in `HERE` either."""
        filing = self._filings.get(families)
        if filing is None:
            own = self._drawer(families[0]).reach
            drawers = [self._drawer(family) for family in families if family != HERE or own.radius_m]
            compared = sorted((each for each in drawers if each.reach.radius_m), key=lambda each: -each.reach.radius_m)
            window_s = max(each.reach.window_s for each in drawers)
            filing = self._filings[families] = Filing(families[0], own, tuple(compared), window_s)
        return filing

    def _drawer(self, family: str) -> Drawer:
        drawer = self._drawers.get(family)
        if drawer is None:
            ordinary = AT_ONE_PLACE if family == HERE else Reach()
            drawer = self._drawers[family] = Drawer(self._reaches.get(family, ordinary), self._entries)
        return drawer

    def _where(self, entry: Entry) -> tuple[float, float]:
        return self._latitudes.item(entry[3]), self._longitudes.item(entry[3])

    def _show(self, entry: Entry) -> None:
        latitude, longitude = self._where(entry)
        for drawer in self._filing_of(entry).drawers:
            drawer.show(entry, latitude, longitude)

    def _hide(self, entry: Entry) -> None:
        latitude, longitude = self._where(entry)
        for drawer in self._filing_of(entry).drawers:
            drawer.hide(entry, latitude, longitude)

    def _grow(self) -> None:
        size = len(self.table)
        more = max(size // GROWTH, 64)
        table = np.zeros(size + more, RECORD)  # what is not in use of it takes no memory yet
        table[:size] = self.table
        self._have(table)
        self._entries += [NOBODY] * more
        self._filed += [None] * more
        self._free = list(range(size + more - 1, size - 1, -1))

    def _have(self, table: NDArray[np.void]) -> None:
        self.table, self._bytes = table, table.view(np.uint8).data
        self._latitudes, self._longitudes = table["latitude"], table["longitude"]
        self._made, self._words = table["made"], table["words"]


def _in_one_span(entry: Entry, before: Entry) -> bool:
    """Say whether both were made in one span of the clock: who never stops repeating is seen once in each."""
    return entry[0] // RESENT_S == before[0] // RESENT_S
