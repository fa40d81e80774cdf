"""How far an incident reaches, and what is told of how far it has grown."""

from datetime import timedelta
from typing import Any

import pytest
from match_reports import (
    HOUR,
    START,
    again,
    incidents,
    matcher,
    newest,
    north,
    one,
    routed,
    run,
)

from services.incidents.seen import Reach

WIDE = {"roads": Reach(50.0, 72 * HOUR, 300.0)}


def test_a_chain_of_reports_reaches_no_further_than_the_spread() -> None:
    worker = matcher(WIDE)
    outputs = run(
        worker, [routed(f"r{number:02d}", hours=0.5 * number, at=north(14.9 * number)) for number in range(60)]
    )
    found = incidents(outputs)
    assert found["r20"] == "r00"
    assert found["r21"] != "r00"
    for request_id, incident in found.items():
        assert (int(request_id[1:]) - int(incident[1:])) * 14.9 <= 300


def test_beyond_the_radius_one_report_alone_is_too_little_and_two_are_enough() -> None:
    worker = matcher()
    run(worker, [routed("a"), routed("b", hours=1, at=north(40))])
    got = one(worker, routed("c", hours=2, at=north(80))).matching
    assert (got.band, got.duplicate_of, got.incident_id) == ("suggestion", "b", "c")
    assert got.why == "b alone is too little, 80 m from where its incident began"
    worker = matcher()
    run(worker, [routed("a"), routed("b", hours=1, at=north(40)), routed("b2", hours=1.5, at=north(45))])
    assert one(worker, routed("c", hours=2, at=north(80))).matching.incident_id == "a"


def test_beyond_the_spread_none_is_enough_and_it_is_said_how_far_it_would_be() -> None:
    worker = matcher({"roads": Reach(50.0, 72 * HOUR, 60.0)})
    run(worker, [routed("a"), *(routed(f"b{number}", hours=1 + number, at=north(45)) for number in range(3))])
    got = one(worker, routed("c", hours=5, at=north(70))).matching
    assert (got.band, got.incident_id) == ("suggestion", "c")
    assert got.why.endswith("would reach 70 m from its first report")


def test_two_fronts_that_grow_toward_each_other_stay_two_incidents() -> None:
    worker = matcher(WIDE)
    fronts = [
        routed(f"{side}{step}", hours=step, at=north(step * 20.0 if side == "s" else 400 - step * 20.0))
        for step in range(11)
        for side in "ns"
    ]
    found = incidents(run(worker, fronts))
    assert {found[f"s{step}"] for step in range(10)} == {"s0"}
    assert {found[f"n{step}"] for step in range(10)} == {"n0"}
    assert set(found.values()) == {"s0", "n0"}


def test_reports_that_drift_along_a_street_are_several_incidents_one_after_the_other() -> None:
    found = incidents(run(matcher(), [routed(f"r{n:03d}", hours=0.25 * n, at=north(10.0 * n)) for n in range(100)]))
    assert 4 <= len(set(found.values())) <= 12


@pytest.mark.parametrize("place", [{"method": "zip"}, {"method": "street", "radius": 500.0}])
def test_a_place_of_an_area_never_links_by_itself_however_like(place: dict[str, Any]) -> None:
    worker = matcher()
    run(worker, [routed("a", reporter="p")])
    for request_id, more in (("b", {}), ("c", {"reporter": "p"}), ("d", {"same_as": "a"})):
        got = one(worker, routed(request_id, **place, **more)).matching  # type: ignore[arg-type]
        assert (got.band, got.incident_id) == ("suggestion", request_id)
        assert got.why == "a place that is known no better than to its ZIP code is linked by a person"
    got = one(worker, routed("e", at=north(2), text="a deep hole!!", reporter="r", same_as="c")).matching
    assert got.band == "suggestion"


def test_the_extent_tells_how_many_and_from_when_to_when_and_where() -> None:
    worker = matcher()
    square = [(0.0, 0.0), (0.0, 0.0002), (0.0002, 0.0002), (0.0002, 0.0), (0.0001, 0.0001)]
    places = [(50.0 + x, 10.0 + y) for x, y in square]
    outputs = run(worker, [routed(f"r{n}", hours=float(n), at=place) for n, place in enumerate(places)])
    extent = outputs[-1].matching.extent
    assert extent is not None
    assert (extent.reports, extent.since, extent.until) == (5, START, START + timedelta(hours=4))
    assert set(extent.hull) == set(places[:4])
    assert one(worker, routed("far", at=(51.0, 10.0))).matching.extent is None


def test_the_extent_outlives_the_reports_that_are_let_go() -> None:
    worker = matcher(lateness=0.0)
    run(worker, [routed("a"), routed("b", hours=40, at=north(10))])
    got = one(worker, routed("c", hours=80, at=north(20))).matching
    assert worker._memories[0, ""].gone.keys() == {"a"}
    got = one(worker, routed("d", hours=120, at=north(5))).matching
    assert worker._memories[0, ""].gone.keys() == {"a", "b"}
    extent = got.extent
    assert extent is not None
    assert (got.incident_id, extent.reports, extent.since) == ("a", 4, START)
    assert (50.0, 10.0) in extent.hull
    assert north(20) in extent.hull


def test_when_all_of_an_incident_are_let_go_nothing_of_it_stays() -> None:
    worker = matcher(lateness=0.0)
    run(worker, [routed("a"), routed("b", hours=40)])
    run(worker, [routed("far", hours=500, at=(51.0, 10.0))])
    known = worker._memories[0, ""].incidents
    assert [len(each) for each in (known.past, known.members, known.children, known._links)] == [0, 0, 0, 0]


def test_the_same_words_from_one_place_and_person_within_minutes_are_a_resend() -> None:
    worker = matcher()
    run(worker, [routed("a", reporter="p")])
    got = one(worker, routed("b", hours=9 / 60, text="A DEEP HOLE!", reporter="p")).matching
    assert (got.relation, got.duplicate_of, got.band) == ("resend", "a", "automatic")
    assert one(worker, routed("c", hours=10 / 60, reporter="q")).matching.relation == "duplicate"
    assert one(worker, routed("d", hours=30 / 60, reporter="p")).matching.relation == "duplicate"


def test_a_report_that_a_citizen_says_is_the_same_is_confirmed_within_reach() -> None:
    for batches in (["a", "b", "c"], ["b", "a", "c"], ["c", "b", "a"]):
        events = {
            "a": routed("a", text="tree down"),
            "b": routed("b", hours=90, at=north(190), text="something else", same_as="a"),
            "c": routed("c", hours=90, at=north(210), text="another matter", same_as="a"),
        }
        worker = matcher()
        log = [event for request_id in batches for event in run(worker, [events[request_id]])]
        got = newest(log)
        assert (got["b"].relation, got["b"].incident_id) == ("confirmed", "a")
        assert (got["c"].band, got["c"].incident_id) == ("none", "c")
        assert again(worker) == []
