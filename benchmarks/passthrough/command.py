"""python -m benchmarks.passthrough: what the runtime costs, as records/s beside a bare loop's.

Four sides do the same job on the same input in every round, in an order drawn by seed, each in a process of its own:

* `runtime`: services.runtime.loop.Loop with a handler that only makes another type of event of each event;
* `bare`: a plain confluent-kafka loop with the same settings that reads and writes the same CloudEvents headers;
* `bare_tuned`: the same loop with the garbage collector set as the runtime sets it;
* `bare_without_headers`: the loop of `bare`, blind to headers, which is less than any of our topics may carry.

Every side's output is then read back (read_committed) and must be the input, record for record. The last line on
standard output is the result as JSON; all else goes to standard error.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Annotated, Any

import msgspec
import typer

from benchmarks.machine import machine, now, spread, versions
from benchmarks.passthrough.job import KINDS, SIDES, Done, Job, Side, passing, travelling
from benchmarks.passthrough.topics import Contents, Topics
from benchmarks.samples import samples
from services.sandbox.broker import Broker

SAMPLES = 400
SIDE_LIMIT_S = 120


def passthrough(
    *,
    records: Annotated[int, typer.Option(help="Records in the input.", min=1)] = 100_000,
    rounds: Annotated[int, typer.Option(help="How often each side runs.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of the input and of the order within a round.")] = 1,
    event: Annotated[str, typer.Option(help=f"Which event travels: {', '.join(KINDS)}.")] = "routed",
    batch: Annotated[int, typer.Option(help="Records in a transaction at most.", min=1)] = 2000,
    partitions: Annotated[int, typer.Option(help="Of every topic.", min=1)] = 12,
    warm_up: Annotated[int, typer.Option(help="Rounds that are run first and not counted.", min=0)] = 1,
    city: Annotated[Path, typer.Option(help="Whose reports they are.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Its models.")] = Path("models"),
) -> None:
    """Measure the runtime beside a bare loop; the last line of standard output is JSON."""
    if event not in KINDS:
        message = f"{event!r} is not an event of this benchmark: expected one of {', '.join(KINDS)}"
        raise typer.BadParameter(message)
    settings = {
        "records": records,
        "rounds": rounds,
        "seed": seed,
        "event": event,
        "batch": batch,
        "partitions": partitions,
        "warm_up": warm_up,
    }
    host = machine()
    _say("starting Apache Kafka")
    with (
        tempfile.TemporaryDirectory(prefix="stormdrain-bench-") as state,
        Broker.start(Path(state), ephemeral=True, die_with_parent=True, ports=[0]) as broker,
    ):
        topics = Topics(broker.bootstrap, partitions)
        source = f"bench.{event}.v1"
        topics.create(source)
        _say(f"writing {records:,} events ({event}) to {source}")
        convert = passing(KINDS[event], travelling(KINDS[event], source))
        real = samples(event, seed=seed, count=min(SAMPLES, records), city=city, models=models)
        expected = topics.fill(source, [convert(each) for each in real], records, seed)
        measured = _rounds(topics, settings, expected, Job(**_job(broker.bootstrap, source, settings)))
        kafka = broker.version
    result = {
        "benchmark": "passthrough",
        "at": now(),
        "versions": versions(kafka),
        "machine": host | {"load_1m_after": machine()["load_1m"]},
        "settings": settings | {"bytes_per_record": round(expected.bytes / records)},
        **_figures(measured, records),
    }
    print(json.dumps(result), flush=True)


def _job(bootstrap: str, source: str, settings: dict[str, Any]) -> dict[str, Any]:
    job = {"side": "bare", "bootstrap": bootstrap, "kind": settings["event"], "source": source, "target": ""}
    return job | {"group": "", "records": settings["records"], "batch": settings["batch"]}


def _rounds(topics: Topics, settings: dict[str, Any], expected: Contents, plan: Job) -> dict[Side, list[Done]]:
    luck = Random(settings["seed"])
    measured: dict[Side, list[Done]] = {side: [] for side in SIDES}
    for number in range(-settings["warm_up"], settings["rounds"]):
        order = luck.sample(SIDES, len(SIDES))
        for side in order:
            name = f"{side.replace('_', '-')}-{number + settings['warm_up']}"
            job = msgspec.structs.replace(plan, side=side, group=name, target=f"bench.passed-{name}.v1")
            done = _one(topics, job, expected)
            kept = "" if number >= 0 else ", a warm-up"
            _say(f"round {number + 1}: {side} {settings['records'] / done.seconds:,.0f} records/s{kept}")
            if number >= 0:
                measured[side].append(done)
    return measured


def _one(topics: Topics, job: Job, expected: Contents) -> Done:
    topics.create(job.target)
    words = [sys.executable, "-m", "benchmarks.passthrough.side", msgspec.json.encode(job).decode()]
    ran = subprocess.run(words, stdout=subprocess.PIPE, timeout=SIDE_LIMIT_S, check=True)
    done = msgspec.json.decode(ran.stdout, type=Done)
    found = topics.contents(job.target)
    if found != expected:
        message = f"{job.side} committed {found}, expected {expected}: the figures would mean nothing"
        raise RuntimeError(message)
    topics.delete(job.target)
    time.sleep(0.2)  # the broker's own housekeeping after a deletion is nobody's record
    return done


def _figures(measured: dict[Side, list[Done]], records: int) -> dict[str, Any]:
    rates = {side: [records / done.seconds for done in found] for side, found in measured.items()}
    cpu = {side: [done.cpu_seconds / records * 1e6 for done in found] for side, found in measured.items()}
    figures: dict[str, Any] = {
        "records_per_s": {side: [round(rate) for rate in found] for side, found in rates.items()},
        "records_per_s_spread": {side: spread(found) for side, found in rates.items()},
        "cpu_us_per_record": {side: spread(found, 2) for side, found in cpu.items()},
        "batch_mean": {side: round(records * len(d) / sum(x.batches for x in d)) for side, d in measured.items()},
        "committed": records,
    }
    others: dict[str, Side] = {
        "ratio": "bare",
        "ratio_tuned": "bare_tuned",
        "ratio_without_headers": "bare_without_headers",
    }
    for name, other in others.items():
        ratios = [a / b for a, b in zip(rates["runtime"], rates[other], strict=True)]
        figures[name] = spread(ratios, 3)
        figures[f"{name}_of_cpu"] = spread([b / a for a, b in zip(cpu["runtime"], cpu[other], strict=True)], 3)
    return figures


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
