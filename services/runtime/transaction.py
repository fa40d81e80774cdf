"""One transactional producer per process: a batch of records and the offsets that made them, all or nothing.

The order of calls and what each failure means are from librdkafka's INTRODUCTION.md (error handling of the
transactional producer). On top: librdkafka speaks the first transaction protocol, in which an EndTxn that is held up
may end the *next* transaction (KIP-890); so after any time-out or disconnect inside a transaction the producer is
thrown away and made anew under the same id, which raises the epoch and fences the late request.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from services.runtime import failures
from services.runtime.clock import Clock
from services.runtime.failures import Kind
from services.runtime.ports import Clients, Producer
from services.runtime.records import Outgoing
from services.runtime.watchdog import Watchdog

log = logging.getLogger(__name__)


SLOW_COMMIT_S = 5.0
"""A commit that took longer may have been sent twice, and its first copy be under way still; half of
`socket.timeout.ms`, after which librdkafka sends again."""

GRACE_S = 10.0
"""What librdkafka is given beyond the seconds that a call may take, before it counts as stuck."""

ABORT_S = 2.0
"""How long the end of a transaction is waited for on the way out."""


class FencedError(Exception):
    """Another process holds this slot; this one must exit."""

    def __init__(self, slot: str, error: object) -> None:
        super().__init__(f"{slot} is held by another process: {error}")


class BatchFailedError(Exception):
    """The transaction did not commit, or may not have: rewind from the committed offsets.

    `certain` is false when the commit may have landed all the same, so that state must be rebuilt.
    """

    def __init__(self, why: str, *, certain: bool) -> None:
        super().__init__(why)
        self.certain = certain


class Transactor:
    """Runs transactions under one stable id, renewing its producer when that is the safe thing."""

    def __init__(
        self,
        clients: Clients,
        transactional_id: str,
        *,
        timeout_s: float,
        on_renew: Callable[[], None],
        clock: Clock | None = None,
        stopping: Callable[[], bool] = lambda: False,
        watchdog: Watchdog | None = None,
    ) -> None:
        self._clients = clients
        self._id = transactional_id
        self._timeout_s = timeout_s
        self._on_renew = on_renew
        self._clock = clock or Clock()
        self._stopping = stopping
        self._watchdog = watchdog
        self._open = False
        self._suspect = ""
        self._producer: Producer | None = None

    def start(self) -> None:
        """Fence whoever used this id before, and end what it left open; comes back without it when told to stop.

        Raises:
            FencedError: somebody else is starting under the same id.

        """
        self._producer = self._renewed()

    def run(self, outgoing: Sequence[Outgoing], offsets: list[TopicPartition], metadata: Any) -> None:  # noqa: ANN401
        """Commit `outgoing` and `offsets` (the next to read, by partition) in one transaction.

        Raises:
            BatchFailedError: nothing was committed, or it is not known; the producer is ready for the next batch.
            FencedError: another process holds this slot.

        """
        producer = self._sound()
        if producer is None:
            why = "there is no producer, and the worker is stopping"
            raise BatchFailedError(why, certain=True)
        deadline = self._clock.monotonic() + self._timeout_s
        committing = False
        try:
            with self._bounded("a transaction"):
                self._again(producer.begin_transaction, deadline)
                self._open = True
                self._produce(producer, outgoing, deadline)
                left = producer.flush(max(0.0, deadline - self._clock.monotonic()))
            if left:
                self._fail(f"{left} records were not acknowledged in time", certain=True)
            with self._bounded("the end of a transaction"):
                if offsets:
                    self._again(
                        lambda: producer.send_offsets_to_transaction(offsets, metadata, self._left(deadline)), deadline
                    )
                committing = True
                began = self._clock.monotonic()
                self._again(lambda: producer.commit_transaction(self._left(deadline)), deadline)
            if (took := self._clock.monotonic() - began) > SLOW_COMMIT_S:
                self._suspect = f"a commit of {took:.1f} s"
            producer.poll(0)  # hears of disconnects during the commit, which librdkafka has mended by itself
        except KafkaException as error:
            self._recover(producer, error.args[0], committing=committing)
        self._open = False
        if self._suspect:
            log.warning("renewing the producer: %s during a transaction", self._suspect)
            self._producer = self._renewed()

    def close(self) -> None:
        """End an open transaction, which would hold up every reader until it times out, and let the producer go."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if self._open:
            try:
                producer.abort_transaction(ABORT_S)
            except KafkaException as error:
                log.warning("a transaction is left open for the next holder of %s to end: %s", self._id, error)
        with suppress(KafkaException):  # what was fatal is raised here once more
            producer.flush(0)

    def _sound(self) -> Producer | None:
        """Give a producer that nothing of before is under way of; None when the worker is told to stop meanwhile.

        What befell it between transactions counts too: librdkafka tells of a disconnect that is like the last one only
        after half a minute, so that one inside the next transaction would not be heard.
        """
        if self._producer is not None:
            self._producer.poll(0)
            if not self._suspect:
                return self._producer
            log.warning("renewing the producer: %s between transactions", self._suspect)
        self._producer = self._renewed()
        return self._producer

    def _bounded(self, what: str) -> AbstractContextManager[None]:
        return nullcontext() if self._watchdog is None else self._watchdog.within(self._timeout_s + GRACE_S, what)

    def _left(self, deadline: float) -> float:
        return max(0.1, deadline - self._clock.monotonic())

    def _produce(self, producer: Producer, outgoing: Sequence[Outgoing], deadline: float) -> None:
        produce = producer.produce
        for topic, key, value, headers, partition in outgoing:
            while True:
                try:
                    produce(topic, value, key, partition, headers=headers)
                    break
                except BufferError:
                    if self._clock.monotonic() > deadline:
                        self._fail("the producer's queue stayed full", certain=True)
                    producer.poll(0.05)
        producer.poll(0)

    def _again(self, call: Callable[[], None], deadline: float) -> None:
        """Call until it succeeds, for as long as librdkafka says to call again."""
        while True:
            try:
                call()
            except KafkaException as error:
                if failures.kind(error.args[0]) is not Kind.RETRIABLE or self._clock.monotonic() > deadline:
                    raise
                self._suspect = self._suspect or str(error.args[0])
            else:
                return

    def _recover(self, producer: Producer, error: Any, *, committing: bool) -> None:  # noqa: ANN401 - KafkaError
        """Make the producer fit for the next batch, and say what is known of this one."""
        kind = failures.kind(error)
        log.warning("the transaction failed: %s (%s)", error, kind.name.lower())
        if kind is Kind.FENCED:
            raise FencedError(self._id, error)
        if error.code() in failures.SUSPECT:
            # What timed out may be obeyed yet; and the broker, whose time may be up too, would take an abort for that
            # of a stranger. Under a new epoch there is neither.
            self._suspect = str(error)
        if kind is Kind.ABORTABLE and not self._suspect and self._aborted(producer):
            raise BatchFailedError(str(error), certain=True)
        self._producer = self._renewed()
        raise BatchFailedError(str(error), certain=not committing)

    def _fail(self, why: str, *, certain: bool) -> None:
        self._producer = self._renewed()
        raise BatchFailedError(why, certain=certain)

    def _aborted(self, producer: Producer) -> bool:
        deadline = self._clock.monotonic() + self._timeout_s
        try:
            with self._bounded("an abort"):
                self._again(lambda: producer.abort_transaction(self._left(deadline)), deadline)
        except KafkaException as error:
            if failures.kind(error.args[0]) is Kind.FENCED:
                raise FencedError(self._id, error.args[0]) from error
            return False
        self._open = False
        return not self._suspect

    def _heard(self, why: str) -> None:
        self._suspect = why

    def _renewed(self) -> Producer | None:
        """Make a producer that has fenced all before it; None when the worker is told to stop meanwhile."""
        old, self._producer = self._producer, None
        self._open = False
        if old is not None:
            old.purge()
            self._on_renew()
        wait = 0.2
        while True:
            producer = self._clients.producer(self._id, self._heard)
            try:
                with self._bounded("init_transactions"):
                    producer.init_transactions(self._timeout_s)
            except KafkaException as error:
                if failures.kind(error.args[0]) is Kind.FENCED:
                    raise FencedError(self._id, error.args[0]) from error
                if self._stopping():
                    return None
                log.warning("init_transactions failed, once more in %.1f s: %s", wait, error.args[0])
                self._clock.sleep(wait)
                wait = min(wait * 2, 5.0)
            else:
                producer.poll(0)  # what befell it until now is of no consequence
                self._suspect = ""
                return producer
