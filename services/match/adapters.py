"""Between events and incidents: what `match` remembers of each partition, and what it says.

For each open report it remembers the last `RequestMatched` as JSON (about 1.5 kB, so that a correction can say all
again) and what is compared (about 0.6 kB). A report is open for its family's window and the allowed lateness, and no
longer than the newest `at_most` of its family. Of older ones, and of those without a place, the id alone is kept, for
the newest `remembered` of each partition (about 0.15 kB each), so that a repeat is still known.

A person's `unlink` is not read here yet. The door for it: `Worker.reads` grows by `ReviewMade`; `handle` answers it
with the report's next revision, in which `Matching` names, in a new optional field, the reports it must not be linked
to; `fold` tells `Incidents`, and `best` passes over those pairs. Links stay a function of the reports and the verdicts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec
from msgspec.structs import replace

from services.events import Event, RequestMatched, RequestRouted
from services.match.core import PER_CELL, Bands, Incidents, Likeness, Link, Reach, Seen, shape_of
from services.parts import Candidate, Classification, LinkEvidence, Matching, Report

LINKED_INTENTS = ("report", "status")
"""Questions, thanks and spam are nobody's duplicate."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RequestMatched)


@dataclass(slots=True)
class Memory:
    """What is known of one partition."""

    families: dict[str, Incidents] = field(default_factory=dict)
    said: dict[str, bytes] = field(default_factory=dict)
    """The last output of each open report."""
    gone: dict[str, None] = field(default_factory=dict)
    """Ids of reports that are no longer compared, oldest first."""

    def knows(self, request_id: str) -> bool:
        """Say whether a report was seen before."""
        return request_id in self.said or request_id in self.gone

    def remember(self, request_id: str, at_most: int) -> None:
        """Keep an id alone, and no more of them than `at_most`."""
        self.said.pop(request_id, None)
        self.gone[request_id] = None
        while len(self.gone) > at_most:
            del self.gone[next(iter(self.gone))]


def seen_of(report: Report, classification: Classification) -> Seen | None:
    """Give what of a report is compared; None if it has no place, or is no report of something on the ground.

    A report was made when the citizen says, but never after it arrived: a clock that runs ahead must not make the
    others look old.
    """
    place = report.place
    if place is None or classification.intent not in LINKED_INTENTS:
        return None
    made = min(report.requested_at, report.received_at).timestamp()
    return Seen(
        (made, report.request_id),
        classification.service_code,
        place.latitude,
        place.longitude,
        place.radius_m,
        place.method == "zip",
        shape_of(report.text),
    )


class Matcher:
    """The handler of `match`: `Stateful`, its state folded from its own `RequestMatched`.

    A repeat of a known request gives no output. Corrections of earlier outputs follow the last fresh report of
    their family in the batch: one revision for all that the batch changed. So revisions may count differently
    where batches are cut differently; the last ones say the same.
    """

    def __init__(
        self,
        reaches: Mapping[str, Reach],
        *,
        bands: Bands = Bands(),  # noqa: B008 - frozen
        lateness_s: float = 48 * 3600.0,
        at_most: int = 200_000,
        remembered: int = 200_000,
        version: str = "",
        per_cell: int = PER_CELL,
    ) -> None:
        self._reaches = reaches
        self._bands = bands
        self._lateness_s = lateness_s
        self._at_most = at_most
        self._remembered = remembered
        self._version = version
        self._per_cell = per_cell
        self._memories: dict[int, Memory] = {}

    def handle(self, partition: int, batch: Sequence[Event]) -> Sequence[Sequence[Event]]:
        """Match each report of a batch of `RequestRouted`."""
        memory = self._memories.get(partition) or Memory()
        routed: dict[str, tuple[int, RequestRouted]] = {}
        fresh: dict[str, list[Seen]] = defaultdict(list)
        outcomes: list[list[Event]] = [[] for _ in batch]
        for place, event in enumerate(cast("Sequence[RequestRouted]", batch)):
            request_id = event.report.request_id
            if memory.knows(request_id) or request_id in routed:
                continue
            routed[request_id] = place, event
            seen = seen_of(event.report, event.classification)
            if seen is None:
                outcomes[place].append(self._matched(event, Link(request_id)))
            else:
                fresh[event.classification.family].append(seen)
        for family, reports in fresh.items():
            incidents = memory.families.get(family) or self._open(family)
            last = max(routed[seen.id][0] for seen in reports)
            corrections = []
            for request_id, link in incidents.settle(reports).items():
                if request_id in routed:
                    place, event = routed[request_id]
                    outcomes[place].append(self._matched(event, link))
                else:
                    corrections.append(self._corrected(memory.said[request_id], link))
            outcomes[last].extend(corrections)
        return outcomes

    def fold(self, partition: int, event: Event) -> None:
        """Take one committed `RequestMatched`."""
        matched = cast("RequestMatched", event)
        memory = self._memories.setdefault(partition, Memory())
        request_id, family = matched.report.request_id, matched.classification.family
        link = Link(matched.matching.incident_id, matched.matching.duplicate_of, matched.matching.band)
        if request_id in memory.gone:
            return
        if family not in memory.families:
            memory.families[family] = self._open(family)
        incidents = memory.families[family]
        if request_id in incidents:
            memory.said[request_id] = _encoder.encode(matched)
            incidents.relink(request_id, link)
            return
        seen = seen_of(matched.report, matched.classification)
        if seen is None:
            memory.remember(request_id, self._remembered)
            return
        memory.said[request_id] = _encoder.encode(matched)
        incidents.take(seen, link)
        for old in incidents.expire():
            memory.remember(old, self._remembered)

    def forget(self, partition: int) -> None:
        """Drop all that is known of a partition."""
        self._memories.pop(partition, None)

    def _open(self, family: str) -> Incidents:
        return Incidents(
            self._reaches.get(family, Reach()), self._bands, self._lateness_s, self._per_cell, self._at_most
        )

    def _matched(self, event: RequestRouted, link: Link) -> RequestMatched:
        return RequestMatched(
            report=event.report,
            classification=event.classification,
            routing=event.routing,
            matching=self._matching(link, revision=1),
        )

    def _corrected(self, said: bytes, link: Link) -> RequestMatched:
        before = _decoder.decode(said)
        old = before.matching
        if (link.duplicate_of, link.band) == (old.duplicate_of, old.band):
            matching = replace(old, incident_id=link.incident, revision=old.revision + 1)
        else:
            matching = self._matching(link, revision=old.revision + 1)
        return replace(before, matching=matching)

    def _matching(self, link: Link, revision: int) -> Matching:
        won = link.likeness
        return Matching(
            incident_id=link.incident,
            band=link.band,
            duplicate_of=link.duplicate_of,
            score=won.score if won else 0.0,
            evidence=won
            and LinkEvidence(
                distance_m=won.distance_m,
                elapsed_s=won.elapsed_s,
                text_similarity=won.text,
                same_service_code=won.same_code,
            ),
            candidates=tuple(
                Candidate(request_id=like.other[1], score=like.score, why=self._why(like, won)) for like in link.lost
            ),
            revision=revision,
            version=self._version,
        )

    def _why(self, like: Likeness, won: Likeness | None) -> str:
        if won is None:
            return f"{like.score:g} is below {self._bands.suggestion:g}, from which a link is suggested"
        if like.score == won.score:
            return f"as like as {won.other[1]}, which is earlier"
        return f"less like than {won.other[1]}"
