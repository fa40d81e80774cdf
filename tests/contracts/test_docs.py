import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from services.cli import docs, schemas, settings
from services.cli.docs import QUESTIONS, pages
from services.cli.settings import kinds
from services.runtime.metrics import Metrics

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["metrics.md", "settings.md", "topics.md"])
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == pages()[name], "stormdrain docs writes it anew"


def test_every_metric_in_a_question_is_one_of_ours() -> None:
    names = {each.name for each in Metrics("docs").described}
    for question, answer in QUESTIONS:
        used = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"stormdrain_\w+", answer)}
        assert used, question
        assert used <= names, question


def test_every_answer_is_promql(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert os.environ.get("CI") != "true", "promtool is missing: apt-get install prometheus"
        pytest.skip("promtool is missing (apt-get install prometheus): the queries of docs/metrics.md were not parsed")
    rules = [{"alert": f"Question{number}", "expr": answer} for number, (_, answer) in enumerate(QUESTIONS)]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "docs", "rules": rules}]}), "utf-8")
    found = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_setting_has_a_sentence_that_says_what_it_is() -> None:
    for name, of in kinds().items():
        assert of, f"services/{name}/settings.py holds no Settings"
        for kind in of:
            for variable, info in kind.variables():
                text = json.dumps(str(info.type))
                assert "description" in text, f"{variable} of {name} has no description"


def test_the_settings_of_a_worker_start_with_its_name() -> None:
    for name, of in kinds().items():
        for kind in of:
            if name != "shared":
                assert kind.prefix == name.upper().replace("-", "_")


@pytest.fixture
def shell() -> CliRunner:
    return CliRunner()


def run(shell: CliRunner, *arguments: str, **environment: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(settings.settings)
    app.command()(docs.docs)
    app.add_typer(schemas.app, name="schemas")
    done = shell.invoke(app, list(arguments), env={"COLUMNS": "200", **environment})
    return done.exit_code, done.output


def test_settings_of_one_worker_are_listed_with_what_they_are_set_to(shell: CliRunner) -> None:
    code, text = run(shell, "settings", "route", "--json", ROUTE_BATCH_SIZE="500")
    assert code == 0
    row, *rest = json.loads(text)["route"]
    assert {"ROUTE_SLOT", "ROUTE_METRICS_PORT", "ROUTE_LINGER_S"} <= {each["variable"] for each in rest}
    assert row == {
        "variable": "ROUTE_BATCH_SIZE",
        "expected": "a whole number from 1 to 20000",
        "default": "2000",
        "meaning": "Reports routed in one transaction, at most.",
        "secret": False,
        "set": "500",
    }


def test_a_secret_is_never_listed(shell: CliRunner) -> None:
    for how in ((), ("--json",), ("--markdown",)):
        code, text = run(shell, "settings", "shared", *how, KAFKA_SASL_PASSWORD="tiger-lily")
        assert code == 0
        assert "KAFKA_SASL_PASSWORD" in text
        assert "tiger-lily" not in text


def test_settings_of_nobody_are_refused_with_the_names_there_are(shell: CliRunner) -> None:
    code, text = run(shell, "settings", "rout")
    assert code == 1
    assert text.startswith("stormdrain settings cannot show 'rout': expected one of shared, receive, ")


def test_pages_are_written_once_and_checked(shell: CliRunner, tmp_path: Path) -> None:
    where = str(tmp_path)
    code, text = run(shell, "docs", "--directory", where, "--check")
    assert code == 1
    assert text.strip().endswith("topics.md: out of date, to do: stormdrain docs")
    assert run(shell, "docs", "--directory", where)[0] == 0
    assert run(shell, "docs", "--directory", where) == (0, f"the generated pages of {where} are up to date\n")


def test_schemas_are_rendered_once_and_checked(shell: CliRunner, tmp_path: Path) -> None:
    where = str(tmp_path)
    assert run(shell, "schemas", "render", "--directory", where)[0] == 0
    assert run(shell, "schemas", "check", "--directory", where) == (0, f"{where} is as services/events.py says\n")
    (tmp_path / "cases.v1.json").write_text("{}")
    (tmp_path / "cases.v0.json").write_text("{}")
    assert run(shell, "schemas", "check", "--directory", where) == (
        1,
        (
            f"{where}/cases.v1.json is not as services/events.py says\n{where}/cases.v0.json is of no event\n"
            "to do: stormdrain schemas render\n"
        ),
    )
