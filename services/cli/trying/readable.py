"""What `route` said, for a person: a line for each point with its area of each layer, and why under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from services.city.model import City
from services.cli.trying.entries import Entry
from services.events import RequestRouted
from services.parts import Boundary

WIDEST: Final = 28
"""Signs of a cell; what is longer is cut."""
NARROWEST: Final = 8
NONE: Final = "-"


class Readable:
    """Writes lines for people. Columns are as wide as the city's own names need, so that nothing is waited for."""

    def __init__(self, city: City) -> None:
        named: dict[str, list[str]] = {}
        for layer in city.layers:
            named.setdefault(layer.id, []).extend(_named(area.area_id, area.name) for area in layer.areas)
        self._layers = list(named)
        columns = (["id"], *([layer, *areas] for layer, areas in named.items()), ["department", *city.departments])
        self._widths = [max(NARROWEST, min(WIDEST, max(map(len, words)))) for words in columns]
        versions = [f"{layer.id} {layer.version}" for layer in city.layers]
        head = self._row(["id", *self._layers, "department"], "why")
        self._head = "\n".join([f"{city.name}, version {city.version}; {', '.join(versions) or 'no layers'}", "", head])

    def line(self, entry: Entry, said: RequestRouted | None) -> bytes:
        """Give the lines for an entry; the head of the table goes before the first."""
        head, self._head = self._head, ""
        return "\n".join([*([head] if head else []), *self._lines(entry, said), ""]).encode()

    def _lines(self, entry: Entry, said: RequestRouted | None) -> Iterator[str]:
        name = str(entry.id if entry.id is not None else f"line {entry.number}")
        if said is None:
            why = f"rejected: {entry.rejected.detail}" if entry.rejected else "rejected by an earlier stage"
            yield self._row([name, *(NONE for _ in self._layers), NONE], why)
            return
        routing = said.routing
        held = {area.layer: _named(area.area_id, area.name) for area in routing.boundaries}
        yield self._row(
            [name, *(held.get(layer, NONE) for layer in self._layers), routing.department], _one_line(routing.reason)
        )
        if entry.doubt:
            yield f"    {entry.doubt.reason}: {entry.doubt.detail}"
        if entry.left_out:
            yield f"    left out, as it cannot be read: {', '.join(entry.left_out)}"
        for area in (*(each for each in routing.boundaries if each.share < 1), *routing.ambiguous):
            yield f"    {_part(area, routing.department)}"
        for lost in routing.lost:
            yield f"    not {lost.rule}: {_one_line(lost.why)}"

    def _row(self, cells: Sequence[str], why: str) -> str:
        shown = (_cut(_one_line(cell)).ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        return "  ".join([*shown, why]).rstrip()


def _part(area: Boundary, department: str) -> str:
    where = f"{area.layer} {_named(area.area_id, area.name)}" if area.area_id else f"beyond the {area.layer}"
    return f"{area.share:.1%} of its circle: {where}, {area.department or department}"


def _named(area_id: str, name: str) -> str:
    return f"{area_id} {name}" if name and name != area_id else area_id


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _one_line(text: str) -> str:
    """Give a text on one line, without what would steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
