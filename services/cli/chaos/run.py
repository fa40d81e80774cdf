"""One run: bring a town up, break it for as long as reports are sent, let it settle, and judge."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import confluent_kafka
import msgspec
import psutil

from services.city.load import load
from services.cli.chaos import outcome
from services.cli.chaos.conductor import READ_AGAIN, WITHIN_S, Conductor
from services.cli.chaos.memory import Memory
from services.cli.chaos.plan import draw
from services.cli.chaos.reports import Past, storms
from services.cli.chaos.sending import Sending
from services.cli.chaos.stage import BROKER, SETTINGS, Attendant, raised
from services.match.settings import MatchSettings
from services.sandbox.injected import run_all
from services.sandbox.injected_cases import CASES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.cli.chaos.stage import Stage
    from services.sandbox.jars import OnProgress

QUIET_S = 3.0
"""Reports flow for so long before the first fault."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is asked for; `reports` at least, `rate` a second, `poison` for each; whole `within` seconds."""

    reports: int = 20_000
    rate: float = 60.0
    seed: int = 1
    only: tuple[str, ...] = ()
    poison: float = 0.01
    nodes: int = 3
    within: float = WITHIN_S
    city: Path = Path("city")
    models: Path = Path("models")
    file: Path | None = None

    def words(self) -> list[str]:
        """Give what was asked for and is not so by itself, as on the command line; of a file, its name."""
        said = []
        for each in fields(self):
            value = getattr(self, each.name)
            if value == each.default:
                continue
            for one in value if isinstance(value, tuple) else (value,):
                text = one.name if isinstance(one, Path) else f'"{one}"' if isinstance(one, str) else str(one)
                said.append(f"--{each.name} {text}")
        return said


def react(say: OnProgress) -> list[dict[str, str]]:
    """Give what the loop does about each error that only mock brokers give, and say what is otherwise than it must be.

    Raises:
        RuntimeError: the loop lost something, or did what it must not.

    """
    say(f"{len(CASES)} errors by mock brokers")
    logging.disable(logging.CRITICAL)  # of hundreds of errors that are there on purpose
    try:
        reactions = run_all(CASES)
    finally:
        logging.disable(logging.NOTSET)
    if bad := [f"{each.case.name}: {each.did}, lost {each.lost}" for each in reactions if not each.good]:
        raise RuntimeError("; ".join(bad))
    return [{"case": each.case.name, "did": str(each.did)} for each in reactions]


def run(state: Path, options: Options, say: OnProgress) -> dict[str, Any]:
    """Do one run with everything under `state`, and give what was found: see docs/reliability.md.

    Raises:
        ValueError: a fault that is asked for does not exist.
        ExportError: the past cannot be read.
        GatewayError: the door took nothing for five minutes.

    """
    draw(_luck(options.seed), options.only)
    began = time.monotonic()
    memory = Memory()
    told, settings = _told(options)
    with raised(
        state,
        city=options.city,
        models=options.models,
        nodes=options.nodes,
        seed=options.seed,
        settings=settings,
        memory=memory,
        patience=options.within / WITHIN_S,
        say=say,
    ) as stage:
        sending = Sending(stage.town.door, told, per_second=options.rate, at_least=options.reports)
        memory.reports = lambda: sending.number
        stage.sending = sending
        conductor = _played(stage, sending, options, say)
        sent = list(sending.sent.accepted.values())
        drained_s = outcome.settle(stage, options.within)
        say(
            f"{len(sent):,} reports are sent, " + ("and nothing waits" if drained_s is not None else "and some wait on")
        )
        checks = outcome.checks(stage, conductor, sent, drained_s)
        outcome.tell(checks, say)
        growth = memory.growth()
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "options": options.words(),
            "settings": {"seed": options.seed, "nodes": options.nodes, "rate": options.rate, **settings, **BROKER},
            "what": "reports of a past" if options.file else "invented reports",
            "sent": len(sent),
            "repeats": sending.sent.repeats,
            "poison": len(stage.poisoner.ledger),
            "seconds": round(time.monotonic() - began, 1),
            "system_down_s": round(conductor.system_down_s, 1),
            "drained_s": None if drained_s is None else round(drained_s, 1),
            "checks": msgspec.to_builtins(checks),
            "faults": msgspec.to_builtins(conductor.played),
            "memory": {
                name: {"peak": peak, "per_report": round(growth[name].per_report, 1) if name in growth else None}
                for name, peak in memory.peak().items()
            },
            "reactions": [],
            "machine": {"cpus": psutil.cpu_count(), "memory_gib": round(psutil.virtual_memory().total / 2**30, 1)},
            "versions": {
                "kafka": stage.broker.version,
                "librdkafka": confluent_kafka.libversion()[0],
                "stormdrain": version("stormdrain"),
            },
        }


def _told(options: Options) -> tuple[Iterable[dict[str, Any]], dict[str, str]]:
    """Give what is reported, and the settings of the workers."""
    if options.file is None:
        return storms(load(options.city), options.seed), dict(SETTINGS)
    past = Past(options.file, options.reports)
    late = past.late(options.rate, options.within + options.reports / READ_AGAIN)
    hours = max(MatchSettings().lateness_hours, late.total_seconds() / 3600)
    return past, {**SETTINGS, "MATCH_LATENESS_HOURS": f"{hours:.0f}"}


def _played(stage: Stage, sending: Sending, options: Options, say: OnProgress) -> Conductor:
    """Play rounds until enough reports are sent."""
    with Attendant(stage, poison_share=options.poison) as attendant:

        def check() -> None:
            attendant.check()
            sending.check()

        conductor = Conductor(stage, _luck(options.seed), say, check, within_s=options.within)
        sending.start()
        time.sleep(QUIET_S)
        while True:
            before = sending.number
            conductor.play(draw(conductor.luck, options.only))
            say(f"{sending.number:,} reports are sent")
            a_round = sending.number - before
            if options.reports - sending.number < a_round / 2 or options.only:
                break
        stage.mended()
        sending.finish()
        check()
    return conductor


def _luck(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - seeded on purpose
