"""What lies around a place, so far as a city's rules and categories ask for it: lines, areas and assets, by metres.

Distances are those of the place itself; how far it may be off widens none of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from services.city.model import Assets, City, Layer, Rule
from services.parts import Asset, Boundary, Place
from services.places.nearest import Floats, Grid, Ints
from services.places.reach import Reach


class Around(Struct, frozen=True):
    """What lies around one place."""

    within: frozenset[str] = frozenset()
    """Rules that ask for a distance to a layer, and have it."""
    near: frozenset[str] = frozenset()
    """Rules that ask for an asset nearby, and have it."""
    boundaries: tuple[Boundary, ...] = ()
    """The areas and lines that are as near as a rule asks, with the distance."""
    assets: Mapping[str, Asset] = {}
    """The nearest of each kind that rules or the category ask for, within the longest distance that they ask for."""
    own: Asset | None = None
    """The nearest of those that the category is about."""


NOTHING = Around()


class Surroundings:
    """All that may lie around places of a city, kept in memory and asked for whole batches."""

    def __init__(self, city: City) -> None:
        self._near = [rule for rule in city.rules if rule.near]
        self._within = [rule for rule in city.rules if rule.layer and rule.within_m]
        self._kinds = [_Kind(assets, self._near) for assets in city.assets.values()]
        named = {rule.layer for rule in self._within}
        layers = sorted((layer for layer in city.layers if layer.id in named), key=lambda layer: layer.effective)
        self._layers = [_Edition(layer, layers, self._within, ZoneInfo(city.time_zone)) for layer in layers]

    def around(
        self, places: Sequence[Place], instants: Sequence[datetime], service_codes: Sequence[str]
    ) -> list[Around]:
        """Give what lies around each place, in order, by the lines that are valid at its instant.

        `service_codes` are what is reported there.
        """
        if not places or not (self._kinds or self._layers):
            return [NOTHING] * len(places)
        longitude = np.array([place.longitude for place in places])
        latitude = np.array([place.latitude for place in places])
        within: dict[int, set[str]] = {}
        edges: dict[int, list[Boundary]] = {}
        moments = np.array([instant.timestamp() for instant in instants] if self._layers else ())
        for layer in self._layers:
            for row, boundary, held in layer.around(longitude, latitude, moments):
                within.setdefault(row, set()).update(held)
                edges.setdefault(row, []).append(boundary)
        found: dict[int, dict[str, Asset]] = {}
        for kind in self._kinds:
            for row, asset in kind.around(longitude, latitude, service_codes):
                found.setdefault(row, {})[asset.kind] = asset
        around = [NOTHING] * len(places)
        for row in within.keys() | found.keys():
            assets = found.get(row, {})
            around[row] = Around(
                frozenset(within.get(row, ())),
                self._held(assets),
                tuple(edges.get(row, ())),
                assets,
                self._own(assets, service_codes[row]),
            )
        return around

    def _held(self, assets: Mapping[str, Asset]) -> frozenset[str]:
        return frozenset(
            rule.id
            for rule in self._near
            if rule.near and rule.near.asset in assets and assets[rule.near.asset].distance_m <= rule.near.within_m
        )

    def _own(self, assets: Mapping[str, Asset], service_code: str) -> Asset | None:
        of = [
            assets[kind.assets.kind]
            for kind in self._kinds
            if service_code in kind.assets.service_codes
            and kind.assets.kind in assets
            and assets[kind.assets.kind].distance_m <= kind.assets.within_m
        ]
        return min(of, key=lambda asset: asset.distance_m, default=None)


class _Edition:
    """One edition of a layer: what lies within metres of it, from its day to that of the next."""

    def __init__(self, layer: Layer, layers: Sequence[Layer], rules: Sequence[Rule], zone: ZoneInfo) -> None:
        later = [other.effective for other in layers if other.id == layer.id and other.effective > layer.effective]
        self._begins = _midnight(layer.effective, zone) if layer.effective else -np.inf
        self._ends = _midnight(min(later), zone) if later else np.inf
        self._layer, self._reach = layer, Reach(layer)
        self._rules = [rule for rule in rules if rule.layer == layer.id]
        self._farthest = max(rule.within_m for rule in self._rules)

    def around(self, longitude: Floats, latitude: Floats, moments: Floats) -> Iterable[tuple[int, Boundary, set[str]]]:
        """Give places by number with an area or line nearby, and the rules that it is near enough for."""
        rows = np.flatnonzero((moments >= self._begins) & (moments < self._ends))
        of, at, far = self._reach.within(longitude[rows], latitude[rows], self._farthest)
        for row, area, metres in zip(rows[of].tolist(), at.tolist(), far.tolist(), strict=True):
            named = self._reach.areas[area]
            held = {rule.id for rule in self._rules if _meets(rule, named.area_id, metres)}
            if held:
                boundary = Boundary(
                    layer=self._layer.id,
                    area_id=named.area_id,
                    name=named.name,
                    version=self._layer.version,
                    distance_m=round(metres, 1),
                )
                yield row, boundary, held


class _Kind:
    """One kind of asset: how far it is looked for, and for which reports."""

    def __init__(self, assets: Assets, rules: Sequence[Rule]) -> None:
        self.assets = assets
        asking = [(rule, rule.near.within_m) for rule in rules if rule.near and rule.near.asset == assets.kind]
        self._always = not all(rule.service_codes for rule, _ in asking)
        self._codes = frozenset(assets.service_codes).union(*(rule.service_codes for rule, _ in asking))
        self._reach_m = max([*(metres for _, metres in asking), assets.within_m if assets.service_codes else 0.0])
        self._grid = Grid(assets.longitude, assets.latitude, self._reach_m)

    def around(self, longitude: Floats, latitude: Floats, service_codes: Sequence[str]) -> list[tuple[int, Asset]]:
        if not self._reach_m:
            return []
        rows: Ints = np.arange(len(longitude))
        if not self._always:
            codes = self._codes
            rows = np.array([row for row, code in enumerate(service_codes) if code in codes], dtype=np.intp)
        index, metres = self._grid.nearest(longitude[rows], latitude[rows], self._reach_m)
        hits = np.flatnonzero(index >= 0)
        return [
            (int(row), self._asset(at, distance))
            for row, at, distance in zip(rows[hits], index[hits].tolist(), metres[hits].tolist(), strict=True)
        ]

    def _asset(self, at: int, metres: float) -> Asset:
        weight = float(self.assets.criticality[at])
        return Asset(
            kind=self.assets.kind,
            asset_id=self.assets.ids[at],
            distance_m=metres,
            criticality=None if np.isnan(weight) else weight,
        )


def _midnight(day: str, zone: ZoneInfo) -> float:
    return datetime.combine(date.fromisoformat(day), time(), zone).timestamp()


def _meets(rule: Rule, area_id: str, metres: float) -> bool:
    return metres <= rule.within_m and (not rule.areas or area_id in rule.areas)
