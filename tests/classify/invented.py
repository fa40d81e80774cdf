"""Texts invented for tests, from the tables beside this file; and how often something is said of them."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from services.city.load import load
from services.classify.adapters import Langid
from services.classify.core import Classifier
from services.classify.serving.scorer import OnnxScorer
from services.events import RequestClassified, RequestReceived
from services.parts import Classification, Report

ROOT = Path(__file__).parents[2]
CITY, SHIPPED = ROOT / "city", ROOT / "models" / "shipped"
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


class OneModel(OnnxScorer):
    """The shipped model, for all batches."""

    def current(self) -> "OneModel":
        return self


def rows(name: str) -> list[dict[str, str]]:
    """Give the rows of the table `invented_<name>.tsv`; its first line tells what it is."""
    with (Path(__file__).parent / f"invented_{name}.tsv").open(encoding="utf-8", newline="") as lines:
        assert next(lines).startswith("# Invented")
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def said_of(name: str) -> tuple[tuple[dict[str, str], Classification], ...]:
    """Give what `classify` says with the shipped city and model of each text of a table, as one batch."""
    city, told = load(CITY), rows(name)
    classifier = Classifier(city, OneModel(SHIPPED), Langid(city.languages))
    outcomes = classifier.handle([received(row["text"]) for row in told])
    assert len(outcomes) == len(told)
    return tuple(
        (row, outcome.classification)
        for row, outcome in zip(told, outcomes, strict=True)
        if isinstance(outcome, RequestClassified)
    )


def received(text: str) -> RequestReceived:
    return RequestReceived(
        report=Report(request_id="r-1", channel="web", received_at=NOON, requested_at=NOON, text=text)
    )


def shares(said: Iterable[tuple[str, bool]]) -> dict[str, float]:
    """Give by group how much of it was said rightly."""
    right, all_of = Counter[str](), Counter[str]()
    for group, rightly in said:
        all_of[group] += 1
        right[group] += rightly
    return {group: right[group] / number for group, number in all_of.items()}


def share(rightly: Sequence[bool]) -> float:
    return sum(rightly) / len(rightly)
