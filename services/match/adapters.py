"""Between events and incidents: what `match` remembers of each partition, and what it says.

For each open report it remembers the last `RequestMatched`, packed, so that a correction can say all again, and what
is compared. A report is open for its family's window and the allowed lateness, and of no partition are more than
`at_most` open. Of others, and of those without a place, the id alone is kept, for the newest `remembered` of each
partition (about 0.15 kB each), so that a repeat is still known. `benchmarks.match` measures what it comes to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from services.events import Event, IncidentClosed, RequestMatched, RequestRouted, ReviewMade
from services.incidents.extents import Extents
from services.incidents.links import Bands, Likeness, Link, Lost, Said
from services.incidents.near import PER_CELL
from services.incidents.packing import Packing
from services.incidents.seen import HERE, Reach, Seen, see
from services.match.core import Incidents
from services.parts import Candidate, Classification, LinkEvidence, Matching, Reason, Relation, Report

if TYPE_CHECKING:
    from services.incidents.scorer import Scorer

LINKED_INTENTS = ("report", "status")
"""Questions, thanks and spam are nobody's duplicate."""
ASSET_WITHIN_M = 40.0
"""A place that may be further off than this says nothing of which street light is meant."""
FILED_FROM = 0.1
"""From this confidence on a report is held against the reports of a family that its category is not of."""
SURE_OF_LANGUAGE = 0.7
CLOCK_OFF_S = 30 * 86_400.0
"""Whose report was made so long before it came has a clock that is wrong; a file of old reports has not."""
UNSAID = 0.5
"""What is told as the similarity of texts of which one is empty."""


@dataclass(slots=True)
class Memory:
    """What is known of one town: several may share a partition, and their reports are no incident of each other's."""

    incidents: Incidents
    said: dict[str, bytes] = field(default_factory=dict)
    """The last output of each open report, packed."""
    gone: dict[str, None] = field(default_factory=dict)
    """Ids of reports that are no longer compared, oldest first."""
    doubtful: dict[str, float] = field(default_factory=dict)
    """Reports of which people spoke since their link was said, and from when on links may change by it."""

    def knows(self, request_id: str) -> bool:
        """Say whether a report was seen before."""
        return request_id in self.said or request_id in self.gone

    def remember(self, request_id: str, at_most: int) -> None:
        """Keep an id alone, and no more of them than `at_most`."""
        self.said.pop(request_id, None)
        self.gone[request_id] = None
        while len(self.gone) > at_most:
            del self.gone[next(iter(self.gone))]


def filed(classification: Classification, families: Mapping[str, str]) -> tuple[str, ...]:
    """Give the family of a report, those of what the classifier thought of as well, and that of all reports.

    `families` is by category. Where a person or a rule has named the category there are no alternatives.
    """
    also = (families.get(each.service_code) for each in classification.alternatives if each.confidence >= FILED_FROM)
    return tuple(dict.fromkeys([classification.family, *filter(None, also), HERE]))


def seen_of(event: RequestRouted | RequestMatched, families: Mapping[str, str]) -> Seen | None:
    """Give what of a report is compared; None if it has no place, or is no report of something on the ground.

    A report was made when the citizen says, but never after it arrived: a clock that runs ahead must not make the
    others look old. Nor does one that is a month behind count, unless the report came in a file.
    """
    report, classification = event.report, event.classification
    place = report.place
    if place is None or classification.intent not in LINKED_INTENTS:
        return None
    came, made = report.received_at.timestamp(), report.requested_at.timestamp()
    if made > came or (made < came - CLOCK_OFF_S and report.channel != "file"):
        made = came
    asset = event.routing.asset if place.radius_m <= ASSET_WITHIN_M else None
    return see(
        report.request_id,
        made,
        place.latitude,
        place.longitude,
        came=came,
        off_m=place.radius_m,
        vague=place.method == "zip",
        families=filed(classification, families),
        service_code=classification.service_code,
        guesses=[(each.service_code, each.confidence) for each in classification.alternatives],
        text=report.text,
        language=classification.language if classification.language_confidence >= SURE_OF_LANGUAGE else "",
        address=report.address,
        asset=f"{asset.kind}/{asset.asset_id}" if asset else "",
        reporter=report.reporter,
        same_as=report.same_as,
        reading=event.reading if isinstance(event, RequestMatched) else b"",
    )


class Matcher:
    """The handler of `match`: `Stateful` and `Reconsiders`, its state folded from its own `RequestMatched`.

    A repeat of a known request gives no output. Corrections of earlier outputs follow the last fresh report of
    the batch: one revision for all that the batch changed. So revisions may count differently where batches are cut
    differently; the last ones say the same.
    """

    def __init__(
        self,
        reaches: Mapping[str, Reach],
        scorer: Scorer,
        *,
        families: Mapping[str, str],
        bands: Bands | None = None,
        lateness_s: float = 48 * 3600.0,
        at_most: int = 1_000_000,
        remembered: int = 200_000,
        version: str = "",
        per_cell: int = PER_CELL,
    ) -> None:
        self._reaches = reaches
        self._scorer = scorer
        self._families = families
        self._bands = bands or Bands(scorer.known.suggestion, scorer.known.automatic)
        self._lateness_s = lateness_s
        self._at_most = at_most
        self._remembered = remembered
        self._version = version
        self._per_cell = per_cell
        self._memories: dict[tuple[int, str], Memory] = {}
        self._heard = Said()
        self._packing = Packing(RequestMatched)
        self._looked: dict[str, tuple[Report, Seen | None]] = {}
        """What was looked at last, which is most often what is folded next."""

    def handle(self, partition: int, batch: Sequence[Event]) -> Sequence[Sequence[Event]]:
        """Match each report of a batch of `RequestRouted`."""
        outcomes: list[list[Event]] = [[] for _ in batch]
        towns: dict[str, dict[str, tuple[int, RequestRouted]]] = {}
        for place, event in enumerate(cast("Sequence[RequestRouted]", batch)):
            towns.setdefault(event.report.jurisdiction_id, {}).setdefault(event.report.request_id, (place, event))
        looked = self._looked = {}
        for town, routed in towns.items():
            memory = self._memories.get((partition, town)) or self._open()
            self._match(memory, routed, outcomes, looked)
        return outcomes

    def _match(
        self,
        memory: Memory,
        routed: Mapping[str, tuple[int, RequestRouted]],
        outcomes: list[list[Event]],
        looked: dict[str, tuple[Report, Seen | None]],
    ) -> None:
        fresh: list[Seen] = []
        last = 0
        for request_id, (place, event) in routed.items():
            if memory.knows(request_id):
                continue
            last = max(last, place)
            seen = seen_of(event, self._families)
            looked[request_id] = event.report, seen
            if seen is None:
                outcomes[place].append(_matched(event, Matching(incident_id=request_id, version=self._version)))
            else:
                fresh.append(seen)
        new = {seen.id: seen for seen in fresh}
        found = memory.incidents.settle(fresh)
        extents = Extents(memory.incidents, fresh, found)
        for request_id, link in found.items():
            if request_id in new:
                place, event = routed[request_id]
                outcomes[place].append(_matched(event, self._matching(link, 1, extents), new[request_id].reading))
            else:
                outcomes[last].append(self._corrected(memory, request_id, link, extents))

    def fold(self, partition: int, event: Event) -> None:
        """Take one committed `RequestMatched`."""
        matched = cast("RequestMatched", event)
        where = partition, matched.report.jurisdiction_id
        memory = self._memories.get(where)
        if memory is None:
            memory = self._memories[where] = self._open()
        incidents, request_id = memory.incidents, matched.report.request_id
        if request_id in memory.gone:
            return
        told = matched.matching
        link = Link(told.incident_id, told.duplicate_of, told.band, told.relation, told.recurs_of, told.anchor)
        if request_id in self._heard:
            memory.doubtful[request_id] = self._since(request_id)
        if request_id in incidents:
            memory.said[request_id] = self._packed(matched)
            incidents.relink(request_id, link)
            return
        said, seen = self._looked.get(request_id, (None, None))
        if said is not matched.report:
            seen = seen_of(matched, self._families)
        if seen is None:
            memory.remember(request_id, self._remembered)
            return
        memory.said[request_id] = self._packed(matched)
        incidents.take(seen, link)
        for old in incidents.expire():
            memory.remember(old, self._remembered)

    def forget(self, partition: int) -> None:
        """Drop all that is known of a partition."""
        for where in [each for each in self._memories if each[0] == partition]:
            del self._memories[where]

    def learn(self, event: Event) -> None:
        """Take what a person said of a draft, or that an incident is closed, and doubt what it touches."""
        if isinstance(event, IncidentClosed):
            at = event.closed_at.timestamp()
            before = self._heard.closed.pop(event.request_id, at)
            self._heard.closed[event.request_id] = at
            while len(self._heard.closed) > self._remembered:
                del self._heard.closed[next(iter(self._heard.closed))]
            self._doubt({event.request_id}, min(at, before))
        elif isinstance(event, ReviewMade):
            link, request_id = event.draft.matching, event.draft.report.request_id
            if event.verdict == "unlink" and link.duplicate_of:
                was_one_with = self._heard.one_with(request_id)
                names = {link.duplicate_of, link.incident_id} - {request_id}
                self._heard.part(request_id, names, event.reviewed_at.timestamp())
                self._doubt({request_id, *was_one_with})
            elif event.same_as and event.same_as != link.incident_id:
                self._heard.join(link.incident_id, event.same_as, event.reviewed_at.timestamp())
                self._doubt({event.same_as, *self._heard.one_with(event.same_as)})

    def reconsider(self, partition: int, at_most: int) -> list[Event]:
        """Give what must be said anew after what people said, at most so many; empty once all that was said holds.

        Until an output given here is folded, the next call gives it again. The last reports come first: those whose
        links change with that of another are said before it, or it would no longer be seen that they have to.
        """
        outputs: list[Event] = []
        for where, memory in self._memories.items():
            if where[0] == partition and memory.doubtful:
                outputs += self._reconsidered(memory, at_most - len(outputs))
        return outputs

    def _reconsidered(self, memory: Memory, at_most: int) -> list[RequestMatched]:
        incidents, spoken = memory.incidents, memory.doubtful.items()
        found = incidents.settle([], {other for each, since in spoken for other in incidents.touched(each, since)})
        if not found:
            memory.doubtful.clear()
        extents = Extents(incidents, [], found)
        last = sorted(found, key=lambda each: incidents.near.rows[each], reverse=True)[:at_most]
        return [self._corrected(memory, each, found[each], extents) for each in last]

    def _doubt(self, request_ids: set[str], since: float = float("-inf")) -> None:
        for memory in self._memories.values():
            for each in request_ids & memory.incidents.near.rows.keys():
                memory.doubtful[each] = min(since, memory.doubtful.get(each, since))

    def _since(self, request_id: str) -> float:
        """Give from when on links may change by what people said of a report."""
        told = request_id in self._heard.apart or request_id in self._heard.together
        return float("-inf") if told else self._heard.closed[request_id]

    def _open(self) -> Memory:
        return Memory(
            Incidents(
                self._reaches,
                self._bands,
                self._scorer,
                lateness_s=self._lateness_s,
                per_cell=self._per_cell,
                at_most=self._at_most,
                said=self._heard,
            )
        )

    def _packed(self, matched: RequestMatched) -> bytes:
        """Pack all but what is among the records anyway."""
        return self._packing.pack(replace(matched, reading=b""))

    def _corrected(self, memory: Memory, request_id: str, link: Link, extents: Extents) -> RequestMatched:
        before = self._packing.unpack(memory.said[request_id])
        matching = self._matching(link, before.matching.revision + 1, extents)
        return replace(before, matching=matching, reading=memory.incidents.near.reading(request_id))

    def _matching(self, link: Link, revision: int, extents: Extents) -> Matching:
        won = link.likeness
        return Matching(
            incident_id=link.incident,
            band=link.band,
            duplicate_of=link.duplicate_of,
            score=won.score if won else 0.0,
            evidence=_evidence(won) if won else None,
            candidates=tuple(self._candidate(lost, won, link.relation) for lost in link.lost),
            revision=revision,
            relation=link.relation,
            why=link.why,
            recurs_of=link.recurs_of,
            anchor=link.anchor,
            extent=extents.of(link.incident),
            version=self._version,
        )

    def _candidate(self, lost: Lost, won: Likeness | None, relation: Relation | None) -> Candidate:
        if won is None:
            why = f"{lost.score:g} is below {self._bands.suggestion:g}, from which a link is suggested"
        elif relation == "surge":
            why = f"of many of its kind the most and nearest go with {won.other}"
        elif lost.score == won.score:
            why = f"as like as {won.other}, which is earlier"
        else:
            why = f"less like than {won.other}" if lost.score < won.score else "its incident has no room for this"
        return Candidate(request_id=lost.other, score=lost.score, why=why)


def _matched(event: RequestRouted, matching: Matching, reading: bytes = b"") -> RequestMatched:
    return RequestMatched(
        report=event.report,
        classification=event.classification,
        routing=event.routing,
        matching=matching,
        reading=reading,
    )


def _evidence(like: Likeness) -> LinkEvidence:
    return LinkEvidence(
        distance_m=like.distance_m,
        elapsed_s=like.elapsed_s,
        text_similarity=UNSAID if like.text is None else like.text,
        same_service_code=like.same_code,
        uncertainty_m=like.uncertainty_m,
        category_distance=like.category_distance,
        same_asset=like.same_asset,
        same_address=like.same_address,
        same_reporter=like.same_reporter,
        reasons=tuple(Reason(what=what, points=points) for what, points in like.reasons),
    )
