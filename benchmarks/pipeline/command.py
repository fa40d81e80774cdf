"""python -m benchmarks.pipeline: all ten workers and the sandbox CRM on the embedded broker, as in the demo.

Three parts, each on a broker and a town of its own: `saturation`, reports as fast as the door takes them; `steady`, at
a rate for a while; and `to_case`, as fast as the door takes them through the six workers from the door to the
departments' topics alone. The last line on standard output is the result as JSON; all else goes to standard error.

Latency is from acceptance at the door to the answer of the department's system, or to the draft for a person; in
`to_case` to the case or the draft. Ends with status 1 when a report was lost or doubled.

`--picture` draws the result: where a report's time and processor time go, stage by stage.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.machine import machine, now, spread, versions
from benchmarks.pipeline.course import Load, running
from benchmarks.pipeline.picture import drawn


def pipeline(
    *,
    reports: Annotated[int, typer.Option(help="How many, as fast as they are taken; 0 leaves the part out.")] = 20_000,
    rate: Annotated[float, typer.Option(help="Reports a second of the steady part.", min=1)] = 200.0,
    seconds: Annotated[float, typer.Option(help="How long the steady part is sent; 0 leaves it out.")] = 60.0,
    to_case: Annotated[
        int, typer.Option(help="How many go as far as the departments' topics alone; 0 leaves the part out.")
    ] = 20_000,
    repeats: Annotated[int, typer.Option(help="How often each part is run.", min=1)] = 1,
    callers: Annotated[int, typer.Option(help="Calls that the gateway makes at once.", min=1)] = 8,
    batch: Annotated[int, typer.Option(help="Reports in a call at most.", min=1)] = 100,
    warm_up: Annotated[int, typer.Option(help="Reports that go first and do not count.", min=0)] = 500,
    seed: Annotated[int, typer.Option(help="Of the storm; each repeat takes the next one.")] = 1,
    setting: Annotated[list[str] | None, typer.Option(help="NAME=value of a worker's environment; repeatable.")] = None,
    city: Annotated[Path, typer.Option(help="The town.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Its models.")] = Path("models"),
    picture: Annotated[Path | None, typer.Option(help="Where to draw the result, as SVG.")] = None,
) -> None:
    """Measure the whole pipeline; the last line of standard output is JSON."""
    changed = dict(each.split("=", 1) for each in setting or [])
    steady = round(rate * seconds)
    parts = {"saturation": (reports, 0.0), "steady": (steady, rate), "to_case": (to_case, 0.0)}
    host, kafka = machine(), ""
    runs: dict[str, list[dict[str, Any]]] = {part: [] for part, (count, _) in parts.items() if count}
    for number in range(repeats):
        for part, found in runs.items():
            count, per_second = parts[part]
            who = "six workers" if part == "to_case" else "the CRM and ten workers"
            _say(f"{part} {number + 1}: {count:,} reports; starting Apache Kafka, {who}")
            with running(city, models, changed, to_case=part == "to_case") as course:
                load = Load(
                    reports=count,
                    per_second=per_second,
                    callers=callers,
                    batch=batch,
                    warm_up=warm_up,
                    seed=seed + number,
                )
                run = course.run(load, _say)
            found.append(run)
            kafka = course.kafka
            _say(f"{run['reports_per_s']:,.0f} reports/s, p50 {run['p50_ms']:,.0f} ms, p99 {run['p99_ms']:,.0f} ms")
    every = [run for found in runs.values() for run in found]
    result = {
        "benchmark": "pipeline",
        "at": now(),
        "versions": versions(kafka),
        "machine": host | {"load_1m_after": machine()["load_1m"]},
        "settings": {
            "reports": reports,
            "rate": rate,
            "seconds": seconds,
            "to_case": to_case,
            "repeats": repeats,
            "callers": callers,
            "batch": batch,
            "warm_up": warm_up,
            "seed": seed,
            "changed": changed,
        },
        "lost": sum(run["lost"] for run in every),
        "doubled": sum(run["doubled"] for run in every),
        **{part: _summary(found) for part, found in runs.items()},
    }
    if picture:
        picture.write_text(drawn(result), encoding="utf-8")
    print(json.dumps(result), flush=True)
    raise typer.Exit(1 if result["lost"] or result["doubled"] else 0)


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the spread of what is asked for first, and every run."""
    keys = ("reports_per_s", "p50_ms", "p99_ms")
    return {key: spread([run[key] for run in runs], 1) for key in keys} | {"runs": runs}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
