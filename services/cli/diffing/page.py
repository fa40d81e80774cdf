"""The page of a comparison: one HTML file with its map in it, which needs no network and runs no code."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.cli.diffing.compare import CAUSES
from services.cli.diffing.told import Told, left_out, percent, rules_of, why


def render(told: Told, picture: bytes) -> str:
    """Give the page; `picture` is the map as PNG, empty: the page has none."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["percent"] = percent
    moves = told.shown()
    return environment.get_template("diff.html").render(
        told=told,
        found=told.found,
        picture=base64.b64encode(picture).decode() if picture else "",
        moves=moves,
        hidden=len(told.found.moves) - len(moves),
        causes=CAUSES,
        counts=told.found.causes(),
        notes=[*left_out(told.past), *told.notes],
        rules=rules_of,
        why=why,
    )
