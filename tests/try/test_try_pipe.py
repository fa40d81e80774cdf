"""`stormdrain try` as a shell runs it: processes, pipes, a reader that has seen enough."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STORMDRAIN = shutil.which("stormdrain", path=Path(sys.executable).parent) or "stormdrain"

REPORTS = """\
id,created_at,text,lat,lon,ward
A-1,2026-03-02T08:00:00,"deep pothole by the school, call me at 856-555-0142",39.2105,-75.0841,3
A-2,2026-03-02T08:05:00,"deep pothole by the school, it ate my tire",39.2105,-75.0841,3
A-3,2026-03-02T09:10:00,street light is out,91,-75.0842,3
A-4,2026-03-02T09:12:00,the streetlight on the corner has been dark for a week,39.2206,-75.0742,4
"""


def shell(command: str, given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S602 - a pipe is what is tried here
        command.replace("stormdrain", STORMDRAIN),
        shell=True,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_four_stages_in_a_shell_pipe_say_of_each_line_where_it_goes_and_what_it_belongs_to() -> None:
    pipe = "stormdrain try receive | stormdrain try classify | stormdrain try route | stormdrain try match --quiet"

    ran = shell(pipe, REPORTS)

    assert ran.returncode == 0
    found = lines(ran.stdout)
    assert [each["id"] for each in found] == ["A-1", "A-2", "A-3", "A-4"]
    assert found[1]["linked_to"] == "A-1"
    assert found[1]["band"] == "automatic"
    assert found[1]["incident"] == found[0]["incident"] == "A-1"
    assert found[0]["event"]["report"]["text"] == "deep pothole by the school, call me at [phone]"
    assert found[0]["event"]["routing"]["department"] == "streets"
    assert found[2]["rejected"] == {"reason": "out_of_range", "detail": "lat is 91: expected a number from -90 to 90"}
    assert found[3]["linked_to"] is None
    assert {each["row"]["ward"] for each in found} == {"3", "4"}
    assert "try receive: 4 lines in" in ran.stderr
    assert "1 rejected: 1 out_of_range" in ran.stderr


def test_a_reader_that_has_seen_enough_ends_the_run_without_a_word() -> None:
    ran = shell("stormdrain try decide --quiet | head -n 1", REPORTS + "B,2026-03-02T09:12:00,x,39,-75,1\n" * 20_000)

    assert len(lines(ran.stdout)) == 1
    assert ran.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_told() -> None:
    ran = shell("stormdrain try decide --quiet > /dev/full", REPORTS)

    assert (ran.returncode, ran.stderr) == (
        1,
        "stormdrain try decide stopped in the middle: No space left on device\n",
    )
