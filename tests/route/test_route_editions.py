from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from shapely import box
from test_route_core import DISTRICTS, LIMITS, city, classified, routings, spot

from services.city.model import Area, City, Layer
from services.route.adapters import DatedAtlas

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Beirut"]
LATER = Layer(
    id="districts",
    version="dddd00000000",
    effective="2027-01-01",
    areas=(
        Area(area_id="west", name="West End", geometry=box(9.9, 49.9, 10.05, 50.1)),
        Area(area_id="new", name="New Town", geometry=box(10.05, 49.9, 10.1, 50.1)),
    ),
)
TOWN = city(layers=(LIMITS, DISTRICTS, LATER))


def district(town: City, at: datetime) -> tuple[str, str]:
    (routing,) = routings(town, [classified(spot(10.07), at=at)])
    return next((area.area_id, area.version) for area in routing.boundaries if area.layer == "districts")


def test_a_report_is_routed_by_the_lines_valid_on_its_day_in_the_citys_time_zone() -> None:
    midnight = datetime(2027, 1, 1, tzinfo=BERLIN)
    assert district(TOWN, midnight - timedelta(seconds=1)) == ("east", "bbbb00000000")
    assert district(TOWN, midnight) == ("new", "dddd00000000")
    assert district(TOWN, datetime(2026, 12, 31, 23, 30, tzinfo=UTC)) == ("new", "dddd00000000")
    assert district(TOWN, datetime(2026, 12, 31, 22, 30, tzinfo=UTC)) == ("east", "bbbb00000000")


def test_a_batch_of_several_periods_keeps_its_order() -> None:
    days = [datetime(2026 + number % 2, 6, 1, 12, number, tzinfo=UTC) for number in range(20)]
    found = routings(TOWN, [classified(spot(10.07), at=day) for day in days])
    assert [routing.boundaries[1].area_id for routing in found] == ["east", "new"] * 10


def test_the_limits_may_have_editions_too() -> None:
    grown = replace(
        LIMITS, effective="2027-01-01", areas=(replace(LIMITS.areas[0], geometry=box(9.9, 49.9, 10.6, 50.1)),)
    )
    town = city(layers=(LIMITS, grown, DISTRICTS))
    events = [classified(spot(10.5), at=datetime(year, 6, 1, tzinfo=UTC)) for year in (2026, 2027)]
    assert [routing.outside for routing in routings(town, events)] == [True, False]


@given(st.lists(st.dates(date(2020, 1, 1), date(2030, 1, 1)), max_size=4, unique=True), st.data())
def test_the_lines_are_those_of_the_instants_own_date(changes: list[date], data: st.DataObject) -> None:
    editions = [replace(LATER, effective=day.isoformat(), version=day.strftime("%Y%m%d0000")) for day in changes]
    zone = ZoneInfo(
        data.draw(st.sampled_from(["Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Beirut"]))
    )
    town = replace(city(layers=(DISTRICTS, *editions)), time_zone=zone.key)
    seconds = data.draw(st.lists(st.integers(1_546_300_800, 1_924_992_000)))  # 2019 to 2030
    instants = [datetime.fromtimestamp(second, UTC) for second in seconds]
    found = DatedAtlas(town).locate([spot(9.95)] * len(instants), instants)

    def expected() -> Iterable[str]:
        for instant in instants:
            day = instant.astimezone(zone).date().isoformat()
            yield max((layer.effective, layer.version) for layer in town.layers if layer.effective <= day)[1]

    assert [whereabouts.boundaries[0].version for whereabouts in found] == list(expected())
