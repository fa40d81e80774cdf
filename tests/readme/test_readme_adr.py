import re

import pytest
from readme_pages import ROOT, text_of

FILES = sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Consequences", "What was measured"]


def said(name: str) -> tuple[str, str, str]:
    """Give the number, title and status that a decision says of itself."""
    found = re.match(r"# (\d{4}): (.+)\n\nStatus: (.+)\n", text_of(f"docs/adr/{name}"))
    assert found, f"docs/adr/{name}: expected `# 0001: title`, then `Status: accepted`"
    return found[1], found[2], found[3]


def test_the_index_lists_every_decision_as_it_calls_itself() -> None:
    rows = re.findall(r"^\| \[(\d{4})\]\(([\w.-]+)\) \| (.+) \| (.+) \|$", text_of("docs/adr/README.md"), re.MULTILINE)
    assert rows == [(said(name)[0], name, *said(name)[1:]) for name in FILES]


def test_decisions_are_numbered_one_after_the_other() -> None:
    assert [name[:4] for name in FILES] == [f"{number:04}" for number in range(1, len(FILES) + 1)]


@pytest.mark.parametrize("name", FILES)
def test_a_decision_has_its_parts_in_order_and_a_status(name: str) -> None:
    number, _, status = said(name)
    assert name.startswith(f"{number}-")
    assert re.findall(r"^## (.+)$", text_of(f"docs/adr/{name}"), re.MULTILINE) == PARTS
    replaced = re.fullmatch(r"replaced by (\d{4})", status)
    assert status == "accepted" or (replaced and any(each.startswith(replaced[1]) for each in FILES))


def test_every_decision_that_the_code_cites_is_there() -> None:
    sources = [ROOT / "pyproject.toml", ROOT / "topics.yaml", *(ROOT / "services").rglob("*.py")]
    cited = {number for path in sources for number in re.findall(r"docs/adr/(\d{4})", path.read_text("utf-8"))}
    assert cited <= {name[:4] for name in FILES}
    assert {"0002", "0025"} <= cited
