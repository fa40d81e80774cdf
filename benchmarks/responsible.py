"""Who is responsible, ranked by `stormdrain learn-routes`, against two simple ways, on the same later requests.

    python -m benchmarks.responsible --boundaries districts.geojson --history past.csv.gz --responsible institution \
        --text title --text text --category category --lat lat --lon lon --address address --created created_at

One JSON line: the share of the newest fifth of the requests whose responsible body came first, and among the first
three, for the majority of category and area, for the text alone (the model's own linear part, over words), and for the
ranking; its calibration error; how many it is sure of at a precision of 95 %, and how many of these are right.
"""

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine, now
from services.city.history import Columns
from services.city.load import load
from services.city.model import City
from services.city.new import Wishes, make
from services.cli.learning import fit
from services.cli.learning.past import Asked, Assignment, Past, read_past
from services.cli.learning.ranking import train
from services.cli.train import progress
from services.responsible.asked import linear_row

TARGET = 0.95


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as aside:
        city = load(options.city) if options.city else made(options, Path(aside) / "city")
        asked = Asked(
            responsible=options.responsible,
            text=tuple(options.text),
            category=options.category,
            latitude=options.lat,
            longitude=options.lon,
            address=options.address,
            created=options.created,
        )
        past = read_past(options.history, asked, city)
        if options.newest:
            past.assignments = past.assignments[-options.newest :]
        print(json.dumps(measured(past, city, Path(aside) / "model"), ensure_ascii=False))


def read_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m benchmarks.responsible")
    town = options.add_mutually_exclusive_group(required=True)
    town.add_argument("--city", type=Path, help="a town's directory")
    town.add_argument("--boundaries", type=Path, help="a file of areas that do not overlap: a town for the while")
    options.add_argument("--history", type=Path, required=True)
    options.add_argument("--responsible", required=True)
    options.add_argument("--text", action="append", default=[])
    for name in ("category", "lat", "lon", "address", "created"):
        options.add_argument(f"--{name}", default="")
    options.add_argument("--newest", type=int, default=0, help="take this many requests, the newest; 0: all")
    return options.parse_args(words)


def made(options: argparse.Namespace, directory: Path) -> City:
    columns = Columns(text=options.text[0], label=options.category, lat=options.lat, lon=options.lon)
    make(directory, boundaries=options.boundaries, export=options.history, columns=columns, wishes=Wishes(name="Town"))
    return load(directory)


def measured(past: Past, city: City, out: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    with progress() as on_progress:
        card = train(past, city, source="history", out=out, target=TARGET, on_progress=on_progress)
    seconds = time.perf_counter() - begun
    earlier, later = past.parted()
    return {
        "benchmark": "responsible",
        "requests": len(past.assignments),
        "responsible": len(past.names),
        "judged": card.judged,
        "judged_by": card.judged_by,
        "majority_of_category_and_area": majority(earlier, later),
        "text_alone": text_alone(earlier, later, sorted(past.names)),
        "ranking": {
            "top1": card.top1,
            "top3": card.top3,
            "calibration_error": card.calibration_error,
            "sure": card.released,
            "sure_precision": card.released_precision,
        },
        "seconds": round(seconds, 1),
        "at": now(),
        "machine": machine(),
    }


def majority(earlier: Sequence[Assignment], later: Sequence[Assignment]) -> dict[str, float]:
    """Judge the commonest body of the category in the area, else of the category, else of all."""
    seen: dict[tuple[object, ...], Counter[str]] = defaultdict(Counter)
    for each in earlier:
        for key in keys(each):
            seen[key][each.department] += 1
    found = []
    for each in later:
        ranked = [body for key in keys(each) for body, _ in seen.get(key, Counter()).most_common(3)]
        found.append(list(dict.fromkeys(ranked)))
    return shares(found, [each.department for each in later])


def keys(each: Assignment) -> list[tuple[object, ...]]:
    return [(each.service_code, *sorted(each.areas.items())), (each.service_code,), ()]


def text_alone(earlier: Sequence[Assignment], later: Sequence[Assignment], bodies: Sequence[str]) -> dict[str, float]:
    rows = [linear_row(fit.Asked(text=each.text), {}) for each in (*earlier, *later)]
    answers = np.array([bodies.index(each.department) for each in earlier])
    learnt, _ = fit.linear(rows[: len(earlier)], answers, len(bodies))
    given = learnt.shares([learnt.row(*row) for row in rows[len(earlier) :]], len(bodies))
    best = np.argsort(-given, axis=1, kind="stable")[:, :3]
    return shares([[bodies[body] for body in row] for row in best.tolist()], [each.department for each in later])


def shares(ranked: Sequence[Sequence[str]], answers: Sequence[str]) -> dict[str, float]:
    first = sum(row[:1] == [answer] for row, answer in zip(ranked, answers, strict=True))
    among = sum(answer in row[:3] for row, answer in zip(ranked, answers, strict=True))
    return {"top1": round(first / len(answers), 4), "top3": round(among / len(answers), 4)}


if __name__ == "__main__":
    main()
