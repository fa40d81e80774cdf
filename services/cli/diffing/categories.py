"""What each report of a past is about, in the words of either city: by its own category, or by its text."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, cast

from msgspec.structs import replace

from services.city.document import Mapping as Keys
from services.city.document import Scalar, parse
from services.city.findings import Findings, did_you_mean, listed
from services.city.history import slug
from services.city.model import City
from services.classify.core import danger_words
from services.classify.reading.words import Lexicon, fold
from services.classify.settings import ClassifySettings
from services.cli.diffing.past import Row
from services.cli.export import ExportError, opened
from services.cli.trying.labels import Labels
from services.events import Event, RequestClassified, RequestReceived
from services.parts import Safety
from services.runtime.settings import Shared, read_all
from services.runtime.worker import Rejected, Stateless

SAID_BY: Final = "stormdrain route-diff"
MOST_LABELS: Final = 10_000
"""Different categories that are counted apart: a column of texts, named by mistake, has no end of them."""
OTHERS: Final = "others"
_YAML: Final = {".yaml", ".yml"}
_LABEL: Final = ("label", "category", "name")
_CODE: Final = ("service_code", "code")

Classified = RequestClassified | Rejected


class MapError(Exception):
    """A file that maps a history's categories to the cities' cannot be used; the text says why."""


class Sorter(Protocol):
    """Says what reports are about, for one city."""

    def classify(self, rows: Sequence[Row]) -> Sequence[Classified]:
        """Give each report with its category, in order, or why it has none."""


class ByLabel:
    """Takes the category that the past itself names.

    A text tells one thing more, in a city that has a rule for it: whether life is in danger, by that city's words.
    """

    def __init__(self, city: City, mapped: Mapping[str, str]) -> None:
        self._known = city.categories
        self._labels = Labels(city, mapped, SAID_BY)
        asked = any(rule.safety is not None for rule in city.rules)
        self._danger = danger_words(city.categories.values(), Lexicon()) if asked else None
        self._classification = lru_cache(maxsize=MOST_LABELS)(self._labels.classification)
        self.unknown: Counter[str] = Counter()
        """Reports by category, of categories that the city does not have; `""` for reports without one."""

    def classify(self, rows: Sequence[Row]) -> list[Classified]:
        """Give each report with its category; none is refused."""
        return [self._classified(row) for row in rows]

    def _classified(self, row: Row) -> RequestClassified:
        said = self._classification(row.label)
        if said.service_code not in self._known:
            counted = row.label in self.unknown or len(self.unknown) < MOST_LABELS
            self.unknown[row.label if counted else OTHERS] += 1
        if self._danger and row.report.text and (found := self._danger.found_in(fold(row.report.text))):
            said = replace(said, safety=Safety(flagged=True, evidence=found))
        return RequestClassified(report=row.report, classification=said)


class ByText:
    """Lets a worker tell the category from the text, as it would in the town."""

    def __init__(self, handler: Stateless) -> None:
        self._handler = handler

    def classify(self, rows: Sequence[Row]) -> list[Classified]:
        """Give each report with its category; one that has no text is refused."""
        outcomes = self._handler.handle(cast("list[Event]", [RequestReceived(report=row.report) for row in rows]))
        return [each if isinstance(each, RequestClassified | Rejected) else _silent() for each in outcomes]


@dataclass(frozen=True, slots=True)
class Pair:
    """What sorts reports for the old city and for the new one; the same one where the two agree on categories."""

    old: Sorter
    new: Sorter

    def classify(self, rows: Sequence[Row]) -> tuple[Sequence[Classified], Sequence[Classified]]:
        """Give each report as either city sees it."""
        old = self.old.classify(rows)
        return old, old if self.new is self.old else self.new.classify(rows)


def by_label(old: City, new: City, mapped: Mapping[str, str]) -> Pair:
    """Give what takes the category from a column."""
    first = ByLabel(old, mapped)
    alike = old.categories == new.categories and _asks(old) == _asks(new)
    return Pair(first, first if alike else ByLabel(new, mapped))


def by_text(old: City, new: City, model: Path | None) -> tuple[Pair, str]:
    """Give what tells the category from the text, and the model's name.

    Raises:
        ModelError: there is no model that can be served.
        SettingsError: the environment has a setting of `classify` that is wrong.

    """
    from services.classify.worker import build  # noqa: PLC0415 - it takes a while, and labels go without it

    own, shared = read_all((ClassifySettings, Shared), os.environ, SAID_BY)
    settings = cast("ClassifySettings", own if model is None else replace(own, model_dir=model))
    workers = [
        build(settings, replace(cast("Shared", shared), stormdrain_city_dir=Path(city.path))) for city in (old, new)
    ]
    names = [worker.versions["model"] for worker in workers]
    first, second = (ByText(cast("Stateless", worker.handler)) for worker in workers)
    alike = names[0] == names[1] and _spoken(old) == _spoken(new)
    return Pair(first, first if alike else second), " and ".join(dict.fromkeys(names))


def read_map(path: Path, cities: Sequence[City]) -> dict[str, str]:
    """Read which service code is meant by what a history calls a category, by `slug` of that.

    YAML of `label: code`, or CSV with a column label and a column service_code; of two columns, in this order.

    Raises:
        MapError: it cannot be read, says two things of one label, or names a code that no city has.

    """
    pairs = _of_yaml(path) if path.suffix.lower() in _YAML else _of_table(path)
    codes = {code for city in cities for code in city.categories}
    faults = []
    mapped: dict[str, str] = {}
    for line, label, code in pairs:
        if not slug(label):
            faults.append(f"{path.name}:{line}: {label!r} is no category's name")
        elif code not in codes:
            guess = did_you_mean(code, codes) or f"codes are {listed(sorted(codes))}"
            faults.append(f"{path.name}:{line}: {code!r} is a category of neither city; {guess}")
        elif mapped.setdefault(slug(label), code) != code:
            faults.append(f"{path.name}:{line}: {label!r} is {mapped[slug(label)]} before; expected one code for it")
    if faults:
        raise MapError("\n  ".join([f"--categories {path} cannot be used", *faults]))
    return mapped


def _of_yaml(path: Path) -> list[tuple[int, str, str]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        message = f"--categories {path} cannot be read: {error.strerror}"
        raise MapError(message) from None
    findings = Findings()
    root = parse(path.name, raw, findings)
    pairs = []
    for label, value in root.values.items() if isinstance(root, Keys) else ():
        if isinstance(value, Scalar) and not value.none:
            pairs.append((value.line, label, value.text))
        else:
            findings.fault(
                path.name, value.line, label, "has no service code", expected="one, as in `Pothole: pothole`"
            )
    if findings.faults:
        raise MapError("\n  ".join([f"--categories {path} cannot be used", *map(str, findings.faults)]))
    return pairs


def _of_table(path: Path) -> list[tuple[int, str, str]]:
    try:
        with opened(path) as table:
            plain = {name.casefold(): name for name in table.header}
            label, code = (next((plain[each] for each in known if each in plain), "") for known in (_LABEL, _CODE))
            if not (label and code) and len(table.header) == 2:  # noqa: PLR2004 - a pair
                label, code = table.header
            if not (label and code):
                message = f"--categories {path}: expected columns label and service_code; saw {listed(table.header)}"
                raise MapError(message)
            items = [item for item in table.items() if item is not None]
    except ExportError as error:
        message = f"--categories: {error}"
        raise MapError(message) from None
    pairs = []
    for item in items:
        if not isinstance(item.what, dict):
            fault = item.what.detail if isinstance(item.what, Rejected) else "no row"
            message = f"--categories {path} cannot be used\n  {fault}"
            raise MapError(message)
        pairs.append((item.number, item.what[label].strip(), item.what[code].strip()))
    return pairs


def _asks(city: City) -> bool:
    return any(rule.safety is not None for rule in city.rules)


def _spoken(city: City) -> object:
    return city.categories, city.languages, city.policy.min_confidence


def _silent() -> Rejected:
    return Rejected("unclassified", "nothing is said of what it is about")
