"""A race from its input to its figures, whatever the task."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer
from msgspec import Struct

from benchmarks.machine import machine, now, spread, versions
from benchmarks.passthrough.job import KINDS, passing, travelling
from benchmarks.passthrough.topics import Topics, drawn
from benchmarks.peers.job import Job
from benchmarks.peers.page import replace_table
from benchmarks.peers.race import Check, Course, race, ready
from benchmarks.peers.running import EVERY_S, UNMEASURED, Ran, SideError
from benchmarks.peers.side import Side, say
from services.events import Event
from services.sandbox.broker import Broker


class Plan(Struct, frozen=True, kw_only=True):
    """What a race was asked to be."""

    benchmark: str
    records: int
    rounds: int
    seed: int
    event: str
    batch: int
    partitions: int
    warm_up: int
    city: Path
    models: Path
    ours: tuple[str, ...]
    """The sides whose rates are told as multiples of the others'."""
    texts: str = "a synthetic storm's"


class Input(Struct, frozen=True, kw_only=True):
    """A source: `records` drawn of `events`."""

    events: Sequence[Event]
    records: int


Checks = Callable[[Topics, str, Input], Check]
"""Gives what looks through the output of a task that was given this input."""


def contest(plan: Plan, sides: Sequence[Side], events: Callable[[], Sequence[Event]], checks: Checks) -> dict[str, Any]:
    """Run a race on a broker of its own and give its result.

    Raises:
        SideError: a side did not do its job.

    """
    host = machine()
    words, left_out = ready(sides, say)
    taking_part = [side for side in sides if side.name in words]
    say("starting Apache Kafka")
    with (
        tempfile.TemporaryDirectory(prefix="stormdrain-peers-") as state,
        Broker.start(Path(state) / "broker", ephemeral=True, die_with_parent=True, ports=[0]) as broker,
    ):
        topics = Topics(broker.bootstrap, plan.partitions)
        drawn_from = events()
        inputs = {
            share: Input(events=drawn_from, records=round(plan.records * share))
            for share in sorted({side.share for side in taking_part})
        }
        sources = {share: _filled(topics, share, given, plan) for share, given in inputs.items()}
        texts = _texts(Path(state) / "texts.json", inputs, plan) if any(side.alone for side in taking_part) else ""
        asked = {(side.task, side.share) for side in taking_part}
        (node,) = broker.nodes
        course = Course(
            job=_job(plan, broker.bootstrap),
            sources=sources,
            checks={(task, share): checks(topics, task, inputs[share]) for task, share in asked},
            texts=texts,
            broker=node.pid or 0,
            folder=Path(state) / "sides",
            rounds=plan.rounds,
            warm_up=plan.warm_up,
            seed=plan.seed,
        )
        measured = race(course, taking_part, words, topics, say)
        kafka = broker.version
    return {
        "benchmark": plan.benchmark,
        "at": now(),
        "versions": versions(kafka),
        "machine": host | {"load_1m_after": machine()["load_1m"]},
        "settings": msgspec.to_builtins(plan, enc_hook=str) | {"look_every_s": EVERY_S, "unmeasured": UNMEASURED},
        "left_out": left_out,
        "sides": {side.name: _figures(side, measured[side.name]) for side in taking_part},
        "ratios": {name: _ratios(name, measured) for name in plan.ours if name in measured},
    }


def report(
    plan: Plan, sides: Sequence[Side], events: Callable[[], Sequence[Event]], checks: Checks, write: Path | None
) -> None:
    """Run a race, print its result as one line of JSON, and put its table into the page; status 1 if a side failed."""
    try:
        result = contest(plan, sides, events, checks)
    except SideError as error:
        say(str(error))
        raise typer.Exit(1) from None
    print(json.dumps(result), flush=True)
    if write is not None:
        replace_table(write, result)


def _job(plan: Plan, bootstrap: str) -> Job:
    return Job(
        task="",
        bootstrap=bootstrap,
        kind=plan.event,
        source="",
        target="",
        group="",
        records=plan.records,
        partitions=plan.partitions,
        batch=plan.batch,
        state="",
        city=str(plan.city.resolve()),
        models=str(plan.models.resolve()),
    )


def _filled(topics: Topics, share: float, given: Input, plan: Plan) -> str:
    source = f"bench.{plan.event}-{round(share * 1000)}.v1"
    topics.create(source)
    say(f"writing {given.records:,} events ({plan.event}) to {source}")
    kind = KINDS[plan.event]
    again = passing(kind, travelling(kind, source))
    topics.fill(source, [again(event) for event in given.events], given.records, plan.seed)
    return source


def _texts(path: Path, inputs: Mapping[float, Input], plan: Plan) -> str:
    given = inputs[max(inputs)]
    drawn_events: Any = drawn(given.events, given.records, plan.seed)
    path.write_bytes(msgspec.json.encode([event.report.text for _, event in drawn_events]))
    return str(path)


def _figures(side: Side, runs: Sequence[Ran]) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(runs[0].told)
    return told | {
        "records": round(runs[0].records / (1 - UNMEASURED)),
        "records_per_s": spread([ran.records / ran.seconds for ran in runs]),
        "cpu_us_per_record": spread([ran.cpu_seconds / ran.records * 1e6 for ran in runs], 2),
        "broker_cpu_us_per_record": spread([ran.broker_cpu_seconds / ran.records * 1e6 for ran in runs], 2),
        "peak_mib": spread([ran.peak_mib for ran in runs], 1),
        "start_s": spread([ran.start_seconds for ran in runs], 2),
        "runs": [round(ran.records / ran.seconds) for ran in runs],
        "task": side.task,
    }


def _ratios(name: str, measured: Mapping[str, Sequence[Ran]]) -> dict[str, dict[str, float]]:
    """Give the rate of one side by each other's, of the runs of one round."""
    rates = {each: [ran.records / ran.seconds for ran in runs] for each, runs in measured.items()}
    ours = rates.pop(name)
    return {each: spread([a / b for a, b in zip(ours, runs, strict=True)], 3) for each, runs in rates.items()}
