"""The program that a department copies out of its page closes an incident: on a real broker, read by `index`."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic
from readme_pages import blocks

from services.events import IncidentClosed, RequestReceived
from services.index.settings import IndexSettings
from services.index.worker import build
from services.parts import Report
from services.readmodel.queries import ReadModel
from services.runtime.records import Decoder
from services.runtime.settings import Shared

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def program(tmp_path: Path, kafka: str) -> Path:
    """The page's program, turned to the tests' broker."""
    (found,) = [
        each.text for each in blocks("python") if each.page == "docs/department.md" and "Producer({" in each.text
    ]
    kept = tmp_path / "close.py"
    kept.write_text(found.replace("127.0.0.1:9092", kafka), "utf-8")
    return kept


def closed(program: Path, *said: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, program, *said], capture_output=True, text=True, check=False, timeout=60)


def test_the_program_of_the_page_closes_an_incident(program: Path, kafka: str, tmp_path: Path) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(IncidentClosed.topic, 1, 1)])[IncidentClosed.topic].result(30)
    done = closed(program, "r-1", "drainage")
    assert done.returncode == 0, done.stderr
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "readme", "auto.offset.reset": "earliest"})
    consumer.subscribe([IncidentClosed.topic])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.key() == b"r-1"
    event = Decoder([IncidentClosed], "index").decode(IncidentClosed.topic, message.value(), [])
    assert isinstance(event, IncidentClosed)
    report = Report(request_id="r-1", channel="web", received_at=NOON, requested_at=NOON - timedelta(minutes=1))
    shared = Shared(stormdrain_state_dir=tmp_path / "state")
    worker = build(IndexSettings(), shared)
    worker.handler.handle([RequestReceived(report=report), event])  # type: ignore[call-arg, arg-type]
    model = ReadModel(shared.read_model)
    row = model.request("r-1")
    model.close()
    assert worker.close is not None
    worker.close()
    assert row is not None
    assert (event.closed_by, row.status) == ("drainage", "closed")
