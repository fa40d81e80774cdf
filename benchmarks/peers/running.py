"""One side as a process: started, watched while it works, told to stop, and what it took."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
from msgspec import Struct

from benchmarks.peers.job import Alone, Told
from benchmarks.peers.looking import Look

EVERY_S = 0.025
"""How often is looked: against a window of seconds; each look costs the machine about a millisecond."""
UNMEASURED = 0.2
"""Share of the records that goes first and is not measured: loading, joining, the first fetch, a JVM's compiler."""
COARSE = 0.6
"""Where the window must have begun by then, as a share of the records."""
STUCK_S = 60.0
STOP_S = 20.0


class SideError(Exception):
    """A side did not do its job: which, what it said last."""


class Ran(Struct, frozen=True, kw_only=True):
    """What a side took, from a look after the unmeasured share to the look that found all done."""

    told: Told
    records: int
    """In that window."""
    seconds: float
    cpu_seconds: float
    """Of all its processes, in the window."""
    broker_cpu_seconds: float
    peak_mib: float
    """Resident memory of all its processes, the most each ever held."""
    start_seconds: float
    """From the start of the process to its first record done."""


class Seen(NamedTuple):
    """One look."""

    at: float
    done: int
    cpu: float
    broker_cpu: float


def run(words: Sequence[str], *, looking: Look, records: int, broker: int, log: Path, limit_s: float) -> Ran:
    """Run the side that `words` start until `looking` finds `records` done.

    Raises:
        SideError: it ended by itself, stood still, or did nearly all between two looks.

    """
    looking.look()  # whom to ask is found before anything is measured
    began = time.monotonic()
    with contextlib.closing(looking), _process(words, log) as process:
        spent = _Spent(process, psutil.Process(broker))
        seen: list[Seen] = []
        done, moved = 0, began
        while done < records:
            time.sleep(EVERY_S)
            found, now = looking.look(), time.monotonic()
            if found > done:
                done, moved = found, now
            if done:
                seen.append(Seen(now, done, *spent.now()))
            if done < records and (process.poll() is not None or now - moved > STUCK_S or now - began > limit_s):
                raise SideError(_trouble(process, done, records, log))
        peak = spent.peak_mib()
        told = _told(process, log)
    first, last = _window(seen, records), seen[-1]
    return Ran(
        told=told,
        records=records - first.done,
        seconds=last.at - first.at,
        cpu_seconds=last.cpu - first.cpu,
        broker_cpu_seconds=last.broker_cpu - first.broker_cpu,
        peak_mib=round(peak, 1),
        start_seconds=seen[0].at - began,
    )


def _window(seen: Sequence[Seen], records: int) -> Seen:
    """Give the look at which the measured window begins: where a side has just put out what it had in hand.

    A side that works off thousands of records and then writes them all at once would otherwise be measured from the
    middle of its writing, with the work for what it writes next left out. One that writes all the time has no such
    rest, and is measured from the first look after the unmeasured share.
    """
    candidates = [
        (look, after) for look, after in pairwise(seen) if UNMEASURED * records <= look.done <= COARSE * records
    ]
    if not candidates:
        message = f"it did most of the {records:,} records between two looks: give it more"
        raise SideError(message)
    return next((look for look, after in candidates if look.done == after.done), candidates[0][0])


def run_alone(words: Sequence[str], *, log: Path, limit_s: float) -> Ran:
    """Run a side that has no broker to be watched by; it says itself what it took.

    Raises:
        SideError: it did not end well.

    """
    began = time.monotonic()
    with _process(words, log) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(limit_s)
        if process.poll() != 0:
            raise SideError(_trouble(process, 0, 0, log))
        lines = log.with_suffix(".out").read_bytes().splitlines()
        took = msgspec.json.decode(lines[-1], type=Alone)
        return Ran(
            told=_told(process, log),
            records=took.records,
            seconds=took.seconds,
            cpu_seconds=took.cpu_seconds,
            broker_cpu_seconds=0.0,
            peak_mib=round(took.peak_mib, 1),
            start_seconds=time.monotonic() - began - took.seconds,
        )


@contextmanager
def _process(words: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start it in a session of its own; at the end tell it to stop, and after a while make it."""
    with log.with_suffix(".out").open("wb") as said, log.open("wb") as complained:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            env=_environment(os.environ),
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    kept = {name: value for name, value in inherited.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return kept | {"PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}


class _Spent:
    """Processor time of a side with all its children, which it has when its first record is done, and of the broker."""

    def __init__(self, process: "subprocess.Popen[bytes]", broker: psutil.Process) -> None:
        self._side, self._broker = psutil.Process(process.pid), broker
        self._all: list[psutil.Process] = []

    def now(self) -> tuple[float, float]:
        if not self._all:
            self._all = [self._side, *self._side.children(recursive=True)]
        return sum(_cpu(each) for each in self._all), _cpu(self._broker)

    def peak_mib(self) -> float:
        return sum(_peak(each) for each in self._all) / 2**20


def _cpu(process: psutil.Process) -> float:
    try:
        spent = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(spent.user + spent.system)


def _peak(process: psutil.Process) -> float:
    """Give the most memory the process ever held, bytes; where the system does not tell, what it holds now."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    return float(process.memory_info().rss)


def _told(process: "subprocess.Popen[bytes]", log: Path) -> Told:
    lines = log.with_suffix(".out").read_bytes().splitlines()
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(line, type=Told)
    message = f"process {process.pid} did not say what it is: {lines[:1]}"
    raise SideError(message)


def _trouble(process: "subprocess.Popen[bytes]", done: int, records: int, log: Path) -> str:
    code = process.poll()
    state = "stands still" if code is None else f"ended with status {code}"
    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    return "\n  ".join([f"it {state} after {done:,} of {records:,} records; it said last:", *last])
