"""Settles in which coordinate system a file is, says what is odd about that, and moves its features to degrees."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from services.city.earth import Extent
from services.city.layers.features import Contents, Feature, Floats, UnreadableError, spoilt, vertices
from services.city.layers.placing import Answer, Reference, answers, box_of, decide, lies_at, near, told
from services.city.layers.systems import WGS84, System, UnknownSystemError, apart_m, system

AGREE_M = 1.0
"""A file that names another system than the town declares is not worth a word if that moves it by less."""
WRITE = "write `crs:` with the right one, as in crs: EPSG:2263"


@dataclass(frozen=True, slots=True)
class Odd:
    """What is to be said of a file that was read all the same."""

    seen: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A file's features in WGS 84 degrees, the system it was in, and what is odd."""

    features: list[Feature]
    system: System
    odd: tuple[Odd, ...]


def place(contents: Contents, name: str, declared: System | None, reference: Reference | None) -> Placed:
    """Move a file's features to WGS 84 degrees; `name` is what findings call the file.

    Raises:
        UnreadableError: nobody can tell in which system it is; that names what fits best.

    """
    features = [_sound(feature) for feature in contents.features]
    claim, odd = _claimed(contents, name)
    points = vertices(_on_earth(features) if claim == WGS84 else features)
    case = _Case(contents, name, claim, points, reference)
    if len(points) == 0:
        return Placed(features, declared or claim or WGS84, tuple(odd))
    chosen, more = case.declared(declared) if declared else case.found()
    return Placed(_moved(features, chosen), chosen, (*odd, *more))


def located(contents: Contents, declared: System | None) -> tuple[Extent | None, System | None]:
    """Give where a file lies by the system that is declared or that it names (None: nowhere on Earth), and which."""
    try:
        known = declared or _claimed(contents, "")[0]
        features = [_sound(feature) for feature in contents.features]
        points = vertices(_on_earth(features) if known == WGS84 else features)
        return (box_of(known, points) if known and len(points) else None), known
    except UnreadableError:  # without pyproj; said when it is placed
        return None, None


@dataclass(frozen=True, slots=True)
class _Case:
    contents: Contents
    name: str
    claim: System | None
    points: Floats
    reference: Reference | None

    def declared(self, system: System) -> tuple[System, list[Odd]]:
        odd = []
        if self.claim and not self.contents.by_format:
            apart = apart_m(system.to_degrees(self.points), self.claim.to_degrees(self.points))
            if apart > AGREE_M:
                seen = f"{self.name} says {self.claim}, which puts it {_length(apart)} from where {system} does"
                odd.append(Odd(f"{seen}; the latter is declared, and taken"))
        box = box_of(system, self.points)
        if box is None or (self.reference and not lies_at(box, self.reference) and not self._nearby(box)):
            rivals = self._rivals()
            seen = f"in {system}, which is declared, {self.name} lies {self._where(box)}"
            raise UnreadableError(seen, remedy=f"what fits is {told(rivals)}" if rivals else "is it this town's?")
        return system, odd

    def found(self) -> tuple[System, list[Odd]]:
        box = box_of(self.claim, self.points) if self.claim else None
        if self.claim and box and (self.reference is None or lies_at(box, self.reference)):
            return self.claim, []
        if self.reference is None:
            return self._alone()
        rivals = self._rivals()
        if len(rivals) == 1:
            return rivals[0].system, [self._taken(rivals[0], box)]
        if rivals:
            seen = f"{self._says(box)}; {len(rivals)} systems fit: {told(rivals)}"
            remedy = f"write `crs:` with the one that is right, as in crs: {rivals[0].system.code}"
            raise UnreadableError(seen, expected="one", remedy=remedy)
        if self.claim and box and self._nearby(box):
            return self.claim, []
        west, south, east, north = self.reference.extent
        extent = f"[{west:.3f}, {south:.3f}, {east:.3f}, {north:.3f}]"
        seen = f"{self._says(box)}; no system in use there puts it into the city's extent {extent}"
        raise UnreadableError(seen, remedy=WRITE)

    def _alone(self) -> tuple[System, list[Odd]]:
        if self.claim is None and box_of(WGS84, self.points):
            seen = f"{self.name} does not say its coordinate system; taken as WGS 84 degrees"
            return WGS84, [Odd(seen, "write `crs: EPSG:4326` if that is right")]
        x, y = self.points[0]
        remedy = f"{WRITE}, or `extent:` of the city, by which it can be found"
        seen = f"{self._says(None)} (coordinates such as {x:g}, {y:g})"
        raise UnreadableError(seen, remedy=remedy)

    def _rivals(self) -> list[Answer]:
        if self.reference is None:
            return []
        found = answers(self.points, self.reference)
        return decide(found, self.claim, self.reference) if found else []

    def _taken(self, answer: Answer, box: Extent | None) -> Odd:
        if answer.system.swapped and answer.system.definition == WGS84.definition:
            seen = f"{self.name} has latitude before longitude: the other way round it lies in the city, and is read so"
            return Odd(seen, "write longitude first")
        seen = f"{self._says(box)}; what fits is {told([answer])}, and it is read so"
        return Odd(seen, f"write `crs: {answer.system.code}` if that is right")

    def _says(self, box: Extent | None) -> str:
        if self.claim is None:
            return f"{self.name} does not say its coordinate system"
        if self.contents.by_format:
            says = f"{self.name} says no coordinate system, so that it should be in WGS 84 degrees"
        else:
            says = f"{self.name} says {self.claim}"
        return f"{says}, and lies {self._where(box)} in that"

    def _where(self, box: Extent | None) -> str:
        if box is None or self.reference is None:
            return "nowhere on Earth"
        west, south, east, north = self.reference.extent
        middle = np.array([[(west + east) / 2, (south + north) / 2]])
        return f"{_length(apart_m(middle, np.array([[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]])))} from the city"

    def _nearby(self, box: Extent) -> bool:
        return self.reference is not None and near(box, self.reference.extent)


def _claimed(contents: Contents, name: str) -> tuple[System | None, list[Odd]]:
    odd = [Odd(f"{name}: {note}") for note in contents.notes]
    if not contents.claim:
        return None, odd
    try:
        return system(contents.claim), odd
    except UnknownSystemError:
        name_of = re.search(r'"([^"]*)"', contents.claim)  # the first quoted text of WKT is the system's name
        shown = name_of.group(1) if name_of else contents.claim[:60]
        if shown.lower().startswith("undefined"):  # what GeoPackage writes where nothing is known
            return None, odd
        return None, [*odd, Odd(f"{name} names a coordinate system that is none of places on Earth ({shown})")]


def _sound(feature: Feature) -> Feature:
    trouble = spoilt(feature.geometry) if feature.geometry is not None else ""
    return replace(feature, geometry=None, trouble=trouble) if trouble else feature


def _on_earth(features: Sequence[Feature]) -> list[Feature]:
    """Leave out single features that are not in degrees, where others are: each is a fault of its own."""
    fit = [feature for feature in features if feature.geometry is not None and _in_degrees(feature)]
    return fit or list(features)


def _in_degrees(feature: Feature) -> bool:
    bounds = shapely.bounds(feature.geometry)
    return not (np.abs(bounds) > 180).any()  # noqa: PLR2004 - degrees; latitude may be the first of the two


def _moved(features: list[Feature], system: System) -> list[Feature]:
    if system == WGS84:
        return features
    moved = []
    for feature in features:
        if feature.geometry is None:
            moved.append(feature)
            continue
        geometry = shapely.transform(feature.geometry, system.to_degrees)
        if np.isfinite(shapely.bounds(geometry)).all() or geometry.is_empty:
            moved.append(replace(feature, geometry=geometry))
        else:
            moved.append(replace(feature, geometry=None, trouble=f"lies where {system} does not reach"))
    return moved


def _length(metres: float) -> str:
    if not np.isfinite(metres):
        return "worlds"
    return f"{metres:,.0f} m" if metres < 10_000 else f"{metres / 1000:,.0f} km"  # noqa: PLR2004 - a readable number
