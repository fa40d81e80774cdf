"""Floods, texts and places that nobody should send: each has a defined answer."""

import random
import time

import pytest
from all_pairs import AT_ONE_PLACE, AllPairs, Words, stand_of
from hypothesis import given, settings
from hypothesis import strategies as st
from match_reports import BANDS, FAMILIES, REACH, SCORER, matcher, newest, north, one, routed, run
from msgspec.structs import replace
from test_match_machine import REACHES, reports

from services.events import RequestMatched, RequestRouted
from services.incidents.grid import Grid

THOUSANDS = 10_000
in_one_town = reports.map(lambda event: replace(event, report=replace(event.report, jurisdiction_id="")))


def test_a_report_of_nothing_at_all_is_matched() -> None:
    worker = matcher()
    for number in range(3):
        got = one(worker, routed(f"r{number}", text="", code="", family="")).matching
        assert got.band != "automatic"
        assert one(worker, routed(f"p{number}", text="", code="", family="", at=None)).matching.band == "none"


@pytest.mark.parametrize(
    "text", ["🕳️🚗💥", "حفرة عميقة", "\u200b\u200d\ufeff", "a" * 10_000, "\u202etxet", "0" * 10_000, "\x00"]
)
def test_strange_texts_from_the_same_place_and_person_are_a_resend(text: str) -> None:
    worker = matcher()
    run(worker, [routed("a", text=text, reporter="p")])
    assert one(worker, routed("b", text=text, reporter="p")).matching.relation == "resend"


def test_a_place_that_may_be_anywhere_reaches_no_further_than_150_metres() -> None:
    worker = matcher()
    run(worker, [routed("a", radius=1e9)])
    assert one(worker, routed("b", at=north(199), radius=1e9)).matching.duplicate_of in {None, "a"}
    got = one(worker, routed("c", at=north(-201), radius=1e9)).matching
    assert (got.band, got.candidates) == ("none", ())


@pytest.mark.parametrize(
    ("one_place", "other"),
    [
        ((90.0, 0.0), (90.0, 120.0)),
        ((-90.0, 5.0), (-89.9999, -175.0)),
        ((0.0, 180.0), (0.0, -180.0)),
        ((10.0, 179.9999), (10.0, -179.9999)),
    ],
)
def test_at_the_poles_and_across_the_antimeridian_near_is_near(
    one_place: tuple[float, float], other: tuple[float, float]
) -> None:
    worker = matcher()
    run(worker, [routed("a", at=one_place)])
    assert one(worker, routed("b", at=other, hours=1)).matching.incident_id == "a"


def test_a_prankster_makes_one_incident_and_hides_no_neighbour_from_another() -> None:
    worker = matcher()
    run(worker, [routed("first", text="water runs out of the main")])
    began = time.process_time()
    flood = run(
        worker, [routed(f"x{number:05d}", hours=0.5, reporter="p", text="bla bla") for number in range(THOUSANDS)]
    )
    assert time.process_time() - began < 60
    found = newest(flood)
    assert {found[f"x{number:05d}"].incident_id for number in range(THOUSANDS)} == {found["x00000"].incident_id}
    got = one(worker, routed("second", hours=1, text="water runs out of the main!")).matching
    assert (got.duplicate_of, got.incident_id) == ("first", "first")


def test_who_repeats_himself_for_longer_than_the_window_is_still_found_by_others() -> None:
    worker = matcher()
    run(worker, [routed(f"r{number:03d}", hours=number * 0.15, reporter="p") for number in range(500)])
    got = one(worker, routed("other", hours=75, text="a deep hole here")).matching
    assert (got.duplicate_of, got.incident_id) == ("r499", "r000")


def test_ten_thousand_different_texts_on_one_spot_cost_a_bounded_time() -> None:
    worker = matcher()
    began = time.process_time()
    for batch in range(5):
        numbers = range(batch * 2000, batch * 2000 + 2000)
        run(
            worker,
            [
                routed(f"r{number:05d}", hours=number / 1000, text=f"{number * 7919} {number * 104729}")
                for number in numbers
            ],
        )
    assert time.process_time() - began < 120
    assert len(worker._memories[0, ""].incidents.near) == THOUSANDS


@given(
    events=st.lists(in_one_town, min_size=6, max_size=30, unique_by=lambda event: event.report.request_id),
    luck=st.randoms(use_true_random=False),
    per_cell=st.sampled_from([1, 2, 16]),
)
@settings(max_examples=150)
def test_links_are_a_function_of_the_set_of_reports_however_few_of_a_cell_are_compared(
    events: list[RequestRouted], luck: random.Random, per_cell: int
) -> None:
    worker, log, arrivals = matcher(REACHES, per_cell=per_cell), list[RequestMatched](), events + events[:3]
    luck.shuffle(arrivals)
    while arrivals:
        cut = luck.randint(1, 8)
        log += run(worker, arrivals[:cut])
        arrivals = arrivals[cut:]
        if luck.random() < 0.3:
            worker = matcher(REACHES, per_cell=per_cell)
            for event in log:
                worker.fold(0, event)
    grids = {family: Grid(reach.limit_m) for family, reach in {**REACHES, "fair": REACH, "*": AT_ONE_PLACE}.items()}
    every = AllPairs(events, Words([]), REACHES, FAMILIES, bands=BANDS, scorer=SCORER)
    found = every.links(per_cell, lambda family, *place: grids[family].cell(*place))
    # Of few in a cell another family may hold a pair than when it was said: its score changes a little, and alone.
    assert {event.report.request_id: stand_of(event)._replace(score=0.0) for event in log} == {
        key: each._replace(score=0.0) for key, each in found.items()
    }
