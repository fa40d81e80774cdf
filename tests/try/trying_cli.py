"""Runs `stormdrain try` in this process."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from services.cli.main import app

REPOSITORY = Path(__file__).parents[2]
CITY = REPOSITORY / "city"
MODELS = REPOSITORY / "models"


@dataclass(frozen=True)
class Ran:
    status: int
    lines: list[dict[str, Any]]
    told: str


def tried(worker: str, given: str | bytes, *options: str) -> Ran:
    ran = _run(worker, given, *options)
    return Ran(ran.exit_code, [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr)


def shown(worker: str, given: str, *options: str) -> str:
    """What stands on standard output, as it is."""
    return _run(worker, given, *options).stdout


def _run(worker: str, given: str | bytes, *options: str) -> Result:
    environment = {"STORMDRAIN_CITY_DIR": str(CITY), "STORMDRAIN_MODELS_DIR": str(MODELS)}
    ran = CliRunner().invoke(app, ["try", worker, *options], input=given, env=environment)
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran


def rows(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def written(ran: Ran) -> str:
    """The output again, as the input of a next stage."""
    return "".join(json.dumps(line) + "\n" for line in ran.lines)
