"""Which rules can never fire, and which two would leave it to their order in the file who takes a report.

Decided over all situations there can be, not guessed: every category, danger or none, hurry or none, every set of
hours that is open at one moment, no place at all (or one beyond the limits), and else for each layer every area and
distance, and for each kind of asset every distance, that rules tell apart. Layers and kinds are taken as independent
of each other; what the map rules out of that is told by `Space.meet`.

A rule is a bit, and a value of a dimension the mask of the rules that it satisfies. A rule fires if in each dimension
a value can be chosen so that its own bit is in all of the masks, and no bit of a rule before it is.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Literal, TypeVar

from services.city.hours import open_together
from services.city.model import Rule
from services.city.precedence import ranked, specificity

MOST_MASKS = 2000
"""Combinations that are kept in mind at once; where there are more, a rule is told to be undecided."""
ANY_OTHER = "*"
"""Stands for all areas of a layer that no rule names."""

MOST_SPOTS = 50_000
"""Likewise for the areas and distances of one layer."""

Dimension = frozenset[int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of a layer; `areas` and `lines` are ids, None where the file could not be read."""

    areas: Collection[str] | None
    lines: Collection[str] = ()
    limits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """All that rules can tell apart."""

    families: Mapping[str, str]
    """Of each category."""
    grounds: Mapping[str, Ground]
    holidays: bool
    meet: Callable[[Rule, Rule], bool] = lambda _one, _other: True
    """Whether the places that two rules ask for meet on the map."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What is wrong with a rule: never fires for `others`, ties with the one other, or could not be decided."""

    kind: Literal["never", "tie", "undecided"]
    rule: Rule
    others: tuple[Rule, ...] = ()


def conflicts(rules: Iterable[Rule], space: Space) -> list[Conflict]:
    """Give what is wrong with rules that each can hold for themselves, in their order."""
    return _Judge(tuple(rules), space).found()


class _TooManyError(Exception):
    """There are more combinations than are kept in mind."""


class _Judge:
    def __init__(self, rules: tuple[Rule, ...], space: Space) -> None:
        self._order = {rule.id: number for number, rule in enumerate(rules)}
        self._space = space
        by_layer = {layer: [rule for rule in rules if rule.layer == layer] for layer in {rule.layer for rule in rules}}
        found = {layer: _spots(those, space.grounds[layer]) for layer, those in by_layer.items() if layer}
        self._spots = {layer: spots for layer, spots in found.items() if spots is not None}
        self._vast = [rule for rule in rules if rule.layer and rule.layer not in self._spots]
        self._rules = ranked(rule for rule in rules if rule not in self._vast)
        self._worlds = self._dimensions()
        self._met = [self._meets(number) for number in range(len(self._rules))]

    def found(self) -> list[Conflict]:
        told = [Conflict("undecided", rule) for rule in self._vast]
        told += [each for number in range(len(self._rules)) for each in self._of(number)]
        dead = {each.rule.id for each in told if each.kind == "never"}
        kept = (each for each in told if each.kind != "tie" or each.others[0].id not in dead)
        return sorted(kept, key=lambda each: self._order[each.rule.id])

    def _of(self, number: int) -> list[Conflict]:
        rule = self._rules[number]
        before = self._met[number] & ((1 << number) - 1)
        try:
            if not self._possible(1 << number, before):
                return [Conflict("never", rule, self._shadows(number, before))]
            return [Conflict("tie", rule, (other,)) for other in self._ties(number)]
        except _TooManyError:
            return [Conflict("undecided", rule)]

    def _shadows(self, number: int, before: int) -> tuple[Rule, ...]:
        """Give the one rule that takes all of a rule's reports; where none does alone, some that do together."""
        some = self._those(before)
        alone = [other for other in some if not self._possible(1 << number, 1 << other)]
        for other in some if not alone else ():
            if not self._possible(1 << number, before & ~(1 << other)):
                before &= ~(1 << other)
        return tuple(self._rules[other] for other in (alone[:1] or self._those(before)))

    def _ties(self, number: int) -> Iterable[Rule]:
        rule, rank = self._rules[number], specificity(self._rules[number])
        above = sum(1 << other for other in range(number) if specificity(self._rules[other]) > rank)
        for other in self._those(self._met[number] & ((1 << number) - 1) & ~above):
            earlier = self._rules[other]
            both = (1 << number) | (1 << other)
            avoided = above & self._met[number] & self._met[other]
            if earlier.department == rule.department or not self._possible(both, avoided):
                continue
            if self._space.meet(rule, earlier):
                yield earlier

    def _possible(self, wanted: int, avoided: int) -> bool:
        """Say whether in some situation all of the wanted rules hold, and none of those to be avoided."""
        return any(_reachable(world, wanted, avoided) for world in self._worlds)

    def _meets(self, number: int) -> int:
        """Give the rules that hold together with one in some situation."""
        together = 0
        for world in self._worlds:
            common = -1
            for dimension in world:
                common &= _union(mask for mask in dimension if mask >> number & 1)
            together |= common
        return together & ~(1 << number)

    def _those(self, mask: int) -> list[int]:
        return [number for number in range(len(self._rules)) if mask >> number & 1]

    def _dimensions(self) -> tuple[list[Dimension], ...]:
        """Give two worlds, one without a place and one with, as dimensions of masks; few masks first."""
        space = self._space
        codes = self._values(
            space.families.items(),
            lambda rule, value: (
                (not rule.service_codes or value[0] in rule.service_codes)
                and (not rule.families or value[1] in rule.families)
            ),
        )
        danger = self._values((False, True), lambda rule, value: rule.safety is None or rule.safety == value)
        hurry = self._values((False, True), lambda rule, value: rule.urgent is None or rule.urgent == value)
        texts = {rule.hours for rule in self._rules if rule.hours}
        moments = open_together(texts, holidays=space.holidays)
        hours = self._values(moments, lambda rule, value: not rule.hours or rule.hours in value)
        anywhere = [danger, hurry, hours, codes]
        nowhere = self._values((None,), lambda rule, _: not rule.layer and rule.near is None)
        somewhere = [*self._layers(), *self._assets()]
        return sorted([*anywhere, nowhere], key=len), sorted([*anywhere, *somewhere], key=len)

    def _layers(self) -> Iterable[Dimension]:
        for layer, spots in self._spots.items():
            others = {rule.id for rule in self._rules if rule.layer != layer}
            yield self._values(spots, lambda rule, spot, others=others: rule.id in others or rule.id in spot)  # type: ignore[misc]

    def _assets(self) -> Iterable[Dimension]:
        distances: dict[str, set[float]] = {}
        for rule in self._rules:
            if rule.near:
                distances.setdefault(rule.near.asset, set()).add(rule.near.within_m)
        for kind, steps in sorted(distances.items()):
            yield self._values(
                (*steps, float("inf")),
                lambda rule, value, kind=kind: (  # type: ignore[misc]
                    rule.near is None or rule.near.asset != kind or value <= rule.near.within_m
                ),
            )

    def _values(self, values: Iterable[T], holds: Callable[[Rule, T], bool]) -> Dimension:
        return frozenset(
            sum(1 << number for number, rule in enumerate(self._rules) if holds(rule, value)) for value in values
        )


def _spots(rules: Collection[Rule], ground: Ground) -> set[frozenset[str]] | None:
    """Give which rules of one layer hold at one place or another; None where there are too many places."""
    named = {area for rule in rules for area in rule.areas}
    areas = [*named, ANY_OTHER] if ground.areas is None else [*ground.areas]
    homes = {area if area in named else ANY_OTHER for area in areas} | (set() if ground.limits else {""})
    far = [rule for rule in rules if rule.within_m]
    groups = {area: frozenset(rule.id for rule in far if not rule.areas or area in rule.areas) for area in areas}
    groups |= {
        line: frozenset(rule.id for rule in far if not rule.areas or line in rule.areas) for line in ground.lines
    }
    groups |= {ANY_OTHER: frozenset(rule.id for rule in far if not rule.areas)} if ANY_OTHER in homes else {}
    steps = [
        [(group, metres) for metres in (*sorted({rule.within_m for rule in far if rule.id in group}), float("inf"))]
        for group in sorted(set(groups.values()) - {frozenset()}, key=sorted)
    ]
    if len(homes) * prod(map(len, steps)) > MOST_SPOTS:
        return None
    return {
        frozenset(rule.id for rule in rules if _holds(rule, home, {**dict(choice), groups.get(home, frozenset()): 0.0}))
        for home in homes
        for choice in product(*steps)
    }


def _holds(rule: Rule, home: str, distances: Mapping[frozenset[str], float]) -> bool:
    """Say whether a rule's layer holds in one area (empty: in none), at these distances from groups of areas."""
    if rule.within_m:
        return any(metres <= rule.within_m for group, metres in distances.items() if rule.id in group)
    return bool(home) and (not rule.areas or home in rule.areas)


def _reachable(world: Iterable[Dimension], wanted: int, avoided: int) -> bool:
    left = {avoided}
    for dimension in world:
        fit = _least(mask & avoided for mask in dimension if mask & wanted == wanted)
        if not fit:
            return False
        if len(left) > MOST_MASKS or len(fit) > MOST_MASKS:
            raise _TooManyError
        left = _least({one & other for one in left for other in fit})
    return 0 in left


def _least(masks: Iterable[int]) -> set[int]:
    """Give the masks that hold no other one in themselves: what one satisfies, they satisfy and more."""
    found = set(masks)
    if 0 in found:
        return {0}
    kept: list[int] = []
    for mask in sorted(found, key=int.bit_count):
        if not any(mask & least == least for least in kept):
            kept.append(mask)
    return set(kept)


def _union(masks: Iterable[int]) -> int:
    together = 0
    for mask in masks:
        together |= mask
    return together
