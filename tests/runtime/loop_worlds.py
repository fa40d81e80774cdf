"""A small flow for tests of the loop: `told.v1` in, `heard.v1` out, on a cluster in memory, in one process by turns."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import msgspec

from services.events import Event
from services.runtime.clock import Clock
from services.runtime.hands import Hands
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.worker import Later, Outcome, Rejected, Worker
from services.sandbox.memory import MemoryClients
from services.sandbox.memory_cluster import Cluster

T = TypeVar("T")


class Told(Event, frozen=True, kw_only=True, omit_defaults=True):
    topic: ClassVar[str] = "told.v1"
    number: int
    kind: str = "good"

    @property
    def key(self) -> str:
        return str(self.number)

    @property
    def id(self) -> str:
        return f"{self.number}.told"


class Heard(Event, frozen=True, kw_only=True, omit_defaults=True):
    topic: ClassVar[str] = "heard.v1"
    number: int
    nth: int = 0
    """How many its worker had heard before, on its partition."""
    size: str = ""
    again: int = 0

    @property
    def key(self) -> str:
        return str(self.number)

    @property
    def id(self) -> str:
        return f"{self.number}.heard.{self.again}"


class Weather(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A table's record: a new one makes all decisions of before void."""

    topic: ClassVar[str] = "weather.v1"
    season: int

    @property
    def key(self) -> str:
        return "season"

    @property
    def id(self) -> str:
        return str(self.season)


class Outside:
    """What handlers depend on: it may be away, and things may happen while they are at it."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[int] = []


class Echo:
    """Stateless."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.season = 0

    def handle(self, batch: Sequence[Told]) -> Sequence[Outcome]:
        self._outside.asked += [event.number for event in batch]
        return [self._one(event) for event in batch]

    def _one(self, event: Told) -> Outcome:
        if event.kind == "needy" and self._outside.away:
            return Later("the outside is away", 5.0)
        if event.kind == "bad":
            return Rejected("bad_number", "this number is not liked")
        return Heard(number=event.number, again=self.season)

    def learn(self, event: Event) -> None:
        assert isinstance(event, Weather)
        self.season = event.season


class Count:
    """Stateful: each partition's outputs count up."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.heard: dict[int, list[int]] = {}
        self.season = 0
        self.seasons: dict[tuple[int, int], int] = {}

    def handle(self, partition: int, batch: Sequence[Told]) -> Sequence[Outcome]:
        self._outside.asked += [event.number for event in batch]
        nth = len(self.heard.get(partition, ()))
        outcomes: list[Outcome] = []
        for event in batch:
            if event.kind == "needy" and self._outside.away:
                outcomes.append(Later("the outside is away", 5.0))
            elif event.kind == "bad":
                outcomes.append(Rejected("bad_number", "this number is not liked"))
            else:
                outcomes.append(Heard(number=event.number, nth=nth, again=self.season))
                nth += 1
        return outcomes

    def fold(self, partition: int, event: Event) -> None:
        assert isinstance(event, Heard)
        if (partition, event.number) not in self.seasons:
            self.heard.setdefault(partition, []).append(event.number)
        self.seasons[partition, event.number] = event.again

    def forget(self, partition: int) -> None:
        self.heard.pop(partition, None)
        self.seasons = {place: season for place, season in self.seasons.items() if place[0] != partition}

    def learn(self, event: Event) -> None:
        assert isinstance(event, Weather)
        self.season = event.season

    def reconsider(self, partition: int, at_most: int) -> Sequence[Event]:
        old = [n for n in self.heard.get(partition, ()) if self.seasons[partition, n] != self.season]
        return [Heard(number=n, nth=self.heard[partition].index(n), again=self.season) for n in old[:at_most]]


class HandClock(Clock):
    """Goes on only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Here(Hands):
    """Works on the caller's own thread; `slow` is what happens between polls meanwhile, when it is set."""

    def __init__(self) -> None:
        super().__init__("here")
        self.slow: Callable[[], None] | None = None

    def call(self, work: Callable[[], T], meanwhile: Callable[[], None]) -> T:
        result = work()
        slow, self.slow = self.slow, None
        if slow is not None:
            for _ in range(3):
                meanwhile()
                slow()
        return result


class Town:
    """A cluster, and loops of one worker on it, by slot."""

    def __init__(
        self,
        *,
        stateful: bool = False,
        tables: bool = False,
        partitions: int = 2,
        static: bool = True,
        most: int = 100_000,
    ) -> None:
        self.clock = HandClock()
        self.cluster = Cluster(lambda: int(self.clock.now().timestamp() * 1000))
        self.clients = MemoryClients(self.cluster, self.clock.sleep, static=static, most=most)
        self.outside = Outside()
        self.metrics = Metrics("echo")
        self.stateful = stateful
        self.tables = tables
        self.tables_age: timedelta | None = None
        self.outputs: list[Event] = []
        self.settings = LoopSettings(max_rejected_share=1.0, reconsider_size=2)
        self.batch_size = 100
        self.partitions = partitions
        for kind in (Told, Heard):
            self.cluster.create(kind.topic, partitions)
        for topic in ("echo.dead.v1", Weather.topic):
            self.cluster.create(topic, 1)
        self.told = 0

    def tell(self, *kinds: str, partition: int = 0) -> None:
        for kind in kinds:
            value = b"{%d" % self.told if kind == "torn" else msgspec.json.encode(Told(number=self.told, kind=kind))
            self.cluster.append(Told.topic, partition, value)
            self.told += 1

    def season(self, season: int) -> None:
        self.cluster.append(Weather.topic, 0, msgspec.json.encode(Weather(season=season)))

    def loop(self, slot: int = 0) -> Loop:
        handler: Any = Count(self.outside) if self.stateful else Echo(self.outside)
        worker = Worker(
            name="echo",
            reads=(Told,),
            writes=(Heard,),
            handler=handler,
            rebuilds_from=Heard if self.stateful else None,
            tables=(Weather,) if self.tables else (),
            batch_size=self.batch_size,
            tables_age=self.tables_age,
            told=self.outputs.extend,
        )
        return Loop(
            worker,
            self.clients,
            slot=f"echo-{slot}",
            settings=self.settings,
            metrics=self.metrics,
            clock=self.clock,
            hands=Here(),
        )

    def started(self, slot: int = 0) -> Loop:
        """Give a loop that holds what it is to hold."""
        loop = self.loop(slot)
        loop.start()
        turns(loop, 3)
        return loop

    def heard(self, partition: int | None = None) -> list[Heard]:
        chosen = range(self.partitions) if partition is None else [partition]
        entries = [entry for p in chosen for entry in self.cluster.read(Heard.topic, p)]
        return [msgspec.json.decode(entry.value or b"", type=Heard) for entry in entries]

    def numbers(self) -> list[int]:
        return sorted(heard.number for heard in self.heard())

    def dead(self) -> list[dict[str, bytes]]:
        return [dict(entry.headers) for entry in self.cluster.read("echo.dead.v1", 0)]

    def became(self) -> Counter[int]:
        """Count what each input became: by its number, outputs and dead letters that are committed."""
        found = Counter(heard.number for heard in self.heard())
        for entry in self.cluster.read("echo.dead.v1", 0):
            value = entry.value or b""
            found[int(value[1:]) if value[1:].isdigit() else msgspec.json.decode(value, type=Told).number] += 1
        return found

    def committed(self, partition: int = 0) -> int | None:
        return self.cluster.groups["echo"].committed.get((Told.topic, partition))


def turns(loop: Loop, number: int) -> None:
    for _ in range(number):
        loop.turn()


def hands(loop: Loop) -> Here:
    assert isinstance(loop._hands, Here)
    return loop._hands


def count(loop: Loop) -> Count:
    assert isinstance(loop.worker.handler, Count)
    return loop.worker.handler


def raising(error: BaseException) -> Any:
    def act() -> None:
        raise error

    return act


def sample(town: Town, name: str, **labels: str) -> float | None:
    return town.metrics.registry.get_sample_value(f"stormdrain_{name}", {"worker": "echo", **labels})
