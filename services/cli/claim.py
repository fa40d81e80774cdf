"""Who runs a town's state directory: one `stormdrain up` at a time, and where its doors are."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from services.cli.town import TownError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "town.json"


class Claim:
    """A claimed state directory."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._said: dict[str, Any] = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        self.note({})

    def note(self, said: dict[str, Any]) -> None:
        """Write down what others may read of the town while it is up."""
        self._said |= said
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, json.dumps(self._said, indent=1).encode() + b"\n", 0)


@contextmanager
def claimed(state: Path) -> Iterator[Claim]:
    """Hold a state directory for the length of the block; the kernel lifts the claim however this process ends.

    Raises:
        TownError: another process holds it; says which, and what to do.

    """
    state.mkdir(parents=True, exist_ok=True)
    handle = os.open(state / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not _locked(handle):
            raise TownError(_held(state, _read(handle)))
        claim = Claim(handle)
        yield claim
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def running(state: Path) -> dict[str, Any] | None:
    """Give what the `stormdrain up` that holds a state directory has noted: pid, since, and addresses once it is up.

    None where nobody holds it.
    """
    try:
        handle = os.open(state / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(handle)
    else:
        return None
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Lock a file. One who only looks whether it is locked has it for a moment, so this asks more than once."""
    for _ in range(5):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _read(handle: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(handle, 1 << 20, 0))
    except ValueError:  # just being written
        return {}
    return found if isinstance(found, dict) else {}


def _held(state: Path, said: dict[str, Any]) -> str:
    holder = f"process {said['pid']} since {said['since']}" if "pid" in said else "another process"
    where = f"\n  its door is {said['door']}, its desk {said['desk']}" if "door" in said else ""
    stop = f"kill {said['pid']}" if "pid" in said else "stop that process"
    return (
        f"a town is up already in {state}: held by {holder}{where}\n"
        f"  stop it with Ctrl-C where it runs, or `{stop}`; or run another one with --state OTHER"
    )
