"""Records read before their turn, so that a backlog of many partitions is worked off in the order it was written in.

A fetch brings a long run of one partition, then of the next. Worked off like that, what a storm left behind reaches
whoever comes after as an hour of one partition and then the same hour of the next, and what was said of the first has
to be corrected at every step (docs/adr/0029 has what that cost). Kafka Streams chooses among the partitions it has
buffered in the same way.
"""

from collections import Counter
from collections.abc import Iterable

from services.runtime.ports import Message, Place

BATCHES = 8
"""So many batches are held at most, the one to be handed out next included."""
AT_MOST_BYTES = 16 * 1024 * 1024


class Ahead:
    """What was read and not handed out, oldest first; the records of one partition keep their order."""

    def __init__(self) -> None:
        self._held: list[tuple[int, int, Place, Message]] = []
        """When a record counts as written, its number, whose it is, and itself."""
        self._written: dict[Place, int] = {}
        """Of the last record of each partition."""
        self._number = 0
        self._bytes = 0

    def room(self, batch: int) -> int:
        """Say how many more may be read, in batches of such a size."""
        return max(0, BATCHES * batch - len(self._held)) if self._bytes < AT_MOST_BYTES else 0

    def ready(self, flowing: set[Place]) -> int:
        """Say how many can be handed out of the partitions that flow."""
        if self._written.keys() <= flowing:
            return len(self._held)
        return sum(place in flowing for _, _, place, _ in self._held)

    def put(self, messages: Iterable[Message], now_ms: int) -> None:
        """Take what was read. What says it is of the future counts as of now, lest it hold up its partition."""
        held, written, number = self._held, self._written, self._number
        for message in messages:
            place = (message.topic(), message.partition())
            at = min(message.timestamp()[1], now_ms)
            written[place] = at = max(at, written.get(place, at))
            held.append((at, number, place, message))
            self._bytes += _size(message)
            number += 1
        self._number = number
        held.sort()

    def take(self, at_most: int, flowing: set[Place]) -> list[Message]:
        """Hand out the oldest of the partitions that flow."""
        held = self._held
        if self._written.keys() <= flowing:
            due, self._held = held[:at_most], held[at_most:]
        else:
            due = [each for each in held if each[2] in flowing][:at_most]
            gone = {number for _, number, _, _ in due}
            self._held = [each for each in held if each[1] not in gone]
        messages = [message for _, _, _, message in due]
        self._bytes -= sum(map(_size, messages))
        return messages

    def drop(self, places: Iterable[Place]) -> None:
        """Let go of partitions that are someone else's by now, or are to be read once more."""
        for place in (gone := set(places)):
            self._written.pop(place, None)
        self._held = [each for each in self._held if each[2] not in gone]
        self._bytes = sum(_size(message) for _, _, _, message in self._held)

    def counts(self) -> Counter[Place]:
        """Say how many of each partition are held."""
        return Counter(place for _, _, place, _ in self._held)


def _size(message: Message) -> int:
    return len(message.value() or b"")
