"""Every metric that Stormdrain exposes: name, meaning, labels, in this file and nowhere else.

docs/metrics.md is generated from here (`stormdrain docs`) and held to it by a test. Names start with `stormdrain_`,
units are base units (seconds, records), counters end in `_total`; `promtool check metrics` finds nothing to say.

Each attribute of `Metrics` is one metric with the `worker` label already set. A metric without further labels is the
prometheus_client object itself (`metrics.reconsidered.inc(12)`); one with further labels gives a cached child
(`metrics.records_consumed.of(topic).inc(2000)`). Increment once per batch with an amount, never once per record.

A label has few values, by `LABELS`: each name states what bounds it and what a value looks like. A value that does not
look like it, or one too many, is counted as `other`: nothing a citizen wrote can become a label, or fill the memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "stormdrain_"
OTHER = "other"
MOST_CHILDREN = 2000
"""Children that one metric may have in one process; further label values are counted as `other`."""

AGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 1800, 3600)
WORK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
SHARE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)


@dataclass(frozen=True, slots=True)
class Label:
    """What keeps the values of a label few, and the form that each must have."""

    bounded_by: str
    form: str


CODE = r"[a-z][a-z0-9_]{0,63}"
LABELS: dict[str, Label] = {
    "worker": Label("the workers", r"[a-z][a-z0-9-]{0,31}"),
    "topic": Label("topics.yaml and the departments", r"[a-z0-9][a-z0-9.-]{0,127}"),
    "partition": Label("the partitions of a topic", r"[0-9]{1,5}"),
    "reason": Label("codes in the code", CODE),
    "code": Label("codes in the code", CODE),
    "result": Label("codes in the code", CODE),
    "event": Label("assigned, revoked, lost", CODE),
    "released": Label("true, false", r"true|false"),
    "channel": Label("the channels of events.py", CODE),
    "route": Label("route templates, never paths", r"[A-Za-z0-9_./{}-]{1,80}"),
    "method": Label("HTTP methods", r"[A-Z]{3,7}"),
    "status": Label("HTTP status codes", r"[1-5][0-9]{2}"),
    "system": Label("systems in departments.yaml", r"[A-Za-z0-9_-]{1,64}"),
    "what": Label("codes in the code", CODE),
    "service_code": Label("service codes in categories.yaml", r"[A-Za-z0-9_.-]{1,64}"),
}

M = TypeVar("M", Counter, Gauge, Histogram)


class Labelled(Generic[M]):
    """A metric of one worker that has further labels."""

    def __init__(self, family: M, worker: str, labels: tuple[str, ...]) -> None:
        self.family: M = family
        self.worker = worker
        self.labels = labels
        self._forms = [re.compile(LABELS[label].form) for label in labels]
        self._children: dict[tuple[str, ...], M] = {}

    def of(self, *values: str) -> M:
        """Give the child for `values`, one for each label in order; unfit or too many values become `other`."""
        child = self._children.get(values)
        return child if child is not None else self._new(values)

    def start(self, *all_values: str | tuple[str, ...]) -> None:
        """Let these children exist from the start, at zero, so that a first increase is seen as one."""
        for values in all_values:
            self.of(*((values,) if isinstance(values, str) else values))

    def forget(self, *values: str) -> None:
        """Stop exposing a child, for instance the lag of a partition that moved elsewhere."""
        if self._children.pop(values, None) is not None:
            self.family.remove(self.worker, *values)

    def _new(self, values: tuple[str, ...]) -> M:
        if len(values) != len(self.labels):
            message = f"{len(values)} values for labels {', '.join(self.labels)}"
            raise ValueError(message)
        fit = tuple(value if form.fullmatch(value) else OTHER for value, form in zip(values, self._forms, strict=True))
        if fit not in self._children and len(self._children) >= MOST_CHILDREN:
            fit = (OTHER,) * len(values)
        child = self._children.get(fit)
        if child is None:
            child = self._children[fit] = self.family.labels(self.worker, *fit)
        return child


@dataclass(frozen=True, slots=True)
class Described:
    """One row of docs/metrics.md."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


class Metrics:
    """All metrics of one worker, in `registry` or a registry of their own.

    A metric that a worker has no use for has no samples there, or stays at zero.
    """

    def __init__(self, worker: str, registry: CollectorRegistry | None = None) -> None:
        # A second series for each counter and histogram, which nobody here reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        if registry is None:
            registry = CollectorRegistry(auto_describe=True)
            ProcessCollector(registry=registry)
        self.worker = worker
        self.registry = registry
        self.described: list[Described] = []
        self._said: dict[str, str] = {}
        self._loop()
        self._assignment()
        self._state()
        self._edges()

    def _loop(self) -> None:
        self.records_consumed = self._counters(
            "records_consumed_total", "Records taken from a topic, in committed transactions.", "topic"
        )
        self.records_produced = self._counters(
            "records_produced_total", "Records written to a topic, in committed transactions.", "topic"
        )
        self.records_rejected = self._counters(
            "records_rejected_total", "Records sent to the dead letters, by reason code.", "reason"
        )
        self.records_skipped = self._counters(
            "records_skipped_total",
            "Records left to others or to a later read, such as those of lost partitions.",
            "reason",
        )
        self.batch_records = self._histogram("batch_records", "Records in a batch.", BATCH_BUCKETS)
        self.handle_duration = self._histogram(
            "handle_duration_seconds", "Time that the worker's own code took for a batch.", WORK_BUCKETS
        )
        self.transaction_duration = self._histogram(
            "transaction_duration_seconds", "Time from beginning a transaction to its commit or abort.", WORK_BUCKETS
        )
        self.transactions = self._counters(
            "transactions_total", "Transactions by result: committed or aborted.", "result"
        )
        self.transactions.start("committed", "aborted")
        self.producer_renewals = self._counter(
            "producer_renewals_total", "Producers thrown away and made anew after trouble inside a transaction."
        )
        self.event_age = self._histogram(
            "event_age_seconds",
            "Age of a batch at its commit: now minus the timestamp of its first record, once per partition.",
            AGE_BUCKETS,
        )
        self.last_progress = self._gauge(
            "last_progress_timestamp_seconds",
            "When the worker last committed a batch or found nothing to do, Unix time.",
        )
        self.paused = self._gauges(
            "paused",
            "1 while the worker takes nothing: try_later (something outside is away) or rejections (alarm).",
            "reason",
        )
        self.paused.start("try_later", "rejections")
        self.backpressure = self._counter(
            "backpressure_seconds_total", "Time that partitions were paused because work or output was full."
        )

    def _assignment(self) -> None:
        self.consumer_lag = self._gauges(
            "consumer_lag_records",
            "Records yet to be taken of an assigned partition, up to the last stable offset.",
            "topic",
            "partition",
        )
        self.assigned_partitions = self._gauge("assigned_partitions", "Partitions that this process holds.")
        self.rebalances = self._counters(
            "rebalances_total", "Times that partitions were assigned to, revoked from or lost by this process.", "event"
        )
        self.rebalances.start("assigned", "revoked", "lost")
        self._info = Info(
            f"{PREFIX}worker",
            "The process: slot, version of the program, and versions of what made its decisions.",
            ["worker"],
            registry=self.registry,
        )
        self.described.append(
            Described(f"{PREFIX}worker_info", "gauge", ("worker", "slot", "version"), self._info._documentation)  # noqa: SLF001 - no public name
        )

    def _state(self) -> None:
        self.rebuilding = self._gauge(
            "rebuilding", "Partitions whose state is being rebuilt; they wait until it is done."
        )
        self.rebuild_duration = self._gauge("rebuild_duration_seconds", "How long the last rebuild of state took.")
        self.rebuild_records = self._gauge("rebuild_records", "Records read by the last rebuild of state.")
        self.table_records = self._gauges(
            "table_records", "Keys held of a topic that every process reads whole, such as surges.", "topic"
        )
        self.reconsidered = self._counter(
            "reconsidered_total", "Decisions made again because the world changed: a surge, the weather, a later link."
        )

    def _edges(self) -> None:
        self.http_requests = self._counters(
            "http_requests_total", "HTTP requests answered.", "route", "method", "status"
        )
        self.http_request_duration = self._histograms(
            "http_request_duration_seconds", "Time to answer an HTTP request.", WORK_BUCKETS, "route"
        )
        self.reports_accepted = self._counters(
            "reports_accepted_total", "Reports that a citizen was told are accepted: on acks=all before.", "channel"
        )
        self.reports_refused = self._counters(
            "reports_refused_total", "Reports that were refused, by error code.", "code"
        )
        self.deliveries = self._counters(
            "deliveries_total", "Cases handed to a department's system, by what became of them.", "system", "result"
        )
        self.delivery_duration = self._histograms(
            "delivery_duration_seconds", "Time of one call to a department's system.", WORK_BUCKETS, "system"
        )
        self.predictions = self._counters("predictions_total", "Categories given to reports.", "service_code")
        self.prediction_confidence = self._histograms(
            "prediction_confidence_ratio",
            "Confidence of the winning category, by whether it may go out alone.",
            SHARE_BUCKETS,
            "released",
        )
        self.prediction_stability = self._gauge(
            "prediction_stability_index",
            "Population stability index of the latest 5,000 categories given, against the model's card; 0 before 500.",
        )
        self.prediction_drift = self._gauges(
            "prediction_drift_ratio",
            "Mean confidence, and share of unknown tokens, of the latest 5,000 reports, less what the card says.",
            "what",
        )
        self.model_reloads = self._counters(
            "model_reloads_total", "New models that were found: served from then on, or refused.", "result"
        )
        self.city_reloads = self._counters(
            "city_reloads_total",
            "Changed files of the city that were found while a worker ran: served from then on, or refused.",
            "result",
        )

    def info(self, *, slot: str, versions: Mapping[str, str] | None = None) -> None:
        """Say who this process is; `versions` (model, boundaries, rules) become labels of the same series."""
        self._said = {"slot": slot, "version": version("stormdrain"), **(versions or {})}
        self._info.labels(self.worker).info(self._said)

    def now(self, **versions: str) -> None:
        """Say that something else makes the decisions from now on, such as another model."""
        self._said |= versions
        self._info.labels(self.worker).info(self._said)

    def _counters(self, name: str, meaning: str, *labels: str) -> Labelled[Counter]:
        return Labelled(
            Counter(*self._describe(name, "counter", meaning, labels), registry=self.registry), self.worker, labels
        )

    def _counter(self, name: str, meaning: str) -> Counter:
        return Counter(*self._describe(name, "counter", meaning, ()), registry=self.registry).labels(self.worker)

    def _gauges(self, name: str, meaning: str, *labels: str) -> Labelled[Gauge]:
        return Labelled(
            Gauge(*self._describe(name, "gauge", meaning, labels), registry=self.registry), self.worker, labels
        )

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(*self._describe(name, "gauge", meaning, ()), registry=self.registry).labels(self.worker)

    def _histograms(self, name: str, meaning: str, buckets: Iterable[float], *labels: str) -> Labelled[Histogram]:
        described = self._describe(name, "histogram", meaning, labels)
        return Labelled(Histogram(*described, registry=self.registry, buckets=tuple(buckets)), self.worker, labels)

    def _histogram(self, name: str, meaning: str, buckets: Iterable[float]) -> Histogram:
        described = self._describe(name, "histogram", meaning, ())
        return Histogram(*described, registry=self.registry, buckets=tuple(buckets)).labels(self.worker)

    def _describe(
        self, name: str, kind: str, meaning: str, labels: tuple[str, ...]
    ) -> tuple[str, str, tuple[str, ...]]:
        every = ("worker", *labels)
        self.described.append(Described(PREFIX + name, kind, every, meaning))
        return PREFIX + name, meaning, every
