"""An undisturbed run is told from a disturbed one by each thing that a disturbance may change."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.samples import samples
from services.events import RequestReceived
from services.sandbox.undisturbed import Fate, differences, undisturbed

ROOT = Path(__file__).parents[2]
CITY, MODELS = ROOT / "city", ROOT / "models"


@pytest.fixture(scope="module")
def events() -> list[RequestReceived]:
    return [
        each
        for each in samples("received", seed=3, count=400, city=CITY, models=MODELS)
        if isinstance(each, RequestReceived)
    ]


@pytest.fixture(scope="module")
def expected(events: list[RequestReceived]) -> dict[str, Fate]:
    return undisturbed(events, city=CITY, models=MODELS)


def found(fates: Mapping[str, Fate]) -> SimpleNamespace:
    return SimpleNamespace(
        categories={request: fate.category for request, fate in fates.items()},
        departments={request: fate.department for request, fate in fates.items()},
        links={request: (1, fate.duplicate_of, fate.incident) for request, fate in fates.items()},
    )


def test_each_report_has_a_category_a_department_and_a_link(
    events: list[RequestReceived], expected: dict[str, Fate]
) -> None:
    assert expected.keys() == {event.report.request_id for event in events}
    assert any(fate.duplicate_of for fate in expected.values())


def test_the_order_in_which_reports_come_changes_nothing(
    events: list[RequestReceived], expected: dict[str, Fate]
) -> None:
    assert undisturbed(reversed(events), city=CITY, models=MODELS) == expected


def test_what_ended_alike_does_not_differ(expected: dict[str, Fate]) -> None:
    assert differences(expected, found(expected)) == []


@pytest.mark.parametrize("part", ["category", "department", "incident", "duplicate_of"])
def test_each_part_that_ended_otherwise_is_told(expected: dict[str, Fate], part: str) -> None:
    request = next(iter(expected))
    changed = {**expected, request: expected[request]._replace(**{part: "other"})}
    (told,) = differences(expected, found(changed))
    assert told.startswith(f"{request}: expected ")
    assert "other" in told.partition(", found ")[2]


def test_a_report_that_one_of_the_two_does_not_know_is_told(expected: dict[str, Fate]) -> None:
    request = next(iter(expected))
    without = {name: fate for name, fate in expected.items() if name != request}
    (told,) = differences(expected, found(without))
    assert told.endswith("found nothing")
    assert differences(without, found(expected)) == [f"{request}: expected nothing, found a link"]
