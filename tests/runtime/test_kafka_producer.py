"""The producer that all workers write with, on librdkafka's mock brokers."""

import time

import pytest
from confluent_kafka import KafkaError

from services.runtime.kafka import KafkaClients, KafkaSettings
from services.sandbox.mock_cluster import Api, MockCluster

REFUSALS = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.REQUEST_TIMED_OUT)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_request_waits_until_the_one_before_it_is_taken(refusal: int) -> None:
    """A real broker that does not know the producer takes the second request of a partition without the first."""
    with MockCluster(brokers=1) as mock:
        mock.create_topic("out.v1", 1)
        ours = KafkaClients(KafkaSettings(bootstrap=mock.bootstrap)).producer("slot-0", lambda _: None)
        ours.init_transactions(10)
        ours.begin_transaction()
        mock.asked()
        mock.push_error_rtts(1, Api.PRODUCE, [(refusal, 300)])
        ours.produce("out.v1", b"first", partition=0)
        ours.poll(0)
        while not mock.asked()[Api.PRODUCE]:
            time.sleep(0.01)
        ours.produce("out.v1", b"second", partition=0)
        ours.poll(0)
        time.sleep(0.1)  # far longer than a record lingers, and shorter than the refusal takes
        assert mock.asked()[Api.PRODUCE] == 0, "the second was sent, though nobody knows whether the first is there"
        assert ours.flush(10) == 0
        ours.commit_transaction(10)
