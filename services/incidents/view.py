"""Which earlier report a report is one with, if any: the likest whose incident has room, or the one people named."""

from __future__ import annotations

from math import inf, radians
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from services.city.earth import arc_m
from services.incidents.links import Bands, Likeness, Link, Lost, Point, Said
from services.incidents.near import RESENT_S, Compared, Crowding, Near
from services.incidents.seen import FIRST, Key
from services.parts import Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.incidents.drawers import Entry
    from services.incidents.extents import Past
    from services.incidents.groups import Groups

MOST_CANDIDATES = 3
"""How many reports that did not become the link a link names, the likest first."""
WORTH_TELLING = 0.01
"""A report less like than this is not named among those that lost."""
CROWD = 4
"""Reports of one category by so many people, near and lately made, are an outage; the next joins what they are of."""
SUPPORT = 2
"""How many reports of an incident must be like enough to a report that lies beyond its radius."""
OPEN: Key = (inf, inf, "")
VAGUE = "a place that is known no better than to its ZIP code is linked by a person"


class Known(Protocol):
    """The open reports of a town and their links."""

    near: Near
    bands: Bands
    said: Said
    same_as: dict[str, str]
    """By report: which other the citizen named."""
    children: Groups
    """By report: those that are linked to it."""
    recurring: Groups
    members: Groups
    past: dict[str, Past]

    def link(self, request_id: str) -> Link:
        """Give the link of a known report."""

    def __contains__(self, request_id: str) -> bool: ...


class View:
    """What is known of open reports, and what has been found on top of it."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._near, self._said, self._bands = known.near, known.said, known.bands
        self.found: dict[str, Link] = {}
        self._ends: dict[str, Key] = {}

    def now(self, request_id: str) -> Link:
        """Give the link of a report as it is found so far."""
        return self.found.get(request_id) or self._known.link(request_id)

    def followers(self, request_id: str, before: str, incident: str) -> set[str]:
        """Give those that may have to change with a report whose incident has."""
        known = self._known
        others = {*self._near.later(request_id), *known.children.of(request_id)}
        others |= self._said.kept_off.get(request_id, set())
        if request_id in self._said.closed:
            self._ends.clear()
            for each in (before, incident):
                others |= {*known.members.of(each), *known.recurring.of(each), *self.beside(each)}
        return {other for other in others if other in known}

    def beside(self, incident: str) -> set[str]:
        """Give those that may be one of many with reports of an incident: what is closed does not count."""
        known = self._known
        members = (each for each in (incident, *known.members.of(incident)) if each in known)
        return {other for each in members for other in self._near.later(each)}

    def best(self, entry: Entry, compared: Compared) -> Link:
        """Give the link to the likest earlier report whose incident has room, or to the one that people named."""
        request_id = entry[2]
        link = self._named(entry) or self._resent(entry)
        if link is not None:
            return link
        scores: list[float] = compared.scores.tolist()
        least = min(self._bands.suggestion, WORTH_TELLING)
        worth = sorted((-score, compared.others[at], at) for at, score in enumerate(scores) if score >= least)
        order = [at for _, _, at in worth]
        if (crowd := self._crowd(entry, compared)) is not None:
            held = compared.ids
            won = held.index(crowd.duplicate_of) if crowd.duplicate_of in held else -1
            return replace(crowd, lost=self._lost(compared, order, won))
        recurs_of: str | None = None
        why, suggested = "", -1
        for place in order:
            score, other = scores[place], compared.others[place][2]
            if score < self._bands.suggestion or (suggested >= 0 and score < self._bands.automatic):
                break
            link = self.now(other)
            if self._parted(request_id, other, link.incident):
                why = why or f"a person says that it is not the same incident as {other}"
            elif self._ended(link.incident) < entry[:3]:
                recurs_of = recurs_of or link.incident
                why = why or f"the incident of {other} was closed before"
            elif score < self._bands.automatic:
                suggested = place
            elif fault := self._no_room(entry, compared, place, scores):
                why = why or fault
                suggested = place if suggested < 0 else suggested
            else:
                return self._linked(compared, place, order)
        if suggested >= 0:
            found = self._linked(compared, suggested, order)
            return replace(found, incident=request_id, band="suggestion", anchor=None, recurs_of=recurs_of, why=why)
        return Link(request_id, recurs_of=recurs_of, why=why, lost=self._lost(compared, order, -1))

    def _crowd(self, entry: Entry, compared: Compared) -> Link | None:
        """Give the link to the incident that a report is one of many of: an outage that so many tell of in so little.

        What lies near counts more; of two incidents as strong, that whose nearest report is the earlier. Of incidents
        that are closed, or that people parted it from, it is not one.
        """
        strength: dict[str, float] = {}
        nearest: dict[str, Crowding] = {}
        number, people = 0, set[int | str]()
        for each in sorted(compared.crowd, key=lambda crowding: crowding.entry):
            incident = self.now(each.entry[2]).incident
            if self._parted(entry[2], each.entry[2], incident) or self._ended(incident) < entry[:3]:
                continue
            number += 1
            people.add(each.person or each.entry[2])
            strength[incident] = round(strength.get(incident, 0.0) + each.weight, 4)
            if incident not in nearest or each.weight > nearest[incident].weight:
                nearest[incident] = each
        if len(people) < CROWD:
            return None
        for incident in sorted(strength, key=lambda each: (-strength[each], nearest[each].entry)):
            other = nearest[incident].entry[2]
            reach = self._near.reach(entry[2])
            anchor = self.now(other).anchor or self._near.place(other)
            if self._metres(entry, anchor) <= reach.most_m:
                like = self._alone(entry, compared, other)
                why = f"one of {number + 1} reports of its kind within {reach.crowd_m:g} m and two hours"
                return Link(incident, other, "automatic", "surge", anchor=anchor, why=why, likeness=like)
        return None

    def _alone(self, entry: Entry, compared: Compared, other: str) -> Likeness:
        """Give how like a report is to one other by the reach of its own family, which most were held against."""
        reach = self._near.reach(entry[2])
        for place, each in enumerate(compared.ids):
            if each == other and compared.reaches[place] is reach:
                return self._near.likeness(compared, place)
        return self._near.likeness(self._near.pair(entry[2], other), 0)

    def _linked(self, compared: Compared, place: int, order: Sequence[int]) -> Link:
        other = compared.others[place][2]
        parent = self.now(other)
        like = self._near.likeness(compared, place)
        resent = like.same_reporter and like.elapsed_s <= RESENT_S
        return Link(
            parent.incident,
            other,
            "automatic",
            "resend" if resent else "duplicate",
            anchor=parent.anchor or self._near.place(other),
            likeness=like,
            lost=self._lost(compared, order, place),
        )

    def _lost(self, compared: Compared, order: Sequence[int], won: int) -> tuple[Lost, ...]:
        ahead = [each for each in order[: MOST_CANDIDATES + 1] if each != won][:MOST_CANDIDATES]
        return tuple(Lost(compared.others[each][2], float(compared.scores[each])) for each in ahead)

    def _named(self, entry: Entry) -> Link | None:
        """Give the link that a person of the city made, or that the citizen named."""
        request_id = entry[2]
        others = self._said.one_with(request_id)
        earlier = [known for each in others if (known := self._near.rows.get(each)) and known < entry]
        if earlier:
            first = min(earlier)[2]
            like = self._near.likeness(self._near.pair(request_id, first), 0)
            anchor = self._near.place(request_id)
            return Link(self.now(first).incident, first, "automatic", "merged", anchor=anchor, likeness=like)
        before = self._known.link(request_id)
        end = before.duplicate_of or ""
        was_here = end > request_id or before.incident != end
        if before.relation == "merged" and end in others and end not in self._near.rows and was_here:
            return before
        # Of another family, or let go, or yet to come. Of two that cannot see each other one has to come first.
        unknown = sorted(each for each in others if each not in self._near.rows and each < request_id)
        if unknown:
            return Link(unknown[0], unknown[0], "automatic", "merged", anchor=self._near.place(request_id))
        named = self._near.rows.get(self._known.same_as.get(request_id, ""))
        if named is None or named >= entry or not self._near.reach(request_id).radius_m:
            return None
        other, parent = named[2], self.now(named[2])
        compared = self._near.pair(request_id, other)
        reach = compared.reaches[0]
        too_far = float(compared.pairs.metres[0]) > max(reach.most_m, reach.limit_m)
        if too_far or self._parted(request_id, other, parent.incident) or self._ended(parent.incident) < entry[:3]:
            return None
        return self._joined(request_id, named, compared, "confirmed")

    def _resent(self, entry: Entry) -> Link | None:
        """Give the link to what the same person said in the same words just before.

        What is hidden as a repeat is one with it though that was closed between: else nobody would find what it began.
        """
        before = self._near.repeated(entry[2])
        if before is None or not self._near.reach(entry[2]).radius_m:
            return None
        incident = self.now(before[2]).incident
        ended = self._ended(incident) < entry[:3] and not self._near.hidden(entry[2])
        if ended or self._parted(entry[2], before[2], incident):
            return None
        return self._joined(entry[2], before, self._near.pair(entry[2], before[2]), "resend")

    def _joined(self, request_id: str, other: Entry, compared: Compared, relation: Relation) -> Link:
        parent = self.now(other[2])
        like = self._near.likeness(compared, 0)
        if self._vague(request_id) or self._vague(other[2]):
            return Link(request_id, other[2], "suggestion", relation, why=VAGUE, likeness=like)
        anchor = parent.anchor or self._near.place(other[2])
        return Link(parent.incident, other[2], "automatic", relation, anchor=anchor, likeness=like)

    def _no_room(self, entry: Entry, compared: Compared, place: int, scores: Sequence[float]) -> str:
        """Say why a report may not join the incident of another that it is like enough to; empty: it may."""
        other = compared.others[place][2]
        if self._vague(entry[2]) or self._vague(other):
            return VAGUE
        parent, reach = self.now(other), compared.reaches[place]
        metres = self._metres(entry, parent.anchor or self._near.place(other))
        if metres <= reach.radius_m + min(float(compared.pairs.off[place]), reach.most_off_m):
            return ""
        if metres > reach.most_m:
            return f"the incident of {other} would reach {metres:.0f} m from its first report"
        support = sum(
            score >= self._bands.automatic and self.now(each[2]).incident == parent.incident
            for each, score in zip(compared.others, scores, strict=True)
        )
        return (
            "" if support >= SUPPORT else f"{other} alone is too little, {metres:.0f} m from where its incident began"
        )

    def _metres(self, entry: Entry, anchor: Point) -> float:
        lat, lon, to_lat, to_lon = map(radians, (*self._near.place(entry[2]), *anchor))
        return arc_m(lat, to_lat, to_lon - lon)

    def _parted(self, request_id: str, other: str, incident: str) -> bool:
        names = self._said.apart.get(request_id)
        if not names:
            return False
        return other in names or incident in names or any(self.now(each).incident == incident for each in names)

    def _ended(self, incident: str) -> Key:
        """Give after which key an incident is closed: that of the report that it was said of, or a moment if later."""
        closed = self._said.closed
        if not closed:
            return OPEN
        if incident not in self._ends:
            members = [incident, *self._known.members.of(incident), *self.found]
            keys = {
                each: self._near.rows[each][:3] if each in self._known else FIRST
                for each in members
                if each in closed and self.now(each).incident == incident
            }
            past = self._known.past.get(incident)
            keys |= {key[2]: key for key in (past.closed if past else ()) if key[2] in closed}
            ends = [max((closed[each], -inf, ""), key) for each, key in keys.items()]
            self._ends[incident] = min(ends, default=OPEN)
        return self._ends[incident]

    def _vague(self, request_id: str) -> bool:
        return bool(self._near.table["vague"][self._near.rows[request_id][3]])
