"""The embedded broker, run for real."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from typer.testing import CliRunner

from services.cli.broker import app
from services.sandbox.broker import Broker, BrokerError, Node
from services.sandbox.node import find_java
from services.sandbox.plan import HOST, free_ports

QUIET = {"log_level": 0}


def command(*words: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(words))
    return ran.exit_code, ran.output


def make_topic(broker: Broker, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, **QUIET})
    admin.create_topics([NewTopic(name, num_partitions=1)])[name].result(20)


def produce(broker: Broker, topic: str, values: list[bytes], within_s: float = 30.0) -> None:
    failed: list[object] = []
    config = {"bootstrap.servers": broker.bootstrap, "acks": "all", "message.timeout.ms": int(within_s * 1000), **QUIET}
    producer = Producer(config)
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(within_s) == 0
    assert failed == []


def consume(broker: Broker, topic: str, count: int) -> list[bytes | None]:
    config = {
        "bootstrap.servers": broker.bootstrap,
        "group.id": f"readers-of-{topic}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        **QUIET,
    }
    consumer = Consumer(config)
    try:
        consumer.subscribe([topic])
        got: list[bytes | None] = []
        for _ in range(60):
            got += [message.value() for message in consumer.consume(count, 0.5) if not message.error()]
            if len(got) >= count:
                break
        return got
    finally:
        consumer.close()


def topics(broker: Broker) -> set[str]:
    listed = AdminClient({"bootstrap.servers": broker.bootstrap, **QUIET}).list_topics(timeout=20)
    return {name for name in listed.topics if not name.startswith("__")}


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    root = f"{tmp_path_factory.getbasetemp()}/"  # so that another run's folder, numbered 12, is not ours, numbered 1
    found = [
        each for each in psutil.process_iter(["cmdline"]) if any(root in word for word in each.info["cmdline"] or ())
    ]
    assert found == []


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Path]]:
    state = tmp_path_factory.mktemp("one")
    with Broker.start(state, heap_mb=256, die_with_parent=True, overrides={"num.partitions": "7"}) as broker:
        yield broker, state


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_records_go_in_and_come_out(one: tuple[Broker, Path]) -> None:
    broker, _ = one
    make_topic(broker, "in.and.out")
    produce(broker, "in.and.out", [b"pothole", b"graffiti"])
    assert consume(broker, "in.and.out", 2) == [b"pothole", b"graffiti"]


def test_a_misspelt_topic_is_not_made_and_overrides_reach_the_node(one: tuple[Broker, Path]) -> None:
    broker, state = one
    with pytest.raises((AssertionError, KafkaException)):
        produce(broker, "no.such.topic", [b"lost"], within_s=2)
    assert "no.such.topic" not in topics(broker)
    assert "num.partitions=7\n" in (state / "broker" / "node-1" / "server.properties").read_text()


def test_a_second_start_of_the_same_data_is_refused(one: tuple[Broker, Path]) -> None:
    broker, state = one
    with pytest.raises(BrokerError) as caught:
        Broker.start(state)
    folder = state / "broker"
    expected = f"the embedded broker cannot start: it runs already in {folder}, at {broker.bootstrap}"
    assert str(caught.value) == expected


def test_a_killed_node_serves_its_records_after_a_restart(one: tuple[Broker, Path]) -> None:
    broker, _ = one
    make_topic(broker, "survivors")
    produce(broker, "survivors", [b"before the kill"])
    before = broker.nodes[0]
    broker.kill(1)
    assert broker.nodes == [Node(1, None, before.port)]
    broker.restart(1)
    after = broker.nodes[0]
    assert after.port == before.port
    assert after.pid not in {None, before.pid}
    produce(broker, "survivors", [b"after it"])
    assert consume(broker, "survivors", 2) == [b"before the kill", b"after it"]


def test_a_suspended_node_is_silent_until_it_is_resumed(one: tuple[Broker, Path]) -> None:
    broker, _ = one
    broker.suspend(1)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, **QUIET})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=0.5)
    broker.resume(1)
    assert 1 in admin.list_topics(timeout=20).brokers


def test_status_is_of_the_running_broker(one: tuple[Broker, Path]) -> None:
    broker, state = one
    code, output = command("status", "--json", "--state-dir", str(state))
    found = json.loads(output)
    assert (code, found["running"], found["bootstrap"], found["version"]) == (0, True, broker.bootstrap, "4.3.1")
    assert found["nodes"][0]["pid"] == broker.nodes[0].pid
    assert found["data_bytes"] > 0
    assert found["uptime_s"] > 0
    code, output = command("start", "--nodes", "3", "--state-dir", str(state))
    assert (code, output) == (
        1,
        (
            f"the embedded broker cannot start: one of 1 nodes runs at {broker.bootstrap}\n"
            f"Stop it first: stormdrain broker stop --state-dir {state}\n"
        ),
    )


def test_the_command_starts_a_broker_that_outlives_it_keeps_its_data_and_forgets_them_when_asked(
    tmp_path: Path,
) -> None:
    where = ("--state-dir", str(tmp_path))
    program = "from services.cli.broker import app; app()"
    started = subprocess.run(
        [sys.executable, "-c", program, "start", "--port", "0", "--heap-mb", "256", *where],
        capture_output=True,
        text=True,
        check=True,
    )
    broker = Broker.attach(tmp_path)
    assert broker is not None
    assert started.stdout == (
        f"the embedded broker is up\n  KAFKA_BOOTSTRAP={broker.bootstrap}\n"
        f"  data and logs in {tmp_path / 'broker'}; stop it with `stormdrain broker stop`\n"
    )
    assert started.stderr.splitlines()[-1] == "starting Apache Kafka 4.3.1: 1 node"
    make_topic(broker, "kept")
    produce(broker, "kept", [b"a record"])
    assert command("stop", *where) == (0, "the embedded broker is stopped\n")
    assert Broker.attach(tmp_path) is None
    with Broker.start(tmp_path, heap_mb=256, die_with_parent=True) as again:
        assert again.bootstrap == broker.bootstrap
        assert consume(again, "kept", 1) == [b"a record"]
    assert command("start", "--nodes", "3", "--port", "0", *where) == (
        1,
        (
            f"the embedded broker cannot start with 3 nodes: the data in {tmp_path / 'broker'} are of 1\n"
            "Start it with --nodes 1, or forget the data with --fresh\n"
        ),
    )
    assert command("start", "--ephemeral", "--port", "0", *where) == (
        1,
        (
            f"the embedded broker cannot be ephemeral: {tmp_path / 'broker'} holds data that were to be kept\n"
            "Forget them with --fresh, or use another folder (STORMDRAIN_STATE_DIR)\n"
        ),
    )
    with Broker.start(tmp_path, heap_mb=256, fresh=True, ephemeral=True, die_with_parent=True) as anew:
        assert topics(anew) == set()
    assert sorted(path.name for path in (tmp_path / "broker").iterdir()) == ["lock"]


def test_without_a_broker_status_exits_with_3_and_stop_has_nothing_to_do(tmp_path: Path) -> None:
    where = ("--state-dir", str(tmp_path))
    nobody = f"no embedded broker runs in {tmp_path / 'broker'}"
    assert command("status", *where) == (3, f"{nobody}; `stormdrain broker start` starts one\n")
    assert command("status", "--json", *where) == (3, '{"running": false}\n')
    assert command("stop", *where) == (0, f"{nobody}\n")
    assert command("stop", "--json", *where) == (0, '{"stopped": false}\n')


def test_nodes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from services.sandbox.broker import Broker\n"
        "broker = Broker.start(Path(sys.argv[1]), heap_mb=256, ephemeral=True, die_with_parent=True)\n"
        "print(broker.nodes[0].pid, flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        node = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert psutil.wait_procs([node], timeout=10)[1] == []
    assert Broker.attach(tmp_path) is None


def test_a_stale_pid_file_does_not_end_a_stranger(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    with Broker.start(tmp_path, heap_mb=256, die_with_parent=True) as broker:
        pass
    noted = tmp_path / "broker" / "node-1" / "pid.json"
    for began in (1.0, psutil.Process(stranger.pid).create_time()):
        noted.write_text(json.dumps({"pid": stranger.pid, "began": began}))
        assert Broker.attach(tmp_path) is None
        assert command("stop", "--state-dir", str(tmp_path))[0] == 0
        broker.kill(1)
        broker.stop()
        os.kill(stranger.pid, 0)
        assert stranger.poll() is None


def test_a_taken_port_is_named_with_the_ways_out(tmp_path: Path) -> None:
    with socket.create_server((HOST, free_ports(1)[0])) as taken:
        port = taken.getsockname()[1]
        code, output = command("start", "--port", str(port), "--state-dir", str(tmp_path))
    assert (code, output) == (
        1,
        (
            f"the embedded broker cannot listen on 127.0.0.1: another program has port {port}\n"
            "Stop that program, or choose another port with --port (0 finds a free one);\n"
            "if it is a Kafka that you want to use, set KAFKA_BOOTSTRAP to its HOST:PORT\n"
        ),
    )


def test_a_node_that_does_not_come_up_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(BrokerError) as caught:
        Broker.start(tmp_path, heap_mb=256, die_with_parent=True, overrides={"num.io.threads": "many"})
    assert "Invalid value many for configuration num.io.threads" in str(caught.value)
    with pytest.raises(BrokerError) as caught:
        Broker.start(tmp_path, heap_mb=8, die_with_parent=True)
    said = str(caught.value).splitlines()
    assert said[0].startswith("node 1 of the embedded broker cannot serve 127.0.0.1:")
    assert said[0].endswith(": its process ended")
    assert said[1] == f"  the end of {tmp_path / 'broker' / 'node-1' / 'node.log'}:"
    assert "java.lang.OutOfMemoryError" in str(caught.value)
    assert said[-2:] == [
        "If memory was short, try --heap-mb 256 or fewer nodes; if the data are damaged, --fresh forgets them;",
        "without the embedded broker: docker compose -f docker-compose.kafka.yml up, or set KAFKA_BOOTSTRAP",
    ]
    assert Broker.attach(tmp_path) is None


def test_one_node_or_three(tmp_path: Path) -> None:
    with pytest.raises(BrokerError) as caught:
        Broker.start(tmp_path, nodes=2)
    assert str(caught.value) == (
        "the embedded broker cannot start with 2 nodes\n  expected: 1, or 3 for a cluster that survives the loss of one"
    )


@pytest.mark.slow
def test_three_nodes_serve_acks_all_with_one_of_them_killed(tmp_path: Path) -> None:
    with Broker.start(tmp_path, nodes=3, heap_mb=256, ephemeral=True, die_with_parent=True) as broker:
        make_topic(broker, "three.copies")
        produce(broker, "three.copies", [b"with three"])
        admin = AdminClient({"bootstrap.servers": broker.bootstrap, **QUIET})
        partition = admin.list_topics("three.copies", timeout=20).topics["three.copies"].partitions[0]
        assert sorted(partition.replicas) == [1, 2, 3]
        broker.kill(partition.leader)
        produce(broker, "three.copies", [b"with two"])
        assert consume(broker, "three.copies", 2) == [b"with three", b"with two"]
        broker.restart(partition.leader)
        assert [node.pid is not None for node in broker.nodes] == [True, True, True]


@pytest.mark.skipif(find_java().major < 25 or sys.platform != "linux", reason="from Java 25 on; its maps are Linux's")
def test_a_node_maps_the_classes_that_an_earlier_start_has_kept(one: tuple[Broker, Path]) -> None:
    broker, _ = one
    node = psutil.Process(broker.nodes[0].pid)
    (told,) = [word.partition("=")[2] for word in node.cmdline() if word.startswith("-XX:AOTCache")]
    assert told in {each.path for each in node.memory_maps()}


def test_signals_of_the_terminal_do_not_reach_the_nodes(one: tuple[Broker, Path]) -> None:
    broker, _ = one
    pid = broker.nodes[0].pid
    assert pid is not None
    assert os.getsid(pid) == pid
