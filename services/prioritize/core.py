"""How soon a report should be seen to: points with their reasons, a level, a time it is due.

| what | points |
| --- | --- |
| its category | the category's `base_points` |
| the text speaks of danger to life | `Points.danger` |
| its category may concern life and limb | `Points.safety_category` |
| the category is a guess (confidence below `UNSURE`) | `Points.unsure` |
| the writer is upset (sentiment below `UPSET`) | `Points.upset` |
| a surge of its category is on in its area | `Points.surge` |
| something of the city's own making touches it | the points of that `ContextUpdated` |
| it is the first report of an incident with many | by `CROWDS` |

The level follows from the score; danger to life is always `life_safety`. It is due after the hours that the category
promises, counted from when the report was made, times the level's share of them (`SHARE_OF_PROMISE`), and with
danger to life after `Points.life_safety_hours` at the latest.

What a request's points are depends on what is known, never on the order in which it came: where a new report, a
surge or a storm warning changes the points of an earlier request, `reconsider` says so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from typing import cast

import h3
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.city.model import Category
from services.events import ContextUpdated, Event, RequestMatched, RequestPrioritized, SurgeDetected
from services.parts import Level, Priority, Reason

UNSURE = 0.5
UPSET = -0.5
CROWDS = ((100, 20.0), (20, 15.0), (5, 10.0), (2, 5.0))
"""From how many reports an incident's first one gains how much. Few steps, so that it is seldom said anew."""
SHARE_OF_PROMISE: dict[Level, float] = {"routine": 1.0, "elevated": 0.5, "urgent": 0.25, "life_safety": 0.25}
AREA_RESOLUTION = 6
REMEMBERED = 200_000
"""Closed requests of a partition whose revision is kept, the latest ones: as many as `match` remembers."""
UNKNOWN = Category(service_code="", name="a category the city does not know", family="")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RequestPrioritized)


@dataclass(frozen=True, slots=True)
class Points:
    """What an operator may weigh otherwise."""

    danger: float = 50.0
    safety_category: float = 15.0
    unsure: float = 3.0
    upset: float = 2.0
    surge: float = 10.0
    elevated_from: float = 40.0
    urgent_from: float = 70.0
    life_safety_hours: float = 1.0


@lru_cache(maxsize=65_536)
def area_of(cell: str) -> str:
    """Give the H3 cell at resolution 6 that holds a routing's cell; empty for an empty one, and for what is no cell."""
    try:
        return h3.cell_to_parent(cell, AREA_RESOLUTION) if cell else ""
    except (ValueError, OverflowError):
        return ""


def score(
    event: RequestMatched | RequestPrioritized,
    category: Category,
    points: Points,
    *,
    crowd: int,
    surge: bool,
    contexts: Iterable[ContextUpdated],
) -> Priority:
    """Give the priority of a report, of revision 1.

    Args:
        event: The report and all that is said of it.
        category: Its category; `UNKNOWN` if the city has none of that code.
        points: What the contributions weigh.
        crowd: How many reports of its incident are known, this one among them.
        surge: Whether a surge of its category is on in its area.
        contexts: What touches it, in the order in which it is to be named.

    """
    said, reasons = event.classification, [Reason(what=f"category {category.name}", points=category.base_points)]
    if said.safety.flagged:
        words = ", ".join(said.safety.evidence)
        reasons.append(Reason(what=f"danger to life: {words}" if words else "danger to life", points=points.danger))
    if category.safety:
        reasons.append(Reason(what="a category that may concern life and limb", points=points.safety_category))
    if said.confidence < UNSURE:
        reasons.append(Reason(what="the category is a guess", points=points.unsure))
    if said.sentiment < UPSET:
        reasons.append(Reason(what="the writer is upset", points=points.upset))
    if surge:
        reasons.append(Reason(what=f"a surge of {category.name} in this area", points=points.surge))
    reasons += [Reason(what=context.what, points=context.points) for context in contexts]
    if event.matching.incident_id == event.report.request_id:
        size, gain = next(((size, gain) for size, gain in CROWDS if crowd >= size), (0, 0.0))
        if gain:
            reasons.append(Reason(what=f"first of {size} or more reports of one incident", points=gain))
    total = round(min(100.0, max(0.0, sum(reason.points for reason in reasons))), 2)
    level = _level(total, points, danger=said.safety.flagged)
    hours = category.promised_hours * SHARE_OF_PROMISE[level]
    if level == "life_safety":
        hours = min(hours, points.life_safety_hours)
    due = event.report.requested_at + timedelta(hours=hours)
    return Priority(score=total, level=level, due_at=due, reasons=tuple(reasons))


def _level(total: float, points: Points, *, danger: bool) -> Level:
    if danger:
        return "life_safety"
    if total >= points.urgent_from:
        return "urgent"
    return "elevated" if total >= points.elevated_from else "routine"


def touches(context: ContextUpdated, family: str, area: str, made: datetime) -> bool:
    """Say whether a context concerns a report of a family and an area, made within its time (the end left out)."""
    return (
        (not context.families or family in context.families)
        and (not context.areas or area in context.areas)
        and context.starts_at <= made < context.ends_at
    )


class Standing(Struct, gc=False):
    """An open request: what was last said of it, as JSON, and what is looked up often."""

    said: bytes
    incident: str
    service_code: str
    family: str
    area: str
    made: datetime
    link: int
    """The revision of the link that was last scored."""
    revision: int


@dataclass(slots=True)
class Memory:
    """What is known of one partition."""

    open: dict[str, Standing] = field(default_factory=dict)
    alike: defaultdict[tuple[str, str], dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """Open requests by category and area: what a surge touches."""
    crowds: Counter[str] = field(default_factory=Counter)
    """How many open requests each incident has."""
    doubtful: dict[str, None] = field(default_factory=dict)
    """Requests of which what was said may no longer hold."""
    closed: dict[str, int] = field(default_factory=dict)
    """The last revision of requests that are no longer open, oldest first: a link may still change."""
    ages: list[tuple[datetime, str]] = field(default_factory=list)
    newest: datetime | None = None


class Prioritizer:
    """The handler of `prioritize`: `Stateful`, its state folded from its own output, and `Reconsiders`.

    A request is open for `keep` after it was made, measured against the newest of its partition, and the newest
    `at_most` of a partition are (about 2.5 kB each). A closed one is no longer reconsidered and no longer counted; its
    revision is remembered, so that what is said of it when its link changes is newer than what was.
    """

    def __init__(
        self,
        categories: Mapping[str, Category],
        *,
        points: Points = Points(),
        keep: timedelta = timedelta(days=14),
        at_most: int = 100_000,
        version: str = "",
    ) -> None:
        self._categories = categories
        self._points = points
        self._keep = keep
        self._at_most = at_most
        self._version = version
        self._memories: dict[int, Memory] = {}
        self._surges: set[tuple[str, str]] = set()
        self._contexts: dict[str, ContextUpdated] = {}

    def handle(self, partition: int, batch: Sequence[Event]) -> Sequence[Sequence[Event]]:
        """Score each report of a batch of `RequestMatched`; one that says nothing new gives no output."""
        memory = self._memories.get(partition) or Memory()
        more: Counter[str] = Counter()
        latest: dict[str, RequestPrioritized] = {}
        outcomes: list[list[Event]] = []
        for event in cast("Sequence[RequestMatched]", batch):
            request_id, incident = event.report.request_id, event.matching.incident_id
            standing, before = memory.open.get(request_id), latest.get(request_id)
            if before is None and standing is not None and standing.link < event.matching.revision:
                before = _decoder.decode(standing.said)
            known = before.matching.revision if before else standing.link if standing else 0
            if known >= event.matching.revision:
                outcomes.append([])
                continue
            if before:
                more[before.matching.incident_id] -= 1
            more[incident] += 1
            output = RequestPrioritized(
                report=event.report,
                classification=event.classification,
                routing=event.routing,
                matching=event.matching,
                priority=replace(
                    self._score(event, memory.crowds[incident] + more[incident]),
                    revision=(before.priority.revision if before else memory.closed.get(request_id, 0)) + 1,
                    version=self._version,
                ),
            )
            latest[request_id] = output
            outcomes.append([output])
        return outcomes

    def fold(self, partition: int, event: Event) -> None:
        """Take one committed `RequestPrioritized`."""
        said = cast("RequestPrioritized", event)
        memory = self._memories.setdefault(partition, Memory())
        request_id, incident = said.report.request_id, said.matching.incident_id
        before = memory.open.get(request_id)
        standing = memory.open[request_id] = Standing(
            _encoder.encode(said),
            incident,
            said.classification.service_code,
            said.classification.family,
            area_of(said.routing.cell),
            said.report.requested_at,
            said.matching.revision,
            said.priority.revision,
        )
        if before is not None:
            self._part(memory, request_id, before)
        memory.alike[standing.service_code, standing.area][request_id] = None
        if before is None:
            memory.closed.pop(request_id, None)
            made = min(said.report.requested_at, said.report.received_at)
            heappush(memory.ages, (made, request_id))
            memory.newest = max(memory.newest or made, made)
        if before is None or before.incident != incident:
            memory.crowds[incident] += 1
            memory.doubtful[incident] = None
        if before is not None and before.incident != incident:
            self._leave(memory, before.incident)
            memory.doubtful[before.incident] = None
        if self._now(said, memory) == said.priority:
            memory.doubtful.pop(request_id, None)
        else:  # the world changed while this was being committed, or since
            memory.doubtful[request_id] = None
        self._close(memory)

    def forget(self, partition: int) -> None:
        """Drop all that is known of a partition."""
        self._memories.pop(partition, None)

    def learn(self, event: Event) -> None:
        """Take the newest of a surge or of a context, and doubt whatever it touches or touched."""
        if isinstance(event, SurgeDetected):
            surge = (event.service_code, event.area)
            if event.active == (surge in self._surges):
                return
            (self._surges.add if event.active else self._surges.discard)(surge)
            for memory in self._memories.values():
                memory.doubtful |= memory.alike.get(surge, {})
        elif isinstance(event, ContextUpdated):
            both = [event, *filter(None, [self._contexts.get(event.context_id)])]
            self._contexts[event.context_id] = event
            self._drop_contexts()
            for memory in self._memories.values():
                for request_id, standing in memory.open.items():
                    if any(touches(context, standing.family, standing.area, standing.made) for context in both):
                        memory.doubtful[request_id] = None

    def reconsider(self, partition: int, at_most: int) -> list[Event]:
        """Give what must be said anew, at most so many; empty once all that was said holds.

        Until an output given here is folded, the next call gives it again.
        """
        memory = self._memories.get(partition)
        outputs: list[Event] = []
        for request_id in list(memory.doubtful) if memory else ():
            if memory is None or len(outputs) >= at_most:
                break
            standing = memory.open.get(request_id)
            said = _decoder.decode(standing.said) if standing else None
            now = self._now(said, memory) if said else None
            if said is None or now is None or now == said.priority:
                del memory.doubtful[request_id]
            else:
                fresh = replace(now, revision=now.revision + 1, version=self._version)
                outputs.append(replace(said, priority=fresh))
        return outputs

    def _now(self, said: RequestPrioritized, memory: Memory) -> Priority:
        """Give what would be said today in that revision's place."""
        now = self._score(said, memory.crowds[said.matching.incident_id])
        return replace(now, revision=said.priority.revision, version=said.priority.version)

    def _score(self, event: RequestMatched | RequestPrioritized, crowd: int) -> Priority:
        said, area = event.classification, area_of(event.routing.cell)
        return score(
            event,
            self._categories.get(said.service_code, UNKNOWN),
            self._points,
            crowd=crowd,
            surge=(said.service_code, area) in self._surges,
            contexts=[
                context
                for _, context in sorted(self._contexts.items())
                if touches(context, said.family, area, event.report.requested_at)
            ],
        )

    def _drop_contexts(self) -> None:
        """Let go of contexts that ended before any open request was made."""
        newest = [memory.newest for memory in self._memories.values() if memory.newest is not None]
        if newest:
            since = min(newest) - self._keep
            self._contexts = {key: context for key, context in self._contexts.items() if context.ends_at >= since}

    def _close(self, memory: Memory) -> None:
        while memory.ages and memory.newest is not None:
            made, request_id = memory.ages[0]
            if made >= memory.newest - self._keep and len(memory.open) <= self._at_most:
                break
            heappop(memory.ages)
            memory.doubtful.pop(request_id, None)
            standing = memory.open.pop(request_id)
            self._part(memory, request_id, standing)
            memory.closed[request_id] = standing.revision
            self._leave(memory, standing.incident)
        while len(memory.closed) > REMEMBERED:
            del memory.closed[next(iter(memory.closed))]

    @staticmethod
    def _part(memory: Memory, request_id: str, standing: Standing) -> None:
        alike = memory.alike[standing.service_code, standing.area]
        del alike[request_id]
        if not alike:
            del memory.alike[standing.service_code, standing.area]

    @staticmethod
    def _leave(memory: Memory, incident: str) -> None:
        memory.crowds[incident] -= 1
        if memory.crowds[incident] <= 0:
            del memory.crowds[incident]
