"""The command line as a process of its own, and what it has started."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from typer.testing import CliRunner

from services.cli.main import app

ROOT = Path(__file__).parents[2]


class Command:
    """A running command. Its errors are gathered, so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.told: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, words: str, limit_s: float = 60.0) -> str:
        """Give the first line on stderr with some words in it."""
        with self._more:
            found = self._more.wait_for(lambda: any(words in line for line in self.told) or self._ended, limit_s)
        lines = [line for line in self.told if words in line]
        assert found, f"{words!r} did not come: {self.told}"
        assert lines, f"{words!r} did not come: {self.told}"
        return lines[0]

    def family(self) -> list[psutil.Process]:
        """Give all processes that come from it and live."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, limit_s: float = 60.0) -> tuple[int, str]:
        """Wait for its end; give its status and what it said on stdout."""
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        status = self.process.wait(limit_s)
        self._reader.join()
        return status, out

    @property
    def _ended(self) -> bool:
        return not self._reader.is_alive()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self.told.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._more.notify_all()


@contextmanager
def started(*words: str, environment: dict[str, str]) -> Iterator[Command]:
    """Run `stormdrain ...`; whatever a failing test leaves is killed, with all that it started."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    with process:
        command = Command(process)
        try:
            yield command
        finally:
            process.kill()


def gone(processes: list[psutil.Process], limit_s: float = 5.0) -> bool:
    """Say whether all of some processes end within a time."""
    _, alive = psutil.wait_procs(processes, timeout=limit_s)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def run(*words: str, environment: dict[str, str]) -> tuple[int, str, list[str]]:
    """Run `stormdrain ...` to its end; give its status and what it said."""
    with started(*words, environment=environment) as command:
        status, out = command.end()
    return status, out, command.told


def inside(*words: str, **environment: str) -> tuple[int, str, list[str]]:
    """Run `stormdrain ...` within this process, which spares loading it; give its status and what it said."""
    unset = {name: None for name in os.environ if name.startswith(("KAFKA_", "STORMDRAIN_"))}
    done = CliRunner().invoke(app, words, env={**unset, **environment})
    return done.exit_code, done.stdout, done.stderr.splitlines()


def line_of(out: str, word: str) -> Any:
    """Give the JSON behind the one line that begins with a word."""
    (line,) = [line for line in out.splitlines() if line.startswith(f"{word} ")]
    return json.loads(line.removeprefix(f"{word} "))
