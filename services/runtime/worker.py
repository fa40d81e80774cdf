"""What a worker gives the runtime: plain handlers and a description of what they read and write.

A handler is a function of a batch and, for a worker that keeps state, of one partition's state. It never touches
Kafka, and it never changes state: state is folded from the worker's own output, by `Stateful.fold`, after the
transaction that carries the output has committed. The rebuild after a crash calls the same `fold`, so both agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from services.events import Event


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is at fault itself: it goes to the dead letters with `reason`, others go on.

    `reason` is one of a bounded set of codes (it becomes a metric label), `detail` says field and remedy and must
    hold no personal data.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Something outside that this record needs is away (a CRM, a database): nothing final was done with it.

    The runtime hands it out again after `seconds`, with all that follows it on its partition of its topic. Other
    partitions go on: what one department's system keeps waiting does not wait for another's.
    """

    why: str
    seconds: float


Outcome = Event | Rejected | Later | Sequence[Event]
"""What became of one record: one event, several, none (an empty tuple), a rejection, or nothing yet."""


class Stateless(Protocol):
    """Decides records independently of each other; a batch may span partitions."""

    def handle(self, batch: Sequence[Event]) -> Sequence[Outcome]:
        """Give one outcome for each record, in order."""


class Stateful(Protocol):
    """Decides by what it said before. One instance serves all partitions of the process; state is by partition.

    Outputs of a stateful worker go to the partition their input came from, so that the state of input partition
    `p` is rebuilt from partition `p` of the output topic.
    """

    def handle(self, partition: int, batch: Sequence[Event]) -> Sequence[Outcome]:
        """Give one outcome for each record, in order, and leave the state as it is."""

    def fold(self, partition: int, event: Event) -> None:
        """Take one committed output into the state of its partition."""

    def forget(self, partition: int) -> None:
        """Drop the state of a partition that moved elsewhere; called also before a rebuild."""


class Learns(Protocol):
    """A worker that also looks at topics which concern every partition (surges, what people decided)."""

    def learn(self, event: Event) -> None:
        """Take one record of a `tables` topic; the newest record of a key is the truth."""


class Reconsiders(Learns, Protocol):
    """A stateful worker whose earlier outputs may no longer hold once it has learnt more."""

    def reconsider(self, partition: int, at_most: int) -> Sequence[Event]:
        """Give up to `at_most` new outputs of a partition whose last output no longer holds; empty when all hold."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker as the runtime sees it; `build(settings)` of each worker's folder returns one."""

    name: str
    reads: tuple[type[Event], ...]
    writes: tuple[type[Event], ...]
    handler: Stateless | Stateful
    rebuilds_from: type[Event] | None = None
    """For a stateful worker: which of `writes` its state is folded from."""
    tables: tuple[type[Event], ...] = ()
    """Topics read whole by every process, outside the group, for a handler that `Learns` or `Reconsiders`."""
    tables_age: timedelta | None = None
    """How old a record of the tables may be to be read at the start; None: all are."""
    told: Callable[[Sequence[Event]], None] | None = None
    """Hears of every output once it is committed, to put what it says into the worker's own metrics."""
    batch_size: int = 2000
    versions: dict[str, str] = field(default_factory=dict)
    """What made its decisions (model, boundaries, rules), for logs and the info metric."""
    close: Callable[[], None] | None = None
