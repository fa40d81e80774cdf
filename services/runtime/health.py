"""What a supervisor and Prometheus ask of a worker over HTTP: /metrics, /healthz, /readyz.

A probe answers None when all is well, otherwise the sentence that says what is not. `/healthz` failing means: restart
me. `/readyz` failing means: wait for me.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from prometheus_client import CollectorRegistry

Probe = Callable[[], str | None]


class Heartbeat:
    """Liveness of a loop: `beat()` once a turn, `probe` complains when the last beat is older than `seconds`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """Say that the loop has come round again."""
        self._last = self._clock()

    def probe(self) -> str | None:
        """Give None, or how long the loop has been silent."""
        silent = self._clock() - self._last
        if silent <= self.seconds:
            return None
        return f"the loop has not come round for {silent:.0f} s; expected within {self.seconds:g} s"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 16

    def server_bind(self) -> None:
        """Bind without asking the name service who we are, as the library would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    timeout = 5.0  # a client that opens a connection and says nothing

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the library's signature
        """Keep probes, one every few seconds, out of the logs."""

    def address_string(self) -> str:
        """Give the address without asking the name service."""
        return str(self.client_address[0])


class HealthServer:
    """The HTTP server of a worker, on a thread of its own. Port 0 takes a free one, to be read from `port`.

    `actions` are paths that an operator may POST to, such as `/resume`.
    """

    def __init__(
        self,
        port: int,
        live: Probe,
        ready: Probe,
        registry: CollectorRegistry,
        *,
        host: str = "127.0.0.1",
        actions: Mapping[str, Callable[[], None]] | None = None,
    ) -> None:
        self._metrics = make_wsgi_app(registry)
        self._actions = actions or {}
        self._probes = {"/healthz": live, "/readyz": ready}
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._host = host
        self._port = port

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.server_port if self._server else self._port

    def start(self) -> HealthServer:
        """Listen. Raises OSError, with the port in its text, where the port is taken."""
        try:
            self._server = make_server(self._host, self._port, self._answer, _Server, _Quiet)
        except OSError as error:
            message = f"cannot listen on {self._host}:{self._port} for /metrics and /healthz: {error.strerror}"
            raise OSError(error.errno, message) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="health", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening; waits for the thread. May be called again."""
        server, thread, self._server, self._thread = self._server, self._thread, None, None
        if server is not None and thread is not None:
            self._port = server.server_port
            server.shutdown()
            server.server_close()
            thread.join()

    def _answer(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, respond)
            return answer
        if path in self._actions:
            if environ.get("REQUEST_METHOD") != "POST":
                return _say(respond, HTTPStatus.METHOD_NOT_ALLOWED, f"expected POST {path}")
            self._actions[path]()
            return _say(respond, HTTPStatus.ACCEPTED, "done")
        probe = self._probes.get(path)
        if probe is None:
            return _say(respond, HTTPStatus.NOT_FOUND, "expected /metrics, /healthz or /readyz")
        fault = probe()
        return _say(respond, HTTPStatus.SERVICE_UNAVAILABLE if fault else HTTPStatus.OK, fault or "ok")


def _say(respond: StartResponse, status: HTTPStatus, text: str) -> Iterable[bytes]:
    body = f"{text}\n".encode()
    respond(
        f"{status.value} {status.phrase}",
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))],
    )
    return [body]
