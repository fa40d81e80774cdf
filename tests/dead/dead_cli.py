"""`stormdrain dead` as the tests call it, and letters as a worker writes them."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from dead_letters import Headers, Place, Sent
from typer.testing import CliRunner, Result

from services.cli.main import app

AT = datetime(2026, 11, 21, 7, 15, tzinfo=UTC)


def run(place: Place, *arguments: str, answer: str | None = None) -> Result:
    environment = {"KAFKA_BOOTSTRAP": place.bootstrap}
    return CliRunner().invoke(app, ["dead", *arguments], env=environment, input=answer)


def letter(
    place: Place,
    reason: str = "bad_field",
    *,
    value: bytes | None = b'{"text":"a lamp is out"}',
    at: datetime = AT,
    headers: Sequence[tuple[str, bytes]] = (("ce_id", b"r1.classified"),),
    **said: str,
) -> Sent:
    """Make a letter as a worker writes it, of record 7 of partition 1; `said` replaces what its headers say."""
    what = {
        "reason": reason,
        "detail": "Expected `str`, got `int` - at `$.report.text`",
        "worker": place.name,
        "topic": place.read.topic,
        "partition": "1",
        "offset": "7",
        "at": at.isoformat(),
    } | said
    marks: Headers = [(f"dead_{name}", text.encode()) for name, text in what.items() if text]
    return Sent(value=value, key=b"r1", headers=[*headers, *marks])


def write(place: Place, *letters: Sent) -> None:
    place.send(letters, place.dead)


def words(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())
