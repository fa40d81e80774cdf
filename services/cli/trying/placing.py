"""The stage of `route`: each entry's department and areas, what is doubtful about its place, and all of it counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, cast

from services.city.model import City
from services.cli.trying.doubts import Doubts, Routes
from services.cli.trying.entries import Entry
from services.cli.trying.stages import Answers, Entries, batches
from services.events import Event, RequestRouted
from services.runtime.worker import Worker

Line = Callable[[Entry, RequestRouted | None], bytes]
"""Gives the line of output for an entry and what was said of it, None if nothing."""
_TOLD: Final = 12
"""Departments that the summary names."""


class Placing:
    """Routes entries as the worker does. Holds one batch and the counts."""

    def __init__(self, worker: Worker, city: City, line: Line) -> None:
        self._handler = cast("Routes", worker.handler)
        self._doubts = Doubts(city, self._handler)
        self._batch_size = worker.batch_size
        self._line = line
        self._layers = list(dict.fromkeys(layer.id for layer in city.layers))
        self._departments: Counter[str] = Counter()
        self._doubtful: Counter[str] = Counter()
        self._in_layer: Counter[str] = Counter()
        self._routed = self._unplaced = self._outside = self._ambiguous = 0

    def __call__(self, entries: Entries) -> Iterator[Answers]:
        """Answer entries in the input's order, batch by batch."""
        for batch in batches(entries, self._batch_size):
            fit = [entry for entry in batch if entry.event is not None]
            events = [cast("Event", entry.event) for entry in fit]
            routed = cast("list[RequestRouted]", list(self._handler.handle(events)))
            for entry, doubt in zip(fit, self._doubts.of(routed), strict=True):
                entry.doubt = doubt or entry.doubt
                self._doubtful.update([entry.doubt.reason] if entry.doubt else [])
            said = {entry.number: event for entry, event in zip(fit, routed, strict=True)}
            for event in routed:
                self._count(event)
            yield [(entry, self._line(entry, said.get(entry.number))) for entry in batch]

    def _count(self, event: RequestRouted) -> None:
        routing = event.routing
        self._routed += 1
        self._unplaced += event.report.place is None
        self._outside += routing.outside
        self._ambiguous += bool(routing.ambiguous)
        self._departments[routing.department] += 1
        self._in_layer.update({area.layer for area in routing.boundaries})

    def told(self) -> str:
        """Give what was counted, in lines to read; empty if nothing was routed."""
        if not self._routed:
            return ""
        ranked = sorted(self._departments.items(), key=lambda each: (-each[1], each[0]))
        named = [f"{name} {number:,}" for name, number in ranked[:_TOLD]]
        more = len(ranked) - len(named)
        lines = [f"departments: {', '.join(named)}{f' and {more} more' if more else ''}"]
        placed = self._routed - self._unplaced
        lines += [f"{layer}: {placed - self._in_layer[layer]:,} of {placed:,} in no area" for layer in self._layers]
        counts = {
            "outside the city's limits": self._outside,
            "without a place": self._unplaced,
            "may be in another area": self._ambiguous,
        }
        lines += [f"{what}: {number:,}" for what, number in counts.items() if number]
        if self._doubtful:
            doubts = ", ".join(f"{number:,} {reason}" for reason, number in sorted(self._doubtful.items()))
            lines.append(f"places in doubt: {doubts}")
        return "\n".join(f"  {line}" for line in lines)
