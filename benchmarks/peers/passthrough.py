"""python -m benchmarks.peers passthrough: JSON in, another event out, by us and by everybody else.

Every side runs in every round, in an order drawn by seed, each in a process and an environment of its own, on one
broker. It is watched from outside (`looking`), and what it wrote is read back and must be the input. The last line on
standard output is the result as JSON; all else goes to standard error.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.passthrough.job import KINDS
from benchmarks.passthrough.topics import Topics, drawn
from benchmarks.peers.checking import Passed
from benchmarks.peers.contest import Input, Plan, report
from benchmarks.peers.java import java
from benchmarks.peers.places import apart
from benchmarks.peers.race import Check
from benchmarks.peers.side import Side, chosen, here
from benchmarks.samples import samples
from services.events import Event

SAMPLES = 400
SIDES = (
    Side(name="stormdrain", program="ours", place=here),
    Side(name="bare", program="bare", place=here, tuned=False),
    Side(name="bare_tuned", program="bare", place=here),
    Side(name="aiokafka", program="aiokafka_loop", place=apart("aiokafka")),
    Side(name="quix", program="quix", place=apart("quix")),
    Side(name="kafka_streams", program="Side", place=java("streams")),
    Side(name="arroyo", program="arroyo_chain", place=apart("arroyo"), exactly_once=False),
    Side(name="bytewax", program="bytewax_flow", place=apart("bytewax"), exactly_once=False),
    Side(name="faust", program="faust_app", place=apart("faust"), exactly_once=False, share=0.25),
)


def passthrough(
    *,
    records: Annotated[int, typer.Option(help="Records in the input; slow sides get a share of it.", min=1)] = 150_000,
    rounds: Annotated[int, typer.Option(help="How often each side runs.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of the input and of the order within a round.")] = 1,
    event: Annotated[str, typer.Option(help=f"Which event travels: {', '.join(KINDS)}.")] = "classified",
    batch: Annotated[int, typer.Option(help="Records in a transaction at most, where a side can say.", min=1)] = 2000,
    partitions: Annotated[int, typer.Option(help="Of every topic.", min=1)] = 12,
    warm_up: Annotated[int, typer.Option(help="Rounds that are run first and not counted.", min=0)] = 0,
    side: Annotated[list[str] | None, typer.Option(help="Only this side; repeatable.")] = None,
    installed: Annotated[bool, typer.Option("--installed", help="Run all sides with this Python, as it is.")] = False,
    write: Annotated[Path | None, typer.Option(help="The page whose table is replaced by this run's.")] = None,
    city: Annotated[Path, typer.Option(help="Whose reports they are.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Its models.")] = Path("models"),
) -> None:
    """Race the runtime against other stream processors; the last line of standard output is JSON."""
    if event not in KINDS:
        message = f"{event!r} is not an event of this benchmark: expected one of {', '.join(KINDS)}"
        raise typer.BadParameter(message)
    plan = Plan(
        benchmark="passthrough",
        records=records,
        rounds=rounds,
        seed=seed,
        event=event,
        batch=batch,
        partitions=partitions,
        warm_up=warm_up,
        city=city,
        models=models,
        ours=("stormdrain",),
    )

    def events() -> Sequence[Event]:
        return samples(event, seed=seed, count=min(SAMPLES, records), city=city, models=models)

    def checks(topics: Topics, _task: str, given: Input) -> Check:
        return Passed(topics, KINDS[event], (each for _, each in drawn(given.events, given.records, seed)))

    sides = chosen(SIDES, side or (), installed=installed)
    report(plan, sides, events, checks, write)
