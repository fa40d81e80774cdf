import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from services.runtime.kafka import KafkaClients, KafkaSettings, connection, native_log
from services.sandbox import mock_cluster
from services.sandbox.mock_cluster import Api, MockCluster, MockClusterError


def producer(mock: MockCluster) -> Producer:
    return Producer(connection(KafkaSettings(bootstrap=mock.bootstrap)) | {"transactional.id": "one"})


def write(one: Producer) -> None:
    one.begin_transaction()
    one.produce("out.v1", b"a", partition=0)
    one.commit_transaction(10)


def test_a_transaction_passes_and_its_requests_are_counted_once() -> None:
    with MockCluster(brokers=1) as mock:
        mock.create_topic("out.v1", 2)
        one = producer(mock)
        one.init_transactions(10)
        mock.asked()
        write(one)
        asked = mock.asked()
        assert (asked[Api.ADD_PARTITIONS_TO_TXN], asked[Api.PRODUCE], asked[Api.END_TXN]) == (1, 1, 1)
        assert mock.asked() == {}


def test_errors_are_answered_in_their_order_and_may_be_forgotten() -> None:
    with MockCluster(brokers=1) as mock:
        mock.create_topic("out.v1", 1)
        one = producer(mock)
        mock.push_errors(Api.INIT_PRODUCER_ID, [KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED])
        with pytest.raises(KafkaException, match="TRANSACTIONAL_ID_AUTHORIZATION_FAILED"):
            one.init_transactions(10)
        mock.push_errors(Api.INIT_PRODUCER_ID, [KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED] * 5)
        mock.clear_errors(Api.INIT_PRODUCER_ID)
        producer(mock).init_transactions(10)


def test_an_answer_comes_as_late_as_it_was_asked_to() -> None:
    with MockCluster(brokers=2) as mock:
        mock.set_coordinator("transaction", "one", 2)
        mock.push_error_rtts(2, Api.INIT_PRODUCER_ID, [(0, 300)])
        began = time.monotonic()
        producer(mock).init_transactions(10)
        assert time.monotonic() - began > 0.3


def test_a_topic_can_be_forbidden() -> None:
    with MockCluster(brokers=1) as mock:
        mock.create_topic("out.v1", 1)
        one = producer(mock)
        one.init_transactions(10)
        mock.set_topic_error("out.v1", KafkaError.TOPIC_AUTHORIZATION_FAILED)
        # librdkafka says either that the record was refused, or why.
        with pytest.raises(KafkaException, match=r"TOPIC_AUTHORIZATION_FAILED|failed delivery"):
            write(one)


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (lambda mock: mock.broker_down(7), "broker_down: Broker: Broker not available"),
        (lambda mock: mock.set_rtt(7, 1), "set_rtt: Broker: Broker not available"),
        (lambda mock: mock.push_error_rtts(7, Api.PRODUCE, [(0, 1)]), "push_error_rtts: Local: Unknown broker"),
    ],
)
def test_what_the_cluster_refuses_is_told_with_the_brokers_that_there_are(
    refused: Callable[[MockCluster], None], said: str
) -> None:
    with MockCluster(brokers=2) as mock, pytest.raises(MockClusterError) as error:
        refused(mock)
    assert str(error.value) == f"the mock cluster refused {said}; its brokers are (1, 2)"


def test_a_wheel_without_a_librdkafka_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mock_cluster, "files", lambda _: [])
    with pytest.raises(MockClusterError) as error:
        mock_cluster._library.__wrapped__()
    assert str(error.value) == (
        f"the mock cluster needs the librdkafka that confluent-kafka's wheels bring; confluent-kafka "
        f"{version('confluent-kafka')} brings none here, so it was built from source\n"
        "  pip install --force-reinstall --only-binary :all: confluent-kafka"
    )


def test_a_librdkafka_without_the_functions_is_told_with_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mock_cluster._MOCK, "rd_kafka_mock_moon_phase", (None, ()))
    with pytest.raises(MockClusterError) as error:
        mock_cluster._library.__wrapped__()
    first, last = str(error.value).split("\n")
    assert first.endswith(f"of confluent-kafka {version('confluent-kafka')} lacks: rd_kafka_mock_moon_phase")
    assert Path(first.split()[6]).name.startswith("librdkafka")
    assert last == "  expected confluent-kafka 2.15 or newer"


def test_who_asks_for_ends_by_a_leader_that_is_no_more_asks_anew_by_what_is() -> None:
    with MockCluster(brokers=1) as mock:
        mock.create_topic("out.v1", 1)
        clients = KafkaClients(KafkaSettings(bootstrap=mock.bootstrap))
        place = TopicPartition("out.v1", 0)
        before = clients.admin()
        assert clients.ends([place]) == {("out.v1", 0): 0}
        assert clients.admin() is before
        mock.push_errors(Api.LIST_OFFSETS, [KafkaError.FENCED_LEADER_EPOCH])
        with pytest.raises(KafkaException, match="FENCED_LEADER_EPOCH"):
            clients.ends([place])
        assert clients.admin() is not before
        assert clients.ends([place]) == {("out.v1", 0): 0}


def test_what_librdkafka_says_of_failing_connections_is_not_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    logger = native_log()
    logger.warning("%s [%s] %s", "FAIL", "decide-0#producer-1", "connection refused")
    logger.warning("%s [%s] %s", "SESSTMOUT", "decide-0#consumer-2", "the session timed out")
    assert [record.getMessage() for record in caplog.records] == [
        "SESSTMOUT [decide-0#consumer-2] the session timed out"
    ]
