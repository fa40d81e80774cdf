"""The race of pipelines as Markdown, from its result."""

from collections.abc import Mapping, Sequence
from typing import Any

HEADS = (
    "side",
    "reports/s, saturated",
    "Stormdrain's rate to its",
    "processor s per million",
    "the broker's",
    "peak MiB",
    "bytes on the broker, a report",
)
TITLES = {
    "synthetic": "A synthetic storm on the shipped town",
    "madrid": "Madrid's own reports, in a city made of them",
}


def tables(result: Mapping[str, Any]) -> str:
    """Give the tables of every world, with where and how they were measured before them."""
    parts = [_where(result), _qualified(result)]
    for name, world in result["worlds"].items():
        parts += [f"**{TITLES[name]}**", _saturated(world), _latencies(world, result["settings"])]
        parts += [_ratios(world), door(world)] if world["door"] else [_ratios(world)]
    parts.append("\n".join(f"- {side}: {found['how']}" for side, found in _sides(result).items()))
    parts += [f"{name} is left out: {why}." for name, why in result["left_out"].items()]
    return "\n\n".join(filter(None, parts)) + "\n"


def _sides(result: Mapping[str, Any]) -> Mapping[str, Any]:
    for world in result["worlds"].values():
        sides: Mapping[str, Any] = world["sides"]
        return sides
    return {}


def _where(result: Mapping[str, Any]) -> str:
    machine, known, settings = result["machine"], result["versions"], result["settings"]
    return (
        f"{result['at'][:10]}, commit {known['commit']}: {settings['rounds']} rounds of {settings['reports']:,} reports"
        f" at once, seed {settings['seed']}; Kafka {known['kafka']}, Python {known['python']};"
        f" {machine['cpus_given']} processors for each side with the broker ({machine['cpu_model']}),"
        f" {machine['memory_gib']} GiB, load {machine['load_1m']} before and {machine['load_1m_after']} after."
        " Medians, with the quartiles in brackets; a ratio is the median of the rounds' own ratios."
    )


def _qualified(result: Mapping[str, Any]) -> str:
    said = [
        f"{peer} passed {', '.join(f'{rate:,.0f} ({deployment})' for deployment, rate in found.items())} reports/s, and"
        f" takes part as `{result['best'][peer]}`"
        for peer, found in result["qualified"].items()
    ]
    return f"Tried first, alone: {'; '.join(said)}." if said else ""


def _saturated(world: Mapping[str, Any]) -> str:
    rows = [_row(HEADS), "| --- " * len(HEADS) + "|"]
    ratios = world["ratios"]["reports_per_s"]
    for name, side in world["sides"].items():
        found = side["saturated"]
        cells = [name, _spread(found["reports_per_s"]), _spread(ratios[name], 2) if name in ratios else ""]
        cells += [f"{found[key]['median']:,.0f}" for key in ("cpu_s_per_million", "broker_cpu_s_per_million")]
        cells += [f"{found[key]['median']:,.0f}" for key in ("peak_mib", "bytes_per_report")]
        rows.append(_row(cells))
    return "\n".join(rows)


def _latencies(world: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    rates = [f"{rate:g}" for rate in settings["rates"]]
    heads = ["side", *(f"p50 and p99 at {rate}/s, ms" for rate in rates)]
    if settings["burst_s"]:
        fast = settings["base"] * settings["times"]
        heads += [
            f"in a burst of {fast:g}/s for {settings['burst_s']:g} s",
            "all of it out after, s",
            "recovered after, s",
        ]
    rows = [_row(heads), "| --- " * len(heads) + "|"]
    for name, side in world["sides"].items():
        found = [side["steady"][rate] for rate in rates]
        cells = [name, *(_pair({key: each[key]["median"] for key in ("p50_ms", "p99_ms")}) for each in found)]
        if burst := side["burst"]:
            after = burst["recovered_after_s"]
            cells += [_pair(burst), f"{burst['drained_after_s']:.1f}", "not seen" if after is None else f"{after:.1f}"]
        elif settings["burst_s"]:
            cells += ["not asked"] * 3
        rows.append(_row(cells))
    return "\n".join(rows)


def _ratios(world: Mapping[str, Any]) -> str:
    said = [f"{_spread(ratio, 2)} at {rate}/s" for rate, ratio in world["ratios"]["p99_ms"].items()]
    checked = ", ".join(f"{name} {number:,}" for name, number in world["checked"].items() if name != "bare")
    return (
        f"Stormdrain's p99 to that of the chain of bare hops: {'; '.join(said)}."
        f" Outputs compared, report by report (category and department, all the same): {checked}."
    )


def door(world: Mapping[str, Any]) -> str:
    """Give what was measured through the door, in words."""
    way, ten = world["door"], world["door_all_ten"]
    more = f", {_spread(ten['reports_per_s'])} with all ten and the sandbox CRM" if ten else ""
    return (
        f"Through the door, from the first posted to the last case or draft, broker and sender on the same processors:"
        f" {_spread(way['reports_per_s'])} reports/s with the six workers of the way{more}."
        f" Milliseconds of processor a report: {_costs(way['runs'])}."
    )


def _costs(runs: Sequence[Mapping[str, Any]]) -> str:
    """Give what each process took, of the run in the middle."""
    middle = sorted(runs, key=lambda run: float(run["reports_per_s"]))[len(runs) // 2]
    costs: dict[str, float] = middle["cpu_ms_per_report"]
    return ", ".join(f"{name.removesuffix('-0')} {cost:.2f}" for name, cost in costs.items())


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _pair(found: Mapping[str, float | None]) -> str:
    return " and ".join("-" if found[key] is None else f"{found[key]:,.0f}" for key in ("p50_ms", "p99_ms"))


def _spread(found: Mapping[str, float], digits: int = 0) -> str:
    middle, low, high = (f"{found[name]:,.{digits}f}" for name in ("median", "q1", "q3"))
    return f"{middle} ({low} to {high})"
