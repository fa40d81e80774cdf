"""Windows of matched reports, by partition: counts, surges, and when a window is closed.

Windows are of event time, by `Report.received_at` (the city's own clock; `requested_at` is what a gateway says, and may
be days ago), and start at multiples of their length since 1970 (UTC). A request is counted once, in the window of its
arrival, however often it is matched again or read again.

All of one town comes on one partition, in an order that never changes, so the same records give the same
events, whatever the batches; a record that comes late corrects what was said of its window under the same event id.
What was said last is all that matters to a reader, and that is the same after any crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import h3

from services.events import Event, KpiMeasured, RequestMatched, SurgeDetected

AREA_RESOLUTION = 6
"""H3: about 36 square kilometres, 3.7 km from the middle to a corner."""

REPORTS = "reports"
DUPLICATES = "reports_duplicate"
SURE = "reports_sure"
WITHOUT_PLACE = "reports_without_place"
LIFE_SAFETY = "reports_life_safety"
KPIS = (REPORTS, DUPLICATES, SURE, WITHOUT_PLACE, LIFE_SAFETY)
"""Counts, never shares, so that a dashboard may add them up over categories and windows and divide afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What counts as a surge; see `WatchSettings`."""

    window_s: int
    baseline_windows: int
    floor: float
    min_count: int
    ratio: float
    calm_windows: int
    lateness_s: int
    lag_s: int

    @property
    def kept(self) -> int:
        """How many closed windows are remembered: those that can still change what is said."""
        return self.baseline_windows + self.calm_windows + 1

    @property
    def horizon_s(self) -> int:
        """How far back from a record one has to read, in seconds, to know all that matters of the windows then."""
        return (self.kept + 2) * self.window_s + self.lateness_s + self.lag_s

    def window(self, moment: datetime) -> int:
        """Give the number of the window of a moment."""
        return int(moment.timestamp() // self.window_s)

    def closed_by(self, moment: datetime) -> int:
        """Give the last window that is closed at a moment."""
        return int((moment.timestamp() - self.lateness_s) // self.window_s) - 1

    def start(self, window: int) -> datetime:
        """Give when a window starts."""
        return datetime.fromtimestamp(window * self.window_s, UTC)


@dataclass(slots=True)
class Series:
    """One category in one area."""

    service_code: str
    area: str
    counts: dict[int, int] = field(default_factory=dict)
    surges: set[int] = field(default_factory=set)
    """The windows that were surges."""
    active: bool = False

    def baseline(self, window: int, rules: Rules) -> float:
        """Give what is usual before a window, in reports a window."""
        first = window - rules.baseline_windows
        before = sum(count for number, count in self.counts.items() if first <= number < window)
        return max(rules.floor, before / rules.baseline_windows)

    def surging(self, window: int, rules: Rules) -> bool:
        """Say whether a window has far more than usual."""
        count = self.counts[window]
        return count >= rules.min_count and count / self.baseline(window, rules) >= rules.ratio

    def over_at(self, rules: Rules) -> int:
        """Give the window at whose close the surge is over, if nothing more comes."""
        return max(self.surges) + rules.calm_windows + 1

    def said(self, window: int, rules: Rules, *, active: bool) -> SurgeDetected:
        """Give the event."""
        count, baseline = self.counts.get(window, 0), self.baseline(window, rules)
        return SurgeDetected(
            service_code=self.service_code,
            area=self.area,
            window_start=rules.start(window),
            window_s=rules.window_s,
            count=count,
            baseline=round(baseline, 4),
            ratio=round(count / baseline, 4),
            active=active,
        )


class Windows:
    """The windows of one partition."""

    def __init__(self, rules: Rules) -> None:
        self.too_late = 0
        """Records of windows that are no longer remembered, left out."""
        self._rules = rules
        self._closed: int | None = None
        self._seen: dict[int, set[int]] = {}
        self._kpis: dict[int, dict[tuple[str, str, str], int]] = {}
        self._series: dict[tuple[str, str], Series] = {}
        self._active: dict[tuple[str, str], Series] = {}
        self._corrected: set[int] = set()

    def observe(self, event: RequestMatched, appended_at: datetime) -> Sequence[Event]:
        """Count a record that was appended to its topic at `appended_at`; give what it brings about.

        Time moves on with the reports: those that come late together, after an outage, are judged as if they had come
        in time. Only a report of the future (a gateway's clock is wrong) moves nothing, and one that says nothing new
        about the time still moves it to `lag_s` before its own append.
        """
        behind = appended_at - timedelta(seconds=self._rules.lag_s)
        said = self.close(max(behind, min(event.report.received_at, appended_at)))
        window = self._rules.window(event.report.received_at)
        closed = self._closed if self._closed is not None else window
        if window < closed - self._rules.kept:
            self.too_late += 1
            return said
        # The hash, not the id: a set of whole ids would be most of what this worker holds. Within one process it is
        # stable, and two of a million requests of one day collide once in some ten million days.
        seen, mark = self._seen.setdefault(window, set()), hash(event.report.request_id)
        if mark in seen:
            return said
        seen.add(mark)
        self._count(window, event)
        if window <= closed:
            self._corrected.add(window)
        return [*said, *self._surge(window, closed, event)]

    def settle(self) -> Sequence[Event]:
        """Give closed windows again that late records have changed since; to be called at the end of each batch."""
        said = [event for window in sorted(self._corrected) for event in self._measured(window)]
        self._corrected.clear()
        return said

    def close(self, moment: datetime) -> Sequence[Event]:
        """Close the windows that are due at `moment`, and give what there is to say of them."""
        due = self._rules.closed_by(moment)
        if self._closed is None:
            self._closed = due
        if due <= self._closed:
            return ()
        endings = {series.over_at(self._rules) for series in self._active.values()}
        said = list(self.settle())  # now, since a corrected window may be about to be forgotten
        for window in sorted(w for w in self._kpis.keys() | endings if self._closed < w <= due):
            said += [*self._measured(window), *self._surges_at(window)]
        self._closed = due
        self._forget(due - self._rules.kept)
        return said

    def _count(self, window: int, event: RequestMatched) -> None:
        classification = event.classification
        counts = self._kpis.setdefault(window, {})
        for name, holds in (
            (REPORTS, True),
            (DUPLICATES, event.matching.duplicate_of is not None),
            (SURE, classification.released),
            (WITHOUT_PLACE, not event.routing.cell),
            (LIFE_SAFETY, classification.safety.flagged),
        ):
            if holds:
                key = classification.family, classification.service_code, name
                counts[key] = counts.get(key, 0) + 1

    def _surge(self, window: int, closed: int, event: RequestMatched) -> Sequence[Event]:
        """Count the report in its area, and give the surge that it makes, if it does.

        A window that is closed for longer than a surge would have lasted makes none: it would be news of the past.
        """
        if not event.routing.cell or event.classification.intent == "spam":
            return ()
        try:
            area = h3.cell_to_parent(event.routing.cell, AREA_RESOLUTION)
        except (ValueError, OverflowError):
            return ()  # no cell: whoever wrote it, nothing can be counted there
        key = event.classification.service_code, area
        series = self._series.setdefault(key, Series(*key))
        series.counts[window] = series.counts.get(window, 0) + 1
        if window in series.surges or window < closed - self._rules.calm_windows:
            return ()
        if not series.surging(window, self._rules):
            return ()
        series.surges.add(window)
        series.active = True
        self._active[key] = series
        return [series.said(window, self._rules, active=True)]

    def _measured(self, window: int) -> Sequence[Event]:
        return [
            KpiMeasured(
                name=name,
                window_start=self._rules.start(window),
                window_s=self._rules.window_s,
                value=float(count),
                labels={"family": family, "service_code": service_code},
            )
            for (family, service_code, name), count in sorted(self._kpis.get(window, {}).items())
        ]

    def _surges_at(self, window: int) -> Sequence[Event]:
        said = []
        for _, series in sorted(self._active.items()):
            if window in series.surges:
                said.append(series.said(window, self._rules, active=True))
            elif series.over_at(self._rules) == window:
                said.append(series.said(window, self._rules, active=False))
                series.active = False
        self._active = {key: series for key, series in self._active.items() if series.active}
        return said

    def _forget(self, before: int) -> None:
        for windows in (self._seen, self._kpis):
            for window in [number for number in windows if number < before]:
                del windows[window]
        for key, series in list(self._series.items()):
            series.counts = {number: count for number, count in series.counts.items() if number >= before}
            series.surges = {number for number in series.surges if number >= before or series.active}
            if not series.counts and not series.active:
                del self._series[key]


class Desk:
    """The partitions that this process watches: where each one stands, and what is to be said of its records.

    State comes from the topic alone. A partition that is taken over is read again from `Rules.horizon_s` before the
    position that the group had committed, and so had spoken of: silently up to there, aloud from there.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._windows: dict[int, Windows] = {}
        self._next: dict[int, int] = {}
        self._said_until: dict[int, int] = {}

    @property
    def positions(self) -> dict[int, int]:
        """The next offset to take, by partition."""
        return dict(self._next)

    def take_over(self, partition: int, start: int, said_until: int) -> None:
        """Begin with a partition at offset `start`; say nothing of what lies before `said_until`."""
        self._windows[partition] = Windows(self._rules)
        self._next[partition] = start
        self._said_until[partition] = said_until

    def give_up(self, partition: int) -> None:
        """Drop a partition that moved elsewhere."""
        for each in (self._windows, self._next, self._said_until):
            each.pop(partition, None)

    def due(self, partition: int, offset: int) -> bool:
        """Say whether a record is to be observed: its partition is ours, and it was not taken before."""
        return offset >= self._next.get(partition, offset + 1)

    def observe(self, partition: int, offset: int, event: RequestMatched, appended_at: datetime) -> Sequence[Event]:
        """Take a record that is due; give what is to be said."""
        said = self._windows[partition].observe(event, appended_at)
        return said if self.passed(partition, offset) else ()

    def passed(self, partition: int, offset: int) -> bool:
        """Move on past a record; say whether it may be spoken of, or was before."""
        self._next[partition] = offset + 1
        return offset >= self._said_until[partition]

    def settle(self, partition: int) -> Sequence[Event]:
        """End a batch; see `Windows.settle`."""
        if partition not in self._windows:
            return ()
        said = self._windows[partition].settle()
        return said if self._next[partition] > self._said_until[partition] else ()

    def take_too_late(self) -> int:
        """Count the records left out, since the last call, for being of windows that are no longer remembered."""
        number = sum(windows.too_late for windows in self._windows.values())
        for windows in self._windows.values():
            windows.too_late = 0
        return number

    def rebuilding(self) -> int:
        """Count the partitions that are still read silently."""
        return sum(self._next[partition] < until for partition, until in self._said_until.items())

    def tick(self, partition: int, now: datetime) -> Sequence[Event]:
        """Close windows by the clock; only for a partition that has been read to its end."""
        return self._windows[partition].close(now) if partition in self._windows else ()
