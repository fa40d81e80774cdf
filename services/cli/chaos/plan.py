"""In which order a town is hit: drawn from a seed, every kind in every round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.cli.chaos import brokers, network, systems, workers

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

    from services.cli.chaos.kinds import Kind

KINDS = (*workers.KINDS, *brokers.KINDS, *network.KINDS, *systems.KINDS)


@dataclass(frozen=True, kw_only=True)
class Round:
    """Every kind as often as it says: two parts with the departments' system up, and one between with it down."""

    before: tuple[Kind, ...]
    while_down: tuple[Kind, ...]
    after: tuple[Kind, ...]


def draw(luck: Random, only: Collection[str] = ()) -> Round:
    """Draw a round of all kinds, or of those named.

    What the departments' system does itself is kept out of the part in which it is down.

    Raises:
        ValueError: a name is none of a kind.

    """
    names = [kind.name for kind in KINDS]
    if unknown := sorted(set(only) - set(names)):
        message = f"there is no fault of the name {', '.join(unknown)}; expected some of: {', '.join(names)}"
        raise ValueError(message)
    chosen = [kind for kind in KINDS for _ in range(kind.times) if not only or kind.name in only]
    needs_system = [kind for kind in chosen if kind.group == "system"]
    others = [kind for kind in chosen if kind.group != "system"]
    luck.shuffle(others)
    third = min(len(others), len(chosen) // 3)
    down, rest = others[:third], others[third:] + needs_system
    luck.shuffle(rest)
    return Round(before=tuple(rest[: len(rest) // 2]), while_down=tuple(down), after=tuple(rest[len(rest) // 2 :]))
