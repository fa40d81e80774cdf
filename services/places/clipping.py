"""How much of a circle lies in an area, reckoned from those lines of its boundary alone that reach into the circle.

By Green's theorem the part's area is the sum over its outline, walked with the area on the left, of half the cross
product of either end of each line. The outline is made of the boundary's lines where they are in the circle, and of the
circle's own line from where the boundary leaves it to where it comes back: `_along` tells that from two ends. What the
sum lacks is how often the circle's line is walked all around: it is true but for whole circles.

A circle is the polygon of 64 corners that GEOS draws for `quad_segs=16`, and its radius is the unit. Points are arrays
of (2, n), all x before all y, so that what is reckoned of one of them lies in one stretch of memory.
"""

import numpy as np
from numpy.typing import NDArray

from services.places.grid import Floats, Ints

Bools = NDArray[np.bool_]

CORNERS = 64
TURN = 2 * np.pi / CORNERS
APOTHEM = np.cos(TURN / 2)
"""How far the middles of the polygon's sides are from the circle's middle."""
WHOLE = CORNERS / 2 * np.sin(TURN)
"""The polygon's area."""

_AT = np.arange(CORNERS) * TURN
_CORNERS = np.stack([np.cos(_AT), np.sin(_AT)])
_OUTWARD = np.stack([np.cos(_AT + TURN / 2), np.sin(_AT + TURN / 2)])


def shared(begin: Floats, end: Floats) -> Floats:
    """Give what each line, from (2, n) to (2, n) about a circle's middle, adds to the area of the part on its left."""
    found = np.zeros(begin.shape[1])
    lines = np.flatnonzero(_reaches(begin, end))
    begin, end = begin.take(lines, axis=1), end.take(lines, axis=1)  # many times as fast as [:, lines]
    begins_in, ends_in = _inside(begin), _inside(end)
    half = _cross(begin, end) / 2
    found[lines] = half
    cut = np.flatnonzero(~(begins_in & ends_in))
    begin, end, begins_in, ends_in = begin.take(cut, axis=1), end.take(cut, axis=1), begins_in[cut], ends_in[cut]
    run = end - begin
    enters, leaves = _cut(begin, run)
    enters = np.where(begins_in, 0.0, np.clip(enters, 0.0, 1.0))
    leaves = np.where(ends_in, 1.0, np.clip(leaves, 0.0, 1.0))
    some = begins_in | ends_in | (enters < leaves)
    arcs = np.where(begins_in, 0.0, _along(begin + enters * run))
    arcs -= np.where(ends_in, 0.0, _along(begin + leaves * run))
    found[lines[cut]] = np.where(some, half[cut] * (leaves - enters) + arcs, 0.0)
    return found


def _inside(points: Floats) -> Bools:
    """Say which points are in the polygon: the same of a point, whichever line it ends."""
    square = _dot(points, points)
    inside: Bools = square <= APOTHEM**2
    doubtful = np.flatnonzero(~inside & (square <= 1.0))
    near = points.take(doubtful, axis=1)
    inside[doubtful] = _dot(near, _OUTWARD.take(_side(near), axis=1)) <= APOTHEM
    return inside


def _reaches(begin: Floats, end: Floats) -> Bools:
    """Say which lines come as near as the circle."""
    run = end - begin
    length = _dot(run, run)
    along = -_dot(begin, run)
    nearest = begin + np.clip(np.divide(along, length, out=np.zeros_like(along), where=length > 0), 0, 1) * run
    near: Bools = _dot(nearest, nearest) <= 1.0
    return near


def _cut(begin: Floats, run: Floats) -> tuple[Floats, Floats]:
    """Give where endless lines enter and leave the polygon, in lengths of `run`; leaving before entering: never.

    Source: M. Cyrus and J. Beck, Generalized two- and three-dimensional clipping, Computers & Graphics 3, 1978.
    """
    towards, room = _OUTWARD.T @ run, APOTHEM - _OUTWARD.T @ begin
    with np.errstate(divide="ignore", invalid="ignore"):
        at = room / towards
    enters = np.where(towards < 0, at, -np.inf).max(axis=0)
    leaves = np.where(towards > 0, at, np.inf).min(axis=0)
    beside = np.any((towards == 0) & (room < 0), axis=0)
    return enters, np.where(beside, -np.inf, leaves)


def _along(points: Floats) -> Floats:
    """Give the area between the middle, the polygon's first corner and its line from there to points that are on it."""
    side = _side(points)
    area: Floats = side * np.sin(TURN) / 2 + _cross(_CORNERS.take(side, axis=1), points) / 2
    return area


def _side(points: Floats) -> Ints:
    turned = np.arctan2(points[1], points[0]) / TURN
    side: Ints = np.floor(turned).astype(np.intp) % CORNERS
    return side


def _cross(first: Floats, second: Floats) -> Floats:
    cross: Floats = first[0] * second[1] - first[1] * second[0]
    return cross


def _dot(first: Floats, second: Floats) -> Floats:
    dot: Floats = first[0] * second[0] + first[1] * second[1]
    return dot
