"""What moves between two cities, for a person or as plain values. No text of a report is ever told, only its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.cells import cell_len

from services.city.model import City
from services.cli.diffing.compare import CAUSES, Difference, Move
from services.cli.diffing.past import LeftOut, Past

MOST_LABELS: Final = 5
MOST_RULES: Final = 3
LONGEST_LABEL: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that is known at the end of a comparison."""

    old: City
    new: City
    past: Past
    found: Difference
    notes: tuple[str, ...]
    top: int
    """Moves that the table shows; 0: all."""

    def shown(self) -> list[Move]:
        """Give the moves of the table."""
        ranked = self.found.ranked()
        return ranked[: self.top] if self.top else ranked


def notes_of(past: Past, unknown: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Say what was filled in or stands on weak feet; `unknown` counts the categories that a city lacks, by who lacks.

    A category as the history calls it; empty: rows that name none.
    """
    if past.dated() and past.untimed:
        yield f"{past.untimed:,} without a time that can be read: routed as of noon of Wednesday 2025-01-15"
    elif past.untimed:
        yield "no column holds the time: all are routed as of noon of Wednesday 2025-01-15; name it: --created COLUMN"
    if past.unplaced:
        yield f"{past.unplaced:,} without coordinates"
    for who, labels in unknown.items():
        ranked = sorted(labels.items(), key=lambda each: (-each[1], each[0]))
        named = [f"{_shown(label)} ({count:,})" for label, count in ranked[:MOST_LABELS]]
        more = f" and {len(ranked) - len(named)} more" if len(ranked) > len(named) else ""
        if ranked:
            yield (
                f"{sum(labels.values()):,} of a category that {who}: {', '.join(named)}{more}; say which is meant: "
                "--categories MAP.csv"
            )


def left_out(past: Past) -> list[str]:
    """Say what could not be routed, a line for each reason, the most frequent first."""
    return [
        f"{each.reports:,} left out, {reason}: line {', '.join(map(str, each.lines))}"
        f"{', ...' if each.reports > len(each.lines) else ''}"
        for reason, each in _ranked(past)
    ]


def _ranked(past: Past) -> list[tuple[str, LeftOut]]:
    return sorted(past.left_out.items(), key=lambda each: (-each[1].reports, each[0]))


def as_text(told: Told) -> str:
    """Give the result in lines to read: the sum, why, the table of moves, notes."""
    found = told.found
    moved = f"{found.moved:,} of {found.routed:,} reports of {told.past.path.name}"
    lines = [
        f"{moved} go to another department ({percent(found.share)})",
        f"  from {_city(told.old)}",
        f"  to   {_city(told.new)}",
    ]
    if found.other_rule or found.other_area:
        lines.append(
            f"  of the {found.same:,} others, another rule takes {found.other_rule:,}, "
            f"and {found.other_area:,} lie in another area"
        )
    lines += [f"  outside the city: {found.outside[0]:,} before, {found.outside[1]:,} after"] * any(found.outside)
    causes = found.causes()
    lines += [f"  {causes[cause]:,} move because {why}" for cause, why in CAUSES.items() if causes[cause]]
    if found.moves:
        lines += ["", *_table(told)]
    more = [*left_out(told.past), *told.notes]
    return "\n".join([*lines, *([""] if more else []), *more])


def as_object(told: Told) -> dict[str, Any]:
    """Give the result as plain values."""
    found, past = told.found, told.past
    return {
        "history": past.path.name,
        "old": _plain(told.old),
        "new": _plain(told.new),
        "rows": past.rows,
        "routed": found.routed,
        "moved": found.moved,
        "same": found.same,
        "share": round(found.share, 6),
        "same_by_another_rule": found.other_rule,
        "same_in_another_area": found.other_area,
        "outside": {"old": found.outside[0], "new": found.outside[1]},
        "causes": {cause: found.causes()[cause] for cause in CAUSES},
        "moves": [_move(move) for move in told.shown()],
        "left_out": [{"reason": reason, "rows": each.reports, "lines": each.lines} for reason, each in _ranked(past)],
        "notes": list(told.notes),
    }


def rules_of(move: Move) -> list[tuple[str, str, int]]:
    """Give by which rules reports were and are taken, and how many, the most frequent first."""
    ranked = sorted(move.rules.items(), key=lambda each: (-each[1], each[0]))
    return [(old, new, reports) for (old, new), reports in ranked]


def why(move: Move) -> str:
    """Say for which causes reports move, the most frequent first."""
    order = list(CAUSES)
    ranked = sorted(move.causes.items(), key=lambda each: (-each[1], order.index(each[0])))
    if len(ranked) == 1:
        return CAUSES[ranked[0][0]]
    return ", ".join(f"{reports:,} {CAUSES[cause]}" for cause, reports in ranked)


def _move(move: Move) -> dict[str, Any]:
    return {
        "from": move.old,
        "to": move.new,
        "reports": move.reports,
        "causes": {cause: move.causes[cause] for cause in CAUSES if move.causes[cause]},
        "rules": [{"from": old, "to": new, "reports": reports} for old, new, reports in rules_of(move)],
        "lines": move.lines,
    }


def _table(told: Told) -> Iterator[str]:
    head = ("reports", "from", "to", "by rule", "why", "lines")
    rows = [
        (
            f"{move.reports:,}",
            move.old,
            move.new,
            _rules(move),
            why(move),
            ", ".join(map(str, move.lines)) + (", ..." if move.reports > len(move.lines) else ""),
        )
        for move in told.shown()
    ]
    widths = [max(cell_len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        blanks = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = (cell + blank for cell, blank in zip(row[1:], blanks[1:], strict=True))
        yield "  ".join([blanks[0] + row[0], *cells]).rstrip()
    if hidden := len(told.found.moves) - len(rows):
        yield f"and {hidden:,} more; all: --top 0"


def _rules(move: Move) -> str:
    ranked = rules_of(move)
    named = [old if old == new else f"{old} > {new}" for old, new, _ in ranked[:MOST_RULES]]
    more = len(ranked) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _shown(label: str) -> str:
    """Give a category as the history calls it, on one line and without what would steer a terminal."""
    plain = "".join(sign if sign.isprintable() else " " for sign in label)
    return (plain if len(plain) <= LONGEST_LABEL else f"{plain[: LONGEST_LABEL - 1]}…") or "none"


def _city(city: City) -> str:
    return f"{city.name}, version {city.version} ({city.path})"


def _plain(city: City) -> dict[str, Any]:
    layers: dict[str, list[str]] = {}
    for layer in city.layers:
        layers.setdefault(layer.id, []).append(layer.version)
    return {"directory": city.path, "name": city.name, "version": city.version, "layers": layers}


def percent(share: float) -> str:
    """Give a share in per cent, as a small number where one digit would not show it."""
    return f"{share:.1%}" if share == 0 or share >= 0.001 else f"{share * 100:.2g}%"  # noqa: PLR2004 - a tenth of a per cent
