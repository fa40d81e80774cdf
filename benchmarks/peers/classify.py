"""python -m benchmarks.peers classify: the category of each report's text, by one model, in everybody's hands.

All score by the very same ONNX file, tokenizer and pairs. What each side wrote is read back and compared, record by
record, with what our own scorer says: the same category, its share to a millionth. Peers that give their user a batch
are given the batch scorer of `services.classify`; those that give a record at a time, one that is fast for one text.

* `stormdrain`: the whole worker, which also tells language, entities, intent, sentiment and danger;
* `stormdrain_scoring`: our runtime around scoring alone, which is what the peers do;
* `bare_scoring`: the batch scorer without Kafka or JSON.

The last line on standard output is the result as JSON; all else goes to standard error.
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.passthrough.topics import Topics, drawn
from benchmarks.peers.checking import Passed, Scored
from benchmarks.peers.contest import Input, Plan, report
from benchmarks.peers.java import java
from benchmarks.peers.places import apart
from benchmarks.peers.race import Check
from benchmarks.peers.side import Side, chosen, here
from benchmarks.samples import classified, samples, saying
from services.events import Event, RequestClassified

TEXTS = 5000
SIDES = (
    Side(name="stormdrain", program="ours", place=here, task="classify"),
    Side(name="stormdrain_scoring", program="ours", place=here, task="score"),
    Side(name="bare_scoring", program="bare_scoring", place=here, task="score", alone=True),
    Side(name="aiokafka", program="aiokafka_loop", place=apart("aiokafka"), task="score"),
    Side(name="quix", program="quix", place=apart("quix"), task="score", share=0.5),
    Side(name="kafka_streams", program="Side", place=java("scoring"), task="score", share=0.5),
    Side(name="arroyo", program="arroyo_chain", place=apart("arroyo"), task="score", exactly_once=False),
    Side(name="bytewax", program="bytewax_flow", place=apart("bytewax"), task="score", exactly_once=False),
    Side(name="faust", program="faust_app", place=apart("faust"), task="score", exactly_once=False, share=0.5),
)


def classify(
    *,
    records: Annotated[int, typer.Option(help="Records in the input; slow sides get a share of it.", min=1)] = 80_000,
    rounds: Annotated[int, typer.Option(help="How often each side runs.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of the texts and of the order within a round.")] = 1,
    batch: Annotated[int, typer.Option(help="Records in a transaction at most, where a side can say.", min=1)] = 2000,
    partitions: Annotated[int, typer.Option(help="Of every topic.", min=1)] = 12,
    warm_up: Annotated[int, typer.Option(help="Rounds that are run first and not counted.", min=0)] = 0,
    side: Annotated[list[str] | None, typer.Option(help="Only this side; repeatable.")] = None,
    installed: Annotated[bool, typer.Option("--installed", help="Run all sides with this Python, as it is.")] = False,
    write: Annotated[Path | None, typer.Option(help="The page whose table is replaced by this run's.")] = None,
    texts: Annotated[
        Path | None,
        typer.Option(help="A CSV file (.gz or not) whose column `text` is taken in place of a storm's texts."),
    ] = None,
    city: Annotated[Path, typer.Option(help="Whose reports they are.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Where the shipped model is.")] = Path("models"),
) -> None:
    """Race our classify worker against other stream processors with the same model."""
    plan = Plan(
        benchmark="classify",
        records=records,
        rounds=rounds,
        seed=seed,
        event="received",
        batch=batch,
        partitions=partitions,
        warm_up=warm_up,
        city=city,
        models=models,
        ours=("stormdrain_scoring", "stormdrain"),
        texts=texts.name if texts else "a synthetic storm's",
    )

    def events() -> Sequence[Event]:
        found = samples("received", seed=seed, count=min(TEXTS, records), city=city, models=models)
        if texts is not None:
            found = [saying(event, text) for event, text in zip(found, _read(texts), strict=False)]
        return [event for event, answer in zip(found, classified(found, city, models), strict=True) if answer]

    def checks(topics: Topics, task: str, given: Input) -> Check:
        if task == "classify":
            answers = [answer for answer in classified(given.events, city, models) if answer]
            return Passed(topics, RequestClassified, (each for _, each in drawn(answers, given.records, seed)))
        from benchmarks.peers.scoring import answers as scored  # noqa: PLC0415 - loads a model

        return Scored(topics, dict(drawn(scored(given.events, models), given.records, seed)))

    report(plan, chosen(SIDES, side or (), installed=installed), events, checks, write)


def _read(path: Path) -> Iterator[str]:
    read = gzip.open if path.suffix == ".gz" else open
    with read(path, "rt", encoding="utf-8", newline="") as lines:
        yield from (row["text"] for row in csv.DictReader(lines) if row["text"].strip())
