"""The parts of the verifier that ask a broker, on a real one: poison through the real loop, lag, open transactions."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from services.events import Event
from services.index.worker import READS
from services.runtime.cluster import apply_all
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.worker import Outcome, Worker
from services.sandbox.broker import Broker
from services.sandbox.open_transactions import Open, lag, open_transactions
from services.sandbox.poison import Poisoner, PoisonError, Spilt, judge_dead
from services.sandbox.poison_kinds import KINDS
from services.sandbox.tally import Follower

DEPARTMENTS = ("roads", "parks")
TOPICS = [kind.topic for kind in READS if "{" not in kind.topic] + [f"cases.{each}.v1" for each in DEPARTMENTS]
PRODUCES = {"acks": "all", "transactional.id": "left-open", "transaction.timeout.ms": 60_000}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaClients]:
    """A broker with all topics of a town: they are named by what they carry, so it is not shared."""
    state = tmp_path_factory.mktemp("kafka")
    with Broker.start(state, ephemeral=True, die_with_parent=True, ports=[0]) as broker:
        apply_all(broker.bootstrap, list(DEPARTMENTS))
        yield KafkaClients(KafkaSettings(bootstrap=broker.bootstrap, session_timeout_ms=6000))


class Takes:
    def handle(self, batch: list[Event]) -> list[Outcome]:
        return [() for _ in batch]


def poisoned(clients: KafkaClients, seed: int) -> Poisoner:
    return Poisoner(clients._settings.bootstrap, seed, DEPARTMENTS)


def test_all_poison_goes_through_the_loop_into_the_dead_letters_and_nothing_is_left_behind(
    clients: KafkaClients,
) -> None:
    number = 4 * len(KINDS)
    with closing(poisoned(clients, 7)) as poisoner:
        poisoner.scatter(number)
        assert poisoner.flush(60)
    assert len(poisoner.ledger) == number
    assert {spilt.kind for spilt in poisoner.ledger.values()} == {kind.name for kind in KINDS}
    assert {topic for topic, _, _ in poisoner.ledger} >= set(TOPICS)
    ledger = {place: Spilt(spilt.kind, spilt.refused_by & {"index"}) for place, spilt in poisoner.ledger.items()}
    worker = Worker(name="index", reads=READS, writes=(), handler=cast("Any", Takes()), batch_size=50)
    loop = Loop(
        worker,
        clients,
        slot="index-0",
        settings=LoopSettings(idle_s=0.1, max_rejected_share=1.0),
        metrics=Metrics("index"),
    )
    follower = Follower(clients, DEPARTMENTS)
    loop.start()
    try:
        for _ in range(400):
            loop.turn()
            while not follower.read(0.2):
                pass
            if not (behind := lag(clients, {"index": TOPICS}, follower.last)["index"]):
                break
        assert behind == 0
    finally:
        loop.close()
    while not follower.read(1.0):
        pass
    follower.close()
    assert judge_dead(ledger, follower.letters) == []
    assert sum(follower.tally.poison.values()) + sum(follower.tally.dead.values()) == sum(
        follower.tally.events.values()
    ), "nothing of it is taken for a report"
    assert follower.tally.unreadable == {}
    assert lag(clients, {"index": TOPICS, "nobody": ["requests.received.v1"]}) != {"index": 0, "nobody": 0}
    assert open_transactions(clients, [*TOPICS, "index.dead.v1"]) == []


def test_a_burst_is_of_one_topic_and_small(clients: KafkaClients) -> None:
    with closing(poisoned(clients, 8)) as poisoner:
        poisoner.burst("cases.parks.v1", 300)
        assert poisoner.flush(60)
        with pytest.raises(PoisonError, match=r"^no worker reads contacts\.received\.v1 record by record"):
            poisoner.burst("contacts.received.v1", 1)
    assert {topic for topic, _, _ in poisoner.ledger} == {"cases.parks.v1"}
    assert not {spilt.kind for spilt in poisoner.ledger.values()} & {kind.name for kind in KINDS if kind.heavy}


def test_a_transaction_that_nobody_ends_is_told_and_once_it_is_ended_no_more(clients: KafkaClients) -> None:
    topic = f"open-{uuid.uuid4().hex[:8]}"
    clients.admin().create_topics([NewTopic(topic, 2, 1)])[topic].result()
    producer = Producer({"bootstrap.servers": clients._settings.bootstrap, **PRODUCES})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"x", partition=1)
    producer.flush(30)
    (found,) = open_transactions(clients, [topic], patience_s=0.5)
    assert found == Open(topic, 1, stable=0, end=1)
    assert str(found) == f"{topic}/1: stable up to 0, and ends at 1"
    assert lag(clients, {"nobody": [topic]}) == {"nobody": 0}, "what is not stable cannot be read"
    producer.commit_transaction(30)
    assert open_transactions(clients, [topic]) == []
    assert lag(clients, {"nobody": [topic]}) == {"nobody": 2}
    assert lag(clients, {"nobody": [topic]}, {(topic, 1): 0}) == {"nobody": 2}
    assert lag(clients, {"nobody": [topic]}, {}) == {"nobody": 0}
