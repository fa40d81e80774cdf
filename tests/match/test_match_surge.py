"""Reports of an outage, each from another door, are one incident: more than one pair alone would ever tell."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pytest
from match_reports import HOUR, again, close, incidents, matcher, newest, north, one, routed, run, unlink
from msgspec.structs import replace

from services.city.load import load
from services.cli.matching.asked import STORM_START
from services.events import RequestMatched, RequestRouted
from services.incidents.scorer import Scorer
from services.incidents.seen import Reach
from services.incidents.shelf import read
from services.match.adapters import Matcher
from services.match.worker import families_of, reaches_of
from services.parts import Asset
from services.sandbox.incidents_storm import two_fronts
from services.sandbox.labelled import labelled

REPOSITORY = Path(__file__).parents[2]
TOWN = load(REPOSITORY / "city")
SHIPPED = Scorer(read(REPOSITORY / "services" / "incidents" / "match.json"))
WIDE = {"light": Reach(60.0, 48 * HOUR, 1200.0), "roads": Reach(50.0, 72 * HOUR)}
"""Of lights 300 metres make a crowd; of roads nothing does."""
SPOTS = (0, 80, 160, 240, 200, 130)
"""Metres: no two in the radius are of one light."""
WORDS = ("the lamp is out", "no light at all", "dark corner", "it flickers", "black as pitch here", "who turned it off")


def lights(numbers: Sequence[int] = range(6), **more: str) -> list[RequestRouted]:
    return [
        routed(
            f"l{n}",
            hours=n / 10,
            at=north(SPOTS[n]),
            text=WORDS[n],
            family="light",
            reporter=more.get("reporter", f"p{n}"),
        )
        for n in numbers
    ]


@lru_cache
def fronts(seed: int) -> tuple[list[RequestRouted], dict[str, str]]:
    """Give the reports of an outage with two fronts, as workers leave them, and of which front each is."""
    made = labelled(
        REPOSITORY / "city", REPOSITORY / "models", two_fronts(TOWN, seed=seed, reports=600, start=STORM_START)
    )
    return [event for event, _ in made], {event.report.request_id: front for event, front in made}


def shipped() -> Matcher:
    return Matcher(reaches_of(TOWN), SHIPPED, families=families_of(TOWN), lateness_s=float("inf"))


def in_batches(events: Sequence[RequestRouted], size: int = 100) -> list[RequestMatched]:
    worker, log = shipped(), list[RequestMatched]()
    for begin in range(0, len(events), size):
        log += run(worker, events[begin : begin + size])
    return log


def by_incident(log: Sequence[RequestMatched], truth: Mapping[str, str]) -> list[Counter[str]]:
    """Give how many reports of each front an incident holds, the largest incident first."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for request_id, incident in incidents(log).items():
        found[incident][truth[request_id]] += 1
    return sorted(found.values(), key=lambda held: -held.total())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hundreds_of_reports_of_two_fronts_are_two_incidents(seed: int) -> None:
    events, truth = fronts(seed)
    log = in_batches(events)
    sizes = Counter(truth.values())
    largest = by_incident(log, truth)
    names = [max(held, key=held.__getitem__) for held in largest[:2]]
    assert set(names) == set(sizes)
    for held, name in zip(largest[:2], names, strict=True):
        assert held[name] / sizes[name] >= 0.85
    for held in largest:
        if held.total() >= 34:
            assert min(held[name] for name in sizes) / held.total() <= 0.03
    assert largest[2].total() < 10


def test_the_incident_of_a_front_grows_as_its_reports_come() -> None:
    events, _ = fronts(1)
    log = in_batches(events, size=20)
    largest = Counter(incidents(log).values()).most_common(1)[0][0]
    grown = [event.matching.extent for event in log if event.matching.incident_id == largest]
    counts = [extent.reports for extent in grown if extent]
    hours = [(extent.until - extent.since).total_seconds() / HOUR for extent in grown if extent]
    assert counts[0] < 25
    assert counts[-1] > 250
    assert counts == sorted(counts)
    assert hours[0] < 0.5
    assert hours[-1] > 1.5
    assert any(event.matching.relation == "surge" for event in log)


def test_the_same_fronts_are_found_in_whatever_order_reports_come() -> None:
    events, truth = fronts(1)
    expected = incidents(in_batches(events))
    for seed in (1, 2):
        shuffled = list(events)
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - no secret
        assert incidents(in_batches(shuffled, size=37 * seed)) == expected
    assert len(expected) == len({event.report.request_id for event in events}) == len(truth)


def test_the_fifth_of_a_kind_in_two_hours_joins_the_nearest_of_them_and_says_why() -> None:
    worker = matcher(WIDE)
    *alone, fifth, sixth = run(worker, lights())
    assert [event.matching.incident_id for event in alone] == ["l0", "l1", "l2", "l3"]
    got = fifth.matching
    assert (got.relation, got.band, got.incident_id, got.duplicate_of) == ("surge", "automatic", "l2", "l2")
    assert got.why == "one of 5 reports of its kind within 300 m and two hours"
    assert got.anchor == north(160)
    assert "l2" not in {each.request_id for each in got.candidates}
    assert all(each.why == "of many of its kind the most and nearest go with l2" for each in got.candidates)
    assert sixth.matching.incident_id == "l2"


def test_three_of_a_kind_and_a_fourth_are_no_crowd() -> None:
    found = incidents(run(matcher(WIDE), lights(range(4))))
    assert found == {f"l{n}": f"l{n}" for n in range(4)}


@pytest.mark.parametrize(("hours", "relation"), [(1.99, "surge"), (2.01, None)])
def test_of_a_crowd_are_those_of_the_last_two_hours(hours: float, relation: str | None) -> None:
    worker = matcher(WIDE)
    run(worker, lights(range(4)))
    got = one(worker, routed("e", hours=hours, at=north(299), text="lamp", family="light")).matching
    assert got.relation == relation


@pytest.mark.parametrize(
    "more",
    [{"code": "flicker"}, {"method": "zip"}, {"at": north(541)}, {"family": "roads", "code": "lamp"}],
)
def test_another_category_or_a_vague_or_far_place_or_another_family_is_not_of_a_crowd(more: dict[str, str]) -> None:
    worker = matcher(WIDE)
    run(worker, lights(range(4)))
    said = {"at": north(200), "family": "light", "text": "lamp"} | more
    assert one(worker, routed("e", hours=1, **said)).matching.relation != "surge"  # type: ignore[arg-type]


def test_one_person_who_reports_every_lamp_of_a_street_is_no_crowd() -> None:
    assert "surge" not in {event.matching.relation for event in run(matcher(WIDE), lights(reporter="walker"))}
    worker = matcher(WIDE)
    run(worker, lights(range(4), reporter="walker"))
    assert one(worker, lights([4])[0]).matching.relation != "surge"


def test_lamps_that_different_people_name_are_one_outage_from_the_fifth_on() -> None:
    events = [
        replace(each, routing=replace(each.routing, asset=Asset(kind="lamp", asset_id=f"L-{n}", distance_m=3.0)))
        for n, each in enumerate(lights())
    ]
    found = newest(run(matcher(WIDE), events))
    # Nothing says yet, of the first four, that they are more than four lamps: they stay apart, for a person to merge.
    assert [found[f"l{n}"].incident_id for n in range(4)] == ["l0", "l1", "l2", "l3"]
    assert [found[f"l{n}"].relation for n in (4, 5)] == ["surge", "surge"]


def test_families_without_a_wide_spread_make_no_crowd_of_a_chain() -> None:
    reaches = {**WIDE, "water": Reach(50.0, 72 * HOUR, 199.0)}
    for family in ("roads", "water"):
        places = [north(30 * n) for n in range(20)]
        chain = [routed(f"c{n}", hours=n / 10, at=at, text=f"{n * 7919}", family=family) for n, at in enumerate(places)]
        assert "surge" not in {event.matching.relation for event in run(matcher(reaches), chain)}


def test_a_surge_reaches_no_further_than_the_spread() -> None:
    chain = [routed(f"c{n:02d}", hours=n / 30, at=north(70 * n), text=WORDS[n % 6], family="light") for n in range(40)]
    log = run(matcher(WIDE), chain)
    for event in log:
        matching, at = event.matching, event.report.place
        if matching.anchor and at:
            assert (at.latitude - matching.anchor[0]) * 111_195 <= 1200.1
    assert 3 < len(set(incidents(log).values())) < 12


def test_the_second_thoughts_of_others_reach_a_crowd() -> None:
    worker = matcher(WIDE)
    log = run(worker, lights([0, 1, 2, 4, 5]))
    assert incidents(log)["l5"] != "l3"
    log += run(worker, lights([3]))  # which was made before two of them, and came late
    assert incidents(log) == incidents(run(matcher(WIDE), lights()))
    assert newest(log)["l4"].revision == 2


def test_who_is_set_apart_from_an_outage_stays_apart_and_after_its_end_it_is_no_crowd() -> None:
    worker = matcher(WIDE)
    log = run(worker, lights())
    worker.learn(unlink(log[4]))
    log += again(worker)
    assert (newest(log)["l4"].incident_id, newest(log)["l4"].relation) != ("l2", "surge")
    for n in range(4):
        worker.learn(close(f"l{n}", 0.55))
    log += again(worker)
    fresh = one(worker, routed("new", hours=0.6, at=north(170), text="strange", family="light")).matching
    assert fresh.relation != "surge"


def test_where_one_of_two_incidents_of_an_outage_is_closed_the_reports_of_the_other_are_looked_at_anew() -> None:
    worker = matcher(WIDE)
    spots = {"a1": 0, "a2": 0, "b1": 180, "b2": 180, "c": 100}
    words = {"a": "the lamp is out", "b": "no light at all", "c": "who turned it off"}
    for hours, (name, metres) in enumerate(spots.items()):
        event = routed(name, hours=hours / 10, at=north(metres), text=words[name[0]], family="light", reporter=name)
        last = one(worker, event)
    assert (last.matching.incident_id, last.matching.relation) == ("b1", "surge")
    worker.learn(close("a1", 0.35))
    assert incidents(again(worker)) == {"c": "c"}
