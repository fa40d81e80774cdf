"""Where drafts lie and verdicts are taken: the read model on one side, Kafka on the other."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from services.city.model import City
from services.events import ReviewMade
from services.parts import Matching, may_be_id
from services.readmodel.rows import Counts, DraftFilter, DraftRow, RequestFilter, RequestRow, ReviewRow, SurgeRow
from services.review.core import NOBODY, SAID, Beside, Fault, Refused, Repeated, Wanted, judge
from services.runtime.metrics import Metrics
from services.runtime.sender import Sender

V = TypeVar("V")
REMEMBERED = 10_000
"""Verdicts that are remembered until the read model surely shows them."""
AT_ONCE = 1000
"""Requests of one page of the read model."""
MOST_CANDIDATES = 5
"""Of the reports that a draft was compared with, so many are shown."""
UNCONFIRMED = Fault(
    "not_confirmed", "The verdict may not have been stored: Kafka did not confirm it. Try again; it counts once."
)
NOT_STORED = Fault("not_stored", "The verdict was not stored: Kafka cannot be reached. Try again in a moment.")


class Reads(Protocol):
    """The part of `services.readmodel.queries.ReadModel` that the desk uses."""

    def drafts(self, wanted: DraftFilter) -> list[DraftRow]: ...  # noqa: D102 - as in ReadModel
    def count_drafts(self, wanted: DraftFilter) -> int: ...  # noqa: D102
    def draft(self, request_id: str) -> DraftRow | None: ...  # noqa: D102
    def requests(self, wanted: RequestFilter) -> list[RequestRow]: ...  # noqa: D102
    def incident_sizes(self, incident_ids: Collection[str]) -> dict[str, int]: ...  # noqa: D102
    def counts(self) -> Counts: ...  # noqa: D102
    def surges(self) -> list[SurgeRow]: ...  # noqa: D102


class Lying(Struct, frozen=True, kw_only=True):
    """A draft with what a person needs beside it to decide."""

    draft: DraftRow
    duplicate: RequestRow | None = None
    """The report that it is linked to, or may be."""
    candidates: tuple[RequestRow, ...] = ()
    """Other reports that it was compared with, as far as they are known, the likest first."""
    recurs_of: RequestRow | None = None
    """The first report of the incident that was closed and may be here again."""
    incident_size: int = 0
    """Reports of the incident, this one among them."""


class Queue(Struct, frozen=True, kw_only=True):
    """One page of drafts, the one due first on top. `total` counts all pages."""

    drafts: tuple[Lying, ...]
    page: int
    page_size: int
    total: int


class Town(Struct, frozen=True, kw_only=True):
    """How things stand around the drafts."""

    counts: Counts
    surges: tuple[SurgeRow, ...]


class Taken(Struct, frozen=True, kw_only=True):
    """A verdict that is stored. `repeated`: it had been before."""

    review_id: str
    request_id: str
    verdict: str
    repeated: bool = False


class Desk:
    """Shows drafts and takes verdicts. Calls raise ReadModelError where the read model cannot be asked."""

    def __init__(
        self, *, model: Reads, sender: Sender, city: City, clock: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self._model = model
        self._sender = sender
        self._city = city
        self._clock = clock
        self._metrics = metrics
        self._taken: OrderedDict[str, list[ReviewRow]] = OrderedDict()
        self._unseen: OrderedDict[str, int] = OrderedDict()
        self._unsure: OrderedDict[str, ReviewMade] = OrderedDict()
        self._turns: dict[str, _Turn] = {}

    @property
    def city(self) -> City:
        """The town's categories, departments and approvers."""
        return self._city

    async def queue(self, wanted: DraftFilter) -> Queue:
        """Give a page of drafts, without those that were decided here a moment ago."""
        unseen = dict(self._unseen)
        hidden, queue = await asyncio.to_thread(self._queue, wanted, unseen)
        for request_id in unseen.keys() - hidden:
            if self._unseen.get(request_id) == unseen[request_id]:
                del self._unseen[request_id]
        return queue

    async def draft(self, request_id: str) -> Lying | None:
        """Give the newest draft of a request, or None."""
        row = await asyncio.to_thread(self._model.draft, request_id)
        return None if row is None else (await asyncio.to_thread(self._beside, [row]))[0]

    async def town(self) -> Town:
        """Give how many wait where, and the surges that are on."""
        counts, surges = await asyncio.gather(
            asyncio.to_thread(self._model.counts), asyncio.to_thread(self._model.surges)
        )
        return Town(counts=counts, surges=tuple(surges))

    async def decide(self, wanted: Wanted) -> Taken | Refused:
        """Take a verdict: it is on all in-sync replicas when this gives `Taken`."""
        async with self._turn(wanted.request_id):
            row = await asyncio.to_thread(self._model.draft, wanted.request_id)
            beside = await asyncio.to_thread(self._same, wanted) if may_be_id(wanted.same_as) else NOBODY
            taken = self._taken.get(wanted.request_id, [])
            judged = judge(row, wanted, city=self._city, taken=taken, now=self._clock(), beside=beside)
            if isinstance(judged, Refused):
                return judged
            if isinstance(judged, Repeated):
                said = {"request_id": wanted.request_id, "verdict": wanted.verdict}
                return Taken(review_id=judged.review_id, repeated=True, **said)
            unsure = self._unsure.get(wanted.request_id)
            if unsure is not None and unsure.draft.priority.revision == judged.draft.priority.revision:
                if _content(unsure) != _content(judged):
                    return Refused(HTTPStatus.CONFLICT, (_not_certain(unsure),))
                judged = unsure  # what may arrive late, and this, are then one and the same
            (sent,) = await self._sender.send([judged])
            if sent == "unsure":
                _keep(self._unsure, wanted.request_id, judged)
            if sent != "stored":
                fault = UNCONFIRMED if sent == "unsure" else NOT_STORED
                return Refused(HTTPStatus.SERVICE_UNAVAILABLE, (fault,))
            self._unsure.pop(wanted.request_id, None)
            self._remember(judged)
            self._metrics.records_produced.of(ReviewMade.topic).inc()
        return Taken(review_id=judged.review_id, request_id=wanted.request_id, verdict=judged.verdict)

    def _queue(self, wanted: DraftFilter, unseen: dict[str, int]) -> tuple[set[str], Queue]:
        """Give the drafts that the read model still shows though they were decided here, and the page without them."""
        decided = DraftFilter(ids=tuple(unseen), page_size=len(unseen) or 1)
        waiting = self._model.drafts(decided) if unseen else []
        hidden = {row.request_id for row in waiting if row.revision <= unseen[row.request_id]}
        shown = replace(wanted, without=tuple(hidden))
        return hidden, Queue(
            drafts=tuple(self._beside(self._model.drafts(shown))),
            page=wanted.page,
            page_size=wanted.page_size,
            total=self._model.count_drafts(shown),
        )

    def _rows(self, ids: set[str]) -> dict[str, RequestRow]:
        """Give what is known of requests; those of which nothing is are left out."""
        wanted, found = sorted(ids), list[RequestRow]()
        for start in range(0, len(wanted), AT_ONCE):
            some = tuple(wanted[start : start + AT_ONCE])
            found += self._model.requests(RequestFilter(ids=some, page_size=len(some)))
        return {row.request_id: row for row in found}

    def _same(self, wanted: Wanted) -> Beside:
        rows = self._rows({wanted.request_id, wanted.same_as})
        return Beside(this=rows.get(wanted.request_id), other=rows.get(wanted.same_as))

    def _beside(self, rows: list[DraftRow]) -> list[Lying]:
        links = {row.request_id: row.draft.matching for row in rows}
        known = self._rows({each for link in links.values() for each in _named(link)})
        sizes = self._model.incident_sizes({link.incident_id for link in links.values()}) if rows else {}
        return [
            Lying(
                draft=row,
                duplicate=known.get(links[row.request_id].duplicate_of or ""),
                candidates=tuple(
                    known[each.request_id]
                    for each in links[row.request_id].candidates[:MOST_CANDIDATES]
                    if each.request_id in known and each.request_id != row.request_id
                ),
                recurs_of=known.get(links[row.request_id].recurs_of or ""),
                incident_size=sizes.get(links[row.request_id].incident_id, 0),
            )
            for row in rows
        ]

    def _remember(self, review: ReviewMade) -> None:
        row = ReviewRow(
            review_id=review.review_id,
            request_id=review.draft.report.request_id,
            revision=review.draft.priority.revision,
            verdict=review.verdict,
            reviewer=review.reviewer,
            reviewed_at=review.reviewed_at,
            note=review.note,
            service_code=review.service_code,
            department=review.department,
            same_as=review.same_as,
        )
        _keep(self._taken, row.request_id, [*self._taken.pop(row.request_id, []), row])
        _keep(self._unseen, row.request_id, row.revision)

    @asynccontextmanager
    async def _turn(self, request_id: str) -> AsyncIterator[None]:
        """Let one verdict after the other speak of a request, so that a double click meets its own first half."""
        turn = self._turns.setdefault(request_id, _Turn())
        turn.callers += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.callers -= 1
            if not turn.callers:
                del self._turns[request_id]


def _named(link: Matching) -> list[str]:
    others = [each.request_id for each in link.candidates[:MOST_CANDIDATES]]
    return [each for each in (link.duplicate_of, link.recurs_of, *others) if each]


def _content(review: ReviewMade) -> tuple[str, str, str, str]:
    return (review.verdict, review.service_code, review.department, review.same_as)


def _not_certain(review: ReviewMade) -> Fault:
    words = SAID[review.verdict]
    message = f"It is not certain yet whether this was {words}: do the same again to make sure, or wait a moment."
    return Fault("not_certain", message)


def _keep(kept: OrderedDict[str, V], key: str, value: V) -> None:
    kept[key] = value
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)


class _Turn:
    """A lock that knows when nobody needs it any longer."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.callers = 0
