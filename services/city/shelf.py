"""The city that is worked by and the one to come: looked for while work goes on, read whole, and swapped at once.

A town's files are edited one by one, so that a directory is read only once nothing in it has changed from one look to
the next, and what was read counts only if nothing changed meanwhile. Whoever renames a finished directory into place
need not wait for luck: a file that stands half written for longer than two looks is read as it stands.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

from services.city.findings import CityError
from services.city.load import FILES, FOLDERS, load
from services.city.model import City

log = logging.getLogger(__name__)

T = TypeVar("T")
Mark = tuple[tuple[str, int, int, int], ...]
"""Of each file its path, inode, time of change in ns and size."""


@dataclass(frozen=True, slots=True)
class _Found(Generic[T]):
    """A city that was read whole and may be worked by, or why it may not."""

    mark: Mark
    city: City | None = None
    made: T | None = None
    why: str = ""


class CityShelf(Generic[T]):
    """Gives what was made of the city for each batch; of a new one as soon as it has been read beside the work.

    `make` makes of a city what works by it. `unfit` says why a sound city may not take the place of the one that this
    process began with; empty: it may. `told` hears of each that was looked at: the city, or None where it was refused.
    With `every_s` 0 none is looked for.

    Raises:
        CityError: the city that is there at the start has faults.

    """

    def __init__(
        self,
        directory: Path,
        make: Callable[[City], T],
        unfit: Callable[[City, City], str],
        told: Callable[[City | None], None],
        *,
        every_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._directory, self._make, self._unfit, self._told = directory, make, unfit, told
        self._every_s, self._clock = every_s, clock
        self._reader = ThreadPoolExecutor(1, "city")
        self._looking: Future[_Found[T] | None] | None = None
        self._seen: Mark = ()
        self._judged = _mark(directory)
        self.city = self._first = load(directory)
        self._current = make(self.city)
        self._next = clock() + every_s

    def current(self) -> T:
        """Give what to work by now; returns at once."""
        if self._looking is not None:
            self._take(self._looking)
        elif self._every_s and self._clock() >= self._next:
            self._looking = self._reader.submit(self._look)
        return self._current

    def close(self) -> None:
        """Let the thread go that reads."""
        self._reader.shutdown(cancel_futures=True)

    def _look(self) -> _Found[T] | None:
        mark = _mark(self._directory)
        settled, self._seen = mark == self._seen, mark
        if mark == self._judged or not settled:
            return None
        found = self._read(mark)
        self._seen = _mark(self._directory)
        return found if self._seen == mark else None

    def _read(self, mark: Mark) -> _Found[T]:
        try:
            city = load(self._directory)
            why = self._unfit(self._first, city)
            return _Found(mark, why=why) if why else _Found(mark, city, self._make(city))
        except CityError as error:
            return _Found(mark, why=str(error))
        except Exception as error:  # whatever is wrong with it, the city that is worked by is not
            log.exception("the city in %s cannot be read", self._directory)
            return _Found(mark, why=f"the city in {self._directory} cannot be read ({type(error).__name__})")

    def _take(self, looking: Future[_Found[T] | None]) -> None:
        if not looking.done():
            return
        self._looking, self._next = None, self._clock() + self._every_s
        found = looking.result()
        if found is None:
            return
        self._judged = found.mark
        if found.city is None or found.made is None:
            log.error("%s; %s goes on", found.why, self.city.version)
            self._told(None)
        elif found.city.version != self.city.version:
            log.info("city %s is worked by from now on, and no longer %s", found.city.version, self.city.version)
            self.city, self._current = found.city, found.made
            self._told(found.city)


def _mark(directory: Path) -> Mark:
    """Tell one state of a directory from another. What vanishes under the look makes a mark that will not settle."""
    paths = [directory / name for name in FILES]
    try:
        for folder in FOLDERS:
            paths += sorted((directory / folder).rglob("*"))
    except OSError:
        paths.append(directory)
    return tuple(_seen(path) for path in paths)


def _seen(path: Path) -> tuple[str, int, int, int]:
    try:
        seen = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), seen.st_ino, seen.st_mtime_ns, seen.st_size
