"""Where a report's time and processor time go, stage by stage: a picture of what `benchmarks.pipeline` measured.

    python -m benchmarks.pipeline.picture docs/where-the-time-goes.json docs/where-the-time-goes.svg

draws a result that was kept; `python -m benchmarks.pipeline --picture` draws a new one. Figures are the medians of the
runs of a part. A part that was left out leaves its column empty.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import typer

from benchmarks.pipeline.stages import STAGES

WIDTH, ROW, TOP, NAME = 1100, 30, 124, 150
WAY = STAGES[1:]
BESIDE = ("index", "watch", "review")
"""Workers that nobody's report waits for."""
REST = ("broker", "crm", "benchmark")
SHOWN = {"crm": "sandbox CRM", "benchmark": "sender", "review": "review, idle"}
LABEL = "How long a report takes to reach each stage, and what each process spends on it"
STYLE = """
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
  .head { font-weight: 600; }
  .note { font-size: 12px; fill: #57606a; }
  .name { text-anchor: end; }
  .paper { fill: #ffffff; }
  .rule { stroke: #d0d7de; }
  .way { fill: #0969da; }
  .beside { fill: #8c959f; }
  .rest { fill: #bf8700; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note { fill: #9ea7b3; } .paper { fill: #0d1117; } .rule { stroke: #30363d; }
    .way { fill: #58a6ff; } .beside { fill: #6e7681; } .rest { fill: #d29922; }
  }
"""


class Bar(NamedTuple):
    """From where to where, in the column's unit, and what is written behind it."""

    begin: float
    end: float
    text: str


class Column(NamedTuple):
    """One figure of each row."""

    left: int
    wide: int
    head: str
    note: str
    bars: Mapping[str, Bar]


def drawn(result: Mapping[str, Any]) -> str:
    """Give the picture of a result of `benchmarks.pipeline`, as SVG."""
    rows = [*WAY, *BESIDE, *REST]
    tall = TOP + ROW * len(rows) + 62
    columns = _columns(result)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {tall}" role="img" aria-label="{LABEL}">',
        "<!-- Generated from what was measured by: python -m benchmarks.pipeline.picture -->",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{tall}" rx="8"/>',
        f'<text class="head" x="20" y="32">{LABEL}</text>',
        *_legend(),
    ]
    for column in columns:
        parts.append(f'<text class="head" x="{column.left}" y="{TOP - 32}">{escape(column.head)}</text>')
        parts.append(f'<text class="note" x="{column.left}" y="{TOP - 14}">{escape(column.note)}</text>')
    for number, name in enumerate(rows):
        line = TOP + ROW * number
        if name in {BESIDE[0], REST[0]}:
            parts.append(f'<path class="rule" d="M20 {line}H{WIDTH - 20}"/>')
        parts.append(f'<text class="name" x="{NAME}" y="{line + 20}">{escape(SHOWN.get(name, name))}</text>')
        kind = "way" if name in WAY else "beside" if name in BESIDE else "rest"
        parts += [_bar(column, column.bars[name], line, kind) for column in columns if name in column.bars]
    parts += [
        f'<text class="note" x="20" y="{tall - 36 + 18 * number}">{escape(text)}</text>'
        for number, text in enumerate(_foot(result))
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _columns(result: Mapping[str, Any]) -> list[Column]:
    rate = f"{result['settings']['rate']:,.0f}"
    steady, full = _runs(result, "steady"), _runs(result, "saturation")
    spent, saturated = _spent(steady), _spent(full)
    return [
        Column(
            170,
            330,
            f"Time, at {rate} reports a second",
            f"ms after the door took it, medians; p50 {_spread(result, 'steady', 'p50_ms')}, "
            f"p99 {_spread(result, 'steady', 'p99_ms')}",
            _way(steady),
        ),
        Column(560, 200, f"Processor, at {rate} a second", _sum(spent), spent),
        Column(830, 200, "Processor, saturated", f"{_sum(saturated)}; {_rate(result)}", saturated),
    ]


def _way(runs: Sequence[Mapping[str, Any]]) -> dict[str, Bar]:
    """Give the medians of the hops, one after the other."""
    bars: dict[str, Bar] = {}
    come = 0.0
    for stage in WAY:
        took = [run["stages"][stage]["p50_ms"] for run in runs if run["stages"][stage]["p50_ms"] is not None]
        if took:
            bars[stage] = Bar(come, come + median(took), f"{median(took):,.0f}")
            come += median(took)
    return bars


def _spent(runs: Sequence[Mapping[str, Any]]) -> dict[str, Bar]:
    names = {name for run in runs for name in run["cpu_ms_per_report"]}
    middle = {name: median(run["cpu_ms_per_report"][name] for run in runs) for name in names}
    return {name: Bar(0.0, spent, f"{spent:.2f}") for name, spent in middle.items()}


def _bar(column: Column, bar: Bar, line: int, kind: str) -> str:
    longest = max(each.end for each in column.bars.values()) or 1.0
    left = column.left + column.wide * bar.begin / longest
    wide = max(1.0, column.wide * (bar.end - bar.begin) / longest)
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{line + 7}" width="{wide:.1f}" height="16" rx="2"/>'
        f'<text class="note" x="{left + wide + 6:.1f}" y="{line + 19}">{bar.text}</text>'
    )


def _legend() -> list[str]:
    kinds = (("way", "on a report's way"), ("beside", "beside it: nobody waits"), ("rest", "what all share"))
    return [
        f'<rect class="{kind}" x="{20 + 190 * number}" y="48" width="12" height="12" rx="2"/>'
        f'<text class="note" x="{38 + 190 * number}" y="58">{text}</text>'
        for number, (kind, text) in enumerate(kinds)
    ]


def _foot(result: Mapping[str, Any]) -> tuple[str, str]:
    machine, versions = result["machine"], result["versions"]
    where = (
        f"{result['at'][:10]}, commit {versions['commit']}: broker, workers, CRM and sender on {machine['cpus']} "
        f"processors ({machine['cpu_model']}), {machine['memory_gib']} GiB, which others used too: {_others(result)}."
    )
    what = (
        f"Kafka {versions['kafka']}, Python {versions['python']}, librdkafka {versions['librdkafka']}. "
        f"Medians of {result['settings']['repeats']} runs of each part, a fresh broker each."
    )
    return where, what


def _runs(result: Mapping[str, Any], part: str) -> Sequence[Mapping[str, Any]]:
    runs: Sequence[Mapping[str, Any]] = result.get(part, {}).get("runs", ())
    return runs


def _others(result: Mapping[str, Any]) -> str:
    used = [run["cpus_used_by_others"] for part in ("steady", "saturation") for run in _runs(result, part)]
    return f"{min(used, default=0.0):.1f} to {max(used, default=0.0):.1f} processors"


def _spread(result: Mapping[str, Any], part: str, figure: str) -> str:
    return f"{result[part][figure]['median']:,.0f} ms" if part in result else "not measured"


def _rate(result: Mapping[str, Any]) -> str:
    return f"{result['saturation']['reports_per_s']['median']:,.0f}/s" if "saturation" in result else "not measured"


def _sum(bars: Mapping[str, Bar]) -> str:
    return f"ms a report: {sum(bar.end for bar in bars.values()):.2f} in all"


def main(
    kept: Annotated[Path, typer.Argument(help="A result: the JSON that the benchmark printed.")],
    into: Annotated[Path, typer.Argument(help="Where the picture goes.")],
) -> None:
    """Draw a result that was kept."""
    into.write_text(drawn(json.loads(kept.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    typer.run(main)
