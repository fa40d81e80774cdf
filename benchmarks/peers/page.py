"""The tables of a race in a page: between two marks, written from a run's own result and never by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def replace_table(page: Path, result: Mapping[str, Any]) -> None:
    """Put the table of `result` between the marks of its race; errors as with `put`."""
    put(page, result["benchmark"], table(result))


def put(page: Path, name: str, markdown: str) -> None:
    """Put text between the marks of a race.

    Raises:
        ValueError: the page has no such marks.

    """
    begin, end = f"<!-- race: {name} -->", f"<!-- end of race: {name} -->"
    text = page.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        message = f"{page} has no place for the table of {name}: expected a line `{begin}` and, below, `{end}`"
        raise ValueError(message)
    page.write_text(f"{before}{begin}\n\n{markdown}\n{end}{after}", encoding="utf-8")


def table(result: Mapping[str, Any]) -> str:
    """Give the race as Markdown: where and how it was measured, the figures, and what each side was tuned by."""
    parts = [_where(result), _figures(result["sides"], result["ratios"])]
    if result["left_out"]:
        parts.append("\n".join(f"- {name} was left out: {why}" for name, why in result["left_out"].items()))
    parts += ["What each side was tuned by, as it said itself:", _tuning(result["sides"])]
    return "\n\n".join(parts) + "\n"


def _where(result: Mapping[str, Any]) -> str:
    machine, versions, settings = result["machine"], result["versions"], result["settings"]
    return (
        f"{result['at'][:10]}, commit {versions['commit']}: {settings['rounds']} rounds,"
        f" {settings['records']:,} records (`{settings['event']}`, {settings['texts']} texts)"
        f" on {settings['partitions']} partitions,"
        f" seed {settings['seed']}; Kafka {versions['kafka']}, Python {versions['python']};"
        f" {machine['cpus']} processors ({machine['cpu_model']}), {machine['memory_gib']} GiB,"
        f" load {machine['load_1m']} before and {machine['load_1m_after']} after."
        " Medians, with the quartiles in brackets; a ratio is the median of the rounds' own ratios."
    )


def _figures(sides: Mapping[str, Any], ratios: Mapping[str, Any]) -> str:
    heads = (
        "side",
        "guarantee",
        "at a time",
        "records/s",
        *(f"rate of `{ours}` to its" for ours in ratios),
        "µs of processor a record",
        "of the broker's",
        "peak MiB",
    )
    rows = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for name in sorted(sides, key=lambda each: -sides[each]["records_per_s"]["median"]):
        side = sides[name]
        told = "".join(f" {_spread(found[name], 2) if name in found else ''} |" for found in ratios.values())
        rows.append(
            f"| {name} | {side['guarantee']} | {side['at_a_time']} | {_spread(side['records_per_s'])} |{told}"
            f" {_spread(side['cpu_us_per_record'], 1)} | {_spread(side['broker_cpu_us_per_record'], 1)} |"
            f" {side['peak_mib']['median']:,.0f} |"
        )
    return "\n".join(rows)


def _tuning(sides: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {_said(side)}" for name, side in sides.items())


def _said(side: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in side["versions"].items())
    settings = ", ".join(f"`{name}={value}`" for name, value in side["settings"].items())
    note = f" It does otherwise: {side['note']}." if side["note"] else ""
    return f"{versions}; {settings}.{note}"


def _spread(found: Mapping[str, float], digits: int = 0) -> str:
    middle, low, high = (f"{found[name]:,.{digits}f}" for name in ("median", "q1", "q3"))
    return f"{middle} ({low} to {high})"
