"""On paper: at how many reports a day each part comes to its limit, from measured figures. What breaks first is first.

The arithmetic is plain on purpose. A day's reports come evenly but for its busiest hour, which has `PEAK` times its
share; a town's reports are on one partition of `match` and `prioritize`, so that one process of each works them,
however many there are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

DAY_S = 86_400.0
PEAK = 10.0
"""The busiest hour to the mean: a storm's, and not an ordinary day's."""
BUSY = 0.7
"""Of a processor, at most, so that a queue stays short."""
PROCESS_MIB = 16_384.0
REBUILD_S = 300.0
"""How long a restart of `match` may keep its reports waiting."""
REPLICAS = 3
DISK_TB = 12.0
"""On all brokers together."""
PARTITIONS = 12
NOTHING = 1e-12
"""Stands for what was too little to be measured."""


class Figures(Struct, frozen=True, kw_only=True):
    """What was measured, and what the city's files say."""

    cpu_ms: Mapping[str, float]
    """Of each worker and of the broker, by report, saturated."""
    kept_bytes: float
    """On one replica, by report: of each topic the bytes, times its retention in days."""
    open_days: float
    """How long a report is open, in the mean: its family's window and the lateness allowed."""
    open_mib: float
    """Of memory of `match`, by open report."""
    open_s: float
    """Until the state is there again, by open report."""
    open_ms: float
    """Of `match`'s processor, by fresh report, with the most open reports that were tried."""
    at_most_open: int
    """`MATCH_OPEN_REPORTS`."""


class Limit(Struct, frozen=True, kw_only=True):
    """Where a part comes to its limit."""

    what: str
    reports_a_day: float
    then: str
    """What becomes of it, and what would move it."""


def limits(found: Figures) -> list[Limit]:
    """Give every limit, the first that is met first."""
    open_at = found.open_days
    per_second = BUSY * 1000 / PEAK * DAY_S  # reports a day of a part that takes 1 ms a report, on one processor
    made = [
        Limit(
            what=f"`match` compares the newest {found.at_most_open:,}",
            reports_a_day=found.at_most_open / open_at,
            then="older reports are not linked any more; raise MATCH_OPEN_REPORTS while memory lasts",
        ),
        Limit(
            what=f"`match` is whole again within {REBUILD_S / 60:.0f} minutes of a restart",
            reports_a_day=REBUILD_S / found.open_s / open_at,
            then="reports wait that long; a snapshot, or a jurisdiction for each half of the town, would move it",
        ),
        Limit(
            what=f"`match` fits {PROCESS_MIB / 1024:.0f} GiB",
            reports_a_day=PROCESS_MIB / found.open_mib / open_at,
            then="it is killed for memory; a jurisdiction for each half of the town would move it",
        ),
        Limit(
            what="one processor matches in the busiest hour",
            reports_a_day=per_second / found.open_ms,
            then="the hour's reports wait; a jurisdiction for each half of the town would move it",
        ),
        Limit(
            what=f"{DISK_TB:g} TB of disk hold {REPLICAS} replicas for as long as topics.yaml says",
            reports_a_day=DISK_TB * 1e12 / REPLICAS / found.kept_bytes,
            then="larger disks, or shorter retention of requests.prioritized.v1 and requests.matched.v1",
        ),
        Limit(
            what="one node's four processors carry the broker's part in the busiest hour",
            reports_a_day=4 * per_second / found.cpu_ms["broker"],
            then="more nodes; each carries its share of the leaders",
        ),
    ]
    made += [
        Limit(
            what=f"{PARTITIONS} processes of `{worker}`, one for each partition, in the busiest hour",
            reports_a_day=PARTITIONS * per_second / found.cpu_ms[worker],
            then="more partitions, and a process for each",
        )
        for worker in ("classify", "route")
        if found.cpu_ms.get(worker)
    ]
    return sorted(made, key=lambda limit: limit.reports_a_day)


def needs(found: Figures, reports_a_day: float) -> dict[str, float]:
    """Give what so many reports a day need."""
    peak = reports_a_day / DAY_S * PEAK
    return {
        "mean_per_s": round(reports_a_day / DAY_S, 1),
        "peak_per_s": round(peak, 1),
        "worker_processors": round(peak * sum(v for k, v in found.cpu_ms.items() if k != "broker") / 1000 / BUSY, 1),
        "broker_processors": round(peak * found.cpu_ms["broker"] / 1000 / BUSY * REPLICAS, 1),
        "disk_tb": round(reports_a_day * found.kept_bytes * REPLICAS / 1e12, 1),
        "open": round(reports_a_day * found.open_days),
        "memory_of_match_gib": round(reports_a_day * found.open_days * found.open_mib / 1024, 1),
    }


def slope(runs: Sequence[Mapping[str, Any]], key: str) -> float:
    """Give how much of `key` an open report takes, from the two largest states."""
    ordered = sorted(runs, key=lambda run: run["open_reports"])
    if len(ordered) < 2:
        return NOTHING
    one, other = ordered[-2:]
    grown = float(other[key]) - float(one[key])
    more = int(other["open_reports"]) - int(one["open_reports"])
    return max(grown / more, NOTHING)
