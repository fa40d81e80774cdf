"""What is sent: reports of a synthetic storm, or a city's own, every batch new, and the same batch for every side."""

import csv
import gzip
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from benchmarks.samples import START, samples
from services.city.load import load
from services.events import RequestReceived
from services.receive.adapters import town_of
from services.receive.core import Accepted, report_from_row
from services.runtime import wire

REAL = "madrid_to_2023.csv.gz"
BOUNDARIES = "madrid_districts.geojson"
NEW_CITY = (
    *("--text", "text", "--label", "category", "--lat", "lat", "--lon", "lon", "--created", "created_at"),
    *("--name", "Madrid", "--time-zone", "Europe/Madrid", "--language", "es"),
)
"""How `stormdrain city new` makes a city of that file."""
APART = timedelta(days=30)
"""Between two synthetic batches, so that the one before is not open any more: no side's work grows with the run."""
FIRST = START - 100 * APART
"""So that none happens in the future, which no door takes."""


class Record(NamedTuple):
    """A report as it lies in a topic."""

    request_id: str
    key: str
    value: bytes
    headers: wire.Headers


class Source(Protocol):
    """Where reports come from."""

    def take(self, count: int) -> list[Record]:
        """Give the next reports, none of which was given before; fewer where there are no more."""

    def bodies(self, count: int) -> list[dict[str, Any]]:
        """Give the next reports as a channel posts them."""


class Storm:
    """A synthetic storm over the town."""

    def __init__(self, city: Path, models: Path, seed: int) -> None:
        self._city, self._models, self._seed = city, models, seed
        self._batches = 0

    def take(self, count: int) -> list[Record]:
        return [record_of(event) for event in self._events(count)]

    def bodies(self, count: int) -> list[dict[str, Any]]:
        return [_body(event) for event in self._events(count)]

    def _events(self, count: int) -> list[RequestReceived]:
        self._batches += 1
        seed = self._seed * 1000 + self._batches
        start = FIRST + self._batches * APART
        found: Sequence[Any] = samples(
            "received", seed=seed, count=count, city=self._city, models=self._models, start=start
        )
        return list(found)


class Past:
    """A city's own reports, in the order of the file; those without a text are left out."""

    def __init__(self, file: Path, city: Path, skip: int = 0) -> None:
        self._town = town_of(load(city), "")
        self._rows = islice(_rows(file), skip, None)

    def take(self, count: int) -> list[Record]:
        return [record_of(event) for event in islice(self._events(), count)]

    def bodies(self, count: int) -> list[dict[str, Any]]:
        return [_body(event) for event in islice(self._events(), count)]

    def _events(self) -> Iterator[RequestReceived]:
        for row in self._rows:
            judged = report_from_row(row, town=self._town)
            if isinstance(judged, Accepted) and judged.report.text.strip():
                yield RequestReceived(report=judged.report)


def real_data() -> Path | None:
    """Give the folder of public files, where there is one with what is asked for here."""
    named = os.environ.get("STORMDRAIN_REAL_DATA")
    folder = Path(named) if named else Path(__file__).parents[4] / "shared" / "data"
    return folder if (folder / REAL).is_file() and (folder / BOUNDARIES).is_file() else None


def record_of(event: RequestReceived) -> Record:
    """Give an event as `receive` writes it."""
    return Record(event.report.request_id, event.key, wire.encode(event), wire.headers(event, source="receive"))


def _body(event: RequestReceived) -> dict[str, Any]:
    report = event.report
    body: dict[str, Any] = {
        "source_id": report.request_id,
        "created_at": report.requested_at.isoformat(),
        "text": report.text,
        "address": report.address,
        "service_code": report.service_code,
    }
    if report.place is not None:
        body |= {"lat": report.place.latitude, "lon": report.place.longitude, "radius_m": report.place.radius_m}
    return {name: value for name, value in body.items() if value != ""}


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
