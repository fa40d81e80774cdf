"""Records with a header whose name is not UTF-8. Kafka allows any bytes; no Python client writes them when asked to.

aiokafka's own builder of record batches, in its Python form, takes whatever a name encodes to. It does not go with an
idempotent producer, so a record whose acknowledgement was lost is written twice.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.record import default_records

AGAIN_S = 1.0
Place = tuple[str, int, int]


class _Odd(str):
    """A name that is no text on the wire."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Give bytes that no encoding of Unicode gives."""
        return b"\xff\xfe" + str.encode(self, encoding, errors)


class OddNames:
    """Writes such records in a thread of its own, however long the broker takes; the thread starts with the first."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread()
        self._producer: AIOKafkaProducer | None = None
        self._waiting: list[tuple[Any, Any]] = []
        self._lock: asyncio.Lock | None = None

    @property
    def awaited(self) -> int:
        """How many records `acknowledged` has not given yet."""
        return len(self._waiting)

    def send(self, topic: str, partition: int, key: bytes, value: bytes | None, what: Any) -> None:  # noqa: ANN401 - given back as it is
        """Write a record some time; `what` comes back with its place."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="odd-names", daemon=True)
            self._thread.start()
        future = asyncio.run_coroutine_threadsafe(self._send(topic, partition, key, value), self._loop)
        self._waiting.append((future, what))

    def acknowledged(self) -> Iterator[tuple[Place, Any]]:
        """Give the records that were written since the last call, each with its place and `what` it was sent with."""
        waiting, self._waiting = self._waiting, []
        for future, what in waiting:
            if future.done():  # asked once: it may be done a moment later
                yield future.result(), what
            else:
                self._waiting.append((future, what))

    def close(self) -> None:
        """Stop the thread; what was not written yet never is."""
        if self._loop is None:
            return
        for future, _ in self._waiting:
            future.cancel()
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None

    async def _send(self, topic: str, partition: int, key: bytes, value: bytes | None) -> Place:
        while True:
            try:
                batch = (await self._started()).create_batch()
                batch._builder = default_records._DefaultRecordBatchBuilderPy(  # noqa: SLF001 - the one way to write it
                    2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=16_384
                )
                batch.append(timestamp=None, key=key, value=value, headers=[(_Odd("name"), b"poison")])
                batch.close()
                sent = await (await self._started()).send_batch(batch, topic, partition=partition)
                return topic, partition, (await sent).offset
            except (KafkaError, OSError):
                await asyncio.sleep(AGAIN_S)

    async def _started(self) -> AIOKafkaProducer:
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._producer is None:
                producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
        return self._producer

    async def _stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
