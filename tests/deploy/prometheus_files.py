"""deploy/prometheus as the tests look at it, and the metrics that our code really tells."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from compose_file import ROOT

from services.runtime.metrics import Metrics

FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "rules" / "stormdrain.yml"
CONFIG = FOLDER / "prometheus.yml"
GIVEN = {
    "up",
    "probe_success",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
}
"""What Prometheus, the blackbox exporter and prometheus_client tell by themselves."""


def program(name: str) -> str:
    """Give the path of `promtool` or `prometheus`."""
    found = shutil.which(name)
    assert found is not None, f"{name} is missing: apt-get install prometheus"
    return found


def promtool(*words: str, cwd: Path = FOLDER) -> str:
    """Run promtool; give what it said, and fail with it where it finds a fault."""
    found = subprocess.run([program("promtool"), *words], capture_output=True, text=True, check=False, cwd=cwd)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def rules() -> list[dict[str, Any]]:
    """Give every rule, in order."""
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Give the alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recorded() -> set[str]:
    """Give the names of recorded figures."""
    return {rule["record"] for rule in rules() if "record" in rule}


def families(expression: str) -> set[str]:
    """Give the metrics of ours that an expression uses, without the endings of histograms."""
    plain = re.sub(r"[a-z_]+:stormdrain_\w+:\w+", "", expression)
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\bstormdrain_\w+", plain)}


def unknown(expression: str) -> set[str]:
    """Give the names in an expression that nobody tells or records."""
    told = {each.name for each in Metrics("test").described}
    used = set(re.findall(r"[a-z_]+:stormdrain_\w+:\w+", expression))
    bare = set(re.findall(r"\b(up|probe_\w+|process_\w+)(?=[{\[ ]|$)", expression))
    return (families(expression) - told) | (used - recorded()) | (bare - GIVEN)


def never_set(expression: str) -> set[str]:
    """Give the metrics in an expression that are declared, but that no line of the program sets."""
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "services").rglob("*.py") if path.name != "metrics.py")
    code = re.sub(r"\s+", "", code)
    declared = (ROOT / "services" / "runtime" / "metrics.py").read_text("utf-8")
    attributes = {
        name: attribute for attribute, name in re.findall(r'self\.(\w+) = self\._\w+\(\s*"(\w+)"', declared)
    } | {"worker_info": "info"}
    short = {name.removeprefix("stormdrain_") for name in families(expression)}
    return {name for name in short if not re.search(rf"metrics\.{attributes[name]}\b", code)}
