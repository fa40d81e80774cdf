"""Kafka Streams: compiled here from the sources in `java/`, its jars by coordinate and sha256 from a Maven repository.

It runs on the Java that the embedded broker runs on. `python -m benchmarks.peers.java` writes the lock files anew.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.places import HERE, cache
from benchmarks.peers.side import LeftOutError, Place, Say
from services.sandbox import jars
from services.sandbox.jars import KAFKA_VERSION, BrokerError, exclusive
from services.sandbox.node import find_java

SOURCES = HERE / "java"
RELEASE = "17"
ROOTS = {
    "streams": (
        f"org.apache.kafka:kafka-streams:{KAFKA_VERSION}",
        "com.fasterxml.jackson.core:jackson-databind:2.21.2",
        "org.slf4j:slf4j-simple:1.7.36",
    ),
    "scoring": (
        f"org.apache.kafka:kafka-streams:{KAFKA_VERSION}",
        "com.fasterxml.jackson.core:jackson-databind:2.21.2",
        "org.slf4j:slf4j-simple:1.7.36",
        "com.microsoft.onnxruntime:onnxruntime:1.29.0",
        "ai.djl.huggingface:tokenizers:0.38.0",
    ),
}
FILES = {"streams": ("Side.java",), "scoring": ("Side.java", "Scoring.java")}
JVM = ("-Xms256m", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def java(what: str) -> Place:
    """Run a class compiled from the sources of `what`, with its jars."""
    return lambda program, say: _words(what, program, say)


def _words(what: str, program: str, say: Say) -> Sequence[str]:
    compiler = shutil.which("javac")
    if compiler is None:
        message = "it is compiled here, and there is no JDK: no `javac` on the PATH"
        raise LeftOutError(message)
    try:
        launcher = find_java()
        paths = jars.ensure(_progress(say), jars.read_lock(_lock(what).read_text("utf-8")), cache("jars"))
    except BrokerError as error:
        raise LeftOutError(str(error).replace("\n", ";")) from error
    classpath = os.pathsep.join(str(path) for path in paths)
    compiled = _compiled(what, compiler, classpath, say)
    return [str(launcher.launcher), *launcher.flags, *JVM, "-cp", f"{compiled}{os.pathsep}{classpath}", program]


def _compiled(what: str, compiler: str, classpath: str, say: Say) -> Path:
    sources = [SOURCES / name for name in FILES[what]]
    known = hashlib.sha256(b"".join(each.read_bytes() for each in sources) + classpath.encode()).hexdigest()[:12]
    folder = cache(f"java-{what}-{known}")
    with exclusive(folder / ".lock"):
        if not (folder / "ready").exists():
            say(f"compiling {', '.join(each.name for each in sources)}")
            words = [compiler, "--release", RELEASE, "-cp", classpath, "-d", str(folder), *map(str, sources)]
            ran = subprocess.run(words, capture_output=True, text=True, check=False)
            if ran.returncode:
                message = f"{compiler} could not compile it: {ran.stderr.strip().splitlines()[:1]}"
                raise LeftOutError(message)
            (folder / "ready").touch()
    return folder


def _lock(what: str) -> Path:
    return SOURCES / f"{what}-jars.lock"


def _progress(say: Say) -> jars.OnProgress:
    told = False

    def progress(what: str, done: int = 0, total: int = 0) -> None:
        nonlocal told
        del what, done
        if not told:
            told = True
            say(f"fetching the jars of Kafka Streams, {total / 2**20:,.0f} MiB")

    return progress


if __name__ == "__main__":
    for each, wanted in ROOTS.items():
        jars.write_lock(_lock(each), jars.silent, wanted)
        lines = _lock(each).read_text("utf-8").splitlines(keepends=True)
        lines[0] = (
            "# What Kafka Streams runs with: coordinate, bytes, sha256. `python -m benchmarks.peers.java` writes it.\n"
        )
        _lock(each).write_text("".join(lines), "utf-8")
