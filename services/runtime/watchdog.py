"""Ends a process whose call into librdkafka does not come back.

Every call of ours names the seconds that it may take, and librdkafka has been seen to keep one for minutes all the
same: `send_offsets_to_transaction`, when the group's coordinator died at that moment. Its own threads go on telling the
group that all is well, so nobody else takes the partitions over, and no signal handler of Python's ever runs. What
helps is another process.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

EXIT_STUCK = 70
"""EX_SOFTWARE of sysexits.h."""
LOOK_S = 1.0


class Watchdog:
    """Looks, on a thread of its own, that what was begun is done in time."""

    def __init__(self, who: str, *, end: Callable[[int], object] = os._exit, look_s: float = LOOK_S) -> None:
        self._who = who
        self._end = end
        self._look_s = look_s
        self._due = 0.0
        self._what = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    @contextmanager
    def within(self, seconds: float, what: str) -> Iterator[None]:
        """End the process if the block takes longer. One block at a time."""
        self._what, self._due = what, time.monotonic() + seconds
        try:
            yield
        finally:
            self._due = 0.0

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(self._look_s):
            due = self._due
            if due and time.monotonic() > due:
                log.critical("%s ends: %s did not come back; whoever keeps it starts it again", self._who, self._what)
                self._end(EXIT_STUCK)
