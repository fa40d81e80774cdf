"""Where the race is run: the shipped town with a synthetic storm, and a city made of its own past with its own reports.

The real city is made by `stormdrain city new` from the first rows of the file and trained on them; what is sent are
later rows. It is kept in the user's cache, never in the repository.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.peers.pipeline.reports import BOUNDARIES, NEW_CITY, REAL, Past, Source, Storm, real_data
from services.classify.serving.card import FORMAT

LEARNT_FROM = 10_000
"""Rows of the file; training on all of them would take minutes."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A city and its reports."""

    name: str
    city: Path
    models: Path
    source: Source


def synthetic(city: Path, models: Path, seed: int) -> World:
    """Give the shipped town and a storm."""
    return World(name="synthetic", city=city, models=models, source=Storm(city, models, seed))


def real(models: Path, say: Callable[[str], None]) -> World | None:
    """Give the city of the public files, or None, with one line that says so, where there are none."""
    data = real_data()
    if data is None:
        say(f"real reports are left out: there is no {REAL} where STORMDRAIN_REAL_DATA points, nor in ../shared/data")
        return None
    city = _cached(data, say)
    return World(name="madrid", city=city, models=models, source=Past(data / REAL, city, skip=LEARNT_FROM))


def _cached(data: Path, say: Callable[[str], None]) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stormdrain" / "cities"
    made_of = hashlib.sha256(repr((NEW_CITY, LEARNT_FROM, FORMAT)).encode())
    for name in (REAL, BOUNDARIES):
        made_of.update((data / name).read_bytes())
    city = cache / f"madrid-{made_of.hexdigest()[:12]}"
    if (city / "model").is_dir():
        return city
    say(f"making a city of the first {LEARNT_FROM:,} real reports, once: {city}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        history, made = Path(folder) / "history.csv", Path(folder) / city.name
        with gzip.open(data / REAL, "rt", encoding="utf-8") as lines:
            # A row whose text has line breaks may be cut at the end: the last line is left out if it is no whole row.
            history.write_text("".join(islice(lines, LEARNT_FROM)), encoding="utf-8")
        words = ["city", "new", str(made), "--boundaries", str(data / BOUNDARIES), "--history", str(history), *NEW_CITY]
        subprocess.run(
            [sys.executable, "-c", "from services.cli.main import run; run()", *words],
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
            check=True,
        )
        shutil.rmtree(city, ignore_errors=True)
        made.rename(city)
    return city
