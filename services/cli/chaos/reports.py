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


class Past:
    """The reports of an export without end, each time around under new ids.

    The times around that `at_least` takes follow each other in the reports' own time, too, and the last one ends now:
    a report that comes again would otherwise find its double on that very day. Any more end now as well.

    Raises:
        ExportError: it cannot be read, or holds nothing that can be sent.

    """

    def __init__(self, file: Path, at_least: int) -> None:
        with opened(file) as table:
            columns = columns_of(file, table.header, {})
        self._export = Export(path=file, columns=columns)
        self._survey = survey = self._export.survey(dated=True)
        if not survey.lines:
            message = f"{file}: none of {survey.rows:,} rows can be sent"
            raise ExportError(message)
        self._times = -(-at_least // len(survey.lines))
        self._span = survey.newest - survey.oldest if survey.newest and survey.oldest else timedelta(0)

    def late(self, per_second: float, seconds: float) -> timedelta:
        """Give by how much a report comes late, in the past's own time, that is held up for `seconds` when told again.

        Years are told within minutes: what is a moment at the door is days there.
        """
        return self._span * (seconds * per_second / len(self._survey.lines))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in count():
            newest = datetime.now(UTC) - max(0, self._times - 1 - number) * self._span
            for report in self._export.reports(self._survey, newest):
                yield {**report, "source_id": f"{number}-{report['source_id']}"}
