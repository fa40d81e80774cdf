import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from services.runtime.health import HealthServer, Heartbeat
from services.runtime.metrics import Metrics


class Probes:
    def __init__(self) -> None:
        self.live: str | None = None
        self.ready: str | None = None


@pytest.fixture
def probes() -> Probes:
    return Probes()


@pytest.fixture
def server(probes: Probes) -> Iterator[HealthServer]:
    metrics = Metrics("classify")
    metrics.reconsidered.inc(3)
    server = HealthServer(0, lambda: probes.live, lambda: probes.ready, metrics.registry).start()
    yield server
    server.stop()


def get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_worker_that_is_well_says_ok(server: HealthServer) -> None:
    assert get(server, "/healthz") == (200, "ok\n")
    assert get(server, "/readyz") == (200, "ok\n")


def test_a_worker_that_is_not_says_why(server: HealthServer, probes: Probes) -> None:
    probes.ready = "2 partitions are being rebuilt"
    probes.live = "the loop has not come round for 31 s; expected within 30 s"
    assert get(server, "/readyz") == (503, "2 partitions are being rebuilt\n")
    assert get(server, "/healthz") == (503, "the loop has not come round for 31 s; expected within 30 s\n")


def test_metrics_are_told_in_prometheus_text(server: HealthServer) -> None:
    status, text = get(server, "/metrics")
    assert status == 200
    assert 'stormdrain_reconsidered_total{worker="classify"} 3.0' in text


def test_other_paths_are_named_as_unknown(server: HealthServer) -> None:
    assert get(server, "/") == (404, "expected /metrics, /healthz or /readyz\n")


def test_a_silent_client_does_not_keep_others_waiting(server: HealthServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5):
        assert get(server, "/healthz") == (200, "ok\n")


def test_a_port_that_is_taken_is_named(server: HealthServer) -> None:
    second = HealthServer(server.port, lambda: None, lambda: None, Metrics("route").registry)
    with pytest.raises(OSError) as caught:
        second.start()
    assert caught.value.strerror == (
        f"cannot listen on 127.0.0.1:{server.port} for /metrics and /healthz: Address already in use"
    )


def test_stopping_frees_the_port_and_may_be_done_twice(server: HealthServer) -> None:
    port = server.port
    server.stop()
    server.stop()
    again = HealthServer(port, lambda: None, lambda: None, Metrics("route").registry).start()
    assert get(again, "/healthz") == (200, "ok\n")
    again.stop()


def test_a_heartbeat_complains_once_it_is_older_than_it_may_be() -> None:
    now = [100.0]
    heart = Heartbeat(30, clock=lambda: now[0])
    now[0] = 130.0
    assert heart.probe() is None
    now[0] = 131.0
    assert heart.probe() == "the loop has not come round for 31 s; expected within 30 s"
    heart.beat()
    assert heart.probe() is None
