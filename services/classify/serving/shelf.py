"""The model that is served and the one to come: looked for while work goes on, tried, and swapped between batches."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic

from services.classify.serving.card import CARD, ModelError
from services.classify.serving.scorer import OnnxScorer

log = logging.getLogger(__name__)

Mark = tuple[Path, int, int, int]
"""A directory, and its card's inode, time of change in ns and size. The card is written last."""


class Shelf:
    """Gives the model for each batch; a new one as soon as it has been read beside the work and found good.

    `where` says which directory is to be served now, `read` reads it and raises `ModelError` if it cannot be served.
    `told` hears of each that was looked at: the model, or None where it was refused. With `every_s` 0 none is.
    """

    def __init__(
        self,
        where: Callable[[], Path],
        read: Callable[[Path], OnnxScorer],
        told: Callable[[OnnxScorer | None], None],
        *,
        every_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._where, self._read, self._told = where, read, told
        self._every_s, self._clock = every_s, clock
        self._reading: Future[OnnxScorer] | None = None
        self._reader = ThreadPoolExecutor(1, "model")
        directory = where()
        self._mark = _mark(directory)
        self._model = read(directory)
        self._next = clock() + every_s

    def current(self) -> OnnxScorer:
        """Give the model to serve now; returns at once."""
        if self._reading is not None:
            self._take(self._reading)
        elif self._every_s and self._clock() >= self._next:
            self._next = self._clock() + self._every_s
            directory = self._where()
            mark = _mark(directory)
            if mark is not None and mark != self._mark:
                self._mark = mark
                self._reading = self._reader.submit(self._read, directory)
        return self._model

    def close(self) -> None:
        """Let the thread go that reads."""
        self._reader.shutdown(cancel_futures=True)

    def _take(self, reading: Future[OnnxScorer]) -> None:
        if not reading.done():
            return
        self._reading = None
        try:
            found = reading.result()
        except (ModelError, OSError) as error:
            log.error("%s; %s goes on", error, self._model.version)  # noqa: TRY400 - no fault of ours: no traceback
            self._told(None)
            return
        if found.version != self._model.version:
            log.info("%s is served from now on, and no longer %s", found.version, self._model.version)
            self._model = found
            self._told(found)


def _mark(directory: Path) -> Mark | None:
    """Tell one card from another; None: there is none at this moment, as while a model is being written."""
    try:
        seen = (directory / CARD).stat()
    except OSError:
        return None
    return directory, seen.st_ino, seen.st_mtime_ns, seen.st_size
