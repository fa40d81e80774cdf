"""Wiring of `index`, and its handler."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from services.events import (
    Case,
    DeliveryMade,
    DraftHeld,
    Event,
    IncidentClosed,
    KpiMeasured,
    RequestClassified,
    RequestMatched,
    RequestPrioritized,
    RequestReceived,
    RequestRouted,
    ReviewMade,
    SurgeDetected,
)
from services.index.core import said_at
from services.index.settings import IndexSettings
from services.readmodel.faults import ReadModelAwayError
from services.readmodel.fold import Heard
from services.readmodel.store import Store
from services.runtime.settings import Shared
from services.runtime.worker import Later, Outcome, Worker

READS: tuple[type[Event], ...] = (
    RequestReceived,
    RequestClassified,
    RequestRouted,
    RequestMatched,
    RequestPrioritized,
    Case,
    DraftHeld,
    ReviewMade,
    DeliveryMade,
    IncidentClosed,
    SurgeDetected,
    KpiMeasured,
)


class Applies(Protocol):
    """The part of `services.readmodel.store.Store` that the handler uses."""

    def apply(self, heard: Sequence[Heard]) -> None:
        """Take a batch, or nothing of it."""


class Indexer:
    """Writes each batch to the read model in one SQL transaction, before its offsets are committed.

    So a crash between the two hands the batch in again: at least once. The read model takes the newest word of each
    request whatever the order and however often it comes, which makes the effect exactly once.
    """

    def __init__(self, store: Applies, clock: Callable[[], datetime], retry_s: float) -> None:
        self._store = store
        self._clock = clock
        self._retry_s = retry_s

    def handle(self, batch: Sequence[Event]) -> Sequence[Outcome]:
        """Write the batch; nothing comes of a record. All of it is for later when the database does not answer."""
        now = self._clock()
        try:
            self._store.apply([(event, said_at(event, now)) for event in batch])
        except ReadModelAwayError as error:
            return [Later(str(error), self._retry_s)] * len(batch)
        return [()] * len(batch)


def build(settings: IndexSettings, shared: Shared) -> Worker:
    """Give the worker that writes the read model; the database is reached with the first batch."""
    store = Store(shared.read_model)
    return Worker(
        name="index",
        reads=READS,
        writes=(),
        handler=Indexer(store, lambda: datetime.now(UTC), settings.retry_s),
        batch_size=settings.batch_size,
        close=store.close,
    )
