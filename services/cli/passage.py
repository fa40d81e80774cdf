"""Sending reports through a town and seeing every one of them arrive."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.town import fetch
from services.sandbox.gateway import Gateway, Sent
from services.sandbox.tally import Follower, Tally, Verdict, judge, read_book

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from services.cli.town import Town
    from services.runtime.kafka import KafkaClients

console = Console(stderr=True)

FIGURES = {
    "sent": "reports that the door acknowledged",
    "refused": "reports that the door refused",
    "received": "different reports on requests.received.v1",
    "classified": "different reports on requests.classified.v1",
    "released": "reports released to a department",
    "delivered": "reports that a department's system acknowledged",
    "held": "reports held for a person and not released since",
    "linked": "reports linked to an earlier one of the same incident",
    "outside": "reports from outside the city",
    "dead": "dead letters of all workers",
    "lost": "acknowledged reports that are in no department's system, with no person and in no dead letters",
    "doubled": "reports with two records in a department's system, and topics with an event twice",
    "p50_ms": "from the door to the department's system, or to the draft for a person: the middle one",
    "p99_ms": "the same, of which 1 in 100 took longer",
    "mean_ms": "the same, on average",
    "seconds": "from the first report posted to the last one settled",
    "repeats": "calls that the gateway made again",
    "departments": "delivered reports by department",
}
"""What the keys of the machine-readable line mean. Milliseconds are null where nothing arrived."""

STILL_S = 60.0
"""Reports that make no progress for this long are given up as lost."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """What was sent, and what became of it."""

    sent: Sent
    tally: Tally
    verdict: Verdict
    seconds: float
    """From the first report posted to the last one settled."""

    def figures(self) -> dict[str, Any]:
        """Give the machine-readable line: see `FIGURES`."""
        tally = self.tally
        arrived = tally.delivered.keys()
        by_department = Counter(tally.delivered.values())
        return {
            "sent": len(self.sent.accepted),
            "refused": len(self.sent.refused),
            "received": len(tally.received),
            "classified": len(tally.classified),
            "released": len(tally.cases),
            "delivered": len(arrived),
            "held": len(tally.held - tally.cases),
            "linked": len(tally.linked),
            "outside": len(tally.outside),
            "dead": sum(tally.dead.values()),
            "lost": len(self.verdict.lost),
            "doubled": len(self.verdict.doubled),
            "p50_ms": tally.latency_ms(0.5),
            "p99_ms": tally.latency_ms(0.99),
            "mean_ms": round(statistics.fmean(tally.seconds.values()) * 1000, 1) if tally.seconds else None,
            "seconds": round(self.seconds, 1),
            "repeats": self.sent.repeats,
            "departments": dict(sorted(by_department.items())),
        }

    def table(self, title: str) -> Table:
        """Give the closing table."""
        figures = self.figures()
        table = Table(title=title, show_header=False, title_justify="left")
        table.add_column(style="bold")
        table.add_column(justify="right")
        rows = [
            ("reports sent and acknowledged", "sent"),
            ("refused at the door", "refused"),
            ("classified", "classified"),
            ("released to a department", "released"),
            ("held for a person", "held"),
            ("linked to an earlier report", "linked"),
            ("outside the city", "outside"),
            ("dead letters", "dead"),
        ]
        for label, key in rows:
            table.add_row(label, f"{figures[key]:,}")
        table.add_section()
        for department, number in figures["departments"].items():
            table.add_row(f"delivered to {department}", f"{number:,}")
        table.add_section()
        table.add_row("door to department or desk, p50", _ms(figures["p50_ms"]))
        table.add_row("door to department or desk, p99", _ms(figures["p99_ms"]))
        for key in ("lost", "doubled"):
            style = "green" if not figures[key] else "bold red"
            table.add_row(key, f"[{style}]{figures[key]:,}[/]")
        return table


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def carry(
    town: Town,
    clients: KafkaClients,
    departments: Iterable[str],
    reports: Iterable[dict[str, Any]],
    *,
    count: int,
    channel: str = "file",
    per_second: float = 0.0,
    still_s: float = STILL_S,
    meanwhile: Callable[[], None] = lambda: None,
) -> Passage:
    """Send reports through a running town and follow them until each has settled, or nothing moves any more.

    `meanwhile` is called between two looks at the topics, for instance to kill a worker.
    """
    follower = Follower(clients, departments)
    began = time.monotonic()
    with _bars(count) as (on_sent, on_settled):
        try:
            gateway = Gateway(town.door, channel=channel)
            sent = asyncio.run(_send(gateway, reports, per_second, on_sent, follower, on_settled, meanwhile))
            ids = set(sent.accepted.values())
            settled, moved = 0, time.monotonic()
            while True:
                at_end = follower.read(1.0)
                now_settled = len(follower.tally.settled() & ids)
                on_settled(now_settled)
                if now_settled > settled:
                    settled, moved = now_settled, time.monotonic()
                if at_end and now_settled >= len(ids):
                    break
                if time.monotonic() - moved > still_s:
                    break
                meanwhile()
            seconds = moved - began
        finally:
            follower.close()
    book = read_book(fetch(f"{town.crm}/api/book", timeout_s=30.0).decode())
    return Passage(sent=sent, tally=follower.tally, verdict=judge(ids, follower.tally, book), seconds=seconds)


async def _send(
    gateway: Gateway,
    reports: Iterable[dict[str, Any]],
    per_second: float,
    on_sent: Callable[[int], None],
    follower: Follower,
    on_settled: Callable[[int], None],
    meanwhile: Callable[[], None],
) -> Sent:
    sending = asyncio.create_task(gateway.send(reports, per_second=per_second, on_progress=on_sent))
    while not sending.done():
        await asyncio.to_thread(follower.read, 0.2)
        on_settled(len(follower.tally.settled()))
        await asyncio.to_thread(meanwhile)
        await asyncio.wait({sending}, timeout=0.05)
    return sending.result()


@contextmanager
def _bars(count: int) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        sending = progress.add_task("sent     ", total=count)
        settling = progress.add_task("arrived  ", total=count)
        yield (
            lambda number: progress.advance(sending, number),
            lambda number: progress.update(settling, completed=min(number, count)),
        )
