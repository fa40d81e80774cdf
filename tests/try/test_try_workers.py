"""What `stormdrain try` writes for each worker: the flat names that evaluations compare, and the event for the next."""

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trying_cli import REPOSITORY, Ran, rows, tried, written

from services import events
from services.city.load import load
from services.cli.trying.entries import Filler
from services.cli.trying.items import item
from services.cli.trying.keeping import Prioritizing
from services.cli.trying.said import Writer
from services.cli.trying.summary import Tally, told
from services.prioritize.settings import PrioritizeSettings
from services.prioritize.worker import build
from services.runtime.settings import Shared

HEADER = "id,created_at,text,lat,lon"
HOLE = "deep pothole by the school"
REPORTS = rows(
    HEADER,
    f'P-1,2026-03-02T08:00:00,"{HOLE}, call me at 856-555-0142",39.2105,-75.0841',
    f"P-2,2026-03-02T08:05:00,{HOLE} and it is getting deeper,39.21052,-75.08412",
    'W-3,2026-03-02T09:10:00,"tree fell on the power line, wires are sparking",39.2206,-75.0742',
    "N-4,2026-03-02T09:20:00,,39.2206,-75.0742",
)
STAGES = ("receive", "classify", "route", "match", "prioritize", "decide", "deliver")
KINDS: dict[str, type[events.Event]] = {
    "receive": events.RequestReceived,
    "classify": events.RequestClassified,
    "route": events.RequestRouted,
    "match": events.RequestMatched,
    "prioritize": events.RequestPrioritized,
}


@pytest.fixture(scope="module")
def stages() -> dict[str, Ran]:
    """All stages, one behind the other."""
    ran: dict[str, Ran] = {}
    given = REPORTS
    for worker in STAGES:
        ran[worker] = tried(worker, given)
        given = written(ran[worker])
    return ran


def test_every_stage_has_a_line_for_each_report_in_order_with_the_callers_id(stages: dict[str, Ran]) -> None:
    assert {worker: [line["id"] for line in ran.lines] for worker, ran in stages.items()} == {
        worker: ["P-1", "P-2", "W-3", "N-4"] for worker in STAGES
    }
    assert {ran.status for ran in stages.values()} == {0}


@pytest.mark.parametrize("worker", KINDS)
def test_a_stage_gives_the_event_as_it_would_stand_on_its_topic(stages: dict[str, Ran], worker: str) -> None:
    for line in stages[worker].lines[:3]:
        event = msgspec.convert(line["event"], KINDS[worker])
        assert json.loads(msgspec.json.encode(event)) == line["event"]


def test_receive_says_what_the_door_says(stages: dict[str, Ran]) -> None:
    first, *_, refused = stages["receive"].lines

    assert list(first) == ["id", "request_id", "accepted", "errors", "text", "event"]
    assert first["text"] == "deep pothole by the school, call me at [phone]"
    assert first["request_id"] == first["event"]["report"]["request_id"]
    assert refused == {
        "id": "N-4",
        "request_id": None,
        "accepted": False,
        "errors": [
            {"code": "empty", "description": "text is empty: expected a text, or a service_code", "field": "text"}
        ],
        "rejected": {"reason": "empty", "detail": "text is empty: expected a text, or a service_code"},
    }


def test_a_rejected_line_passes_unchanged_through_later_stages(stages: dict[str, Ran]) -> None:
    refused = stages["receive"].lines[3]

    assert all(ran.lines[3] == refused for ran in stages.values())
    assert "1 rejected before" in stages["decide"].told


def test_classify_says_the_category_and_what_lost(stages: dict[str, Ran]) -> None:
    line = stages["classify"].lines[2]

    assert list(line)[:9] == [
        "id",
        "category",
        "confidence",
        "alternatives",
        "family",
        "language",
        "safety",
        "released",
        "reason",
    ]
    assert (line["category"], line["family"], line["language"], line["safety"]) == ("wires-down", "hazards", "en", True)
    assert line["alternatives"][0] == {"category": "wires-down", "confidence": line["confidence"]}
    assert len(line["alternatives"]) == 3


def test_route_says_the_department_and_where_it_is(stages: dict[str, Ran]) -> None:
    assert {name: value for name, value in stages["route"].lines[0].items() if name != "event"} == {
        "id": "P-1",
        "department": "streets",
        "rule": "roads-to-streets",
        "reason": "rule roads-to-streets takes family roads",
        "boundaries": {"limits": "City of Port Alder", "districts": "Old Mills"},
        "areas": {"limits": "port-alder", "districts": "5"},
        "versions": {
            layer.id: layer.version for layer in load(REPOSITORY / "city").layers if layer.id != "state-roads"
        },
        "lost": [{"rule": "potholes-on-state-roads", "why": "the place is in no area of state-roads"}],
        "outside": False,
        "ambiguous": [],
    }


def test_match_links_by_the_callers_ids(stages: dict[str, Ran]) -> None:
    first, second, third, _ = stages["match"].lines

    assert (first["incident"], first["linked_to"], first["band"], first["evidence"]) == ("P-1", None, "none", None)
    assert (second["incident"], second["linked_to"], second["band"]) == ("P-1", "P-1", "automatic")
    assert second["evidence"]["elapsed_s"] == 300.0
    assert second["evidence"]["same_category"] is True
    assert third["incident"] == "W-3"


def test_prioritize_says_what_holds_once_all_is_known(stages: dict[str, Ran]) -> None:
    first, _, third, _ = stages["prioritize"].lines

    assert first["reasons"][-1] == {"what": "first of 2 or more reports of one incident", "points": 5.0}
    assert first["score"] == sum(reason["points"] for reason in first["reasons"])
    assert (third["score"], third["level"], third["due_at"]) == (100.0, "life_safety", "2026-03-02T14:25:00Z")


def test_decide_releases_or_holds_and_deliver_shows_what_would_be_sent(stages: dict[str, Ran]) -> None:
    third, sent = stages["decide"].lines[2], stages["deliver"].lines[2]

    assert {name: third[name] for name in ("decision", "department", "reasons")} == {
        "decision": "released",
        "department": "safety",
        "reasons": ["danger to life: goes out at once"],
    }
    assert (sent["sent"], sent["system"], sent["body"]["service_code"]) == (True, "service-desk", "wires-down")


def test_flat_leaves_the_event_out() -> None:
    assert "event" not in tried("route", REPORTS, "--flat").lines[0]


def test_an_event_as_it_stands_on_a_topic_is_read(stages: dict[str, Ran]) -> None:
    event = stages["classify"].lines[0]["event"]

    ran = tried("route", json.dumps(event))

    assert ran.lines[0]["id"] == "P-1"
    assert ran.lines[0]["event"] == stages["route"].lines[0]["event"]


def test_a_later_event_is_taken_for_what_the_worker_reads_of_it(stages: dict[str, Ran]) -> None:
    assert tried("route", written(stages["decide"])).lines[0] == stages["route"].lines[0]


def test_what_nobody_has_said_is_filled_in_and_named() -> None:
    line = tried("route", rows("id,lat,lon,category", "9,39.2105,-75.0841,Street light")).lines[0]

    assert line["filled"] == ["created_at", "classification"]
    assert line["event"]["classification"]["service_code"] == "street-light"
    assert line["event"]["classification"]["reason"] == "not classified: the row's own category"
    assert line["department"] == "traffic"
    assert line["event"]["report"]["requested_at"] == "2025-01-15T17:00:00Z"


def test_a_category_that_the_city_does_not_have_is_a_family_of_its_own() -> None:
    given = rows(
        "id,created_at,lat,lon,category",
        "1,2026-03-02T08:00:00,39.2105,-75.0841,Meteorite",
        "2,2026-03-02T08:01:00,39.2105,-75.0841,meteorite",
        "3,2026-03-02T08:02:00,39.21075,-75.0841,Volcano",
    )

    assert [line["linked_to"] for line in tried("match", given).lines] == [None, "1", None]


def test_the_category_of_a_row_tells_classify_nothing() -> None:
    plain = tried("classify", rows("id,text", f"1,{HOLE}"), "--flat").lines[0]
    hinted = tried("classify", rows("id,text,category", f"1,{HOLE},graffiti"), "--flat").lines[0]

    assert hinted.pop("row") == {"category": "graffiti"}
    assert hinted == plain


def test_what_a_worker_does_not_look_at_may_be_wrong() -> None:
    given = rows(HEADER, f"1,someday,{HOLE},91,-75", f"2,2026-03-02,{HOLE},,-75")

    lines = tried("classify", given, "--flat").lines

    assert [(line["category"], line["left_out"]) for line in lines] == [
        ("pothole", ["created_at", "lat", "lon"]),
        ("pothole", ["lon"]),
    ]
    assert [line["rejected"]["reason"] for line in tried("match", given).lines] == ["not_a_time", "missing"]


def test_match_and_prioritize_reject_what_has_no_time() -> None:
    bare = json.dumps({"id": 1, "lat": 39.2, "lon": -75.1, "text": HOLE})

    assert tried("match", bare).lines[0]["rejected"] == {
        "reason": "missing",
        "detail": "created_at is missing: match needs the time of each report",
    }
    classified = written(tried("classify", bare))
    assert tried("prioritize", classified).lines[0]["rejected"]["detail"] == (
        "created_at is missing: prioritize needs the time of each report"
    )


def test_a_row_without_an_id_goes_by_its_line() -> None:
    line = tried("classify", json.dumps({"text": HOLE}), "--flat").lines[0]

    assert (line["id"], line["filled"]) == (1, ["id", "created_at"])


def test_the_links_do_not_depend_on_the_order_of_the_lines() -> None:
    chance = random.Random(7)  # noqa: S311 - a seed, so that it is the same each time
    made = [
        f"{n},2026-03-0{1 + n % 3}T{n % 24:02}:{n % 60:02}:00,{HOLE} {n % 4},{39.21 + n % 5 * 1e-4:.5f},-75.08410"
        for n in range(60)
    ]
    mixed = chance.sample(made, len(made))

    one = {line["id"]: line for line in tried("match", rows(HEADER, *made), "--flat").lines}
    two = tried("match", rows(HEADER, *mixed), "--flat").lines

    assert [line["id"] for line in two] == [row.partition(",")[0] for row in mixed]
    assert {line["id"]: line for line in two} == one
    assert any(line["linked_to"] for line in two)


def test_a_repeated_line_gets_the_answer_of_the_first() -> None:
    given = rows(HEADER, f"1,2026-03-02,{HOLE},39.2,-75.1", f"1,2026-03-02,{HOLE},39.2,-75.1")

    for worker in ("match", "prioritize"):
        first, second = tried(worker, given).lines
        assert first == second


def test_the_door_knows_a_repeat_and_refuses_another_report_of_the_same_id() -> None:
    given = rows(HEADER, *[f"1,2026-03-02,{text},39.2,-75.1" for text in (HOLE, HOLE, "graffiti")])

    one, two, three = tried("receive", given).lines

    assert one == two
    assert [error["code"] for error in three["errors"]] == ["idempotency_conflict"]


def test_prioritize_holds_no_more_lines_than_it_reconsiders(stages: dict[str, Ran]) -> None:
    city = REPOSITORY / "city"
    filler = Filler("prioritize", load(city))
    worker = build(PrioritizeSettings(batch_size=1), Shared(stormdrain_city_dir=city))
    lines = [json.dumps(line).encode() for line in stages["match"].lines]
    read = 0

    def entries() -> Any:
        nonlocal read
        for number, line in enumerate(lines, 1):
            read = number
            yield filler.entry(item(number, line))

    answered = [(entry.id, read) for answers in Prioritizing(worker, 1, Writer())(entries()) for entry, _ in answers]

    assert [number for _, number in answered] == [2, 3, 4, 4]
    assert [name for name, _ in answered] == ["P-1", "P-2", "W-3", None]  # the last line passes as it is


def test_a_draft_that_is_held_is_not_sent_and_what_nobody_decided_is_rejected() -> None:
    held = tried("decide", rows(HEADER, f"1,2026-03-02,{HOLE},40.9,-70.1"))

    assert held.lines[0]["decision"] == "held"
    sent = tried("deliver", written(held)).lines[0]
    assert (sent["sent"], sent["reason"]) == (False, "held: a person looks at it first")
    assert tried("deliver", rows(HEADER, f"1,2026-03-02,{HOLE},39,-75")).lines[0]["rejected"] == {
        "reason": "not_decided",
        "detail": "deliver takes what was decided: pipe it through stormdrain try decide",
    }


def test_a_file_is_read_in_place_of_standard_input(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text(REPORTS)

    assert tried("route", "", "--in", str(tmp_path / "reports.csv"), "--quiet").told == ""


def test_the_last_line_on_stderr_says_how_many_and_how_fast() -> None:
    tally = Tally(lines=12_000, passed=3)
    tally.rejected.update({"bad_json": 2, "no_text": 1})

    assert told("classify", tally, 4.0) == (
        "try classify: 12,000 lines in 4.0 s (3,000 lines/s); 3 rejected: 2 bad_json, 1 no_text; 3 rejected before"
    )
