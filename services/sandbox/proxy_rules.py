"""What the proxy does to single requests: rules, made and lifted while they pass."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import TracebackType
from typing import Self, TypedDict

from services.sandbox.frames import Api, Request, body_of

_KEPT_BYTES = 64 << 10
_KEPT_EXCHANGES = 1000
_ON_LOOP_S = 10.0


class Fate(Enum):
    """What becomes of a request that a rule meets."""

    HELD = auto()
    DROPPED = auto()
    UNANSWERED = auto()


class Met(TypedDict, total=False):
    """Which requests a rule meets, beside their names; see `services.sandbox.proxy.Proxy`."""

    client: str
    node: int | None
    times: int | None
    cut: bool


@dataclass(slots=True)
class Exchange:
    """A request that a rule met, without what goes past 64 KiB of it, and what the broker answered."""

    request: Request
    answer: bytes | None = None
    """What follows the correlation id (EndTxn v1: 4 bytes of throttle time in ms, 2 of error code); None so far."""


class Rule:
    """What is done to some requests. As a context manager it is lifted at the end."""

    def __init__(
        self, rules: "Rules", fate: Fate, apis: frozenset[int], to: Met, *, seconds: float | None = None
    ) -> None:
        self._rules = rules
        self._apis = apis
        self._client = to.get("client", "")
        self._node = to.get("node")
        self._left = to.get("times")
        self._seconds = seconds
        self._gates: set[asyncio.Event] = set()
        self.fate = fate
        self.cut = to.get("cut", False)
        self.seen = 0
        """How many requests it met."""
        self.answered = 0
        """How many of them the broker has answered."""
        self.exchanges: deque[Exchange] = deque(maxlen=_KEPT_EXCHANGES)
        """The latest of them, in the order they came."""

    def __str__(self) -> str:
        names = "/".join(sorted(Api(api).name for api in self._apis)) or "any request"
        return f"{names} of {self._client or 'any client'}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lift()

    @property
    def answers(self) -> list[bytes]:
        """What the broker answered, in the order the requests came, without those it has not answered."""
        with self._rules.changed:
            return [each.answer for each in self.exchanges if each.answer is not None]

    def wait(self, seen: int = 1, within_s: float = 30.0) -> None:
        """Return when `seen` requests were met.

        Raises:
            TimeoutError: they were not within `within_s` seconds.
        """
        self._wait(lambda: self.seen, "met", seen, within_s)

    def wait_answers(self, answered: int = 1, within_s: float = 30.0) -> None:
        """Return when the broker has answered so many of the requests that were met, whether or not the client hears.

        Raises:
            TimeoutError: it had not within `within_s` seconds.
        """
        self._wait(lambda: self.answered, "answered", answered, within_s)

    def _wait(self, count: Callable[[], int], what: str, wanted: int, within_s: float) -> None:
        with self._rules.changed:
            if not self._rules.changed.wait_for(lambda: count() >= wanted, within_s):
                msg = f"{self}: {count()} {what} within {within_s:g} s, expected {wanted}"
                raise TimeoutError(msg)

    def release(self) -> None:
        """Let what is held go on to the broker; what comes later is held again."""
        self._rules.on_loop(self._open)

    def lift(self) -> None:
        """Meet no more requests, and let what is held go on."""
        self._rules.remove(self)
        self.release()

    # From here on: on the proxy's thread.

    def is_for(self, node: int, request: Request) -> bool:
        """Whether it meets this request."""
        return (
            self._left != 0
            and (not self._apis or request.api in self._apis)
            and request.client.startswith(self._client)
            and self._node in {None, node}
        )

    def met(self, request: Request) -> Exchange:
        """Count a request."""
        exchange = Exchange(replace(request, frame=request.frame[:_KEPT_BYTES]))
        with self._rules.changed:
            self.exchanges.append(exchange)
            self.seen += 1
            if self._left is not None:
                self._left -= 1
            self._rules.changed.notify_all()
        return exchange

    def heard(self, exchange: Exchange, response: bytes) -> None:
        """Note what the broker said."""
        with self._rules.changed:
            exchange.answer = body_of(response)[:_KEPT_BYTES]
            self.answered += 1
            self._rules.changed.notify_all()

    async def pass_on(self) -> None:
        """Return when a held request may go on."""
        gate = asyncio.Event()
        self._gates.add(gate)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await gate.wait()
        self._gates.discard(gate)

    def _open(self) -> None:
        for gate in self._gates:
            gate.set()


class Rules:
    """The rules of one proxy, the oldest first, and the way to its thread."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        """The proxy's, while it runs."""
        self.changed = threading.Condition()
        """Of what the rules counted."""

    def add(self, fate: Fate, apis: frozenset[int], to: Met, *, seconds: float | None = None) -> Rule:
        """Make a rule."""
        made = Rule(self, fate, apis, to, seconds=seconds)
        with self.changed:
            self._rules.append(made)
        return made

    def remove(self, rule: Rule) -> None:
        """Let a rule meet nothing more."""
        with self.changed, suppress(ValueError):
            self._rules.remove(rule)

    def all(self) -> list[Rule]:
        """Those that are not lifted."""
        with self.changed:
            return list(self._rules)

    def find(self, node: int, request: Request) -> Rule | None:
        """The oldest rule that is for a request."""
        with self.changed:
            return next((rule for rule in self._rules if rule.is_for(node, request)), None)

    def on_loop(self, act: Callable[[], None]) -> None:
        """Do something on the proxy's thread, and return when it is done; nothing where no proxy runs."""
        loop = self.loop
        if loop is None:
            return
        done: Future[None] = Future()

        def run() -> None:
            try:
                act()
            finally:
                done.set_result(None)

        with suppress(RuntimeError, TimeoutError):  # it has just ended
            loop.call_soon_threadsafe(run)
            done.result(_ON_LOOP_S)
