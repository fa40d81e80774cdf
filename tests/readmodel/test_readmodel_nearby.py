"""Which open incidents are found about a point; on both databases."""

from datetime import timedelta
from math import cos, radians
from typing import Any

import pytest
from life_of_requests import NOON, Life, Tell, closed
from msgspec.structs import replace
from sqlalchemy import event
from sqlalchemy.engine import Connection

from services.city.earth import METRES_PER_DEGREE
from services.parts import Place
from services.readmodel.queries import ReadModel
from services.readmodel.rows import NearbyFilter, NearbyRow

LATITUDE, LONGITUDE = 47.5, -122.25


def life(request_id: str, *, north_m: float = 0.0, east_m: float = 0.0, minute: int = 0, **said: Any) -> Life:
    """A report some metres from the point, of so many minutes after noon."""
    made = Life(request_id, minute, said.pop("service_code", "pothole"))
    here = said.pop("here", (LATITUDE, LONGITUDE))
    place = Place(
        latitude=here[0] + north_m / METRES_PER_DEGREE,
        longitude=here[1] + east_m / METRES_PER_DEGREE / cos(radians(here[0])),
        radius_m=7.5,
    )
    made.report = replace(made.report, **({"place": place} | said))
    return made


def asked(radius_m: float = 100.0, **changes: Any) -> NearbyFilter:
    given: dict[str, Any] = {
        "latitude": LATITUDE,
        "longitude": LONGITUDE,
        "radius_m": radius_m,
        "service_codes": ("pothole", "light"),
        "since": (("roads", NOON - timedelta(days=3)),),
    }
    return NearbyFilter(**(given | changes))


def names(found: list[NearbyRow]) -> list[str]:
    return [each.incident_id for each in found]


def test_before_any_writer_there_is_nothing_near(model: ReadModel) -> None:
    assert model.nearby(asked()) == []


def test_an_incident_is_given_with_all_its_reports_and_the_nearest_one_s_place(model: ReadModel, tell: Tell) -> None:
    tell(
        life("r-1", north_m=-60, address="3 Ferry Steps").matched(),
        life("r-2", north_m=20, minute=5, text="It is a deep hole", address="1 Ferry Steps").matched(
            duplicate_of="r-1"
        ),
        life("r-3", north_m=900, minute=9, text="").matched(duplicate_of="r-1"),
        life("r-4", north_m=-40, minute=3, text="It is a deep hole").matched(duplicate_of="r-1"),
        life("r-5", place=None, minute=4, text="Between the tracks").matched(duplicate_of="r-1"),
    )
    (found,) = model.nearby(asked())
    assert found.distance_m == pytest.approx(20, abs=0.01)
    assert (found.incident_id, found.reports, found.address) == ("r-1", 5, "1 Ferry Steps")
    assert (found.service_code, found.family, found.stage) == ("pothole", "roads", "matched")
    assert (found.first_requested_at, found.last_requested_at) == (NOON, NOON + timedelta(minutes=9))
    assert found.texts == ("It is a deep hole", "Between the tracks")


def test_the_radius_is_measured_on_the_sphere(model: ReadModel, tell: Tell) -> None:
    tell(
        life("r-1", north_m=99.9).matched(),
        life("r-2", north_m=-100.1).matched(),
        life("r-3", east_m=99.9).matched(),
        life("r-4", east_m=-100.1).matched(),
        life("r-5", north_m=80, east_m=80).matched(),
    )
    assert sorted(names(model.nearby(asked()))) == ["r-1", "r-3"]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ((-16.8, 179.9998), (-16.8, -179.9998)),
        ((-16.8, -179.9998), (-16.8, 179.9998)),
        ((89.9999, 10.0), (89.9999, 20.0)),
        ((-90.0, 0.0), (-90.0, 0.0)),
        ((0.0, 0.0), (0.0, 0.0)),
    ],
)
def test_the_ends_of_the_map_are_no_ends_of_the_earth(
    model: ReadModel, tell: Tell, here: tuple[float, float], there: tuple[float, float]
) -> None:
    tell(life("r-1", place=Place(latitude=there[0], longitude=there[1])).matched())
    assert names(model.nearby(asked(latitude=here[0], longitude=here[1]))) == ["r-1"]


def test_the_newest_word_comes_first_and_where_there_are_too_many_the_nearest_are_given(
    model: ReadModel, tell: Tell
) -> None:
    tell(
        life("r-1", north_m=1, minute=1).matched(),
        life("r-2", north_m=5, minute=9).matched(),
        life("r-3", north_m=9, minute=20).matched(),
    )
    assert names(model.nearby(asked())) == ["r-3", "r-2", "r-1"]
    assert names(model.nearby(asked(at_most=2))) == ["r-2", "r-1"]


def test_what_is_older_than_its_family_allows_or_of_another_family_is_not_given(model: ReadModel, tell: Tell) -> None:
    tell(life("r-1").matched(), life("r-2", minute=30).matched(), life("r-3", minute=40).matched(duplicate_of="r-1"))
    late = NOON + timedelta(minutes=20)
    assert names(model.nearby(asked(since=(("roads", late),)))) == ["r-1", "r-2"]
    assert names(model.nearby(asked(since=(("trees", NOON), ("roads", NOON + timedelta(hours=1)))))) == []
    assert names(model.nearby(asked(since=(("trees", NOON), ("roads", NOON))))) == ["r-1", "r-2"]
    assert model.nearby(asked(since=())) == []


def test_a_request_of_a_category_that_was_not_asked_for_is_neither_shown_nor_counted(
    model: ReadModel, tell: Tell
) -> None:
    tell(
        life("r-1", north_m=30, text="A hole").matched(),
        life("r-2", service_code="encampment", minute=5, text="Nobody's to see").matched(duplicate_of="r-1"),
        life("r-3", service_code="encampment", text="Nobody's to see").matched(),
    )
    (found,) = model.nearby(asked())
    assert (found.incident_id, found.reports, found.texts) == ("r-1", 1, ("A hole",))
    assert found.distance_m == pytest.approx(30, abs=0.01)
    assert model.nearby(asked(service_codes=())) == []


def test_a_rejected_report_and_one_that_was_not_compared_yet_are_not_given(model: ReadModel, tell: Tell) -> None:
    joke = life("r-1")
    tell(joke.held(), joke.reviewed("reject"), life("r-2").routed())
    assert model.nearby(asked()) == []
    tell(life("r-3", minute=2).matched(duplicate_of="r-1"))
    (found,) = model.nearby(asked())
    assert (found.incident_id, found.reports) == ("r-1", 1)


@pytest.mark.parametrize("first", ["the report", "the closing"])
def test_a_closed_incident_is_not_given_until_somebody_reports_it_again(
    model: ReadModel, tell: Tell, first: str
) -> None:
    said = [life("r-1").matched(), life("r-2", minute=1).matched(duplicate_of="r-1")]
    closing = closed("r-2", 60)
    for each in (said, [closing]) if first == "the report" else ([closing], said):
        tell(*each)
    assert model.nearby(asked()) == []
    row = model.request("r-2")
    assert row is not None
    assert row.stage == "matched"
    tell(life("r-3", minute=61).matched(duplicate_of="r-1"))
    assert names(model.nearby(asked())) == ["r-1"]
    tell(closed("r-1", -24 * 60))
    tell(closed("r-1", 9 * 60))
    assert model.nearby(asked()) == []


def test_an_incident_is_open_while_one_of_its_reports_is_wherever_that_lies(model: ReadModel, tell: Tell) -> None:
    joke = life("r-3", north_m=10, minute=62)
    tell(
        life("r-1").matched(),
        life("r-2", north_m=900, minute=61).matched(duplicate_of="r-1"),
        joke.matched(duplicate_of="r-1"),
        closed("r-1", 60),
    )
    assert {row.request_id: row.status for row in model.incident("r-1")} == {
        "r-1": "closed",
        "r-2": "open",
        "r-3": "open",
    }
    assert names(model.nearby(asked())) == ["r-1"]
    tell(joke.held(duplicate_of="r-1"), joke.reviewed("reject", duplicate_of="r-1"))
    assert names(model.nearby(asked())) == ["r-1"]
    tell(closed("r-2", 2 * 60))
    assert {row.status for row in model.incident("r-1")} == {"closed"}
    assert model.nearby(asked()) == []


def test_a_thousand_incidents_are_told_by_as_many_as_were_asked_for(model: ReadModel, tell: Tell) -> None:
    tell(*(life(f"r-{number}", north_m=number / 10, minute=number % 60).matched() for number in range(1000)))
    found = model.nearby(asked(radius_m=1000, at_most=50))
    assert {each.incident_id for each in found} == {f"r-{number}" for number in range(50)}


def test_how_far_a_place_may_be_off_is_kept(model: ReadModel, tell: Tell) -> None:
    tell(life("r-1").received())
    row = model.request("r-1")
    assert row is not None
    assert row.radius_m == 7.5


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_indexes_serve_the_box_and_what_is_closed_so_that_a_storm_at_one_place_is_told_soon(
    model: ReadModel, tell: Tell
) -> None:
    tell(life("r-1").matched())
    plans: list[str] = []

    def explain(connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT ranked") or "FROM (SELECT" in statement:
            driver = connection.connection.cursor()
            driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in driver.fetchall())

    model.nearby(asked())
    event.listen(model._engine, "before_cursor_execute", explain)
    assert names(model.nearby(asked())) == ["r-1"]
    assert any("INDEX requests_near (latitude>? AND latitude<?)" in line for line in plans), plans
    assert any("INDEX requests_closed (incident_id=?" in line for line in plans), plans
    assert not any(line.startswith("SCAN requests") for line in plans), plans
