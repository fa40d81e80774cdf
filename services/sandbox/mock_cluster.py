"""librdkafka's own mock brokers, in this process, which give the errors that a real broker will not give on demand.

    with MockCluster(brokers=3) as mock:
        mock.create_topic("told.v1", 4)
        mock.push_errors(Api.END_TXN, [KafkaError.NOT_COORDINATOR])
        Producer({"bootstrap.servers": mock.bootstrap, "transactional.id": "one"})

They keep records, groups and committed offsets in memory, and nothing of a transaction: what is aborted can be read
all the same, an old epoch is not fenced, and a generation is not checked. So they prove what is done about an error,
never that nothing was doubled.

The functions are declared in librdkafka's rdkafka_mock.h, which calls itself experimental; confluent-kafka's wheels
bring a librdkafka that has them.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from importlib.metadata import files, version
from types import TracebackType
from typing import Any, Literal, Self

from confluent_kafka import KafkaError

PACKAGE = "confluent-kafka"

_POINTER, _TEXT, _INT, _API, _ID, _SIZE = (
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_int,
    ctypes.c_int16,
    ctypes.c_int32,
    ctypes.c_size_t,
)
_MOCK: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "rd_kafka_conf_new": (_POINTER, ()),
    "rd_kafka_conf_set": (_INT, (_POINTER, _TEXT, _TEXT, _TEXT, _SIZE)),
    "rd_kafka_new": (_POINTER, (_INT, _POINTER, _TEXT, _SIZE)),
    "rd_kafka_destroy": (None, (_POINTER,)),
    "rd_kafka_mock_cluster_new": (_POINTER, (_POINTER, _INT)),
    "rd_kafka_mock_cluster_destroy": (None, (_POINTER,)),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, (_POINTER,)),
    "rd_kafka_mock_topic_create": (_INT, (_POINTER, _TEXT, _INT, _INT)),
    "rd_kafka_mock_topic_set_error": (None, (_POINTER, _TEXT, _INT)),
    "rd_kafka_mock_partition_set_leader": (_INT, (_POINTER, _TEXT, _ID, _ID)),
    "rd_kafka_mock_push_request_errors_array": (None, (_POINTER, _API, _SIZE, ctypes.POINTER(_INT))),
    "rd_kafka_mock_clear_request_errors": (None, (_POINTER, _API)),
    # Pairs of code and milliseconds follow these.
    "rd_kafka_mock_broker_push_request_error_rtts": (_INT, (_POINTER, _ID, _API, _SIZE)),
    "rd_kafka_mock_broker_set_down": (_INT, (_POINTER, _ID)),
    "rd_kafka_mock_broker_set_up": (_INT, (_POINTER, _ID)),
    "rd_kafka_mock_broker_set_rtt": (_INT, (_POINTER, _ID, _INT)),
    "rd_kafka_mock_coordinator_set": (_INT, (_POINTER, _TEXT, _TEXT, _ID)),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (_POINTER, ctypes.c_int32)),
    "rd_kafka_mock_start_request_tracking": (None, (_POINTER,)),
    "rd_kafka_mock_clear_requests": (None, (_POINTER,)),
    "rd_kafka_mock_get_requests": (ctypes.POINTER(_POINTER), (_POINTER, ctypes.POINTER(_SIZE))),
    "rd_kafka_mock_request_api_key": (_API, (_POINTER,)),
    "rd_kafka_mock_request_destroy_array": (None, (ctypes.POINTER(_POINTER), _SIZE)),
}


class Api(IntEnum):
    """Requests of Kafka's protocol by their number."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


class MockClusterError(Exception):
    """There can be no mock cluster here, or it refused what it was asked; says what to do."""


class MockCluster:
    """`brokers` of them, numbered from 1, for as long as the `with` lasts. Methods may be called from any thread."""

    def __init__(self, brokers: int = 3) -> None:
        self._library = _library()
        text = ctypes.create_string_buffer(512)
        config = self._library.rd_kafka_conf_new()
        # The client that keeps the cluster talks to nobody.
        self._library.rd_kafka_conf_set(config, b"log_level", b"0", text, len(text))
        self._client = self._library.rd_kafka_new(0, config, text, len(text))
        if not self._client:
            message = f"librdkafka cannot make a client for its mock cluster: {text.value.decode()}"
            raise MockClusterError(message)
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            message = f"librdkafka cannot make a mock cluster of {brokers} brokers; expected at least 1 and free ports"
            raise MockClusterError(message)
        self.brokers = tuple(range(1, brokers + 1))
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._library.rd_kafka_mock_start_request_tracking(self._cluster)

    @property
    def bootstrap(self) -> str:
        """Host and port of every broker, with commas."""
        found: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return found.decode()

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic with as many copies as there are brokers."""
        self._must("create_topic", self._topic(name, partitions))

    def set_topic_error(self, name: str, code: int) -> None:
        """Answer `code` (0: none any more) for this topic to Metadata and AddPartitionsToTxn."""
        self._library.rd_kafka_mock_topic_set_error(self._cluster, name.encode(), code)

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Move a partition; broker -1 leaves it without a leader."""
        call = self._library.rd_kafka_mock_partition_set_leader
        self._must("set_leader", call(self._cluster, topic.encode(), partition, broker))

    def push_errors(self, api: Api, codes: Sequence[int]) -> None:
        """Answer the next requests of a kind with these codes, on whichever broker; `_TRANSPORT` cuts the connection.

        0 lets one request pass.
        """
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, api, len(codes), array)

    def clear_errors(self, api: Api) -> None:
        """Forget what was pushed with `push_errors` and not asked for yet."""
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, api)

    def push_error_rtts(self, broker: int, api: Api, answers: Sequence[tuple[int, int]]) -> None:
        """Answer the next requests of a kind to one broker with these codes (0: none), after so many milliseconds.

        They go before what `push_errors` says.
        """
        pairs = [ctypes.c_int(each) for answer in answers for each in answer]
        call = self._library.rd_kafka_mock_broker_push_request_error_rtts
        self._must("push_error_rtts", call(self._cluster, broker, api, len(answers), *pairs))

    def broker_down(self, broker: int) -> None:
        """Cut a broker's connections and take no new ones; it stays the leader and coordinator of what it was."""
        self._must("broker_down", self._library.rd_kafka_mock_broker_set_down(self._cluster, broker))

    def broker_up(self, broker: int) -> None:
        """Take connections again."""
        self._must("broker_up", self._library.rd_kafka_mock_broker_set_up(self._cluster, broker))

    def set_rtt(self, broker: int, milliseconds: int) -> None:
        """Answer everything that one broker (-1: every broker) is asked so much later."""
        self._must("set_rtt", self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, milliseconds))

    def set_coordinator(self, kind: Literal["group", "transaction"], key: str, broker: int) -> None:
        """Name the coordinator of a group id or a transactional id; one that is no broker answers nobody."""
        call = self._library.rd_kafka_mock_coordinator_set
        self._must("set_coordinator", call(self._cluster, kind.encode(), key.encode(), broker))

    def asked(self) -> Counter[int]:
        """Count the requests by API since the cluster began, or since this was last asked."""
        number = ctypes.c_size_t()
        found = self._library.rd_kafka_mock_get_requests(self._cluster, ctypes.byref(number))
        counted = Counter(self._library.rd_kafka_mock_request_api_key(found[i]) for i in range(number.value))
        self._library.rd_kafka_mock_request_destroy_array(found, number)
        self._library.rd_kafka_mock_clear_requests(self._cluster)
        return counted

    def close(self) -> None:
        """End the brokers. May be called again."""
        client, self._client = self._client, None
        if client:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _topic(self, name: str, partitions: int) -> int:
        call = self._library.rd_kafka_mock_topic_create
        code: int = call(self._cluster, name.encode(), partitions, len(self.brokers))
        return code

    def _must(self, what: str, code: int) -> None:
        if code:
            message = f"the mock cluster refused {what}: {KafkaError(code).str()}; its brokers are {self.brokers}"
            raise MockClusterError(message)


@cache
def _library() -> Any:  # noqa: ANN401 - ctypes gives functions as they are asked for
    """Load the very librdkafka that confluent-kafka runs on, and declare what is used of it."""
    found = [each.locate() for each in files(PACKAGE) or () if "librdkafka" in each.name]
    if not found:
        message = (
            f"the mock cluster needs the librdkafka that confluent-kafka's wheels bring; {PACKAGE} {version(PACKAGE)} "
            "brings none here, so it was built from source\n"
            f"  pip install --force-reinstall --only-binary :all: {PACKAGE}"
        )
        raise MockClusterError(message)
    library = ctypes.CDLL(str(found[0]))
    missing = [name for name in _MOCK if not hasattr(library, name)]
    if missing:
        message = (
            f"the mock cluster needs functions that {found[0]} of {PACKAGE} {version(PACKAGE)} lacks: "
            f"{', '.join(missing)}\n  expected {PACKAGE} 2.15 or newer"
        )
        raise MockClusterError(message)
    for name, (result, arguments) in _MOCK.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
