"""What `train-match` and `evaluate-match` are asked to read: a past export with marks, or a storm that never was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.cli.matching.labelled import Labelled, oldest_first
from services.match.adapters import seen_of
from services.match.worker import families_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.city.model import City

STORM_START = datetime(2026, 3, 2, tzinfo=UTC)
STORM_S = 14 * 86_400.0
CORNERS, LOOKALIKES = 0.008, 0.024
"""Of a storm's incidents: groups of two to four at one corner, and pairs of look-alikes next door."""
HARD = 3.0
"""How many times as many of both there are in a storm to learn from: what is rare is learned from many."""


def of_storm(
    city: City, city_dir: Path, models: Path, *, seed: int, incidents: int, hard: float = 1.0
) -> tuple[list[Labelled], int]:
    """Give synthetic reports whose incidents are known, as the workers classify and route them, the oldest first.

    Also, how many of them repeat an incident that was reported before and can never be linked, having no place.
    """
    from services.sandbox.incidents_storm import truth_storm  # noqa: PLC0415 - only who wants a storm
    from services.sandbox.labelled import labelled  # noqa: PLC0415 - as above

    reports = truth_storm(
        city,
        seed=seed,
        incidents=incidents,
        start=STORM_START,
        spread_s=STORM_S,
        corners=round(CORNERS * hard * incidents),
        lookalikes=round(LOOKALIKES * hard * incidents),
    )
    families = families_of(city)
    found, lost, told = [], 0, set[str]()
    for event, truth in labelled(city_dir, models, reports):
        seen = seen_of(event, families)
        if seen is not None:
            found.append(Labelled(seen, truth))
        else:
            lost += truth in told
        told.add(truth)
    return oldest_first(found), lost


def of_past(
    path: Path, city: City, named: Mapping[str, Sequence[str]], *, encoding: str
) -> tuple[list[Labelled], list[str]]:
    """Give all reports of a past export, the oldest first, and notes on what was left out.

    Raises:
        ExportError: it cannot be read, or says nothing of duplicates.

    """
    from services.cli.matching.past import read_marked  # noqa: PLC0415 - only who has a past

    found, notes = read_marked(path, city, ZoneInfo(city.time_zone), named, encoding=encoding)
    return oldest_first(found), notes
