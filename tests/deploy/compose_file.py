"""docker-compose.kafka.yml as docker compose would read it: merged, with the defaults of its variables."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docker-compose.kafka.yml"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::-(?P<default>[^}]*))?\}")

LOOP_PORT = 9108
"""Where a worker tells its metrics that has no other port."""


def variables() -> dict[str, str | None]:
    """Give the variables that the file takes from the environment, with their defaults; None where there is none."""
    return {found["name"]: found["default"] for found in VARIABLE.finditer(PATH.read_text("utf-8"))}


def services(**environment: str) -> dict[str, dict[str, Any]]:
    """Give the services, for variables that are set as in `environment`."""
    found: dict[str, dict[str, Any]] = _filled(yaml.safe_load(PATH.read_text("utf-8"))["services"], environment)
    return found


def _filled(value: Any, environment: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, environment) for each in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: environment.get(found["name"]) or found["default"] or "", value)
    return value


def environment(service: dict[str, Any]) -> dict[str, str]:
    """Give what a service's process sees; docker compose writes numbers as text."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}
