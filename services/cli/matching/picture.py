"""Pictures of how well duplicates are found: the curve beside the rules of others, and a map of links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from services.cli.matching.labelled import Judged, Labelled, Point, Rule

if TYPE_CHECKING:
    from services.city.model import City
    from services.incidents.links import Bands, Link

DPI: Final = 120
INK, QUIET, LAND = "#22262d", "#a9b0ba", "#eceef1"
RIGHT, WRONG, SUGGESTED = "#0072b2", "#d55e00", "#009e73"
"""Told apart by colour-blind people too (Okabe and Ito, https://jfly.uni-koeln.de/color/)."""
METADATA: Final[dict[str, Any]] = {"Software": "stormdrain"}
"""Never the time, so that the same picture is the same file."""


def draw_curve(
    path: Path, points: Sequence[Point], rules: Sequence[tuple[Rule, Point]], judged: Judged, title: str
) -> None:
    """Write the precision-recall curve as a PNG file.

    Raises:
        OSError: it cannot be written there.

    """
    figure = Figure(figsize=(7.0, 5.2), layout="constrained")
    axes = figure.add_subplot()
    axes.step([each.recall for each in points], [each.precision for each in points], color=INK, where="post")
    for (rule, point), mark in zip(rules, "osD^v", strict=False):
        label = f"same category, {rule.metres:g} m, {rule.hours:g} h"
        axes.plot([point.recall], [point.precision], mark, color=WRONG, label=label)
    if judged.recall is not None and judged.precision is not None:
        axes.plot([judged.recall], [judged.precision], "*", color=RIGHT, markersize=14, label="linked without a person")
    axes.set(xlabel="of the duplicates, found", ylabel="of what is linked, right", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color=LAND)
    axes.legend(loc="lower left", frameon=False)
    figure.savefig(path, dpi=DPI, metadata=METADATA)


def draw_map(path: Path, city: City, reports: Sequence[Labelled], links: Mapping[str, Link], bands: Bands) -> None:
    """Write a map of reports and links as a PNG file: blue lines are right, orange ones wrong, green are suggestions.

    Raises:
        OSError: it cannot be written there.

    """
    place = {each.seen.id: (each.seen.longitude, each.seen.latitude) for each in reports}
    incident = {each.seen.id: each.incident for each in reports}
    marked = {each.seen.id for each in reports if each.marked}
    figure = Figure(figsize=(9.0, 8.0), layout="constrained")
    axes = figure.add_subplot()
    for layer in city.layers:
        for area in layer.areas:
            for part in shapely.get_parts(shapely.boundary(area.geometry)):
                axes.plot(*np.array(part.coords).T[:2], color=QUIET, linewidth=0.6, zorder=0)
    dots = np.array(list(place.values()))
    axes.scatter(dots[:, 0], dots[:, 1], s=3, color=QUIET, zorder=1)
    for band, right, colour, label in (
        ("suggestion", True, SUGGESTED, "suggested, rightly"),
        ("automatic", True, RIGHT, "linked, rightly"),
        ("automatic", False, WRONG, "linked, wrongly"),
    ):
        lines = [
            (place[each], place[link.duplicate_of])
            for each, link in links.items()
            if link.band == band and link.duplicate_of in place and _right(each, link, incident, marked) == right
        ]
        axes.add_collection(
            LineCollection(lines, colors=colour, linewidths=1.6, label=f"{label}: {len(lines):,}", zorder=2)
        )
    low, high = np.quantile(dots, (0.002, 0.998), axis=0)
    pad = 0.04 * np.maximum(high - low, 1e-4)
    axes.set(xlim=(low[0] - pad[0], high[0] + pad[0]), ylim=(low[1] - pad[1], high[1] + pad[1]))
    axes.set_aspect(1 / np.cos(np.radians((low[1] + high[1]) / 2)))
    axes.set_axis_off()
    axes.legend(loc="lower right", frameon=False)
    axes.set_title(f"links from {bands.automatic:g}, suggestions from {bands.suggestion:g}", loc="left", fontsize=11)
    figure.savefig(path, dpi=DPI, metadata=METADATA)


def _right(request_id: str, link: Link, incident: Mapping[str, str | None], marked: set[str]) -> bool:
    if incident[request_id] is None:
        return request_id in marked
    return incident[request_id] == incident.get(link.duplicate_of or "")
