"""The real loop on librdkafka's mock brokers, which answer it with errors that a real broker gives too rarely to try.

Each case is a cluster of its own, a worker that repeats what it reads, and one kind of trouble. What is told of it:
what the loop did, and how many records were never put out. Whether anything was doubled is not judged here: the mock
keeps neither transactions nor the offsets they commit, so that everything of before is read again after a rewind.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import msgspec
from confluent_kafka import Producer, TopicPartition

from services.events import Event
from services.runtime.kafka import KafkaClients, KafkaSettings, connection
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.transaction import FencedError
from services.runtime.worker import Worker
from services.sandbox.mock_cluster import Api, MockCluster

log = logging.getLogger(__name__)

PARTITIONS = 4
RECORDS = 20
"""Written before, during and after the trouble, each time."""
SLOT = "repeat-0"
GROUP = "repeat"
PATIENCE_S = 20.0
AT_ONCE = 24

OUTPUT, INPUT, TRANSACTIONS, GROUPS = 1, 2, 3, 4
"""What each broker is in charge of, so that a case knows whom it troubles."""
HOMES = {
    Api.PRODUCE: OUTPUT,
    Api.FETCH: INPUT,
    Api.LIST_OFFSETS: INPUT,
    Api.INIT_PRODUCER_ID: TRANSACTIONS,
    Api.ADD_PARTITIONS_TO_TXN: TRANSACTIONS,
    Api.ADD_OFFSETS_TO_TXN: TRANSACTIONS,
    Api.END_TXN: TRANSACTIONS,
    Api.TXN_OFFSET_COMMIT: GROUPS,
    Api.OFFSET_FETCH: GROUPS,
    Api.JOIN_GROUP: GROUPS,
    Api.SYNC_GROUP: GROUPS,
    Api.HEARTBEAT: GROUPS,
}
"""Which broker is asked what; anything else, such as who is in charge, is asked of any."""


class Did(StrEnum):
    """What a loop did about an error, by the most that it did."""

    ASKED_AGAIN = "asked again and committed"
    ABORTED = "aborted and read the batch again"
    RENEWED_AFTER = "committed, then renewed its producer"
    RENEWED = "renewed its producer and read the batch again"
    REJOINED = "joined its group again"
    LEFT = "exited: another process holds its slot"
    STOPPED = "exited: trouble that is not data"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of trouble, and what is to be done about it."""

    name: str
    errors: tuple[tuple[Api, tuple[int, ...]], ...] = ()
    """Answers to the next requests of a kind."""
    after_ms: int = 0
    """How late these answers come."""
    act: Callable[[Scene], None] | None = None
    """Further trouble: called once the errors are in place, and after the records that meet them were written."""
    at_start: bool = False
    """The trouble is there before the loop is."""
    transaction_s: float = 4.0
    expected: Did


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """What became of a case."""

    case: Case
    did: Did
    met: bool
    """The loop's requests met every error that was laid out."""
    lost: int
    """Records that were read and never put out."""
    seconds: float
    """From the trouble until everything was out."""

    @property
    def good(self) -> bool:
        """The loop did what it is to do, lost nothing and went on."""
        return self.did is self.case.expected and self.met and not self.lost


class _Numbered(Event, frozen=True, kw_only=True, omit_defaults=True):
    number: int

    @property
    def key(self) -> str:
        return str(self.number)

    @property
    def id(self) -> str:
        return str(self.number)


class _Told(_Numbered, frozen=True, kw_only=True, omit_defaults=True):
    topic: ClassVar[str] = "told.v1"


class _Heard(_Numbered, frozen=True, kw_only=True, omit_defaults=True):
    topic: ClassVar[str] = "heard.v1"


class _Repeat:
    def handle(self, batch: Sequence[Event]) -> Sequence[Event]:
        return [_Heard(number=event.number) for event in batch if isinstance(event, _Told)]


class Scene:
    """One cluster, and one process's worth of loop on it, that is started again when it exits."""

    def __init__(self, mock: MockCluster, case: Case, stack: ExitStack) -> None:
        self.mock = mock
        self._case = case
        for topic, leader in ((_Told.topic, INPUT), (_Heard.topic, OUTPUT)):
            mock.create_topic(topic, PARTITIONS)
            for partition in range(PARTITIONS):
                mock.set_leader(topic, partition, leader)
        mock.set_coordinator("transaction", SLOT, TRANSACTIONS)
        mock.set_coordinator("group", GROUP, GROUPS)
        settings = KafkaSettings(bootstrap=mock.bootstrap, session_timeout_ms=3000)
        self._clients = KafkaClients(settings)
        self._plain: Any = Producer(connection(settings) | {"linger.ms": 0})
        self._reader = self._clients.reader()
        stack.callback(self._reader.close)
        self._reader.assign([TopicPartition(_Heard.topic, partition, 0) for partition in range(PARTITIONS)])
        self._asked: Counter[int] = Counter()
        self._told = 0
        self._heard: set[int] = set()
        self._loops: list[Loop] = []
        self._metrics: list[Metrics] = []
        self._ends: list[Did] = []
        self._thread: threading.Thread | None = None
        self._ending = False
        stack.callback(self._end)

    def start(self) -> None:
        """Start the loop on a thread of its own; it is started again each time that it exits by itself."""
        self._thread = threading.Thread(target=self._run, name=self._case.name)
        self._thread.start()

    def tell(self) -> None:
        """Write records for the loop to read."""
        for number in range(self._told, self._told + RECORDS):
            value = msgspec.json.encode(_Told(number=number))
            self._plain.produce(_Told.topic, value, str(number), number % PARTITIONS)
        self._told += RECORDS
        self._plain.flush(PATIENCE_S)

    def hear(self, patience_s: float = PATIENCE_S) -> int:
        """Read until all that was written came out; give how many records did not."""
        deadline = time.monotonic() + patience_s
        while len(self._heard) < self._told and time.monotonic() < deadline:
            for message in self._reader.consume(1000, 0.05):
                if message.error() is None:
                    self._heard.add(msgspec.json.decode(message.value() or b"", type=_Heard).number)
        return self._told - len(self._heard)

    def asked(self) -> Counter[int]:
        """Count the requests by API since the trouble began."""
        self._asked += self.mock.asked()
        return self._asked

    def until_asked(self, api: Api, times: int = 1) -> None:
        """Return when so many requests of this kind have come in since the trouble began."""
        deadline = time.monotonic() + PATIENCE_S
        while self.asked()[api] < times and time.monotonic() < deadline:
            time.sleep(0.01)

    def rejoined(self) -> bool:
        """Say whether partitions went since the beginning."""
        return bool(self._count("rebalances_total", event="lost") + self._count("rebalances_total", event="revoked"))

    def did(self, *, rejoined: bool) -> Did:
        """Say what was done since the beginning, by the most that was done."""
        if self._ends:
            return self._ends[0]
        aborted, renewed = self._count("transactions_total", result="aborted"), self._count("producer_renewals_total")
        if renewed:
            return Did.RENEWED if aborted else Did.RENEWED_AFTER
        if aborted:
            return Did.ABORTED
        return Did.REJOINED if rejoined else Did.ASKED_AGAIN

    def _count(self, name: str, **labels: str) -> float:
        samples = (
            m.registry.get_sample_value(f"stormdrain_{name}", {"worker": GROUP, **labels}) for m in self._metrics
        )
        return sum(sample or 0.0 for sample in samples)

    def _run(self) -> None:
        while not self._ending:
            metrics = Metrics(GROUP)
            loop = Loop(
                Worker(name=GROUP, reads=(_Told,), writes=(_Heard,), handler=_Repeat()),
                self._clients,
                slot=SLOT,
                settings=LoopSettings(transaction_s=self._case.transaction_s, idle_s=0.05),
                metrics=metrics,
            )
            self._loops.append(loop)
            self._metrics.append(metrics)
            try:
                loop.run()
            except FencedError:
                self._ends.append(Did.LEFT)
            except Exception:  # as `stormdrain run` does: whatever it was ends the process
                log.exception("the loop of %r stops", self._case.name)
                self._ends.append(Did.STOPPED)
            time.sleep(0.1)  # as a supervisor does, for longer

    def _end(self) -> None:
        self._ending = True
        if self._thread is None:
            return
        while self._thread.is_alive():
            self._loops[-1].stop()
            self._thread.join(0.05)


def run(case: Case) -> Reaction:
    """Play one case through."""
    with MockCluster(brokers=4) as mock:
        with ExitStack() as stack:
            scene = Scene(mock, case, stack)
            if not case.at_start:
                scene.start()
                scene.tell()
                scene.hear()
            mock.asked()
            for api, codes in case.errors:
                if api in HOMES:
                    mock.push_error_rtts(HOMES[api], api, [(code, case.after_ms) for code in codes])
                else:
                    mock.push_errors(api, codes)
            began = time.monotonic()
            scene.tell()
            if case.at_start:
                scene.start()
            if case.act is not None:
                case.act(scene)
            scene.hear()
            seconds = time.monotonic() - began
            scene.tell()
            lost = scene.hear()
            rejoined = scene.rejoined()
        # What is put out can be read at once; only now that the loop has ended is all done that it did.
        met = all(scene.asked()[api] >= len(codes) for api, codes in case.errors)
        did = scene.did(rejoined=rejoined)
    return Reaction(case=case, did=did, met=met, lost=lost, seconds=seconds)


def run_all(cases: Sequence[Case]) -> list[Reaction]:
    """Play all cases through, several at once; their order is kept.

    The loop also reacts to a time that runs out, which on a busy machine may come before the error does: a case that
    went otherwise is played once more, alone. What lost a record is not.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="injected") as pool:
        found = list(pool.map(run, cases))
    return [each if each.good or each.lost else run(each.case) for each in found]
