"""Keeps named processes running on one machine: starts them, restarts what dies, stops all of them within a budget.

What a small town uses instead of Kubernetes (`stormdrain up`), and the tests to kill workers one by one.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
SOUND_AFTER_S = 30.0
"""A process that ran this long is trusted again: its next restart waits `FIRST_WAIT_S`."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A process to keep running. `environment` is all that it sees; its output is appended to `log`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


@dataclass(slots=True)
class _Kept:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    wait_s: float = FIRST_WAIT_S
    restarts: int = 0
    stopped: bool = False
    exits: list[int] = field(default_factory=list)


class Supervisor:
    """Runs programs until `stop`. A context manager; its own thread looks after them."""

    def __init__(self, programs: Sequence[Program], *, restart: bool = True) -> None:
        self._kept = {program.name: _Kept(program) for program in programs}
        self._restart = restart
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start everything."""
        with self._lock:
            for kept in self._kept.values():
                self._launch(kept)
        self._thread.start()

    def stop(self, budget_s: float = 20.0) -> list[str]:
        """End everything: SIGTERM, and SIGKILL for what is left after `budget_s`; give the names of those."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            running = [kept for kept in self._kept.values() if kept.process is not None and kept.process.poll() is None]
            for kept in running:
                self._signal(kept, signal.SIGTERM)
            deadline = time.monotonic() + budget_s
            late = [kept for kept in running if not _ended(kept, deadline)]
            for kept in late:
                self._signal(kept, signal.SIGKILL)
                _ended(kept, time.monotonic() + 5.0)
        return [kept.program.name for kept in late]

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to one process; give its id. What dies of it is started again after a short wait."""
        with self._lock:
            kept = self._kept[name]
            self._signal(kept, number)
            return kept.process.pid if kept.process is not None else 0

    def pid(self, name: str) -> int | None:
        """Give the id of a running process, or None."""
        with self._lock:
            process = self._kept[name].process
            return process.pid if process is not None and process.poll() is None else None

    def restarts(self, name: str) -> int:
        """Count how often a process had to be started again."""
        with self._lock:
            return self._kept[name].restarts

    def down(self) -> dict[str, int]:
        """Give the exit status of every process that is not running at this moment."""
        with self._lock:
            return {
                name: code
                for name, kept in self._kept.items()
                if kept.process is not None and (code := kept.process.poll()) is not None
            }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _look_after(self) -> None:
        while not self._ended.wait(0.1):
            with self._lock:
                for kept in self._kept.values():
                    self._look(kept)

    def _look(self, kept: _Kept) -> None:
        if kept.process is None or (code := kept.process.poll()) is None:
            return
        now = time.monotonic()
        if not kept.due:
            kept.exits.append(code)
            if now - kept.started > SOUND_AFTER_S:
                kept.wait_s = FIRST_WAIT_S
            log.warning("%s ended with status %d", kept.program.name, code)
            kept.due = now + kept.wait_s
            kept.wait_s = min(kept.wait_s * 2, LONGEST_WAIT_S)
        elif self._restart and now >= kept.due:
            kept.restarts += 1
            self._launch(kept)

    def _launch(self, kept: _Kept) -> None:
        program = kept.program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as out:
            kept.process = subprocess.Popen(  # noqa: S603 - programs are this project's own
                list(program.command),
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the supervisor, which then ends them in order
            )
        kept.started, kept.due = time.monotonic(), 0.0

    @staticmethod
    def _signal(kept: _Kept, number: int) -> None:
        if kept.process is not None and kept.process.poll() is None:
            kept.process.send_signal(number)


def _ended(kept: _Kept, deadline: float) -> bool:
    if kept.process is None:
        return True
    try:
        kept.process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
