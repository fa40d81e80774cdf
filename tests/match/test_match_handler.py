import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from services.events import RequestMatched, RequestRouted
from services.match.adapters import Matcher, seen_of
from services.match.core import Bands, Grid, Likeness, Reach, Seen, compare
from services.parts import Classification, Intent, Place, PlaceMethod, Report, Routing

START = datetime(2026, 3, 2, tzinfo=UTC)
STEP = 20 / 111_195
REACH = Reach(50.0, 72 * 3600.0)
BANDS = Bands()
Said = tuple[str | None, str, str, float]


def routed(
    request_id: str,
    *,
    hours: float = 0.0,
    at: tuple[float, float] | None = (50.0, 10.0),
    text: str = "a deep hole",
    radius: float = 0.0,
    method: PlaceMethod = "gps",
    family: str = "roads",
    code: str = "pothole",
    intent: Intent = "report",
    received: float | None = None,
) -> RequestRouted:
    made = START + timedelta(hours=hours)
    return RequestRouted(
        report=Report(
            request_id=request_id,
            channel="web",
            requested_at=made,
            received_at=made if received is None else START + timedelta(hours=received),
            text=text,
            place=Place(latitude=at[0], longitude=at[1], radius_m=radius, method=method) if at else None,
        ),
        classification=Classification(service_code=code, family=family, confidence=0.9, intent=intent),
        routing=Routing(department="works", rule="roads"),
    )


def matcher(*, per_cell: int = 16, lateness: float = 1e9, remembered: int = 1000) -> Matcher:
    return Matcher(
        {"roads": REACH}, bands=BANDS, lateness_s=lateness, remembered=remembered, version="v", per_cell=per_cell
    )


def run(worker: Matcher, batch: Sequence[RequestRouted], partition: int = 0) -> list[RequestMatched]:
    outputs = cast("list[RequestMatched]", [event for said in worker.handle(partition, batch) for event in said])
    for event in outputs:
        worker.fold(partition, event)
    return outputs


def one(worker: Matcher, event: RequestRouted) -> RequestMatched:
    (output,) = run(worker, [event])
    return output


def last(outputs: Iterable[RequestMatched]) -> dict[str, Said]:
    return {
        event.report.request_id: (
            event.matching.duplicate_of,
            event.matching.band,
            event.matching.incident_id,
            event.matching.score,
        )
        for event in outputs
    }


def plainly(events: Iterable[RequestRouted], per_cell: int) -> dict[str, Said]:
    """Compare all with all: what the links must be, whatever the order."""
    links: dict[str, Said] = {event.report.request_id: (None, "none", event.report.request_id, 0.0) for event in events}
    looked = [seen_of(event.report, event.classification) for event in events]
    ordered = sorted((seen for seen in looked if seen), key=lambda seen: seen.key)
    grid = Grid(REACH.radius_m)
    cells: dict[tuple[int, int], list[Seen]] = {}
    for seen in ordered:
        likest: list[Likeness] = []
        for earlier in cells.values():
            likest += filter(None, (compare(seen, other, REACH, BANDS) for other in earlier[-per_cell:]))
        best = min(likest, key=lambda like: (-like.score, like.other), default=None)
        if best and best.score >= BANDS.automatic:
            links[seen.id] = best.other[1], "automatic", links[best.other[1]][2], best.score
        elif best and best.score >= BANDS.suggestion:
            links[seen.id] = best.other[1], "suggestion", seen.id, best.score
        cells.setdefault(grid.cell(seen.latitude, seen.longitude), []).append(seen)
    return links


places = st.one_of(
    st.none(),
    st.builds(lambda x, y: (50.0 + x * STEP, 10.0 + y * STEP), st.integers(0, 14), st.integers(0, 1)),
    st.builds(
        lambda x, y: (x * STEP, 180.0 - y * STEP if y > 0 else -180.0 - y * STEP), st.integers(0, 2), st.integers(-2, 2)
    ),
    st.sampled_from([(90.0, 0.0), (89.9998, 0.0), (89.9998, 180.0)]),
)
reports = st.lists(
    st.builds(
        routed,
        request_id=st.integers(0, 10**6).map(lambda number: f"r-{number}"),
        hours=st.integers(0, 100).map(float),
        at=places,
        text=st.sampled_from(["a deep hole", "a deep hole", "a deep hole!", "deep hole in the road", "tree down", ""]),
        radius=st.sampled_from([0.0, 0.0, 10.0, 30.0, 80.0]),
        method=st.sampled_from(["gps", "gps", "gps", "zip"]),
        code=st.sampled_from(["pothole", "pothole", "sinkhole"]),
        intent=st.sampled_from(["report", "report", "report", "spam"]),
        received=st.sampled_from([None, None, 20.0]),
    ),
    min_size=6,
    max_size=30,
    unique_by=lambda event: event.report.request_id,
)


@given(events=reports, seed=st.integers(0, 2**32), per_cell=st.sampled_from([1, 2, 16]))
@settings(max_examples=150, deadline=None)
def test_links_are_a_function_of_the_set_of_reports(events: list[RequestRouted], seed: int, per_cell: int) -> None:
    """Any order, any batches, repeats, crashes before and after the commit: the links of a comparison of all pairs."""
    luck = random.Random(seed)  # noqa: S311 - seeded by hypothesis
    arrivals = events + luck.sample(events, k=luck.randint(0, len(events)))
    luck.shuffle(arrivals)
    worker, log = matcher(per_cell=per_cell), list[RequestMatched]()
    while arrivals:
        cut = luck.randint(1, 8)
        batch, arrivals = arrivals[:cut], arrivals[cut:]
        if luck.random() < 0.2:
            worker.handle(0, batch)  # a transaction that was aborted leaves no trace
        log += run(worker, batch)
        if luck.random() < 0.3:
            worker = matcher(per_cell=per_cell)
            for event in log:
                worker.fold(0, event)
    assert last(log) == plainly(events, per_cell)
    revisions: dict[str, int] = {}
    for event in log:
        request_id = event.report.request_id
        assert event.matching.revision == revisions.get(request_id, 0) + 1
        revisions[request_id] = event.matching.revision


def test_a_second_report_of_a_thing_joins_the_incident_of_the_first_and_says_why() -> None:
    worker = matcher()
    assert one(worker, routed("a")).matching.incident_id == "a"
    got = one(worker, routed("b", hours=1)).matching
    assert (got.incident_id, got.band, got.duplicate_of, got.revision, got.version) == ("a", "automatic", "a", 1, "v")
    assert got.evidence is not None
    assert (got.evidence.distance_m, got.evidence.elapsed_s, got.evidence.same_service_code) == (0.0, 3600.0, True)
    assert got.score == 0.9979


def test_a_likely_report_is_suggested_and_starts_its_own_incident() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    got = one(worker, routed("b", at=(50.0 + 0.5 * STEP, 10.0), text="something else broken")).matching
    assert (got.incident_id, got.band, got.duplicate_of) == ("b", "suggestion", "a")


def test_a_report_too_little_alike_names_the_nearest_and_why_it_is_not_linked() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    got = one(worker, routed("b", hours=60, at=(50.0 + 2 * STEP, 10.0), text="tree fell over")).matching
    assert (got.incident_id, got.band, got.duplicate_of, got.evidence) == ("b", "none", None, None)
    (candidate,) = got.candidates
    assert candidate.request_id == "a"
    assert candidate.why == f"{candidate.score:g} is below 0.6, from which a link is suggested"


def test_reports_that_lost_are_named_with_the_reason() -> None:
    worker = matcher()
    run(worker, [routed("a"), routed("b"), routed("c", text="deep hole in the road")])
    got = one(worker, routed("d")).matching
    assert got.duplicate_of == "a"
    assert [(lost.request_id, lost.why) for lost in got.candidates] == [
        ("b", "as like as a, which is earlier"),
        ("c", "less like than a"),
    ]


def test_an_earlier_report_that_comes_late_corrects_the_ones_after_it() -> None:
    worker = matcher()
    run(worker, [routed("b", hours=2), routed("c", hours=3)])
    outputs = run(worker, [routed("a", hours=1)])
    said = [(event.report.request_id, event.matching.incident_id, event.matching.revision) for event in outputs]
    assert said == [("a", "a", 1), ("b", "a", 2), ("c", "a", 2)]
    assert outputs[2].matching.duplicate_of == "b"
    assert outputs[2].matching.evidence is not None
    assert outputs[2].report == routed("c", hours=3).report


def row(*numbers: int) -> list[RequestRouted]:
    """Reports 20 m apart along a line, each made an hour after its neighbour."""
    return [routed(f"r{number}", hours=float(number), at=(50.0 + number * STEP, 10.0)) for number in numbers]


def test_a_late_root_renames_the_incident_of_reports_far_beyond_its_own_reach() -> None:
    for batches in (
        [row(1, 2, 3, 4, 5, 6, 7, 8, 9)],
        [row(9, 8, 7, 6, 5, 4, 3, 2, 1)],
        [row(9, 3, 6), row(8, 2, 5), row(1, 7, 4)],
    ):
        worker = matcher()
        for batch in batches:
            run(worker, batch)
        outputs = run(worker, row(0))
        assert [event.report.request_id for event in outputs] == [f"r{number}" for number in range(10)]
        assert {event.matching.incident_id for event in outputs} == {"r0"}
        assert [event.matching.duplicate_of for event in outputs[1:]] == [f"r{number}" for number in range(9)]


def test_a_repeat_gives_nothing_not_even_in_the_same_batch() -> None:
    worker = matcher()
    event, placeless = routed("a"), routed("p", at=None)
    assert [len(said) for said in worker.handle(0, [event, event, placeless, placeless])] == [1, 0, 1, 0]
    run(worker, [event, placeless])
    assert [len(said) for said in worker.handle(0, [event, routed("b"), placeless])] == [0, 1, 0]


def test_without_a_place_there_is_no_link() -> None:
    worker = matcher()
    run(worker, [routed("a", at=None)])
    got = one(worker, routed("b", at=None)).matching
    assert (got.incident_id, got.band, got.candidates) == ("b", "none", ())


def test_a_place_known_to_its_zip_code_is_suggested_at_most() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    assert one(worker, routed("b", method="zip")).matching.band == "suggestion"


def test_spam_is_nobodys_duplicate() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    assert one(worker, routed("b", intent="spam")).matching.band == "none"
    assert one(worker, routed("c")).matching.duplicate_of == "a"


def test_families_and_partitions_do_not_meet() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    assert one(worker, routed("b", family="water")).matching.band == "none"
    (other,) = run(worker, [routed("c")], partition=1)
    assert other.matching.band == "none"


def test_a_forgotten_partition_is_gone_and_others_stay() -> None:
    worker = matcher()
    run(worker, [routed("a")], partition=0)
    run(worker, [routed("b")], partition=1)
    worker.forget(0)
    worker.forget(7)
    assert run(worker, [routed("c")], partition=0)[0].matching.band == "none"
    assert run(worker, [routed("d")], partition=1)[0].matching.duplicate_of == "b"


def test_a_report_older_than_window_and_lateness_is_let_go_but_its_repeat_is_known() -> None:
    worker = matcher(lateness=3600.0)
    run(worker, [routed("a"), routed("b", hours=1)])
    run(worker, [routed("new", hours=74)])
    assert worker._memories[0].said.keys() == {"b", "new"}
    assert worker._memories[0].gone.keys() == {"a"}
    assert run(worker, [routed("a")]) == []


def test_a_link_whose_end_was_let_go_is_final() -> None:
    worker = matcher(lateness=3600.0)
    run(worker, [routed("a"), routed("b", hours=1.5), routed("new", hours=74)])
    outputs = run(worker, [routed("late", hours=1.25)])
    assert [event.report.request_id for event in outputs] == ["late"]


def test_a_report_far_too_late_corrects_nobody() -> None:
    worker = matcher(lateness=3600.0)
    run(worker, [routed("b", hours=30), routed("new", hours=99)])
    outputs = run(worker, [routed("late", hours=0)])
    assert [event.report.request_id for event in outputs] == ["late"]
    assert "late" in worker._memories[0].gone


def test_a_clock_that_runs_ahead_does_not_make_the_others_old() -> None:
    worker = matcher(lateness=3600.0)
    run(worker, [routed("a"), routed("ahead", hours=10_000, received=1.0, at=(51.0, 10.0))])
    assert one(worker, routed("b", hours=2)).matching.duplicate_of == "a"


def test_of_too_many_open_reports_the_oldest_are_let_go() -> None:
    worker = Matcher({"roads": REACH}, at_most=3)
    run(worker, [routed(f"r{number}", hours=number) for number in range(5)])
    assert worker._memories[0].said.keys() == {"r2", "r3", "r4"}
    assert run(worker, [routed("r0")]) == []


def test_no_more_ids_are_remembered_than_allowed() -> None:
    worker = matcher(lateness=0.0, remembered=5)
    for day in range(30):
        run(worker, [routed(f"r{day}", hours=24.0 * day, at=None if day % 2 else (50.0, 10.0))])
    memory = worker._memories[0]
    assert len(memory.gone) == 5
    assert len(memory.said) == len(memory.families["roads"]) == 2
    incidents = memory.families["roads"]
    assert len(incidents.reports) == len(incidents._links) == len(incidents._ages) == 2
    assert sum(map(len, incidents.cells.values())) == 2
    assert len(incidents._children) <= 2


def test_of_thousands_of_the_same_report_at_once_each_is_compared_with_the_latest_few() -> None:
    worker = matcher()
    outputs = run(worker, [routed(f"r{number:04d}") for number in range(2000)])
    assert {event.matching.incident_id for event in outputs} == {"r0000"}
    assert outputs[-1].matching.duplicate_of == "r1983"
