"""Who takes part in a race, and how each is started."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import typer

from benchmarks.peers.job import Job
from benchmarks.peers.looking import Committed, Look, Written

Say = Callable[[str], None]
Place = Callable[[str, Say], Sequence[str]]
"""Makes ready, once, what a program needs, and gives the words that start it; the job comes after them.

Raises `LeftOutError`.
"""


class LeftOutError(Exception):
    """A side cannot take part here: why, in one line."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way to do the job."""

    name: str
    program: str
    """A module of `benchmarks.peers.programs`, or a Java class."""
    place: Place
    task: str = "passthrough"
    exactly_once: bool = True
    share: float = 1.0
    """Of the input: a slow one is given fewer records, so that all take about as long."""
    tuned: bool = True
    alone: bool = False
    """It has no broker to be watched by: `job.source` is a file of texts, and it says itself what it took."""

    def look(self, job: Job) -> Look:
        """Give what tells how far it is."""
        return Committed(job) if self.exactly_once else Written(job)


def here(program: str, _say: Say) -> Sequence[str]:
    """Run a program with this Python and what is installed in it."""
    return [sys.executable, "-m", f"benchmarks.peers.programs.{program}"]


def chosen(sides: Sequence[Side], names: Iterable[str], *, installed: bool) -> list[Side]:
    """Give the sides of these names, or all where there are none; with `installed` each runs `here`.

    Raises:
        typer.BadParameter: there is no such side.

    """
    wanted = list(names) or [side.name for side in sides]
    if strange := sorted(set(wanted) - {side.name for side in sides}):
        message = f"no side is called {', '.join(strange)}: expected {', '.join(side.name for side in sides)}"
        raise typer.BadParameter(message)
    found = [side for side in sides if side.name in wanted]
    return [replace(side, place=here) for side in found] if installed else found


def say(text: str) -> None:
    """Tell whoever waits."""
    print(text, file=sys.stderr, flush=True)
