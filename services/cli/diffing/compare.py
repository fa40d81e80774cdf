"""Two cities route the same reports, each by its own rules, lines and hours: what moves, where to, and why."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from msgspec.structs import replace

from services.city.model import City
from services.city.precedence import DEFAULT
from services.cli.diffing.categories import Classified, Pair
from services.cli.diffing.past import EXAMPLES, Past, Row
from services.events import RequestClassified, RequestRouted
from services.parts import Routing
from services.responsible.advice import Routes
from services.route.worker import router_of
from services.runtime.worker import Rejected

AT_ONCE: Final = 2000
MOST_DRAWN: Final = 500_000
"""Places of moved reports that are kept for a picture, 24 bytes each."""

Cause = Literal["rule", "boundary", "rule_and_boundary", "default", "category"]
CAUSES: Final[dict[Cause, str]] = {
    "rule": "another rule takes them",
    "boundary": "they lie in another area",
    "rule_and_boundary": "both the rules and their area differ",
    "default": "no rule takes them any more",
    "category": "their category differs",
}
"""Why a report moves.

- `category`: the two cities take it for something else, or put that into another family.
- `boundary`: the old rules on the new lines already give the new department; `rule`: they give the old one, and the
  new rules make the difference; `rule_and_boundary`: they give a third.
- `default`: as `rule`, and what takes it in the new city is the default department.
"""


@dataclass(slots=True)
class Move:
    """Reports that go from one department to another."""

    old: str
    new: str
    reports: int = 0
    causes: Counter[Cause] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By the rule that took them and the one that takes them."""
    lines: list[int] = field(default_factory=list)
    """Lines of the export where the first of them begin."""


@dataclass(slots=True)
class Drawn:
    """Where moved reports are, and whose they become: degrees, and a place in `departments`."""

    longitude: array[float] = field(default_factory=lambda: array("d"))
    latitude: array[float] = field(default_factory=lambda: array("d"))
    department: array[int] = field(default_factory=lambda: array("H"))
    departments: list[str] = field(default_factory=list)
    left_out: int = 0
    """Moved reports without a place, or beyond `MOST_DRAWN`."""

    def add(self, event: RequestRouted) -> None:
        """Keep a moved report's place."""
        place = event.report.place
        if place is None or len(self.department) >= MOST_DRAWN:
            self.left_out += 1
            return
        if event.routing.department not in self.departments:
            self.departments.append(event.routing.department)
        self.longitude.append(place.longitude)
        self.latitude.append(place.latitude)
        self.department.append(self.departments.index(event.routing.department))


@dataclass(slots=True)
class Difference:
    """What two cities made of a past."""

    routed: int = 0
    same: int = 0
    other_rule: int = 0
    """Of the same: another rule takes them for the same department."""
    other_area: int = 0
    """Of the same: they lie in another area, which changes nothing."""
    outside: list[int] = field(default_factory=lambda: [0, 0])
    """Reports outside the limits of the old city and of the new one."""
    moves: dict[tuple[str, str], Move] = field(default_factory=dict)
    drawn: Drawn = field(default_factory=Drawn)

    @property
    def moved(self) -> int:
        """Give how many reports go to another department."""
        return self.routed - self.same

    @property
    def share(self) -> float:
        """Give the share of the routed reports that move; 0 where none was routed."""
        return self.moved / self.routed if self.routed else 0.0

    def causes(self) -> Counter[Cause]:
        """Give how many reports move for which cause."""
        return sum((move.causes for move in self.moves.values()), Counter())

    def ranked(self) -> list[Move]:
        """Give the moves, the largest first, then by name."""
        return sorted(self.moves.values(), key=lambda move: (-move.reports, move.old, move.new))


class Comparison:
    """Routes reports in both cities. Its layers are read and prepared once; it holds one batch at a time."""

    def __init__(self, old: City, new: City) -> None:
        self._old, self._new = router_of(old), router_of(new)
        self._between = self._old if _lines(old) == _lines(new) else router_of(replace(old, layers=new.layers))
        """The old rules on the new lines: what tells a boundary's doing from a rule's."""
        self.found = Difference()

    def take(self, past: Past, rows: Sequence[Row], pair: Pair) -> None:
        """Route a batch of rows in both cities and count what became of them."""
        both = [
            (row, as_old, as_new)
            for row, as_old, as_new in zip(rows, *pair.classify(rows), strict=True)
            if _fit(past, row, as_old, as_new)
        ]
        before = _routed(self._old, [cast("RequestClassified", as_old) for _, as_old, _ in both])
        after = _routed(self._new, [cast("RequestClassified", as_new) for _, _, as_new in both])
        self._count([row for row, _, _ in both], before, after)

    def _count(self, rows: Sequence[Row], before: Sequence[RequestRouted], after: Sequence[RequestRouted]) -> None:
        found = self.found
        moved: list[int] = []
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            found.routed += 1
            found.outside[0] += old.routing.outside
            found.outside[1] += new.routing.outside
            if old.routing.department != new.routing.department:
                moved.append(number)
                continue
            found.same += 1
            found.other_rule += old.routing.rule != new.routing.rule
            found.other_area += _areas(old.routing) != _areas(new.routing)
        causes = self._causes([before[number] for number in moved], [after[number] for number in moved])
        for number, cause in zip(moved, causes, strict=True):
            self._note(rows[number].line, before[number], after[number], cause)

    def _note(self, line: int, old: RequestRouted, new: RequestRouted, cause: Cause) -> None:
        key = (old.routing.department, new.routing.department)
        move = self.found.moves.setdefault(key, Move(*key))
        move.reports += 1
        move.causes[cause] += 1
        move.rules[old.routing.rule, new.routing.rule] += 1
        if len(move.lines) < EXAMPLES:
            move.lines.append(line)
        self.found.drawn.add(new)

    def _causes(self, before: Sequence[RequestRouted], after: Sequence[RequestRouted]) -> Iterable[Cause]:
        questions = [RequestClassified(report=old.report, classification=old.classification) for old in before]
        for old, new, between in zip(before, after, _routed(self._between, questions), strict=True):
            yield _cause(old, new, between.routing)


def _lines(city: City) -> list[tuple[str, str, str, bool]]:
    return [(layer.id, layer.effective, layer.version, layer.limits) for layer in city.layers]


def _cause(old: RequestRouted, new: RequestRouted, between: Routing) -> Cause:
    was, becomes = old.classification, new.classification
    if (was.service_code, was.family, was.safety.flagged) != (
        becomes.service_code,
        becomes.family,
        becomes.safety.flagged,
    ):
        return "category"
    if _areas(old.routing) != _areas(new.routing) and between.department != old.routing.department:
        return "boundary" if between.department == new.routing.department else "rule_and_boundary"
    return "default" if new.routing.rule == DEFAULT else "rule"


def _areas(routing: Routing) -> tuple[bool, frozenset[tuple[str, str]]]:
    return routing.outside, frozenset((area.layer, area.area_id) for area in routing.boundaries)


def _routed(router: Routes, events: Sequence[RequestClassified]) -> list[RequestRouted]:
    return cast("list[RequestRouted]", list(router.handle(events)))


def _fit(past: Past, row: Row, *sides: Classified) -> bool:
    for side in sides:
        if isinstance(side, Rejected):
            past.leave_out(side.reason, row.line)
            return False
    return True
