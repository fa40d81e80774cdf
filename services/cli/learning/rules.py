"""Proposes rules from past assignments: by category or family, and by place where the category alone does not decide.

All conjunctions of a category or a family with the areas of one layer are looked at, the plain ones first. A rule is
proposed where one department had at least `precision` of the reports, by the lower bound of what its `support` can
show. A more special rule is proposed only where it says something else. Then all are judged together, with the town's
own precedence, on later requests: what a rule had learnt from says too much of itself.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace as changed

from services.city.history import slug
from services.city.model import Rule
from services.classify.training.calibrate import lower_bound
from services.route.rulebook import ALWAYS, RuleBook, Situation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from services.city.model import City
    from services.cli.learning.past import Assignment

FEWEST, PRECISION = 20, 0.8
MOST_HINTS = 20
LONGEST_ID = 64
_WORD = re.compile(r"[^\W\d_]{4,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A rule, and how it fared: on the requests it was found in, and on later ones."""

    rule: Rule
    support: int
    right: int
    later: int = 0
    later_right: int = 0

    @property
    def precision(self) -> float | None:
        """The share of later requests that went to its department; None: it took none."""
        return self.later_right / self.later if self.later else None

    @property
    def at_least(self) -> float:
        """The lower Clopper-Pearson bound of that share, at 90 %."""
        return _bound(self.later_right, self.later)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A word that tells whose a report of a category is: no condition of a rule, and worth a question of its own."""

    word: str
    service_code: str
    department: str
    support: int
    right: int
    later: int
    later_right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that is proposed, and what the rules together would have done with the later requests."""

    proposals: tuple[Proposal, ...]
    hints: tuple[Hint, ...]
    later: int
    taken: int
    right: int


class Finder:
    """Looks for rules; `fewest` requests stand behind each."""

    def __init__(self, city: City, fewest: int = FEWEST, precision: float = PRECISION) -> None:
        self._city = city
        self._layers = [layer.id for layer in city.layers if not layer.limits and len(layer.areas) > 1]
        self._fewest = fewest
        self._precision = precision

    def find(self, earlier: Sequence[Assignment], later: Sequence[Assignment]) -> Found:
        """Propose rules and words from the earlier requests, and judge them by the later ones."""
        proposed = _distinct(self._propose(earlier))
        proposals, taken, right = judged(self._city, proposed, later)
        hints = self._hints(earlier, later, [each.rule for each in proposed])
        return Found(proposals=proposals, hints=hints, later=len(later), taken=taken, right=right)

    def _propose(self, past: Sequence[Assignment]) -> Iterator[Proposal]:
        by_category = _grouped(past, lambda each: each.service_code)
        ruled: set[str] = set()
        for code in self._city.categories:
            found = list(self._of(by_category.get(code, []), Rule(id=code, department="", service_codes=(code,))))
            ruled.update(code for _ in found)
            yield from found
        for family in self._city.families:
            codes = {code for code, category in self._city.categories.items() if category.family == family}
            if codes & ruled or len(codes) == 1:
                continue  # a rule by family and place would go before one by category alone
            rows = [each for code in sorted(codes) for each in by_category.get(code, [])]
            yield from self._of(rows, Rule(id=f"all {family}", department="", families=(family,)))

    def _of(self, rows: Sequence[Assignment], plain: Rule) -> Iterator[Proposal]:
        """Propose for one category or family: as a whole with exceptions by place, or by place with what is left."""
        whole = self._sure(rows)
        best: list[Proposal] = []
        for layer in self._layers:
            found = list(self._by_place(rows, layer, plain, but=whole[0] if whole else ""))
            if sum(each.support for each in found) > sum(each.support for each in best):
                best = found
        yield from best
        rest = _rest(rows, best)
        if left := self._sure(rest) if best else whole:
            yield Proposal(rule=_named(plain, left[0]), support=len(rest), right=left[1])

    def _by_place(self, rows: Sequence[Assignment], layer: str, plain: Rule, but: str) -> Iterator[Proposal]:
        """Propose one rule for all areas of a layer that surely go to the same department, other than `but`."""
        areas: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
        for area, inside in sorted(_grouped(rows, lambda each: each.areas.get(layer, "")).items()):
            sure = self._sure(inside) if area else None
            if sure and sure[0] != but:
                areas[sure[0]].append((area, len(inside), sure[1]))
        for department, found in areas.items():
            rule = _named(plain, department, layer, [area for area, _, _ in found])
            yield Proposal(rule=rule, support=sum(n for _, n, _ in found), right=sum(r for _, _, r in found))

    def _sure(self, rows: Sequence[Assignment]) -> tuple[str, int] | None:
        """Give the department that had nearly all of these, and how many; None where none had, or they are few."""
        if len(rows) < self._fewest:
            return None
        department, right = _leading(rows)
        return (department, right) if _bound(right, len(rows)) >= self._precision else None

    def _hints(
        self, earlier: Sequence[Assignment], later: Sequence[Assignment], rules: Sequence[Rule]
    ) -> tuple[Hint, ...]:
        """Give words that decide where no rule does, the most frequent first."""
        open_earlier, open_later = (_untaken(self._city, rules, part) for part in (earlier, later))
        afterwards = _grouped(open_later, lambda each: each.service_code)
        hints = []
        for code, rows in _grouped(open_earlier, lambda each: each.service_code).items():
            usual = _leading(rows)[0]
            for word, found in _by_word(rows).items():
                sure = self._sure(found)
                if sure and sure[0] != usual:
                    after = [each for each in afterwards.get(code, []) if word in _words(each.text)]
                    hints.append(
                        Hint(
                            word=word,
                            service_code=code,
                            department=sure[0],
                            support=len(found),
                            right=sure[1],
                            later=len(after),
                            later_right=sum(each.department == sure[0] for each in after),
                        )
                    )
        return tuple(sorted(hints, key=lambda hint: (-hint.support, hint.word))[:MOST_HINTS])


def judged(
    city: City, proposals: Sequence[Proposal], later: Sequence[Assignment]
) -> tuple[tuple[Proposal, ...], int, int]:
    """Give the proposals with how they fare together on later requests; how many they take, and how many rightly."""
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for each, rule in zip(later, _taking(city, [each.rule for each in proposals], later), strict=True):
        if rule:
            counts[rule][_department(proposals, rule) == each.department] += 1
    found = tuple(
        replace(each, later=counts[each.rule.id].total(), later_right=counts[each.rule.id][True]) for each in proposals
    )
    return found, sum(each.later for each in found), sum(each.later_right for each in found)


def _department(proposals: Sequence[Proposal], rule: str) -> str:
    return next(each.rule.department for each in proposals if each.rule.id == rule)


def _taking(city: City, rules: Sequence[Rule], past: Iterable[Assignment]) -> Iterator[str]:
    """Give the rule that takes each request, as `route` would; empty: none does."""
    book = RuleBook(changed(city, rules=tuple(rules)))
    names = {rule.id for rule in rules}
    for each in past:
        situation = Situation(
            service_code=each.service_code,
            family=each.family,
            flagged=False,
            placed=each.place is not None,
            outside=each.outside,
            areas=tuple(changed(area, share=1.0) for area in each.boundaries),
        )
        rule = book.choose(situation, ALWAYS).rule
        yield rule if rule in names else ""


def _untaken(city: City, rules: Sequence[Rule], past: Sequence[Assignment]) -> list[Assignment]:
    return [each for each, rule in zip(past, _taking(city, rules, past), strict=True) if not rule]


def _grouped(rows: Iterable[Assignment], by: Callable[[Assignment], str]) -> dict[str, list[Assignment]]:
    groups: dict[str, list[Assignment]] = defaultdict(list)
    for each in rows:
        groups[by(each)].append(each)
    return groups


def _leading(rows: Sequence[Assignment]) -> tuple[str, int]:
    """Give the department that had most of these, and how many; of two with equally many, the first by name."""
    counts = Counter(each.department for each in rows)
    return min(counts.items(), key=lambda each: (-each[1], each[0]))


def _rest(rows: Sequence[Assignment], proposals: Sequence[Proposal]) -> list[Assignment]:
    taken = {(each.rule.layer, area) for each in proposals for area in each.rule.areas}
    return [each for each in rows if not taken.intersection(each.areas.items())]


def _named(plain: Rule, department: str, layer: str = "", areas: Sequence[str] = ()) -> Rule:
    """Give the rule with an id that departments.yaml may hold."""
    where = ["in", areas[0] if len(areas) == 1 else f"{len(areas)} {layer}"] if areas else []
    name = "-".join(filter(None, (slug(word) for word in (plain.id, *where, "to", department))))
    if len(name) > LONGEST_ID:
        name = f"{name[: LONGEST_ID - 7]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return changed(plain, id=name, department=department, layer=layer, areas=tuple(areas))


def _distinct(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Give proposals with ids of their own: names that differ by signs alone are spelt alike."""
    taken: dict[str, Proposal] = {}
    for each in proposals:
        name, number = each.rule.id, 2
        while name in taken:
            name, number = f"{each.rule.id[: LONGEST_ID - 4]}-{number}", number + 1
        taken[name] = replace(each, rule=changed(each.rule, id=name))
    return list(taken.values())


def _by_word(rows: Sequence[Assignment]) -> dict[str, list[Assignment]]:
    found: dict[str, list[Assignment]] = defaultdict(list)
    for each in rows:
        for word in sorted(_words(each.text)):
            found[word].append(each)
    return found


def _words(text: str) -> Collection[str]:
    return set(_WORD.findall(text.casefold()))


def _bound(right: int, of: int) -> float:
    return float(lower_bound(np.array([right]), np.array([of]))[0]) if of else 0.0
