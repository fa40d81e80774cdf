"""Kafka's classes, loaded and linked once and kept in a file that every later start maps into memory.

Java makes the file itself (JEP 483 and 514; in one step from Java 25 on) of what a node loads while it starts. The
Java of the wheel comes without even the file of its own classes, so that each start reads some thousands of them from
their jars. Measured on two cores, three starts each, their medians, with all that goes before a node:

                       until it answers    CPU of preparing and starting    resident
    without the file   2.7 s               0.7 and 1.7 s                    217 MB
    with it            1.1 s               0.4 and 0.8 s                    173 MB

To make it takes 6 s of CPU once, and 64 MB of the folder where the jars are.
"""

import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from services.sandbox.jars import BrokerError, OnProgress, exclusive
from services.sandbox.node import Java, Process, settings
from services.sandbox.plan import Address, free_ports, listens

_SINCE = 25
_MOST = 3  # files that are kept: one for each Java on this machine, and those of Javas that are gone
_AGAIN_S = 3600.0  # after a failure
_HEAP_MB = 256
# The file also holds profiles (JEP 515), which serve the second compiler, which our nodes do without. With them the
# first one compiled worse: 12 to 30 % more CPU for 150,000 records; without them no difference was seen after those.
_WITHOUT_PROFILES = (
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:+IgnoreUnrecognizedVMOptions",  # another Java may have no such option
    "-XX:-AOTReplayTraining",
)
_POLL_S = 0.05
_ANY_ID = "s" + 21 * "A"


def quickened(java: Java, classpath: Sequence[Path], report: OnProgress, *, limit_s: float = 60.0) -> Java:
    """Give `java` with the file of Kafka's classes, which is made where it is missing and kept beside the jars.

    It only saves time: where this Java cannot make it, or not within `limit_s` seconds, `java` comes back as it was,
    and an hour passes before it is tried again. A file that does not fit the Java or the jars any more is not asked
    for again, nor would Java take it.
    """
    if java.major < _SINCE:
        return java
    folder = classpath[0].parent
    kept = folder / f"classes-{_fingerprint(java, classpath)}.aot"
    try:
        if not kept.exists() and not _failed_lately(kept):
            with exclusive(folder / ".classes.lock"):
                if not kept.exists() and not _failed_lately(kept):
                    report("making Apache Kafka quick to start (once)")
                    _note(kept).touch()
                    _make(kept, java, classpath, limit_s)
                    _note(kept).unlink()
    except (BrokerError, OSError):
        return java
    return replace(java, more=(*java.more, f"-XX:AOTCache={kept}", *_WITHOUT_PROFILES)) if kept.exists() else java


def _fingerprint(java: Java, classpath: Sequence[Path]) -> str:
    """Tell what the file depends on: Java checks the same, a jar's time included."""
    seen = ((path, path.stat()) for path in (java.launcher, *classpath))
    lines = (f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in seen)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _note(kept: Path) -> Path:
    """Where it is noted that the file is being made, or could not be made."""
    return kept.with_suffix(".tried")


def _failed_lately(kept: Path) -> bool:
    note = _note(kept)
    return note.exists() and time.time() - note.stat().st_mtime < _AGAIN_S


def _make(kept: Path, java: Java, classpath: Sequence[Path], limit_s: float) -> None:
    """Start a node and end it; at its end Java writes the file.

    Raises:
        BrokerError: the node's data could not be prepared.
        FileNotFoundError: Java wrote none, or not in time.
    """
    deadline = time.monotonic() + limit_s
    path = ":".join(map(str, classpath))
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="classes-") as made:
        port, controller_port = free_ports(2)
        address = Address(id=1, port=port, controller_port=controller_port)
        node = Process(address, Path(made))
        node.write(settings(address, [address], node.data, {}))
        node.format(java, path, _ANY_ID)
        part = Path(made) / kept.name
        node.spawn(replace(java, more=(f"-XX:AOTCacheOutput={part}",)), path, _HEAP_MB, die_with_parent=True)
        try:
            while node.alive() is not None and time.monotonic() < deadline and not listens(port):
                time.sleep(_POLL_S)
        finally:
            node.end(within_s=max(0.0, deadline - time.monotonic()))
        part.rename(kept)
    for old in sorted(kept.parent.glob("classes-*.aot"), key=lambda each: each.stat().st_mtime)[:-_MOST]:
        old.unlink(missing_ok=True)
