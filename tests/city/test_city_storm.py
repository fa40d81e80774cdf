import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from small_town import CITY, write_town

from services.city.load import load
from services.city.model import City
from services.receive.core import Accepted, Door, Town, judge
from services.sandbox.storm import StormReport, storm, to_channel_json

START = datetime(2026, 10, 1, 6, tzinfo=UTC)
PORT_ALDER = load(Path(__file__).parents[2] / "city")


def reports(
    seed: int = 1, count: int = 2000, city: City = PORT_ALDER, duplicate_share: float = 0.25
) -> list[StormReport]:
    return list(storm(city, seed=seed, count=count, start=START, spread_s=21600, duplicate_share=duplicate_share))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_storm() -> None:
    assert msgspec.json.encode(reports(7, 300)) == msgspec.json.encode(reports(7, 300))
    assert [report.text for report in reports(7, 300)] != [report.text for report in reports(8, 300)]


def test_ten_thousand_reports_are_made_in_seconds() -> None:
    began = time.process_time()
    assert len(reports(count=10_000)) == 10_000
    assert time.process_time() - began < 20


def test_reports_come_in_order_of_time_within_the_storm_and_under_ids_of_their_own() -> None:
    storm_reports = reports()
    times = [report.requested_at for report in storm_reports]
    assert times == sorted(times)
    assert times[0] >= START
    assert times[-1] <= START + timedelta(seconds=21600)
    assert len({report.source_id for report in storm_reports}) == 2000


def test_the_share_of_repeats_is_what_was_asked_for_and_they_lie_near_each_other() -> None:
    storm_reports = reports(duplicate_share=0.4)
    incidents: dict[str, list[StormReport]] = {}
    for report in storm_reports:
        incidents.setdefault(report.incident_truth, []).append(report)
    assert len(incidents) == 1200
    assert all(truth.startswith("synthetic-1-") for truth in incidents)
    crowds = [crowd for crowd in incidents.values() if len(crowd) > 1]
    assert max(len(crowd) for crowd in crowds) > 3
    for crowd in crowds:
        families = {PORT_ALDER.categories[report.service_code_truth].family for report in crowd}
        assert len(families) == 1
        family = PORT_ALDER.families[families.pop()]
        placed = [(r.lon, r.lat) for r in crowd if r.lon is not None and r.lat is not None]
        spread = shapely.MultiPoint(placed).envelope.length / 4 * 111_320 if len(placed) > 1 else 0
        assert spread < family.match_radius_m * 3
        late = (crowd[-1].requested_at - crowd[0].requested_at).total_seconds()
        assert late <= family.match_window_hours * 3600


def test_most_lie_inside_some_outside_and_some_nowhere() -> None:
    storm_reports = reports()
    limits = shapely.unary_union([area.geometry for area in PORT_ALDER.layers[0].areas])
    placed = [(r.lon, r.lat) for r in storm_reports if r.lat is not None]
    inside = int(shapely.contains_xy(limits, placed).sum())
    assert 0.04 < 1 - len(placed) / 2000 < 0.12
    assert 0.01 < 1 - inside / len(placed) < 0.04
    assert all(report.radius_m > 0 for report in storm_reports if report.lat is not None)


def test_many_languages_channels_and_categories_take_part_and_lives_are_in_danger() -> None:
    storm_reports = reports()
    assert {report.language for report in storm_reports} == set(PORT_ALDER.languages)
    assert {report.channel for report in storm_reports} == {"web", "app", "phone", "sms", "email", "open311"}
    codes = Counter(report.service_code_truth for report in storm_reports)
    assert set(codes) == set(PORT_ALDER.categories)
    assert codes["tree-down"] > codes["tree-care"]
    assert codes["gas-smell"] > 5


def test_contacts_are_plain_fakes_some_of_them_inside_the_text() -> None:
    storm_reports = reports()
    contacts = [report.contact for report in storm_reports if report.contact]
    assert 600 < len(contacts) < 1400
    for contact in contacts:
        assert re.fullmatch(r"|Resident \d+", contact.name)
        assert re.fullmatch(r"|202-555-01\d\d", contact.phone)
        assert re.fullmatch(r"|resident\d+@example\.org", contact.email)
        assert contact.phone or contact.email
    said = [
        report.text
        for report in storm_reports
        if re.search(r"202-555-01\d\d|@example\.org", report.text, re.IGNORECASE)
    ]
    assert 40 < len(said) < 180


def test_texts_vary_more_than_the_phrases_they_are_made_of() -> None:
    assert len({report.text for report in reports()}) > 1500


def test_a_channel_hears_the_report_and_not_its_labels() -> None:
    (report,) = reports(count=1)
    sent = to_channel_json(report)
    assert list(sent) == [
        "source_id",
        "channel",
        "created_at",
        "text",
        "lat",
        "lon",
        "radius_m",
        "address",
        "service_code",
        "contact",
    ]
    assert datetime.fromisoformat(sent["created_at"]) == report.requested_at
    assert report.incident_truth not in str(sent)
    placeless = next(each for each in reports() if each.lat is None)
    assert to_channel_json(placeless)["radius_m"] is None


def test_a_town_without_streets_and_with_one_language_has_storms_too(tmp_path: Path) -> None:
    city = load(write_town(tmp_path, city=CITY.split("places:", maxsplit=1)[0].replace("[en, no]", "[en]")))
    storm_reports = reports(city=city, count=200)
    assert {report.address for report in storm_reports} == {""}
    assert sum(report.lat is not None for report in storm_reports) > 100


def test_a_start_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a storm cannot start at 2026-10-01T00:00:00: that has no offset$"):
        storm(PORT_ALDER, seed=1, count=1, start=datetime(2026, 10, 1), spread_s=1)  # noqa: DTZ001 - that is the point


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(0, 60), st.floats(0, 86400), st.floats(0, 1))
def test_any_storm_has_as_many_reports_as_asked_for(seed: int, count: int, spread_s: float, share: float) -> None:
    made = list(storm(PORT_ALDER, seed=seed, count=count, start=START, spread_s=spread_s, duplicate_share=share))
    assert len(made) == count
    assert all(START <= each.requested_at <= START + timedelta(seconds=spread_s + 0.001) for each in made)
    assert all(each.text.strip() for each in made)


def test_the_door_accepts_every_report_and_masks_what_is_personal_in_it() -> None:
    town = Town(time_zone=UTC, categories=PORT_ALDER.categories, region="US")
    for report in reports(3, 600):
        verdict = judge(
            to_channel_json(report), town=town, door=Door(channel=report.channel), received_at=START, request_id="r-1"
        )
        assert isinstance(verdict, Accepted), verdict
        assert not re.search(r"555-01\d\d|@example", verdict.report.text, re.IGNORECASE)
        assert (verdict.contact is None) is (report.contact is None)
