import os
import re
import shutil
import subprocess

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from services.runtime.metrics import LABELS, MOST_CHILDREN, OTHER, Labelled, Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"worker": metrics.worker, **labels})


def families(metrics: Metrics) -> list[Labelled]:  # type: ignore[type-arg]
    return [each for each in vars(metrics).values() if isinstance(each, Labelled)]


def test_every_name_has_the_prefix_a_meaning_and_labels_whose_values_are_bounded() -> None:
    described = Metrics("classify").described
    assert len({each.name for each in described}) == len(described)
    for each in described:
        assert re.fullmatch(r"stormdrain_[a-z]+(_[a-z]+)*", each.name), each.name
        assert each.meaning.endswith("."), each.name
        assert each.labels[0] == "worker", each.name
        assert each.kind != "counter" or each.name.endswith("_total"), each.name
        unbounded = set(each.labels) - set(LABELS) - {"slot", "version"}
        assert not unbounded, f"{each.name}: nothing in LABELS bounds {unbounded}"


def test_what_is_described_is_what_is_exposed() -> None:
    metrics = Metrics("classify", CollectorRegistry())
    for family in families(metrics):
        family.of(*(OTHER for _ in family.labels))
    metrics.info(slot="classify-0")
    exposed = set()
    for metric in metrics.registry.collect():
        suffix = {"counter": "_total", "info": "_info"}.get(metric.type, "")
        kind = "gauge" if metric.type == "info" else metric.type
        assert metric.samples, metric.name
        exposed.add((metric.name + suffix, kind, frozenset(metric.samples[0].labels) - {"le"}, metric.documentation))
    assert exposed == {(d.name, d.kind, frozenset(d.labels), d.meaning) for d in metrics.described}


def test_a_batch_is_counted_with_one_increment() -> None:
    metrics = Metrics("classify")
    metrics.records_consumed.of("requests.received.v1").inc(2000)
    metrics.reconsidered.inc(12)
    assert value(metrics, "stormdrain_records_consumed_total", topic="requests.received.v1") == 2000
    assert value(metrics, "stormdrain_reconsidered_total") == 12


def test_a_label_value_that_does_not_look_like_one_is_counted_as_other() -> None:
    metrics = Metrics("receive")
    for spoken in ("water everywhere!", "someone@example.org", "", "A" * 65):
        metrics.records_rejected.of(spoken).inc()
    metrics.http_requests.of("/requests/some one.json", "GET", "200").inc()
    metrics.consumer_lag.of("requests.received.v1", "-1").set(7)
    assert value(metrics, "stormdrain_records_rejected_total", reason=OTHER) == 4
    assert value(metrics, "stormdrain_http_requests_total", route=OTHER, method="GET", status="200") == 1
    assert value(metrics, "stormdrain_consumer_lag_records", topic="requests.received.v1", partition=OTHER) == 7
    assert b"example" not in generate_latest(metrics.registry)


def test_a_metric_has_no_more_children_than_memory_can_bear() -> None:
    metrics = Metrics("classify")
    for number in range(MOST_CHILDREN + 50):
        metrics.predictions.of(f"code-{number}").inc()
    assert value(metrics, "stormdrain_predictions_total", service_code=OTHER) == 50
    assert value(metrics, "stormdrain_predictions_total", service_code="code-0") == 1


def test_children_are_made_once() -> None:
    metrics = Metrics("classify")
    assert metrics.records_consumed.of("a.v1") is metrics.records_consumed.of("a.v1")


def test_a_wrong_number_of_label_values_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="1 values for labels topic, partition"):
        Metrics("classify").consumer_lag.of("requests.received.v1")


def test_the_lag_of_a_partition_that_moved_elsewhere_is_no_longer_told() -> None:
    metrics = Metrics("classify")
    metrics.consumer_lag.of("requests.received.v1", "3").set(9)
    metrics.consumer_lag.forget("requests.received.v1", "3")
    metrics.consumer_lag.forget("requests.received.v1", "4")
    assert value(metrics, "stormdrain_consumer_lag_records", topic="requests.received.v1", partition="3") is None


def test_what_can_happen_to_a_transaction_is_at_zero_from_the_start() -> None:
    metrics = Metrics("classify")
    assert value(metrics, "stormdrain_transactions_total", result="committed") == 0
    assert value(metrics, "stormdrain_transactions_total", result="aborted") == 0
    assert value(metrics, "stormdrain_paused", reason="try_later") == 0
    assert value(metrics, "stormdrain_rebalances_total", event="lost") == 0


def test_the_process_says_who_it_is_and_what_made_its_decisions() -> None:
    metrics = Metrics("classify")
    metrics.info(slot="classify-0", versions={"model": "3f9a"})
    labels = {"slot": "classify-0", "version": "0.1.0", "model": "3f9a"}
    assert value(metrics, "stormdrain_worker_info", **labels) == 1


def test_two_workers_cannot_be_mistaken_for_one_by_sharing_a_registry() -> None:
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Metrics("route", Metrics("classify").registry)


def test_promtool_has_nothing_to_say_about_the_metrics() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert os.environ.get("CI") != "true", "promtool is missing: apt-get install prometheus"
        pytest.skip("promtool is missing (apt-get install prometheus): the names of the metrics were not linted")
    metrics = Metrics("classify")
    for family in families(metrics):
        family.of(*(OTHER for _ in family.labels))
    metrics.info(slot="classify-0")
    found = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(metrics.registry), capture_output=True, check=False
    )
    assert (found.returncode, found.stdout.decode() + found.stderr.decode()) == (0, "")
