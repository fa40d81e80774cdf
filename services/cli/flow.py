"""docs/flow.svg: who passes what to whom, drawn from topics.yaml; only where each stands is said here.

    python -m services.cli.flow

`test_readme_flow` compares the file, and sees that every topic and every worker is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from services.runtime import topics

WIDTH, ROW, TOP = 1100, 84, 40
LEFT, MAIN, SIDE = 104, 490, 936
"""Middles of the three columns: who is outside, the way of a report, and who stands beside it."""
TALL = 44
WIDE = {LEFT: 196, MAIN: 270, SIDE: 308}

PLACES: dict[str, tuple[int, float]] = {
    "receive": (MAIN, 1),
    "classify": (MAIN, 2),
    "route": (MAIN, 3),
    "match": (MAIN, 4),
    "watch": (SIDE, 4),
    "prioritize": (MAIN, 5),
    "town": (LEFT, 5),
    "decide": (MAIN, 6),
    "review": (SIDE, 6),
    "deliver": (MAIN, 7),
    "department": (LEFT, 7),
    "index": (SIDE, 8),
}
"""Column and row of each worker, and of who stands outside."""

OUTSIDE: dict[str, tuple[int, float, str, str]] = {
    "gateways": (MAIN, 0, "gateways", "web, app, phone, Open311"),
    "town": (*PLACES["town"], "the town", "a storm warning, a parade"),
    "department": (*PLACES["department"], "a department", "its own consumer, any language"),
    "systems": (MAIN, 8, "the departments' systems", "work orders, case management"),
    "public": (LEFT, 1, "the public", "by the read model"),
}
DOES = {
    "receive": "can the city accept this?",
    "classify": "what is it about, and how sure",
    "route": "whose is it, and why",
    "match": "is it known already?",
    "prioritize": "how soon, also when things change",
    "decide": "release it, or hold it for a person",
    "deliver": "once into each department's system",
    "review": "a person approves, corrects, rejects, unlinks",
    "watch": "surges and figures, over windows",
    "index": "the read model, of all that was said",
}
LABEL = "The flow of reports through the workers and topics of Stormdrain"
HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0 8 4 0 8z"/></marker>'
)
STYLE = """
  text { font: 14px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
  .name { font-weight: 600; text-anchor: middle; }
  .does { font-size: 12px; fill: #57606a; text-anchor: middle; }
  .topic { font: 12px ui-monospace, 'SF Mono', Menlo, Consolas, monospace; fill: #0550ae; }
  .middle { text-anchor: middle; }
  .paper { fill: #ffffff; }
  .worker { fill: #ddf4ff; stroke: #0969da; }
  .outside { fill: #f6f8fa; stroke: #8c959f; stroke-dasharray: 4 3; }
  .way { fill: none; stroke: #57606a; stroke-width: 1.5; marker-end: url(#head); }
  .tip { fill: #57606a; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .does { fill: #9ea7b3; } .topic { fill: #79c0ff; }
    .paper { fill: #0d1117; } .worker { fill: #10243e; stroke: #58a6ff; }
    .outside { fill: #161b22; stroke: #8b949e; } .way { stroke: #9ea7b3; } .tip { fill: #9ea7b3; }
  }
"""


@dataclass(frozen=True)
class Box:
    """Where somebody stands."""

    middle: int
    line: float
    """The height of its middle."""
    wide: int

    @property
    def left(self) -> int:
        """Its left edge."""
        return self.middle - self.wide // 2

    @property
    def right(self) -> int:
        """Its right edge."""
        return self.middle + self.wide // 2


def picture() -> str:
    """Give the SVG."""
    wanted = topics.load()
    tall = TOP + 8 * ROW + 96
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {tall}" role="img" aria-label="{LABEL}">',
        "<!-- Generated from topics.yaml by: python -m services.cli.flow -->",
        f"<style>{STYLE}</style>",
        f"<defs>{HEAD}</defs>",
        f'<rect class="paper" width="{WIDTH}" height="{tall}" rx="8"/>',
    ]
    parts += _ways(wanted)
    parts += [_drawn("outside", _at(column, row), name, does) for column, row, name, does in OUTSIDE.values()]
    parts += [_drawn("worker", _at(*PLACES[name]), name, does) for name, does in DOES.items()]
    parts += _foot(wanted, tall)
    return "\n".join([*parts, "</svg>"]) + "\n"


def workers() -> list[str]:
    """Give who is drawn as a worker; each must have a folder."""
    for name in DOES:
        import_module(f"services.{name}")
    return list(DOES)


def _at(column: int, row: float) -> Box:
    return Box(column, TOP + row * ROW, WIDE[column])


def _drawn(kind: str, box: Box, name: str, does: str) -> str:
    return (
        f'<rect class="{kind}" x="{box.left}" y="{box.line - TALL / 2:g}" width="{box.wide}" height="{TALL}" rx="7"/>'
        f'<text class="name" x="{box.middle}" y="{box.line - 3:g}">{escape(name)}</text>'
        f'<text class="does" x="{box.middle}" y="{box.line + 14:g}">{escape(does)}</text>'
    )


def _ways(wanted: topics.Topics) -> list[str]:
    """Draw each topic from its writer to each reader; what `index` reads, which is all, is one arrow."""
    parts = [
        _down(_at(MAIN, 0), _at(MAIN, 1), "HTTP, answered when stored"),
        _down(_at(MAIN, 7), _at(MAIN, 8), "HTTP, an upsert under one key"),
        _across(_at(MAIN, 1), _at(LEFT, 1), "Open311 GETs"),
    ]
    for name, entry in wanted.entries.items():
        writer = entry.written_by[0]
        if writer not in PLACES or "{worker}" in name:
            continue
        readers = [reader for reader in entry.read_by if reader != "index"]
        begin = _at(*PLACES[writer])
        for reader in readers:
            end = _at(*PLACES[reader])
            if begin.middle == end.middle:
                parts.append(_down(begin, end, name))
            elif begin.line == end.line:
                both = any({writer} <= set(e.read_by) and reader in e.written_by for e in wanted.entries.values())
                parts.append(_across(begin, end, name, (-10 if begin.middle < end.middle else 10) if both else 0))
            else:
                parts.append(_corner(begin, end, name))
        if not readers and entry.personal_data:
            parts.append(_aside(begin, name, "kept apart; a tombstone erases a person"))
    return parts


def _down(begin: Box, end: Box, label: str) -> str:
    top, bottom = begin.line + TALL / 2, end.line - TALL / 2
    return (
        f'<path class="way" d="M{begin.middle} {top:g}V{bottom:g}"/>'
        f'<text class="topic" x="{begin.middle + 10}" y="{(top + bottom) / 2 + 4:g}">{escape(label)}</text>'
    )


def _across(begin: Box, end: Box, label: str, lower: int = 0) -> str:
    first, last = (begin.right, end.left) if begin.middle < end.middle else (begin.left, end.right)
    line = begin.line + lower
    text = line + (16 if lower > 0 else -6)
    return (
        f'<path class="way" d="M{first} {line:g}H{last}"/>'
        f'<text class="topic middle" x="{(first + last) / 2:g}" y="{text:g}">{escape(label)}</text>'
    )


def _corner(begin: Box, end: Box, label: str) -> str:
    """Draw from the side column down and then sideways; into the left one sideways and then down."""
    if end.middle == LEFT:
        first, line = begin.left, begin.line
        path, last = f"M{first} {line:g}H{end.middle}V{end.line - TALL / 2:g}", end.right
    else:
        first, line = end.right, end.line
        path, last = f"M{begin.middle} {begin.line + TALL / 2:g}V{line:g}H{first}", SIDE - WIDE[SIDE] // 2
    return (
        f'<path class="way" d="{path}"/>'
        f'<text class="topic middle" x="{(first + last) / 2:g}" y="{line - 6:g}">{escape(label)}</text>'
    )


def _aside(begin: Box, label: str, note: str) -> str:
    end = SIDE - WIDE[SIDE] // 2
    return (
        f'<path class="way" d="M{begin.right} {begin.line:g}H{end}"/>'
        f'<text class="topic" x="{end + 8}" y="{begin.line - 3:g}">{escape(label)}</text>'
        f'<text class="does" style="text-anchor:start" x="{end + 8}" y="{begin.line + 14:g}">{escape(note)}</text>'
    )


def _foot(wanted: topics.Topics, tall: int) -> list[str]:
    box = _at(*PLACES["index"])
    alone = [name for name, entry in wanted.entries.items() if entry.read_by == ("index",)]
    unread = [name for name, entry in wanted.entries.items() if not {"index", "operator"} & set(entry.read_by)]
    noted = [name for name, entry in wanted.entries.items() if entry.written_by == ("operator",)]
    dead = next(name for name in wanted.entries if "{worker}" in name)
    lines = [
        f"index reads every topic but {' and '.join(unread)}; it alone reads {' and '.join(alone)}.",
        f"What a worker cannot accept goes to {dead}, as it came; a replay is noted in {' and '.join(noted)}.",
    ]
    above = box.line - TALL / 2 - 34
    down = f'<path class="way" d="M{SIDE} {above:g}V{box.line - TALL / 2:g}"/>'
    label = f'<text class="topic middle" x="{SIDE}" y="{above - 8:g}">all that was said</text>'
    return [
        down,
        label,
        *(
            f'<text class="does middle" x="{WIDTH // 2}" y="{tall - 36 + 20 * n}">{escape(each)}</text>'
            for n, each in enumerate(lines)
        ),
    ]


def main(path: Annotated[Path, typer.Argument(help="Where to.")] = Path("docs/flow.svg")) -> None:
    """Write the picture of the flow."""
    path.write_text(picture(), "utf-8")


if __name__ == "__main__":
    typer.run(main)
