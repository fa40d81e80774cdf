"""A node that only echoes, and clients of it through the proxy."""

import socket
import socketserver
import struct
import threading
from contextlib import ExitStack, closing

import pytest

from services.sandbox.frames import Api, Request
from services.sandbox.plan import HOST
from services.sandbox.proxy import Proxy, Route

SOON_S = 10.0
A_MOMENT_S = 0.1


def frame(api: str, correlation: int, client: str | None = "decide-0", body: bytes = b"") -> bytes:
    head = struct.pack(">hhi", Api[api], 1, correlation)
    name = struct.pack(">h", -1) if client is None else struct.pack(">h", len(client)) + client.encode()
    return struct.pack(">i", len(head + name + body)) + head + name + body


class Node(socketserver.ThreadingTCPServer):
    """Answers each request with its correlation id and its body, and keeps what it got."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Echo)
        self.got: list[bytes] = []
        self.port: int = self.server_address[1]


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Node)
        while size := self.rfile.read(4):
            got = size + self.rfile.read(struct.unpack(">i", size)[0])
            request = Request.read(got)
            self.server.got.append(got if request is None else request.body)
            if request is not None:
                answer = struct.pack(">i", request.correlation) + request.body
                self.wfile.write(struct.pack(">i", len(answer)) + answer)


class Client:
    """One connection through the proxy."""

    def __init__(self, stack: ExitStack, bootstrap: str) -> None:
        host, _, port = bootstrap.partition(":")
        self.socket = stack.enter_context(closing(socket.create_connection((host, int(port)), SOON_S)))
        self._answers = stack.enter_context(closing(self.socket.makefile("rb")))

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def answer(self) -> tuple[int, bytes] | None:
        """The next answer; None when the proxy hung up."""
        size = self._answers.read(4)
        if not size:
            return None
        answer = self._answers.read(struct.unpack(">i", size)[0])
        return struct.unpack(">i", answer[:4])[0], answer[4:]

    def is_reset(self) -> bool:
        with pytest.raises(ConnectionResetError):
            self.socket.recv(1)
        return True

    def hears_nothing(self) -> bool:
        self.socket.settimeout(A_MOMENT_S)
        with pytest.raises(TimeoutError):
            self.socket.recv(1)
        self.socket.settimeout(SOON_S)
        return True


class World:
    """Two nodes and the proxy before them."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.nodes = [stack.enter_context(Node()) for _ in range(2)]
        for node in self.nodes:
            threading.Thread(target=node.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(node.shutdown)
        routes = [Route(number, 0, node.port) for number, node in enumerate(self.nodes, 1)]
        self.proxy = stack.enter_context(Proxy(routes))

    def client(self, node: int = 1) -> Client:
        return Client(self._stack, self.proxy.bootstrap.split(",")[node - 1])
