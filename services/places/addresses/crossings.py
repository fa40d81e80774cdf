"""Where streets meet, and which street and cross street are nearest to a point."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from services.places.addresses.ground import Floats, Ground, Ints

MEET_M: Final = 25.0
"""Lines that end so near to another are drawn too short, and meet it."""
ACROSS_M: Final = 60.0
"""Streets known by their house numbers alone meet where houses of both are so near."""
ONE_M: Final = 80.0
"""Crossings of the same streets so near to each other are one: the roadways of an avenue."""
LEAST_M: Final = 15.0
"""How far the middle of a crossing is from its corners, at least."""
_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class Crossing:
    """A place where two streets meet, in metres on the plane, and how far that may be off."""

    x: float
    y: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class Nearest:
    """For each point: the nearest street, its nearest cross street (both -1 where there is none), metres to both."""

    street: Ints
    distance_m: Floats
    cross: Ints
    cross_distance_m: Floats


class Crossings:
    """The crossings of a city's streets, found when they are first asked for and kept."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.between = lru_cache(maxsize=_KEPT)(self._between)

    def _between(self, one: int, other: int) -> tuple[Crossing, ...]:
        """Give all places where two streets meet."""
        pieces, of = self._ground.pieces, self._ground.pieces_of
        found = [
            point for a in of[one] for b in of[other] if a != b for point in _meet(pieces[a].shape, pieces[b].shape)
        ]
        return tuple(_gathered(found))


def _meet(one: BaseGeometry, other: BaseGeometry) -> list[Crossing]:
    lines = one.length > 0 and other.length > 0
    if not shapely.dwithin(one, other, MEET_M if lines else ACROSS_M):
        return []
    points = shapely.get_coordinates(shapely.intersection(one, other)) if lines else np.zeros((0, 2))
    if len(points):
        return [Crossing(x, y, LEAST_M) for x, y in points.tolist()]
    gap = shapely.shortest_line(one, other)
    x, y = shapely.get_coordinates(gap).mean(axis=0).tolist()
    return [Crossing(x, y, LEAST_M + gap.length / 2)]


def _gathered(found: Sequence[Crossing]) -> list[Crossing]:
    """Bring together crossings that are one."""
    left = list(found)
    gathered: list[Crossing] = []
    while left:
        group = [left.pop()]
        for each in list(left):
            if any(np.hypot(each.x - one.x, each.y - one.y) <= ONE_M for one in group):
                group.append(each)
                left.remove(each)
        x, y = (float(np.mean([each.x for each in group])), float(np.mean([each.y for each in group])))
        far = max(float(np.hypot(each.x - x, each.y - y)) + each.radius_m for each in group)
        gathered.append(Crossing(x, y, far))
    return sorted(gathered, key=lambda each: (each.x, each.y))


class Reverse:
    """The nearest street and cross street, for whole batches of points."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        shapes: Any = np.array([piece.shape for piece in ground.pieces], dtype=object)
        parts, owner = shapely.get_parts(shapes, return_index=True) if len(shapes) else (shapes, np.zeros(0, np.intp))
        legs, leg_part = _legs(parts)
        self._legs = shapely.STRtree(legs)
        self._leg_piece: NDArray[np.intp] = owner[leg_part]
        self._cross_of: dict[int, tuple[Ints, Floats]] = {}
        self._shapes = shapely.STRtree(shapes)

    def nearest(self, longitude: Floats, latitude: Floats) -> Nearest:
        """Give the nearest street and cross street of each point (WGS 84 degrees)."""
        count = len(longitude)
        street, cross = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
        distance, cross_distance = np.full(count, np.nan), np.full(count, np.nan)
        known = np.flatnonzero(np.isfinite(longitude) & np.isfinite(latitude))
        if len(self._leg_piece) and len(known):
            metres = self._ground.plane.metres(np.column_stack([longitude[known], latitude[known]]))
            (at, leg), far = self._legs.query_nearest(shapely.points(metres), return_distance=True, all_matches=False)
            piece = self._leg_piece[leg]
            of = np.array([each.street for each in self._ground.pieces])
            street[known[at]], distance[known[at]] = of[piece], far
            for one in np.unique(piece):
                rows = at[piece == one]
                others, points = self._crosses(int(one))
                if len(others):
                    apart = np.hypot(*(metres[rows, None, :] - points[None, :, :]).transpose(2, 0, 1))
                    best = apart.argmin(axis=1)
                    cross[known[rows]] = others[best]
                    cross_distance[known[rows]] = apart[np.arange(len(rows)), best]
        return Nearest(street, distance, cross, cross_distance)

    def meets(self, piece: int) -> int:
        """Give the street that meets a piece nearest to its middle, -1 where none does."""
        others, points = self._crosses(piece)
        if not len(others):
            return -1
        x, y, _ = self._ground.pieces[piece].centre()
        return int(others[np.hypot(*(points - [x, y]).T).argmin()])

    def _crosses(self, piece: int) -> tuple[Ints, Floats]:
        """Give the streets that meet a piece, and where, in metres."""
        if piece not in self._cross_of:
            here = self._ground.pieces[piece]
            reach = MEET_M if here.shape.length > 0 else ACROSS_M
            others: list[int] = []
            points: list[tuple[float, float]] = []
            for other in sorted(self._shapes.query(here.shape, predicate="dwithin", distance=reach).tolist()):
                there = self._ground.pieces[other]
                if there.street != here.street:
                    met = _meet(here.shape, there.shape)
                    others.extend([there.street] * len(met))
                    points.extend((each.x, each.y) for each in met)
            self._cross_of[piece] = (np.array(others, dtype=np.int64), np.array(points).reshape(-1, 2))
        return self._cross_of[piece]


def _legs(parts: Any) -> tuple[Any, NDArray[np.intp]]:  # noqa: ANN401 - shapely is untyped
    """Cut lines into their straight legs, which a tree tells apart better than long lines; points stay as they are."""
    coordinates, owner = shapely.get_coordinates(parts, return_index=True)
    follows = owner[1:] == owner[:-1]
    legs = shapely.linestrings(np.stack([coordinates[:-1][follows], coordinates[1:][follows]], axis=1))
    single = shapely.get_type_id(parts) == 0
    return np.concatenate([legs, parts[single]]), np.concatenate([owner[:-1][follows], np.flatnonzero(single)])
