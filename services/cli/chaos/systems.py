"""Faults of a department's system, and of what comes in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from services.cli.chaos.kinds import Blow, Kind, Play
from services.cli.chaos.stage import SETTINGS, Stage
from services.cli.run import Name
from services.events import RequestClassified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

SPELL_S = 3.0
FEW = 3
BURST = 4 * int(SETTINGS["ROUTE_REJECTED_WINDOW"])
DELIVER, INDEX, ROUTE = f"{Name.DELIVER}-0", f"{Name.INDEX}-0", f"{Name.ROUTE}-0"


def _spell(target: str, **faults: object) -> Play:
    """Give a fault that is a spell of misbehaviour."""

    def play(stage: Stage, luck: Random) -> Iterator[Blow]:
        stage.crm(seed=luck.randrange(1 << 30), **faults)
        time.sleep(SPELL_S)
        stage.crm()
        yield Blow(target=target, at=time.time(), processes=(DELIVER,), delivered=True)

    return play


def crm_killed(stage: Stage, _luck: Random) -> Iterator[Blow]:
    """The system dies and comes back with what it had acknowledged."""
    at = stage.kill("crm")
    stage.crm()  # comes back when it is back
    yield Blow(target="crm", at=at, processes=(DELIVER,), delivered=True)


def ambiguous(stage: Stage, _luck: Random) -> Iterator[Blow]:
    """Several records have the external reference (300): a dead letter, which the operator brings back."""
    stage.crm(down="503")
    known = stage.undelivered()
    stage.until(lambda: len(stage.undelivered() - known) >= FEW, "cases for a system that is away")
    refs = sorted(stage.undelivered() - known)[:FEW]
    stage.crm(ambiguous=refs)
    stage.until(lambda: stage.dead_letters("deliver", "crm_ambiguous") >= len(refs), "the dead letters")
    stage.crm()
    stage.replay("deliver", "--reason", "crm_ambiguous")
    yield Blow(target="crm", at=time.time(), processes=(DELIVER,), delivered=True)


def schema_change(stage: Stage, _luck: Random) -> Iterator[Blow]:
    """The system takes no case any more (422) until it is mended; `deliver` pauses, or leaves dead letters."""
    before = stage.dead_letters("deliver", "crm_schema")
    stage.crm(schema_change=True)
    stage.until(lambda: stage.dead_letters("deliver", "crm_schema") > before or stage.paused(DELIVER), "a refusal")
    time.sleep(SPELL_S / 2)
    stage.crm()
    stage.resume(DELIVER)
    stage.replay("deliver", "--reason", "crm_schema")
    yield Blow(target="crm", at=time.time(), processes=(DELIVER,), delivered=True, told=(DELIVER,))


def poison_burst(stage: Stage, _luck: Random) -> Iterator[Blow]:
    """Nothing but poison: who reads nothing else pauses and alarms, and goes on when it is told to.

    `index` reads all topics: it pauses, or has refused all of it among more that was good.
    """
    before = stage.dead_letters(Name.INDEX)
    with stage.lock:
        stage.poisoner.burst(RequestClassified.topic, BURST)
    try:
        stage.until(lambda: stage.paused(ROUTE), f"a pause of {ROUTE} over {BURST} records of poison")
        stage.until(
            lambda: stage.paused(INDEX) or stage.dead_letters(Name.INDEX) - before >= BURST,
            f"a pause of {INDEX} over {BURST} records of poison, or their dead letters",
        )
    finally:
        at = time.time()
        for name in (ROUTE, INDEX):
            stage.resume(name)
    yield Blow(target=f"{ROUTE} {INDEX}", at=at, processes=(ROUTE, INDEX), told=(ROUTE, INDEX))


KINDS = (
    Kind(
        name="CRM 500", what="every second call fails, nothing done", group="system", play=_spell("500", error_rate=0.5)
    ),
    Kind(
        name="CRM 429",
        what="every second call is refused with Retry-After: 1",
        group="system",
        play=_spell("429", limit_rate=0.5, retry_after_s=1.0),
    ),
    Kind(name="CRM slow", what="every call takes 1.5 s", group="system", play=_spell("slow", slow_ms=1500)),
    Kind(
        name="CRM answer lost",
        what="every second call is obeyed and not answered",
        group="system",
        play=_spell("lost", lose_answer_rate=0.5),
    ),
    Kind(
        name="CRM 500 after the fact",
        what="every second call is obeyed and answered with 500",
        group="system",
        play=_spell("after", error_after_rate=0.5),
    ),
    Kind(name="CRM killed", what="SIGKILL of the department's system", group="system", play=crm_killed),
    Kind(
        name="CRM 300",
        what="three cases: several records have the reference; dead letters, replayed by the operator",
        group="system",
        play=ambiguous,
    ),
    Kind(
        name="CRM schema change",
        what="no case is taken (422) until it is mended; dead letters, replayed by the operator",
        group="system",
        play=schema_change,
    ),
    Kind(
        name="poison burst",
        what=f"{BURST} records of nothing but poison: `route` pauses, `index` too where little else comes; an operator "
        "tells them to go on",
        group="data",
        play=poison_burst,
    ),
)
