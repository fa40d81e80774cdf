"""The errors that the loop is tried with, and what it is to do about each.

They are those that librdkafka's own tests of its transactional producer use, and those that a broker may answer by
Kafka's protocol. Where the loop does more than the least that would do, the case says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError

from services.sandbox.injected import GROUP, GROUPS, INPUT, OUTPUT, PARTITIONS, SLOT, TRANSACTIONS, Case, Did, Scene
from services.sandbox.mock_cluster import Api

LOST_CONNECTION = KafkaError._TRANSPORT  # noqa: SLF001 - librdkafka's local codes are spelt so
NOT_AVAILABLE, LOADING, NOT_COORDINATOR = (
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
)
ABORTABLE = 120
"""TRANSACTION_ABORTABLE of KIP-890, which confluent-kafka has no name for."""
AWAY_S = 0.7


def _words(api: Api, code: int) -> str:
    name = "".join(word.capitalize() for word in api.name.split("_"))
    return f"{name}: {'the connection is cut' if code == LOST_CONNECTION else KafkaError(code).name()}"


def _each(expected: Did, api: Api, *codes: int) -> list[Case]:
    """One case for each code."""
    return [Case(name=_words(api, code), errors=((api, (code,)),), expected=expected) for code in codes]


def _beaten(expected: Did, *codes: int) -> list[Case]:
    """A case for each code, which a heartbeat is answered, so that it has to be waited for."""
    return [
        Case(
            name=_words(Api.HEARTBEAT, code),
            errors=((Api.HEARTBEAT, (code,)),),
            act=lambda scene: scene.until_asked(Api.HEARTBEAT, 2),
            expected=expected,
        )
        for code in codes
    ]


def _abort_fails(expected: Did, *codes: int) -> Case:
    words = ", ".join("the connection is cut" if code == LOST_CONNECTION else KafkaError(code).name() for code in codes)
    return Case(
        name=f"EndTxn of an abort: {words}",
        errors=((Api.TXN_OFFSET_COMMIT, (KafkaError.ILLEGAL_GENERATION,)), (Api.END_TXN, codes)),
        expected=expected,
    )


def _inside(expected: Did, name: str, trouble: Callable[[Scene], None]) -> Case:
    """Trouble while a transaction is open: it comes when the offsets have been sent, whose answer is held up."""

    def act(scene: Scene) -> None:
        scene.until_asked(Api.TXN_OFFSET_COMMIT)
        trouble(scene)

    return Case(name=name, errors=((Api.TXN_OFFSET_COMMIT, (0,)),), after_ms=400, act=act, expected=expected)


def _away(*brokers: int) -> Callable[[Scene], None]:
    def trouble(scene: Scene) -> None:
        for broker in brokers:
            scene.mock.broker_down(broker)
        time.sleep(AWAY_S)
        for broker in brokers:
            scene.mock.broker_up(broker)

    return trouble


def _moved(kind: str, to: int) -> Callable[[Scene], None]:
    def trouble(scene: Scene) -> None:
        if kind == "transaction":
            scene.mock.set_coordinator("transaction", SLOT, to)
        elif kind == "group":
            scene.mock.set_coordinator("group", GROUP, to)
        else:
            for partition in range(PARTITIONS):
                scene.mock.set_leader(kind, partition, to)

    return trouble


def _at_start(expected: Did, api: Api, *codes: int) -> Case:
    words = ", ".join(KafkaError(code).name() for code in codes)
    name = "".join(word.capitalize() for word in api.name.split("_"))
    return Case(name=f"at the start, {name}: {words}", errors=((api, codes),), at_start=True, expected=expected)


_E = KafkaError

CASES: tuple[Case, ...] = (
    # A record is written.
    *_each(
        Did.ASKED_AGAIN,
        Api.PRODUCE,
        _E.NOT_LEADER_FOR_PARTITION,
        _E.KAFKA_STORAGE_ERROR,
        _E.NOT_ENOUGH_REPLICAS,
        _E.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        _E.REQUEST_TIMED_OUT,
        _E.UNKNOWN_TOPIC_OR_PART,
        _E.INVALID_MSG,
    ),
    *_each(
        Did.ABORTED,
        Api.PRODUCE,
        _E.INVALID_TXN_STATE,
        ABORTABLE,
        _E.UNKNOWN_PRODUCER_ID,
        _E.MSG_SIZE_TOO_LARGE,
        _E.CLUSTER_AUTHORIZATION_FAILED,
        _E.THROTTLING_QUOTA_EXCEEDED,
    ),
    *_each(Did.RENEWED, Api.PRODUCE, _E.OUT_OF_ORDER_SEQUENCE_NUMBER),
    *_each(Did.RENEWED_AFTER, Api.PRODUCE, LOST_CONNECTION),
    *_each(Did.LEFT, Api.PRODUCE, _E.INVALID_PRODUCER_EPOCH, _E.PRODUCER_FENCED),
    # A partition joins the transaction.
    *_each(
        Did.ASKED_AGAIN,
        Api.ADD_PARTITIONS_TO_TXN,
        _E.CONCURRENT_TRANSACTIONS,
        NOT_AVAILABLE,
        LOADING,
        NOT_COORDINATOR,
        _E.UNKNOWN_TOPIC_OR_PART,
    ),
    *_each(
        Did.ABORTED,
        Api.ADD_PARTITIONS_TO_TXN,
        _E.TOPIC_AUTHORIZATION_FAILED,
        ABORTABLE,
        _E.INVALID_PRODUCER_ID_MAPPING,
    ),
    *_each(Did.RENEWED, Api.ADD_PARTITIONS_TO_TXN, _E.INVALID_TXN_STATE),
    *_each(Did.RENEWED_AFTER, Api.ADD_PARTITIONS_TO_TXN, LOST_CONNECTION),
    *_each(Did.LEFT, Api.ADD_PARTITIONS_TO_TXN, _E.PRODUCER_FENCED, _E.INVALID_PRODUCER_EPOCH),
    # The group's offsets join it.
    *_each(Did.ASKED_AGAIN, Api.ADD_OFFSETS_TO_TXN, _E.CONCURRENT_TRANSACTIONS, NOT_COORDINATOR),
    *_each(Did.ABORTED, Api.ADD_OFFSETS_TO_TXN, _E.GROUP_AUTHORIZATION_FAILED, ABORTABLE),
    *_each(Did.RENEWED, Api.ADD_OFFSETS_TO_TXN, _E.INVALID_TXN_STATE),
    *_each(Did.RENEWED_AFTER, Api.ADD_OFFSETS_TO_TXN, LOST_CONNECTION),
    *_each(Did.LEFT, Api.ADD_OFFSETS_TO_TXN, _E.PRODUCER_FENCED),
    # They are committed in it.
    *_each(
        Did.ASKED_AGAIN,
        Api.TXN_OFFSET_COMMIT,
        NOT_COORDINATOR,
        LOADING,
        NOT_AVAILABLE,
        _E.REQUEST_TIMED_OUT,
    ),
    *_each(
        Did.ABORTED,
        Api.TXN_OFFSET_COMMIT,
        _E.ILLEGAL_GENERATION,
        _E.UNKNOWN_MEMBER_ID,
        _E.REBALANCE_IN_PROGRESS,
        _E.GROUP_AUTHORIZATION_FAILED,
        _E.STALE_MEMBER_EPOCH,
        _E.GROUP_ID_NOT_FOUND,
        ABORTABLE,
    ),
    *_each(Did.RENEWED_AFTER, Api.TXN_OFFSET_COMMIT, LOST_CONNECTION),
    *_each(Did.LEFT, Api.TXN_OFFSET_COMMIT, _E.FENCED_INSTANCE_ID, _E.PRODUCER_FENCED, _E.INVALID_PRODUCER_EPOCH),
    # The transaction is committed.
    *_each(Did.ASKED_AGAIN, Api.END_TXN, _E.CONCURRENT_TRANSACTIONS, LOADING, NOT_AVAILABLE, NOT_COORDINATOR),
    *_each(Did.ABORTED, Api.END_TXN, _E.INVALID_PRODUCER_ID_MAPPING, ABORTABLE),
    *_each(Did.RENEWED, Api.END_TXN, _E.REQUEST_TIMED_OUT),
    *_each(Did.RENEWED, Api.END_TXN, _E.INVALID_TXN_STATE, _E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
    *_each(Did.RENEWED_AFTER, Api.END_TXN, LOST_CONNECTION),
    *_each(Did.LEFT, Api.END_TXN, _E.PRODUCER_FENCED, _E.INVALID_PRODUCER_EPOCH),
    Case(
        name="EndTxn: no answer until the transaction was given up",
        errors=((Api.END_TXN, (0,)),),
        after_ms=3000,
        transaction_s=1.0,
        expected=Did.RENEWED,
    ),
    Case(
        name="EndTxn: an answer so late that it may have been sent twice",
        errors=((Api.END_TXN, (0,)),),
        after_ms=5200,
        transaction_s=8.0,
        expected=Did.RENEWED_AFTER,
    ),
    # It is aborted, and that fails.
    _abort_fails(Did.ABORTED, NOT_COORDINATOR),
    _abort_fails(Did.ABORTED, _E.CONCURRENT_TRANSACTIONS, _E.CONCURRENT_TRANSACTIONS),
    _abort_fails(Did.RENEWED, ABORTABLE),
    _abort_fails(Did.RENEWED, _E.INVALID_TXN_STATE),
    _abort_fails(Did.RENEWED, LOST_CONNECTION),
    _abort_fails(Did.LEFT, _E.PRODUCER_FENCED),
    # A producer is made, or made anew.
    _at_start(
        Did.ASKED_AGAIN, Api.INIT_PRODUCER_ID, NOT_AVAILABLE, NOT_COORDINATOR, LOADING, _E.CONCURRENT_TRANSACTIONS
    ),
    _at_start(Did.ASKED_AGAIN, Api.INIT_PRODUCER_ID, _E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
    _at_start(Did.LEFT, Api.INIT_PRODUCER_ID, _E.PRODUCER_FENCED),
    _at_start(Did.ASKED_AGAIN, Api.FIND_COORDINATOR, NOT_AVAILABLE, NOT_AVAILABLE, NOT_AVAILABLE),
    Case(
        name="at the start, InitProducerId: no answer in time",
        errors=((Api.INIT_PRODUCER_ID, (0,)),),
        after_ms=2500,
        transaction_s=1.0,
        at_start=True,
        expected=Did.ASKED_AGAIN,
    ),
    Case(
        name="while it is renewed, InitProducerId: COORDINATOR_NOT_AVAILABLE, CONCURRENT_TRANSACTIONS",
        errors=(
            (Api.END_TXN, (_E.INVALID_TXN_STATE,)),
            (Api.INIT_PRODUCER_ID, (NOT_AVAILABLE, _E.CONCURRENT_TRANSACTIONS)),
        ),
        expected=Did.RENEWED,
    ),
    Case(
        name="while it is renewed, InitProducerId: PRODUCER_FENCED",
        errors=((Api.END_TXN, (_E.INVALID_TXN_STATE,)), (Api.INIT_PRODUCER_ID, (_E.PRODUCER_FENCED,))),
        expected=Did.LEFT,
    ),
    # The group.
    _at_start(Did.ASKED_AGAIN, Api.OFFSET_FETCH, *[_E.UNSTABLE_OFFSET_COMMIT] * 3),
    _at_start(Did.ASKED_AGAIN, Api.OFFSET_FETCH, NOT_COORDINATOR, LOADING),
    _at_start(Did.ASKED_AGAIN, Api.OFFSET_FETCH, _E.GROUP_AUTHORIZATION_FAILED),
    _at_start(Did.ASKED_AGAIN, Api.OFFSET_FETCH, LOST_CONNECTION),
    _at_start(Did.ASKED_AGAIN, Api.LIST_OFFSETS, _E.NOT_LEADER_FOR_PARTITION, _E.REQUEST_TIMED_OUT),
    _at_start(Did.ASKED_AGAIN, Api.JOIN_GROUP, LOADING, NOT_COORDINATOR),
    _at_start(Did.ASKED_AGAIN, Api.SYNC_GROUP, _E.REBALANCE_IN_PROGRESS),
    _at_start(Did.LEFT, Api.JOIN_GROUP, _E.FENCED_INSTANCE_ID),
    Case(
        name="while it goes back, OffsetFetch: UNSTABLE_OFFSET_COMMIT three times",
        errors=(
            (Api.TXN_OFFSET_COMMIT, (_E.ILLEGAL_GENERATION,)),
            (Api.OFFSET_FETCH, (_E.UNSTABLE_OFFSET_COMMIT,) * 3),
        ),
        expected=Did.ABORTED,
    ),
    Case(
        name="while it goes back, OffsetFetch: COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR",
        errors=((Api.TXN_OFFSET_COMMIT, (_E.ILLEGAL_GENERATION,)), (Api.OFFSET_FETCH, (LOADING, NOT_COORDINATOR))),
        expected=Did.ABORTED,
    ),
    *_beaten(Did.REJOINED, _E.ILLEGAL_GENERATION, _E.UNKNOWN_MEMBER_ID),
    *_beaten(Did.ASKED_AGAIN, _E.REBALANCE_IN_PROGRESS, NOT_COORDINATOR, LOST_CONNECTION),
    *_beaten(Did.LEFT, _E.FENCED_INSTANCE_ID),
    # Records are read.
    *_each(
        Did.ASKED_AGAIN,
        Api.FETCH,
        _E.NOT_LEADER_FOR_PARTITION,
        _E.KAFKA_STORAGE_ERROR,
        _E.OFFSET_OUT_OF_RANGE,
        _E.TOPIC_AUTHORIZATION_FAILED,
        LOST_CONNECTION,
    ),
    # Brokers come, go and take over.
    _inside(Did.RENEWED_AFTER, "in a transaction, its coordinator is away for a moment", _away(TRANSACTIONS)),
    _inside(Did.ASKED_AGAIN, "in a transaction, its coordinator moves", _moved("transaction", OUTPUT)),
    _inside(Did.RENEWED_AFTER, "in a transaction, the group's coordinator is away for a moment", _away(GROUPS)),
    _inside(Did.ASKED_AGAIN, "in a transaction, the group's coordinator moves", _moved("group", OUTPUT)),
    _inside(Did.RENEWED_AFTER, "in a transaction, the leader of the output is away for a moment", _away(OUTPUT)),
    _inside(Did.RENEWED_AFTER, "in a transaction, every broker is away for a moment", _away(1, 2, 3, 4)),
    Case(name="the leader of the output moves", act=_moved("heard.v1", INPUT), expected=Did.ASKED_AGAIN),
    Case(name="the leader of the input moves", act=_moved("told.v1", OUTPUT), expected=Did.ASKED_AGAIN),
    Case(
        name="every answer takes a third of a second",
        act=lambda scene: scene.mock.set_rtt(-1, 333),
        expected=Did.ASKED_AGAIN,
    ),
)
