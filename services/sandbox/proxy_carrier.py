"""One client's connection through the proxy: frames carried to a node and back, and what rules do to them."""

import asyncio
import socket
import struct
from contextlib import suppress

from services.sandbox.frames import FrameError, Request, correlation_of, read_frame
from services.sandbox.plan import HOST, Route
from services.sandbox.proxy_rules import Exchange, Fate, Rule, Rules

BUFFER_BYTES = 1 << 20
_LAST_ANSWERS_S = 10.0
_BY_RESET = struct.pack("ii", 1, 0)  # of SO_LINGER
_OVER = (asyncio.IncompleteReadError, OSError)


class Carrier:
    """A client's connection, and the one to the node that goes with it. `way` is clear while nothing may pass."""

    def __init__(
        self,
        rules: Rules,
        route: Route,
        way: asyncio.Event,
        reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
    ) -> None:
        self.route = route
        self._rules = rules
        self._way = way
        self._from_client = reader
        self._client = client
        self._followed: dict[int | None, tuple[Rule, Exchange]] = {}

    def cut(self) -> None:
        """Reset the client's connection. What came on it goes on to the node."""
        if not self._client.is_closing():
            self._client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _BY_RESET)
            self._client.transport.abort()

    def close(self) -> None:
        """Let the client's connection go, if `run` was ended before it could."""
        self._client.transport.abort()

    async def run(self) -> None:
        """Carry until one side ends, and then what is left of the other."""
        try:
            from_node, node = await asyncio.open_connection(HOST, self.route.upstream, limit=BUFFER_BYTES)
        except OSError:
            self.cut()
            return
        back = asyncio.get_running_loop().create_task(self._back(from_node))
        try:
            with suppress(*_OVER):
                await self._forth(node)
            await self._way.wait()
            # The node hears that no more comes, and answers what it has: a held request's answer is still noted.
            with suppress(OSError, TimeoutError):
                node.write_eof()
                async with asyncio.timeout(_LAST_ANSWERS_S):
                    await back
                    await self._client.wait_closed()
        finally:
            self._client.transport.abort()
            node.transport.abort()
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)

    async def _forth(self, node: asyncio.StreamWriter) -> None:
        while True:
            try:
                frame = await read_frame(self._from_client)
            except FrameError:
                self.cut()
                return
            request = Request.read(frame)
            rule = self._rules.find(self.route.node, request) if request is not None else None
            if request is not None and rule is not None:
                exchange = rule.met(request)
                if rule.cut and rule.fate is not Fate.UNANSWERED:
                    self.cut()
                if rule.fate is Fate.DROPPED:
                    continue
                if rule.fate is Fate.HELD:
                    await rule.pass_on()
                self._followed[request.correlation] = rule, exchange
            await self._way.wait()
            node.write(frame)
            await node.drain()

    async def _back(self, from_node: asyncio.StreamReader) -> None:
        with suppress(FrameError, *_OVER):
            while True:
                frame = await read_frame(from_node)
                await self._way.wait()
                if not self._withheld(frame) and not self._client.is_closing():
                    self._client.write(frame)
                    with suppress(OSError):  # the client is gone; what the node says is still noted
                        await self._client.drain()
        await self._way.wait()
        self._client.close()

    def _withheld(self, response: bytes) -> bool:
        rule, exchange = self._followed.pop(correlation_of(response), (None, None))
        if rule is None or exchange is None:
            return False
        rule.heard(exchange, response)
        if rule.fate is not Fate.UNANSWERED:
            return False
        if rule.cut:
            self.cut()
        return True
