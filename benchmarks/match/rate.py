"""Matching on one core with the open reports in memory: a process of its own, so that its peak is its own.

Rates are by the processor's clock: what else the machine does meanwhile does not count. One look-up is by the wall's,
too, since somebody waits for it.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

import msgspec

from benchmarks.machine import spread
from benchmarks.match.held import held
from benchmarks.match.town import Files
from services.cli.run import spare_what_stays
from services.events import RequestRouted
from services.match.adapters import Matcher
from services.match.settings import MatchSettings
from services.match.worker import build
from services.runtime.settings import Shared
from services.runtime.worker import Worker

PART = 10_000
NO_LIMIT = 10_000_000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to measure."""

    files: Files
    batch: int
    rounds: int
    singles: int


def worker_of(files: Files) -> Worker:
    """Give `match` as it runs, but for a bound on open reports that none of these runs meets."""
    shared = Shared(stormdrain_city_dir=Path(files.city), stormdrain_models_dir=Path(files.models))
    return build(MatchSettings(open_reports=NO_LIMIT), shared)


def filled(files: Files) -> tuple[Matcher, float, float]:
    """Give a matcher that folded the open reports, what was resident before, and the processor's seconds in `fold`."""
    matcher = cast("Matcher", worker_of(files).handler)
    spare_what_stays()
    before = resident_mib()[0]
    took, events = 0.0, files.read_open()
    while part := list(islice(events, PART)):
        began = time.process_time()
        for event in part:
            matcher.fold(0, event)
        took += time.process_time() - began
    return matcher, before, took


def resident_mib() -> tuple[float, float]:
    """Give what this process has resident now, and the most that it ever had, MiB.

    As the kernel tells of its memory since it was begun; what getrusage tells is what began it had, if that was more.
    """
    told = Path("/proc/self/status").read_text(encoding="utf-8")
    now, most = (int(told.partition(f"{name}:")[2].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return round(now, 1), round(most, 1)


def measured(asked: Asked) -> dict[str, Any]:
    """Fill a matcher, then match fresh reports in batches and one by one."""
    matcher, before, took = filled(asked.files)
    whole = resident_mib()[1]
    fresh = asked.files.read_fresh()
    rates = [_batch(matcher, list(islice(fresh, asked.batch))) for _ in range(asked.rounds)]
    linked, whole_rate = statistics.fmean(rate[2] for rate in rates), [rate[0] for rate in rates]
    wall, cpu = zip(*_singles(matcher, islice(fresh, asked.singles)), strict=True)
    number = asked.files.open
    return {
        "open_reports": number,
        "fold_per_s": round(number / took),
        "matches_per_s": spread(whole_rate),
        "handled_per_s": spread([rate[1] for rate in rates]),
        "linked": round(linked, 4),
        "one_ms": {name: quantiles(taken) for name, taken in (("wall", wall), ("cpu", cpu))},
        "peak_mib": resident_mib()[1],
        "peak_when_filled_mib": whole,
        "before_mib": before,
        "bytes_per_open_report": round((whole - before) * 2**20 / number),
        "held_bytes_per_open_report": held(matcher),
    }


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Give the median, the 99th and the greatest of some, in milliseconds."""
    ordered = sorted(seconds)
    picked = {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)], "max": ordered[-1]}
    return {name: round(value * 1000, 3) for name, value in picked.items()}


def _batch(matcher: Matcher, batch: Sequence[RequestRouted]) -> tuple[float, float, float]:
    """Give matches/s with and without folding them, and the share that was linked."""
    began = time.process_time()
    outcomes = matcher.handle(0, batch)
    handled = time.process_time()
    for outcome in outcomes:
        for event in outcome:
            matcher.fold(0, event)
    ended = time.process_time()
    linked = sum(event.matching.duplicate_of is not None for said in cast("Any", outcomes) for event in said[:1])
    return len(batch) / (ended - began), len(batch) / (handled - began), linked / len(batch)


def _singles(matcher: Matcher, fresh: Iterator[RequestRouted]) -> Iterator[tuple[float, float]]:
    for event in fresh:
        wall, cpu = time.perf_counter(), time.process_time()
        outcomes = matcher.handle(0, [event])
        yield time.perf_counter() - wall, time.process_time() - cpu
        for said in outcomes[0]:
            matcher.fold(0, said)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Asked)
    print(msgspec.json.encode(measured(given)).decode(), flush=True)
