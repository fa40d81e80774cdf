"""Write dashboards/stormdrain.json: what an operator sees of a town, from the door to the department.

    python deploy/grafana/render.py

A panel is a line in ROWS; a test compares the file with this script, and the queries with the metrics there are.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "dashboards" / "stormdrain.json"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
COLUMNS = 24
PATH_OF_A_REPORT = "classify|route|match|prioritize|decide|deliver"
PUT_ASIDE = "sum(sum_over_time(worker_reason:stormdrain_records_rejected:increase15m[1d:15m])) or vector(0)"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel; `queries` are pairs of PromQL and legend."""

    title: str
    about: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    stacked: bool = False
    steps: tuple[tuple[float | None, str], ...] = ((None, "green"),)


def rate(metric: str, by: str, chosen: str = "") -> str:
    """Give a metric's rate, summed."""
    return f"sum by ({by}) (rate(stormdrain_{metric}{chosen}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str, chosen: str = "") -> str:
    """Give a quantile of a histogram."""
    inner = rate(f"{metric}_bucket", f"{by}, le", chosen)
    return f"histogram_quantile({share}, {inner})"


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Now",
        (
            Panel(
                title="What is wrong",
                about="Alerts that fire. Each has a section in docs/runbook.md. An empty table is a good one.",
                queries=(('ALERTS{alertname=~"Stormdrain.*", alertstate="firing"}', ""),),
                kind="table",
                width=12,
                height=7,
            ),
            Panel(
                title="Reports a minute",
                about="Reports that citizens were told are accepted.",
                queries=(("60 * sum(channel:stormdrain_reports_accepted:rate5m)", ""),),
                kind="stat",
                width=3,
                height=7,
            ),
            Panel(
                title="Waiting",
                about="Records that wait for any worker.",
                queries=(("sum(worker:stormdrain_consumer_lag_records:sum)", ""),),
                kind="stat",
                width=3,
                height=7,
                steps=((None, "green"), (1000, "orange"), (10000, "red")),
            ),
            Panel(
                title="Door to department",
                about="The 99th percentile of each stage, added up: an upper estimate of the way of a report.",
                queries=(
                    (f'sum(worker:stormdrain_event_age_seconds:p99_5m{{worker=~"{PATH_OF_A_REPORT}"}} >= 0)', ""),
                ),
                unit="s",
                kind="stat",
                width=3,
                height=7,
                steps=((None, "green"), (60, "orange"), (900, "red")),
            ),
            Panel(
                title="Put aside today",
                about="Dead letters of the last 24 hours: reports that nobody works on until they are replayed.",
                queries=((PUT_ASIDE, ""),),
                kind="stat",
                width=3,
                height=7,
                steps=((None, "green"), (1, "orange"), (100, "red")),
            ),
        ),
    ),
    (
        "Doors",
        (
            Panel(
                title="Reports accepted, by channel",
                about="On all in-sync replicas before the citizen was told so.",
                queries=((rate("reports_accepted_total", "channel"), "{{channel}}"),),
                unit="reqps",
                stacked=True,
            ),
            Panel(
                title="Reports refused, by reason",
                about="unavailable and busy are our fault; the others tell a sender what to mend.",
                queries=((rate("reports_refused_total", "code"), "{{code}}"),),
                unit="reqps",
                stacked=True,
            ),
            Panel(
                title="Answers that failed",
                about="Share of calls answered 5xx, probes left out.",
                queries=(("worker:stormdrain_http_failures:ratio5m", "{{worker}}"),),
                unit="percentunit",
            ),
            Panel(
                title="Time to answer, 99 of 100",
                about="receive answers when Kafka has the report on all in-sync replicas.",
                queries=((quantile(0.99, "http_request_duration_seconds", "worker"), "{{worker}}"),),
                unit="s",
            ),
        ),
    ),
    (
        "Flow",
        (
            Panel(
                title="Records that wait, by worker",
                about="Consumer lag up to the last stable offset. What grows here is where the flow is narrow.",
                queries=(("worker:stormdrain_consumer_lag_records:sum", "{{worker}}"),),
            ),
            Panel(
                title="Age when a stage is done, 99 of 100",
                about="From a record being written to the transaction that answers it. More than 1 h shows as 1 h.",
                queries=(("worker:stormdrain_event_age_seconds:p99_5m", "{{worker}}"),),
                unit="s",
            ),
            Panel(
                title="Records taken",
                about="In committed transactions.",
                queries=((rate("records_consumed_total", "worker"), "{{worker}}"),),
                unit="ops",
            ),
            Panel(
                title="Records written, by topic",
                about="In committed transactions.",
                queries=((rate("records_produced_total", "topic"), "{{topic}}"),),
                unit="ops",
            ),
            Panel(
                title="Paused",
                about="1: takes nothing. rejections waits for a person, try_later for a system or database outside.",
                queries=(("max by (worker, reason) (stormdrain_paused) > 0", "{{worker}}: {{reason}}"),),
            ),
            Panel(
                title="Put aside, by worker and reason",
                about="Dead letters in a quarter of an hour.",
                queries=(("worker_reason:stormdrain_records_rejected:increase15m > 0", "{{worker}}: {{reason}}"),),
                stacked=True,
            ),
            Panel(
                title="Categories given",
                about="By classify.",
                queries=((rate("predictions_total", "service_code"), "{{service_code}}"),),
                unit="ops",
                stacked=True,
            ),
            Panel(
                title="Drift",
                about="From the model's card. Stability index of the categories: above 0.25 something has changed.",
                queries=(
                    ("avg(stormdrain_prediction_stability_index)", "stability index"),
                    ("avg by (what) (stormdrain_prediction_drift_ratio)", "{{what}}"),
                ),
            ),
        ),
    ),
    (
        "Departments",
        (
            Panel(
                title="Cases released, by department",
                about="What decide hands to each department's topic.",
                queries=((rate("records_produced_total", "topic", '{topic=~"cases[.].*"}'), "{{topic}}"),),
                unit="ops",
                stacked=True,
            ),
            Panel(
                title="Deliveries, by system and result",
                about="unavailable is tried again until it is in.",
                queries=((rate("deliveries_total", "system, result"), "{{system}}: {{result}}"),),
                unit="ops",
                stacked=True,
            ),
            Panel(
                title="Time of a call to a system, 99 of 100",
                about="One call carries up to 200 cases.",
                queries=((quantile(0.99, "delivery_duration_seconds", "system"), "{{system}}"),),
                unit="s",
            ),
            Panel(
                title="Held for a person, and reviewed",
                about="Drafts that decide holds, and verdicts of people.",
                queries=(
                    (rate("records_produced_total", "topic", '{topic=~"drafts[.].*|reviews[.].*"}'), "{{topic}}"),
                ),
                unit="ops",
            ),
        ),
    ),
    (
        "Machinery",
        (
            Panel(
                title="Records in a batch, half of them have more",
                about="A storm makes batches large and cheap; 1 to 5 is a quiet day.",
                queries=((quantile(0.5, "batch_records", "worker"), "{{worker}}"),),
            ),
            Panel(
                title="Transactions: time, 99 of 100",
                about="From beginning a transaction to its commit or abort.",
                queries=((quantile(0.99, "transaction_duration_seconds", "worker"), "{{worker}}"),),
                unit="s",
            ),
            Panel(
                title="Transactions aborted",
                about="Share of the last 10 minutes. Their records are read again.",
                queries=(("worker:stormdrain_transactions_aborted:ratio10m", "{{worker}}"),),
                unit="percentunit",
            ),
            Panel(
                title="Deciding: time for a batch, 99 of 100",
                about="The worker's own code, without Kafka.",
                queries=((quantile(0.99, "handle_duration_seconds", "worker"), "{{worker}}"),),
                unit="s",
            ),
            Panel(
                title="Rebalances in a quarter of an hour",
                about="Partitions taken away from a process, or lost by it.",
                queries=(
                    (
                        'sum by (worker, event) (increase(stormdrain_rebalances_total{event=~"revoked|lost"}[15m]))',
                        "{{worker}}: {{event}}",
                    ),
                ),
            ),
            Panel(
                title="State being rebuilt",
                about="Partitions whose past is read again, after a restart or a move.",
                queries=(("sum by (worker) (stormdrain_rebuilding)", "{{worker}}"),),
            ),
            Panel(
                title="Memory",
                about="Resident memory of each process.",
                queries=(
                    (
                        'sum by (worker, instance) (process_resident_memory_bytes{job="stormdrain"})',
                        "{{worker}} {{instance}}",
                    ),
                ),
                unit="bytes",
            ),
            Panel(
                title="Processor",
                about="Cores that the processes of a worker keep busy.",
                queries=(
                    (
                        'sum by (worker) (rate(process_cpu_seconds_total{job="stormdrain"}[$__rate_interval]))',
                        "{{worker}}",
                    ),
                ),
            ),
            Panel(
                title="Processes",
                about="Slot and version of each process, and the versions of what makes its decisions.",
                queries=(("stormdrain_worker_info", ""),),
                kind="table",
                width=24,
                height=9,
            ),
        ),
    ),
)


def drawn(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    """Give a panel as Grafana keeps it."""
    table, stat = panel.kind == "table", panel.kind == "stat"
    steps = [{"color": colour, "value": value} for value, colour in panel.steps]
    custom = {"fillOpacity": 20, "stacking": {"mode": "normal"}} if panel.stacked else {"fillOpacity": 0}
    options: dict[str, Any] = {
        "timeseries": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area", "colorMode": "value"},
        "table": {"showHeader": True},
    }
    found: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                **({} if table or stat else {"custom": custom}),
            },
            "overrides": [],
        },
        "options": options[panel.kind],
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": legend or "__auto",
                **({"instant": True, "format": "table"} if table else {"range": True}),
            }
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }
    if table:
        hidden = dict.fromkeys(("Time", "Value", "__name__", "alertstate", "job"), True)
        found["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    return found


def dashboard() -> dict[str, Any]:
    """Give the dashboard: rows from top to bottom, panels from left to right."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
                "panels": [],
            }
        )
        y, x, tallest = y + 1, 0, 0
        for panel in row:
            if x + panel.width > COLUMNS:
                y, x, tallest = y + tallest, 0, 0
            panels.append(drawn(panel, len(panels) + 1, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return {
        "uid": "stormdrain",
        "title": "Stormdrain: from the curb to the crew",
        "description": "Reports of a town, from the door to the department. Written by deploy/grafana/render.py.",
        "tags": ["stormdrain"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "annotations": {
            "list": [
                {
                    "name": "Surges",
                    "datasource": SOURCE,
                    "enable": True,
                    "iconColor": "orange",
                    "expr": 'ALERTS{alertname="StormdrainSurge", alertstate="firing"}',
                    "titleFormat": "Surge",
                    "step": "60s",
                }
            ]
        },
        "templating": {"list": []},
        "panels": panels,
    }


def rendered() -> str:
    """Give the file's text."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OUT.write_text(rendered(), "utf-8")
