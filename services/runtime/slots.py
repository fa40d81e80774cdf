"""Slots: names such as `classify-0` that one process at a time may hold.

A slot gives a worker process its stable `transactional.id` and static group membership, so that a restarted process
fences its own ghost at once. On one machine the lease is a file lock, which the kernel lifts when the process dies,
however it dies. Across machines the orchestrator deals out ordinals (a StatefulSet), and the broker's fencing is the
backstop: the older holder exits.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

AT_MOST = 256


class SlotTakenError(Exception):
    """Another process holds the slot that was asked for."""


class Slot:
    """A leased slot; a context manager that gives it back."""

    def __init__(self, worker: str, number: int, handle: int) -> None:
        self.worker = worker
        self.number = number
        self._handle = handle

    @property
    def name(self) -> str:
        """For instance `classify-0`."""
        return f"{self.worker}-{self.number}"

    def give_back(self) -> None:
        """End the lease."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()


def lease(directory: Path, worker: str, number: int | None = None) -> Slot:
    """Lease slot `number` of a worker, or the lowest one that is free.

    Raises:
        SlotTakenError: says which slot is held, and by which process.

    """
    directory.mkdir(parents=True, exist_ok=True)
    wanted = range(AT_MOST) if number is None else range(number, number + 1)
    for candidate in wanted:
        path = directory / f"{worker}-{candidate}.lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        return Slot(worker, candidate, handle)
    if number is None:
        message = f"{worker} cannot start: all {AT_MOST} slots under {directory} are held"
    else:
        path = directory / f"{worker}-{number}.lock"
        holder = path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
        message = (
            f"{worker} cannot start: slot {worker}-{number} is held by process {holder}; "
            f"stop that process, or leave the slot unset to take the next free one"
        )
    raise SlotTakenError(message)
