"""An undisturbed run says what the workers' own handlers say, whatever the order; and what differs from it is told."""

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from benchmarks.samples import START, samples
from services.events import Event, RequestMatched, RequestReceived, RequestRouted
from services.match.settings import MatchSettings
from services.match.worker import build as build_match
from services.parts import Place, Report
from services.runtime import wire
from services.runtime.settings import Shared
from services.sandbox import undisturbed as module
from services.sandbox.accounts import CLASSIFIED, DEAD, RECEIVED, UNKNOWN
from services.sandbox.counted import Tally
from services.sandbox.undisturbed import Cores, Difference, Undisturbed, differences

ROOT = Path(__file__).parents[2]
CITY, MODELS = ROOT / "city", ROOT / "models"
COUNT = 400


@pytest.fixture(scope="module")
def storm() -> Sequence[RequestReceived]:
    return cast("Sequence[RequestReceived]", samples("received", seed=5, count=COUNT, city=CITY, models=MODELS))


@pytest.fixture(scope="module")
def cores() -> Cores:
    return Cores(CITY, MODELS)


@pytest.fixture(scope="module")
def calm(storm: Sequence[RequestReceived], cores: Cores) -> Tally:
    return Undisturbed(cores).run(storm)


def report(name: str, hours: float, *, late: float = 0.0) -> RequestReceived:
    """One of many alike, made at one spot some hours after the start."""
    made = START + timedelta(hours=hours)
    return RequestReceived(
        report=Report(
            request_id=name,
            channel="web",
            requested_at=made,
            received_at=made + timedelta(hours=late),
            text="there is a deep pothole in the road",
            place=Place(latitude=44.0, longitude=-73.0),
        )
    )


def through_the_handlers(storm: Sequence[RequestReceived], settings: MatchSettings) -> dict[str, Any]:
    routed = cast("Sequence[RequestRouted]", samples("routed", seed=5, count=COUNT, city=CITY, models=MODELS))
    for sent, placed in zip(storm, routed, strict=True):  # `route` finds the place of an address, and changes no more
        assert sent.report in (placed.report, replace(placed.report, place=None))
    matcher: Any = build_match(settings, Shared(stormdrain_city_dir=CITY)).handler
    links = {}
    for start in range(0, COUNT, 37):
        outcomes: Sequence[Sequence[Event]] = matcher.handle(0, routed[start : start + 37])
        for event in (each for outcome in outcomes for each in outcome):
            assert isinstance(event, RequestMatched)
            matcher.fold(0, event)
            links[event.report.request_id] = (event.matching.duplicate_of, event.matching.incident_id)
    return {
        "links": links,
        "categories": {event.report.request_id: event.classification.service_code for event in routed},
        "departments": {event.report.request_id: event.routing.department for event in routed},
    }


def test_an_undisturbed_run_says_what_the_handlers_of_the_workers_say(
    storm: Sequence[RequestReceived], calm: Tally
) -> None:
    said = through_the_handlers(storm, MatchSettings())
    assert calm.categories == said["categories"]
    assert calm.departments == said["departments"]
    assert {request: link[1:] for request, link in calm.links.items()} == said["links"]
    assert len(calm.linked) > COUNT / 10, "a storm without duplicates proves nothing"


@pytest.mark.parametrize("seed", range(3))
def test_in_whatever_order_reports_come_they_end_in_the_same_links(
    storm: Sequence[RequestReceived], calm: Tally, cores: Cores, seed: int
) -> None:
    luck = random.Random(seed)  # noqa: S311 - seeded
    mixed = [*storm, *luck.sample(storm, 50)]
    luck.shuffle(mixed)
    assert differences(calm, Undisturbed(cores).run(mixed)) == []


def test_a_report_that_was_kept_waiting_for_hours_is_put_into_its_place(cores: Cores) -> None:
    reports = [report("a", 0.0, late=40.0), report("b", 1.0), report("c", 2.0)]
    for order in (reports, reports[::-1], [reports[1], reports[0], reports[2]]):
        links = Undisturbed(cores).run(order).links
        assert {request: link[2] for request, link in links.items()} == dict.fromkeys("abc", "a")


def test_only_a_report_later_than_the_allowed_lateness_may_be_linked_otherwise(cores: Cores) -> None:
    settings = replace(MatchSettings(), lateness_hours=0.0)
    reports = [report("a", 0.0), report("b", 1.0), report("z", 24.0 * 365)]
    in_time, too_late = (one_by_one(order, cores, settings) for order in (reports, reports[::-1]))
    assert in_time.links["b"][1:] == ("a", "a")
    assert [str(each) for each in differences(in_time, too_late)] == [
        "b: incident is b, undisturbed a",
        "b: duplicate_of is None, undisturbed a",
    ]


def one_by_one(reports: Sequence[RequestReceived], cores: Cores, settings: MatchSettings) -> Tally:
    run = Undisturbed(cores, settings)
    for each in reports:
        run.take([each])
    return run.tally


def test_a_report_of_nothing_is_to_end_in_the_dead_letters(cores: Cores) -> None:
    nothing = RequestReceived(report=replace(report("n", 0.0).report, text=" "))
    expected = Undisturbed(cores).run([nothing, report("a", 0.0)])
    assert expected.dead_ids == {"n"}
    assert expected.classified == {"a"}
    alive = Undisturbed(cores).run([report("a", 0.0)])
    alive.accounts.count(RECEIVED, alive.accounts.row("n"))
    (found,) = differences(expected, alive)
    assert str(found) == "n: dead is alive, undisturbed in the dead letters"
    alive.accounts.flags[alive.accounts.rows["n"]] |= DEAD
    alive.accounts.flags[alive.accounts.rows["a"]] |= DEAD
    assert differences(expected, alive) == [Difference("a", "dead", "alive", "in the dead letters")]


def told(*requests: str, link: tuple[str | None, str] | None = None) -> Tally:
    """A tally of requests of one category and department, each its own incident or all with one link."""
    tally = Tally()
    accounts = tally.accounts
    for request in requests:
        row = accounts.row(request)
        earlier, incident = link or (None, request)
        accounts.count(RECEIVED, row)
        accounts.count(CLASSIFIED, row)
        accounts.category[row] = accounts.names.number("pothole")
        accounts.department[row] = accounts.names.number("roads")
        accounts.link[row] = 1
        accounts.incident[row] = accounts.row(incident)
        accounts.duplicate_of[row] = UNKNOWN if earlier is None else accounts.row(earlier)
    return tally


def test_what_became_otherwise_is_told_of_each_request() -> None:
    expected, found = told("a", "b"), told("a", "b")
    assert differences(expected, found) == []
    accounts = found.accounts
    accounts.category[accounts.rows["a"]] = accounts.names.number("graffiti")
    accounts.department[accounts.rows["b"]] = accounts.names.number("parks")
    assert differences(expected, found) == [
        Difference("a", "category", "pothole", "graffiti"),
        Difference("b", "department", "roads", "parks"),
    ]


def test_a_request_linked_otherwise_or_not_at_all_is_told() -> None:
    expected = told("a", "b", link=("r", "r"))
    assert differences(expected, told("a", "b", link=("q", "r"))) == [
        Difference("a", "duplicate_of", "r", "q"),
        Difference("b", "duplicate_of", "r", "q"),
    ]
    never = told("a", "b", link=("r", "r"))
    never.accounts.incident[never.accounts.rows["b"]] = UNKNOWN
    assert differences(expected, never) == [
        Difference("b", "incident", "r", None),
        Difference("b", "duplicate_of", "r", None),
    ]


def test_what_was_never_received_is_not_asked_for() -> None:
    assert differences(told("a"), Tally()) == []


def test_reports_of_several_partitions_are_read_in_the_order_of_their_timestamps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partitions = [[("a", 5), ("d", 40)], [("b", 10), ("poison-1", 11), ("c", 20)]]
    monkeypatch.setattr(module, "scan", lambda _clients, starts: _messages(partitions, starts))
    found = [event.report.request_id for event in module.received(cast("Any", _Two()))]
    assert found == ["a", "b", "c", "d"]


class _Two:
    def partitions(self, _topic: str) -> int:
        return 2


class _Message:
    def __init__(self, request: str, at_ms: int) -> None:
        self._request, self._at_ms = request, at_ms

    def key(self) -> bytes:
        return self._request.encode()

    def value(self) -> bytes:
        return wire.encode(report(self._request, 0.0))

    def headers(self) -> None: ...

    def timestamp(self) -> tuple[int, int]:
        return 1, self._at_ms


def _messages(partitions: list[list[tuple[str, int]]], starts: dict[tuple[str, int], int]) -> Iterator[_Message]:
    ((_, number),) = starts
    return (_Message(*each) for each in partitions[number])
