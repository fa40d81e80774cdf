"""`stormdrain docs`: the pages that are generated from what they describe: metrics, settings, topics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.settings import SHARED, every, kinds, table
from services.runtime import topics
from services.runtime.loopsettings import LoopSettings, loop_settings
from services.runtime.metrics import LABELS, MOST_CHILDREN, OTHER, Metrics

QUESTIONS: tuple[tuple[str, str], ...] = (
    ("Is anything left behind? Records that wait, by worker.", "sum by (worker) (stormdrain_consumer_lag_records)"),
    (
        "Does a worker stand still while records wait?",
        (
            "time() - stormdrain_last_progress_timestamp_seconds > 60 and on (worker, instance) "
            "sum by (worker, instance) (stormdrain_consumer_lag_records) > 0"
        ),
    ),
    (
        "How old is a report when a stage is done with it? 99 of 100 are younger.",
        "histogram_quantile(0.99, sum by (worker, le) (rate(stormdrain_event_age_seconds_bucket[5m])))",
    ),
    (
        "Are records refused? Dead letters a second, by reason.",
        "sum by (worker, reason) (rate(stormdrain_records_rejected_total[5m])) > 0",
    ),
    (
        "Does a worker wait for a person, since it refuses too much, or for a system that is away?",
        "stormdrain_paused == 1",
    ),
    ("Are transactions aborted?", 'sum by (worker) (rate(stormdrain_transactions_total{result="aborted"}[5m])) > 0'),
    (
        "Do workers trade partitions without end?",
        'sum by (worker) (increase(stormdrain_rebalances_total{event="lost"}[15m])) > 0',
    ),
    (
        "Does a department's system take its cases? Calls a second, by result.",
        "sum by (system, result) (rate(stormdrain_deliveries_total[5m]))",
    ),
    (
        "Does the model grow unsure? Share of reports below a confidence of 0.5.",
        (
            'sum(rate(stormdrain_prediction_confidence_ratio_bucket{le="0.5"}[1h])) '
            "/ sum(rate(stormdrain_prediction_confidence_ratio_count[1h]))"
        ),
    ),
)
"""What an operator asks, and the PromQL that answers."""


def pages() -> dict[str, str]:
    """Give the text of each generated page of docs/, by name."""
    return {"metrics.md": _metrics(), "settings.md": _settings(), "topics.md": _topics()}


def docs(
    directory: Annotated[Path, typer.Option("--directory", help="Where the pages lie.")] = Path("docs"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 where a page is out of date.")] = False,
) -> None:
    """Write the generated pages of docs/ that are out of date."""
    directory.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, text in pages().items():
        path = directory / name
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(str(path))
            if not check:
                path.write_text(text, "utf-8")
    verb = "out of date, to do: stormdrain docs" if check else "written"
    typer.echo(f"{', '.join(stale)}: {verb}" if stale else f"the generated pages of {directory} are up to date")
    if stale and check:
        raise typer.Exit(1)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _head(title: str, source: str, text: str) -> list[str]:
    return [f"# {title}", "", f"Generated from {source} by `stormdrain docs`; a test compares. {text}", ""]


def _metrics() -> str:
    text = (
        "Every worker tells them at `/metrics`, beside `/healthz` (restart me when this fails) and `/readyz` "
        "(wait for me when this fails). They say how much and how fast, never what a citizen wrote."
    )
    lines = _head("Metrics", "`services/runtime/metrics.py`", text)
    lines += [_row("metric", "type", "labels", "meaning"), "| --- | --- | --- | --- |"]
    for each in Metrics("docs").described:
        lines.append(_row(f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.meaning))
    lines += [
        "",
        "`stormdrain_worker_info` has one more label for each version that made decisions, such as `model`.",
        "",
        "## Labels",
        "",
        f"A value of another form, or one beyond {MOST_CHILDREN} of a metric in one process, is counted as `{OTHER}`.",
        "",
        _row("label", "kept few by", "form"),
        "| --- | --- | --- |",
    ]
    lines += [_row(f"`{name}`", label.bounded_by, f"`{label.form}`") for name, label in LABELS.items()]
    lines += ["", "## First questions", ""]
    for question, answer in QUESTIONS:
        lines += [question, "", f"    {answer}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _settings() -> str:
    text = (
        "A worker reads its own variables and the shared ones. It does not start where one is wrong or misspelt, and "
        "says all that is. A variable that is empty counts as not set."
    )
    lines = _head("Settings", "the `settings.py` of each worker", text)
    found = kinds()
    looped = [name for name, of in found.items() if any(issubclass(kind, LoopSettings) for kind in of)]
    for name, of in found.items():
        title = "All workers" if name == SHARED else f"`{name}`"
        lines += [f"## {title}", "", table(every([kind for kind in of if not issubclass(kind, LoopSettings)])), ""]
        if name == SHARED:
            lines += ["## How a worker runs", "", f"Of {', '.join(looped)}, each under its own name: `ROUTE_SLOT`.", ""]
            lines += [table(every([loop_settings("<worker>")])), ""]
    return "\n".join(lines).rstrip() + "\n"


def _topics() -> str:
    text = (
        "`stormdrain topics plan` compares a cluster with it, `apply` creates and changes, `check` exits 1 where they "
        "differ. Why each has its size and age is said in the comments of topics.yaml."
    )
    lines = _head("Topics", "`topics.yaml`", text)
    wanted = topics.load()
    lines += [
        _row("topic", "what", "written by", "read by", "key", "partitions", "kept", "schema"),
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, entry in wanted.entries.items():
        kept = entry.retention if entry.cleanup == "delete" else "compacted: the newest of each key"
        partitions = str(wanted.partitions(name)) + (f", as `{entry.partitions_as}`" if entry.partitions_as else "")
        schema = f"[{Path(entry.schema).name}](../{entry.schema})" if entry.schema else "none: the bytes that came"
        what = entry.what + (" **Personal data.**" if entry.personal_data else "")
        actors = (", ".join(entry.written_by), ", ".join(entry.read_by))
        lines.append(_row(f"`{name}`", what, *actors, entry.key, partitions, kept, schema))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(docs)
