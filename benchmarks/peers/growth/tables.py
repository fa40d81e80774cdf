"""How Stormdrain grows, as Markdown, from its result."""

from collections.abc import Mapping, Sequence
from typing import Any


def tables(result: Mapping[str, Any]) -> str:
    """Give the tables of processes, partitions and open reports, and the model on paper."""
    parts = [
        _where(result),
        _table(
            (f"processes of {_worker(result['instances'])}", "reports/s", "processor ms a report", "the broker's"),
            [(each["instances"], *_rates(each)) for each in result["instances"]],
        ),
        _table(
            ("partitions of each topic", "reports/s", "processor ms a report", "the broker's", *_steady(result)),
            [
                (each["partitions"], *_rates(each), *(f"{each[f'steady_{key}']:,.0f}" for key in ("p50_ms", "p99_ms")))
                for each in result["partitions"]
            ],
        ),
        _table(
            ("open reports", "ready after, s", "resident MiB", "peak MiB", "reports/s", "processor ms a report"),
            [
                (
                    f"{each['open_reports']:,}",
                    f"{each['ready_after_s']:.1f}",
                    f"{each['resident_mib']:,}",
                    f"{each['peak_mib']:,}",
                    f"{each['reports_per_s']:,.0f}",
                    f"{each['cpu_ms_per_report']:.2f}",
                )
                for each in result["states"]
            ],
        ),
        _paper(result),
    ]
    return "\n\n".join(parts) + "\n"


def _paper(result: Mapping[str, Any]) -> str:
    need, paper = result["needs"], result["paper"]
    told = (
        f"Ten million reports a day, on paper: {need['mean_per_s']:,.0f} a second on average, {need['peak_per_s']:,.0f}"
        f" in the busiest hour. That takes {need['worker_processors']:,.0f} processor(s) for the workers of the way,"
        f" {need['broker_processors']:,.0f} for the brokers (three replicas) and {need['disk_tb']:,.0f} TB. A report"
        f" is open for {paper['open_days']:.0f} days in the mean: {need['open']:,} reports, and"
        f" {need['memory_of_match_gib']:,.0f} GiB in the one process of `match` that a town has."
        " What breaks first stands first:"
    )
    rows = [(each["what"], f"{each['reports_a_day']:,.0f}", each["then"]) for each in result["limits"]]
    return told + "\n\n" + _table(("limit", "reports a day", "then"), rows)


def _where(result: Mapping[str, Any]) -> str:
    machine, known, settings = result["machine"], result["versions"], result["settings"]
    return (
        f"{result['at'][:10]}, commit {known['commit']}: {settings['reports']:,} reports at once, one measurement each;"
        f" Kafka {known['kafka']}, Python {known['python']}; {machine['cpus']} processors ({machine['cpu_model']}),"
        f" {machine['memory_gib']} GiB, load {machine['load_1m']} before and {machine['load_1m_after']} after."
    )


def _worker(runs: Sequence[Mapping[str, Any]]) -> str:
    return f"`{runs[0]['worker']}`" if runs else "a worker"


def _steady(result: Mapping[str, Any]) -> tuple[str, str]:
    rate = result["settings"]["rate"]
    return f"p50 at {rate:g}/s, ms", "p99"


def _rates(found: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        f"{found['reports_per_s']:,.0f}",
        f"{found['cpu_s_per_million'] / 1000:.3f}",
        f"{found['broker_cpu_s_per_million'] / 1000:.3f}",
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
