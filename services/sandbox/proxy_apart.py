"""The proxy in a process of its own, for a play that is busy itself: what passes through does not wait for the play.

A proxy on a thread shares the interpreter with whoever plays. Where that one reads every topic, a worker behind the
proxy that reads its state anew gets it at the speed of what is left over.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.managers import BaseManager, BaseProxy
from types import TracebackType
from typing import Any, Literal, Self, Unpack

from services.sandbox.plan import Route
from services.sandbox.proxy import Proxy, Rule
from services.sandbox.proxy_rules import Met

Making = Literal["hold", "drop", "cut", "drop_answer"]


class ProxyApart:
    """As `Proxy`, for as long as the `with` lasts; of its rules one can wait for what they met, and lift them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = list(routes)
        self._manager = _Manager(ctx=multiprocessing.get_context("spawn"))
        self._desk: Any = None

    def __enter__(self) -> Self:
        self._manager.start(_alone)
        try:
            self._desk = self._manager.Desk(self._routes)
            self._desk.open()
        except BaseException:
            self._manager.shutdown()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, EOFError):  # the process has died
            self._desk.close()
        self._manager.shutdown()

    @property
    def bootstrap(self) -> str:
        """What a client behind the proxy calls `bootstrap.servers`."""
        return str(self._desk.bootstrap())

    def hold(self, *apis: str, seconds: float | None = None, **to: Unpack[Met]) -> "RuleApart":
        """Keep requests back; see `Proxy.hold`."""
        return self._make("hold", *apis, seconds=seconds, **to)

    def drop(self, *apis: str, **to: Unpack[Met]) -> "RuleApart":
        """Let requests never reach the broker."""
        return self._make("drop", *apis, **to)

    def cut(self, *apis: str, **to: Unpack[Met]) -> "RuleApart":
        """Reset a client's connection when it sends such a request; see `Proxy.cut`."""
        return self._make("cut", *apis, **to)

    def drop_answer(self, *apis: str, **to: Unpack[Met]) -> "RuleApart":
        """Let the broker do what requests ask for, and the client never hear of it."""
        return self._make("drop_answer", *apis, **to)

    def partition(self, node: int | None = None) -> None:
        """Carry nothing to and from one node, or all; see `Proxy.partition`."""
        self._desk.partition(node)

    def heal(self, node: int | None = None) -> None:
        """End a partition; see `Proxy.heal`."""
        self._desk.heal(node)

    def _make(self, making: Making, *apis: str, **to: object) -> "RuleApart":
        return RuleApart(self._desk, self._desk.make(making, apis, to))


class RuleApart:
    """A rule of a `ProxyApart`. As a context manager it is lifted at the end."""

    def __init__(self, desk: Any, number: int) -> None:  # noqa: ANN401 - what a manager makes of a class
        self._desk = desk
        self._number = number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._desk.lift(self._number)

    def wait(self, seen: int = 1, within_s: float = 30.0) -> None:
        """Return when `seen` requests were met; see `Rule.wait`."""
        self._desk.wait(self._number, seen, within_s)

    def wait_answers(self, answered: int = 1, within_s: float = 30.0) -> None:
        """Return when the broker has answered so many of them; see `Rule.wait_answers`."""
        self._desk.wait_answers(self._number, answered, within_s)


# In the process apart.


class _Desk:
    """The proxy, and its rules by number."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._proxy = Proxy(routes)
        self._rules: dict[int, Rule] = {}

    def open(self) -> None:
        self._proxy.__enter__()

    def close(self) -> None:
        self._proxy.__exit__(None, None, None)

    def bootstrap(self) -> str:
        return self._proxy.bootstrap

    def make(self, making: Making, apis: Sequence[str], to: dict[str, Any]) -> int:
        number = len(self._rules)
        self._rules[number] = getattr(self._proxy, making)(*apis, **to)
        return number

    def wait(self, number: int, seen: int, within_s: float) -> None:
        self._rules[number].wait(seen, within_s)

    def wait_answers(self, number: int, answered: int, within_s: float) -> None:
        self._rules[number].wait_answers(answered, within_s)

    def lift(self, number: int) -> None:
        self._rules[number].lift()

    def partition(self, node: int | None) -> None:
        self._proxy.partition(node)

    def heal(self, node: int | None) -> None:
        self._proxy.heal(node)


class _Manager(BaseManager):
    Desk: Callable[[list[Route]], BaseProxy]


_Manager.register("Desk", _Desk)


def _alone() -> None:
    """Leave it to the one who plays when to end: deaf to Ctrl-C, and gone when that one is, also by SIGKILL."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    player = multiprocessing.parent_process()
    assert player is not None  # noqa: S101 - it was started by one

    def follow() -> None:
        player.join()
        os._exit(0)

    threading.Thread(target=follow, name="follow", daemon=True).start()
