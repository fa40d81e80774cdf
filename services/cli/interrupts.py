"""Ctrl-C and its kin, for commands that leave nothing behind."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What has come so far. `number` is the first signal, 0 before there is one."""

    def __init__(self) -> None:
        self.number = 0
        self._held = False

    def hold(self) -> None:
        """From here on only note what comes: cleaning up must not be cut short. Each step of it has a budget."""
        self._held = True

    def take(self, number: int, _frame: FrameType | None = None) -> None:
        """Take a signal: the first one raises KeyboardInterrupt, unless held; any further one is too late to matter."""
        first, self.number = not self.number, self.number or number
        if first and not self._held:
            self._held = True
            raise KeyboardInterrupt

    @property
    def status(self) -> int:
        """The exit status of a command that was cut short: 130 for Ctrl-C, as a shell gives it."""
        return 128 + self.number


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Let the first SIGINT, SIGTERM or SIGHUP raise KeyboardInterrupt in the block, once; only for the main thread.

    A SIGHUP that the caller ignores, as `nohup` does, stays ignored.
    """
    taken = Interrupts()
    numbers = [each for each in NUMBERS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, taken.take) for each in numbers}
    try:
        yield taken
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
