"""Reports posted to `receive` over HTTP, as fast as it takes them, at little cost to whoever posts."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from benchmarks.peers.pipeline.load import StuckError

CHANNEL = "file"


class _Answer(msgspec.Struct):
    status: str
    request_id: str = ""


_answers = msgspec.json.Decoder(list[_Answer])


def encoded(bodies: Sequence[dict[str, Any]], batch: int) -> list[bytes]:
    """Give calls of up to `batch` reports, ready to post."""
    return [json.dumps(bodies[first : first + batch]).encode() for first in range(0, len(bodies), batch)]


async def post_all(door: str, calls: Sequence[bytes], callers: int) -> list[str]:
    """Post every call and give the request ids.

    Raises:
        StuckError: the door did not accept a report: a benchmark sends none that it should not.

    """
    url = f"{door}/channels/{CHANNEL}/reports"
    waiting = list(reversed(calls))
    accepted: list[str] = []

    async def caller(session: aiohttp.ClientSession) -> None:
        while waiting:
            call = waiting.pop()
            async with session.post(url, data=call, headers={"Content-Type": "application/json"}) as response:
                body = await response.read()
            answers = _answers.decode(body) if response.status in (200, 201, 202, 207) else []
            if not answers or any(answer.status != "accepted" for answer in answers):
                message = f"the door answered {response.status}: {body[:200]!r}"
                raise StuckError(message)
            accepted.extend(answer.request_id for answer in answers)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(caller(session) for _ in range(callers)))
    return accepted
