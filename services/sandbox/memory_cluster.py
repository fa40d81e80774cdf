"""The broker's side of a cluster in memory: logs, consumer groups and transactions, as Kafka keeps them.

For tests of what runs on `services.runtime.ports`, and held to Kafka by one suite that runs on both
(tests/runtime/test_broker_port.py). Nothing here waits or runs by itself: time is what the caller says, and trouble is
what the caller asks for. Not thread-safe.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from services.runtime.ports import Place

Headers = list[tuple[str, Any]]


def trouble(code: int, text: str = "", *, fatal: bool = False, retriable: bool = False, abort: bool = False) -> Any:  # noqa: ANN401 - KafkaException is untyped
    """Make the exception that confluent-kafka would raise."""
    return KafkaException(KafkaError(code, text or None, fatal, retriable, abort))


class Ending(Enum):
    """What became of a transaction."""

    OPEN = auto()
    COMMITTED = auto()
    ABORTED = auto()


@dataclass(eq=False)
class Transaction:
    """Records and offsets that are seen all together or not at all."""

    epoch: int
    ending: Ending = Ending.OPEN
    logs: dict[Place, int] = field(default_factory=dict)
    """Where it began in each log that it wrote to."""
    offsets: dict[str, dict[Place, int]] = field(default_factory=dict)
    """By group."""


class Entry(NamedTuple):
    """One offset of a log: a record, or the marker that ends a transaction."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    transaction: Transaction | None
    marker: bool = False


class Log:
    """One partition."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.open: set[Transaction] = set()
        self.place: Place = ("", 0)

    @property
    def end(self) -> int:
        """The high watermark, open transactions included."""
        return len(self.entries)

    @property
    def stable(self) -> int:
        """The last stable offset: where the earliest open transaction begins."""
        return min((transaction.logs[self.place] for transaction in self.open), default=self.end)

    def seen(self, offset: int) -> bool:
        """Whether a reader of committed records is shown this offset."""
        entry = self.entries[offset]
        return not entry.marker and (entry.transaction is None or entry.transaction.ending is Ending.COMMITTED)


@dataclass(eq=False)
class Member:
    """One member of a group, as the coordinator knows it and as its client does."""

    instance: str
    topics: Sequence[str]
    id: str = ""
    generation: int = -1
    held: set[Place] = field(default_factory=set)
    """What its client was told it holds."""
    target: set[Place] = field(default_factory=set)
    expelled: bool = False
    fenced: bool = False

    def wants(self, topic: str) -> bool:
        """Whether it is subscribed to a topic."""
        return any(re.match(wish, topic) if wish.startswith("^") else wish == topic for wish in self.topics)


class Group:
    """A consumer group under the classic protocol: cooperative-sticky, static members."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._joined = 0
        self.generation = 0
        self.members: dict[str, Member] = {}
        """By instance."""
        self.committed: dict[Place, int] = {}

    def join(self, member: Member) -> None:
        """Take a member in; one whose instance is known takes over from it without a rebalance."""
        self._joined += 1
        member.id = f"{member.instance}-{self._joined}"
        old = self.members.get(member.instance)
        self.members[member.instance] = member
        if old is not None and old is not member:
            old.fenced = True
            member.target = set(old.target)
            member.generation = self.generation
            if list(old.topics) == list(member.topics):
                return
        self.rebalance()

    def expel(self, instance: str) -> None:
        """Let go of a member that was silent for too long; its client hears of it when it polls next, or by `hear`."""
        member = self.members.pop(instance, None)
        if member is not None:
            member.expelled = True
            self.rebalance()

    def rebalance(self) -> None:
        """Begin a new generation. Who holds too much is asked to give it up before another is given it."""
        self.generation += 1
        members = [self.members[instance] for instance in sorted(self.members)]
        targets: dict[str, set[Place]] = {member.instance: set() for member in members}
        for topic, logs in sorted(self._cluster.topics.items()):
            fit = [member for member in members if member.wants(topic)]
            if not fit:
                continue
            most = -(-len(logs) // len(fit))
            free = []
            for partition in range(len(logs)):
                place = (topic, partition)
                keeper = next((m for m in fit if place in m.held or place in m.target), None)
                if keeper is not None and sum(p[0] == topic for p in targets[keeper.instance]) < most:
                    targets[keeper.instance].add(place)
                else:
                    free.append(place)
            for place in free:
                poorest = min(fit, key=lambda m: (len(targets[m.instance]), m.instance))
                targets[poorest.instance].add(place)
        for member in members:
            member.target = targets[member.instance]
            member.generation = self.generation

    def next_move(self, member: Member) -> tuple[str, set[Place]] | None:
        """Give what a member is to be told next: "revoke" or "assign", and which partitions."""
        if gone := member.held - member.target:
            return "revoke", gone
        others: set[Place] = set()
        for other in self.members.values():
            if other is not member:
                others |= other.held
        if come := member.target - member.held - others:
            return "assign", come
        return None

    def refuses(self, member: str, generation: int, instance: str) -> int | None:
        """Give the error code for offsets that somebody sends, or None."""
        if not instance:
            if generation < 0 and not member:
                return None  # the hole: whoever has not joined, and names no instance, is not fenced
            instance = member.rpartition("-")[0]
        known = self.members.get(instance)
        if known is None:
            code: int = KafkaError.UNKNOWN_MEMBER_ID
        elif known.id != member:
            code = KafkaError.FENCED_INSTANCE_ID if instance else KafkaError.UNKNOWN_MEMBER_ID
        elif generation != self.generation:
            code = KafkaError.ILLEGAL_GENERATION
        else:
            return None
        return code


class Coordinator:
    """What the broker knows of one transactional id."""

    def __init__(self) -> None:
        self.epoch = -1
        self.transaction: Transaction | None = None


class Cluster:
    """Topics, groups and transactional ids. `plan` brings trouble at a chosen moment."""

    def __init__(self, now_ms: Callable[[], int] = lambda: 0) -> None:
        self.topics: dict[str, list[Log]] = {}
        self.groups: dict[str, Group] = defaultdict(lambda: Group(self))
        self.coordinators: dict[str, Coordinator] = defaultdict(Coordinator)
        self.now_ms = now_ms
        self._plans: dict[str, list[Callable[[], None]]] = defaultdict(list)

    # What an administrator does.

    def create(self, topic: str, partitions: int = 1) -> None:
        """Create a topic, of which the groups that want it hear at once."""
        self.topics[topic] = [Log() for _ in range(partitions)]
        for number, log in enumerate(self.topics[topic]):
            log.place = (topic, number)
        for group in self.groups.values():
            if any(member.wants(topic) for member in group.members.values()):
                group.rebalance()

    def log(self, topic: str, partition: int) -> Log:
        """Give one partition."""
        return self.topics[topic][partition]

    def append(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers | None = None,
    ) -> int:
        """Write one record outside any transaction; gives its offset."""
        log = self.log(topic, partition)
        log.entries.append(Entry(key, value, list(headers or ()), self.now_ms(), None))
        return log.end - 1

    def read(self, topic: str, partition: int) -> list[Entry]:
        """Give the records that a reader of committed ones is shown now."""
        log = self.log(topic, partition)
        return [log.entries[offset] for offset in range(log.stable) if log.seen(offset)]

    def expire(self, transactional_id: str) -> None:
        """End a transaction that was open for too long, and fence who had it open."""
        coordinator = self.coordinators[transactional_id]
        if coordinator.transaction is not None:
            self.end(coordinator, Ending.ABORTED)
            coordinator.epoch += 1

    # Trouble.

    def plan(self, moment: str, action: Callable[[], None]) -> None:
        """Run `action` once, when a client next reaches `moment`: an operation's name, after "before " or "after ".

        Before: nothing of the operation has happened yet. After: all of it has, and the client has not heard.
        """
        self._plans[moment].append(action)

    def reach(self, moment: str) -> None:
        """Run what was planned for a moment."""
        if waiting := self._plans.get(moment):
            waiting.pop(0)()

    def forget_plans(self) -> None:
        """Bring no more trouble."""
        self._plans.clear()

    # Transactions.

    def write(self, transaction: Transaction, topic: str, partition: int, entry: Entry) -> None:
        """Append a record of an open transaction."""
        log = self.log(topic, partition)
        transaction.logs.setdefault(log.place, log.end)
        log.open.add(transaction)
        log.entries.append(entry)

    def end(self, coordinator: Coordinator, ending: Ending) -> None:
        """Commit or abort what a coordinator has open: markers in every log, offsets in every group."""
        transaction, coordinator.transaction = coordinator.transaction, None
        if transaction is None:
            return
        transaction.ending = ending
        for place in transaction.logs:
            log = self.log(*place)
            log.open.discard(transaction)
            log.entries.append(Entry(None, None, [], self.now_ms(), transaction, marker=True))
        if ending is Ending.COMMITTED:
            for group, offsets in transaction.offsets.items():
                self.groups[group].committed |= offsets

    def pending(self, group: str, places: Iterable[Place]) -> bool:
        """Whether an open transaction may yet move what is committed for these places."""
        wanted = set(places)
        return any(
            coordinator.transaction is not None and wanted & set(coordinator.transaction.offsets.get(group, ()))
            for coordinator in self.coordinators.values()
        )
