import re
import shlex

import pytest
from compose_file import ROOT, services
from prometheus_files import alerts, unknown
from test_deploy_compose import kinds, parse
from test_deploy_dashboard import PANELS

from services.cli.run import Name

TEXT = (ROOT / "docs" / "runbook.md").read_text("utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"(?m)^## ", TEXT)[1:]}
BLOCKS = [
    (title, block) for title, part in SECTIONS.items() for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
]
LINES = [(title, line) for title, block in BLOCKS for line in block.strip().splitlines()]


def test_every_alert_has_a_section_and_every_section_an_alert_in_the_same_order() -> None:
    assert list(SECTIONS) == list(alerts())


@pytest.mark.parametrize("title", list(SECTIONS))
def test_a_section_says_what_it_means_for_citizens_where_to_look_and_what_to_do(title: str) -> None:
    assert re.findall(r"^\*\*(.+?):\*\*", SECTIONS[title], re.MULTILINE) == ["For citizens", "Look", "Do"]


@pytest.mark.parametrize(("title", "line"), LINES)
def test_a_command_is_one_that_exists(title: str, line: str) -> None:
    first, *words = shlex.split(line)
    if first == "stormdrain":
        parse(words)
    elif first == "town":
        verb, *rest = words
        assert verb in {"exec", "logs", "ps", "restart", "up"}, title
        named = rest[:1] if verb == "exec" else [word.partition("=")[0] for word in rest if not re.match(r"-|\d", word)]
        assert named == [name for name in named if name in services()], f"{title}: {line}"
    else:
        assert first in {"curl", "docker"}, title


def test_a_variable_that_is_named_is_a_setting_and_a_metric_one_of_ours() -> None:
    known = {variable for worker in Name for kind in kinds(worker) for variable, _ in kind.variables()}
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", TEXT)) <= known
    assert unknown(TEXT) == set()


def test_a_panel_that_is_named_is_on_the_dashboard() -> None:
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", TEXT))
    assert len(named) >= 6
    assert named <= {panel["title"] for panel in PANELS}


def test_a_link_within_the_page_leads_to_a_section() -> None:
    assert set(re.findall(r"\(#(\w+)\)", TEXT)) <= {title.lower() for title in SECTIONS}


def test_the_ports_are_those_of_the_compose_file() -> None:
    published = {port.split(":")[1] for service in services().values() for port in service.get("ports", [])}
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", TEXT)) <= published | {"9108"}
