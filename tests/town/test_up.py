"""One town, up for all tests of this file; they run in order, and the last ones stop it."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from command_line import ROOT, Command, gone, inside, run, started

from services.cli.town import fetch
from services.sandbox.tally import read_book

FREE = ("--door-port", "0", "--desk-port", "0", "--crm-port", "0")
ROWS = 50
THINGS = ("pothole", "street light out", "graffiti on the wall", "tree down", "water on the street")


@dataclass
class UpTown:
    command: Command
    said: dict[str, Any]
    state: Path
    environment: dict[str, str]
    kept: dict[str, int] = field(default_factory=dict)
    """The book when it was stopped."""

    def book(self) -> dict[str, int]:
        """Give the records of each case that the sandbox CRM has."""
        lines = read_book(fetch(f"{self.said['crm']}/api/book").decode())
        return {str(line["ref"]): int(str(line["records"])) for line in lines}

    def process(self, title: str) -> psutil.Process:
        (found,) = [each for each in self.command.family() if " ".join(each.cmdline()).startswith(title)]
        return found


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "STORMDRAIN_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **more}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpTown]:
    state = tmp_path_factory.mktemp("town") / "state"
    words = ("up", "--state", str(state), *FREE, "--instances", "route=2", "--json")
    with started(*words, environment=environment()) as command:
        assert command.process.stdout is not None
        line = command.process.stdout.readline()
        assert line, command.told
        yield UpTown(command, json.loads(line), state, environment())


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("past") / "past.csv"
    rows = [
        f"{number},2026-03-{number % 28 + 1:02}T08:00:00,{THINGS[number % 5]} at the corner {number},"
        f"{39.19 + number / 2000},{-75.12 + number / 2000}"
        for number in range(ROWS)
    ]
    path.write_text("\n".join(["id,created_at,text,lat,lon", *rows, "51,2026-03-01T08:00:00,,,", ""]))
    return path


def until(true: Any, limit_s: float = 30.0) -> None:
    """Wait for what other processes do; no event tells of it."""
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.mark.slow
def test_once_it_is_up_it_says_where_everything_is(town: UpTown) -> None:
    assert town.said["pid"] == town.command.process.pid
    assert town.said["city"] == str(ROOT / "city")
    assert town.said["state"] == str(town.state)
    for url in (town.said["door"], town.said["desk"]):
        assert fetch(f"{url}/readyz") == b"ok\n"
    assert list(town.said["metrics"]) == [
        *("receive-0", "classify-0", "route-0", "route-1", "match-0", "prioritize-0"),
        *("decide-0", "deliver-0", "review-0", "watch-0", "index-0"),
    ]
    for url in town.said["metrics"].values():
        assert b"stormdrain_" in fetch(url)
    assert town.command.told == []


def test_a_second_one_says_who_holds_the_state(town: UpTown) -> None:
    status, out, told = inside("up", "--state", str(town.state), *FREE)
    assert (status, out) == (1, "")
    assert told[0].startswith(f"a town is up already in {town.state}: held by process {town.said['pid']} since ")
    assert told[1] == f"  its door is {town.said['door']}, its desk {town.said['desk']}"


def test_a_port_that_is_taken_is_named_with_the_option(town: UpTown, tmp_path: Path) -> None:
    port = port_of(town.said["door"])
    words = ("up", "--state", str(tmp_path), "--door-port", port, "--desk-port", "0", "--crm-port", port)
    status, _, told = inside(*words)
    assert status == 1
    assert told == [
        "the town cannot start: 2 ports are taken by another program",
        f"  {port}, for the door: give --door-port another, or 0",
        f"  {port}, for the crm: give --crm-port another, or 0",
    ]


def test_a_past_export_is_sent_once_however_often_it_is_sent(town: UpTown, past: Path) -> None:
    words = ("send", str(past), "--state", str(town.state), "--json")
    for status, out, told in (run(*words, environment=town.environment), inside(*words)):
        assert status == 3, told
        figures = json.loads(out)
        assert (figures["rows"], figures["accepted"], figures["left_out"], figures["refused"]) == (51, ROWS, 1, 0)
        assert figures["reasons"] == {"empty": 1}
        assert figures["door"] == town.said["door"]
    until(lambda: settled(town) == ROWS)
    book = town.book()
    assert book
    assert set(book.values()) == {1}


def settled(town: UpTown) -> int:
    """Count the requests that are with a department or wait for a person."""
    return int(json.loads(fetch(f"{town.said['desk']}/api/drafts"))["total"]) + len(town.book())


def test_the_same_with_other_times_is_another_report_under_a_known_id_and_is_refused(town: UpTown, past: Path) -> None:
    words = ("send", str(past), "--state", str(town.state), "--now", "--limit", "3", "--json")
    status, out, _ = inside(*words)
    assert status == 3
    assert json.loads(out)["reasons"]["idempotency_conflict"] == 3
    named = (*words, "--source", "again")
    status, out, told = inside(*named)
    assert (status, json.loads(out)["accepted"]) == (0, 3), told


def test_a_worker_that_dies_is_told_of_and_started_again(town: UpTown) -> None:
    before = town.process("stormdrain match-0")
    before.kill()
    line = town.command.wait_for("match-0 ended with status -9")
    log = town.state / "logs" / "match-0.log"
    assert line == f"match-0 ended with status -9, see {log}; it is started again in 0.5 s"
    until(lambda: any("stormdrain match-0" in " ".join(each.cmdline()) for each in town.command.family()))
    until(lambda: answers(town.said["metrics"]["match-0"].replace("/metrics", "/readyz")))


def port_of(url: str) -> str:
    return url.rpartition(":")[2]


def answers(url: str) -> bool:
    try:
        return bool(fetch(url))
    except OSError:
        return False


def test_sigterm_stops_all_in_time_and_leaves_no_process(town: UpTown) -> None:
    until(lambda: settled(town) == ROWS + 3)
    town.kept = town.book()
    family = town.command.family()
    assert len(family) >= 13, "a broker, a CRM and eleven workers"
    began = time.monotonic()
    town.command.process.send_signal(signal.SIGTERM)
    status, out = town.command.end()
    assert (status, out) == (0, "")
    assert time.monotonic() - began < 40
    assert [line for line in town.command.told if "killed" in line] == []
    assert gone(family)


def test_the_next_start_finds_what_there_was_and_a_kill_while_it_starts_leaves_no_process(town: UpTown) -> None:
    crm = town.said["crm"]
    words = ("up", "--state", str(town.state), "--door-port", "0", "--desk-port", "0", "--crm-port", port_of(crm))
    with started(*words, environment=town.environment) as again:
        again.wait_for("starting 10 workers and the sandbox CRM")
        until(lambda: answers(f"{crm}/api/book"))
        assert town.book() == town.kept
        family = again.family()
        again.process.kill()
        again.end()
    assert len(family) >= 12
    assert gone(family)
