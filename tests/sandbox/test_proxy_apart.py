"""The proxy in a process of its own: the same rules, over there, and nothing left when the one who plays is gone."""

import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from echo_node import SOON_S, Client, Node, frame

from services.sandbox.proxy import ProxyError, Route
from services.sandbox.proxy_apart import ProxyApart


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        threading.Thread(target=node.serve_forever, args=(0.02,), daemon=True).start()
        yield node
        node.shutdown()


@pytest.fixture
def proxy(node: Node) -> Iterator[ProxyApart]:
    with ProxyApart([Route(1, 0, node.port)]) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: ProxyApart) -> Iterator[Client]:
    with ExitStack() as stack:
        yield Client(stack, proxy.bootstrap)


def test_a_rule_holds_tells_and_is_lifted(proxy: ProxyApart, client: Client, node: Node) -> None:
    with proxy.hold("EndTxn", client="decide-0") as held:
        client.send(frame("EndTxn", 1, body=b"end"))
        held.wait()
        assert client.hears_nothing()
        assert node.got == []
    held.wait_answers()
    assert client.answer() == (1, b"end")


def test_a_request_is_lost_or_its_answer_is_or_its_connection(proxy: ProxyApart, client: Client, node: Node) -> None:
    with proxy.drop("Heartbeat") as lost, proxy.drop_answer("Produce") as unheard:
        client.send(frame("Heartbeat", 1, body=b"lost"), frame("Produce", 2, body=b"done"), frame("Fetch", 3))
        lost.wait()
        unheard.wait_answers()
        assert client.answer() == (3, b"")
    assert node.got == [b"done", b""]
    with proxy.cut("EndTxn") as cut:
        client.send(frame("EndTxn", 4))
        cut.wait()
        assert client.is_reset()


def test_in_a_partition_nothing_passes_until_it_is_healed(proxy: ProxyApart, client: Client) -> None:
    proxy.partition()
    client.send(frame("Produce", 1, body=b"x"))
    assert client.hears_nothing()
    proxy.heal()
    assert client.answer() == (1, b"x")


def test_one_waits_on_several_threads_at_once(proxy: ProxyApart, client: Client) -> None:
    first, second = proxy.hold("EndTxn", seconds=0), proxy.hold("Produce", seconds=0)
    waiting = [threading.Thread(target=rule.wait) for rule in (first, second)]
    for thread in waiting:
        thread.start()
    client.send(frame("Produce", 1), frame("EndTxn", 2))
    for thread in waiting:
        thread.join(SOON_S)
    assert not any(thread.is_alive() for thread in waiting)


def test_what_goes_wrong_over_there_is_said_here(proxy: ProxyApart) -> None:
    with pytest.raises(ProxyError, match="did you mean EndTxn"):
        proxy.hold("EndTx")
    with pytest.raises(TimeoutError, match="0 met within"):
        proxy.hold("EndTxn").wait(within_s=0.01)
    port = int(proxy.bootstrap.rpartition(":")[2])
    with pytest.raises(ProxyError, match="cannot listen"), ProxyApart([Route(1, port, 1)]):
        pass


PLAYER = """
import sys, time
from services.sandbox.proxy import Route
from services.sandbox.proxy_apart import ProxyApart
if __name__ == "__main__":
    with ProxyApart([Route(1, 0, int(sys.argv[1]))]) as proxy:
        print(proxy.bootstrap, flush=True)
        time.sleep(60)
"""


def test_it_goes_with_the_one_who_plays_also_when_that_one_is_killed(node: Node) -> None:
    command = [sys.executable, "-c", PLAYER, str(node.port)]
    with ExitStack() as stack, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as player:
        assert player.stdout is not None
        client = Client(stack, player.stdout.readline().strip())
        client.send(frame("Produce", 1))
        assert client.answer() == (1, b"")
        player.send_signal(signal.SIGKILL)
        assert client.socket.recv(struct.calcsize("i")) == b""
