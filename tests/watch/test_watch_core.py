from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h3
from hypothesis import given, settings
from hypothesis import strategies as st
from watch_reports import AREA, HERE, NINE, at, matched

from services.events import Event, KpiMeasured, RequestMatched, SurgeDetected
from services.watch.core import KPIS, Desk, Rules, Windows
from services.watch.settings import WatchSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RULES = Rules(
    window_s=60, baseline_windows=3, floor=0.5, min_count=3, ratio=2.0, calm_windows=1, lateness_s=20, lag_s=200
)


def feed(windows: Windows, events: Iterable[RequestMatched]) -> list[Event]:
    """Observe each on its own arrival."""
    said: list[Event] = []
    for event in events:
        said += windows.observe(event, event.report.received_at)
    return [*said, *windows.settle()]


def surges(said: Iterable[Event]) -> list[tuple[float, int, bool]]:
    """Seconds after nine, count, whether active."""
    return [
        ((each.window_start - NINE).total_seconds(), each.count, each.active)
        for each in said
        if isinstance(each, SurgeDetected)
    ]


def figures(said: Iterable[Event]) -> dict[tuple[str, float, str], float]:
    """What was said last: by name, seconds after nine and service code."""
    return {
        (each.name, (each.window_start - NINE).total_seconds(), each.labels["service_code"]): each.value
        for each in said
        if isinstance(each, KpiMeasured)
    }


def test_the_cell_of_the_tests_lies_in_its_area() -> None:
    assert h3.cell_to_parent(HERE, 6) == AREA


def test_a_window_is_measured_once_it_is_closed_and_not_before() -> None:
    windows = Windows(RULES)
    assert feed(windows, [matched("a", 1), matched("b", 2, duplicate_of="a"), matched("c", 79)]) == []
    said = feed(windows, [matched("d", 80)])
    assert figures(said) == {
        ("reports", 0, "street_light_out"): 2,
        ("reports_duplicate", 0, "street_light_out"): 1,
        ("reports_sure", 0, "street_light_out"): 2,
    }
    first = said[0]
    assert isinstance(first, KpiMeasured)
    assert first.labels == {"family": "lights", "service_code": "street_light_out"}
    assert first.id == "reports/family=lights/service_code=street_light_out.2026-03-02T09:00:00+00:00"


def test_every_figure_is_counted() -> None:
    windows = Windows(RULES)
    events = [matched("a", cell="", released=False, flagged=True, duplicate_of="z"), matched("b", released=True)]
    feed(windows, events)
    assert {name for name, _, _ in figures(windows.close(at(200)))} == set(KPIS)


def test_a_request_is_counted_once_however_often_it_is_matched_or_read() -> None:
    windows = Windows(RULES)
    feed(windows, [matched("a"), matched("a"), matched("a", revision=2, duplicate_of="b"), matched("b")])
    assert figures(windows.close(at(200)))["reports", 0, "street_light_out"] == 2


def test_a_surge_is_told_when_it_begins_at_the_close_of_its_windows_and_when_it_is_over() -> None:
    windows = Windows(RULES)
    said = feed(windows, [matched("a", 1), matched("b", 2), matched("c", 3)])
    assert surges(said) == [(0, 3, True)]
    surge = said[0]
    assert isinstance(surge, SurgeDetected)
    assert (surge.service_code, surge.area, surge.baseline, surge.ratio) == ("street_light_out", AREA, 0.5, 6.0)
    said = feed(windows, [matched(f"d{number}", 50) for number in range(4)])
    assert surges(said) == []
    assert surges(feed(windows, [matched("e", 80)])) == [(0, 7, True)]
    assert surges(windows.close(at(199))) == []
    assert surges(windows.close(at(200))) == [(120, 0, False)]
    assert surges(windows.close(at(2000))) == []


def test_a_surge_goes_on_in_the_next_window_and_ends_after_the_last() -> None:
    windows = Windows(RULES)
    said = feed(windows, [matched(f"a{number}", 1) for number in range(3)])
    said += feed(windows, [matched(f"b{number}", 70) for number in range(8)])
    said += list(windows.close(at(1000)))
    # The third report of the second window is no surge yet: what is usual includes the window before.
    assert surges(said) == [(0, 3, True), (60, 3, True), (0, 3, True), (60, 8, True), (180, 0, False)]


def test_what_is_usual_is_no_surge() -> None:
    windows = Windows(RULES)
    said = []
    for window in range(10):
        said += feed(windows, [matched(f"{window}-{number}", window * 60 + number) for number in range(4)])
    assert surges(said)[0] == (0, 4 - 1, True)
    assert not [begin for begin, _, active in surges(said) if active and begin >= 180]


def test_categories_and_areas_do_not_add_up_to_a_surge() -> None:
    elsewhere = h3.latlng_to_cell(10.0, 10.0, 9)
    events = [
        matched("a"),
        matched("b"),
        matched("c", cell=elsewhere),
        matched("d", code="lamp_damaged"),
        matched("e", cell=""),
        matched("f", intent="spam"),
    ]
    assert surges(feed(Windows(RULES), events)) == []


def test_a_late_report_corrects_its_window_under_the_same_id() -> None:
    windows = Windows(RULES)
    feed(windows, [matched("a", 10)])
    before = list(windows.close(at(100)))
    after = feed(windows, [matched("b", 20)])
    assert [each.id for each in before] == [each.id for each in after]
    assert figures(before)["reports", 0, "street_light_out"] == 1
    assert figures(after)["reports", 0, "street_light_out"] == 2
    assert windows.settle() == []


def test_a_correction_is_not_lost_when_its_window_is_forgotten_in_the_same_batch() -> None:
    windows = Windows(RULES)
    feed(windows, [matched("a", 10)])
    windows.close(at(100))
    said = [*windows.observe(matched("b", 20), at(101)), *windows.observe(matched("c", 5000), at(5000))]
    assert figures(said)["reports", 0, "street_light_out"] == 2


def test_late_reports_make_no_surge_of_the_distant_past_but_do_of_the_recent() -> None:
    windows = Windows(RULES)
    windows.close(at(300))  # closed up to the window that starts at 180
    assert surges(feed(windows, [matched(f"a{number}", 100) for number in range(5)])) == []
    assert surges(feed(windows, [matched(f"b{number}", 130) for number in range(5)])) == [(120, 4, True)]
    assert surges(windows.close(at(330))) == [(240, 0, False)]


def test_a_report_of_a_window_that_is_no_longer_remembered_is_left_out_and_counted() -> None:
    windows = Windows(RULES)
    windows.close(at(3600))
    assert feed(windows, [matched("a", 0)]) == []
    assert windows.too_late == 1


def test_a_gateway_whose_clock_runs_ahead_closes_no_window_of_the_others() -> None:
    windows = Windows(RULES)
    feed(windows, [matched("a", 10)])
    assert list(windows.observe(matched("mad", 10**9), at(12))) == []
    feed(windows, [matched("b", 15)])
    assert figures(windows.close(at(100)))["reports", 0, "street_light_out"] == 2


def test_reports_that_come_late_together_are_judged_as_if_they_had_come_in_time() -> None:
    windows = Windows(RULES)
    said: list[Event] = []
    for number in range(12):
        said += windows.observe(matched(str(number), number * 10), at(150 + number))
    assert surges(said) == [(0, 3, True), (0, 6, True), (60, 4, True)]
    assert figures(windows.close(at(400)))["reports", 60, "street_light_out"] == 6


def test_windows_do_not_wait_for_workers_that_are_too_far_behind() -> None:
    windows = Windows(RULES)
    feed(windows, [matched("a", 10)])
    said = windows.observe(matched("b", 15), at(280))
    assert figures(said)["reports", 0, "street_light_out"] == 1
    assert figures(windows.settle())["reports", 0, "street_light_out"] == 2


def test_memory_holds_no_more_than_the_windows_that_matter() -> None:
    windows = Windows(RULES)
    for number in range(300):
        feed(windows, [matched(str(number), number * 30)])
    assert len(windows._seen) <= RULES.kept + 3
    assert len(windows._kpis) <= RULES.kept + 3
    assert sum(len(series.counts) for series in windows._series.values()) <= RULES.kept + 3
    windows.close(at(10**6))
    assert not windows._series


@dataclass(frozen=True)
class Appended:
    """A record of the partition: its arrival in seconds after nine, and the event."""

    seconds: float
    event: RequestMatched

    def __repr__(self) -> str:
        came = (self.event.report.received_at - NINE).total_seconds()
        return f"{self.seconds:g}: {self.event.report.request_id}@{came:g} {self.event.classification.service_code}"


@st.composite
def logs(draw: st.DrawFn) -> list[Appended]:
    """A partition: appended in order of time, received up to two and a half minutes before, with repeats."""
    records: list[Appended] = []
    clock = 0.0
    for number in range(draw(st.integers(0, 60))):
        clock += draw(st.sampled_from([0, 1, 2, 5, 5, 30, 100]))
        if records and draw(st.integers(0, 4)) == 0:
            earlier = draw(st.sampled_from(records)).event
            again = draw(st.integers(1, 3))
            event = matched(
                earlier.report.request_id,
                code=earlier.classification.service_code,
                revision=again,
                duplicate_of="r0" if again > 1 else None,
                received_at=earlier.report.received_at,
            )
        else:
            late = draw(st.sampled_from([0, 0, 1, 3, 30, 150]))
            event = matched(f"r{number}", clock - late, code=draw(st.sampled_from(["a", "b"])))
        records.append(Appended(clock, event))
    return records


def last_said(said: Iterable[Event]) -> dict[str, Event]:
    """What a compacted topic holds at the end: surges by key, figures by id."""
    return {(each.key if isinstance(each, SurgeDetected) else each.id): each for each in said}


def straight(log: Sequence[Appended]) -> list[Event]:
    """What one process says that never stops, and takes one record at a time."""
    windows = Windows(RULES)
    said: list[Event] = []
    for record in log:
        said += [*windows.observe(record.event, at(record.seconds)), *windows.settle()]
    return [*said, *windows.close(at(100_000))]


@given(logs())
def test_figures_end_as_the_number_of_different_requests(log: list[Appended]) -> None:
    counted: Counter[tuple[str, float, str]] = Counter()
    for event in {record.event.report.request_id: record.event for record in log}.values():
        start = (event.report.received_at - NINE).total_seconds() // 60 * 60
        counted["reports", start, event.classification.service_code] += 1
    found = {key: value for key, value in figures(straight(log)).items() if key[0] == "reports"}
    assert found == dict(counted)


@given(logs())
def test_every_surge_that_began_is_over_in_the_end_and_every_event_has_its_own_id_and_one_meaning(
    log: list[Appended],
) -> None:
    said = straight(log)
    assert all(not each.active for each in last_said(said).values() if isinstance(each, SurgeDetected))
    for each in said:
        if isinstance(each, SurgeDetected) and each.active:
            assert each.count >= RULES.min_count


class Group:
    """The consumer group in miniature: a committed position, and processes that are killed and rebalanced."""

    def __init__(self, log: Sequence[Appended]) -> None:
        self.log = log
        self.committed: int | None = None
        self.said: list[Event] = []
        self.desk = Desk(RULES)

    def start(self, slack: int) -> None:
        """A new process takes the partition over, as `transport` finds the place to begin."""
        self.desk = Desk(RULES)
        until = self.committed or 0
        moment = self.log[until].seconds if until < len(self.log) else (self.log[-1].seconds if self.log else 0)
        since = moment - RULES.horizon_s - slack
        begin = next((number for number, each in enumerate(self.log) if each.seconds >= since), len(self.log))
        self.desk.take_over(0, min(begin, until), until)

    def batch(self, size: int, *, commit: bool) -> None:
        begin = self.desk.positions[0]
        said: list[Event] = []
        for number in range(begin, min(begin + size, len(self.log))):
            assert self.desk.due(0, number)
            said += self.desk.observe(0, number, self.log[number].event, at(self.log[number].seconds))
            assert not self.desk.due(0, number), "a repeated record is not due"
        self.said += [*said, *self.desk.settle(0)]
        if commit:
            self.committed = max(self.desk.positions[0], self.committed or 0)


steps = st.lists(
    st.tuples(st.integers(1, 15), st.booleans(), st.sampled_from(["go on", "go on", "killed"]), st.integers(0, 120)),
    max_size=30,
)


@settings(deadline=None)
@given(logs(), steps)
def test_whatever_the_batches_and_crashes_what_is_said_last_is_the_same(
    log: list[Appended], steps: list[tuple[int, bool, str, int]]
) -> None:
    group = Group(log)
    group.start(0)
    for size, commit, fate, slack in steps:
        group.batch(size, commit=commit)
        if fate == "killed":
            group.start(slack)
    while group.desk.positions[0] < len(log):
        group.batch(7, commit=True)
    group.said += group.desk.tick(0, at(100_000))
    assert last_said(group.said) == last_said(straight(log))


def test_a_partition_taken_over_is_silent_up_to_what_was_spoken_of() -> None:
    desk = Desk(RULES)
    desk.take_over(3, 0, said_until=4)
    assert desk.rebuilding() == 1
    for number in range(4):
        assert desk.observe(3, number, matched(str(number), number), at(number)) == ()
    assert desk.settle(3) == ()
    assert desk.rebuilding() == 0
    assert desk.observe(3, 4, matched("again", 4), at(4)) == [], "the surge was spoken of before"
    assert figures(desk.tick(3, at(100)))["reports", 0, "street_light_out"] == 5


def test_a_partition_given_up_is_neither_due_nor_ticked() -> None:
    desk = Desk(RULES)
    desk.take_over(3, 0, 0)
    desk.give_up(3)
    assert not desk.due(3, 0)
    assert desk.tick(3, at(1000)) == ()
    assert desk.settle(3) == ()
    assert desk.positions == {}


def test_the_settings_are_the_rules() -> None:
    rules = WatchSettings().rules
    assert rules == Rules(
        window_s=900,
        baseline_windows=96,
        floor=1.0,
        min_count=8,
        ratio=4.0,
        calm_windows=1,
        lateness_s=120,
        lag_s=21_600,
    )
    assert rules.horizon_s == 900 * 100 + 120 + 21_600
