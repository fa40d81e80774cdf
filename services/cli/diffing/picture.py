"""A map of what moves: the new city's lines, and each moved report where it is, in its new department's colour."""

from __future__ import annotations

import io
import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from services.city.earth import METRES_PER_DEGREE
from services.city.model import City, Layer
from services.cli.diffing.compare import Difference
from services.cli.diffing.told import percent

SIZE: Final = (11.0, 8.0)
"""Inches."""
PAD: Final = 0.12
"""Inches around what is drawn."""
DPI: Final = 120
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Told apart by colour-blind people too (Okabe and Ito, https://jfly.uni-koeln.de/color/), without its yellow."""
MARKS: Final = "o^sDvPp"
"""A shape for each colour besides, for who sees none."""
REST, REST_MARK = "#6b7079", "X"
INK, LINE, LIMIT, LAND, QUIET = "#22262d", "#a9b0ba", "#4b525d", "#f4f5f7", "#5d646e"
MARGIN, BELOW = 0.03, 0.08
"""Of the sides of what is shown; more below, where the scale stands."""
WRAP: Final = 28
"""Signs of a line of the legend."""
MANY: Final = 2000
"""From so many places on, marks have no rim."""
METADATA: Final[dict[str, dict[str, Any]]] = {
    ".png": {"Software": "stormdrain"},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
"""What a file says of itself, by its ending: never the time, so that the same map is the same file."""

Window = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Group:
    """The moved reports of one department, or of all that have no colour of their own."""

    label: str
    colour: str
    mark: str
    places: NDArray[np.float64]
    """Degrees, (n, 2): longitude, latitude."""


def draw(path: Path, city: City, found: Difference, layer: str) -> None:
    """Write the map to `path`, whose ending says in which format: .png, .svg or .pdf.

    Raises:
        OSError: it cannot be written there.

    """
    figure(city, found, layer).savefig(path, dpi=DPI, metadata=METADATA[path.suffix.lower()])


def as_png(city: City, found: Difference, layer: str) -> bytes:
    """Give the map as a PNG file's bytes, without its title: for a page that has one."""
    written = io.BytesIO()
    figure(city, found, layer, titled=False).savefig(written, format="png", dpi=DPI, metadata=METADATA[".png"])
    return written.getvalue()


def figure(city: City, found: Difference, layer: str, *, titled: bool = True) -> Figure:
    """Give the map of a comparison, on the lines of one of the new city's layers; empty: without lines."""
    groups = list(_groups(city, found))
    shown = [each for each in _newest(city) if each.id == layer or each.limits]
    window = _window(city, shown, groups)
    drawn = Figure(figsize=SIZE, layout=ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD), facecolor="white")
    axes = drawn.subplots()
    west, south, east, north = window
    axes.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[])
    axes.set_aspect(_per_degree(south, north))
    axes.spines[:].set_visible(False)
    for each in shown:
        _lines(axes, each, chosen=each.id == layer)
    _marks(axes, groups)
    _scale(axes, window)
    if titled:
        head = f"{found.moved:,} of {found.routed:,} reports go to another department ({percent(found.share)})"
        drawn.suptitle(head, x=0.012, ha="left", fontsize=14, fontweight="bold", color=INK)
    _words(drawn, city, found, layer, groups, window)
    return drawn


def layer_of(city: City, wanted: str = "") -> str:
    """Give the layer whose lines are drawn: the one wanted, else the one that most rules name, never the limits alone.

    Empty where the city has no layer. That the city has the one that is wanted is for the caller to see.
    """
    if wanted:
        return wanted
    named = Counter(rule.layer for rule in city.rules if rule.layer)
    ranked = sorted(_newest(city), key=lambda layer: (layer.limits, -named[layer.id]))
    return ranked[0].id if ranked else ""


def _newest(city: City) -> list[Layer]:
    """Give the last edition of each layer."""
    return list({layer.id: layer for layer in city.layers}.values())


def _groups(city: City, found: Difference) -> Iterator[Group]:
    """Give the moved reports by department, the largest first; what has no colour left is one group at the end."""
    drawn = found.drawn
    places = np.column_stack([np.frombuffer(drawn.longitude), np.frombuffer(drawn.latitude)])
    whose = np.frombuffer(drawn.department, dtype=np.uint16)
    sizes = Counter(whose.tolist())
    ranked = sorted(sizes, key=lambda each: (-sizes[each], drawn.departments[each]))
    own = len(COLOURS) if len(ranked) > len(COLOURS) + 1 else len(ranked)
    for number, colour, mark in zip(ranked[:own], (*COLOURS, REST), (*MARKS, REST_MARK), strict=False):
        code = drawn.departments[number]
        name = city.departments[code].name if code in city.departments else code
        yield Group(name, colour, mark, places[whose == number])
    if rest := ranked[own:]:
        yield Group(f"{len(rest)} other departments", REST, REST_MARK, places[np.isin(whose, rest)])


def _window(city: City, shown: Sequence[Layer], groups: Sequence[Group]) -> Window:
    """Give what is shown, in degrees: the layers; without any, the reports; without these, the city's extent."""
    if shapes := [area.geometry for layer in shown for area in layer.areas]:
        west, south, east, north = shapely.total_bounds(shapes).tolist()
    elif groups:
        places = np.concatenate([group.places for group in groups])
        (west, south), (east, north) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    else:
        west, south, east, north = city.extent
    wide, high = max(east - west, 1e-3), max(north - south, 1e-3)
    return west - wide * MARGIN, south - high * BELOW, east + wide * MARGIN, north + high * MARGIN


def _lines(axes: Axes, layer: Layer, *, chosen: bool) -> None:
    """Draw the areas of the layer that was chosen, and around the city's limits a heavier line."""
    shapes = [area.geometry for area in layer.areas]
    if chosen:
        axes.add_collection(LineCollection(_rings(shapes), colors=LINE, linewidths=0.9, facecolors=LAND, zorder=1))
    if layer.limits:
        around = _rings([shapely.unary_union(shapes)])
        axes.add_collection(LineCollection(around, colors=LIMIT, linewidths=1.3, zorder=2))


def _rings(shapes: Sequence[BaseGeometry]) -> list[NDArray[np.float64]]:
    return [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(shapes))]


def _marks(axes: Axes, groups: Sequence[Group]) -> None:
    number = sum(len(group.places) for group in groups)
    for group in groups:
        axes.scatter(
            group.places[:, 0],
            group.places[:, 1],
            s=max(1.5, min(34.0, 6000 / max(number, 1) ** 0.7)),
            c=group.colour,
            marker=group.mark,
            alpha=0.8,
            linewidths=0.4 if number < MANY else 0,
            edgecolors="white" if number < MANY else "none",
            zorder=3,
            rasterized=number >= MANY,
        )


def _scale(axes: Axes, window: Window) -> None:
    """Draw a bar of a round length, about a fifth of the width, at the lower left."""
    west, south, east, north = window
    metres = METRES_PER_DEGREE / _per_degree(south, north)
    about = (east - west) * metres / 5
    step = 10.0 ** math.floor(math.log10(about))
    length = next(step * times for times in (5, 2, 1) if step * times <= about)
    start, height = west + (east - west) * 0.02, south + (north - south) * 0.02
    stop = start + length / metres
    axes.plot([start, stop], [height, height], color=INK, linewidth=2.5, solid_capstyle="butt", zorder=4)
    told = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"  # noqa: PLR2004 - metres in a kilometre
    axes.annotate(
        told, ((start + stop) / 2, height), (0, 4), textcoords="offset points", ha="center", fontsize=9, color=INK
    )


def _words(drawn: Figure, city: City, found: Difference, layer: str, groups: Sequence[Group], window: Window) -> None:
    keys = [
        Line2D([], [], linestyle="", marker=group.mark, color=group.colour, markersize=8, label=_label(group))
        for group in groups
    ]
    if keys:
        drawn.legend(
            handles=keys,
            loc="outside right upper",
            title="They go to",
            alignment="left",
            frameon=False,
            fontsize=10,
            title_fontsize=10,
            labelspacing=0.9,
            labelcolor=INK,
        )
    west, south, east, north = window
    beyond = sum(
        int((~((west <= x) & (x <= east) & (south <= y) & (y <= north))).sum())
        for x, y in (group.places.T for group in groups)
    )
    lines = f"; lines: {layer}" if layer else ""
    parts = [
        f"{_short(city.name)}, version {city.version}{lines}",
        *([f"{found.drawn.left_out:,} without a place, not drawn"] if found.drawn.left_out else []),
        *([f"{beyond:,} beyond the picture"] if beyond else []),
    ]
    drawn.supxlabel("; ".join(parts), x=0.012, ha="left", fontsize=9, color=QUIET)


def _label(group: Group) -> str:
    # A dollar sign would begin mathematics.
    name = textwrap.fill(group.label.replace("$", r"\$"), WRAP, max_lines=3, placeholder=" ...")
    return f"{name}\n{len(group.places):,}"


def _short(name: str) -> str:
    return textwrap.shorten(name, 60, placeholder=" ...").replace("$", r"\$")


def _per_degree(south: float, north: float) -> float:
    """Give how many times longer a degree of latitude is than one of longitude, in the middle."""
    return 1 / max(math.cos(math.radians((south + north) / 2)), 0.01)
