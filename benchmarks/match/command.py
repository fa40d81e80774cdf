"""python -m benchmarks.match: see `match`, which is also what --help says."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from benchmarks.machine import machine, now, versions
from benchmarks.match import rebuild
from benchmarks.match.rate import Asked
from benchmarks.match.server import MissingError, places, programs
from benchmarks.match.town import Files
from benchmarks.peers.side import say

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Part(StrEnum):
    """What is measured."""

    rate = "rate"
    postgres = "postgres"
    rebuild = "rebuild"


def match(
    *,
    part: Annotated[list[Part] | None, typer.Option(help="What is measured; repeatable; all if not given.")] = None,
    opened: Annotated[int, typer.Option("--open", help="Open reports.", min=100)] = 1_000_000,
    batch: Annotated[int, typer.Option(help="Fresh reports in a batch, and queries in a round.", min=10)] = 2000,
    rounds: Annotated[int, typer.Option(help="Batches, and rounds of the race.", min=1)] = 5,
    singles: Annotated[int, typer.Option(help="Fresh reports that are looked up one by one.", min=10)] = 5000,
    seed: Annotated[int, typer.Option(help="Of the reports, and of the order in a round.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="Where the reports are kept for the next run; not set: nowhere.")
    ] = None,
    city: Annotated[Path, typer.Option(help="Whose categories, phrases and reaches.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="What classifies and what a link weighs.")] = Path("models"),
) -> None:
    """Measure how an incident is found among many open reports, and what they take; the last line is JSON.

    On a synthetic town of about 500 km2, its open reports all in the windows of the city's families; one part after the
    other, each in a process of its own.

    rate: `match` alone on one core, filled by `fold`: fresh reports by the batch (handled and folded), one look-up, the
    peak of memory, and which structure holds how much of it.

    postgres: the same question to PostgreSQL with PostGIS and pg_trgm, in turns on the same open reports, and how often
    both name the same report. asked is the look-up alone, taken is the look-up and the taking in, which the next report
    needs. PostgreSQL holds the reports in three shapes, all without a log and a wait for the disk, to its advantage:

    - plain: what a good engineer writes after both manuals: one table, an index for each thing asked for, a statement
    for each report. This is what the target of ten times is held against.

    - composite: the same table and statement after a day with EXPLAIN: one index for family, place and time together.

    - tuned: what one who knows PostGIS well makes of it for this race alone: a part for each family, metres on a plane,
    one statement for a batch, the index and the way of asking that are fastest. All are published.

    rebuild: from a Kafka topic of these reports to a whole state, by the runtime's own replay.

    The last line on standard output is the result as JSON; all else goes to standard error. A million open reports take
    a quarter of an hour, 5 GB of disk and 4 GB of memory: --open 100000 shows the way in two minutes.
    """
    parts = part or list(Part)
    if Part.postgres in parts:
        try:
            programs(places())
        except MissingError as error:
            raise typer.BadParameter(str(error)) from None
    result: dict[str, Any] = {
        "benchmark": "match",
        "at": now(),
        "synthetic": True,
        "machine": machine(),
        "versions": {name: version(name) for name in ("stormdrain", "numpy")},
        "settings": {"open": opened, "batch": batch, "rounds": rounds, "singles": singles, "seed": seed},
    }
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stormdrain-bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        fresh = batch * (rounds + 1) + singles  # the race warms all with a batch before its rounds
        files = Files(
            folder=str(folder.absolute()),
            city=str(city.absolute()),
            models=str(models.absolute()),
            open=opened,
            fresh=fresh,
            seed=seed,
        )
        say(f"making {opened:,} open reports and {fresh:,} fresh ones")
        files.write()
        asked = Asked(files=files, batch=batch, rounds=rounds, singles=singles)
        for each in dict.fromkeys(parts):
            say(f"{each}: load {machine()['load_1m']}")
            before = machine()["load_1m"]
            found = _rebuilt(files) if each is Part.rebuild else _ran(each, asked)
            result[each] = found | {"load_1m": [before, machine()["load_1m"]]}
    _table(result)
    print(json.dumps(result), flush=True)


def _rebuilt(files: Files) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="stormdrain-bench-") as folder, rebuild.broker(Path(folder)) as broker:
        took = rebuild.fill(broker.bootstrap, files)
        say(f"the topic was filled in {took:.1f} s")
        found = _ran(Part.rebuild, rebuild.Asked(files=files, bootstrap=broker.bootstrap))
        return found | {"filled_s": round(took, 1), "kafka": versions(broker.version)["kafka"]}


def _ran(part: Part, asked: msgspec.Struct) -> dict[str, Any]:
    """Run a part in a process of its own and give what it found."""
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.match.{part}", msgspec.json.encode(asked).decode()],
        stdout=subprocess.PIPE,
        env=os.environ | dict.fromkeys(ONE_THREAD, "1"),
        check=False,
    )
    if ran.returncode:
        say(f"{part} ended with {ran.returncode}; what it said stands above")
        raise typer.Exit(1)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _table(result: dict[str, Any]) -> None:
    """Tell the figures that are asked for most, in a line each."""
    rows: list[tuple[str, str]] = []
    if found := result.get(Part.rate):
        one = found["one_ms"]
        rows += [
            ("matched and folded, batches", f"{found['matches_per_s']['median']:,.0f} /s"),
            ("one look-up, p50 and p99", f"{one['wall']['p50']} ms, {one['wall']['p99']} ms"),
            ("the same by the processor's clock", f"{one['cpu']['p50']} ms, {one['cpu']['p99']} ms"),
            ("folded", f"{found['fold_per_s']:,} /s"),
            ("most memory", f"{found['peak_mib']:,.0f} MiB, {found['bytes_per_open_report']:,} bytes an open report"),
        ]
    if found := result.get(Part.postgres):
        for what, sides in found["per_s"].items():
            for name, rate in sides.items():
                rows.append((f"{what}, {name}", "{median:,.0f} /s ({min:,.0f} to {max:,.0f})".format(**rate)))
        for shape, ratios in found["ratio"].items():
            for what, ratio in ratios.items():
                rows.append((f"match to PostgreSQL, {shape}, {what}", "{median} ({min} to {max})".format(**ratio)))
        rows.append(("the same text is found likest", f"{found['agreement']['likest_text']:.1%}"))
    if found := result.get(Part.rebuild):
        rows.append(("whole again", f"{found['seconds']} s, {found['peak_mib']:,.0f} MiB"))
    for name, value in rows:
        say(f"{name:38} {value}")
