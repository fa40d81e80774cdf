"""What is reported while things break: a storm without end, or a city's own past told again and again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from services.cli.export import Export, ExportError, columns_of, opened
from services.sandbox.storm import storm, to_channel_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.city.model import City

CHUNK = 500
"""Reports of one storm; the next one begins when it is its turn, so that reports happen when they are sent."""


def storms(city: City, seed: int) -> Iterator[dict[str, Any]]:
    """Give invented reports without end, each happening now; the same seed gives the same ones at other times."""
    for number in count():
        now = datetime.now(UTC).replace(microsecond=0)
        for report in storm(city, seed=seed * 1_000_000 + number, count=CHUNK, start=now, spread_s=0):
            said = to_channel_json(report)
            del said["channel"]
            yield said


def past(file: Path, at_least: int) -> Iterator[dict[str, Any]]:
    """Give the reports of an export without end, each time around under new ids.

    The times around that `at_least` takes follow each other in the reports' own time, too, and the last one ends now:
    a report that comes again would otherwise find its double on that very day. Any more end now as well.

    Raises:
        ExportError: it cannot be read, or holds nothing that can be sent.

    """
    with opened(file) as table:
        columns = columns_of(file, table.header, {})
    export = Export(path=file, columns=columns)
    survey = export.survey(dated=True)
    if not survey.lines:
        message = f"{file}: none of {survey.rows:,} rows can be sent"
        raise ExportError(message)
    times = -(-at_least // len(survey.lines))
    span = survey.newest - survey.oldest if survey.newest and survey.oldest else timedelta(0)
    for number in count():
        newest = datetime.now(UTC) - max(0, times - 1 - number) * span
        for report in export.reports(survey, newest):
            yield {**report, "source_id": f"{number}-{report['source_id']}"}
