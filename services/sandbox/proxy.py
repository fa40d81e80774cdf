"""A TCP proxy in front of the embedded broker that knows Kafka's requests by name, and spoils single ones on demand.

    with Broker.start(state, proxied=True) as broker, Proxy(broker.routes) as proxy:
        town = KafkaSettings(bootstrap=proxy.bootstrap)
        late = proxy.hold("EndTxn", client="decide-0", times=1, cut=True)
        late.wait()          # it came; decide-0 lost its connection and asks again on another
        late.release()       # only now does it reach the broker
        late.wait_answers()  # what the broker said to it is in late.answers
        late.lift()          # decide-0 is left alone again

A client that bootstraps at the proxy stays behind it: the broker tells it the proxy's ports. Plain text only. What is
held up holds up all that follows on its connection, as a lost packet does; other connections go on.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from difflib import get_close_matches
from types import TracebackType
from typing import Self, Unpack

from services.sandbox.frames import Api
from services.sandbox.plan import HOST, Route
from services.sandbox.proxy_carrier import BUFFER_BYTES, Carrier
from services.sandbox.proxy_rules import Exchange, Fate, Met, Rule, Rules

__all__ = ["Exchange", "Proxy", "ProxyError", "Route", "Rule"]


class ProxyError(Exception):
    """The proxy cannot do what it was asked to; its text says why and what to do."""


class Proxy:
    """Listens for every node of `routes` while the `with` lasts. The methods may be called from any thread.

    A rule meets the requests that are named (see `frames.Api`; none named: all), and of these:

    * `client`: those whose client id begins so; a worker's consumer and producer have its slot, `decide-0`.
    * `node`: those to one node.
    * `times`: so many of them, then no more.

    With `cut=True` the client's connection is reset, too: it knows at once and need not wait for its time-out. A
    request is met by the oldest rule that is for it, and by no other.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = list(routes)
        self._ports: list[int] = []
        self._rules = Rules()
        self._ways: dict[int, asyncio.Event] = {}
        self._carriers: dict[asyncio.Task[None], Carrier] = {}
        self._end: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None

    @property
    def bootstrap(self) -> str:
        """What a client behind the proxy calls `bootstrap.servers`."""
        return ",".join(f"{HOST}:{port}" for port in self._ports)

    def __enter__(self) -> Self:
        listening: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening)), name="kafka-proxy", daemon=True
        )
        self._thread.start()
        try:
            listening.result()
        except OSError as error:
            self._thread.join()
            msg = f"the proxy of the embedded broker cannot listen: {error}\nStop the program that has the port"
            raise ProxyError(msg) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rules.on_loop(self._end)
        if self._thread is not None:
            self._thread.join()

    # Rules.

    def hold(self, *apis: str, seconds: float | None = None, **to: Unpack[Met]) -> Rule:
        """Keep requests back for `seconds`, or until they are released: then they reach the broker, wanted or not.

        That its client hung up meanwhile, as it does after its time-out, does not stop a request.
        """
        return self._rules.add(Fate.HELD, _numbers(apis), to, seconds=seconds)

    def delay(self, *apis: str, seconds: float, **to: Unpack[Met]) -> Rule:
        """Let requests take `seconds` longer."""
        return self.hold(*apis, seconds=seconds, **to)

    def drop(self, *apis: str, **to: Unpack[Met]) -> Rule:
        """Let requests never reach the broker."""
        return self._rules.add(Fate.DROPPED, _numbers(apis), to)

    def cut(self, *apis: str, **to: Unpack[Met]) -> Rule:
        """Reset a client's connection when it sends such a request, which does not reach the broker."""
        to["cut"] = True
        return self.drop(*apis, **to)

    def drop_answer(self, *apis: str, **to: Unpack[Met]) -> Rule:
        """Let the broker do what requests ask for, and the client never hear of it."""
        return self._rules.add(Fate.UNANSWERED, _numbers(apis), to)

    def clear(self) -> None:
        """Lift all rules."""
        for rule in self._rules.all():
            rule.lift()

    # The network as a whole.

    def partition(self, node: int | None = None) -> None:
        """Carry nothing to and from one node, or all: connections stay and open, bytes wait, nobody is told."""
        self._rules.on_loop(lambda: _each(way.clear for way in self._of(node)))

    def heal(self, node: int | None = None) -> None:
        """End a partition: what waited goes on, also what its sender has given up by now."""
        self._rules.on_loop(lambda: _each(way.set for way in self._of(node)))

    def reset(self, node: int | None = None) -> None:
        """Reset all connections that clients have now to one node, or to all."""
        carriers = self._carriers.values()
        self._rules.on_loop(lambda: _each(each.cut for each in carriers if node in {None, each.route.node}))

    def _of(self, node: int | None) -> list[asyncio.Event]:
        return [way for number, way in self._ways.items() if node in {None, number}]

    # On the proxy's own thread.

    async def _serve(self, listening: "Future[None]") -> None:
        servers: list[asyncio.Server] = []
        end = asyncio.Event()
        try:
            for route in self._routes:
                self._ways[route.node] = way = asyncio.Event()
                way.set()
                servers.append(await asyncio.start_server(self._accept(route), HOST, route.port, limit=BUFFER_BYTES))
        except OSError as error:
            _each(server.close for server in servers)
            listening.set_exception(error)
            return
        self._ports = [server.sockets[0].getsockname()[1] for server in servers]
        self._end = end.set
        self._rules.loop = asyncio.get_running_loop()
        listening.set_result(None)
        await end.wait()
        self._rules.loop = None
        _each(server.close for server in servers)
        tasks = list(self._carriers)
        _each(task.cancel for task in tasks)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, route: Route) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            carrier = Carrier(self._rules, route, self._ways[route.node], reader, writer)
            task = asyncio.get_running_loop().create_task(carrier.run())
            self._carriers[task] = carrier
            task.add_done_callback(self._gone)

        return accept

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._carriers.pop(task).close()


def _each(acts: Iterable[Callable[[], object]]) -> None:
    for act in acts:
        act()


def _numbers(names: Iterable[str]) -> frozenset[int]:
    known = [api.name for api in Api]
    if wrong := [name for name in names if name not in known]:
        guesses = [close for name in wrong for close in get_close_matches(name, known, 1)]
        meant = f"; did you mean {', '.join(guesses)}?" if guesses else ""
        msg = f"the proxy knows no request {', '.join(wrong)}{meant}\n  expected: {', '.join(known)}"
        raise ProxyError(msg)
    return frozenset(Api[name] for name in names)
