"""Keeps named processes running on one machine: starts them, restarts what dies, stops all of them within a budget.

What a small town uses instead of Kubernetes (`stormdrain up`), and the tests to kill workers one by one.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from services.runtime.orphans import OrphanWatch

log = logging.getLogger(__name__)

LONGEST_LOG = 20 * 1024 * 1024
"""Bytes. A longer log is put aside as `NAME.log.1` when its process is started again."""

OnExit = Callable[[str, int, float], None]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A process to keep running. `environment` is all that it sees; its output is appended to `log`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How soon what ended is started again, in seconds: at first, and twice as late each time, up to the longest."""

    first_s: float = 0.5
    longest_s: float = 30.0
    sound_after_s: float = 30.0
    """A process that ran this long is trusted again."""

    def wait(self, ran_s: float, last_s: float) -> float:
        """Give how long to wait for a process that ran `ran_s`, and whose last restart waited `last_s` (0: none)."""
        if not last_s or ran_s > self.sound_after_s:
            return self.first_s
        return min(2 * last_s, self.longest_s)


@dataclass(slots=True)
class _Kept:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    wait_s: float = 0.0
    restarts: int = 0
    exits: list[int] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Runs programs until `stop`. A context manager; its own thread starts them and looks after them.

    Each is the leader of a process group of its own, so that Ctrl-C reaches the supervisor alone. When this process
    ends without `stop`, even by SIGKILL, they are killed. `on_exit` is told, on the supervisor's thread, of each that
    ended by itself: its name, its status (negative: the signal) and the seconds until it is started again. Without it,
    the log is.
    """

    def __init__(self, programs: Sequence[Program], *, pace: Pace | None = None, on_exit: OnExit | None = None) -> None:
        self._kept = {program.name: _Kept(program) for program in programs}
        self._pace = pace or Pace()
        self._on_exit = on_exit or _log_exit
        self._lock = threading.Lock()
        self._launched = threading.Event()
        self._ended = threading.Event()
        self._fault: OSError | None = None
        self._watch: OrphanWatch | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start everything. Raises OSError where one of the programs cannot be run at all."""
        # On the thread, which no KeyboardInterrupt reaches: there is no moment at which a child is started and unknown.
        self._thread.start()
        self._launched.wait()
        if self._fault is not None:
            raise self._fault

    def stop(self, budget_s: float = 20.0) -> list[str]:
        """End everything: SIGTERM, and SIGKILL for what is left after `budget_s`; give the names of those."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            running = [kept for kept in self._kept.values() if kept.running]
            for kept in running:
                _signal(kept, signal.SIGTERM)
            deadline = time.monotonic() + budget_s
            late = [kept for kept in running if not _ended(kept, deadline)]
            for kept in late:
                _signal(kept, signal.SIGKILL)
            for kept in late:
                _ended(kept, time.monotonic() + 5.0)
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        return [kept.program.name for kept in late]

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to one process; give its id. What dies of it is started again after a short wait."""
        with self._lock:
            kept = self._kept[name]
            _signal(kept, number)
            return kept.process.pid if kept.process is not None else 0

    def pid(self, name: str) -> int | None:
        """Give the id of a running process, or None."""
        with self._lock:
            kept = self._kept[name]
            return kept.process.pid if kept.process is not None and kept.running else None

    def add(self, program: Program) -> None:
        """Keep one more program running. Raises OSError where it cannot be run at all, ValueError on a known name."""
        with self._lock:
            if program.name in self._kept:
                message = f"{program.name} is kept running already"
                raise ValueError(message)
            kept = _Kept(program)
            self._launch(kept)
            self._kept[program.name] = kept
            self._tell()

    def remove(self, name: str, budget_s: float = 20.0) -> int | None:
        """End one process, as `stop` does, and keep it no more; give its status, None where it was not running."""
        with self._lock:
            kept = self._kept.pop(name)
            running = kept.running
        _signal(kept, signal.SIGTERM)
        if not _ended(kept, time.monotonic() + budget_s):
            _signal(kept, signal.SIGKILL)
            _ended(kept, time.monotonic() + 5.0)
        return kept.process.returncode if running and kept.process is not None else None

    def restarts(self, name: str) -> int:
        """Count how often a process had to be started again."""
        with self._lock:
            return self._kept[name].restarts

    def exits(self, name: str) -> tuple[int, ...]:
        """Give the statuses with which a process ended before it was told to, the latest last."""
        with self._lock:
            return tuple(self._kept[name].exits)

    def down(self) -> dict[str, int]:
        """Give the exit status of every process that is not running at this moment."""
        with self._lock:
            return {
                name: code
                for name, kept in self._kept.items()
                if kept.process is not None and (code := kept.process.poll()) is not None
            }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            with self._lock:
                self._watch = OrphanWatch()
                for kept in self._kept.values():
                    self._launch(kept)
        except OSError as error:
            self._fault = error
            return
        finally:
            self._launched.set()
        while not self._ended.wait(0.1):
            with self._lock:
                told = [self._look(kept) for kept in self._kept.values()]
            for exited in filter(None, told):
                self._on_exit(*exited)

    def _look(self, kept: _Kept) -> tuple[str, int, float] | None:
        """See to one process; give what there is to tell of it."""
        if kept.process is None or (code := kept.process.poll()) is None:
            return None
        now = time.monotonic()
        if not kept.due:
            kept.exits.append(code)
            kept.wait_s = self._pace.wait(now - kept.started, kept.wait_s)
            kept.due = now + kept.wait_s
            return kept.program.name, code, kept.wait_s
        if now >= kept.due:
            try:
                self._launch(kept)
            except OSError as error:  # of the machine: no process, no disk left; that may pass
                kept.wait_s = self._pace.wait(0.0, kept.wait_s)
                kept.due = now + kept.wait_s
                log.error("%s cannot be started again: %s", kept.program.name, error)  # noqa: TRY400 - says it all
                return None
            kept.restarts += 1
        return None

    def _launch(self, kept: _Kept) -> None:
        program = kept.program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        if program.log.exists() and program.log.stat().st_size > LONGEST_LOG:
            program.log.replace(program.log.with_name(f"{program.log.name}.1"))
        with program.log.open("ab") as out:
            kept.process = subprocess.Popen(  # noqa: S603 - programs are this project's own
                list(program.command),
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        kept.started, kept.due = time.monotonic(), 0.0
        self._tell()

    def _tell(self) -> None:
        if self._watch is not None:
            self._watch.tell(each.process.pid for each in self._kept.values() if each.process and each.running)


def _log_exit(name: str, status: int, wait_s: float) -> None:
    log.warning("%s ended with status %d; it is started again in %g s", name, status, wait_s)


def _signal(kept: _Kept, number: int) -> None:
    if kept.process is None or not kept.running:
        return
    if number == signal.SIGKILL:
        with suppress(ProcessLookupError):
            os.killpg(kept.process.pid, number)  # and whatever it started
    else:
        kept.process.send_signal(number)


def _ended(kept: _Kept, deadline: float) -> bool:
    if kept.process is None:
        return True
    try:
        kept.process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
