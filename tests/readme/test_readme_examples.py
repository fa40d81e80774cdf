"""What a reader copies out of the pages works: JSON decodes, Python compiles, posts are accepted."""

import itertools
import json
import re
import shlex
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import yaml
from readme_pages import ROOT, Block, blocks, text_of

from services import events
from services.city.load import load
from services.cli.passage import Passage
from services.parts import Place
from services.receive import core, fields, nearby, open311
from services.receive.adapters import town_of
from services.receive.channels import DOORS, read_body
from services.receive.core import Accepted, judge
from services.receive.joining import Original
from services.receive.settings import ReceiveSettings
from services.sandbox.gateway import Sent
from services.sandbox.tally import Tally, Verdict

TOWN = town_of(load(ROOT / "city"))
NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
ORIGINALS = {
    "3qrs0q68gt7kj7zx56s20hczqc": Original(service_code="pothole", place=Place(latitude=39.2, longitude=-75.1))
}


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_a_json_example_is_json_and_of_the_event_that_it_says(block: Block) -> None:
    json.loads(block.text)
    if block.marked:
        msgspec.json.decode(block.text.encode(), type=getattr(events, block.marked))


def test_the_case_that_a_department_is_shown_is_the_full_example_of_its_schema() -> None:
    (shown,) = [block for block in blocks("json") if block.marked == "Case" and block.page == "docs/department.md"]
    assert json.loads(shown.text) == json.loads((ROOT / "schemas/examples/cases.v1/good-full.json").read_text("utf-8"))


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_a_python_example_compiles_and_reads_committed_records_only(block: Block) -> None:
    compile(block.text, block.page, "exec")
    if "Consumer({" in block.text:
        assert '"isolation.level": "read_committed"' in block.text


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_a_yaml_example_is_yaml(block: Block) -> None:
    assert yaml.safe_load(block.text)


def calls() -> list[list[str]]:
    texts = [block.text.replace("\\\n", " ") for block in blocks("sh")]
    return [shlex.split(line) for text in texts for line in text.split("curl ")[1:]]


def values(words: list[str], *options: str) -> list[str]:
    return [after for word, after in itertools.pairwise(words) if word in options]


def test_every_report_that_a_page_posts_to_a_channel_is_accepted() -> None:
    posted = 0
    for words in calls():
        found = re.search(r"/channels/(\w+)/reports$", next(word for word in words if word.startswith("http")))
        if not found:
            continue
        (body,) = values(words, "-d")
        for raw in read_body(body.encode(), ReceiveSettings().max_batch):
            judged = judge(raw, town=TOWN, door=DOORS[found[1]], received_at=NOW, request_id="r", originals=ORIGINALS)
            assert isinstance(judged, Accepted), judged
            assert not judged.ignored
            posted += 1
    assert posted >= 4


def test_every_form_that_a_page_posts_is_accepted() -> None:
    forms = [words for words in calls() if any(word.endswith("/requests.json") for word in words) and "-d" in words]
    assert forms
    for words in forms:
        pairs = [tuple(pair.split("=", 1)) for pair in values(words, "-d", "--data-urlencode")]
        form = open311.read_form([(name, value) for name, value in pairs], {})
        assert not form.faults
        judged = judge(form.raw, town=TOWN, door=open311.DOOR, received_at=NOW, request_id="r", originals=ORIGINALS)
        assert isinstance(judged, Accepted), judged


def test_every_place_that_a_page_asks_about_can_be_asked_about() -> None:
    city = load(ROOT / "city")
    asked = [word for words in calls() for word in words if "/requests/nearby" in word]
    assert asked
    for address in asked:
        found = nearby.read_nearby_query(dict(parse_qsl(urlsplit(address).query)), city)
        assert isinstance(found, nearby.Asked), found
    (shown,) = [block.text for block in blocks("json") if '"likely"' in block.text]
    incident = nearby.Incident(
        request_id="r1",
        service_code="pothole",
        first_requested_at=NOW,
        last_requested_at=NOW,
        reports=1,
        latitude=0,
        longitude=0,
        distance_m=0,
    )
    (document,) = json.loads(msgspec.json.encode(nearby.incidents([(1.0, incident)], city, UTC)))
    assert list(json.loads(shown)[0]) == list(document)


def test_the_gateway_page_tells_the_limits_of_the_door() -> None:
    text, settings = text_of("docs/gateway.md"), ReceiveSettings()
    for row in (
        f"| `text` | what the citizen said | {fields.LONGEST_TEXT:,} characters |",
        "| 256 characters each |\n",
        f"Up to {settings.max_batch} reports and {settings.max_body_bytes // 2**20} MiB",
        f"calls ({settings.max_concurrent}) the door answers 503",
        f"the last {settings.recent_reports:,} reports",
        f"the body did not arrive within {settings.body_timeout_s:g} s",
    ):
        assert row in text
    for name in core.CANONICAL:
        assert f"`{name}`" in text, f"docs/gateway.md does not tell of {name}"
    assert ", ".join(f"`{name}`" for name in DOORS) in text


def test_the_example_of_a_masked_text_is_what_the_door_makes_of_the_one_above() -> None:
    said = {"text": "Water is coming up out of the storm drain. Call me at 555-867-5309."}
    judged = judge(said, town=TOWN, door=DOORS["app"], received_at=NOW, request_id="r")
    assert isinstance(judged, Accepted)
    assert f"    {judged.report.text}\n" in text_of("docs/gateway.md")


def test_the_table_of_the_readme_has_the_rows_of_the_demo() -> None:
    passage = Passage(sent=Sent(), tally=Tally(), verdict=Verdict(lost=(), doubled=()), seconds=0.0)
    labels = [str(cell) for cell in passage.table("").columns[0]._cells]
    rows = re.findall(r"^│ (.*?) +│", text_of("README.md"), re.MULTILINE)
    assert [row for row in rows if not row.startswith("delivered to")] == labels
