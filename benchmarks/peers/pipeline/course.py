"""One broker, all sides up on it, and one of them measured at a time."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import NewTopic

from benchmarks.peers.pipeline.chain import topics as way
from benchmarks.peers.pipeline.door import post_all
from benchmarks.peers.pipeline.figures import latencies_ms, percentiles, quantile, recovered_after
from benchmarks.peers.pipeline.load import Feed, Observer, StuckError, ends
from benchmarks.peers.pipeline.reports import Record
from benchmarks.peers.pipeline.sides import Ground, Side
from benchmarks.pipeline.processes import Processes, machine_busy_seconds
from services.city.load import load
from services.runtime.cluster import admin, apply_all
from services.runtime.supervisor import Supervisor
from services.sandbox.broker import Broker

WARM_S = 60.0
RECOVERY_S = 45.0
"""A side that has not recovered after this long is said not to have."""
BENCHMARK = "benchmark"
"""This very process, among the others: it sends, and sees what comes out."""
LAST_WORDS = 2000
"""How much of the log of a process that ended is told, in characters."""
Say = Callable[[str], None]


@dataclass
class _Runner:
    side: Side
    supervisor: Supervisor
    observer: Observer
    pids: dict[str, int]


class Course:
    """Sides that run, and the broker they share."""

    def __init__(self, ground: Ground, broker: Broker, say: Say) -> None:
        self._ground, self._broker, self._say = ground, broker, say
        self._feed = Feed(ground.bootstrap)
        self._runners: dict[str, _Runner] = {}
        (node,) = broker.nodes
        self._broker_pid = node.pid or 0
        self.kafka = broker.version

    def start(self, side: Side, warm: Sequence[Record], stack: ExitStack) -> None:
        """Start a side and see the first reports come out of it."""
        if side.topics:
            self._create(side.topics)
        observer = Observer(self._ground.bootstrap, side.ends)
        stack.callback(observer.close)
        supervisor = stack.enter_context(Supervisor(side.programs))
        pids = {program.name: supervisor.pid(program.name) or 0 for program in side.programs}
        self._runners[side.name] = _Runner(side, supervisor, observer, pids)
        began = self._feed.all_at_once(side.entry, warm)
        observer.wait([each.request_id for each in warm], f"{side.name} (its start)", self._sick(side.name), WARM_S)
        self._say(f"{side.name} is up after {time.perf_counter() - began:.1f} s: {side.how}")

    def saturate(self, name: str, records: Sequence[Record]) -> dict[str, Any]:
        """Send all at once; give reports/s from the first written to the last come out, and what that cost."""
        runner = self._runners[name]
        processes = self._processes(runner)
        before, busy, size = processes.cpu_seconds(), machine_busy_seconds(), self._bytes(runner.side)
        began = self._feed.all_at_once(runner.side.entry, records)
        ids = [each.request_id for each in records]
        runner.observer.wait(ids, name, self._sick(name))
        took = max(runner.observer.first[each] for each in ids) - began
        spent = {each: value - before[each] for each, value in processes.cpu_seconds().items()}
        broker, sender = spent["broker"], spent[BENCHMARK]
        ours = sum(spent.values()) - broker - sender
        busy = machine_busy_seconds() - busy
        grown = {name: (now - size[name]) / len(ids) for name, now in self._bytes(runner.side).items()}
        return {
            "reports": len(ids),
            "reports_per_s": round(len(ids) / took, 1),
            "cpu_s_per_million": round(ours / len(ids) * 1e6),
            "broker_cpu_s_per_million": round(broker / len(ids) * 1e6),
            "cpu_ms_per_report": {each: round(value / len(ids) * 1000, 3) for each, value in spent.items()},
            "bytes_per_report": round(sum(grown.values())),
            "bytes_by_topic": {name: round(value) for name, value in grown.items()},
            "peak_mib": peak_mib(runner.pids.values()),
            "cpus_used_by_others": round(max(0.0, busy - ours - broker - sender) / took, 2),
        }

    def door(self, name: str, calls: Sequence[bytes], callers: int) -> dict[str, Any]:
        """Post all to the side's door; give reports/s from the first posted to the last come out, and the cost."""
        runner = self._runners[name]
        processes = self._processes(runner)
        before, busy = processes.cpu_seconds(), machine_busy_seconds()
        began = time.perf_counter()
        ids = asyncio.run(post_all(runner.side.door, calls, callers))
        taken = time.perf_counter()
        runner.observer.wait(ids, name, self._sick(name))
        took = max(runner.observer.first[each] for each in ids) - began
        spent = {each: value - before[each] for each, value in processes.cpu_seconds().items()}
        busy = machine_busy_seconds() - busy
        return {
            "reports": len(ids),
            "reports_per_s": round(len(ids) / took, 1),
            "door_reports_per_s": round(len(ids) / (taken - began), 1),
            "cpu_ms_per_report": {each: round(value / len(ids) * 1000, 3) for each, value in spent.items()},
            "cpus_used": round(sum(spent.values()) / took, 2),
            "cpus_used_by_others": round(max(0.0, busy - sum(spent.values())) / took, 2),
        }

    def steady(self, name: str, records: Sequence[Record], per_second: float) -> dict[str, Any]:
        """Send at a rate; give p50 and p99 from written to come out."""
        runner, sent = self._runners[name], dict[str, float]()
        processes = self._processes(runner)
        before, began = processes.cpu_seconds(), time.perf_counter()
        self._feed.at_rate(runner.side.entry, records, per_second, sent)
        runner.observer.wait(list(sent), name, self._sick(name))
        used = sum(processes.cpu_seconds().values()) - sum(before.values())
        return percentiles(sent, runner.observer.first) | {
            "reports": len(sent),
            "cpus_used": round(used / (time.perf_counter() - began), 2),
        }

    def burst(self, name: str, records: Sequence[Record], base: float, times: float, seconds: float) -> dict[str, Any]:
        """Send at `base` a second, then `times` that for `seconds`, then at `base` until the side has recovered."""
        runner, first = self._runners[name], self._runners[name].observer.first
        left = list(records)
        calm, peak = _cut(left, round(3 * base)), _cut(left, round(base * times * seconds))
        before, at_peak, after = dict[str, float](), dict[str, float](), dict[str, float]()
        entry = runner.side.entry
        self._feed.at_rate(entry, calm, base, before)
        runner.observer.wait(list(before), name, self._sick(name))
        # Twice the base's p99; of so few reports the slowest stands for it.
        limit = 2 * (quantile(list(latencies_ms(before, first).values()), 0.99) or 0.0)
        self._feed.at_rate(entry, peak, base * times, at_peak)
        ended = time.perf_counter()
        recovered = None
        while recovered is None and left and time.perf_counter() - ended < RECOVERY_S:
            self._feed.at_rate(entry, _cut(left, max(1, round(base / 2))), base, after)
            recovered = recovered_after(after, first, ended, limit)
        runner.observer.wait([*at_peak, *after], name, self._sick(name), 2 * RECOVERY_S)
        recovered = recovered if recovered is not None else recovered_after(after, first, ended, limit)
        drained = max(first[each] for each in at_peak) - ended
        return percentiles(at_peak, first) | {
            "reports": len(before) + len(at_peak) + len(after),
            "reports_per_s": round(len(at_peak) / (ended - min(at_peak.values())), 1),
            "limit_ms": round(limit, 1),
            "recovered_after_s": recovered,
            "drained_after_s": round(drained, 2),
        }

    def said(self, name: str) -> dict[str, tuple[str, str]]:
        """Give the category and department of every report that came out of a side so far."""
        return self._runners[name].observer.said

    def settled(self, name: str) -> list[str]:
        """Give the processes of a side that ended meanwhile: none, if its figures are to mean anything."""
        runner = self._runners[name]
        return [each for each in runner.pids if runner.supervisor.exits(each)]

    def _sick(self, name: str) -> Callable[[], str]:
        logs = {program.name: program.log for program in self._runners[name].side.programs}

        def why() -> str:
            ended = self.settled(name)
            tails = (logs[each].read_text("utf-8", "replace")[-LAST_WORDS:] for each in ended)
            return "\n".join([f"{', '.join(ended)} ended", *tails]) if ended else ""

        return why

    def _processes(self, runner: _Runner) -> Processes:
        return Processes(runner.pids | {"broker": self._broker_pid, BENCHMARK: os.getpid()})

    def _create(self, topics: dict[str, int]) -> None:
        wanted = [NewTopic(name, num_partitions=number, replication_factor=1) for name, number in topics.items()]
        client = admin(self._ground.bootstrap)
        for future in client.create_topics(wanted).values():
            future.result(30)
        ends(self._ground.bootstrap, topics)

    def _bytes(self, side: Side) -> dict[str, int]:
        """Give the bytes of each of the side's topics in the broker's log, as compressed there."""
        names = side.topics or way(self._ground.city, side.prefix)
        data = self._ground.state / "broker" / "node-1" / "data"
        return {name: sum(path.stat().st_size for path in data.glob(f"{name}-[0-9]*/*.log")) for name in names}


@contextmanager
def course(
    city: Path, models: Path, settings: dict[str, str], say: Say, partitions: int | None = None
) -> Iterator[tuple[Course, Ground, ExitStack]]:
    """Start a broker with the city's topics; stop it, and every side that was started, at the end."""
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stormdrain-race-")))
        broker = stack.enter_context(Broker.start(state, ephemeral=True, die_with_parent=True, ports=[0]))
        apply_all(broker.bootstrap, list(load(city).departments), partitions)
        ground = Ground(bootstrap=broker.bootstrap, city=city, models=models, state=state, settings=settings)
        yield Course(ground, broker, say), ground, stack


def peak_mib(pids: Sequence[int] | Any) -> int:  # noqa: ANN401 - or any other collection of them
    """Give the peak of resident memory of these processes, added up; 0 where the system does not tell."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return round(total / 1024)


def _cut(records: list[Record], number: int) -> list[Record]:
    taken = records[:number]
    del records[:number]
    return taken


__all__ = ["Course", "StuckError", "course", "peak_mib"]
