"""Addresses of real towns; the floors are what the issue asks, on seeds that nothing was tuned on."""

import csv
import gzip
import json
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from addresses_town import METRES, judged, names, town

from services.city.document import Mapping, parse
from services.city.findings import Findings
from services.city.model import HouseNumbers
from services.city.places import read_house_numbers
from services.city.section import Section
from services.places.addresses.finder import Addresses

pytestmark = pytest.mark.realdata
DECLARED = """
file: alessandria_house_numbers.csv
street: [DUG, DUF]
number: Civico
suffix: Esponente
zip: CAP
quarter: QuartiereSobborgo
x: CoordX
y: CoordY
crs: EPSG:3003
"""


@pytest.fixture(scope="module")
def alessandria(real_data: Path) -> tuple[Addresses, HouseNumbers, list[dict[str, str]]]:
    pytest.importorskip("pyproj")
    findings = Findings()
    node = parse("city.yaml", DECLARED.encode(), findings)
    assert isinstance(node, Mapping)
    table = read_house_numbers(Section("city.yaml", "", node, findings), real_data)
    assert table is not None
    assert (findings.faults, findings.warnings) == ([], [])
    with (real_data / "alessandria_house_numbers.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    city = town(name="Alessandria", languages=("it",), house_numbers=table, extent=(8.4, 44.8, 8.8, 45.1))
    return Addresses(city), table, rows


def off(table: HouseNumbers, at: int, found: Any) -> float:
    if found.place is None:
        return float("inf")
    narrow = np.cos(np.radians(table.latitude[at]))
    east = (found.place.longitude - table.longitude[at]) * METRES * narrow
    return float(np.hypot(east, (found.place.latitude - table.latitude[at]) * METRES))


@pytest.mark.parametrize("written", ["{DUG} {DUF} {Civico} {Esponente}", "{DUG} {DUF}, {Civico}/{Esponente}"])
def test_each_house_number_of_alessandria_is_found_from_its_written_address(
    alessandria: tuple[Addresses, HouseNumbers, list[dict[str, str]]], written: str
) -> None:
    book, table, rows = alessandria
    texts = [written.format(**row).rstrip("/ ") for row in rows]
    began = time.process_time()
    found = [book.find(text) for text in texts]
    per_second = len(texts) / (time.process_time() - began)
    near = [off(table, at, each) <= 5 for at, each in enumerate(found)]
    assert len(rows) == 26_160
    assert sum(near) / len(near) >= 0.995
    beyond = [each for each, is_near in zip(found, near, strict=True) if not is_near]
    assert all(each.reason for each in beyond)  # each one says why: its number stands there twice, or is two numbers
    assert per_second >= 5_000  # 20,000 and more on a machine of its own


def test_house_numbers_that_alessandria_does_not_have_are_interpolated_or_refused_and_said_so(
    alessandria: tuple[Addresses, HouseNumbers, list[dict[str, str]]],
) -> None:
    book, table, _ = alessandria
    known = {(table.streets[street].name, number) for street, number in zip(table.street, table.number, strict=True)}
    luck = Random(6)  # noqa: S311 - seeded on purpose
    streets = [street.name for street in table.streets]
    asked = [(luck.choice(streets), luck.randrange(1, 800)) for _ in range(3000)]
    missing = [(street, number) for street, number in asked if (street, number) not in known]
    assert len(missing) > 2000
    for street, number in missing:
        found = book.find(f"{street} {number}")
        assert found.kind != "house_number", (street, number, found)
        assert found.reason


def test_new_havens_streets_with_one_or_two_typing_errors_are_told(real_data: Path) -> None:
    listed = list(json.loads((real_data / "newhaven_streets.json").read_text("utf-8")))
    index = names("en", *listed)
    assert len(index) == len(listed)
    for seed in (20_261, 20_262, 20_263):
        told = judged(index, listed, seed)
        assert told["right"] >= 0.97, (seed, told)
        assert told["wrong"] < 0.005, (seed, told)


def test_the_same_holds_for_streets_of_two_other_languages(real_data: Path) -> None:
    with (real_data / "alessandria_streets.csv").open(encoding="utf-8-sig", newline="") as lines:
        italian = sorted({f"{row['DUG']} {row['DUF']}" for row in csv.DictReader(lines, delimiter=";")})
    with gzip.open(real_data / "madrid_to_2023.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        written = (row["address"].rpartition(",")[0] for row in csv.DictReader(lines))
        spanish = sorted({name for name in written if name and "," not in name and not name[-1].isdigit()})[::3]
    for language, listed in (("it", italian), ("es", spanish)):
        told = judged(names(language, *listed), listed, seed=20_264, count=600)
        assert told["right"] >= 0.95, (language, told)
        assert told["wrong"] < 0.005, (language, told)
