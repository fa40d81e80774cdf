import json
from pathlib import Path
from typing import Any

import pytest
from one_answer import serving
from typer.testing import CliRunner

from services.cli import send as sending
from services.cli.claim import claimed
from services.cli.export import Export, Problem, Survey
from services.cli.main import app
from services.cli.outcome import Outcome
from services.sandbox.gateway import Sent

ROOT = Path(__file__).parents[2]
ROWS = """id,created_at,text,lat,lon,kind
1,2026-03-01T08:00:00,lamp out by the mill,39.2,-75.1,
2,1987-03-01T08:00:00,lamp out,39.2,-75.1,
3,2026-03-01T08:00:00,lamp out,139.2,-75.1,
4,2026-03-01T08:00:00,,39.2,-75.1,
5,2026-03-01T08:00:00,lamp out,39.2,-75.1,no-such-service
"""


def send(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["send", *words, "--city", str(ROOT / "city")], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def past(tmp_path: Path) -> Path:
    path = tmp_path / "past.csv"
    path.write_text(ROWS)
    return path


def outcome(**more: Any) -> Outcome:
    survey = Survey(rows=9, lines={"a": 2, "b": 3})
    given: dict[str, Any] = {"export": Export(path=Path("past.csv"), columns={}), "survey": survey, "door": "d"}
    return Outcome(**{**given, **more})


def test_a_dry_run_says_what_the_door_would_say_of_each_row(past: Path, tmp_path: Path) -> None:
    status, out, _ = send(
        str(past), "--dry-run", "--service-code", "kind", "--json", "--problems", str(tmp_path / "problems")
    )
    assert status == 3
    figures = json.loads(out)
    assert {name: figures[name] for name in ("rows", "accepted", "left_out", "refused", "not_sent", "dry_run")} == {
        "rows": 5,
        "accepted": 1,
        "left_out": 1,
        "refused": 3,
        "not_sent": 0,
        "dry_run": True,
    }
    problems = [json.loads(line) for line in (tmp_path / "problems").read_text().splitlines()]
    assert problems == [
        {
            "line": 3,
            "code": "out_of_range",
            "text": "created_at is 1987-03-01T08:00:00: expected a time from 2000-01-01 to a day ahead of now",
        },
        {"line": 4, "code": "out_of_range", "text": "lat is 139.2: expected a number from -90 to 90"},
        {"line": 5, "code": "empty", "text": "no text"},
        {
            "line": 6,
            "code": "unknown_service_code",
            "text": "service_code 'no-such-service' is not a service of this city: see /services",
        },
    ]


def test_a_dry_run_for_people_lists_lines_and_ends_with_one_line_for_machines(past: Path) -> None:
    status, out, told = send(str(past), "--dry-run")
    assert status == 3
    assert out.startswith("SEND {")
    assert json.loads(out.removeprefix("SEND "))["rows"] == 5
    assert "line 4: lat is 139.2: expected a number from -90 to 90\n" in told
    assert "line 5: no text\n" in told
    assert "this was a dry run: nothing was sent\n" in told


def test_when_every_row_is_fine_the_status_is_0(past: Path) -> None:
    assert send(str(past), "--dry-run", "--json", "--limit", "1")[0] == 0


def test_where_no_town_is_up_it_says_what_to_start(past: Path, tmp_path: Path) -> None:
    city = str(ROOT / "city")
    status, out, _ = send(str(past), "--json", "--state", str(tmp_path), "--door", "http://127.0.0.1:1")
    assert status == 1
    assert json.loads(out)["error"] == (
        "nothing can be sent: no door answers at http://127.0.0.1:1 ([Errno 111] Connection refused)\n"
        f"  start the town: stormdrain up --city {city}\n"
        "  or name the door of another one: --door URL"
    )


def test_another_towns_door_is_not_taken_for_this_ones(past: Path, tmp_path: Path) -> None:
    with claimed(tmp_path) as claim:
        claim.note({"door": "http://127.0.0.1:1", "city": "/elsewhere/city"})
        status, out, _ = send(str(past), "--json", "--state", str(tmp_path))
    city = ROOT / "city"
    assert status == 1
    assert json.loads(out)["error"] == (
        f"the town that is up in {tmp_path} is that of /elsewhere/city, not of {city}\n"
        f"  start the other one: stormdrain up --city {city} --state OTHER; or name its door: --door URL"
    )


def test_a_file_is_looked_at_before_the_door_is(tmp_path: Path) -> None:
    status, out, _ = send(str(tmp_path / "none.csv"), "--json", "--door", "http://127.0.0.1:1")
    assert status == 1
    assert json.loads(out)["error"] == f"there is no file {tmp_path}/none.csv"


def test_a_time_to_shift_to_needs_its_offset(past: Path) -> None:
    status, out, _ = send(str(past), "--dry-run", "--json", "--newest", "2026-03-01T08:00:00")
    assert status == 1
    assert json.loads(out)["error"] == (
        "--newest 2026-03-01T08:00:00: expected a time with its offset, as 2026-11-21T08:30:00+01:00"
    )


def test_times_that_cannot_be_read_cannot_be_shifted(tmp_path: Path) -> None:
    path = tmp_path / "past.csv"
    path.write_text("id,text\n1,lamp\n")
    status, out, _ = send(str(path), "--dry-run", "--json", "--now")
    assert status == 1
    assert json.loads(out)["error"] == (
        f"{path}: none of its times can be shifted, as none can be read; name their column: --created"
    )


def test_a_shift_says_how_to_send_the_same_again(past: Path) -> None:
    status, _, told = send(str(past), "--dry-run", "--newest", "2026-03-02T08:00:00-05:00")
    assert status == 3
    assert (
        "times are shifted by 1 day, 0:00:00; "
        "to send it again, give --newest 2026-03-02T08:00:00-05:00 instead of --now\n"
    ) in told


def test_lines_that_lack_the_same_are_listed_together_and_of_many_the_first() -> None:
    problems = [Problem(number, "empty", "no text") for number in range(2, 1009)]
    told = outcome(problems=[*problems, Problem(2000, "bad_csv", "opens a quote that is never closed")]).listed()
    assert told == [
        "lines 2, 3, 4, 5, 6 and 1,002 more: no text",
        "line 2000: opens a quote that is never closed",
    ]


def test_of_many_reasons_the_first_are_listed_and_the_rest_counted() -> None:
    told = outcome(problems=[Problem(number, "too_long", f"reason {number}") for number in range(25)]).listed()
    assert len(told) == 21
    assert told[-1] == "and 5 more rows for other reasons; --problems FILE writes all of them down"


def test_what_the_door_refused_is_told_by_line_in_order_with_what_was_left_out() -> None:
    faults = [{"code": "too_long", "description": "text has 5000 characters: expected at most 4000"}]
    found = outcome(sent=Sent(refused=[("b", faults), ("a", [])]), problems=[Problem(9, "empty", "no text")])
    found.gather()
    assert found.problems == [
        Problem(2, "unknown", ""),
        Problem(3, "too_long", "text has 5000 characters: expected at most 4000"),
        Problem(9, "empty", "no text"),
    ]
    assert found.status == 3


def test_the_status_tells_an_early_end_from_rows_left_out_from_all_well() -> None:
    assert outcome(fault="the door is gone").status == 1
    assert outcome(problems=[Problem(2, "empty", "no text")]).status == 3
    assert outcome().status == 0


def test_what_was_not_sent_any_more_is_counted() -> None:
    assert outcome(sent=Sent(accepted={"a": "r"}, seconds=2.0)).figures() == {
        "file": "past.csv",
        "door": "d",
        "dry_run": False,
        "rows": 9,
        "accepted": 1,
        "repeated_rows": 0,
        "left_out": 0,
        "refused": 0,
        "not_sent": 1,
        "reasons": {},
        "repeats": 0,
        "seconds": 2.0,
        "per_second": 0.5,
        "fault": None,
    }


def test_a_door_that_is_no_door_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PATIENCE_S", 0.0)
    with serving(404) as port, pytest.raises(sending.SendError) as raised:
        sending._must_answer(f"http://127.0.0.1:{port}", Path("city"))
    assert str(raised.value) == (
        f"nothing can be sent: what answers at http://127.0.0.1:{port} is no door (status 404 at /readyz)"
    )
    with serving(503) as port, pytest.raises(sending.SendError) as raised:
        sending._must_answer(f"http://127.0.0.1:{port}", Path("city"))
    assert str(raised.value) == (
        f"nothing can be sent: the door at http://127.0.0.1:{port} answers, but it cannot store reports yet: "
    )
