"""What librdkafka's admin client has been seen to do to the process that asks it."""

import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from services.runtime import kafka
from services.runtime.kafka import KafkaClients, KafkaSettings

PLACE = TopicPartition("requests.received.v1", 0)


class Admin:
    """Answers if it is still there when it is asked for the answer; of the real one, the call would hang otherwise."""

    refuses = False
    says = 3

    def __init__(self, _config: object) -> None:
        self.clients: KafkaClients | None = None

    def list_offsets(self, wanted: dict[TopicPartition, Any], **_: object) -> dict[TopicPartition, Any]:
        asked = weakref.ref(self)
        if self.clients is not None:
            self.clients._admin = None  # another thread was refused meanwhile

        def result() -> SimpleNamespace:
            assert asked() is not None, "the client is gone that was to answer"
            if refuses:
                raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
            return SimpleNamespace(offset=says)

        refuses, says = self.refuses, self.says
        return {place: SimpleNamespace(result=result) for place in wanted}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> KafkaClients:
    monkeypatch.setattr(kafka, "AdminClient", Admin)
    return KafkaClients(KafkaSettings(bootstrap="nowhere:1"))


def test_an_admin_client_is_kept_until_it_has_answered(clients: KafkaClients) -> None:
    clients.admin().clients = clients

    assert clients.ends([PLACE]) == {(PLACE.topic, PLACE.partition): 3}


def test_an_admin_client_that_was_refused_is_not_asked_again(
    clients: KafkaClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = clients.admin()
    monkeypatch.setattr(Admin, "refuses", True)
    with pytest.raises(KafkaException):
        clients.ends([PLACE])

    assert clients.admin() is not first


def test_an_offset_that_no_leader_said_is_no_offset(clients: KafkaClients, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader dies, and the time to ask it runs out: librdkafka gives -1001 and no error, once taken for an end."""
    first = clients.admin()
    monkeypatch.setattr(Admin, "says", OFFSET_INVALID)
    with pytest.raises(KafkaException, match="no leader said"):
        clients.ends([PLACE])

    assert clients.admin() is not first


def test_a_time_after_the_last_record_is_answered_with_the_end(
    clients: KafkaClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([-1, 7])
    monkeypatch.setattr(Admin, "says", property(lambda _self: next(answers)))

    assert clients.since([PLACE], 1) == {(PLACE.topic, PLACE.partition): 7}
