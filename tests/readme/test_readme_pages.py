import re
from importlib import import_module
from typing import Any

import pytest
import typer
from confluent_kafka import KafkaError
from readme_pages import PAGES, ROOT, anchors, commands, links, named, text_of

from services.city.load import load
from services.cli.main import app
from services.cli.settings import every, kinds
from services.events import EVENTS
from services.runtime import topics
from services.runtime.metrics import Metrics
from services.runtime.schemas import stem
from services.runtime.settings import SettingsError, read_all

COMMAND = typer.main.get_command(app)
VERBS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
OTHER_VARIABLES = {"CRM_TOKEN", "STORMDRAIN_MAVEN_REPO", "STORMDRAIN_REAL_DATA"}
"""Variables that are read elsewhere than by settings."""


def test_there_are_pages() -> None:
    assert {"README.md", "docs/gateway.md", "docs/department.md", "docs/sre.md", "docs/town.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{page} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(path.resolve().relative_to(ROOT).as_posix()), f"{page}: {link}: no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_exists_with_its_options(page: str) -> None:
    for words in commands(page):
        if words[0] == "make":
            verbs = [word for word in words[1:] if "=" not in word]
            assert set(verbs) <= VERBS, f"{page}: {' '.join(words)}"
        elif words[0] == "python":
            assert import_module(words[2]).main, f"{page}: {' '.join(words)}"
        else:
            check(page, words)


def check(page: str, words: list[str]) -> None:
    said = f"{page}: {' '.join(words)}"
    command: Any = COMMAND  # typer brings a click of its own
    rest = words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        names, found = command.list_commands(None), command.get_command(None, rest[0])
        if found is None and "|" in rest[0]:
            assert set(rest[0].split("|")) <= set(names), said
            return
        assert found is not None, f"{said}: expected one of {', '.join(names)}"
        command, rest = found, rest[1:]
    options = {name: each for each in command.params for name in (*each.opts, *each.secondary_opts)}
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in {*options, "--help"}, f"{said}: no option {word}"
    if "..." in words or "…" in words:
        return
    required = {each.opts[0] for each in command.params if each.required and each.opts[0].startswith("--")}
    assert not rest or required <= set(rest), f"{said}: it needs {', '.join(sorted(required))}"


def test_every_setting_that_a_page_names_is_one() -> None:
    rows = {row.variable for of in kinds().values() for row in every(of)}
    prefixes = {name.split("_")[0] for name in rows} | {"KAFKA", "STORMDRAIN"}
    for page in PAGES:
        for name in named(page, r"\b[A-Z]+(?:_[A-Z0-9]+)+\b"):
            if name == "CLASSIFY_MAX_TOKENZ":
                continue  # the example of a misspelt one, see below
            if hasattr(KafkaError, name):
                continue  # one of Kafka's own errors
            if name.split("_")[0] in prefixes and name not in OTHER_VARIABLES:
                assert name in rows, f"{page} names {name}, which is no setting"


def test_the_example_of_wrong_settings_is_what_a_worker_says() -> None:
    wrong = {"CLASSIFY_MAX_TOKENS": "9999", "CLASSIFY_MAX_TOKENZ": "3"}
    with pytest.raises(SettingsError) as caught:
        read_all(kinds()["classify"], wrong, "classify")
    assert f"```text\n{caught.value}\n```" in text_of("docs/sre.md")


def test_every_metric_that_a_page_names_is_one() -> None:
    names = {each.name for each in Metrics("docs").described} | {"stormdrain_scoring"}  # and a side of a race
    for page in PAGES:
        for name in named(page, r"\bstormdrain_\w+"):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in names, f"{page} names {name}, which is no metric"


def test_every_topic_that_a_page_names_is_one() -> None:
    wanted = topics.load()
    families = set(wanted.entries)
    known = families | {topic.name for topic in wanted.expand(load(ROOT / "city").departments, brokers=3)}
    known |= {stem(kind) for kind in EVENTS} | {f"stormdrain.{stem(kind)}" for kind in EVENTS}
    later = {"cases.water.v2"}
    """A topic of the time after the next great change."""
    for page in PAGES:
        for name in named(page, r"\b[a-z]+(?:\.(?:[a-z-]+|[{<]\w+[}>]))+\.v\d+\b"):
            plain = re.sub(r"<(\w+)>", r"{\1}", name)
            assert plain in known | later, f"{page} names {name}, which is no topic"


def test_every_event_class_that_a_page_names_is_one() -> None:
    services = import_module("services.events")
    for page in PAGES:
        if page.startswith("docs/adr/") or page == "CONTRIBUTING.md":
            for name in named(page, r"`((?:Request|Contact|Draft|Review|Delivery|Surge|Kpi|Context)[A-Z]\w+)`"):
                assert hasattr(services, name), f"{page} names {name}, which is no event"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_ours_that_a_page_names_is_there(page: str) -> None:
    for name in named(page, r"`((?:services|tests|docs|city|schemas|models|benchmarks|deploy)/[\w./-]+)`"):
        assert (ROOT / name).exists(), f"{page} names {name}, which is not there"


def test_no_page_names_a_place_on_somebodys_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w./])/(work|root|home|tmp)/", text_of(page)), page
