"""Poison on every topic that a worker reads, and which dead letters it must leave: of each record one at each reader.

Every record that is put out is known by its place (a dead letter names it in its headers), and by a mark that only
poison has, so that a reader of the topics can pass it over before its place is known.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, NamedTuple

from confluent_kafka import KafkaException, Producer

from services.events import Case, ContextUpdated, IncidentClosed, ReviewMade, SurgeDetected
from services.runtime import wire
from services.runtime.topics import Topics, load
from services.sandbox.odd_names import OddNames
from services.sandbox.poison_kinds import KINDS, Ground, Headers, Kind

MARK = "poison"
"""A header of poison that can have headers, and how the keys of all that can have keys begin."""
LARGEST = 1_040_000
_MARKED = MARK.encode()

SPEAKS_TWICE = frozenset({"watch"})
"""Workers without transactions: what they said just before they were killed they say again."""
TABLES = frozenset(
    {
        ("prioritize", SurgeDetected.topic),
        ("prioritize", ContextUpdated.topic),
        ("match", ReviewMade.topic),
        ("match", IncidentClosed.topic),
    }
)
"""Topics that a worker reads as tables. What is wrong there is logged and passed over: every process reads a table
whole, each time it starts, and would refuse the same record each time."""
PEOPLE = frozenset({"operator", "department", "review"})
"""Readers that are no workers with dead letters. `review` follows the read model."""

Place = tuple[str, int, int]
"""Topic, partition and offset. A negative offset is a number only: a record that librdkafka sent again, since the first
answer was lost, may be acknowledged without saying where it stands."""


class PoisonError(Exception):
    """Poison could not be put out, so that nobody knows what must become of it."""


def readers(topics: Topics) -> dict[str, frozenset[str]]:
    """Give, for each topic as topics.yaml names it, the workers that must refuse what is no event of it."""
    return {
        stem: frozenset(worker for worker in entry.read_by if worker not in PEOPLE and (worker, stem) not in TABLES)
        for stem, entry in topics.entries.items()
        if set(entry.read_by) - PEOPLE
    }


def is_poison(key: bytes | None, headers: Iterable[tuple[str, bytes | None]] | None) -> bool:
    """Tell by its mark whether a record is poison."""
    if key is not None and key.startswith(_MARKED):
        return True
    for name, _ in headers or ():  # noqa: SIM110 - asked of every record: `any` takes twice as long
        if name == MARK:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Spilt:
    """One record of poison: its kind, and the workers that must refuse it."""

    kind: str
    refused_by: frozenset[str]


class Poisoner:
    """Puts poison on the topics of a cluster; the same seed puts out the same records. Belongs to one thread.

    `ledger` holds what the broker has acknowledged: all there is after `flush` said True. To be closed in the end.
    """

    def __init__(self, bootstrap: str, seed: int, departments: Sequence[str], topics: Topics | None = None) -> None:
        self.ledger: dict[Place, Spilt] = {}
        self._luck = Random(f"poison {seed}")
        self._seed = seed
        self._departments = list(departments)
        topics = topics or load()
        self._readers = readers(topics)
        self._compacted = {stem for stem, entry in topics.entries.items() if entry.cleanup == "compact"}
        self._stems = sorted(stem for stem in self._readers if stem in {stem for kind in KINDS for stem in kind.stems})
        self._dealt = 0
        self._awaited = 0
        self._failed: list[str] = []
        self._partitions: dict[str, int] = {}
        self._odd = OddNames(bootstrap)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.max.bytes": LARGEST,
                "message.timeout.ms": 0,  # as long as it takes: a broker may be down for a while
                # With more, what never arrived may be acknowledged: `services.runtime.kafka` says how.
                "max.in.flight.requests.per.connection": 1,
                "linger.ms": 5,
                "log_level": 0,
            }
        )

    @property
    def topics(self) -> list[str]:
        """The topics that poison goes to."""
        return sorted(stem.replace("{department}", each) for stem in self._stems for each in self._departments_of(stem))

    def scatter(self, number: int) -> None:
        """Put out so many records, of all kinds by turns, each kind on all its topics by turns. Waits for nothing."""
        for _ in range(number):
            round_, place = divmod(self._dealt, len(KINDS))
            kind = KINDS[place]
            stems = [stem for stem in self._stems if stem in kind.stems]
            if kind.heavy and round_ >= len(stems):
                kind = KINDS[round_ % _LIGHT]
                stems = [stem for stem in self._stems if stem in kind.stems]
            self._dealt += 1
            if stems:
                self._spill(kind, stems[(round_ + place) % len(stems)])
        self._producer.poll(0)

    def burst(self, topic: str, number: int) -> None:
        """Put nothing but poison on one topic, of small kinds by turns."""
        stem = Case.topic if topic.startswith("cases.") else topic
        if stem not in self._stems:
            message = f"no worker reads {topic} record by record, so poison there shows nothing; expected one of "
            raise PoisonError(message + ", ".join(self.topics))
        kinds = [kind for kind in KINDS[:_LIGHT] if stem in kind.stems]
        for turn in range(number):
            self._spill(kinds[turn % len(kinds)], stem, topic)
        self._producer.poll(0)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is acknowledged; False when it is not by then."""
        deadline = time.monotonic() + timeout_s
        while self._awaited or self._odd.awaited:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._producer.flush(min(left, 0.1))
            for place, spilt in self._odd.acknowledged():
                self.ledger[place] = spilt
        if self._failed:
            message = f"poison was not taken: {'; '.join(sorted(set(self._failed)))}"
            raise PoisonError(message)
        return True

    def close(self) -> None:
        """Let the clients go; what is on its way is dropped."""
        self._producer.purge()
        self._odd.close()

    def _departments_of(self, stem: str) -> Sequence[str]:
        return self._departments if stem == Case.topic else self._departments[:1]

    def _spill(self, kind: Kind, stem: str, topic: str = "") -> None:
        luck = self._luck
        department = topic.split(".")[1] if topic and stem == Case.topic else luck.choice(self._departments)
        topic = topic or stem.replace("{department}", department)
        ground = Ground(stem, f"{MARK}-{self._seed}-{self._dealt}", department, luck)
        draught = kind.make(ground)
        headers: Headers = list(wire.headers(ground.event, source=MARK)) if draught.headers is None else draught.headers
        own = ground.name.encode()
        key: bytes | None = own
        if headers:
            headers = [*headers, (MARK, kind.name.encode())]
            key = luck.choice((own, own, None, own + b"\xff\x00"))
            if key is None and stem in self._compacted:  # no broker takes that
                key = own
        partition = luck.randrange(self._number(topic))
        refused_by = frozenset({kind.only}) if kind.only else self._readers[stem]
        spilt = Spilt(kind.name, refused_by)
        if draught.odd_name:
            self._odd.send(topic, partition, ground.name.encode(), draught.value, spilt)
            return
        self._awaited += 1
        while True:
            try:
                self._producer.produce(
                    topic,
                    value=draught.value,
                    key=key,
                    partition=partition,
                    headers=headers,
                    on_delivery=lambda error, record: self._put(error, record, spilt),
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _put(self, error: Any, record: Any, spilt: Spilt) -> None:  # noqa: ANN401 - confluent-kafka is untyped
        self._awaited -= 1
        if error is not None:
            self._failed.append(f"{spilt.kind} on {record.topic()}: {error}")
        else:
            offset = record.offset()
            known = offset is not None and offset >= 0
            self.ledger[record.topic(), record.partition(), offset if known else -len(self.ledger) - 1] = spilt

    def _number(self, topic: str) -> int:
        if topic not in self._partitions:
            try:
                known = self._producer.list_topics(topic, timeout=30).topics[topic]
            except KafkaException as error:
                message = f"poison cannot be put on {topic}: {error.args[0].str()}"
                raise PoisonError(message) from error
            if known.error is not None:
                message = f"poison cannot be put on {topic}: {known.error.str()}"
                raise PoisonError(message)
            self._partitions[topic] = len(known.partitions)
        return self._partitions[topic]


_LIGHT = next(place for place, kind in enumerate(KINDS) if kind.heavy)
"""How many kinds stand before the first heavy one."""


class Died(NamedTuple):
    """What a dead letter says of itself."""

    worker: str
    origin: Place | None
    """Where the record stands that was refused; None where the letter does not say."""
    reason: str
    marked: bool = False
    """It carries the mark of poison."""


@dataclass(frozen=True, slots=True)
class DeathFault:
    """A dead letter that should not be, or one that should."""

    fault: Literal["foreign", "missing", "twice", "elsewhere"]
    """`foreign`: not of poison. `missing`: poison that a reader did not refuse. `twice`: it did so twice.
    `elsewhere`: of poison, at a worker that was to accept it."""
    worker: str
    origin: Place | None
    what: str
    """The kind of poison, or the reason of a foreign letter."""

    def __str__(self) -> str:
        where = "/".join(map(str, self.origin)) if self.origin else "an unknown place"
        says = {
            "foreign": f"{self.worker} refused {where}, which is no poison ({self.what})",
            "missing": f"{self.worker} did not refuse {where}, which is poison ({self.what})",
            "twice": f"{self.worker} refused {where} twice, which is poison ({self.what})",
            "elsewhere": f"{self.worker} refused {where}, poison that is not for it to see ({self.what})",
        }
        return says[self.fault]


def judge_dead(ledger: Mapping[Place, Spilt], letters: Iterable[Died]) -> list[DeathFault]:
    """Hold the dead letters of all workers against the poison that was put out, all of it acknowledged.

    Each reader of a topic must refuse what is poison there, once: `index` too, which takes all topics into the read
    model. `watch` does so at least once, see `SPEAKS_TWICE`. To be asked when all groups have read to the end.
    """
    faults: list[DeathFault] = []
    seen: set[tuple[str, Place]] = set()
    unplaced: dict[tuple[str, tuple[str, int]], list[Place]] = {}
    for place, put in ledger.items():
        for worker in put.refused_by if place[2] < 0 else ():
            unplaced.setdefault((worker, place[:2]), []).append(place)
    for letter in letters:
        spilt = ledger.get(letter.origin) if letter.origin is not None else None
        if spilt is None or letter.origin is None:
            there = unplaced.get((letter.worker, letter.origin[:2])) if letter.origin else None
            if there:
                seen.add((letter.worker, there.pop()))
                continue
            if letter.marked:  # put out twice, since the first answer was lost
                continue
            faults.append(DeathFault("foreign", letter.worker, letter.origin, letter.reason))
            continue
        if letter.worker not in spilt.refused_by:
            faults.append(DeathFault("elsewhere", letter.worker, letter.origin, spilt.kind))
        elif (letter.worker, letter.origin) in seen and letter.worker not in SPEAKS_TWICE:
            faults.append(DeathFault("twice", letter.worker, letter.origin, spilt.kind))
        seen.add((letter.worker, letter.origin))
    for place, spilt in ledger.items():
        faults += [
            DeathFault("missing", worker, place, spilt.kind)
            for worker in sorted(spilt.refused_by)
            if (worker, place) not in seen
        ]
    return faults
