"""A real Apache Kafka for the demo, the tests and a small town: one node or three; no Docker, no system Java.

    with Broker.start(Path(".stormdrain"), ephemeral=True, die_with_parent=True) as broker:
        Producer({"bootstrap.servers": broker.bootstrap})

Nodes listen on 127.0.0.1 only. Each is broker and controller (KRaft). A test may kill and suspend them; that proves
nothing about a power failure: what the operating system had not yet written to disk is still there after a SIGKILL.
"""

import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.sandbox import jars
from services.sandbox.jars import BrokerError, OnProgress
from services.sandbox.node import Java, Process, find_java, settings
from services.sandbox.plan import HOST, Plan, Route, listens, make_plan
from services.sandbox.quickstart import quickened

__all__ = ["Broker", "BrokerError", "Node", "NodeStatus", "Route", "Status"]

_POLITE_STOP_S = 20.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Node:
    """One node as it is now: its id (1, 2, ...), its process id (None where it does not run), its port for clients."""

    id: int
    pid: int | None
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node for an operator: `uptime_s` in seconds, `resident_bytes` in bytes; both None where it does not run."""

    id: int
    port: int
    pid: int | None
    uptime_s: float | None
    resident_bytes: int | None
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The cluster for an operator: `data_bytes` on disk, `uptime_s` in seconds of the node that runs the longest."""

    running: bool
    bootstrap: str
    version: str
    data_dir: str
    data_bytes: int
    uptime_s: float | None
    nodes: list[NodeStatus]


class Broker:
    """A running cluster. `start` and `attach` make one; `with` stops it at the end.

    The methods may be called from one thread at a time.
    """

    def __init__(self, folder: Path, plan: Plan, *, die_with_parent: bool = False, limit_s: float = 90.0) -> None:
        self._folder = folder
        self._plan = plan
        self._die_with_parent = die_with_parent
        self._limit_s = limit_s
        self._processes = {each.id: Process(each, folder / f"node-{each.id}") for each in plan.addresses}

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        nodes: int = 1,
        ports: Sequence[int] | None = None,
        heap_mb: int = 512,
        fresh: bool = False,
        ephemeral: bool = False,
        die_with_parent: bool = False,
        proxied: bool = False,
        overrides: Mapping[str, str] | None = None,
        limit_s: float = 90.0,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Start a cluster whose data are in `state_dir/broker` and return when every node answers.

        Args:
            state_dir: where the data are and go; what an earlier cluster left there is taken up again.
            nodes: 1, or 3 for a cluster that survives the loss of one.
            ports: one for each node, 0 for any free one; None takes those of the last time if free, else free ones.
            heap_mb: the Java heap of each node, in MiB.
            fresh: forget what an earlier cluster left.
            ephemeral: forget the data at the stop, too.
            die_with_parent: end the nodes when this process ends, even by SIGKILL.
            proxied: let clients come past a `services.sandbox.proxy.Proxy` of `routes`, too.
            overrides: Kafka properties that go before ours, on every node.
            limit_s: how long, in seconds, the nodes may take until they answer (and again at a `restart`).
            on_progress: told what is going on.

        Raises:
            BrokerError: it runs already, a port is taken, the jars or Java are not to be had, the data are of another
                number of nodes or to be kept though `ephemeral` was asked, or a node did not answer in time.
        """
        report = on_progress or jars.silent
        folder = state_dir.absolute() / "broker"
        folder.mkdir(parents=True, exist_ok=True)
        with jars.exclusive(folder / "lock"):
            running = cls.attach(state_dir)
            if running is not None:
                msg = f"the embedded broker cannot start: it runs already in {folder}, at {running.bootstrap}"
                raise BrokerError(msg)
            last = Plan.read(folder)
            if fresh or (last and last.ephemeral):
                _wipe(folder)
                last = None
            plan = make_plan(
                folder, last, nodes=nodes, ports=ports, heap_mb=heap_mb, ephemeral=ephemeral, proxied=proxied
            )
            java, classpath = _java(report)
            broker = cls(folder, plan, die_with_parent=die_with_parent, limit_s=limit_s)
            try:
                broker._launch(java, classpath, dict(overrides or {}), report)
            except BaseException:
                for process in broker._processes.values():
                    process.end(within_s=0)
                raise
            return broker

    @classmethod
    def attach(cls, state_dir: Path) -> Self | None:
        """The cluster of `state_dir` where at least one of its nodes runs, whoever started it; else None."""
        folder = state_dir.absolute() / "broker"
        plan = Plan.read(folder)
        broker = cls(folder, plan) if plan else None
        return broker if broker and any(node.pid for node in broker.nodes) else None

    @property
    def bootstrap(self) -> str:
        """Host and port of every node, with commas: what a client calls `bootstrap.servers`."""
        return ",".join(f"{HOST}:{each.port}" for each in self._plan.addresses)

    @property
    def version(self) -> str:
        """The version of Apache Kafka."""
        return self._plan.version

    @property
    def nodes(self) -> list[Node]:
        """The nodes as they are now, by id."""
        found = ((process.address, process.alive()) for process in self._processes.values())
        return [Node(address.id, alive.pid if alive else None, address.port) for address, alive in found]

    @property
    def routes(self) -> list[Route]:
        """The way to each node past a proxy; none where the cluster was not started `proxied`."""
        return [Route(each.id, each.proxy_port, each.upstream) for each in self._plan.addresses if each.upstream]

    def log_of(self, node_id: int) -> Path:
        """The node's log file."""
        return self._process(node_id).log

    def kill(self, node_id: int) -> None:
        """SIGKILL one node and wait until it is gone."""
        self._process(node_id).end(within_s=0)

    def suspend(self, node_id: int) -> None:
        """SIGSTOP one node: it keeps its connections and answers nothing."""
        self._process(node_id).signal(signal.SIGSTOP)

    def resume(self, node_id: int) -> None:
        """SIGCONT one node."""
        self._process(node_id).signal(signal.SIGCONT)

    def fill_disk(self, node_id: int, *, most_bytes: int = 0) -> None:
        """Leave one node no room: from now on it can write no file past `most_bytes`.

        Kafka ends a node whose only data folder fails, within a second and without an answer to what it could not
        keep. A `restart` gives the node room again.

        Raises:
            BrokerError: this system is not Linux.
        """
        self._process(node_id).limit_files(most_bytes)

    def free_disk(self, node_id: int) -> None:
        """Give a node room again that still runs.

        Raises:
            BrokerError: this system is not Linux.
        """
        self._process(node_id).limit_files(None)

    def restart(self, node_id: int) -> None:
        """Start one node again, on its port and its data, and return when it answers; one that runs is stopped first.

        Raises:
            BrokerError: it did not answer in time.
        """
        process = self._process(node_id)
        process.end(within_s=_POLITE_STOP_S)
        self._spawn(process, *_java(jars.silent))
        self._await([process])

    def stop(self) -> None:
        """Stop every node, politely first; data stay, but for an ephemeral cluster. Nothing where none runs."""
        budget = 0.0 if self._plan.ephemeral else _POLITE_STOP_S
        with ThreadPoolExecutor(len(self._processes)) as pool:
            list(pool.map(lambda process: process.end(within_s=budget), self._processes.values()))
        if self._plan.ephemeral:
            _wipe(self._folder)

    def status(self) -> Status:
        """What an operator wants to know."""
        nodes = []
        for process in self._processes.values():
            uptime, resident = None, None
            alive = process.alive()
            if alive is not None:
                with suppress(psutil.Error):
                    uptime, resident = time.time() - alive.create_time(), alive.memory_info().rss
            nodes.append(
                NodeStatus(
                    id=process.address.id,
                    port=process.address.port,
                    pid=alive.pid if alive else None,
                    uptime_s=uptime,
                    resident_bytes=resident,
                    log=str(process.log),
                )
            )
        return Status(
            running=any(node.pid for node in nodes),
            bootstrap=self.bootstrap,
            version=self.version,
            data_dir=str(self._folder),
            data_bytes=sum(_bytes_in(process.data) for process in self._processes.values()),
            uptime_s=max((node.uptime_s for node in nodes if node.uptime_s is not None), default=None),
            nodes=nodes,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _process(self, node_id: int) -> Process:
        if node_id not in self._processes:
            msg = f"the embedded broker has no node {node_id}; it has {', '.join(map(str, self._processes))}"
            raise BrokerError(msg)
        return self._processes[node_id]

    def _launch(self, java: Java, classpath: Sequence[Path], overrides: Mapping[str, str], report: OnProgress) -> None:
        processes = list(self._processes.values())
        report(f"starting Apache Kafka {self.version}: {len(processes)} {'node' if len(processes) == 1 else 'nodes'}")
        for process in processes:
            process.write(settings(process.address, self._plan.addresses, process.data, overrides))
        path = ":".join(map(str, classpath))
        with ThreadPoolExecutor(len(processes)) as pool:
            list(pool.map(lambda process: process.format(java, path, self._plan.cluster_id), processes))
        self._plan.write(self._folder)
        for process in processes:
            self._spawn(process, java, classpath)
        self._await(processes)

    def _spawn(self, process: Process, java: Java, classpath: Sequence[Path]) -> None:
        path = ":".join(map(str, classpath))
        process.spawn(java, path, self._plan.heap_mb, die_with_parent=self._die_with_parent)

    def _await(self, processes: Sequence[Process]) -> None:
        """Return when each of `processes` answers at its own port and counts itself and the others to the cluster."""
        deadline = time.monotonic() + self._limit_s
        expected = {process.address.id for process in processes}
        for process in processes:
            while not listens(process.address.port):
                self._still_time(process, deadline)
                time.sleep(_POLL_S)
            admin = AdminClient({"bootstrap.servers": f"{HOST}:{process.address.port}", "log_level": 0})
            while not expected <= _members(admin):
                self._still_time(process, deadline)
                time.sleep(_POLL_S)

    def _still_time(self, process: Process, deadline: float) -> None:
        alive = process.alive()
        if alive is not None and time.monotonic() < deadline:
            return
        where = f"{HOST}:{process.address.port}"
        seen = f"process {alive.pid} did not answer within {self._limit_s:g} s" if alive else "its process ended"
        msg = (
            f"node {process.address.id} of the embedded broker cannot serve {where}: {seen}\n"
            f"  the end of {process.log}:\n{process.tail()}\n"
            "If memory was short, try --heap-mb 256 or fewer nodes; if the data are damaged, --fresh forgets them;\n"
            "without the embedded broker: docker compose -f docker-compose.kafka.yml up, or set KAFKA_BOOTSTRAP"
        )
        raise BrokerError(msg)


def _java(report: OnProgress) -> tuple[Java, list[Path]]:
    """What runs a node, and the jars that it runs."""
    java = find_java()
    classpath = jars.ensure(report)
    return quickened(java, classpath, report), classpath


def _members(admin: AdminClient) -> set[int]:
    """The ids of the nodes that the cluster counts as up."""
    try:
        return set(admin.list_topics(timeout=1.0).brokers)
    except KafkaException:
        return set()


def _bytes_in(folder: Path) -> int:
    """Bytes on disk; Kafka's index files are mostly holes. A file that goes away meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


def _wipe(folder: Path) -> None:
    """Remove what a cluster keeps in `folder`, and nothing else."""
    for node in folder.glob("node-*"):
        shutil.rmtree(node, ignore_errors=True)
    (folder / "cluster.json").unlink(missing_ok=True)
