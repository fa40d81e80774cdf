"""Connectors, one for each kind of system, and the courier that calls them from an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import msgspec

from services.deliver.core import LONGEST_WAIT_S, Accepted, Answer, Parcel, Refused, Trip, Unavailable, judge, wait

if TYPE_CHECKING:
    from random import Random

    from services.city.model import System
    from services.deliver.settings import DeliverSettings
    from services.runtime.metrics import Metrics

log = logging.getLogger(__name__)


class Connector(Protocol):
    """Speaks to one system. Its methods run on the courier's loop.

    `send` gives one answer for each parcel, in order; trouble with the network is an answer (`Unavailable`), never an
    exception. It upserts by `Parcel.ref`, hands over `Parcel.key` and `Parcel.version`, and never lets an older
    version pass a newer one.
    """

    most: int
    """Parcels that one `send` may carry."""

    async def open(self) -> None:
        """Begin; called once, on the loop, before the first `send`."""

    async def send(self, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        """Hand over up to `most` parcels in one call."""

    async def close(self) -> None:
        """Let go of the connections."""


class SandboxConnector:
    """Speaks to `services.sandbox.crm`: a PUT for one case, the batch endpoint for more."""

    most = 200

    def __init__(self, url: str, *, token: str, timeout_s: float, connections: int) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool of connections."""
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, headers=self._headers, connector=aiohttp.TCPConnector(limit=self._connections)
        )

    async def send(self, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        """Upsert; see `Connector.send`."""
        try:
            return [await self._one(parcels[0])] if len(parcels) == 1 else await self._several(parcels)
        except TimeoutError:
            return [Unavailable("no answer in time")] * len(parcels)
        except (aiohttp.ClientError, OSError) as error:
            # The class says enough (refused, reset, TLS); the text may hold an address with a secret.
            return [Unavailable(f"connection: {type(error).__name__}")] * len(parcels)

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()

    async def _one(self, load: Parcel) -> Answer:
        status, retry_after, body = await self._call(
            "PUT", f"/api/cases/{load.ref}", load.case, {"Idempotency-Key": load.key}
        )
        return judge(status, body if isinstance(body, dict) else None, retry_after)

    async def _several(self, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        items = [{"ref": load.ref, "key": load.key, "case": load.case} for load in parcels]
        status, retry_after, body = await self._call("POST", "/api/cases:batch", items, {})
        if status in {400, 413, 422}:
            # One case may have spoiled the batch: by themselves the others pass.
            return await asyncio.gather(*(self._one(load) for load in parcels))
        if status != 200:  # noqa: PLR2004 - HTTP
            return [Unavailable(f"status {status}", retry_after)] * len(parcels)
        if not isinstance(body, list) or len(body) != len(parcels):
            return [Unavailable("the batch was answered without a result for each case")] * len(parcels)
        return [_judge_item(item) for item in body]

    async def _call(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> tuple[int, float | None, object]:
        if self._session is None:
            message = "the connector is not open; expected `open` before `send`"
            raise RuntimeError(message)
        async with self._session.request(
            method, self._url + path, data=msgspec.json.encode(body), headers=headers, allow_redirects=False
        ) as response:
            raw = await response.read()
            return response.status, seconds_of(response.headers.get("Retry-After"), datetime.now(UTC)), _json(raw)


def connect(system: System, settings: DeliverSettings) -> Connector:
    """Give the connector for a system of the city.

    Raises:
        ValueError: no connector speaks to systems of this kind.

    """
    make = CONNECTORS.get(system.kind)
    if make is None:
        message = (
            f"deliver cannot start: system {system.id} in departments.yaml is of kind {system.kind!r}; "
            f"expected one of: {', '.join(sorted(CONNECTORS))}"
        )
        raise ValueError(message)
    return make(settings)


def _sandbox(settings: DeliverSettings) -> Connector:
    return SandboxConnector(
        settings.sandbox_url,
        token=settings.sandbox_token,
        timeout_s=settings.timeout_s,
        connections=settings.connections,
    )


CONNECTORS: Mapping[str, Callable[[DeliverSettings], Connector]] = {"sandbox": _sandbox}
"""A connector for each `System.kind`; a city that has another system of record adds a line here."""


@dataclass(slots=True)
class Line:
    """The way to one system, and its state of health."""

    system: str
    connector: Connector
    per_second: float = 0.0
    """Cases a second from this process; 0: no limit."""
    failures: int = 0
    why: str = ""
    rests_until: float = 0.0
    tokens: float = 0.0
    filled_at: float = 0.0

    def rest(self, why: str, seconds: float, now: float) -> None:
        """Leave the system alone for a while."""
        self.why, self.rests_until = why, max(self.rests_until, now + seconds)


class Courier:
    """Carries parcels to their systems over a pool of connections, on an event loop in a thread of its own.

    A system that is in trouble is left alone for as long as it asks, or with exponential backoff; then it is tried
    with one parcel before the others follow. Systems do not wait for each other. `carry` is called from one thread.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        *,
        patience_s: float,
        connections: int,
        luck: Random,
        longest_wait_s: float = LONGEST_WAIT_S,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = {line.system: line for line in lines}
        self._patience_s = patience_s
        self._connections = connections
        self._luck = luck
        self._longest_wait_s = longest_wait_s
        self._metrics = metrics
        self._now = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def carry(self, loads: Mapping[str, Sequence[Parcel]]) -> Trip:
        """Carry the parcels; see `core.Carrier`."""
        return asyncio.run_coroutine_threadsafe(self._carry(loads), self._started()).result()

    def close(self) -> None:
        """Close all connections and end the loop's thread. May be called again."""
        thread, loop, self._thread, self._loop = self._thread, self._loop, None, None
        if thread is not None and loop is not None:
            asyncio.run_coroutine_threadsafe(self._shut(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        """Give the loop, started by the first parcel: nothing runs in a process that only looks at its worker."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="deliver-courier", daemon=True)
            self._thread.start()
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self._loop

    async def _open(self) -> None:
        for line in self._lines.values():
            await line.connector.open()

    async def _shut(self) -> None:
        for line in self._lines.values():
            await line.connector.close()

    async def _carry(self, loads: Mapping[str, Sequence[Parcel]]) -> Trip:
        answers: dict[str, Answer] = {}
        deadline = self._now() + self._patience_s
        async with asyncio.TaskGroup() as group:
            for system, parcels in loads.items():
                group.create_task(self._serve(self._lines[system], parcels, answers, deadline))
        now = self._now()
        waits = {
            system: (self._lines[system].why, self._lines[system].rests_until - now)
            for system in loads
            if self._lines[system].rests_until > now
        }
        return Trip(answers, waits)

    async def _serve(self, line: Line, parcels: Sequence[Parcel], answers: dict[str, Answer], deadline: float) -> None:
        """Carry one system's parcels until all are answered, the system is in trouble, or time is up."""
        if line.rests_until > self._now():
            return
        waiting = list(parcels)
        if line.failures and waiting:
            await self._send(line, [waiting.pop(0)], answers, deadline)
        most = line.connector.most
        if line.per_second:
            most = max(1, min(most, int(line.per_second)))
        slots = asyncio.Semaphore(self._connections)

        async def one(chunk: Sequence[Parcel]) -> None:
            async with slots:
                await self._send(line, chunk, answers, deadline)

        async with asyncio.TaskGroup() as group:
            for start in range(0, len(waiting), most):
                group.create_task(one(waiting[start : start + most]))

    async def _send(self, line: Line, chunk: Sequence[Parcel], answers: dict[str, Answer], deadline: float) -> None:
        if not await self._may(line, len(chunk), deadline):
            return
        began = self._now()
        given = await line.connector.send(chunk)
        now = self._now()
        if len(given) != len(chunk):
            message = f"the connector of {line.system} gave {len(given)} answers for {len(chunk)} parcels"
            raise RuntimeError(message)
        answers.update((load.key, answer) for load, answer in zip(chunk, given, strict=True))
        if self._metrics is not None:
            self._metrics.delivery_duration.of(line.system).observe(now - began)
            for answer in given:
                self._metrics.deliveries.of(line.system, _result(answer)).inc()
        troubles = [answer for answer in given if isinstance(answer, Unavailable)]
        if not troubles:
            line.failures = 0
        elif line.rests_until <= now:  # calls that were under way together count as one failure
            line.failures = 1 if len(troubles) < len(given) else line.failures + 1
            asked = max((trouble.retry_after or 0.0 for trouble in troubles), default=0.0)
            seconds = wait(line.failures, asked, self._luck.random(), self._longest_wait_s)
            line.rest(troubles[0].why, seconds, now)
            log.warning(
                "the system did not take %d of %d cases (%s); it is left alone for %.1f s",
                len(troubles),
                len(given),
                troubles[0].why,
                seconds,
                extra={"system": line.system, "attempt": line.failures, "seconds": round(seconds, 3)},
            )

    async def _may(self, line: Line, number: int, deadline: float) -> bool:
        """Wait for the rate limit's leave to send; False when the system rests, or time would be up before."""
        now = self._now()
        if line.rests_until > now or now >= deadline:
            return False
        if not line.per_second:
            return True
        # A bucket of one second's worth, or of one call where that is more.
        room = max(line.per_second, float(number))
        line.tokens = min(room, line.tokens + (now - line.filled_at) * line.per_second) if line.filled_at else room
        line.filled_at = now
        line.tokens -= number  # may go below zero: those who come later wait behind
        pause = max(0.0, -line.tokens / line.per_second)
        if now + pause >= deadline:
            line.tokens += number
            return False
        if pause:
            await asyncio.sleep(pause)
        return line.rests_until <= self._now()


def seconds_of(retry_after: str | None, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3): seconds or a date; None where there is none that makes sense."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment - now).total_seconds()) if moment.tzinfo else None


def _judge_item(item: object) -> Answer:
    status = item.get("status") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(status, int):
        return Unavailable("the batch was answered without a status for the case")
    return judge(status, item)


def _json(raw: bytes) -> Any:  # noqa: ANN401 - whatever the system wrote
    try:
        return msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return None


def _result(answer: Answer) -> str:
    if isinstance(answer, Accepted):
        return answer.result
    return answer.reason if isinstance(answer, Refused) else "unavailable"
