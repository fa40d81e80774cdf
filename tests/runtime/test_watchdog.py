"""A call that does not come back ends the process; one that does, however long it was waited for before, does not."""

import subprocess
import sys
import threading

from services.runtime.watchdog import EXIT_STUCK, Watchdog

STUCK = """
import logging, threading
from services.runtime.watchdog import Watchdog
logging.basicConfig(format="%(message)s")
with Watchdog("decide-0", look_s=0.01).within(0.05, "the end of a transaction"):
    threading.Event().wait()
"""


def test_a_process_that_is_stuck_ends_and_says_in_what() -> None:
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == EXIT_STUCK
    assert ended.stderr == (
        "decide-0 ends: the end of a transaction did not come back; whoever keeps it starts it again\n"
    )


def test_what_comes_back_in_time_ends_nothing_and_nor_does_what_is_outside() -> None:
    ended: list[int] = []
    looked = threading.Event()

    def end(status: int) -> None:
        ended.append(status)
        looked.set()

    dog = Watchdog("decide-0", end=end, look_s=0.001)
    for _ in range(100):
        with dog.within(30.0, "a transaction"):
            pass
    assert not looked.wait(0.1)
    with dog.within(-1.0, "an abort"):
        assert looked.wait(10.0)
    dog.close()
    assert set(ended) == {EXIT_STUCK}
