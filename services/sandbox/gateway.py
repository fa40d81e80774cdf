"""A channel gateway: posts reports to the door, at a rate, and repeats what was not acknowledged.

It is what `stormdrain send` and the demo use, and an example of how a gateway of a town's own should behave: it gives
each report a `source_id`, so that repeating is safe, and counts a report as sent only when the door said so.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

GIVE_UP_S = 120.0


@dataclass
class Sent:
    """What the door answered."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Request id by source id."""
    refused: list[tuple[str, list[dict[str, str]]]] = field(default_factory=list)
    """Source id and the door's errors."""
    repeats: int = 0
    """Calls made again because the door was away or busy."""
    seconds: float = 0.0


class GatewayError(Exception):
    """The door could not be reached for too long."""


class Gateway:
    """Posts to one door."""

    def __init__(self, door: str, *, channel: str = "file", batch: int = 50, callers: int = 4, key: str = "") -> None:
        self._url = f"{door.rstrip('/')}/channels/{channel}/reports"
        self._batch = batch
        self._callers = callers
        self._params = {"api_key": key} if key else {}

    async def send(
        self,
        reports: Iterable[dict[str, Any]],
        *,
        per_second: float = 0.0,
        on_progress: Callable[[int], None] = lambda _number: None,
    ) -> Sent:
        """Post all reports, `per_second` of them at most (0: as fast as the door takes them).

        Raises:
            GatewayError: the door did not take a batch for two minutes.

        """
        sent = Sent()
        queue: asyncio.Queue[list[dict[str, Any]]] = asyncio.Queue(maxsize=self._callers)
        began = time.monotonic()
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
            asyncio.TaskGroup() as tasks,
        ):
            workers = [
                tasks.create_task(self._post_all(session, queue, sent, on_progress)) for _ in range(self._callers)
            ]
            number = 0
            for chunk in _chunks(reports, self._size(per_second)):
                if per_second:
                    await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
                await queue.put(chunk)
                number += len(chunk)
            for _ in workers:
                await queue.put([])
        sent.seconds = time.monotonic() - began
        return sent

    def _size(self, per_second: float) -> int:
        # At a modest rate, small batches: a citizen's report does not wait for others'.
        return self._batch if not per_second else max(1, min(self._batch, int(per_second / 20)))

    async def _post_all(
        self,
        session: aiohttp.ClientSession,
        queue: asyncio.Queue[list[dict[str, Any]]],
        sent: Sent,
        on_progress: Callable[[int], None],
    ) -> None:
        while chunk := await queue.get():
            left: Sequence[dict[str, Any]] = chunk
            deadline = time.monotonic() + GIVE_UP_S
            wait = 0.1
            while left:
                left = await self._post(session, left, sent)
                if not left:
                    break
                sent.repeats += 1
                if time.monotonic() > deadline:
                    text = f"{self._url} took nothing for {GIVE_UP_S:.0f} s: is `stormdrain run receive` up, and Kafka?"
                    raise GatewayError(text)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 2.0)
            on_progress(len(chunk))

    async def _post(
        self, session: aiohttp.ClientSession, chunk: Sequence[dict[str, Any]], sent: Sent
    ) -> Sequence[dict[str, Any]]:
        """Post once; give what must be posted again."""
        try:
            body = json.dumps(chunk).encode()
            headers = {"Content-Type": "application/json"}
            async with session.post(self._url, data=body, headers=headers, params=self._params) as answer:
                if answer.status in {429, 500, 502, 503, 504, 408}:
                    return chunk
                found = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError, OSError):
            return chunk
        if not isinstance(found, list) or len(found) != len(chunk) or any("status" not in item for item in found):
            sent.refused += [(str(report.get("source_id", "")), _errors(found)) for report in chunk]
            return ()
        again = []
        for report, item in zip(chunk, found, strict=True):
            source_id = str(report.get("source_id", ""))
            if item["status"] == "accepted":
                sent.accepted[source_id or item["request_id"]] = item["request_id"]
            elif any(error.get("code") == "unavailable" for error in item.get("errors", [])):
                again.append(report)
            else:
                sent.refused.append((source_id, item.get("errors", [])))
        return again


def _errors(found: Any) -> list[dict[str, str]]:  # noqa: ANN401 - what a door that is not ours may say
    return found if isinstance(found, list) else [{"code": "unexpected", "description": str(found)[:200]}]


def _chunks(reports: Iterable[dict[str, Any]], size: int) -> Iterable[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for report in reports:
        chunk.append(report)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
