"""Reports with a truth, the pairs they make, and how well links and rules find it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.incidents.learning import Example
from services.incidents.links import Bands, Link
from services.incidents.near import Compared, Near
from services.incidents.pairs import apart
from services.incidents.scorer import Scorer
from services.incidents.seen import Reach, Seen
from services.match.core import Incidents

HOUR_S = 3600.0
AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Labelled:
    """A report, and what is known of it: the incident it is of, or whether the town marked it as a duplicate."""

    seen: Seen
    incident: str | None = None
    marked: bool = False


class Rule(NamedTuple):
    """What other systems go by: the same category within so many metres and hours."""

    metres: float
    hours: float


class Point(NamedTuple):
    """One point of a curve: from a threshold on, how many of the duplicates are found, and how many are right."""

    threshold: float
    recall: float
    precision: float


class Judged(NamedTuple):
    """What links came to: shares of all duplicates, and of what was linked."""

    reports: int
    duplicates: int
    automatic: int
    automatic_right: int
    suggested: int
    suggested_right: int

    @property
    def precision(self) -> float | None:
        """Of automatic links, those that are right; None where there are none."""
        return self.automatic_right / self.automatic if self.automatic else None

    @property
    def recall(self) -> float | None:
        """Of duplicates, those that were linked rightly without a person."""
        return self.automatic_right / self.duplicates if self.duplicates else None

    @property
    def recall_suggested(self) -> float | None:
        """Of duplicates, those that were linked rightly, or suggested so."""
        return (self.automatic_right + self.suggested_right) / self.duplicates if self.duplicates else None


def oldest_first(reports: Iterable[Labelled]) -> list[Labelled]:
    """Give reports in the order in which they were made, of one moment in that in which they came."""
    return sorted(reports, key=lambda each: each.seen.key)


def held_against(
    reports: Sequence[Labelled], reaches: Mapping[str, Reach], scorer: Scorer
) -> Iterator[tuple[Labelled, Compared]]:
    """Hold each report against the earlier ones in reach that `match` looks at."""
    near = Near(reaches, scorer)
    for each in reports:
        near.add(each.seen)
    known = {each.seen.id: each for each in reports}
    for request_id, compared in near.compared([each.seen.id for each in reports]):
        yield known[request_id], compared


def examples_of(reports: Sequence[Labelled], reaches: Mapping[str, Reach], scorer: Scorer) -> list[Example]:
    """Give what can be learned from reports."""
    incidents = {each.seen.id: each.incident for each in reports}
    found = []
    for each, compared in held_against(reports, reaches, scorer):
        same = None
        if each.incident is not None:
            same = np.array([incidents[other] == each.incident for other in compared.ids], np.bool_)
        found.append(Example(each.seen.families[0], compared.pairs.values, same, each.marked))
    return found


def duplicates_of(reports: Sequence[Labelled]) -> set[str]:
    """Give the reports that are duplicates of an earlier one."""
    told, found = set[str](), set[str]()
    for each in oldest_first(reports):
        if each.marked if each.incident is None else each.incident in told:
            found.add(each.seen.id)
        if each.incident is not None:
            told.add(each.incident)
    return found


def curve(
    reports: Sequence[Labelled], reaches: Mapping[str, Reach], scorer: Scorer, lost: int = 0
) -> tuple[list[Point], list[tuple[float, bool]]]:
    """Give the curve over the score of each report's likest earlier one, and these scores with whether it is right."""
    incidents = {each.seen.id: each.incident for each in reports}
    duplicates = duplicates_of(reports)
    scored: list[tuple[float, bool]] = []
    for each, compared in held_against(reports, reaches, scorer):
        if compared.others:
            place = min(range(len(compared.others)), key=lambda at: (-compared.scores[at], compared.others[at]))
            other = incidents[compared.ids[place]]
            right = each.seen.id in duplicates if each.incident is None else other == each.incident
            scored.append((float(compared.scores[place]), right))
    return points_of(scored, len(duplicates) + lost), scored


def points_of(scored: Iterable[tuple[float, bool]], duplicates: int) -> list[Point]:
    """Give a curve, from the highest threshold down; equal scores stand and fall together."""
    points: list[Point] = []
    right = 0
    ordered = sorted(scored, reverse=True)
    for number, (score, yes) in enumerate(ordered, 1):
        right += yes
        if number == len(ordered) or ordered[number][0] != score:
            points.append(Point(score, right / duplicates if duplicates else 0.0, right / number))
    return points


def by_rule(reports: Sequence[Labelled], rule: Rule, lost: int = 0) -> Point:
    """Give what a rule finds: the nearest earlier report of the category within reach is what it is a duplicate of."""
    duplicates, right, number = duplicates_of(reports), 0, 0
    by_code: dict[str, list[Labelled]] = defaultdict(list)
    for each in oldest_first(reports):
        by_code[each.seen.service_code].append(each)
    for held in by_code.values():
        lat = np.array([each.seen.latitude for each in held])
        lon = np.array([each.seen.longitude for each in held])
        made = np.array([each.seen.key[0] for each in held])
        for place in range(1, len(held)):
            begin = int(np.searchsorted(made, made[place] - rule.hours * HOUR_S))
            if begin >= place:
                continue
            metres = apart(lat[begin:place], lon[begin:place], lat[place : place + 1], lon[place : place + 1])
            nearest = int(np.argmin(metres))
            if metres[nearest] > rule.metres:
                continue
            number += 1
            each, other = held[place], held[begin + nearest]
            right += each.seen.id in duplicates if each.incident is None else each.incident == other.incident
    all_of_them = len(duplicates) + lost
    return Point(rule.metres, right / all_of_them if all_of_them else 0.0, right / number if number else 0.0)


def links_of(
    reports: Sequence[Labelled], reaches: Mapping[str, Reach], scorer: Scorer, bands: Bands
) -> dict[str, Link]:
    """Link reports as `match` does."""
    found: dict[str, Link] = {}
    incidents = Incidents(reaches, bands, scorer, lateness_s=float("inf"))
    for begin in range(0, len(reports), AT_ONCE):
        fresh = [each.seen for each in reports[begin : begin + AT_ONCE]]
        found |= incidents.settle_and_take(fresh)
    return found


def judge(reports: Sequence[Labelled], links: Mapping[str, Link], lost: int = 0) -> Judged:
    """Hold links against the truth. A link is right where the report that it names is of the same incident.

    `lost` are duplicates that have no place, so that nothing can link them: they count as not found.
    """
    incidents = {each.seen.id: each.incident for each in reports}
    duplicates = duplicates_of(reports)
    counts = {"automatic": [0, 0], "suggestion": [0, 0], "none": [0, 0]}
    for each in reports:
        link = links[each.seen.id]
        if each.incident is None:
            right = each.seen.id in duplicates
        else:
            right = incidents.get(link.duplicate_of or "") == each.incident
        counts[link.band][0] += 1
        counts[link.band][1] += right
    return Judged(len(reports) + lost, len(duplicates) + lost, *counts["automatic"], *counts["suggestion"])
