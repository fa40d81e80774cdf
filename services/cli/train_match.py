"""`stormdrain train-match`: what makes two reports one incident, learned from a town's own past duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from msgspec.structs import replace

from services.city.findings import CityError
from services.city.load import load
from services.cli.matching.options import (
    Address,
    Category,
    Created,
    Encoding,
    History,
    Incident,
    Latitude,
    Longitude,
    Mark,
    Models,
    Own,
    Radius,
    Size,
    Text,
    Town,
    check,
    columns_named,
    make,
    percent,
)
from services.cli.train import fail
from services.incidents.shelf import FILE, SHIPPED, WeightsError, read, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.city.model import City
    from services.cli.matching.labelled import Labelled
    from services.incidents.learning import Learned
    from services.incidents.scorer import Weights

WIDER = 1.5
"""How far beyond a family's reach is looked at, to learn what its reach should be."""
PARTS = (0.5, 0.75)
"""Of a past, in order of time: what teaches, then what bands are chosen by, then what judges."""

Seeds = Annotated[
    str, typer.Option("--storm", help="Learn from storms that never were, by their seeds: 1,2,3. Says so in the file.")
]
Precision = Annotated[
    float, typer.Option(min=0.5, max=1.0, help="Share of automatic links that must be right, on what was held back.")
]
Out = Annotated[
    Path | None, typer.Option(help="File to write; not set: match.json in the city's directory.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print what was learned as JSON.")]


@dataclass(frozen=True, slots=True)
class Taught:
    """What is learned from, and what judges it: three parts, of which no report is in two."""

    taught: list[Labelled]
    weighed: list[Labelled]
    """Bands are chosen by these."""
    held: list[Labelled]
    lost: int
    """Duplicates held back that have no place."""
    source: str
    by: str
    notes: tuple[str, ...] = ()


def train_match(
    *,
    city: Town = Path("city"),
    models: Models = Path("models"),
    history: History = None,
    mark: Mark = "",
    incident: Incident = "",
    own: Own = "",
    created: Created = "",
    category: Category = "",
    text: Text = None,
    latitude: Latitude = "",
    longitude: Longitude = "",
    radius: Radius = "",
    address: Address = "",
    encoding: Encoding = "utf-8",
    storm: Seeds = "",
    incidents: Size = 2500,
    precision: Precision = 0.98,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Learn from past duplicates what a link weighs, from which score on it is made, and how near reports must be.

    The newest quarter judges what the rest teaches. Few marks only pull the shipped weights towards the town's own.

        stormdrain train-match --city mytown --history past.csv --mark is_duplicate --category type
        stormdrain train-match --city mytown --history past.csv --incident parent_id --id case_id
    """
    check(
        "train-match",
        history=history,
        storm=storm,
        mark=mark,
        incident=incident,
        one_thing="learns from one thing: give --history FILE, or --storm SEEDS",
    )
    columns = columns_named(
        id=own, created_at=created, label=category, lat=latitude, lon=longitude, radius_m=radius, address=address,
        mark=mark, incident=incident, text=text or (),
    )  # fmt: skip
    path = out or city / FILE
    make(path.parent, f"--out {out}" if out else f"--city {city}")
    from services.cli.export import ExportError  # noqa: PLC0415 - not for --help

    try:
        town = load(city)
        prior = None if storm else _shipped()
        given = (
            _of_storms(town, city, models, storm, incidents) if storm else _of_past(town, history, columns, encoding)
        )
        weights, lines = _learned(town, given, prior, precision, synthetic=bool(storm))
    except (CityError, ExportError, WeightsError, ValueError) as error:
        fail(f"stormdrain train-match: {error}")
    try:
        write(path, weights)
    except OSError as error:
        fail(f"stormdrain train-match cannot write {path}: {error.strerror}; name another file: --out FILE")
    if as_json:
        typer.echo(msgspec.json.encode(weights).decode())
    else:
        typer.echo("\n".join([*given.notes, *lines, f"written to {path}"]))


def _shipped() -> Learned:
    from services.incidents.learning import Learned  # noqa: PLC0415 - needs the train extra

    known = read(SHIPPED)
    return Learned(known.bias, known.weights, known.families)


def _of_storms(town: City, city: Path, models: Path, seeds: str, incidents: int) -> Taught:
    from services.cli.matching.asked import HARD, of_storm  # noqa: PLC0415 - needs the train extra

    named = [each.strip() for each in seeds.split(",")]
    strange = next((each for each in named if not each.isdecimal()), None)
    if strange is not None or len(named) < len(PARTS) + 1:
        seen = "" if strange is None else f"{strange!r} is no seed; "
        message = (
            f"--storm {seeds}: {seen}expected three seeds or more, as in 1,2,3; "
            "the last but one sets bands, the last judges"
        )
        raise ValueError(message)
    numbers = [int(each) for each in named]
    taught: list[Labelled] = []
    for seed in numbers[:-2]:
        taught += of_storm(town, city, models, seed=seed, incidents=incidents, hard=HARD)[0]
    weighed, _ = of_storm(town, city, models, seed=numbers[-2], incidents=incidents)
    held, lost = of_storm(town, city, models, seed=numbers[-1], incidents=incidents)
    source = f"synthetic storms {', '.join(map(str, numbers[:-1]))} of {incidents} incidents each"
    return Taught(taught, weighed, held, lost, source, f"synthetic storm {numbers[-1]}")


def _of_past(town: City, history: Path | None, columns: Mapping[str, Sequence[str]], encoding: str) -> Taught:
    from services.cli.matching.asked import of_past  # noqa: PLC0415 - needs the train extra

    assert history is not None  # noqa: S101 - asked for above
    reports, notes = of_past(history, town, columns, encoding=encoding)
    first, second = (round(len(reports) * part) for part in PARTS)
    parts = reports[:first], reports[first:second], reports[second:]
    return Taught(*parts, 0, history.name, "the newest quarter", tuple(notes))


def _learned(
    town: City, given: Taught, prior: Learned | None, precision: float, *, synthetic: bool
) -> tuple[Weights, list[str]]:
    from services.cli.matching import labelled  # noqa: PLC0415 - needs the train extra
    from services.cli.matching.bands import choose  # noqa: PLC0415 - as above
    from services.cli.matching.reach import proposed, wider  # noqa: PLC0415 - as above
    from services.incidents.learning import learn  # noqa: PLC0415 - as above
    from services.incidents.links import Bands  # noqa: PLC0415 - as above
    from services.incidents.scorer import Measured, Scorer, Weights  # noqa: PLC0415 - as above
    from services.match.worker import reaches_of  # noqa: PLC0415 - as above

    blank = Scorer(Weights(source="", bias=0.0, weights={}, suggestion=0.5, automatic=0.5))
    reaches = reaches_of(town)
    wide = wider(reaches, given.taught, WIDER)
    taught = labelled.examples_of(given.taught, wide, blank)
    first = learn(taught, prior)
    weighing = Scorer(replace(blank.known, bias=first.bias, weights=first.weights, families=first.families))
    chosen = choose(labelled.curve(given.weighed, reaches, weighing)[1], precision)
    examples = taught + labelled.examples_of(given.weighed, wide, blank)
    found = learn(examples, prior)
    weights = Weights(
        source=given.source,
        synthetic=synthetic,
        pairs=sum(len(each.values) for each in examples),
        incidents=sum(len(part) - len(labelled.duplicates_of(part)) for part in (given.taught, given.weighed)),
        bias=found.bias,
        weights={name: each for name, each in found.weights.items() if each},
        families=found.families,
        suggestion=chosen.suggestion,
        automatic=chosen.automatic,
    )
    scorer = Scorer(weights)
    bands = Bands(chosen.suggestion, chosen.automatic)
    judged = labelled.judge(given.held, labelled.links_of(given.held, reaches, scorer, bands), given.lost)
    weights = replace(
        weights,
        measured=Measured(
            by=given.by,
            reports=judged.reports,
            duplicates=judged.duplicates,
            automatic_precision=_rounded(judged.precision),
            automatic_recall=_rounded(judged.recall),
            recall=_rounded(judged.recall_suggested),
        ),
    )
    lines = [
        f"learned from {len(given.taught) + len(given.weighed):,} reports, {weights.pairs:,} pairs of them in reach",
        f"  ({given.source})",
        f"judged by {judged.reports:,} others ({given.by}), {judged.duplicates:,} of them duplicates:",
        f"  linked from {chosen.automatic:g} on: {percent(judged.precision)} rightly",
        f"  that are {percent(judged.recall)} of duplicates",
        f"  suggested from {chosen.suggestion:g} on: then {percent(judged.recall_suggested)} of duplicates",
        *proposed(town, [*given.taught, *given.weighed], wide, scorer),
    ]
    return weights, lines


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
