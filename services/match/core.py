"""Which reports of one family are one incident: a function of the set of reports, whatever order they came in.

Reports are ordered by when they were made, then by id. Each links to the earlier report it is most like, if it is
like enough; an `automatic` link joins the incident of that report, a `suggestion` joins nothing. So the links form
trees, and an incident is named after the root of its tree.

Compared are, of each grid cell in reach, the latest `PER_CELL` earlier reports. That bounds the work where thousands
report one thing from one spot, and depends on the set alone.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left, insort
from functools import lru_cache
from heapq import heapify, heappop, heappush
from math import asin, cos, degrees, floor, radians, sin, sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct

from services.city.earth import EARTH_M, METRES_PER_DEGREE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PER_CELL = 16
MOST_CANDIDATES = 3
"""How many reports that did not become the link a link names, the likest first."""
SHAPE_BITS = 1024
UNSAID = 0.5
"""The similarity of texts of which one is empty: it speaks neither for nor against."""
NEAR, SOON, SAID, SAME = 0.45, 0.15, 0.30, 0.10
"""What place, time, words and the very same category weigh. They add up to 1."""

Key = tuple[float, str]
"""When a report was made, in seconds since 1970, and its id: the order of reports."""
Band = Literal["none", "suggestion", "automatic"]


class Bands(Struct, frozen=True):
    """From which score a link is suggested, and from which it is made."""

    suggestion: float = 0.6
    automatic: float = 0.8


class Reach(Struct, frozen=True):
    """How near in place and time two reports of a family must be.

    What their places may be off widens the radius, and at most doubles it. A radius of 0 links nothing.
    """

    radius_m: float = 50.0
    window_s: float = 72 * 3600.0


class Seen(Struct, frozen=True, gc=False):
    """What of a report is compared."""

    key: Key
    service_code: str
    latitude: float
    longitude: float
    radius_m: float
    vague: bool
    """Known to its ZIP code only: never linked without a person."""
    shape: int
    """See `shape_of`."""

    @property
    def id(self) -> str:
        """The request id."""
        return self.key[1]


class Likeness(NamedTuple):
    """How like two reports are. Sorts by what makes the better link: the score, then the earlier report."""

    score: float
    distance_m: float
    elapsed_s: float
    text: float
    same_code: bool
    other: Key


class Link(Struct, frozen=True, gc=False):
    """Where a report stands. `likeness` is None where none was near, or where an older link still holds."""

    incident: str
    duplicate_of: str | None = None
    band: Band = "none"
    likeness: Likeness | None = None
    lost: tuple[Likeness, ...] = ()

    def says_the_same(self, other: Link | None) -> bool:
        """Say whether two links differ in nothing that anybody acts on."""
        return other is not None and (self.duplicate_of, self.band, self.incident) == (
            other.duplicate_of,
            other.band,
            other.incident,
        )


_WORDS = re.compile(r"[\W_]+")


@lru_cache(maxsize=4096)  # it is asked twice of each report: when it is compared, and when it is remembered
def shape_of(text: str) -> int:
    """Give the character trigrams of a text, each hashed to one of `SHAPE_BITS` bits; 0 for a text without letters.

    The same on every machine and in every release.
    """
    words = _WORDS.sub(" ", text.casefold()).strip()
    if not words:
        return 0
    padded = f" {words} ".encode("utf-32-le")
    bits = 0
    for start in range(0, len(padded) - 8, 4):
        bits |= 1 << (zlib.crc32(padded[start : start + 12]) & (SHAPE_BITS - 1))
    return bits


def similarity(one: int, two: int) -> float:
    """Give how like two texts are by their shapes, 0 to 1: the correlation (phi) of their bits.

    Unlike plain overlap it takes off what two long texts share by chance. `UNSAID` if either is empty.
    """
    if not one or not two:
        return UNSAID
    if one == two:
        return 1.0
    ones, twos, both = one.bit_count(), two.bit_count(), (one & two).bit_count()
    spread = ones * (SHAPE_BITS - ones) * twos * (SHAPE_BITS - twos)
    return max(0.0, (SHAPE_BITS * both - ones * twos) / sqrt(spread)) if spread else 0.0


def metres(one: Seen, two: Seen) -> float:
    """Give the distance along a great circle (haversine)."""
    north, east = radians(two.latitude - one.latitude) / 2, radians(two.longitude - one.longitude) / 2
    chord = sin(north) ** 2 + cos(radians(one.latitude)) * cos(radians(two.latitude)) * sin(east) ** 2
    return 2 * EARTH_M * asin(min(1.0, sqrt(chord)))


def compare(seen: Seen, earlier: Seen, reach: Reach, bands: Bands) -> Likeness | None:
    """Give how like a report is to an earlier one; None if it is out of reach.

    Nearness falls off with the square of the distance, freshness with time, both to 0 at the end of the reach.
    Where a place is known to its ZIP code only, or two places may be further off than the family's radius, the
    score stays below the automatic band: such a distance says too little.
    """
    elapsed = seen.key[0] - earlier.key[0]
    if elapsed > reach.window_s or not reach.radius_m:
        return None
    off = seen.radius_m + earlier.radius_m
    limit = reach.radius_m + min(off, reach.radius_m)
    if abs(seen.latitude - earlier.latitude) * METRES_PER_DEGREE > limit:
        return None
    distance = metres(seen, earlier)
    if distance > limit:
        return None
    text = similarity(seen.shape, earlier.shape)
    same = seen.service_code == earlier.service_code
    near = 1 - (distance / limit) ** 2
    soon = 1 - elapsed / reach.window_s if reach.window_s else 1.0
    score = round(NEAR * near + SOON * soon + SAID * text + SAME * same, 4)
    if (seen.vague or earlier.vague or off > reach.radius_m) and score >= bands.automatic:
        score = round(bands.automatic - 0.0001, 4)
    return Likeness(score, round(distance, 1), round(elapsed, 3), round(text, 4), same, earlier.key)


class Grid:
    """Cells of the globe about `cell_m` metres wide: rows of latitude, each cut into whole columns."""

    def __init__(self, cell_m: float) -> None:
        self._step = max(cell_m, 1.0) / METRES_PER_DEGREE
        self._columns = lru_cache(maxsize=4096)(self._count)

    def cell(self, latitude: float, longitude: float) -> tuple[int, int]:
        """Give the cell of a place."""
        row = floor(latitude / self._step)
        columns = self._columns(row)
        return row, floor((longitude + 180) / 360 * columns) % columns

    def around(self, latitude: float, longitude: float, reach_m: float) -> list[tuple[int, int]]:
        """Give every cell that a place within `reach_m` metres can be in, each once."""
        reach = reach_m / METRES_PER_DEGREE * 1.001 + 1e-9
        top = abs(latitude) + reach
        width = 180.0 if top >= 90 else degrees(asin(min(1.0, sin(radians(reach)) / cos(radians(latitude)))))  # noqa: PLR2004 - the pole
        cells: list[tuple[int, int]] = []
        for row in range(floor((latitude - reach) / self._step), floor((latitude + reach) / self._step) + 1):
            columns = self._columns(row)
            first = floor((longitude - width + 180) / 360 * columns)
            last = floor((longitude + width + 180) / 360 * columns)
            cells += [(row, column % columns) for column in range(first, min(last, first + columns - 1) + 1)]
        return cells

    def _count(self, row: int) -> int:
        middle = (row + 0.5) * self._step
        return max(1, floor(360 * cos(radians(middle)) / self._step)) if abs(middle) < 90 else 1  # noqa: PLR2004


class Incidents:
    """The open reports of one family and how they hang together. `settle` looks, `take` and `expire` change."""

    def __init__(
        self, reach: Reach, bands: Bands, lateness_s: float, per_cell: int = PER_CELL, at_most: int = 200_000
    ) -> None:
        self.reach, self.bands, self.per_cell, self.at_most = reach, bands, per_cell, at_most
        self._kept_s = reach.window_s + lateness_s
        self._grid = Grid(reach.radius_m)
        self.reports: dict[str, Seen] = {}
        self._links: dict[str, Link] = {}
        self.cells: dict[tuple[int, int], list[Key]] = {}
        self._children: dict[str, set[str]] = {}
        self._ages: list[Key] = []
        self._newest = float("-inf")

    def __len__(self) -> int:
        return len(self.reports)

    def __contains__(self, request_id: str) -> bool:
        return request_id in self.reports

    def settle(self, fresh: Sequence[Seen]) -> dict[str, Link]:
        """Give the links of fresh reports, and of those known ones whose link they change. Changes nothing.

        A link whose end has left the window is final. A fresh report older than that is linked to what is left,
        and changes nobody else's link.
        """
        view = _View(self, fresh)
        dirty = {seen.id for seen in fresh}
        for seen in fresh:
            if seen.key[0] >= self._newest - self._kept_s:
                dirty.update(later for later in view.later(seen) if not self._final(later))
        found: dict[str, Link] = {}
        queue = [view.report(request_id).key for request_id in dirty]
        queued = set(dirty)
        heapify(queue)
        while queue:  # earliest first, so that whatever a report links to is settled before it
            request_id = heappop(queue)[1]
            old = self._links.get(request_id)
            link = view.best(view.report(request_id)) if request_id in dirty else old
            if link is None:
                continue
            link = self._rooted(request_id, link, found)
            if link.says_the_same(old):
                continue
            found[request_id] = link
            for child in self._children.get(request_id, ()):
                if child not in queued:
                    queued.add(child)
                    heappush(queue, self.reports[child].key)
        return found

    def take(self, seen: Seen, link: Link) -> None:
        """Take a report and its link."""
        self.reports[seen.id] = seen
        insort(self.cells.setdefault(self.cell(seen), []), seen.key)
        heappush(self._ages, seen.key)
        self._newest = max(self._newest, seen.key[0])
        self._hang(seen.id, link)

    def relink(self, request_id: str, link: Link) -> None:
        """Take the new link of a report that was taken before."""
        self._unhang(request_id, self._links[request_id])
        self._hang(request_id, link)

    def _hang(self, request_id: str, link: Link) -> None:
        self._links[request_id] = Link(link.incident, link.duplicate_of, link.band)
        if link.duplicate_of:  # which may be taken after this one
            self._children.setdefault(link.duplicate_of, set()).add(request_id)

    def _unhang(self, request_id: str, link: Link) -> None:
        children = self._children.get(link.duplicate_of or "", set())
        children.discard(request_id)
        if not children:
            self._children.pop(link.duplicate_of or "", None)

    def expire(self) -> Iterator[str]:
        """Let go of what is too old for any report that is not overdue itself, and of the oldest of too many.

        Gives the ids.
        """
        while self._ages and (self._ages[0][0] < self._newest - self._kept_s or len(self.reports) > self.at_most):
            key = heappop(self._ages)
            request_id = key[1]
            cell = self.cell(self.reports.pop(request_id))
            keys = self.cells[cell]
            del keys[bisect_left(keys, key)]
            if not keys:
                del self.cells[cell]
            self._unhang(request_id, self._links.pop(request_id))
            self._children.pop(request_id, None)
            yield request_id

    def cell(self, seen: Seen) -> tuple[int, int]:
        """Give the grid cell of a report."""
        return self._grid.cell(seen.latitude, seen.longitude)

    def cells_around(self, seen: Seen) -> list[tuple[int, int]]:
        """Give the cells of all that may be in reach of a report."""
        return self._grid.around(seen.latitude, seen.longitude, 2 * self.reach.radius_m)

    def _final(self, request_id: str) -> bool:
        link = self._links.get(request_id)
        return link is not None and link.duplicate_of is not None and link.duplicate_of not in self.reports

    def _rooted(self, request_id: str, link: Link, found: dict[str, Link]) -> Link:
        """Give the link with the incident it joins: that of the report it is a duplicate of, or its own."""
        if link.band != "automatic" or link.duplicate_of is None:
            return Link(request_id, link.duplicate_of, link.band, link.likeness, link.lost)
        parent = found.get(link.duplicate_of) or self._links.get(link.duplicate_of)
        incident = parent.incident if parent else link.incident
        return Link(incident, link.duplicate_of, link.band, link.likeness, link.lost)


class _View:
    """What is known, and a batch of fresh reports on top of it, as if both were known."""

    def __init__(self, known: Incidents, fresh: Iterable[Seen]) -> None:
        self._known = known
        self._fresh: dict[str, Seen] = {}
        self._cells: dict[tuple[int, int], list[Key]] = {}
        self._around: dict[str, list[list[Key]]] = {}
        touched: set[tuple[int, int]] = set()
        for seen in fresh:
            self._fresh[seen.id] = seen
            cell = known.cell(seen)
            touched.add(cell)
            if cell not in self._cells:
                self._cells[cell] = list(known.cells.get(cell, ()))
            self._cells[cell].append(seen.key)
        for cell in touched:
            self._cells[cell].sort()

    def report(self, request_id: str) -> Seen:
        return self._fresh.get(request_id) or self._known.reports[request_id]

    def _near(self, seen: Seen) -> list[list[Key]]:
        """Give the reports of each cell in reach, where there are any; most cells are empty."""
        if seen.id not in self._around:
            fresh, known = self._cells, self._known.cells
            self._around[seen.id] = [
                keys for cell in self._known.cells_around(seen) if (keys := fresh.get(cell) or known.get(cell))
            ]
        return self._around[seen.id]

    def later(self, seen: Seen) -> Iterator[str]:
        """Give the later reports to whose compared ones this one belongs: fewer than `per_cell` lie between."""
        own = self._cells[self._known.cell(seen)]
        end = bisect_left(own, seen.key) + self._known.per_cell
        until = min(
            (seen.key[0] + self._known.reach.window_s, "\U0010ffff"), own[end] if end < len(own) else (float("inf"), "")
        )
        for keys in self._near(seen):
            for place in range(bisect_left(keys, seen.key), len(keys)):
                if keys[place] > until:
                    break
                if keys[place] != seen.key:
                    yield keys[place][1]

    def best(self, seen: Seen) -> Link:
        """Give the link to the likest earlier report; its incident is not yet that of the root."""
        known = self._known
        likest: list[Likeness] = []
        for keys in self._near(seen):
            end = bisect_left(keys, seen.key)
            for key in keys[max(0, end - known.per_cell) : end]:
                likeness = compare(seen, self.report(key[1]), known.reach, known.bands)
                if likeness is not None:
                    likest.append(likeness)
        likest.sort(key=lambda like: (-like.score, like.other))
        if not likest or likest[0].score < known.bands.suggestion:
            return Link(seen.id, lost=tuple(likest[:MOST_CANDIDATES]))
        first = likest[0]
        band: Band = "automatic" if first.score >= known.bands.automatic else "suggestion"
        return Link(seen.id, first.other[1], band, first, tuple(likest[1 : MOST_CANDIDATES + 1]))
