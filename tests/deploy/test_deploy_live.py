"""A real Prometheus, with our configuration and rules, reads the metrics of two processes and is asked."""

import json
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_files import CONFIG, FOLDER, program, recorded
from test_deploy_dashboard import queries

from services.runtime.health import HealthServer
from services.runtime.metrics import Metrics

LIMIT_S = 30.0
OFTEN = "250ms"

Ask = Callable[[str], list[dict[str, Any]]]


def classify() -> Metrics:
    """Give the metrics of a worker that works, is behind, and has stopped over what it would reject."""
    metrics = Metrics("classify")
    metrics.info(slot="classify-0", versions={"model": "test"})
    metrics.records_consumed.of("requests.received.v1").inc(2000)
    metrics.records_rejected.of("bad_field").inc(3)
    metrics.consumer_lag.of("requests.received.v1", "0").set(30)
    metrics.consumer_lag.of("requests.received.v1", "1").set(12)
    metrics.paused.of("rejections").set(1)
    return metrics


def receive() -> Metrics:
    """Give the metrics of a door."""
    metrics = Metrics("receive")
    metrics.info(slot="receive")
    metrics.http_requests.of("/channels/{channel}/reports", "POST", "202").inc(99)
    metrics.reports_accepted.of("web").inc(99)
    return metrics


def configuration(ports: dict[str, int], folder: Path) -> Path:
    """Write our own configuration, with two processes here in place of what the names of compose would find."""
    found = yaml.safe_load(CONFIG.read_text("utf-8"))
    found["global"] = {"scrape_interval": OFTEN, "evaluation_interval": OFTEN, "scrape_timeout": OFTEN}
    found["rule_files"] = [str(FOLDER / each) for each in found["rule_files"]]
    found["scrape_configs"] = [job for job in found["scrape_configs"] if job["job_name"] == "stormdrain"]
    for job in found["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"__meta_dns_name": name}} for name, port in ports.items()
        ]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(found), "utf-8")
    return path


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Give a function that asks a running Prometheus."""
    folder = tmp_path_factory.mktemp("prometheus")
    servers = {
        metrics.worker: HealthServer(0, lambda: None, lambda: None, metrics.registry).start()
        for metrics in (classify(), receive())
    }
    config = configuration({name: server.port for name, server in servers.items()}, folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address={address}", "--log.level=warn"]

    def log_of() -> str:
        return (folder / "log").read_text("utf-8")

    def asking(query: str) -> list[dict[str, Any]]:
        url = f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        assert found["status"] == "success", found
        result: list[dict[str, Any]] = found["data"]["result"]
        return result

    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            until(lambda: bool(asking('ALERTS{alertname="StormdrainPausedByRejections", alertstate="firing"}')), log_of)
            yield asking
        finally:
            running.terminate()
            running.wait(LIMIT_S)
            for server in servers.values():
                server.stop()


def until(holds: Callable[[], bool], why: Callable[[], str] = str) -> None:
    """Return when something holds; a Prometheus that is not up yet says nothing. Else fail, and say why."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except OSError:
            pass
        threading.Event().wait(0.1)
    pytest.fail(f"not within {LIMIT_S:g} s\n{why()}")


def test_prometheus_reads_every_process_and_knows_it_by_its_worker(ask: Ask) -> None:
    until(lambda: len(ask("up")) == 2)
    assert {each["metric"]["worker"]: each["value"][1] for each in ask("up")} == {"classify": "1", "receive": "1"}
    assert {each["metric"]["worker"] for each in ask("process_start_time_seconds")} == {"classify", "receive"}
    (info,) = ask('stormdrain_worker_info{worker="classify"}')
    assert (info["metric"]["slot"], info["metric"]["model"]) == ("classify-0", "test")
    assert not [label for label in info["metric"] if label.startswith("exported_")]


def test_rules_make_figures_of_what_was_read(ask: Ask) -> None:
    until(lambda: len(ask("worker:stormdrain_consumer_lag_records:sum")) == 1)
    (lag,) = ask("worker:stormdrain_consumer_lag_records:sum")
    assert (lag["metric"]["worker"], lag["value"][1]) == ("classify", "42")
    assert {each["metric"]["__name__"] for each in ask('{__name__=~".+:stormdrain_.+"}')} <= recorded()


def test_an_alert_fires_for_the_worker_that_has_stopped(ask: Ask) -> None:
    (alert,) = ask('ALERTS{alertname="StormdrainPausedByRejections"}')
    assert alert["metric"]["worker"] == "classify"
    assert alert["metric"]["severity"] == "page"


def test_workers_that_are_not_there_are_missed(ask: Ask) -> None:
    absent = {"route", "match", "prioritize", "decide", "deliver", "review", "watch", "index"}
    missed: set[str] = set()

    def looked() -> bool:
        missed.clear()
        missed.update(each["metric"]["worker"] for each in ask('ALERTS{alertname="StormdrainWorkerGone"}'))
        return missed == absent

    until(looked)


def test_the_first_dead_letters_of_a_process_are_seen(ask: Ask) -> None:
    until(lambda: bool(ask('ALERTS{alertname="StormdrainDeadLetters", alertstate="firing"}')))
    (found,) = ask("worker_reason:stormdrain_records_rejected:increase15m")
    assert (found["metric"]["reason"], found["value"][1]) == ("bad_field", "3")


def test_prometheus_can_answer_every_panel(ask: Ask) -> None:
    for query in queries().values():
        ask(query)
