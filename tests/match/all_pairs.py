"""What links must be: every report held against every earlier one, slowly and plainly, whatever the order of arrival.

Written apart from `Near` and `Incidents`. Of theirs it takes the score of a pair, and what of a report is compared.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from services.events import Event, IncidentClosed, RequestMatched, RequestRouted, ReviewMade
from services.incidents.links import Bands
from services.incidents.pairs import Pairs, apart, pairs_of
from services.incidents.scorer import Scorer
from services.incidents.seen import RECORD, Key, Reach, Seen
from services.incidents.words import normal
from services.match.adapters import seen_of

RESENT_S = 600.0
CROWD, CROWD_S = 4, 7200.0
FILED_FROM = 0.1
HERE = "*"
AT_ONE_PLACE = Reach(10.0, 24 * 3600.0, most_off_m=50.0)
Cell = Callable[[str, float, float], int]
"""The cell of a place among the reports of a family."""


class Stand(NamedTuple):
    """Where a report stands."""

    incident: str
    duplicate_of: str | None = None
    band: str = "none"
    relation: str | None = None
    recurs_of: str | None = None
    anchor: tuple[float, float] | None = None
    score: float = 0.0


Candidates = list[tuple[Seen, Reach]]


class Words:
    """What people said, in plain sets."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.apart: dict[str, set[str]] = {}
        self.closed: dict[str, float] = {}
        edges: list[tuple[str, str, datetime]] = []
        unlinked: dict[str, datetime] = {}
        for event in events:
            if isinstance(event, IncidentClosed):
                self.closed[event.request_id] = event.closed_at.timestamp()
            elif isinstance(event, ReviewMade):
                link, request_id = event.draft.matching, event.draft.report.request_id
                if event.verdict == "unlink" and link.duplicate_of:
                    self.apart.setdefault(request_id, set()).update({link.duplicate_of, link.incident_id})
                    unlinked[request_id] = max(event.reviewed_at, unlinked.get(request_id, event.reviewed_at))
                elif event.same_as:
                    edges.append((link.incident_id, event.same_as, event.reviewed_at))
        self.groups: list[set[str]] = []
        for one, other, at in edges:
            if any(each in unlinked and unlinked[each] >= at for each in (one, other)):
                continue
            joined = [group for group in self.groups if one in group or other in group]
            self.groups = [group for group in self.groups if group not in joined]
            self.groups.append({one, other}.union(*joined))

    def together(self, request_id: str) -> set[str]:
        return next((group - {request_id} for group in self.groups if request_id in group), set())


def pairs(later: Sequence[Seen], earlier: Sequence[Seen], reach: Reach) -> Pairs:
    """Hold each report against that in its place."""
    one, two = (np.frombuffer(b"".join([each.record for each in side]), RECORD) for side in (later, earlier))
    number = len(later)
    radius, window = np.full(number, reach.radius_m), np.full(number, reach.window_s)
    metres = apart(one["latitude"], one["longitude"], two["latitude"], two["longitude"])
    return pairs_of(one, two, metres, radius, window)


class AllPairs:
    """The reports of one town and their links."""

    def __init__(
        self,
        events: Iterable[RequestRouted],
        words: Words,
        reaches: Mapping[str, Reach],
        families: Mapping[str, str],
        *,
        bands: Bands,
        scorer: Scorer,
    ) -> None:
        self.words, self.bands, self.scorer = words, bands, scorer
        self.reaches, self.families = reaches, families
        self.stands: dict[str, Stand] = {}
        self.before: list[Seen] = []
        self.shown: list[Seen] = []
        self.hidden: set[str] = set()
        self.said: dict[str, object] = {}
        self.placed: set[str] = set()
        self.events = {event.report.request_id: event for event in events}

    def links(self, per_cell: int | None = None, cell: Cell | None = None) -> dict[str, Stand]:
        """Give where every report stands; without a cell, whatever number of them is in one."""
        looked = {key: seen_of(each, self.families) for key, each in self.events.items()}
        self.placed = {key for key, seen in looked.items() if seen}
        found = {key: Stand(key) for key, seen in looked.items() if seen is None}
        for seen in sorted((seen for seen in looked.values() if seen), key=lambda seen: seen.key):
            alike = self._alike(seen)
            if any(each.key[0] // RESENT_S == seen.key[0] // RESENT_S for each in alike):
                self.hidden.add(seen.id)
            repeats = alike[-1] if alike and seen.key[0] - alike[-1].key[0] <= RESENT_S else None
            candidates = self._candidates(seen, per_cell, cell)
            self.stands[seen.id] = self._stand(seen, repeats, candidates, self._crowd(seen, per_cell, cell))
            self.before.append(seen)
            if seen.id not in self.hidden:
                self.shown.append(seen)
        return found | self.stands

    def _alike(self, seen: Seen) -> list[Seen]:
        """Give what was said before in the same words from the same place and person."""
        report = self.events[seen.id].report
        words = normal(report.text)
        if not words and not report.reporter:
            return []
        said = (report.reporter, f"{seen.latitude:.5f} {seen.longitude:.5f}", words)
        self.said[seen.id] = said
        return [each for each in self.before if self.said.get(each.id) == said]

    def _candidates(self, seen: Seen, per_cell: int | None, cell: Cell | None) -> Candidates:
        """Give the earlier reports that are held against one, each with the largest reach that holds both."""
        found: Candidates = []
        for family in sorted(self._filed(seen), key=lambda family: -self._reach(family).radius_m):
            reach = self._reach(family)
            found += [
                (each, reach)
                for each in self._latest(family, per_cell, cell)
                if seen.key[0] - each.key[0] <= reach.window_s
                and metres(seen, each) <= _room(reach, seen, each)
                and all(each is not known for known, _ in found)
            ]
        return found

    def _latest(self, family: str, per_cell: int | None, cell: Cell | None) -> list[Seen]:
        """Give the reports filed under a family, of each cell the latest."""
        cells: dict[int, list[Seen]] = {}
        for each in self.shown:
            if family in self._filed(each) and self._reach(family).radius_m:
                cells.setdefault(cell(family, each.latitude, each.longitude) if cell else 0, []).append(each)
        return [each for held in cells.values() for each in (held[-per_cell:] if per_cell else held)]

    def _crowd(self, seen: Seen, per_cell: int | None, cell: Cell | None) -> list[Seen]:
        """Give the reports of the same category, near and lately made: those of a family whose spread is a wide one."""
        said, reach = self.events[seen.id].classification, self._own(seen)
        if reach.spread_m < 4 * reach.radius_m or seen.vague:
            return []
        return [
            each
            for each in self._latest(said.family, per_cell, cell)
            if seen.key[0] - each.key[0] <= min(CROWD_S, reach.window_s)
            and metres(seen, each) <= reach.spread_m / 4
            and _first(self.events[each.id]) == _first(self.events[seen.id])
            and not each.vague
            and not (self._person(seen) and self._person(each) == self._person(seen))
        ]

    def _person(self, seen: Seen) -> str:
        return self.events[seen.id].report.reporter

    def _filed(self, seen: Seen) -> list[str]:
        """Give the families that hold a report: its own, those it may be of as well, and that of all."""
        said = self.events[seen.id].classification
        also = [each.service_code for each in said.alternatives if each.confidence >= FILED_FROM]
        here = [HERE] if self._reach(said.family).radius_m else []
        return [*dict.fromkeys([said.family, *(self.families[code] for code in also if code in self.families), *here])]

    def _reach(self, family: str) -> Reach:
        return self.reaches.get(family, AT_ONE_PLACE if family == HERE else Reach())

    def _own(self, seen: Seen) -> Reach:
        return self._reach(self.events[seen.id].classification.family)

    def _stand(self, seen: Seen, repeats: Seen | None, candidates: Candidates, crowd: list[Seen]) -> Stand:
        place = (seen.latitude, seen.longitude)
        known = {each.id: each for each in self.before}
        together = self.words.together(seen.id)
        if earlier := [each for each in self.before if each.id in together]:
            stand = self.stands[earlier[0].id]
            return Stand(
                stand.incident, earlier[0].id, "automatic", "merged", None, place, self._score(seen, earlier[0])
            )
        if unknown := sorted(each for each in together if each not in self.placed and each < seen.id):
            return Stand(unknown[0], unknown[0], "automatic", "merged", None, place)
        reach = self._own(seen)
        if reach.radius_m:
            named = known.get(seen.same_as)
            furthest = max(reach.spread_m or 4 * reach.radius_m, reach.radius_m + reach.most_off_m)
            if named and metres(seen, named) <= furthest and self._open(seen, named):
                return self._joined(seen, named, "confirmed")
            over = repeats and seen.id not in self.hidden and self._ended(seen, self.stands[repeats.id].incident)
            if repeats and not over and not self._parted(seen, repeats):
                return self._joined(seen, repeats, "resend")
        return self._surge(seen, [each for each in crowd if self._open(seen, each)]) or self._likest(seen, candidates)

    def _surge(self, seen: Seen, crowd: list[Seen]) -> Stand | None:
        """Give the stand of one of many: of the incidents that have room, that with the most and nearest of them."""
        if len({self._person(each) or each.key for each in crowd}) < CROWD:
            return None
        reach, best = self._own(seen), list[tuple[float, Key, Seen]]()
        weight = {each.id: math.exp(-((4 * metres(seen, each) / reach.spread_m) ** 2)) for each in crowd}
        for incident in {self.stands[each.id].incident for each in crowd}:
            held = [each for each in crowd if self.stands[each.id].incident == incident]
            nearest = min(held, key=lambda each: (-round(weight[each.id], 4), each.key))
            if _metres(seen.latitude, seen.longitude, *self._anchor(nearest)) <= reach.spread_m:
                strength = sum(round(weight[each.id], 4) for each in held)
                best.append((-round(strength, 4), nearest.key, nearest))
        if not best:
            return None
        other = min(best)[2]
        incident, anchor = self.stands[other.id].incident, self._anchor(other)
        return Stand(incident, other.id, "automatic", "surge", None, anchor, self._score(seen, other))

    def _joined(self, seen: Seen, other: Seen, relation: str) -> Stand:
        if seen.vague or other.vague:
            return Stand(seen.id, other.id, "suggestion", relation, score=self._score(seen, other))
        incident, anchor = self.stands[other.id].incident, self._anchor(other)
        return Stand(incident, other.id, "automatic", relation, None, anchor, self._score(seen, other))

    def _likest(self, seen: Seen, candidates: Candidates) -> Stand:
        scored = [(-self._score(seen, each, reach), each.key, each, reach) for each, reach in candidates]
        scored.sort(key=lambda each: each[:2])
        recurs: str | None = None
        suggested: Seen | None = None
        points = 0.0
        for lost, _, other, reach in scored:
            incident = self.stands[other.id].incident
            if -lost < self.bands.suggestion or (suggested and -lost < self.bands.automatic):
                break
            if self._parted(seen, other):
                continue
            if self._ended(seen, incident):
                recurs = recurs or incident
            elif -lost < self.bands.automatic:
                suggested, points = other, -lost
            elif self._has_room(seen, other, reach, candidates):
                relation = self._relation(seen, other)
                return Stand(incident, other.id, "automatic", relation, None, self._anchor(other), -lost)
            elif suggested is None:
                suggested, points = other, -lost
        if suggested:
            return Stand(seen.id, suggested.id, "suggestion", self._relation(seen, suggested), recurs, None, points)
        return Stand(seen.id, recurs_of=recurs)

    def _has_room(self, seen: Seen, other: Seen, reach: Reach, candidates: Candidates) -> bool:
        if seen.vague or other.vague:
            return False
        away = _metres(seen.latitude, seen.longitude, *self._anchor(other))
        if away <= _room(reach, seen, other):
            return True
        incident = self.stands[other.id].incident
        support = [
            each
            for each, shared in candidates
            if self.stands[each.id].incident == incident and self._score(seen, each, shared) >= self.bands.automatic
        ]
        return away <= (reach.spread_m or 4 * reach.radius_m) and len(support) >= 2

    def _relation(self, seen: Seen, other: Seen) -> str:
        one, two = (self.events[each.id].report.reporter for each in (seen, other))
        return "resend" if one and one == two and seen.key[0] - other.key[0] <= RESENT_S else "duplicate"

    def _anchor(self, other: Seen) -> tuple[float, float]:
        return self.stands[other.id].anchor or (other.latitude, other.longitude)

    def _open(self, seen: Seen, other: Seen) -> bool:
        return not self._parted(seen, other) and not self._ended(seen, self.stands[other.id].incident)

    def _parted(self, seen: Seen, other: Seen) -> bool:
        names, incident = self.words.apart.get(seen.id, set()), self.stands[other.id].incident
        return other.id in names or any(
            incident == (self.stands[name].incident if name in self.stands else name) for name in names
        )

    def _ended(self, seen: Seen, incident: str) -> bool:
        closed = self.words.closed
        members = [each for each in self.before if self.stands[each.id].incident == incident]
        ends = [max(closed[each.id], each.key[0]) for each in members if each.id in closed]
        if incident in closed and incident not in self.placed:
            ends.append(closed[incident])
        return any(end <= seen.key[0] for end in ends)

    def _score(self, seen: Seen, other: Seen, reach: Reach | None = None) -> float:
        """Give the score of a pair by the reach of a family that holds both, else by that of the later one's own."""
        reach = reach or self._own(seen)
        values = pairs([seen], [other], reach).values
        return float(self.scorer.scores(values, [self.events[seen.id].classification.family])[0])


def _first(event: RequestRouted) -> str:
    """Give the category that the classifier thinks likeliest."""
    said = event.classification
    return said.alternatives[0].service_code if said.alternatives else said.service_code


def _room(reach: Reach, one: Seen, two: Seen) -> float:
    return reach.radius_m + min(reach.most_off_m, math.hypot(one.off_m, two.off_m))


def metres(one: Seen, two: Seen) -> float:
    """Give the distance of two reports along the ground."""
    return _metres(one.latitude, one.longitude, two.latitude, two.longitude)


def _metres(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Give a distance by the chord between two points of the sphere."""
    one, two = (
        (math.cos(n) * math.cos(e), math.cos(n) * math.sin(e), math.sin(n))
        for n, e in ((math.radians(lat), math.radians(lon)), (math.radians(to_lat), math.radians(to_lon)))
    )
    return 2 * 6_371_008.8 * math.asin(min(1.0, math.dist(one, two) / 2))


def stand_of(event: RequestMatched) -> Stand:
    """Give where an output says that a report stands."""
    said = event.matching
    return Stand(said.incident_id, said.duplicate_of, said.band, said.relation, said.recurs_of, said.anchor, said.score)
