"""Which reports are one incident: a function of the set of reports and of what people said of them.

Reports are ordered by when they were made, then by when they came. Each links to the earlier report it is most like, if
it is like enough and that report's incident has room for it; an `automatic` link joins that incident, a `suggestion`
joins nothing. An incident is named after its first report and measured from there (docs/adr/0027).
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from services.incidents.drawers import Entry
from services.incidents.extents import Past
from services.incidents.groups import Groups
from services.incidents.links import Bands, Link, Said
from services.incidents.near import PER_CELL, Near
from services.incidents.seen import FIRST, Reach, Seen
from services.incidents.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from services.incidents.scorer import Scorer


class Incidents:
    """The open reports of a town and how they hang together. `settle` looks, `take` and `expire` change."""

    def __init__(
        self,
        reaches: Mapping[str, Reach],
        bands: Bands,
        scorer: Scorer,
        *,
        lateness_s: float = 0.0,
        per_cell: int = PER_CELL,
        at_most: int = 1_000_000,
        said: Said | None = None,
    ) -> None:
        self.bands, self.at_most = bands, at_most
        self.near = Near(reaches, scorer, per_cell)
        self.said = said or Said()
        self._lateness_s = lateness_s
        self._links: dict[str, Link] = {}
        """Of the reports that do not stand alone."""
        self.same_as: dict[str, str] = {}
        self._citizens = Groups()
        """By report: those of which citizens say that they are the same."""
        self.children = Groups()
        self.recurring = Groups()
        """By incident that was closed: the reports that found it so."""
        self.past: dict[str, Past] = {}
        """By incident of which reports are no longer open: what those came to."""
        self.members = Groups()
        """By incident of more than one report: who belongs to it, its first report left out."""
        self._ages: list[tuple[float, str]] = []
        """Until when each report is open, by the times of others."""
        self._newest = FIRST
        self._looked_at: dict[str, Seen] = {}
        """Fresh reports of the last `settle`, which stand among the others for as long as they may be taken."""

    def __len__(self) -> int:
        return len(self.near) - len(self._looked_at)

    def __contains__(self, request_id: str) -> bool:
        return request_id in self.near.rows and request_id not in self._looked_at

    def settle(self, fresh: Sequence[Seen], doubtful: Iterable[str] = ()) -> dict[str, Link]:
        """Give the links of fresh reports, and of those known ones whose link they change. None is known by it yet.

        `doubtful` are known reports of which people said something. A link whose end has left the window is final. A
        fresh report older than that is linked to what is left, and changes nobody else's link.
        """
        for request_id in self._looked_at:  # which were not taken: what said so was aborted
            self._drop(request_id)
        self._looked_at = {}
        for seen in fresh:
            self._add(seen)
        try:
            return self._settle({seen.id: self._open_until(seen) < self._newest[0] for seen in fresh}, doubtful)
        finally:
            self._looked_at = {seen.id: seen for seen in fresh}

    def settle_and_take(self, fresh: Sequence[Seen]) -> dict[str, Link]:
        """Give the links of fresh reports and of those whose link they change, and take all of them."""
        found = self.settle(fresh)
        for seen in fresh:
            self.take(seen, found[seen.id])
        for request_id in found.keys() - {seen.id for seen in fresh}:
            self.relink(request_id, found[request_id])
        return found

    def take(self, seen: Seen, link: Link) -> None:
        """Take a report and its link."""
        looked_at = self._looked_at.pop(seen.id, None)
        if looked_at is not seen:
            if looked_at is not None:
                self._drop(seen.id)
            self._add(seen)
        heappush(self._ages, (self._open_until(seen), seen.id))
        self._newest = max(self._newest, seen.key)
        self._hang(seen.id, link)

    def relink(self, request_id: str, link: Link) -> None:
        """Take the new link of a report that was taken before."""
        self._unhang(request_id)
        self._hang(request_id, link)

    def link(self, request_id: str) -> Link:
        """Give the link of a known report."""
        return self._links.get(request_id) or Link(request_id)

    def expire(self) -> Iterator[str]:
        """Let go of what is too old for any report that is not overdue itself, and of the oldest of too many.

        Gives the ids.
        """
        while self._ages and (self._ages[0][0] < self._newest[0] or len(self) > self.at_most):
            request_id = heappop(self._ages)[1]
            self._outlive(request_id)
            self._drop(request_id)
            self._unhang(request_id)
            self.children.drop(request_id)
            yield request_id

    def touched(self, request_id: str, after: float = float("-inf")) -> set[str]:
        """Give the reports made after a moment whose link may change with what people said of one report."""
        incident = self.link(request_id).incident
        near = {incident, *self.members.of(incident), *self.recurring.of(incident)}
        near |= {request_id, *self.said.one_with(request_id)}
        near |= {child for each in near for child in self.children.of(each)}
        if request_id in self.said.closed:
            near |= View(self).beside(incident)
        return {each for each in near if each in self and self.near.rows[each][0] > after and not self._stands(each)}

    def _stands(self, request_id: str) -> bool:
        """Say whether a link is final and nothing that people said speaks against it."""
        if not self._final(request_id):
            return False
        link, said = self.link(request_id), self.said
        names = said.apart.get(request_id, set())
        parted = link.duplicate_of in names or any(self.link(name).incident == link.incident for name in names)
        return not parted and link.relation != "merged" and not said.one_with(request_id)

    def _outlive(self, request_id: str) -> None:
        """Keep how far an incident had come, for as long as one of its reports is open."""
        incident = self.link(request_id).incident
        if incident in self.members:
            key = self.near.rows[request_id][:3]
            past = self.past.get(incident) or Past(0, key[0], key[0], ())
            closed = request_id in self.said.closed
            self.past[incident] = past.with_one(key, self.near.place(request_id), closed=closed)

    def _open_until(self, seen: Seen) -> float:
        return seen.key[0] + self.near.kept_s(seen.families) + self._lateness_s

    def _add(self, seen: Seen) -> None:
        self.near.add(seen)
        if seen.same_as:
            self.same_as[seen.id] = seen.same_as
            self._citizens.add(seen.same_as, seen.id)

    def _drop(self, request_id: str) -> None:
        self.near.drop(request_id)
        self._citizens.discard(self.same_as.pop(request_id, ""), request_id)

    def _hang(self, request_id: str, link: Link) -> None:
        if link == Link(request_id):
            return
        self._links[request_id] = link.kept()
        if link.duplicate_of:  # which may be taken after this one
            self.children.add(link.duplicate_of, request_id)
        if link.incident != request_id:
            self.members.add(link.incident, request_id)
        if link.recurs_of:
            self.recurring.add(link.recurs_of, request_id)

    def _unhang(self, request_id: str) -> None:
        link = self._links.pop(request_id, None)
        if link is not None:
            self.children.discard(link.duplicate_of or "", request_id)
            self.members.discard(link.incident, request_id)
            if link.incident not in self.members:
                self.past.pop(link.incident, None)
            self.recurring.discard(link.recurs_of or "", request_id)

    def _settle(self, fresh: Mapping[str, bool], doubtful: Iterable[str]) -> dict[str, Link]:
        near = self.near
        dirty = {*fresh, *(each for each in doubtful if each in self)}
        for request_id, late in fresh.items():
            # What was made after all that is known has no later ones but fresh ones, and those are looked at anyway.
            if not late and near.rows[request_id][:3] <= self._newest:
                dirty.update(each for each in near.later(request_id) if not self._final(each))
            if not late:
                dirty.update(each for each in self._waiting(request_id) if not self._stands(each))
        prepared = dict(near.compared([*dirty]))
        view = View(self)
        queue = [near.rows[request_id] for request_id in dirty]
        heapify(queue)
        while queue:  # earliest first, so that whatever a report links to is settled before it
            entry = heappop(queue)
            request_id = entry[2]
            compared = prepared.get(request_id) or next(near.compared([request_id]))[1]
            link = view.best(entry, compared)
            before = view.now(request_id).incident
            if request_id not in fresh and link.says_the_same(self.link(request_id)):
                continue
            view.found[request_id] = link
            alone = link.incident == request_id and not link.recurs_of
            if fresh.get(request_id) or (request_id in fresh and (alone or self._is_last(entry))):
                continue  # those that look at it are dirty already, or are not to change
            for other in view.followers(request_id, before, link.incident):
                if other not in dirty and not self._final(other) and near.rows[other] > entry:
                    dirty.add(other)
                    heappush(queue, near.rows[other])
        return view.found

    def _is_last(self, entry: Entry) -> bool:
        """Say whether nobody known was made later, and nobody said anything of it."""
        return entry[:3] > self._newest and entry[2] not in self.said and entry[2] not in self.said.kept_off

    def _waiting(self, request_id: str) -> set[str]:
        """Give the known reports that name a fresh one, wherever they are."""
        said = self.said
        names = {*self._citizens.of(request_id), *said.kept_off.get(request_id, ()), *said.one_with(request_id)}
        return {each for each in names if each in self}

    def _final(self, request_id: str) -> bool:
        link = self._links.get(request_id)
        return link is not None and link.duplicate_of is not None and link.duplicate_of not in self
