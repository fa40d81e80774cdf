"""One run: a fresh broker and town, a storm sent through, and what became of it."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.pipeline import stages
from benchmarks.pipeline.processes import Processes, machine_busy_seconds
from services.city.load import load
from services.cli.demo import reports as storm_reports
from services.cli.run import Name
from services.cli.town import Town, fetch, without_settings
from services.runtime.cluster import apply_all
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.supervisor import Supervisor
from services.sandbox.broker import Broker
from services.sandbox.gateway import Gateway, Sent
from services.sandbox.tally import WORKERS_WITH_DEAD_LETTERS, Follower, Tally, judge, read_book

STILL_S = 60.0
"""Reports that make no progress for this long are given up as lost."""
CALM_S = 60.0
AFTER_THE_CASE = (Name.DELIVER, Name.REVIEW, Name.WATCH, Name.INDEX)
"""Workers that no report passes on its way to its department's topic."""


class StuckError(Exception):
    """The town did not take the warm-up, or ended a worker: the figures would mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent: `reports`, `per_second` of them (0: as fast as taken), after `warm_up` that do not count."""

    reports: int
    per_second: float
    callers: int
    batch: int
    warm_up: int
    seed: int


class Course:
    """A running town of one's own."""

    def __init__(
        self,
        town: Town,
        broker: Broker,
        supervisor: Supervisor,
        city: Any,  # noqa: ANN401 - City
    ) -> None:
        self._town = town
        self._last = "deliver" if town.sandbox else "decide"
        self._broker = broker
        self._supervisor = supervisor
        self._city = city
        self._clients = KafkaClients(KafkaSettings(bootstrap=broker.bootstrap))
        self.kafka = broker.version
        names = [*town.names(), "crm"] if town.sandbox else town.names()
        pids = {name.removesuffix("-0"): pid for name in names if (pid := supervisor.pid(name)) is not None}
        (node,) = broker.nodes
        self._processes = Processes(pids | {"broker": node.pid or 0, "benchmark": os.getpid()})

    def run(self, load: Load, say: Callable[[str], None]) -> dict[str, Any]:
        """Send, wait until all has settled and the rest has caught up, and give the figures."""
        ends = stages.Reader(self._clients, self._settling())
        if load.warm_up:
            _, seconds = self._carry(ends, self._storm(load.seed + 1_000_000, load.warm_up), load, 100.0)
            say(f"warm after {seconds:.1f} s")
        reports = self._storm(load.seed, load.reports)
        busy, before = machine_busy_seconds(), self._processes.cpu_seconds()
        began = time.monotonic()
        sent, seconds = self._carry(ends, reports, load, load.per_second)
        took = time.monotonic() - began
        ours = sum(self._processes.cpu_seconds().values()) - sum(before.values())
        busy = machine_busy_seconds() - busy
        ends.close()
        say(f"{len(sent.accepted):,} reports settled in {seconds:.1f} s")
        self._processes.wait_until_calm(CALM_S)
        cost = {name: spent - before[name] for name, spent in self._processes.cpu_seconds().items()}
        if ended := [name for name in self._town.names() if self._supervisor.exits(name)]:
            message = f"workers ended during the run: {', '.join(ended)}"
            raise StuckError(message)
        return self._figures(sent) | {
            "seconds": round(seconds, 1),
            "door_reports_per_s": round(len(sent.accepted) / sent.seconds, 1),
            "cpu_ms_per_report": {name: round(s / len(sent.accepted) * 1000, 3) for name, s in cost.items()},
            "resident_mib": self._processes.resident_mib(),
            "cpus_used": round(ours / took, 2),
            "cpus_used_by_others": round(max(0.0, busy - ours) / took, 2),
        }

    def _settling(self) -> list[str]:
        if self._town.sandbox:
            return stages.settling_topics(WORKERS_WITH_DEAD_LETTERS)
        return stages.settling_topics(
            WORKERS_WITH_DEAD_LETTERS, [f"cases.{each}.v1" for each in self._city.departments]
        )

    def _storm(self, seed: int, count: int) -> list[dict[str, Any]]:
        return storm_reports(self._city, seed=seed, count=count)

    def _carry(
        self, ends: stages.Reader, reports: Sequence[dict[str, Any]], load: Load, per_second: float
    ) -> tuple[Sent, float]:
        """Send all and return when every accepted report has come to an end, or nothing moves any more."""
        gateway = Gateway(self._town.door, batch=load.batch, callers=load.callers)
        began = time.monotonic()
        sent = asyncio.run(_send(gateway, reports, per_second, ends))
        ids = set(sent.accepted.values())
        settled, moved = 0, time.monotonic()
        while settled < len(ids) and time.monotonic() - moved < STILL_S:
            ends.read(0.2)
            now = len(ends.requests & ids)
            if now > settled:
                settled, moved = now, time.monotonic()
        if not settled:
            message = f"none of {len(ids)} reports settled within {STILL_S:.0f} s"
            raise StuckError(message)
        return sent, moved - began

    def _figures(self, sent: Sent) -> dict[str, Any]:
        ids = set(sent.accepted.values())
        times = stages.read_times(self._clients, self._city.departments, ids)
        took = stages.latencies(times, self._last)
        by_stage = stages.figures(times, self._last)
        follower = Follower(self._clients, self._city.departments)
        while not follower.read(5.0):
            pass
        follower.close()
        tally = follower.tally
        verdict = judge(ids, tally, self._book(tally))
        return {
            "sent": len(ids),
            "refused": len(sent.refused),
            "repeats": sent.repeats,
            "delivered": len(tally.delivered.keys() & ids),
            "held": len((tally.held - tally.cases) & ids),
            "linked": len(tally.linked & ids),
            "dead": sum(tally.dead.values()),
            "lost": len(verdict.lost),
            "doubled": len(verdict.doubled),
            "reports_per_s": round(stages.rate(sorted(stages.settled(times, self._last).values())), 1),
            "p50_ms": stages.quantile(took, 0.5),
            "p99_ms": stages.quantile(took, 0.99),
            "stages": by_stage,
            "bottleneck": stages.bottleneck(by_stage),
        }

    def _book(self, tally: Tally) -> Sequence[Mapping[str, object]]:
        """Give the CRM's book; without a CRM, that of systems which had taken every case there is."""
        if self._town.sandbox:
            return read_book(fetch(f"{self._town.crm}/api/book", timeout_s=30.0).decode())
        return [{"ref": request, "records": 1} for request in tally.cases]


async def _send(gateway: Gateway, reports: Sequence[dict[str, Any]], per_second: float, ends: stages.Reader) -> Sent:
    sending = asyncio.create_task(gateway.send(reports, per_second=per_second))
    while not sending.done():
        await asyncio.to_thread(ends.read, 0.2)
        await asyncio.wait({sending}, timeout=0.3)
    return sending.result()


@contextmanager
def running(city: Path, models: Path, settings: dict[str, str], *, to_case: bool = False) -> Iterator[Course]:
    """Start a broker, the sandbox CRM and all workers; give the course; stop all at the end.

    With `to_case`, only the workers from the door to the departments' topics are started.
    """
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stormdrain-bench-")))
        broker = stack.enter_context(Broker.start(state, ephemeral=True, die_with_parent=True, ports=[0]))
        town_data = load(city)
        apply_all(broker.bootstrap, list(town_data.departments))
        environment = without_settings(os.environ)
        town = Town.lay_out(
            state=state,
            city=city,
            models=models,
            bootstrap=broker.bootstrap,
            environment=environment,
            settings=settings,
            instances=dict.fromkeys(AFTER_THE_CASE, 0) if to_case else {},
            sandbox=not to_case,
        )
        supervisor = stack.enter_context(town.supervisor())
        town.wait_until_ready(supervisor)
        yield Course(town, broker, supervisor, town_data)
