"""Where a file lies: by what the town declares, by what the file says, and by where the town is, if these do not fit.

A file whose coordinates do not come out at the town in the system that it names, or that names none, is tried in every
system in use there. Where just one answer fits, it is taken and named; else somebody has to say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.city.earth import METRES_PER_DEGREE, Extent
from services.city.findings import NAMED
from services.city.layers.features import Floats
from services.city.layers.systems import SWAPPED, WGS84, System, apart_m, candidates, datum

SAME_M = 5.0
"""Systems that agree so far are one answer: realizations of one datum, and what PROJ does without its large grids."""
TWICE = 2.0
"""One answer is taken before another that fits the town's edges this many times as badly."""
_KNOWN = ("ETRS89 / ", "NAD83 / ", "WGS 84 / ")
_INSIDE = 0.5
"""So much of the smaller of file and town must lie in the other, by area of their boxes."""
_SLACK = 0.01
"""Degrees, about a kilometre: the least that a box is wide when boxes are compared."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the town is."""

    extent: Extent
    boxes: tuple[Extent, ...] = ()
    """Of its other files, whose edges may be the same."""
    customary: tuple[System, ...] = ()
    """Systems that its other files are in."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One or more systems that put a file at the same place, the one to name first, and how well that fits."""

    systems: tuple[System, ...]
    box: Extent
    mismatch_m: float
    """By how much its edges miss those of the town, on average."""
    places: Floats

    @property
    def system(self) -> System:
        """The one to name."""
        return self.systems[0]

    def apart_m(self, other: "Answer") -> float:
        """Give how far the two put the file's corners from each other."""
        return apart_m(self.places, other.places)


def box_of(system: System, points: Floats) -> Extent | None:
    """Give where a file lies in a system, None where that is nowhere on Earth."""
    return _box(system.to_degrees(points))


def lies_at(box: Extent | None, reference: Reference) -> bool:
    """Tell whether a box meets where the town is."""
    return box is not None and _meets(box, reference.extent)


def near(one: Extent, other: Extent) -> bool:
    """Tell whether two boxes lie no further from each other than the larger of them is wide."""
    margin = max(one[2] - one[0], one[3] - one[1], other[2] - other[0], other[3] - other[1], 10 * _SLACK)
    return _meets((one[0] - margin, one[1] - margin, one[2] + margin, one[3] + margin), other)


def answers(points: Floats, reference: Reference) -> list[Answer]:
    """Give the systems that put a file at the town, best first; those that agree within `SAME_M` are one answer."""
    if np.abs(points[:, 0]).max() <= 180 and np.abs(points[:, 1]).max() <= 180:  # noqa: PLR2004 - degrees
        groups: Iterable[list[System]] = [[WGS84], [SWAPPED]]
    else:
        groups = candidates(reference.extent, points)
    for group in groups:
        found = _classes([fit for each in group if (fit := _fit(each, points, reference))])
        if found:
            return sorted(found, key=lambda answer: answer.mismatch_m)
    return []


def decide(found: Sequence[Answer], claim: System | None, reference: Reference) -> list[Answer]:
    """Give the answers that cannot be told apart, just one where the matter is settled.

    What fits the edges of the town twice as well as another is right. Else an answer on the datum that the file
    names, or in a system that other files of the town are in, goes before the others. The one to name first is that of
    most systems: a datum in use today has many.
    """
    rivals = [each for each in found if each.mismatch_m <= TWICE * found[0].mismatch_m]
    if len(rivals) > 1 and claim is not None:
        named = datum(claim)
        rivals = _preferred(rivals, [each for each in rivals if named in map(datum, each.systems)])
    if len(rivals) > 1:
        codes = {each.code for each in reference.customary}
        rivals = _preferred(rivals, [each for each in rivals if any(one.code in codes for one in each.systems)])
    return sorted(rivals, key=lambda each: -len(each.systems))


def told(rivals: Sequence[Answer]) -> str:
    """Name answers, and how far each of the others is from the first."""
    first = str(rivals[0].system)
    others = [f"{each.system}, {rivals[0].apart_m(each):,.0f} m from it" for each in rivals[1:NAMED]]
    return "; ".join([first, *others])


def _preferred(rivals: list[Answer], preferred: list[Answer]) -> list[Answer]:
    return preferred if len(preferred) == 1 else rivals


def _fit(system: System, points: Floats, reference: Reference) -> Answer | None:
    places = system.to_degrees(points)
    box = _box(places)
    if box is None or _share(box, reference.extent) < _INSIDE:
        return None
    mismatch = min(_mismatch_m(box, other) for other in (reference.extent, *reference.boxes))
    return Answer((system,), box, mismatch, places)


def _classes(fits: list[Answer]) -> list[Answer]:
    classes: list[list[Answer]] = []
    for fit in sorted(fits, key=lambda fit: _plainness(fit.system)):
        home = next((each for each in classes if each[0].apart_m(fit) <= SAME_M), None)
        if home is None:
            classes.append([fit])
        else:
            home.append(fit)
    return [replace(each[0], systems=tuple(fit.system for fit in each)) for each in classes]


def _plainness(system: System) -> tuple[bool, bool, bool, int, int]:
    """Put first what is best known: no variant with northing first, the EPSG's, no single realization of a datum."""
    authority, _, number = system.code.partition(":")
    known = system.name.startswith(_KNOWN)
    code = int(number) if number.isdigit() else 0
    return "N-E" in system.name, authority != "EPSG", not known, len(system.name), code


def _box(places: Floats) -> Extent | None:
    if len(places) == 0 or not np.isfinite(places).all():
        return None
    west, south = places.min(axis=0)
    east, north = places.max(axis=0)
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):  # noqa: PLR2004 - degrees
        return None
    return (float(west), float(south), float(east), float(north))


def _meets(one: Extent, other: Extent) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _share(one: Extent, other: Extent) -> float:
    """Give the part of the smaller box that lies in the other."""

    def size(box: Extent) -> float:
        return max(box[2] - box[0], _SLACK) * max(box[3] - box[1], _SLACK)

    if not _meets(one, other):
        return 0.0
    common = (max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]))
    return size(common) / min(size(one), size(other))


def _mismatch_m(one: Extent, other: Extent) -> float:
    narrow = np.cos(np.radians((other[1] + other[3]) / 2))
    west, south, east, north = np.abs(np.array(one) - np.array(other)) * METRES_PER_DEGREE
    return float(((west + east) * narrow + south + north) / 4)
