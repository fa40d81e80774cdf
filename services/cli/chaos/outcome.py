"""What a run is held against, once everything that was sent has had its time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.cli.chaos.conductor import READ_AGAIN
from services.cli.run import EDGES, Name
from services.cli.town import fetch
from services.runtime.topics import load as load_topics
from services.sandbox.open_transactions import lag, open_transactions
from services.sandbox.poison import TABLES, judge_dead
from services.sandbox.tally import judge, read_book, stale
from services.sandbox.undisturbed import differences, received, undisturbed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.cli.chaos.conductor import Conductor
    from services.cli.chaos.stage import Stage
    from services.sandbox.jars import OnProgress

DRAINED = 0.5
"""Published: after the last report and the last fault, all that waits is done within this share of what a fault may
take."""
SETTLED = 1.5
"""A town that has not settled within this share of it will not."""
NOISE_BYTES = 32 << 20
"""Bytes that any process may gain once: what an allocator keeps, and librdkafka's buffers after an outage."""
FLAT_BYTES = 512
"""Bytes that a process which keeps no state may gain besides for each report."""
KEPT_BYTES = 16_384
"""Bytes that a process which keeps state may keep besides for each report."""
KEEPS_NOTHING = (Name.RECEIVE, Name.CLASSIFY, Name.ROUTE, Name.REVIEW)
REPLAYED = frozenset({"crm_ambiguous", "crm_schema"})
"""Reasons of dead letters that the department's system causes, and an operator brings back."""
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that has to hold: what was found, and what is expected."""

    what: str
    found: str
    expected: str
    good: bool
    examples: tuple[str, ...] = ()


def settle(stage: Stage, within_s: float) -> float | None:
    """Wait until every report has arrived and every group has read everything; give the seconds, None: they did not."""
    began = time.monotonic()
    stage.poisoner.flush(SETTLED * within_s)
    known = load_topics()
    names = {topic.name: topic.stem for topic in known.expand(stage.city.departments, brokers=1)}
    reads = {
        str(worker): [
            name
            for name, stem in names.items()
            if worker in known.entries[stem].read_by and (worker, stem) not in TABLES
        ]
        for worker in Name
        if worker not in EDGES or worker is Name.WATCH
    }
    while time.monotonic() - began < SETTLED * within_s:
        stage.follower.read(1.0)
        if not stage.waiting(time.time(), delivered=True) and not any(
            lag(stage.clients, reads, stage.follower.last).values()
        ):
            stage.follower.read(5.0)
            return time.monotonic() - began
        time.sleep(0.2)
    return None


def checks(stage: Stage, conductor: Conductor, sent: Sequence[str], drained_s: float | None) -> list[Check]:
    """Hold the run against everything that was promised."""
    tally = stage.follower.tally
    book = read_book(fetch(f"{stage.town.crm}/api/book", timeout_s=120.0).decode())
    verdict = judge(sent, tally, book)
    letters = [letter for letter in stage.follower.letters if letter.reason not in REPLAYED]
    dead = judge_dead(stage.poisoner.ledger, letters)
    expected = undisturbed(received(stage.clients), stage.town.city, stage.town.models)
    never = [f"{played.kind} ({played.target})" for played in conductor.played if played.recovered_s is None]
    topics = [topic.name for topic in load_topics().expand(stage.city.departments, brokers=1)]
    drain_s = DRAINED * conductor.within_s
    return [
        _none("reports lost", verdict.lost),
        _none("reports doubled at a department's system, or on a topic", verdict.doubled),
        _none("cases of which the system has an old revision", stale(tally, book)),
        _none("reports that nobody sent", list(tally.strangers)),
        _none("breaches of order", [str(each) for each in stage.follower.order.violations()]),
        _none("links, departments and categories other than in an undisturbed run", differences(expected, tally)),
        _none("dead letters that should not be, or are missing", [str(fault) for fault in dead]),
        _none("transactions left open", [str(each) for each in open_transactions(stage.clients, topics)]),
        _none(
            f"faults after which the town was not whole within {conductor.within_s:g} s, and a second for each "
            f"{READ_AGAIN:,.0f} reports sent so far",
            never,
        ),
        _none("faults that did not do what they must", conductor.unexpected),
        Check(
            what="seconds from the last report and the last fault until nothing waits",
            found="never" if drained_s is None else f"{drained_s:.1f}",
            expected=f"at most {drain_s:g}",
            good=drained_s is not None and drained_s <= drain_s,
        ),
        _memory(stage),
    ]


def _none(what: str, found: Sequence[Any]) -> Check:
    examples = tuple(str(each) for each in found[:SHOWN])
    return Check(what=what, found=f"{len(found):,}", expected="0", good=not found, examples=examples)


def _memory(stage: Stage) -> Check:
    grown = {
        name: growth
        for name, growth in stage.memory.growth().items()
        if growth.gained
        > NOISE_BYTES + growth.reports * (FLAT_BYTES if name.rpartition("-")[0] in KEEPS_NOTHING else KEPT_BYTES)
    }
    return Check(
        what=f"processes that grow by more than {NOISE_BYTES >> 20} MiB and {FLAT_BYTES} bytes a report "
        f"({KEPT_BYTES:,} where they keep state)",
        found=f"{len(grown)}",
        expected="0",
        good=not grown,
        examples=tuple(
            f"{name}: {each.gained / 2**20:,.0f} MiB in {each.reports:,} reports" for name, each in grown.items()
        ),
    )


def tell(found: Sequence[Check], say: OnProgress) -> None:
    """Tell of all that was found."""
    for check in found:
        say(f"{'  ' if check.good else 'x '}{check.what}: {check.found} (expected {check.expected})")
        for example in check.examples:
            say(f"      {example}")
