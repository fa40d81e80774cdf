"""Sees to it that processes do not outlive the one that started them, however that one goes, SIGKILL included.

Not PR_SET_PDEATHSIG: Linux only, and sent when the starting *thread* ends, which may be long before the process.
"""

import subprocess
from collections.abc import Iterable
from contextlib import suppress

# Each line names the process groups of the moment; when no more can come, those of the last whole line are killed.
_SCRIPT = 'while read -r line; do groups=$line; done; for group in $groups; do kill -KILL "-$group"; done 2>/dev/null'


class OrphanWatch:
    """A shell that waits for this process to end and then kills the process groups it was told of last."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(  # noqa: S603 - a shell of every system, and our own words
            ["/bin/sh", "-c", _SCRIPT, "stormdrain-watch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends this process, such as Ctrl-C, must not end the watch too
        )

    def tell(self, groups: Iterable[int]) -> None:
        """Name all process groups that are to be killed with this process; those of an earlier call are forgotten."""
        pipe = self._shell.stdin
        assert pipe is not None  # noqa: S101 - asked for above
        with suppress(OSError):  # a watch that was killed: what it was for goes on without it
            pipe.write(f"{' '.join(map(str, groups))}\n".encode())
            pipe.flush()

    def close(self) -> None:
        """End the watch; nothing is killed."""
        self.tell(())
        with suppress(OSError):
            self._shell.communicate()
