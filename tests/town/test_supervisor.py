import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from children import ENDS_AT_ONCE, IGNORES_SIGTERM, SAYS_READY, program

from services.runtime import supervisor as supervising
from services.runtime.supervisor import Pace, Program, Supervisor

QUICK = Pace(first_s=0.01, longest_s=0.04)


def until(true: Callable[[], object], limit_s: float = 10.0) -> None:
    """Wait for what another process does; no event tells of it."""
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def said(program: Program) -> str:
    return program.log.read_text() if program.log.exists() else ""


def test_a_restart_waits_twice_as_long_each_time_up_to_the_longest() -> None:
    pace = Pace(first_s=0.5, longest_s=3.0, sound_after_s=30.0)
    waits = [0.0]
    for _ in range(5):
        waits.append(pace.wait(1.0, waits[-1]))
    assert waits[1:] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_process_that_ran_soundly_is_started_again_soon() -> None:
    assert Pace(first_s=0.5, sound_after_s=30.0).wait(31.0, 16.0) == 0.5


def test_what_ends_is_started_again_and_told_of(tmp_path: Path) -> None:
    told: queue.Queue[tuple[str, int, float]] = queue.Queue()
    ends = program(tmp_path, "ends", ENDS_AT_ONCE)
    with Supervisor([ends], pace=QUICK, on_exit=lambda *exited: told.put(exited)) as supervisor:
        found = [told.get(timeout=10) for _ in range(4)]
        assert supervisor.restarts("ends") >= 3
        assert supervisor.exits("ends")[:3] == (3, 3, 3)
    assert found == [("ends", 3, 0.01), ("ends", 3, 0.02), ("ends", 3, 0.04), ("ends", 3, 0.04)]


def test_a_killed_process_is_another_one_afterwards_and_the_others_are_left_alone(tmp_path: Path) -> None:
    programs = [program(tmp_path, name, SAYS_READY) for name in ("first", "second")]
    with Supervisor(programs, pace=QUICK) as supervisor:
        before = {name: supervisor.pid(name) for name in ("first", "second")}
        assert supervisor.kill("first") == before["first"]
        until(lambda: supervisor.pid("first") not in {None, before["first"]})
        assert supervisor.pid("second") == before["second"]
        assert supervisor.exits("first") == (-signal.SIGKILL,)
        assert supervisor.restarts("second") == 0
        assert supervisor.down() == {}


def test_stopping_ends_all_and_kills_only_what_does_not_listen(tmp_path: Path) -> None:
    programs = [program(tmp_path, "polite", SAYS_READY), program(tmp_path, "deaf", IGNORES_SIGTERM)]
    supervisor = Supervisor(programs)
    supervisor.start()
    until(lambda: all("ready" in said(each) for each in programs))
    pids = [supervisor.pid(each.name) or 0 for each in programs]
    began = time.monotonic()
    assert supervisor.stop(budget_s=0.5) == ["deaf"]
    assert 0.5 <= time.monotonic() - began < 5.0
    assert supervisor.down() == {"polite": -signal.SIGTERM, "deaf": -signal.SIGKILL}
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_stopping_all_that_listens_does_not_take_the_budget(tmp_path: Path) -> None:
    with Supervisor([program(tmp_path, "polite", SAYS_READY)]) as supervisor:
        began = time.monotonic()
        assert supervisor.stop(budget_s=60.0) == []
    assert time.monotonic() - began < 5.0


def test_nothing_is_started_again_once_it_was_stopped(tmp_path: Path) -> None:
    others = psutil.Process().children()
    supervisor = Supervisor([program(tmp_path, "ends", ENDS_AT_ONCE)], pace=QUICK)
    supervisor.start()
    supervisor.stop()
    before = supervisor.restarts("ends")
    assert psutil.Process().children() == others
    assert supervisor.restarts("ends") == before


def test_what_a_deaf_process_started_dies_with_it(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"print(subprocess.Popen([sys.executable, '-c', {IGNORES_SIGTERM!r}]).pid, flush=True); time.sleep(600)"
    )
    parent = program(tmp_path, "parent", code)
    supervisor = Supervisor([parent])
    supervisor.start()
    until(lambda: "ready" in said(parent))
    grandchild = psutil.Process(int(said(parent).split()[0]))
    supervisor.stop(budget_s=0.05)
    until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import time; from pathlib import Path\n"
        "from children import IGNORES_SIGTERM, program; from services.runtime.supervisor import Supervisor\n"
        f"kept = [program(Path({str(tmp_path)!r}), name, IGNORES_SIGTERM) for name in ('first', 'second')]\n"
        "supervisor = Supervisor(kept); supervisor.start(); supervisor.kill('first')\n"
        "while supervisor.restarts('first') == 0 or supervisor.pid('first') is None: time.sleep(0.02)\n"
        "print(supervisor.pid('first'), supervisor.pid('second'), flush=True); time.sleep(600)"
    )
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.kill()
    until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))


def test_a_program_that_cannot_be_run_is_an_error_and_the_others_are_ended(tmp_path: Path) -> None:
    others = psutil.Process().children()
    fine = program(tmp_path, "fine", SAYS_READY)
    none = Program(name="none", command=["/nowhere/at-all"], environment={}, log=tmp_path / "none.log")
    supervisor = Supervisor([fine, none])
    with pytest.raises(FileNotFoundError), supervisor:
        pass
    assert supervisor.down() == {"fine": -signal.SIGTERM}
    assert psutil.Process().children() == others


def test_a_long_log_is_put_aside_when_its_process_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "LONGEST_LOG", 10)
    talks = program(tmp_path, "talks", SAYS_READY)
    talks.log.parent.mkdir()
    talks.log.write_text("more than ten bytes")
    with Supervisor([talks]):
        until(lambda: "ready" in said(talks))
    assert said(talks) == "ready\n"
    assert (tmp_path / "logs" / "talks.log.1").read_text() == "more than ten bytes"


def test_a_program_may_come_later_and_go_earlier_than_the_others(tmp_path: Path) -> None:
    first, second = (program(tmp_path, name, SAYS_READY) for name in ("first", "second"))
    with Supervisor([first], pace=QUICK) as supervisor:
        supervisor.add(second)
        until(lambda: "ready" in said(second))
        with pytest.raises(ValueError, match="second is kept running already"):
            supervisor.add(second)
        pid = supervisor.pid("second") or 0
        assert supervisor.remove("second") == -signal.SIGTERM
        assert not psutil.pid_exists(pid)
        assert supervisor.pid("first") is not None
    assert supervisor.down() == {"first": -signal.SIGTERM}


def test_what_is_removed_and_deaf_is_killed_and_not_started_again(tmp_path: Path) -> None:
    deaf = program(tmp_path, "deaf", IGNORES_SIGTERM)
    with Supervisor([deaf], pace=QUICK) as supervisor:
        until(lambda: "ready" in said(deaf))
        assert supervisor.remove("deaf", budget_s=0.2) == -signal.SIGKILL
        assert said(deaf).count("ready") == 1
