"""The stage: a whole town on a cluster of its own, reports that keep coming, and somebody who reads every topic."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.request import ProxyHandler, Request, build_opener

from confluent_kafka import KafkaException

from services.city.load import load
from services.cli.run import EDGES, Name
from services.cli.town import Town, without_settings
from services.runtime.cluster import apply_all
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.supervisor import Supervisor
from services.runtime.topics import load as load_topics
from services.sandbox.broker import Broker
from services.sandbox.poison import TABLES, Poisoner
from services.sandbox.proxy_apart import ProxyApart
from services.sandbox.tally import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

    from services.city.model import City
    from services.cli.chaos.memory import Memory
    from services.cli.chaos.sending import Sending
    from services.sandbox.jars import OnProgress

LOOPS = tuple(worker for worker in Name if worker not in EDGES)
BESIDE = (Name.INDEX,)
"""Workers that no report waits for: whether they are back is told by what their groups have committed. Not `watch`,
which reads its windows again from their beginning: it has until the end of the run."""
PROXIED = (Name.MATCH, Name.DECIDE)
"""Workers behind the proxy: one that keeps state, and the one that says which department gets what."""

SETTINGS: Mapping[str, str] = {
    "KAFKA_SESSION_TIMEOUT_MS": "5000",
    "KAFKA_TRANSACTION_TIMEOUT_MS": "10000",
    **{f"{worker.upper()}_TRANSACTION_S": "5" for worker in LOOPS},
    **{f"{worker.upper()}_LINGER_S": "0.1" for worker in LOOPS},
    **{f"{worker.upper()}_REJECTED_WINDOW": "200" for worker in LOOPS},
    "DELIVER_TIMEOUT_S": "2",
    "DELIVER_LONGEST_WAIT_S": "5",
}
"""Of all workers: shorter time-outs than a town's, so that a fault shows in seconds what it would show in a minute; and
fuller batches, as ten workers and three nodes are to fit on two processors."""
BROKER: Mapping[str, str] = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "2000",
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "1000",
    "replica.fetch.min.bytes": "65536",
    "replica.fetch.wait.max.ms": "30",
}
"""Of the cluster, likewise: nodes that copy every record at once from each other take most of two processors for it."""

LOOK_S = 0.1
SESSION_S = int(SETTINGS["KAFKA_SESSION_TIMEOUT_MS"]) / 1000


@dataclass(kw_only=True)
class Stage:
    """What a fault may touch, and what it may ask. For one thread; the topics are read on another, under `lock`."""

    state: Path
    models: Path
    city: City
    broker: Broker
    proxy: ProxyApart
    town: Town
    supervisor: Supervisor
    clients: KafkaClients
    follower: Follower
    poisoner: Poisoner
    memory: Memory
    patience: float = 1.0
    """How much longer than on a machine of its own anything may take."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    sending: Sending | None = None
    _decks: dict[str, list[str]] = field(default_factory=dict)
    _menders: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "mending"))
    _mending: list[Future[None]] = field(default_factory=list)

    # Whom it hits.

    def next_of(self, deck: str, among: Mapping[str, Any] | tuple[str, ...] | list[str], luck: Random) -> str:
        """Deal the next of `among`: each comes once before any comes again."""
        left = self._decks.setdefault(deck, [])
        if not left:
            left += luck.sample(sorted(among), len(among))
        return left.pop()

    # Processes.

    def kill(self, *names: str) -> float:
        """SIGKILL processes of the town; give the moment."""
        at = time.time()
        for name in names:
            self.supervisor.kill(name)
        return at

    def signal(self, name: str, number: signal.Signals) -> float:
        """Send a signal to a process of the town; give the moment."""
        self.supervisor.kill(name, number)
        return time.time()

    def ready(self, *names: str) -> bool:
        """Say whether all of these processes say that they are ready."""
        return all(self.town.ready(name) for name in names)

    def answers(self, name: str) -> bool:
        """Say whether a process answers at all."""
        try:
            self.town.metric(name, "stormdrain_info")
        except OSError:
            return False
        return True

    def until(self, true: Callable[[], object], what: str, within_s: float = 40.0) -> float:
        """Wait for something; give the seconds it took.

        Raises:
            TimeoutError: it did not come to be; says what.

        """
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > within_s * self.patience:
                message = f"{what} was not seen within {within_s * self.patience:g} s"
                raise TimeoutError(message)
            time.sleep(LOOK_S / 2)
        return time.monotonic() - began

    @contextmanager
    def one_more(self, worker: Name, number: int) -> Iterator[str]:
        """Run one more process of a worker."""
        program = self.town.another(worker, number)
        self.supervisor.add(program)
        try:
            yield program.name
        finally:
            self.supervisor.remove(program.name)

    @contextmanager
    def elsewhere(self, worker: Name) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker's first slot once more, as on another machine, where no lease keeps it from that slot."""
        program = self.town.another(worker, 0)
        there = {"STORMDRAIN_STATE_DIR": str(self.state / "elsewhere"), f"{worker.upper()}_METRICS_PORT": "0"}
        log = program.log.with_name(f"{program.name}-elsewhere.log")
        with (
            log.open("wb") as written,
            subprocess.Popen(
                list(program.command),
                env={**program.environment, **there},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                self.until(lambda: '"assigned ' in log.read_text("utf-8", "replace"), f"a second {program.name}")
                yield process
            finally:
                process.terminate()

    # Nodes of the cluster.

    def mend(self, node: int) -> None:
        """Start a node again while the play goes on; `mended` waits for it."""
        self._mending.append(self._menders.submit(self.broker.restart, node))

    def mended(self) -> None:
        """Return when all nodes are up that were to be mended.

        Raises:
            BrokerError: one did not come back.

        """
        while self._mending:
            self._mending.pop().result()

    # What became of the reports.

    def waiting(self, at: float, *, delivered: bool) -> int:
        """Count the reports accepted before `at` that are not decided yet, or not `delivered`."""
        with self.lock:
            return self.follower.unsettled_before(at, "delivered" if delivered else "decided")

    def undelivered(self) -> set[str]:
        """Give the reports that a department was given and whose system has not acknowledged them."""
        with self.lock:
            return set(self.follower.tally.cases) - set(self.follower.tally.delivered)

    def dead_letters(self, worker: str, reason: str = "") -> int:
        """Count dead letters of a worker, of all reasons or of one."""
        with self.lock:
            dead = self.follower.tally.dead
            return dead[worker, reason] if reason else sum(n for (who, _), n in dead.items() if who == worker)

    def ends(self, worker: str) -> dict[tuple[str, int], int]:
        """Give the offsets past the last records that were read of the topics a worker reads.

        Not the ends of the topics: past the last record there are markers of transactions, which no group commits.
        """
        known = load_topics()
        topics = known.expand(self.city.departments, brokers=len(self.broker.nodes))
        mine = {
            each.name
            for each in topics
            if worker in known.entries[each.stem].read_by and (worker, each.stem) not in TABLES
        }
        with self.lock:
            return {place: last + 1 for place, last in self.follower.last.items() if place[0] in mine}

    def behind(self, group: str, ends: Mapping[tuple[str, int], int]) -> int:
        """Count the records before `ends` that a group has not committed."""
        try:
            committed = self.clients.committed(group, ends)
        except KafkaException:
            return sum(ends.values())
        return sum(max(0, end - committed.get(place, 0)) for place, end in ends.items())

    # The department's system, and the operator.

    def crm(self, **faults: object) -> None:
        """Let the department's system misbehave; without anything: behave."""
        body = json.dumps(faults).encode()
        request = Request(f"{self.town.crm}/api/faults", body, {"Content-Type": "application/json"})  # noqa: S310 - ours

        def told() -> bool:
            try:
                with build_opener(ProxyHandler({})).open(request, timeout=5):
                    return True
            except OSError:  # it was killed, and is not back yet
                return False

        self.until(told, "an answer of the departments' system")

    def paused(self, name: str) -> bool:
        """Say whether a worker pauses over what it refuses, and waits for an operator."""
        return self.town.metric(name, "stormdrain_paused", reason="rejections") > 0

    def resume(self, name: str) -> None:
        """Tell a worker that paused over rejections to go on, as an operator does."""
        address = self.town.addresses()["metrics"][name].removesuffix("/metrics")
        with build_opener(ProxyHandler({})).open(Request(f"{address}/resume", b""), timeout=5):  # noqa: S310 - ours
            pass

    def replay(self, *selection: str) -> int:
        """Bring dead letters back, as an operator does; give how many."""
        words = ["dead", "replay", *selection, "--yes", "--json", "--bootstrap", self.broker.bootstrap]
        command = [sys.executable, "-m", "services.cli.main", *words]
        environment = self.town.programs()[0].environment
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(environment), check=False)
        if ran.returncode:
            message = f"stormdrain dead replay: {ran.stderr.strip()}"
            raise RuntimeError(message)
        return int(json.loads(ran.stdout)["replayed"])


@contextmanager
def raised(
    state: Path,
    *,
    city: Path,
    models: Path,
    nodes: int,
    seed: int,
    settings: Mapping[str, str],
    memory: Memory,
    patience: float,
    say: OnProgress,
) -> Iterator[Stage]:
    """Bring everything up, the workers with `settings`; at the end take it down."""
    town_data = load(city)
    with ExitStack() as stack:
        say(f"starting Apache Kafka, {nodes} nodes")
        broker = stack.enter_context(
            Broker.start(
                state,
                nodes=nodes,
                ephemeral=True,
                die_with_parent=True,
                ports=[0] * nodes,
                heap_mb=384,
                overrides=BROKER,
                proxied=True,
                on_progress=say,
            )
        )
        proxy = stack.enter_context(ProxyApart(broker.routes))
        apply_all(broker.bootstrap, list(town_data.departments))
        town = Town.lay_out(
            state=state,
            city=city,
            models=models,
            bootstrap=broker.bootstrap,
            environment=without_settings(os.environ),
            settings=dict(settings),
            of_worker={worker: {"KAFKA_BOOTSTRAP": proxy.bootstrap} for worker in PROXIED},
        )
        supervisor = stack.enter_context(town.supervisor())
        say(f"starting {len(town.names())} workers and a sandbox CRM")
        town.wait_until_ready(supervisor)
        clients = KafkaClients(KafkaSettings(bootstrap=broker.bootstrap))
        follower = Follower(clients, town_data.departments)
        stack.callback(follower.close)
        poisoner = Poisoner(broker.bootstrap, seed, list(town_data.departments))
        stack.callback(poisoner.close)
        yield Stage(
            state=state,
            models=models,
            city=town_data,
            broker=broker,
            proxy=proxy,
            town=town,
            supervisor=supervisor,
            clients=clients,
            follower=follower,
            poisoner=poisoner,
            memory=memory,
            patience=patience,
        )


class Attendant:
    """Reads the topics, spills poison and weighs the processes on a thread of its own, for as long as it is entered."""

    def __init__(self, stage: Stage, *, poison_share: float) -> None:
        self._stage = stage
        self._share = poison_share
        self._spilt = 0
        self._over = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="attendant", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what ended the thread early, if anything did."""
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._turn()
        except BaseException as error:  # noqa: BLE001 - raised again by `check`, on the caller's thread
            self._fault = error

    def _turn(self) -> None:
        stage = self._stage
        with stage.lock:
            stage.follower.read(LOOK_S)
            due = int(stage.sending.number * self._share) if stage.sending is not None else 0
            if due > self._spilt:
                stage.poisoner.scatter(due - self._spilt)
                self._spilt = due
        with suppress(OSError):
            stage.memory.look(stage.supervisor, stage.town.names())
        self._over.wait(LOOK_S / 10)
