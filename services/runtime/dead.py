"""Dead letters: what lies in the `<worker>.dead.v1` topics, found and read. Only reads; `dead_replay` brings back.

A letter is known by its position, `classify.dead.v1/3/17`. A list holds no value of any letter, however many there
are: values are read again, by position, where one is shown or brought back.
"""

import logging
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from services.events import DeadLetterReplayed
from services.runtime.cluster import Cluster
from services.runtime.kafka import KafkaClients
from services.runtime.ports import Message, Place
from services.runtime.records import DEAD_PREFIX, readable

log = logging.getLogger(__name__)

SUFFIX = ".dead.v1"
REPLAYED = DeadLetterReplayed.topic
UNSAID = "unsaid"
"""The reason of a record in a dead letter topic that says none: somebody else wrote it."""
FIRST = 0
"""Where a partition begins, or began: what is gone is passed over. Saves the question where it begins now."""
SILENT_S = 30.0
"""How long a partition may give nothing before reading it is given up."""

_SELECTED = re.compile(
    r"(?P<worker>[a-z0-9-]+)(?:\.dead\.v1)?(?:/(?P<partition>[0-9]{1,9})(?:/(?P<offset>[0-9]{1,18}))?)?"
)
_OFFSET = re.compile(rb"[0-9]{1,18}")


class DeadLettersError(Exception):
    """What `stormdrain dead` cannot do, in words for the operator."""


class Position(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One dead letter, without its value."""

    position: Position
    reason: str
    detail: str
    at: datetime
    """When the worker refused it."""
    appended_ms: int
    """The record's own timestamp. With the position it tells the letter from all others."""
    origin: Position | None
    """The record that was refused; None where the letter does not say, so that it cannot be brought back."""
    size: int
    """Bytes of the value."""
    left_out: bool = False
    """Its original was too large to travel with the reason: it is where it came from, and not in the letter."""

    @property
    def worker(self) -> str:
        """The worker that refused it."""
        return self.position.topic.removesuffix(SUFFIX)

    @property
    def appended_at(self) -> datetime:
        """The record's own timestamp."""
        return datetime.fromtimestamp(self.appended_ms / 1000, UTC)


def letter_of(message: Message) -> Letter:
    """Read what a record of a dead letter topic says of itself in its headers."""
    said = {name: content or b"" for name, content in message.headers() or () if name.startswith(DEAD_PREFIX)}
    appended_ms = max(0, message.timestamp()[1])
    return Letter(
        position=Position(message.topic(), message.partition(), message.offset()),
        reason=_text(said.get("dead_reason")) or UNSAID,
        detail=_text(said.get("dead_detail")),
        at=_instant(said.get("dead_at")) or datetime.fromtimestamp(appended_ms / 1000, UTC),
        appended_ms=appended_ms,
        origin=_origin(said),
        size=len(message.value() or b""),
        left_out="dead_left_out" in said,
    )


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")


def _instant(content: bytes | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(content))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _origin(said: Mapping[str, bytes]) -> Position | None:
    topic, partition, offset = (said.get(f"dead_{name}", b"") for name in ("topic", "partition", "offset"))
    if not topic or not _OFFSET.fullmatch(partition) or not _OFFSET.fullmatch(offset):
        return None
    return Position(_text(topic), int(partition), int(offset))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which letters are meant: those at `where` (topics, partitions, positions; empty: all) that fit the rest."""

    where: tuple[tuple[str, int | None, int | None], ...] = ()
    worker: str | None = None
    reason: str | None = None
    since: datetime | None = None

    def takes(self, letter: Letter) -> bool:
        """Say whether a letter is meant."""
        if self.reason is not None and letter.reason != self.reason:
            return False
        if self.since is not None and letter.at < self.since:
            return False
        topic, partition, offset = letter.position
        if not self.covers(topic, partition):
            return False
        return not self.where or any(
            t == topic and p in {None, partition} and o in {None, offset} for t, p, o in self.where
        )

    def covers(self, topic: str, partition: int) -> bool:
        """Say whether letters of a partition may be meant."""
        if self.worker is not None and topic != self.worker + SUFFIX:
            return False
        return not self.where or any(t == topic and p in {None, partition} for t, p, _ in self.where)

    def absent(self, found: Collection[Position]) -> list[Position]:
        """Give the single positions that were asked for and not found."""
        wanted = [Position(topic, p, o) for topic, p, o in self.where if p is not None and o is not None]
        return [position for position in wanted if position not in found]


def select(
    texts: Sequence[str],
    cluster: Cluster,
    *,
    worker: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
) -> Selection:
    """Read what an operator selects: `classify`, `classify.dead.v1/3` (a partition), `classify.dead.v1/3/17` (one).

    Raises:
        DeadLettersError: names every text that is no selection, or of which the cluster has no topic.

    """
    faults, where = [], []
    if worker is not None and (fault := _unknown(worker, worker, cluster)):
        faults.append(fault)
    for text in texts:
        found = _SELECTED.fullmatch(text)
        if found is None:
            faults.append(f"{text!r}: expected a worker or a position, such as classify or classify{SUFFIX}/3/17")
            continue
        if fault := _unknown(found["worker"], text, cluster):
            faults.append(fault)
        partition, offset = (None if part is None else int(part) for part in found.group("partition", "offset"))
        where.append((found["worker"] + SUFFIX, partition, offset))
    if faults:
        message = "\n".join(["stormdrain dead cannot tell which letters are meant:", *(f"  {each}" for each in faults)])
        raise DeadLettersError(message)
    return Selection(where=tuple(where), worker=worker, reason=reason, since=since)


def _unknown(worker: str, text: str, cluster: Cluster) -> str:
    known = [name.removesuffix(SUFFIX) for name in dead_topics(cluster)]
    if worker in known:
        return ""
    close = get_close_matches(worker, known, n=1)
    guess = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known) or 'none'}"
    return f"{text!r}: the cluster has no topic {worker}{SUFFIX}; {guess}"


def dead_topics(cluster: Cluster) -> dict[str, int]:
    """Give the dead letter topics that a cluster has, with their number of partitions."""
    return {name: found.partitions for name, found in sorted(cluster.topics.items()) if name.endswith(SUFFIX)}


def letters(clients: KafkaClients, cluster: Cluster, selection: Selection) -> Iterator[Letter]:
    """Read the letters that are meant and lie there now; those of one partition come in their order.

    Raises:
        DeadLettersError: a partition cannot be read.

    """
    places = [
        (topic, partition)
        for topic, partitions in dead_topics(cluster).items()
        for partition in range(partitions)
        if selection.covers(topic, partition)
    ]
    starts = dict.fromkeys(places, FIRST)
    if selection.since is not None:
        starts = clients.since([TopicPartition(*place) for place in places], milliseconds(selection.since))
    for message in scan(clients, starts):
        letter = letter_of(message)
        if selection.takes(letter):
            yield letter


def record_at(clients: KafkaClients, cluster: Cluster, position: Position) -> Message | None:
    """Read one record, value and all; None where there is none, or none any more."""
    topic, partition, offset = position
    if topic not in cluster.topics or partition >= cluster.topics[topic].partitions:
        return None
    place = (topic, partition)
    if offset >= clients.ends([TopicPartition(*place)])[place]:
        return None
    for message in scan(clients, {place: offset}, {place: offset + 1}):
        return message if message.offset() == offset else None
    return None


def replays(clients: KafkaClients, *, whole: bool = False) -> dict[tuple[str, int], DeadLetterReplayed]:
    """Give what was brought back, by position (as text) and timestamp (in milliseconds) of the letter.

    With `whole` the topic is read up to its very end, an open transaction included, which is then waited for.

    Raises:
        DeadLettersError: the topic cannot be read, or holds something that is not ours.

    """
    places = [TopicPartition(REPLAYED, partition) for partition in range(clients.partitions(REPLAYED))]
    ends = clients.ends(places) if whole else None
    starts = {(place.topic, place.partition): FIRST for place in places}
    found = {}
    for message in scan(clients, starts, ends):
        try:
            mark = msgspec.json.decode(message.value() or b"", type=DeadLetterReplayed)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            where = Position(message.topic(), message.partition(), message.offset())
            text = (
                f"stormdrain dead cannot tell which letters were brought back: {where} cannot be read ({error})\n"
                f"  expected only what `stormdrain dead replay` writes there; see who else may write {REPLAYED}"
            )
            raise DeadLettersError(text) from error
        found[mark.letter, milliseconds(mark.letter_at)] = mark
    return found


def milliseconds(moment: datetime) -> int:
    """Give Unix milliseconds."""
    return round(moment.timestamp() * 1000)


def mark_of(letter: Letter, marks: Mapping[tuple[str, int], DeadLetterReplayed]) -> DeadLetterReplayed | None:
    """Give the word that a letter was brought back, if it was."""
    return marks.get((str(letter.position), letter.appended_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Letters of one worker for one reason."""

    worker: str
    reason: str
    count: int
    replayed: int
    first: datetime
    last: datetime
    newest: Position


def group(found: Iterable[tuple[Letter, bool]]) -> list[Group]:
    """Count letters, each with whether it was brought back, by worker and reason; the most numerous first."""
    groups: dict[tuple[str, str], Group] = {}
    for letter, replayed in found:
        key = (letter.worker, letter.reason)
        before = groups.get(key)
        newest = before is None or letter.at >= before.last
        groups[key] = Group(
            worker=letter.worker,
            reason=letter.reason,
            count=(before.count if before else 0) + 1,
            replayed=(before.replayed if before else 0) + replayed,
            first=min(before.first, letter.at) if before else letter.at,
            last=max(before.last, letter.at) if before else letter.at,
            newest=letter.position if newest or before is None else before.newest,
        )
    return sorted(groups.values(), key=lambda each: (-each.count, each.worker, each.reason))


def scan(
    clients: KafkaClients, starts: Mapping[Place, int], ends: Mapping[Place, int] | None = None
) -> Iterator[Message]:
    """Read committed records of partitions from given offsets on, up to `ends`, or to what is stable now.

    Raises:
        DeadLettersError: nothing came for `SILENT_S`, or a partition is not there.

    """
    left = {place for place in starts if ends is None or ends[place] > starts[place]}
    if not left:
        return
    reader = clients.reader()
    try:
        reader.incremental_assign([TopicPartition(*place, starts[place]) for place in sorted(left)])
        heard = time.monotonic()
        while left:
            for message in reader.consume(500, 0.05):
                place = (message.topic(), message.partition())
                if place not in left:
                    continue
                if message.error() is None:
                    yield readable(message)
                if _at_end(message, place, ends):
                    left.discard(place)
                heard = time.monotonic()
            if time.monotonic() - heard > SILENT_S:
                raise _unreadable(left, f"nothing came for {SILENT_S:g} s")
    except KafkaException as error:
        raise _unreadable(left, error.args[0].str()) from error
    finally:
        reader.close()


def _at_end(message: Message, place: Place, ends: Mapping[Place, int] | None) -> bool:
    fault = message.error()
    if fault is None:
        return ends is not None and message.offset() + 1 >= ends[place]
    if fault.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
        raise _unreadable({place}, str(fault))
    return ends is None or message.offset() >= ends[place]


def _unreadable(places: Collection[Place], why: str) -> DeadLettersError:
    names = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(places))
    return DeadLettersError(
        f"stormdrain dead cannot read {names}: {why}\n"
        "  expected records or the end; are all brokers up, and may this user read the topic?"
    )
