"""docs/reliability.md: the part between the marks is what `stormdrain chaos --write` measured."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING, Any

from services.cli.chaos.plan import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BEGIN, END = "<!-- written by `stormdrain chaos --write`: -->", "<!-- end of what was written -->"


class PageError(Exception):
    """The page has no place for what was measured."""


def check(path: Path) -> tuple[str, str]:
    """Give what stands on a page before and after its place for what is measured.

    Raises:
        PageError: there is no such place.
        OSError: there is no such page.

    """
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        message = f"{path} has no place for what was measured: expected the lines {BEGIN} and {END}"
        raise PageError(message)
    return before, after


def write(path: Path, result: dict[str, Any]) -> None:
    """Put what was measured in its place on a page; raises as `check` does."""
    before, after = check(path)
    path.write_text(f"{before}{BEGIN}\n\n{rendered(result)}\n{END}{after}", "utf-8")


def rendered(result: dict[str, Any]) -> str:
    """Give the tables in Markdown."""
    return "\n".join(
        [*_run(result), "", *_checks(result), "", *_faults(result), "", *_memory(result), "", *_reactions(result), ""]
    )


def _run(result: dict[str, Any]) -> Iterator[str]:
    settings, versions = result["settings"], result["versions"]
    command = " ".join(["stormdrain chaos", *result["options"]])
    blows, poison = len(result["faults"]), result["poison"]
    yield (
        f"Measured on {result['at'][:10]} by `{command}`: {result['sent']:,} {result['what']} in "
        f"{result['seconds'] / 60:.0f} minutes, {blows} faults and {poison:,} poison messages, "
        f"seed {settings['seed']}. "
        f"Kafka {versions['kafka']}, {settings['nodes']} nodes; {result['machine']['cpus']} processors for all of it."
    )


def _checks(result: dict[str, Any]) -> Iterator[str]:
    yield from _table(
        ("asserted", "found", "expected"),
        ((each["what"], each["found"], each["expected"]) for each in result["checks"]),
    )


def _faults(result: dict[str, Any]) -> Iterator[str]:
    def row(name: str, what: str) -> tuple[object, ...]:
        took = [each["recovered_s"] for each in result["faults"] if each["kind"] == name]
        if not took:
            return (name, what, 0, "", "")
        known = [each for each in took if each is not None]
        late = len(took) - len(known)
        p50 = f"{median(known):.1f}" if known else ""
        most = "not in time" if late else f"{max(known):.1f}"
        return (name, what, len(took), p50, most)

    rows = [row(kind.name, kind.what) for kind in KINDS]
    rows.append(row("CRM down", "the departments' system is away for the middle third, while the faults above go on"))
    yield from _table(("fault", "what happens", "times", "recovery p50, s", "max, s"), rows)


def _memory(result: dict[str, Any]) -> Iterator[str]:
    rows = (
        (name, f"{each['peak'] / 2**20:.0f}", "" if each["per_report"] is None else f"{each['per_report']:.0f}")
        for name, each in sorted(result["memory"].items())
    )
    yield from _table(("process", "peak, MiB", "bytes that stay for each report"), rows)


def _reactions(result: dict[str, Any]) -> Iterator[str]:
    if not result["reactions"]:
        return
    yield "Errors that a real broker does not give on demand, by librdkafka's own mock brokers, and what the loop did:"
    yield ""
    yield from _table(("error", "the loop"), ((each["case"], each["did"]) for each in result["reactions"]))


def _table(heads: Sequence[str], rows: Any) -> Iterator[str]:  # noqa: ANN401 - rows of cells
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join("---" for _ in heads) + " |"
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"


def line(result: dict[str, Any]) -> str:
    """Give the result for machines, in one line."""
    return f"CHAOS {json.dumps(result)}"
