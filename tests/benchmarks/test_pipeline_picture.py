"""The picture of where a report's time goes: it shows what was measured, and is what the kept result draws."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.pipeline.picture import SHOWN, drawn
from benchmarks.pipeline.stages import STAGES

ROOT = Path(__file__).parents[2]


def a_run(factor: float) -> dict[str, Any]:
    cost = {name: factor * number for number, name in enumerate((*STAGES[1:], "index", "watch", "broker"), 1)}
    hops = {stage: {"p50_ms": 10 * number} for number, stage in enumerate(STAGES[1:], 1)}
    return {"cpu_ms_per_report": cost, "stages": hops, "cpus_used_by_others": 0.2}


def a_result(**parts: Any) -> dict[str, Any]:
    spread = {figure: {"median": 1234.0} for figure in ("reports_per_s", "p50_ms", "p99_ms")}
    return {
        "at": "2026-01-02T03:04:05+00:00",
        "versions": {"commit": "abc", "kafka": "4", "python": "3.11", "librdkafka": "2"},
        "machine": {"cpus": 2, "cpu_model": "a <processor>", "memory_gib": 8.0},
        "settings": {"rate": 200.0, "repeats": 3},
        **{part: {**spread, "runs": runs} for part, runs in parts.items()},
    }


def texts(picture: str) -> list[str]:
    return [text for each in ET.fromstring(picture).iter() if (text := each.text or "").strip()]  # noqa: S314 - our own


def test_every_process_and_the_medians_of_the_runs_are_in_the_picture() -> None:
    result = a_result(steady=[a_run(1.0), a_run(0.1), a_run(0.5)], saturation=[a_run(0.25)])
    shown = texts(drawn(result))
    assert {*STAGES[1:], "index", "watch", "broker", *SHOWN.values()} <= set(shown)
    assert {"70", "0.50", "3.50", "0.25"} <= set(shown), "a hop, and what receive, deliver and receive again cost"
    assert any("p50 1,234 ms" in text for text in shown)
    assert any("1,234/s" in text for text in shown)
    assert any("a <processor>" in text for text in shown)


def test_a_hop_begins_where_the_one_before_ended() -> None:
    drawing = ET.fromstring(drawn(a_result(steady=[a_run(1.0)])))  # noqa: S314 - our own
    bars = [each for each in drawing.iter() if each.get("class") == "way" and each.get("height") == "16"]
    begins = [x for bar in bars if (x := float(bar.attrib["x"])) < 560]  # the first column
    ends = [x + float(bar.attrib["width"]) for bar in bars if (x := float(bar.attrib["x"])) < 560]
    assert len(begins) == len(STAGES) - 1
    assert begins[1:] == pytest.approx(ends[:-1], abs=0.2)


def test_a_part_that_was_left_out_leaves_its_column_empty() -> None:
    shown = texts(drawn(a_result(saturation=[a_run(1.0)])))
    assert any("p50 not measured" in text for text in shown)
    assert any("1,234/s" in text for text in shown)
