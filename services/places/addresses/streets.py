"""The names of a city's streets: which one somebody meant, which ones they might have, or that there is none such.

Typing errors are judged as a noisy channel does it (Kernighan, Church and Gale 1990, "A spelling correction program
based on a noisy channel model"): what was typed is given the probability that each near street would have been typed
so, and the best is taken only where it stands out among the others. Where an error falls is equally likely along the
name; a letter left out or two changed over is likelier than one particular letter of 26 put in or in another's place.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA, DamerauLevenshtein

from services.places.addresses.spelling import Speller, Spelt, plain, umlauts_as_letters

Outcome = Literal["found", "unsure", "unknown"]
MOST_CANDIDATES: Final = 5
STANDS_OUT: Final = 0.95
"""What the best street's share of the probability must be."""
_LETTERS: Final = 27
_KINDS_OF_ERROR: Final = math.log(4)
_FURTHER: Final = math.log(3)
"""A second error is taken to be a third as likely as the first."""
_WEIGHED: Final = 2
"""Errors that a street may be away and still be weighed against the nearest."""
_NEAR: Final = 12
"""Streets that are weighed against each other, at most."""
_LETTERS_FOR: Final = (2, 4, 16)
"""From how many letters on a name is looked for with one error, with two, and with three."""
_ALIKE: Final = 60.0
"""How alike two names are to be named as a candidate, by rapidfuzz's ratio from 0 to 100."""


@dataclass(frozen=True, slots=True)
class StreetMatch:
    """Which streets a name stands for, by their numbers in the index: one if found; if not, those it may be."""

    outcome: Outcome
    streets: tuple[int, ...] = ()
    reason: str = ""
    exact: bool = False
    """Every word was there, in some usual spelling."""


class _Keys:
    """Spellings by length: only those about as long as what was typed are compared with it."""

    def __init__(self, keys: Iterable[tuple[str, int]]) -> None:
        by_length = sorted(keys, key=lambda each: len(each[0]))
        self._keys = [key for key, _ in by_length]
        self._numbers = [number for _, number in by_length]
        self._lengths = [len(key) for key in self._keys]

    def near(self, typed: str, most: int) -> Iterable[tuple[str, int, int]]:
        """Give spellings up to `most` errors away, with their streets' numbers and how many errors."""
        begin = bisect_left(self._lengths, len(typed) - most)
        keys = self._keys[begin : bisect_right(self._lengths, len(typed) + most)]
        # The restricted distance is quick and may count one error more: two letters changed over, one between gone.
        for key, far, at in process.extract(typed, keys, scorer=OSA.distance, score_cutoff=most + 1, limit=_NEAR):
            errors = far if far <= most else DamerauLevenshtein.distance(key, typed)
            if errors <= most and _figures(key, typed):
                yield key, self._numbers[begin + at], errors


class StreetNames:
    """An index of street names, made once. Two names that are spelt alike are one street here."""

    def __init__(self, names: Iterable[str], speller: Speller) -> None:
        self.names: list[str] = []
        self._speller = speller
        self._spelt: list[Spelt] = []
        self._numbers: dict[str, int] = {}
        self._written: dict[str, list[int]] = defaultdict(list)
        self._same: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
        self._bags: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
        self._nameless: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._by_word: dict[str, set[int]] = defaultdict(set)
        for name in names:
            self._add(name)
        self._whole = _Keys((key, number) for key, numbers in self._written.items() for number in numbers)
        self._bare_keys = [spelt.bare for spelt in self._spelt]
        self._bare = _Keys(zip(self._bare_keys, range(len(self._spelt)), strict=True))

    def __len__(self) -> int:
        """Give how many streets there are."""
        return len(self.names)

    def number(self, name: str) -> int:
        """Give the number of a name that the index was made of; -1 for one without a letter or figure."""
        return self._numbers.get(name, -1)

    def _add(self, name: str) -> None:
        spelt = self._speller.spell(name)
        if not spelt.written or name in self._numbers:
            return
        alike = self._same.get((spelt.kind, spelt.name))
        if alike:
            self._numbers[name] = alike[0]
            return
        number = self._numbers[name] = len(self.names)
        self.names.append(name)
        self._spelt.append(spelt)
        self._same[spelt.kind, spelt.name].append(number)
        self._bags[spelt.kind, spelt.bag].append(number)
        self._nameless[spelt.bag].append(number)
        for word in spelt.bag:
            self._by_word[word].add(number)
        typed = self._speller.spell(umlauts_as_letters(name))
        for key in {spelt.written, plain(name), typed.written}:
            self._written[key].append(number)

    def look_up(self, text: str) -> StreetMatch:
        """Give the street that is spelt so, in any usual way; nothing near is looked for."""
        spelt = self._speller.spell(text)
        if not spelt.written:
            return StreetMatch("unknown", reason="no street is named")
        found = (
            self._written.get(spelt.written)
            or self._same.get((spelt.kind, spelt.name))
            or self._bags.get((spelt.kind, spelt.bag))
        )
        if found is None and not spelt.kind:
            found = self._nameless.get(spelt.bag)
        if not found:
            return StreetMatch("unknown")
        if len(found) > 1:
            return StreetMatch(
                "unsure", tuple(found[:MOST_CANDIDATES]), "more than one street is called so", exact=True
            )
        return StreetMatch("found", (found[0],), exact=True)

    def find(self, text: str) -> StreetMatch:
        """Give the street that is meant: spelt so, shortened, or mistyped."""
        found = self.look_up(text)
        if found.outcome != "unknown":
            return found
        spelt = self._speller.spell(text)
        shortened = self._shortened(spelt)
        mistyped = self._mistyped(spelt)
        if shortened and mistyped.outcome == "unknown":
            return self._of_short(spelt, shortened)
        if shortened and not set(mistyped.streets) <= set(shortened):
            both = tuple(dict.fromkeys((*mistyped.streets, *shortened)))[:MOST_CANDIDATES]
            return StreetMatch("unsure", both, "it may be one street shortened or another mistyped")
        return mistyped

    def suggest(self, text: str, most: int = MOST_CANDIDATES) -> list[int]:
        """Give streets whose names begin like the text or are most alike, the best first."""
        spelt = self._speller.spell(text)
        if not spelt.written:
            return []
        key, bare = plain(text), spelt.bare
        begun = [
            at for at, other in enumerate(self._spelt) if other.bare.startswith(bare) or other.written.startswith(key)
        ]
        alike = process.extract(bare, self._bare_keys, scorer=fuzz.ratio, score_cutoff=_ALIKE, limit=most)
        return list(dict.fromkeys([*begun[:most], *(at for _, _, at in alike)]))[:most]

    def _shortened(self, spelt: Spelt) -> list[int]:
        """Give the streets that have all the words, in part as initials, and more: "Via G. Verdi", "Via Verdi"."""
        full = [word for word in spelt.bag if len(word) > 1 or word.isdigit()]
        if not full:
            return []
        near = set.intersection(*(self._by_word.get(word, set()) for word in full))
        initials = [word for word in spelt.bag if word not in full]
        fit = [at for at in sorted(near) if _begin(self._spelt[at], full, initials)]
        return [at for at in fit if not spelt.kind or spelt.kind in (self._spelt[at].kind, *self._spelt[at].name)]

    def _of_short(self, spelt: Spelt, fit: Sequence[int]) -> StreetMatch:
        only = self._spelt[fit[0]]
        if len(fit) == 1 and spelt.kind and spelt.name and only.name[-1] in spelt.name:
            return StreetMatch("found", tuple(fit), "the name was given in part")
        return StreetMatch("unsure", tuple(fit[:MOST_CANDIDATES]), "the name was given in part")

    def _mistyped(self, spelt: Spelt) -> StreetMatch:
        costs, near_enough = self._costs(spelt)
        if not near_enough:
            return StreetMatch("unknown", tuple(self.suggest(spelt.written)), "no street is called so")
        least = min(costs.values())
        weights = {number: math.exp(least - cost) for number, cost in costs.items()}
        ranked = sorted(weights, key=lambda number: (-weights[number], self.names[number]))
        if ranked[0] in near_enough and STANDS_OUT * sum(weights.values()) <= 1:
            return StreetMatch("found", (ranked[0],), "the name was mistyped")
        return StreetMatch("unsure", tuple(ranked[:MOST_CANDIDATES]), "it is near more than one street's name")

    def _costs(self, spelt: Spelt) -> tuple[dict[int, float], set[int]]:
        """Give -log of how likely each near street would be typed so, and those near enough for one to be taken.

        A short name is taken with one error only, and still weighed against those that are two away: a letter put in
        another's place is rarer than two left out.
        """
        costs: dict[int, float] = {}
        near_enough: set[int] = set()
        tries = [(spelt.written, self._whole, _errors(spelt.bare if spelt.kind else spelt.written))]
        if spelt.as_typed != spelt.written:  # a name may begin with what is elsewhere a kind: "Park Stret"
            tries.append((spelt.as_typed, self._whole, _errors(spelt.bare)))
        if not spelt.kind:
            tries.append((spelt.bare, self._bare, _errors(spelt.bare)))
        for typed, keys, most in tries:
            for key, number, errors in keys.near(typed, max(most, _WEIGHED)) if most else ():
                costs[number] = min(costs.get(number, math.inf), error_cost(key, typed))
                if errors <= most:
                    near_enough.add(number)
        return costs, near_enough


def _begin(other: Spelt, full: Sequence[str], initials: Sequence[str]) -> bool:
    """Say whether each initial begins another word of the name than those given in full."""
    rest = [word for word in other.name if word not in full]
    for initial in initials:
        fit = next((word for word in rest if word.startswith(initial)), None)
        if fit is None:
            return False
        rest.remove(fit)
    return True


def _figures(meant: str, typed: str) -> bool:
    """Say whether the figures agree: 4th is no slip of the pen for 5th."""
    said = [sign for sign in typed if sign.isdigit()]
    return not said or said == [sign for sign in meant if sign.isdigit()]


def _errors(typed: str) -> int:
    """Give how many errors a name of this length may hold and still be told."""
    letters = len(typed.replace(" ", ""))
    return sum(letters >= least for least in _LETTERS_FOR)


def error_cost(meant: str, typed: str) -> float:
    """Give -log of the probability that `meant` was typed as `typed`; optimal string alignment, weighted by error."""
    begin = 0
    while begin < min(len(meant), len(typed)) and meant[begin] == typed[begin]:
        begin += 1
    end = 0
    while end < min(len(meant), len(typed)) - begin and meant[-1 - end] == typed[-1 - end]:
        end += 1
    place = math.log(max(len(meant), 1)) + _KINDS_OF_ERROR + _FURTHER
    cost = _aligned(meant[begin : len(meant) - end], typed[begin : len(typed) - end], place, place + math.log(_LETTERS))
    return max(cost - _FURTHER, 0.0)


def _aligned(meant: str, typed: str, place: float, letter: float) -> float:
    before: list[float] = []
    row = [column * letter for column in range(len(typed) + 1)]
    for at, sign in enumerate(meant, 1):
        older, before = before, row
        row = [at * place]
        for to, other in enumerate(typed, 1):
            best = min(before[to] + place, row[-1] + letter, before[to - 1] + (0.0 if sign == other else letter))
            if at > 1 and to > 1 and sign == typed[to - 2] and meant[at - 2] == other:
                best = min(best, older[to - 2] + place)
            row.append(best)
    return row[-1]
