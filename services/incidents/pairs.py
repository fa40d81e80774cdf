"""What speaks for two reports being one incident, for many pairs at once."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.city.earth import EARTH_M
from services.incidents.particulars import SLOTS
from services.incidents.words import NO_NUMBER, SHAPE_BITS

Records = NDArray[np.void]
Numbers = NDArray[np.float64]

FEATURES: Final = (
    "near",
    "apart",
    "unsure of place",
    "soon",
    "late",
    "said alike",
    "said otherwise",
    "same numbers",
    "other numbers",
    "same particulars",
    "other particulars",
    "same category",
    "other category",
    "same thing",
    "another thing",
    "same address",
    "same street",
    "another street",
    "same person",
)
"""`near` is 1 at one place and falls off with the square of the distance in units of what both places may be off and a
part of the radius; `apart` is the logarithm of the distance; `soon` falls off with hours, `late` with the window.
`said alike` is how like the texts are where both say something, `said otherwise` the rest to 1. `same street` falls off
with the difference of the house numbers. `same particulars` counts in how many of colour, side and day two texts agree,
`other particulars` in how many they do not. All others are 0 or 1, or shares."""

SMALL_M: Final = 10.0
HOUR_S: Final = 3600.0
HOUSES: Final = 40.0
"""The difference of house numbers at which `same street` has fallen to 0.37."""
_SLOTS: Final = np.array(SLOTS, np.uint32)


class Pairs(NamedTuple):
    """Pairs of a later and an earlier report: `values` has a column for each of `FEATURES`; the rest is to be told."""

    values: Numbers
    metres: Numbers
    seconds: Numbers
    alike: Numbers
    """How like the texts are, 0 to 1; NaN where one says nothing."""
    off: Numbers
    """How far both places may be off together, metres."""
    other_category: Numbers


def part_of(pairs: Pairs, part: slice) -> Pairs:
    """Give some of the pairs."""
    values, metres, seconds, alike, off, other = pairs
    return Pairs(values[part], metres[part], seconds[part], alike[part], off[part], other[part])


def apart(lat: Numbers, lon: Numbers, to_lat: Numbers, to_lon: Numbers) -> Numbers:
    """Give distances along a great circle (haversine), metres; arguments in degrees."""
    north, east = np.radians(to_lat - lat) / 2, np.radians(to_lon - lon) / 2
    chord = np.sin(north) ** 2 + np.cos(np.radians(lat)) * np.cos(np.radians(to_lat)) * np.sin(east) ** 2
    return np.asarray(2 * EARTH_M * np.arcsin(np.minimum(1.0, np.sqrt(chord))))


def likeness(one: Records, two: Records) -> Numbers:
    """Give how like texts are by their shapes, 0 to 1: the correlation (phi) of their bits; NaN where one is empty.

    Unlike plain overlap it takes off what two long texts share by chance.
    """
    ones, twos = one["bits"].astype(np.float64), two["bits"].astype(np.float64)
    both = np.bitwise_count(one["shape"] & two["shape"]).sum(axis=1, dtype=np.float64)
    spread = ones * (SHAPE_BITS - ones) * twos * (SHAPE_BITS - twos)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = np.maximum(0.0, (SHAPE_BITS * both - ones * twos) / np.sqrt(spread))
    phi[(ones == 0) | (twos == 0)] = np.nan
    return np.asarray(np.where(np.isnan(phi), phi, np.minimum(phi, 1.0)))


def pairs_of(later: Records, earlier: Records, metres: Numbers, radius: Numbers, window: Numbers) -> Pairs:
    """Compare each of `later` with that of `earlier` in its place; both hold `RECORD`s.

    `metres` is how far `apart` they are; `radius` (metres) and `window` (seconds) are those of each pair's family.
    """
    seconds = later["made"] - earlier["made"]
    off = np.hypot(later["off"].astype(np.float64), earlier["off"].astype(np.float64))
    scale = np.hypot(SMALL_M + radius / 4, off / 2)
    hours = seconds / HOUR_S
    alike = likeness(later, earlier)
    told_both = ~np.isnan(alike)
    like = np.where(told_both, alike, 0.0)
    counted, here = later["numbers"], earlier["numbers"]
    both_count = (counted != 0) & (here != 0)
    shared = (counted & here) != 0
    agreed, disputed = _particulars(later["told"], earlier["told"])
    same = later["codes"][:, 0] == earlier["codes"][:, 0]
    other = np.where(same, 0.0, 1.0 - _shared_guesses(later, earlier))
    thing = (later["asset"] != 0) & (earlier["asset"] != 0)
    same_thing = later["asset"] == earlier["asset"]
    told = (later["street"] != 0) & (earlier["street"] != 0)
    same_street = told & (later["street"] == earlier["street"])
    housed = (later["house"] != NO_NUMBER) & (earlier["house"] != NO_NUMBER)
    houses = np.abs(later["house"].astype(np.float64) - earlier["house"])
    known = (later["reporter"] != 0) & (later["reporter"] == earlier["reporter"])
    values = np.empty((len(metres), len(FEATURES)))
    columns = (
        np.exp(-((metres / scale) ** 2) / 2),
        np.log1p(metres / SMALL_M),
        np.log1p(off / SMALL_M),
        np.exp(-hours / 6),
        np.minimum(1.0, seconds / np.maximum(window, 1.0)),
        like,
        np.where(told_both, 1.0 - like, 0.0),
        both_count & shared,
        both_count & ~shared,
        agreed,
        disputed,
        same,
        other,
        thing & same_thing,
        thing & ~same_thing,
        same_street & housed & (houses == 0),
        np.where(same_street & housed, np.exp(-houses / HOUSES), np.where(same_street, 0.5, 0.0)),
        told & ~same_street,
        known,
    )
    for place, column in enumerate(columns):
        values[:, place] = column
    return Pairs(values, metres, seconds, alike, off, other)


def _particulars(one: NDArray[np.uint32], two: NDArray[np.uint32]) -> tuple[Numbers, Numbers]:
    """Give in how many of colour, side and day two texts agree, and in how many they do not."""
    ones, twos = one[:, None] & _SLOTS, two[:, None] & _SLOTS
    told, alike = (ones != 0) & (twos != 0), (ones & twos) != 0
    return (told & alike).sum(axis=1, dtype=np.float64), (told & ~alike).sum(axis=1, dtype=np.float64)


def _shared_guesses(later: Records, earlier: Records) -> Numbers:
    """Give the part of their confidence that the classifier put on the same categories, 0 to 1."""
    codes, others = later["codes"][:, :, None], earlier["codes"][:, None, :]
    both = np.minimum(later["shares"][:, :, None], earlier["shares"][:, None, :])
    shared = np.where((codes == others) & (codes != 0), both, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(np.minimum(shared, 1.0))
