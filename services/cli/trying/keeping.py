"""Workers that keep state, over entries: an answer waits for what may still change it, then goes in its place."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import msgspec

from services.cli.trying.entries import Entry
from services.cli.trying.items import Id
from services.cli.trying.said import Writer
from services.cli.trying.stages import Answers, Entries, batches
from services.events import Event, RequestMatched, RequestPrioritized, RequestRouted
from services.parts import Matching as Links
from services.runtime.worker import Reconsiders, Rejected, Stateful, Worker

PARTITION: Final = 0
"""All of the input is one partition: what is linked and counted does not depend on how many there are."""
ANSWERS: Final = 500

_REPEATED: Final = Rejected("repeated_id", "a report of this id was answered long before: nothing new is said of it")


class Matching:
    """The stage of `match`: the links as they stand when all is read, later corrections taken in.

    Reports are handed to the worker in the order in which they came in, as a topic holds them, whatever the order of
    the lines; a line whose request was there before gets the same answer. Holds the input, about 2 kB a line.
    """

    def __init__(self, worker: Worker, writer: Writer) -> None:
        self._writer = writer
        self._handler = cast("Stateful", worker.handler)
        self._batch_size = worker.batch_size
        self._routed = msgspec.json.Decoder(RequestRouted)
        self._linked = msgspec.json.Decoder(Links)
        self._entries: list[Entry] = []
        self._events: list[bytes] = []
        """Of each entry, its event as JSON; empty for one that has none."""
        self._arrived = array("d")
        self._names: dict[str, Id] = {}
        """The caller's own id of each request."""
        self._links: dict[str, bytes] = {}
        """The newest link of each request, as JSON."""

    def __call__(self, entries: Entries) -> Iterator[Answers]:
        """Answer when all is read."""
        for entry in entries:
            if entry is not None:
                self._hold(entry)
        self._match()
        for start in range(0, len(self._entries), ANSWERS):
            yield [self._answer(place) for place in range(start, min(start + ANSWERS, len(self._entries)))]

    def _hold(self, entry: Entry) -> None:
        event, entry.event = cast("RequestRouted | None", entry.event), None
        self._entries.append(entry)
        self._events.append(msgspec.json.encode(event) if event else b"")
        self._arrived.append(event.report.received_at.timestamp() if event else 0.0)
        if event:
            self._names.setdefault(event.report.request_id, entry.id)

    def _match(self) -> None:
        order = [place for place, event in enumerate(self._events) if event]
        order.sort(key=self._arrived.__getitem__)
        for start in range(0, len(order), self._batch_size):
            batch = [self._routed.decode(self._events[place]) for place in order[start : start + self._batch_size]]
            for event in _flat(self._handler.handle(PARTITION, batch)):
                matched = cast("RequestMatched", event)
                self._links[matched.report.request_id] = msgspec.json.encode(matched.matching)
                self._handler.fold(PARTITION, matched)

    def _answer(self, place: int) -> tuple[Entry, bytes]:
        entry, content = self._entries[place], self._events[place]
        if not content:
            return entry, self._writer.line(entry)
        routed = self._routed.decode(content)
        matched = RequestMatched(
            report=routed.report,
            classification=routed.classification,
            routing=routed.routing,
            matching=self._linked.decode(self._links[routed.report.request_id]),
        )
        return entry, self._writer.line(entry, matched, called=lambda request: self._names.get(request, request))


class Prioritizing:
    """The stage of `prioritize`: each line is held until `window` later ones are read, about 4 kB each.

    So far back the worker itself reconsiders what it said: a report that turns out to be the first of many gains
    points by those that come after it.
    """

    def __init__(self, worker: Worker, window: int, writer: Writer) -> None:
        self._writer = writer
        self._handler = cast("Stateful", worker.handler)
        self._second_thoughts = cast("Reconsiders", worker.handler)
        self._batch_size = worker.batch_size
        self._window = window
        self._decoder = msgspec.json.Decoder(RequestPrioritized)
        self._held: deque[tuple[Entry, str]] = deque()
        self._lines: Counter[str] = Counter()
        """How many of the held lines are of each request."""
        self._said: dict[str, bytes] = {}
        """The last word on each request of a held line, as JSON."""

    def __call__(self, entries: Entries) -> Iterator[Answers]:
        """Answer a line when `window` later ones are read, the others at the end."""
        for batch in batches((entry for entry in entries if entry is not None), self._batch_size):
            self._take(self._handler.handle(PARTITION, list(self._hold(batch))))
            while again := self._second_thoughts.reconsider(PARTITION, self._batch_size):
                self._take([again])
            yield [self._answer() for _ in range(len(self._held) - self._window)]
        while self._held:
            yield [self._answer() for _ in range(min(ANSWERS, len(self._held)))]

    def _hold(self, batch: Sequence[Entry]) -> Iterator[Event]:
        for entry in batch:
            event, entry.event = cast("RequestMatched | None", entry.event), None
            self._held.append((entry, event.report.request_id if event else ""))
            if event:
                self._lines[event.report.request_id] += 1
                yield event

    def _take(self, outcomes: Sequence[Any]) -> None:
        for event in _flat(outcomes):
            prioritized = cast("RequestPrioritized", event)
            if prioritized.report.request_id in self._lines:
                self._said[prioritized.report.request_id] = msgspec.json.encode(prioritized)
            self._handler.fold(PARTITION, prioritized)

    def _answer(self) -> tuple[Entry, bytes]:
        entry, request_id = self._held.popleft()
        if not request_id:
            return entry, self._writer.line(entry)
        word = self._said.get(request_id)
        self._lines[request_id] -= 1
        if not self._lines[request_id]:
            del self._lines[request_id]
            self._said.pop(request_id, None)
        if word is None:
            entry.rejected = _REPEATED
            return entry, self._writer.line(entry)
        return entry, self._writer.line(entry, self._decoder.decode(word))


def _flat(outcomes: Sequence[Any]) -> Iterator[Event]:
    for outcome in outcomes:
        yield from outcome
