"""How growth is reckoned on paper, and how it is told; the measurements themselves are too long for a test."""

import pytest

from benchmarks.peers.growth import paper
from benchmarks.peers.growth.tables import tables

FIGURES = paper.Figures(
    cpu_ms={"classify": 0.1, "route": 0.05, "broker": 0.3},
    kept_bytes=50_000.0,
    open_days=10.0,
    open_mib=0.002,
    open_s=0.00005,
    open_ms=0.2,
    at_most_open=200_000,
)


def test_a_limit_on_open_reports_is_met_at_that_many_over_the_days() -> None:
    found = {limit.what: limit.reports_a_day for limit in paper.limits(FIGURES)}
    assert found["`match` compares the newest 200,000"] == pytest.approx(20_000)
    assert found["`match` fits 16 GiB"] == pytest.approx(16_384 / 0.002 / 10)
    assert found["`match` is whole again within 5 minutes of a restart"] == pytest.approx(600_000)


def test_a_processor_s_limit_is_met_in_the_busiest_hour() -> None:
    found = {limit.what: limit.reports_a_day for limit in paper.limits(FIGURES)}
    per_second = 0.7 / 0.0002
    assert found["one processor matches in the busiest hour"] == pytest.approx(per_second / 10 * 86_400)


def test_what_breaks_first_stands_first() -> None:
    found = [limit.reports_a_day for limit in paper.limits(FIGURES)]
    assert found == sorted(found)


def test_the_slope_is_between_the_two_largest_states() -> None:
    runs = [{"open_reports": n, "resident_mib": 100 + n / 500} for n in (1000, 10_000, 110_000)]
    assert paper.slope(runs, "resident_mib") == pytest.approx(1 / 500)
    assert paper.slope(runs[:1], "resident_mib") == paper.NOTHING


def test_ten_million_a_day_is_told_with_what_it_needs() -> None:
    run = {"reports_per_s": 1000.0, "cpu_s_per_million": 500, "broker_cpu_s_per_million": 100, "worker": "classify"}
    state = {"open_reports": 10, "ready_after_s": 1.0, "resident_mib": 1, "peak_mib": 1}
    result = {
        "at": "2026-01-01T00:00:00",
        "versions": {"commit": "abc", "kafka": "4", "python": "3.11"},
        "machine": {"cpus": 2, "cpu_model": "x", "memory_gib": 4, "load_1m": 0.1, "load_1m_after": 0.2},
        "settings": {"reports": 10, "rate": 200.0},
        "instances": [run | {"instances": 1}],
        "partitions": [run | {"partitions": 1, "steady_p50_ms": 1.0, "steady_p99_ms": 2.0}],
        "states": [state | {"reports_per_s": 5.0, "cpu_ms_per_report": 0.1}],
        "paper": {"open_days": 10.0},
        "limits": [{"what": "a", "reports_a_day": 5.0, "then": "b"}],
        "needs": paper.needs(FIGURES, 10_000_000),
    }
    page = tables(result)
    assert "116 a second on average, 1,157 in the busiest hour" in page
    assert "100,000,000 reports" in page
    assert "| a | 5 | b |" in page
