"""Plays faults one after another and takes the time until the town is whole again."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.cli.chaos.kinds import Blow, Kind, UnexpectedError
from services.cli.chaos.stage import BESIDE, LOOK_S, Stage
from services.cli.run import Name

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from services.cli.chaos.plan import Round
    from services.sandbox.jars import OnProgress

WITHIN_S = 120.0
"""Published: the town is whole again within this after a fault."""
READ_AGAIN = 2000.0
"""Reports a second that a worker which keeps state reads again, at least, while the town and three nodes work on beside
it; in an hour at storm rate there are as many to read as a town keeps for months."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A blow and how long the town took."""

    kind: str
    target: str
    recovered_s: float | None
    """From `Blow.at`; None: not within the limit."""


@dataclass
class Conductor:
    """Plays on one stage; what was played is in `played`, what went otherwise than it must in `unexpected`."""

    stage: Stage
    luck: Random
    say: OnProgress
    check: Callable[[], None]
    """Raises what ended one of the threads that send and read."""
    within_s: float = WITHIN_S
    played: list[Played] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    system_down_s: float = 0.0
    _system_is_down: bool = False

    def play(self, round_: Round) -> None:
        """Play a round; the departments' system is away for its middle part."""
        self._each(round_.before)
        if round_.while_down:
            self.say("the departments' system goes away")
            began = time.monotonic()
            self.stage.crm(down="reset")
            self._system_is_down = True
            self._each(round_.while_down)
            self.stage.crm()
            self._system_is_down = False
            self.system_down_s += time.monotonic() - began
            self._wait("CRM down", Blow(target="crm", at=time.time(), delivered=True))
        self._each(round_.after)

    def _each(self, kinds: tuple[Kind, ...]) -> None:
        for kind in kinds:
            self.check()
            try:
                for blow in kind.play(self.stage, self.luck):
                    self._wait(kind.name, blow)
            except (UnexpectedError, TimeoutError) as error:
                self.unexpected.append(f"{kind.name}: {error}")
                self.say(f"{kind.name}: {error}")
                if kind.group == "system":
                    self.stage.crm()

    def _wait(self, kind: str, blow: Blow) -> None:
        beside = {name: self.stage.ends(worker) for worker in BESIDE if (name := f"{worker}-0") in blow.processes}
        while not self._whole(blow, beside):
            self.check()
            self._tell(blow.told)
            limit_s = self.within_s + (self.stage.sending.number if self.stage.sending else 0) / READ_AGAIN
            if time.time() - blow.at > limit_s:
                self.played.append(Played(kind=kind, target=blow.target, recovered_s=None))
                self.say(f"{kind} ({blow.target}): not whole again within {limit_s:.0f} s")
                return
            time.sleep(LOOK_S)
        took = max(0.0, time.time() - blow.at)
        self.played.append(Played(kind=kind, target=blow.target, recovered_s=round(took, 2)))
        self.say(f"{kind} ({blow.target}): whole again after {took:.1f} s")

    def _tell(self, names: tuple[str, ...]) -> None:
        for name in names:
            with suppress(OSError):  # it is away, and not paused
                if self.stage.paused(name):
                    self.stage.resume(name)

    def _whole(self, blow: Blow, beside: dict[str, dict[tuple[str, int], int]]) -> bool:
        stage = self.stage
        return (
            all(self._back(name) for name in blow.processes)
            and not stage.waiting(blow.at, delivered=blow.delivered)
            and not any(stage.behind(name.rpartition("-")[0], ends) for name, ends in beside.items())
        )

    def _back(self, name: str) -> bool:
        if self._system_is_down and name.startswith(Name.DELIVER):
            return self.stage.answers(name)  # with nowhere to go, it is not ready for more
        return self.stage.ready(name)
