"""`stormdrain evaluate-match`: how well duplicates are found, beside the rule that other systems go by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

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
from services.incidents.shelf import WeightsError, path_of, read

if TYPE_CHECKING:
    from services.city.model import City
    from services.cli.matching.labelled import Judged, Labelled, Point, Rule
    from services.incidents.scorer import Scorer

SHOWN = (0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)
"""Precisions at which the curve is told."""
FARTHER = 3.0
"""The rule is told at this many times the metres too."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came out."""

    judged: Judged
    points: list[Point]
    rules: list[tuple[Rule, Point]]
    notes: list[str]


def evaluate_match(
    *,
    city: Town = Path("city"),
    models: Models = Path("models"),
    weights: Annotated[
        Path | None,
        typer.Option(help="The file to judge; not set: match.json in the city's directory, else what is shipped."),
    ] = None,
    history: History = None,
    storm: Annotated[int | None, typer.Option("--storm", help="Judge by a storm that never was, of this seed.")] = None,
    incidents: Size = 2500,
    hard: Annotated[
        float, typer.Option(min=0.0, help="How many times as many look-alikes and shared corners such a storm has.")
    ] = 1.0,
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
    metres: Annotated[
        float, typer.Option(help="The rule to compare with: the same category within so many metres")
    ] = 50.0,
    hours: Annotated[float, typer.Option(help="and within so many hours.")] = 24.0,
    out: Annotated[
        Path | None, typer.Option(help="Directory for a picture of the curve and a map of the links.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as one JSON object.")] = False,
) -> None:
    """Judge links by past reports, or by a storm whose incidents are known: the curve, the bands, and the rule.

    stormdrain evaluate-match --storm 1 --out pictures
    stormdrain evaluate-match --city mytown --history past.csv --mark is_duplicate --category type
    """
    check(
        "evaluate-match",
        history=history,
        storm=storm,
        mark=mark,
        incident=incident,
        one_thing="judges by one thing: give --history FILE, or --storm SEED",
    )
    columns = columns_named(
        id=own, created_at=created, label=category, lat=latitude, lon=longitude, radius_m=radius, address=address,
        mark=mark, incident=incident, text=text or (),
    )  # fmt: skip
    if out is not None:
        make(out, f"--out {out}")
    from services.cli.export import ExportError  # noqa: PLC0415 - not for --help
    from services.cli.matching.asked import of_past, of_storm  # noqa: PLC0415 - needs the train extra
    from services.incidents.scorer import Scorer  # noqa: PLC0415 - as above

    try:
        town = load(city)
        path = weights or path_of(city)
        scorer = Scorer(read(path))
        lost, notes = 0, list[str]()
        if history is not None:
            reports, notes = of_past(history, town, columns, encoding=encoding)
        else:
            reports, lost = of_storm(town, city, models, seed=storm or 0, incidents=incidents, hard=hard)
            notes = [f"synthetic storm {storm}: {incidents} incidents; {lost} duplicates have no place"]
        found = _judged(town, scorer, reports, lost, notes, (metres, hours), out)
    except (CityError, ExportError, WeightsError, ValueError) as error:
        fail(f"stormdrain evaluate-match: {error}")
    except OSError as error:
        fail(f"stormdrain evaluate-match: {error.filename}: {error.strerror}")
    typer.echo(msgspec.json.encode(_document(found)).decode() if as_json else told(found, scorer, path, out))


def _judged(
    town: City,
    scorer: Scorer,
    reports: list[Labelled],
    lost: int,
    notes: list[str],
    by: tuple[float, float],
    out: Path | None,
) -> Found:
    from services.cli.matching import labelled  # noqa: PLC0415 - needs the train extra
    from services.incidents.links import Bands  # noqa: PLC0415 - as above
    from services.match.worker import reaches_of  # noqa: PLC0415 - as above

    if not reports:
        message = "there is no report with a place and a time"
        raise ValueError(message)
    reaches = reaches_of(town)
    bands = Bands(scorer.known.suggestion, scorer.known.automatic)
    links = labelled.links_of(reports, reaches, scorer, bands)
    judged = labelled.judge(reports, links, lost)
    points, _ = labelled.curve(reports, reaches, scorer, lost)
    metres, hours = by
    asked = [
        labelled.Rule(metres, hours),
        labelled.Rule(metres * FARTHER, hours),
        labelled.Rule(metres, hours * FARTHER),
    ]
    rules = [(rule, labelled.by_rule(reports, rule, lost)) for rule in asked]
    if out is not None:
        from services.cli.matching.picture import draw_curve, draw_map  # noqa: PLC0415 - only who wants it

        draw_curve(out / "curve.png", points, rules, judged, f"{judged.duplicates:,} duplicates of {judged.reports:,}")
        draw_map(out / "links.png", town, reports, links, bands)
    return Found(judged, points, rules, notes)


def told(found: Found, scorer: Scorer, path: Path, out: Path | None) -> str:
    """Give what was found, in lines to read."""
    from services.cli.matching.bands import at_precision  # noqa: PLC0415 - needs the train extra

    judged, known = found.judged, scorer.known
    lines = [
        f"{judged.reports:,} reports, {judged.duplicates:,} of them duplicates of an earlier one, judged by {path}",
        *(f"  {note}" for note in found.notes),
        f"linked from {known.automatic:g} on: {judged.automatic:,}, {percent(judged.precision)} of them rightly",
        f"  that finds {percent(judged.recall)} of the duplicates",
        f"suggested from {known.suggestion:g} on: {judged.suggested:,} more, {judged.suggested_right:,} rightly",
        f"  with them {percent(judged.recall_suggested)} are found",
        "the curve, by the score of the likeliest earlier report:",
        "  right   found   from",
    ]
    for wanted in SHOWN:
        point = at_precision(found.points, wanted)
        lines.append(f"  {wanted:.0%}    " + (f"{point.recall:6.1%}  {point.threshold:.4f}" if point else "never"))
    lines.append("the rule of others, the same category within metres and hours:")
    for rule, point in found.rules:
        ours = max((each.precision for each in found.points if each.recall >= point.recall), default=None)
        beside = "that many are not found here" if ours is None else f"{ours:.1%} here, at no fewer found"
        lines.append(
            f"  {rule.metres:g} m, {rule.hours:g} h: {point.recall:.1%} found, {point.precision:.1%} right; {beside}"
        )
    return "\n".join([*lines, *([f"pictures are in {out}"] if out else [])])


def _document(found: Found) -> dict[str, Any]:
    judged = found.judged
    return {
        **judged._asdict(),
        "automatic_precision": judged.precision,
        "automatic_recall": judged.recall,
        "recall_with_suggestions": judged.recall_suggested,
        "rules": [
            {**rule._asdict(), "recall": point.recall, "precision": point.precision} for rule, point in found.rules
        ],
        "curve": [point._asdict() for point in found.points],
        "notes": found.notes,
    }
