"""What a kind of fault is, and what it says of itself when it was played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from services.cli.chaos.stage import Stage

Group = Literal["worker", "broker", "network", "system", "data"]


@dataclass(frozen=True, kw_only=True)
class Blow:
    """One fault: what it hit, and from when on the town has to come back by itself."""

    target: str
    at: float
    """Seconds since the epoch. Of what leaves the rest running: when it struck. Of what stops everything: its end."""
    processes: tuple[str, ...] = ()
    """Processes that have to be ready again."""
    told: tuple[str, ...] = ()
    """Processes that an operator tells to go on whenever they pause over what they refuse, until the town is whole."""
    delivered: bool = False
    """Whether what was accepted before has to be in the department's system, and not only decided."""


Play = Callable[[Stage, Random], Iterator[Blow]]
"""Strikes, and gives each blow at the moment from which on the town is left to itself; cleans up when it is back."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of fault."""

    name: str
    what: str
    """In words, for the page."""
    group: Group
    play: Play
    times: int = 1
    """How often in a round."""


class UnexpectedError(Exception):
    """A fault did not do what it must: a zombie went on, a worker did not pause. Says which, and what was seen."""
