"""python -m benchmarks.addresses --city DIR: how a city's own addresses are found again, and how fast.

Each house number is looked for by its written address, numbers that are not there too, and street names with one or two
typing errors by seed. Prints one JSON line. CPU seconds of one core, so that other work on the machine counts little.
"""

import argparse
import json
import string
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil

from benchmarks.machine import machine, now
from services.city.load import load
from services.city.model import City, HouseNumbers
from services.parts import AddressMatch
from services.places.addresses.finder import Addresses
from services.places.addresses.streets import StreetNames

NEAR_M = 5.0
METRES = 6_371_008.8 * np.pi / 180
HIGHEST = 800


def mistyped(text: str, luck: Random) -> str:
    """Give the text with one error: a letter left out, put in, replaced, or changed over with the next."""
    kind, spot = luck.randrange(4), luck.randrange(max(len(text) - 1, 1))
    letter = luck.choice(string.ascii_lowercase)
    before, here, behind = text[:spot], text[spot : spot + 1], text[spot + 1 :]
    changed = (behind, letter + here + behind, letter + behind, behind[:1] + here + behind[1:])
    return before + changed[kind]


def of_names(names: StreetNames, seed: int, count: int) -> dict[str, float]:
    """Give the shares of mistyped names told right, wrong, or unsure, and how many a second."""
    luck = Random(seed)
    cases: list[tuple[str, str]] = []
    while len(cases) < count:
        meant = luck.choice(names.names)
        typed = mistyped(meant, luck)
        typed = mistyped(typed, luck) if luck.random() < 0.5 else typed
        if typed.lower() != meant.lower():
            cases.append((meant, typed))
    began = time.process_time()
    found = [names.find(typed) for _, typed in cases]
    spent = time.process_time() - began
    told: Counter[str] = Counter()
    for (meant, _), each in zip(cases, found, strict=True):
        right = each.outcome == "found" and each.streets[0] == names.number(meant)
        told["right" if right else "wrong" if each.outcome == "found" else "unsure"] += 1
    shares = {outcome: round(told[outcome] / count, 4) for outcome in ("right", "wrong", "unsure")}
    return {"seed": seed, **shares, "per_cpu_s": round(count / max(spent, 1e-9))}


def of_numbers(book: Addresses, table: HouseNumbers) -> dict[str, float]:
    """Look for every house number by its written address."""
    texts = [
        f"{table.streets[street].name} {number} {table.suffixes[suffix]}".strip()
        for street, number, suffix in zip(table.street, table.number, table.suffix, strict=True)
    ]
    began = time.process_time()
    found = [book.find(text) for text in texts]
    spent = time.process_time() - began
    off = _off(table, found)
    exact = np.array([each.kind == "house_number" for each in found])
    silent = sum(1 for far, each in zip(off, found, strict=True) if far > NEAR_M and not each.reason)
    return {
        "house_numbers": len(texts),
        "within_5_m": round(float((exact & (off <= NEAR_M)).mean()), 5),
        "farther_without_a_reason": silent,
        "per_cpu_s": round(len(texts) / max(spent, 1e-9)),
    }


def of_missing(book: Addresses, table: HouseNumbers, seed: int, count: int) -> dict[str, int]:
    """Look for house numbers that are not there."""
    luck = Random(seed)
    known = {
        (table.streets[street].name, int(number)) for street, number in zip(table.street, table.number, strict=True)
    }
    asked = [(luck.choice(table.streets).name, luck.randrange(1, HIGHEST)) for _ in range(count)]
    missing = [f"{street} {number}" for street, number in asked if (street, number) not in known]
    told: Counter[str] = Counter()
    for text in missing:
        found = book.find(text)
        told["not_said_so" if found.kind == "house_number" or not found.reason else found.kind or "unsure"] += 1
    return {"missing": len(missing), "not_said_so": told.pop("not_said_so", 0), **told}


def of_points(book: Addresses, city: City, seed: int, count: int) -> dict[str, float]:
    """Look for the nearest street and cross street of points anywhere in the city, the index made before."""
    luck = np.random.default_rng(seed)
    west, south, east, north = city.extent
    longitude, latitude = luck.uniform(west, east, count), luck.uniform(south, north, count)
    book.nearest(longitude, latitude)
    began = time.process_time()
    book.nearest(longitude, latitude)
    return {"points": count, "us_each": round((time.process_time() - began) / count * 1e6, 2)}


def _off(table: HouseNumbers, found: Sequence[AddressMatch]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    nowhere = (np.nan, np.nan)
    places = np.array([(each.place.longitude, each.place.latitude) if each.place else nowhere for each in found])
    east = (places[:, 0] - table.longitude) * np.cos(np.radians(table.latitude))
    off = np.hypot(east, places[:, 1] - table.latitude) * METRES
    return np.where(np.isfinite(off), off, np.inf)


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m benchmarks.addresses", description=__doc__)
    reader.add_argument("--city", type=Path, default=Path("city"))
    reader.add_argument("--errors", type=int, default=1000, help="mistyped names for each seed")
    reader.add_argument("--seeds", type=int, default=5)
    asked = reader.parse_args()
    began = time.process_time()
    city = load(asked.city)
    loaded = time.process_time()
    book = Addresses(city)
    made = time.process_time()
    said: dict[str, Any] = {"city": city.name, "streets": len(book.names), "at": now(), "machine": machine()}
    said |= {"load_cpu_s": round(loaded - began, 2), "index_cpu_s": round(made - loaded, 2)}
    said["mistyped"] = [of_names(book.names, seed, asked.errors) for seed in range(asked.seeds)]
    if city.house_numbers is not None:
        said["written"] = of_numbers(book, city.house_numbers)
        said["missing"] = of_missing(book, city.house_numbers, 1, asked.errors)
    said["nearest"] = of_points(book, city, 1, 100 * asked.errors)
    said["memory_mb"] = round(psutil.Process().memory_info().rss / 1e6)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
