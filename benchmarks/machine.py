"""On what a figure was measured, and how far figures of one kind lie apart."""

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import confluent_kafka
import psutil

LIBRARIES = ("confluent-kafka", "msgspec", "aiohttp", "aiokafka", "faust-streaming", "onnxruntime")


def machine() -> dict[str, Any]:
    """Give what a figure depends on beside the program."""
    return {
        "cpus": os.cpu_count(),
        "cpu_model": _cpu_model(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_1m": round(os.getloadavg()[0], 2),
    }


def versions(kafka: str) -> dict[str, str]:
    """Give the versions that matter; `kafka` is the broker's."""
    found = {"stormdrain": version("stormdrain"), "commit": _commit(), "kafka": kafka}
    found |= {"python": platform.python_version(), "librdkafka": confluent_kafka.libversion()[0]}
    return found | {name: version(name) for name in LIBRARIES}


def now() -> str:
    """Give the moment of measuring, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def spread(values: Sequence[float], digits: int = 0) -> dict[str, float]:
    """Give median, quartiles and extremes; with fewer than two values they are all the same."""
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    found = {"median": median, "q1": q1, "q3": q3, "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


@cache
def _commit() -> str:
    words = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
