"""The thread that a worker's own code runs on, so that a slow decision never keeps the consumer from polling."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

T = TypeVar("T")

SLOW_S = 2.0
"""Work that takes longer than this goes on while the loop polls with its partitions paused."""


class Hands:
    """Runs one piece of work at a time."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def call(self, work: Callable[[], T], meanwhile: Callable[[], None]) -> T:
        """Give what `work` gives, or raise what it raises; call `meanwhile` again and again while it takes long."""
        future: Future[T] = self._thread.submit(work)
        try:
            return future.result(SLOW_S)
        except NotYet:
            while not future.done():
                meanwhile()
            return future.result()

    def close(self) -> None:
        """Take no more work; what runs is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
