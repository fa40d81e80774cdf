"""The proxy before a node that only echoes: what its rules meet, what becomes of that, and what garbage does."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from echo_node import A_MOMENT_S, Client, World, frame
from hypothesis import given
from hypothesis import strategies as st

from services.sandbox.frames import MOST_BYTES, Api, Request
from services.sandbox.plan import HOST
from services.sandbox.proxy import Proxy, ProxyError, Route


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack)


def test_what_no_rule_is_for_passes_in_order_to_its_own_node(world: World) -> None:
    world.proxy.drop("Fetch")
    first, second = world.client(1), world.client(2)
    first.send(frame("Produce", 1, body=b"a"), frame("Produce", 2, body=b"x" * 3_000_000), frame("Produce", 3))
    second.send(frame("Produce", 9, body=b"z"))
    assert [first.answer() for _ in range(3)] == [(1, b"a"), (2, b"x" * 3_000_000), (3, b"")]
    assert second.answer() == (9, b"z")
    assert world.nodes[1].got == [b"z"]


def test_a_held_request_holds_up_its_connection_and_no_other_until_it_is_released(world: World) -> None:
    held = world.proxy.hold("EndTxn")
    one, other = world.client(), world.client()
    one.send(frame("EndTxn", 1, body=b"end"), frame("Produce", 2, body=b"next"))
    held.wait()
    other.send(frame("Produce", 3))
    assert other.answer() == (3, b"")
    assert one.hears_nothing()
    held.release()
    assert [one.answer(), one.answer()] == [(1, b"end"), (2, b"next")]
    other.send(frame("EndTxn", 4))
    held.wait(2)
    held.lift()
    assert other.answer() == (4, b"")
    assert (held.seen, held.answers) == (2, [b"end", b""])


def test_a_held_request_reaches_the_node_although_its_client_has_hung_up(world: World) -> None:
    held = world.proxy.hold("EndTxn", times=1)
    gone = world.client()
    gone.send(frame("EndTxn", 1, body=b"late"))
    held.wait()
    gone.socket.close()
    again = world.client()
    again.send(frame("EndTxn", 1, body=b"again"))
    assert again.answer() == (1, b"again")
    held.release()
    held.wait_answers()
    assert (world.nodes[0].got, held.answers) == ([b"again", b"late"], [b"late"])


def test_with_cut_the_client_of_a_held_request_knows_at_once(world: World) -> None:
    held = world.proxy.hold("EndTxn", cut=True)
    client = world.client()
    client.send(frame("EndTxn", 1, body=b"late"))
    assert client.is_reset()
    assert world.nodes[0].got == []
    held.lift()
    held.wait_answers()
    assert world.nodes[0].got == [b"late"]


def test_a_request_that_is_held_for_a_time_goes_on_by_itself(world: World) -> None:
    held = world.proxy.delay("EndTxn", seconds=A_MOMENT_S)
    client = world.client()
    client.send(frame("EndTxn", 1))
    assert client.answer() == (1, b"")
    assert held.seen == 1


def test_a_dropped_request_never_arrives_and_its_connection_goes_on(world: World) -> None:
    with world.proxy.drop("TxnOffsetCommit") as dropped:
        client = world.client()
        client.send(frame("TxnOffsetCommit", 1, body=b"lost"), frame("Produce", 2))
        assert client.answer() == (2, b"")
    client.send(frame("TxnOffsetCommit", 3))
    assert client.answer() == (3, b"")
    assert (dropped.seen, dropped.answers, world.nodes[0].got) == (1, [], [b"", b""])


def test_a_cut_resets_the_connection_before_the_node_has_the_request(world: World) -> None:
    cut = world.proxy.cut("Produce", times=1)
    client = world.client()
    client.send(frame("Fetch", 1, body=b"before"))
    assert client.answer() == (1, b"before")
    client.send(frame("Produce", 2, body=b"lost"))
    assert client.is_reset()
    again = world.client()
    again.send(frame("Produce", 3, body=b"again"))
    assert again.answer() == (3, b"again")
    assert (cut.seen, world.nodes[0].got) == (1, [b"before", b"again"])


@pytest.mark.parametrize("cut", [False, True])
def test_a_request_whose_answer_is_dropped_is_done_and_its_client_does_not_hear(
    world: World,
    cut: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    unanswered = world.proxy.drop_answer("EndTxn", cut=cut)
    client = world.client()
    client.send(frame("EndTxn", 1, body=b"done"))
    unanswered.wait_answers()
    assert client.is_reset() if cut else client.hears_nothing()
    assert (world.nodes[0].got, unanswered.answers) == ([b"done"], [b"done"])


def test_a_rule_is_for_the_clients_nodes_and_number_of_requests_that_it_names_and_the_oldest_goes_first(
    world: World,
) -> None:
    first = world.proxy.drop("EndTxn", "Produce", client="decide-", node=1, times=2)
    rest = world.proxy.drop_answer("EndTxn")
    client, other = world.client(1), world.client(2)
    client.send(frame("EndTxn", 1), frame("Produce", 2, "match-0"), frame("Produce", 3, None), frame("Produce", 4))
    other.send(frame("EndTxn", 5, body=b"5"))
    client.send(frame("Produce", 6), frame("EndTxn", 7, body=b"7"))
    assert [client.answer() for _ in range(3)] == [(2, b""), (3, b""), (6, b"")]
    rest.wait_answers(2)
    assert (first.seen, sorted(rest.answers)) == (2, [b"5", b"7"])
    assert [each.request.correlation for each in first.exchanges] == [1, 4]
    assert str(first.exchanges[0].request) == "EndTxn v1 of decide-0"


def test_a_rule_without_names_is_for_all_requests(world: World) -> None:
    slow = world.proxy.hold(client="decide-0")
    client, other = world.client(), world.client()
    client.send(frame("Heartbeat", 1))
    other.send(frame("Heartbeat", 2, "decide-1"))
    assert other.answer() == (2, b"")
    slow.wait()
    slow.lift()
    assert client.answer() == (1, b"")


def test_in_a_partition_nothing_passes_and_nobody_is_told_and_after_it_all_that_waited_goes_on(world: World) -> None:
    client, other = world.client(1), world.client(2)
    client.send(frame("Produce", 1))
    assert client.answer() == (1, b"")
    world.proxy.partition(1)
    client.send(frame("Produce", 2, body=b"waits"))
    late = world.client(1)
    late.send(frame("Produce", 3, body=b"too"))
    other.send(frame("Produce", 4))
    assert other.answer() == (4, b"")
    assert client.hears_nothing()
    assert late.hears_nothing()
    assert world.nodes[0].got == [b""]
    world.proxy.partition()
    world.proxy.heal()
    assert (client.answer(), late.answer()) == ((2, b"waits"), (3, b"too"))


def test_all_connections_can_be_reset(world: World) -> None:
    clients = [world.client(1), world.client(2)]
    for client in clients:
        client.send(frame("Produce", 1))
        assert client.answer() == (1, b"")
    world.proxy.reset(2)
    assert clients[1].is_reset()
    world.proxy.reset()
    assert clients[0].is_reset()


GARBAGE = {
    "another protocol": b"GET / HTTP/1.1\r\n\r\n",
    "a negative size": struct.pack(">i", -1) + b"x",
    "a size over the limit": struct.pack(">i", MOST_BYTES + 1),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_what_cannot_be_a_request_ends_its_own_connection_and_no_other(world: World, garbage: bytes) -> None:
    good, bad = world.client(), world.client()
    world.proxy.hold("EndTxn")
    bad.send(garbage)
    assert bad.is_reset()
    good.send(frame("Produce", 1))
    assert good.answer() == (1, b"")
    assert world.nodes[0].got == [b""]


def test_frames_too_short_for_a_header_pass_whatever_the_rules(world: World) -> None:
    world.proxy.drop()
    client = world.client()
    short = [struct.pack(">i", length) + b"x" * length for length in (0, 1, 7)]
    client.send(*short)
    world.proxy.drop_answer(times=0)
    client.socket.shutdown(socket.SHUT_WR)
    assert client.answer() is None
    assert world.nodes[0].got == short


def test_half_a_frame_stalls_nobody_else_and_dies_with_its_client(world: World) -> None:
    half, good = world.client(), world.client()
    half.send(frame("Produce", 1, body=b"never whole")[:-1])
    good.send(frame("Produce", 2))
    assert good.answer() == (2, b"")
    half.socket.close()
    assert world.nodes[0].got == [b""]


def test_a_client_of_a_node_that_is_down_is_reset(world: World) -> None:
    with closing(socket.create_server((HOST, 0))) as taken:
        nowhere = taken.getsockname()[1]
    with Proxy([Route(1, 0, nowhere)]) as proxy, ExitStack() as stack, pytest.raises(ConnectionResetError):
        Client(stack, proxy.bootstrap).socket.recv(1)
    assert world.nodes[0].got == []


def test_a_client_hears_that_its_node_hung_up(world: World) -> None:
    client = world.client()
    client.send(struct.pack(">i", 10) + frame("Produce", 1)[4:14])  # a client id is announced, and none is there
    client.send(frame("Produce", 2))
    assert client.answer() is not None
    world.nodes[0].server_close()
    client.socket.shutdown(socket.SHUT_WR)
    while client.answer() is not None:
        pass


def test_a_proxy_that_has_ended_lets_go_of_all_and_its_rules_can_still_be_lifted() -> None:
    with ExitStack() as stack:
        with Proxy([Route(1, 0, World(stack).nodes[0].port)]) as proxy:
            held = proxy.hold("EndTxn")
            client = Client(stack, proxy.bootstrap)
            client.send(frame("EndTxn", 1))
            held.wait()
        assert client.answer() is None
        held.lift()
        proxy.heal()
        assert held.answers == []


def test_waiting_for_what_does_not_come_tells_what_was_waited_for(world: World) -> None:
    held = world.proxy.hold("EndTxn", "TxnOffsetCommit", client="decide-")
    with pytest.raises(TimeoutError) as error:
        held.wait(2, within_s=0.01)
    assert str(error.value) == "EndTxn/TxnOffsetCommit of decide-: 0 met within 0.01 s, expected 2"
    with pytest.raises(TimeoutError) as error:
        world.proxy.hold().wait_answers(within_s=0.01)
    assert str(error.value) == "any request of any client: 0 answered within 0.01 s, expected 1"


def test_a_misspelt_request_is_told_with_the_names_there_are(world: World) -> None:
    with pytest.raises(ProxyError) as error:
        world.proxy.hold("EndTx", "Produce", "Nonsense")
    text = str(error.value).splitlines()
    assert text[0] == "the proxy knows no request EndTx, Nonsense; did you mean EndTxn?"
    assert text[1] == f"  expected: {', '.join(api.name for api in Api)}"


def test_a_port_that_is_taken_is_named(world: World) -> None:
    port = int(world.proxy.bootstrap.split(",")[0].rpartition(":")[2])
    with pytest.raises(ProxyError) as error, Proxy([Route(1, 0, 1), Route(2, port, 1)]):
        pass
    first, second = str(error.value).splitlines()
    assert first.startswith("the proxy of the embedded broker cannot listen: ")
    assert str(port) in first
    assert second == "Stop the program that has the port"


@given(st.binary(max_size=64))
def test_any_bytes_have_a_header_or_are_too_short_for_one(content: bytes) -> None:
    request = Request.read(struct.pack(">i", len(content)) + content)
    assert (request is None) == (len(content) < 8)
    if request is not None:
        assert request.frame.endswith(request.body)
        assert str(request)
