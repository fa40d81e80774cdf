"""Bringing dead letters back to where they came from: each of them once at most.

The original record (key, value, headers without `dead_*`) goes back to the topic and partition it had come from. In
the same transaction the letter's position is written to `dead.replayed.v1`; both are seen, or neither is. All runs of
`stormdrain dead replay` share one transactional id, so that one which begins ends whatever an earlier one, killed or
still running, had open; only then is it read which letters were brought back already. Between that reading and the
commit nobody else can have committed, or this run is fenced and commits nothing itself. Offsets of a consumer group
instead of marks would do for whole partitions only, and not for the letters of one reason.

Other workers read the same topic and had taken the record long ago; so what is brought back names its one reader
(`dead_replay_for`), and all others pass it over: `records.Decoder`. A worker's rebuilding of state passes over it too.
Readers that are not ours see the record a second time, under the same `ce_id`.

A compacted topic is never written to: the record would take the place of a newer one of its key.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.events import DeadLetterReplayed
from services.runtime.cluster import Cluster
from services.runtime.dead import (
    REPLAYED,
    DeadLettersError,
    Letter,
    Position,
    letter_of,
    mark_of,
    replays,
    scan,
)
from services.runtime.kafka import KafkaClients
from services.runtime.ports import Message
from services.runtime.records import DEAD_PREFIX, REPLAY_FOR, REPLAY_OF, Encoder, Outgoing, trace_of
from services.runtime.transaction import BatchFailedError, FencedError, Transactor

log = logging.getLogger(__name__)

TRANSACTIONAL_ID = "stormdrain-dead-replay"
BATCH_LETTERS = 500
BATCH_BYTES = 4_000_000
TIMEOUT_S = 10.0
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a replay would do."""

    ready: tuple[Letter, ...]
    already: tuple[Letter, ...]
    """Brought back before."""
    refused: tuple[tuple[Letter, str], ...]
    """With why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a replay did."""

    replayed: int
    already: int
    """Brought back by another run since the plan was made."""
    gone: tuple[Position, ...]
    """Removed by the topic's retention since then."""


def plan(found: Iterable[Letter], marks: Mapping[tuple[str, int], DeadLetterReplayed], cluster: Cluster) -> Plan:
    """Sort letters by what can be done with them. `cluster` has the configuration of the topics they came from."""
    ready, already, refused = [], [], []
    for letter in found:
        if mark_of(letter, marks) is not None:
            already.append(letter)
        elif why := _obstacle(letter, cluster):
            refused.append((letter, why))
        else:
            ready.append(letter)
    return Plan(ready=tuple(ready), already=tuple(already), refused=tuple(refused))


def _obstacle(letter: Letter, cluster: Cluster) -> str:
    origin = letter.origin
    if origin is None:
        return "it does not say where it came from: no worker of ours wrote it"
    if letter.left_out:
        return f"it is too large for a dead letter, and for our producers; it lies at {origin}"
    topic = cluster.topics.get(origin.topic)
    if topic is None:
        return f"the cluster has no topic {origin.topic}"
    if origin.partition >= topic.partitions:
        return f"{origin.topic} has {topic.partitions} partitions, it came from number {origin.partition}"
    if "compact" in topic.config.get("cleanup.policy", ""):
        return f"{origin.topic} is compacted: it would take the place of a newer record of its key"
    return ""


def revived(message: Message, letter: Letter) -> Outgoing:
    """Give the record that goes back: as it was, and two headers that say whose it is and which letter it was.

    The letter must have an origin.
    """
    assert letter.origin is not None  # noqa: S101 - the plan has no other
    original = [pair for pair in message.headers() or () if not pair[0].startswith(DEAD_PREFIX)]
    marks = [(REPLAY_FOR, letter.worker.encode()), (REPLAY_OF, str(letter.position).encode())]
    headers = [*original, *marks]
    return Outgoing(letter.origin.topic, message.key(), message.value(), headers, letter.origin.partition)


def mark(letter: Letter, now: datetime) -> DeadLetterReplayed:
    """Give the word that a letter was brought back. The letter must have an origin."""
    assert letter.origin is not None  # noqa: S101 - the plan has no other
    return DeadLetterReplayed(
        letter=str(letter.position),
        letter_at=letter.appended_at,
        reason=letter.reason,
        returned_to=letter.origin.topic,
        partition=letter.origin.partition,
        offset=letter.origin.offset,
        replayed_at=now,
    )


def replay(
    clients: KafkaClients,
    chosen: Sequence[Letter],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Callable[[int], None] = lambda _: None,
) -> Done:
    """Bring back `chosen`, but not those that were brought back before; `on_progress` hears how many are committed.

    Raises:
        DeadLettersError: what was committed before it happened stays, and is known to the next run.

    """
    if not clients.partitions(REPLAYED):
        text = (
            f"stormdrain dead replay cannot begin: the cluster has no topic {REPLAYED}\n"
            "  it holds which letters were brought back; to do: stormdrain topics apply"
        )
        raise DeadLettersError(text)
    encoder = Encoder("stormdrain-dead")
    transactor = Transactor(clients, TRANSACTIONAL_ID, timeout_s=TIMEOUT_S, on_renew=lambda: None)
    done = failures = 0
    try:
        transactor.start()
        left = _unmarked(clients, chosen)
        already = len(chosen) - len(left)
        while True:
            try:
                for batch in _batches(clients, left):
                    transactor.run(_outgoing(batch, encoder, clock()), [], None)
                    done += len(batch)
                    on_progress(done)
                    for _, letter in batch:
                        del left[letter.position]
            except BatchFailedError as error:
                failures += 1
                left = _unmarked(clients, list(left.values()))
                done = len(chosen) - already - len(left)
                if failures == TRIES:
                    raise _stopped(done, len(chosen), f"a transaction failed for the third time ({error})") from error
                log.warning("a transaction failed, those letters once more: %s", error)
            else:
                return Done(replayed=done, already=already, gone=tuple(left))
    except FencedError as error:
        raise _stopped(done, len(chosen), "another `stormdrain dead replay` began meanwhile") from error
    finally:
        transactor.close()


def _stopped(done: int, of: int, why: str) -> DeadLettersError:
    return DeadLettersError(
        f"stormdrain dead replay stopped after {done} of {of} letters: {why}\n"
        "  the rest lies where it was; the same command brings back what is left, and nothing twice"
    )


def _unmarked(clients: KafkaClients, chosen: Sequence[Letter]) -> dict[Position, Letter]:
    marks = replays(clients, whole=True)
    return {letter.position: letter for letter in chosen if mark_of(letter, marks) is None}


def _batches(clients: KafkaClients, left: Mapping[Position, Letter]) -> Iterator[list[tuple[Message, Letter]]]:
    """Read the letters again, in bundles of what one transaction carries."""
    starts: dict[tuple[str, int], int] = {}
    ends: dict[tuple[str, int], int] = {}
    for topic, partition, offset in left:
        place = (topic, partition)
        starts[place] = min(starts.get(place, offset), offset)
        ends[place] = max(ends.get(place, 0), offset + 1)
    batch: list[tuple[Message, Letter]] = []
    size = 0
    for message in scan(clients, starts, ends):
        letter = left.get(Position(message.topic(), message.partition(), message.offset()))
        # A topic that was made anew meanwhile has other letters at the same positions.
        if letter is None or letter_of(message) != letter:
            continue
        batch.append((message, letter))
        size += letter.size
        if len(batch) >= BATCH_LETTERS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _outgoing(batch: Sequence[tuple[Message, Letter]], encoder: Encoder, now: datetime) -> list[Outgoing]:
    encoder.begin(now)
    found = []
    for message, letter in batch:
        found.append(revived(message, letter))
        found.append(encoder.encode(mark(letter, now), trace_of(message.headers())))
    return found
