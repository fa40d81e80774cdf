"""How far incidents have grown: how many reports, from when to when, and the corners of the area."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

import shapely

from services.parts import Extent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.incidents.groups import Groups
    from services.incidents.links import Link, Point
    from services.incidents.near import Near
    from services.incidents.seen import Key, Seen


class Past(NamedTuple):
    """What reports of an incident came to that are no longer open."""

    reports: int
    since: float
    until: float
    corners: tuple[Point, ...]
    closed: tuple[Key, ...] = ()
    """Those of which it was said that the incident is closed."""

    def with_one(self, key: Key, place: Point, *, closed: bool = False) -> Past:
        """Give it with one report more; `closed` if it was said of it that the incident is closed."""
        corners = hull_of([*self.corners, place])
        keys = (*self.closed, key) if closed else self.closed
        return Past(self.reports + 1, min(self.since, key[0]), max(self.until, key[0]), corners, keys)


def hull_of(places: Sequence[Point]) -> tuple[Point, ...]:
    """Give the corners of the smallest convex area that holds all places: one for one place, two for a line."""
    apart = sorted(set(places))
    if len(apart) < 3:  # noqa: PLR2004 - most incidents are of two reports
        return tuple(apart)
    hull = shapely.convex_hull(shapely.multipoints(apart))
    corners = shapely.get_coordinates(hull).tolist()
    closed = len(corners) > 1 and corners[0] == corners[-1]
    return tuple((lat, lon) for lat, lon in corners[: -1 if closed else None])


class Open(Protocol):
    """The open reports of a family, and which incidents they belong to."""

    near: Near
    members: Groups
    """By incident of more than one report: who belongs to it, its first report left out."""
    past: dict[str, Past]
    """By incident of which reports are no longer open: what those came to."""


class Extents:
    """How far incidents have grown, with a batch of fresh reports and what was found for all of them."""

    def __init__(self, known: Open, fresh: Sequence[Seen], found: Mapping[str, Link]) -> None:
        self._known, self._found = known, found
        self._fresh = {seen.id: seen for seen in fresh}
        self._joined: dict[str, list[str]] = {}
        for request_id, link in found.items():
            if link.incident != request_id:
                self._joined.setdefault(link.incident, []).append(request_id)
        self._made: dict[str, Extent | None] = {}

    def of(self, incident: str) -> Extent | None:
        """Give the extent of an incident; None if it is of one report."""
        if incident not in self._made:
            self._made[incident] = self._extent(incident)
        return self._made[incident]

    def _extent(self, incident: str) -> Extent | None:
        known = self._known
        if incident not in known.members and incident not in self._joined and incident not in known.past:
            return None
        past = known.past.get(incident)
        stayed = [each for each in known.members.of(incident) if each not in self._found]
        joined = [*stayed, *self._joined.get(incident, ())]
        ids = [each for each in (incident, *joined) if each in self._fresh or each in known.near.rows]
        number = len(ids) + (past.reports if past else 0)
        if number < 2:  # noqa: PLR2004 - two make an incident of more than one
            return None
        near, fresh = known.near, self._fresh
        made = [fresh[each].key[0] if each in fresh else near.rows[each][0] for each in ids]
        places = [fresh[each].place if each in fresh else near.place(each) for each in ids]
        if past:
            made += [past.since, past.until]
            places += past.corners
        since, until = (datetime.fromtimestamp(moment, UTC) for moment in (min(made), max(made)))
        return Extent(reports=number, since=since, until=until, hull=hull_of(places))
