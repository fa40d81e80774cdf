from pathlib import Path
from xml.etree import ElementTree as ET

from services.cli.flow import picture, workers
from services.cli.run import Name
from services.runtime import topics

ROOT = Path(__file__).parents[2]


def test_the_picture_of_the_flow_is_up_to_date() -> None:
    assert (ROOT / "docs/flow.svg").read_text("utf-8") == picture(), "python -m services.cli.flow draws it anew"


def test_every_worker_and_every_topic_is_in_the_picture() -> None:
    text = "\n".join(ET.fromstring(picture()).itertext())  # noqa: S314 - our own
    assert set(workers()) == {str(name) for name in Name}
    missing = [name for name in (*topics.load().entries, *workers()) if name not in text]
    assert not missing
