"""A past export that is made up: things that several people tell of, in a street where other things are as well."""

import csv
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

HEAD = ("id", "opened", "kind", "words", "lat", "lon", "duplicate", "parent")
WORDS = {
    "Pothole": ("a deep hole by the bakery", "my tyre burst in the hole", "hole in the road near the school"),
    "Street light out": ("the lamp is dark", "street lamp flickers all night", "no light here at the corner"),
}
START = datetime(2025, 1, 6, 8, tzinfo=UTC)


def past(things: int = 220, seed: int = 3) -> list[tuple[str, ...]]:
    """Give rows as of `HEAD`, the oldest first; every other thing is told of once more, and some a third time."""
    luck = random.Random(seed)  # noqa: S311 - an invented past
    rows: list[tuple[datetime, tuple[str, ...]]] = []
    for number in range(things):
        kind = luck.choice(sorted(WORDS))
        words = luck.choice(WORDS[kind])
        latitude, longitude = 40.0 + luck.uniform(0, 0.01), -75.0 + luck.uniform(0, 0.01)
        made = START + timedelta(hours=luck.uniform(0, 2000))
        for again in range(luck.choice((1, 2, 3))):
            at = made + timedelta(hours=again * luck.uniform(0.5, 20))
            lat, lon = (f"{each + luck.gauss(0, 3e-5):.6f}" for each in (latitude, longitude))
            parent, said = (f"c{number}-0", f"{words} again") if again else ("", words)
            cells = (f"c{number}-{again}", f"{at:%Y-%m-%dT%H:%M:%SZ}", kind, said, lat, lon)
            rows.append((at, (*cells, "yes" if again else "no", parent)))
    return [row for _, row in sorted(rows)]


def write(path: Path, rows: Iterable[Sequence[str]], head: Sequence[str] = HEAD) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path
