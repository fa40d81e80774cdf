import json
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from services.runtime.kafka import KafkaClients, KafkaSettings, lag_of

LIMIT_S = 30.0


def statistics(**partition: Any) -> str:
    every = {
        "fetch_state": "active",
        "ls_offset": 62,
        "app_offset": -1001,
        "next_offset": 50,
        "fetchq_cnt": 0,
    } | partition
    return json.dumps({"topics": {"a.v1": {"partitions": {"-1": every, "3": every}}}})


@pytest.mark.parametrize(
    ("partition", "lag"),
    [
        ({"app_offset": 60}, {("a.v1", 3): 2}),
        ({"app_offset": 62, "next_offset": 62}, {("a.v1", 3): 0}),
        ({"app_offset": -1001, "next_offset": 50}, {("a.v1", 3): 12}),
        ({"app_offset": -1001, "next_offset": 62, "fetchq_cnt": 10}, {("a.v1", 3): 10}),
        ({"app_offset": 63}, {("a.v1", 3): 0}),
        ({"ls_offset": -1001}, {}),
        ({"fetch_state": "offset-query", "next_offset": -1001}, {}),
        ({"fetch_state": "none"}, {}),
    ],
)
def test_lag_is_the_last_stable_offset_less_the_position(partition: dict[str, Any], lag: dict[Any, int]) -> None:
    assert lag_of(statistics(consumer_lag=-1, **partition)) == lag


def test_a_consumer_whose_offsets_go_with_transactions_knows_how_far_it_is_behind(kafka: str) -> None:
    topic, group = f"lag-{uuid.uuid4().hex[:8]}.v1", f"lag-{uuid.uuid4().hex[:8]}"
    clients = KafkaClients(KafkaSettings(bootstrap=kafka))
    for made in clients.admin().create_topics([NewTopic(topic, 1, 1)]).values():
        made.result()
    producer = clients.producer(f"{group}-0", lambda _why: None)
    producer.init_transactions(LIMIT_S)
    producer.begin_transaction()
    for number in range(10):
        producer.produce(topic, str(number).encode())
    producer.commit_transaction(LIMIT_S)

    heard: list[Mapping[tuple[str, int], int]] = []
    told = threading.Event()

    def on_lag(lag: Mapping[tuple[str, int], int]) -> None:
        heard.append(lag)
        told.set()

    member = clients.member(
        [topic],
        group=group,
        slot=f"{group}-0",
        on_assign=lambda consumer, partitions: consumer.incremental_assign(partitions),
        on_revoke=lambda *_: None,
        on_lost=lambda *_: None,
        on_lag=on_lag,
    )
    try:
        deadline, records = time.monotonic() + LIMIT_S, 0
        while records < 10 and time.monotonic() < deadline:
            records += len(member.consume(100, 0.2))
        # Back to the sixth record, as after an aborted transaction: four and the transaction's marker are ahead.
        member.seek(TopicPartition(topic, 0, 6))
        member.pause([TopicPartition(topic, 0)])
        told.clear()
        heard.clear()
        while not told.is_set() and time.monotonic() < deadline:
            member.poll(0.2)
    finally:
        member.close()
    assert heard == [{(topic, 0): 5}]
