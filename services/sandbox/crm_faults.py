"""The ways a real CRM hurts, each a knob: set over HTTP (`POST /api/faults`) or from a test, drawn from a seed."""

from __future__ import annotations

import random
from typing import Annotated, Literal

from msgspec import Meta, Struct

Rate = Annotated[float, Meta(ge=0.0, le=1.0)]


class Faults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong. All rates are shares of requests, 0 to 1; everything is off by default."""

    seed: int = 0
    down: Literal["", "503", "reset"] = ""
    """`503`: answers so. `reset`: closes the connection unread, as a host does that is away."""
    error_rate: Rate = 0.0
    """500 and nothing done."""
    error_after_rate: Rate = 0.0
    """Done, and 500 all the same."""
    lose_answer_rate: Rate = 0.0
    """Done, and the connection closed without an answer."""
    limit_rate: Rate = 0.0
    """429 with Retry-After."""
    retry_after_s: Annotated[float, Meta(ge=0.0)] = 1.0
    slow_ms: Annotated[int, Meta(ge=0)] = 0
    """Each request waits this long before anything is done."""
    ambiguous: tuple[str, ...] = ()
    """References that are answered 300, as if several records matched."""
    schema_change: bool = False
    """The field `department` is now called `department_code`: whoever sends the old name is answered 422."""


Misfortune = Literal["", "down", "reset", "limit", "error", "error_after", "lose_answer"]


class Dice:
    """Draws what befalls each request; the same faults and seed befall the same sequence of requests."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._random = random.Random(faults.seed)

    def roll(self) -> Misfortune:
        """Give what befalls the next request."""
        faults = self.faults
        if faults.down:
            return "reset" if faults.down == "reset" else "down"
        rates: tuple[tuple[Misfortune, float], ...] = (
            ("limit", faults.limit_rate),
            ("error", faults.error_rate),
            ("error_after", faults.error_after_rate),
            ("lose_answer", faults.lose_answer_rate),
        )
        for what, rate in rates:
            if rate and self._random.random() < rate:
                return what
        return ""
