"""A channel gateway: posts reports to the door, at a rate, and repeats what was not acknowledged.

It is what `stormdrain send` and the demo use, and an example of how a gateway of a town's own should behave: it gives
each report a `source_id`, so that repeating is safe, and counts a report as sent only when the door said so.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

GIVE_UP_S = 120.0
CALL_S = 30.0
LONGEST_WAIT_S = 2.0
LONGEST_ASKED_S = 10.0
"""What a door may ask us to wait (`Retry-After`), at most."""

Report = dict[str, Any]
Faults = list[dict[str, str]]

_BUSY = frozenset({408, 425, 429})
_CLOSED = frozenset({401, 403, 404, 405, 407, 410, 415})


@dataclass
class Sent:
    """What the door answered."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Request id by source id."""
    refused: list[tuple[str, Faults]] = field(default_factory=list)
    """Source id and the door's errors."""
    repeats: int = 0
    """Calls made again because the door was away or busy."""
    seconds: float = 0.0


class GatewayError(Exception):
    """The door could not be reached for too long, or takes nothing from us. `sent` is what it took before."""

    def __init__(self, text: str, sent: Sent) -> None:
        super().__init__(text)
        self.sent = sent


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What is left of one call: reports to post again, after `wait_s` at least; `whole` if the call as such failed."""

    again: Sequence[Report] = ()
    trouble: str = ""
    wait_s: float = 0.0
    whole: Faults | None = None
    """The call as such was refused, for instance as too large: its reports may pass one by one."""


class Gateway:
    """Posts to one door. `key` is shown to doors that ask for one; a call takes at most `call_s` seconds.

    What is not acknowledged is posted again, at first after `first_wait_s`, then twice as late each time.
    """

    def __init__(
        self,
        door: str,
        *,
        channel: str = "file",
        batch: int = 50,
        callers: int = 4,
        key: str = "",
        call_s: float = CALL_S,
        give_up_s: float = GIVE_UP_S,
        first_wait_s: float = 0.1,
    ) -> None:
        self._url = f"{door.rstrip('/')}/channels/{channel}/reports"
        self._batch = batch
        self._callers = callers
        self._headers = {"Content-Type": "application/json"} | ({"X-Api-Key": key} if key else {})
        self._call_s = call_s
        self._give_up_s = give_up_s
        self._first_wait_s = first_wait_s

    async def send(
        self,
        reports: Iterable[Report],
        *,
        per_second: float = 0.0,
        on_progress: Callable[[int], None] = lambda _number: None,
        into: Sent | None = None,
    ) -> Sent:
        """Post all reports, `per_second` of them at most (0: as fast as the door takes them).

        `on_progress` is told of each handful that has been answered: how many reports it was. What is given back is
        `into`, where one was brought: it holds what the door has taken even when this is cut short.

        Raises:
            GatewayError: the door took nothing of a batch for two minutes, or takes none at all, from us or at this
                address.

        """
        sent = into if into is not None else Sent()
        queue: asyncio.Queue[list[Report]] = asyncio.Queue(maxsize=self._callers)
        began = time.monotonic()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._call_s)) as session,
                asyncio.TaskGroup() as tasks,
            ):
                for _ in range(self._callers):
                    tasks.create_task(self._post_all(session, queue, sent, on_progress))
                number = 0
                for chunk in _chunks(reports, self._size(per_second)):
                    if per_second:
                        await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
                    await queue.put(chunk)
                    number += len(chunk)
                for _ in range(self._callers):
                    await queue.put([])
        except BaseExceptionGroup as group:
            closed, other = group.split(GatewayError)
            if closed is None or other is not None:
                raise
            raise _first(closed) from None
        finally:
            sent.seconds = time.monotonic() - began
        return sent

    def _size(self, per_second: float) -> int:
        # At a modest rate, small batches: a citizen's report does not wait for others'.
        return self._batch if not per_second else max(1, min(self._batch, int(per_second / 20)))

    async def _post_all(
        self,
        session: aiohttp.ClientSession,
        queue: asyncio.Queue[list[Report]],
        sent: Sent,
        on_progress: Callable[[int], None],
    ) -> None:
        while chunk := await queue.get():
            await self._deliver(session, chunk, sent)
            on_progress(len(chunk))

    async def _deliver(self, session: aiohttp.ClientSession, reports: Sequence[Report], sent: Sent) -> None:
        """Post until each report is accepted or refused."""
        left = reports
        deadline = time.monotonic() + self._give_up_s
        wait_s = self._first_wait_s
        while left:
            answer = await self._post(session, left, sent)
            if answer.whole is not None and len(left) > 1:
                for half in (left[: len(left) // 2], left[len(left) // 2 :]):
                    await self._deliver(session, half, sent)
                return
            if answer.whole is not None:
                sent.refused.append((_source(left[0]), answer.whole))
                return
            if not answer.again:
                return
            if len(answer.again) < len(left):
                deadline, wait_s = time.monotonic() + self._give_up_s, self._first_wait_s
            left = answer.again
            if time.monotonic() > deadline:
                text = (
                    f"{self._url} took nothing for {self._give_up_s:g} s: {answer.trouble}\n"
                    "  is `stormdrain run receive` up, and Kafka?"
                )
                raise GatewayError(text, sent)
            sent.repeats += 1
            await asyncio.sleep(max(wait_s, answer.wait_s))
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _post(self, session: aiohttp.ClientSession, reports: Sequence[Report], sent: Sent) -> _Answer:
        """Post once."""
        try:
            async with session.post(
                self._url, data=json.dumps(reports).encode(), headers=self._headers, allow_redirects=False
            ) as response:
                status, headers = response.status, response.headers
                body = _json(await response.read())
        except TimeoutError:
            return _Answer(again=reports, trouble=f"no answer within {self._call_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return _Answer(again=reports, trouble=str(error) or type(error).__name__)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            text = f"{self._url} has moved to {headers.get('Location', 'nowhere')} (status {status}): name that door"
            raise GatewayError(text, sent)
        if status in _CLOSED:
            said = "; ".join(fault.get("description", "") for fault in _faults(body)) or "nothing more"
            text = f"{self._url} takes none of these reports: status {status}, {said}"
            raise GatewayError(text, sent)
        if _is_result(body, len(reports)) and status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _BUSY:
            return _Answer(again=_sort(reports, body, sent), trouble="the door cannot store reports just now")
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _BUSY:
            return _Answer(whole=_faults(body) or [{"code": f"status_{status}", "description": f"status {status}"}])
        trouble = f"status {status}" if status >= HTTPStatus.BAD_REQUEST else "its answer is none of a door"
        return _Answer(again=reports, trouble=trouble, wait_s=_asked(headers.get("Retry-After", "")))


def _first(group: BaseExceptionGroup[GatewayError]) -> GatewayError:
    """Give one of the errors of several callers; they say the same."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, GatewayError)  # noqa: S101 - the group was split by that
    return error


def _sort(reports: Sequence[Report], results: Sequence[dict[str, Any]], sent: Sent) -> list[Report]:
    """Note what was accepted and what refused; give the rest, which is to be posted again."""
    again = []
    for report, result in zip(reports, results, strict=True):
        source_id = _source(report)
        if result["status"] == "accepted":
            request_id = str(result["request_id"])
            sent.accepted[source_id or request_id] = request_id
        elif any(fault.get("code") == "unavailable" for fault in _faults(result)):
            again.append(report)
        else:
            sent.refused.append((source_id, _faults(result)))
    return again


def _is_result(body: object, number: int) -> bool:
    """Whether this is what a door answers: one result for each report."""
    return (
        isinstance(body, list)
        and len(body) == number
        and all(
            isinstance(each, dict)
            and (each.get("status") == "rejected" or (each.get("status") == "accepted" and each.get("request_id")))
            for each in body
        )
    )


def _faults(body: object) -> Faults:
    """Give the errors in a body or a result, in whatever shape a door that is not ours has them."""
    found = body.get("errors") if isinstance(body, dict) else None
    return [fault for fault in found if isinstance(fault, dict)] if isinstance(found, list) else []


def _json(body: bytes) -> Any:  # noqa: ANN401 - whatever came
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _asked(retry_after: str) -> float:
    """Give the seconds of a `Retry-After` header. The other form, a date, is taken for none."""
    return min(float(retry_after), LONGEST_ASKED_S) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _source(report: Report) -> str:
    return str(report.get("source_id", ""))


def _chunks(reports: Iterable[Report], size: int) -> Iterable[list[Report]]:
    chunk: list[Report] = []
    for report in reports:
        chunk.append(report)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
