"""Real clients: confluent-kafka set up the one way that keeps the promises, for `services.runtime.loop`."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Producer as KafkaProducer
from confluent_kafka.admin import AdminClient, OffsetSpec
from msgspec import Meta

from services.runtime import failures
from services.runtime.ports import Consumer, Place, Producer, Rebalanced
from services.runtime.settings import Settings

log = logging.getLogger(__name__)

Config = dict[str, Any]

ASK_S = 5.0
"""What the nodes of a cluster are given to say an offset. A leader that died has a successor by then."""
MOVED = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""The group's coordinator is another node, or not one yet."""
METADATA_S = 60.0
"""How long a cluster that cannot be reached is asked again for its topics: one under load takes its time to answer."""


class KafkaSettings(Settings, frozen=True, kw_only=True):
    """How every client reaches the cluster, and the timings that are a bargain between them."""

    prefix: ClassVar[str] = "KAFKA"
    bootstrap: Annotated[str, Meta(description="host:port of the cluster, comma separated.")] = "127.0.0.1:9092"
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], Meta(description="How the connection is secured.")
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], Meta(description="How a client proves who it is.")
    ] = "SCRAM-SHA-512"
    sasl_username: Annotated[str, Meta(description="Who this client is.")] = ""
    sasl_password: Annotated[str, Meta(description="Its password.", extra={"secret": True})] = ""
    ssl_ca_location: Annotated[str, Meta(description="File of the certificate authority; empty: the system's.")] = ""
    group_protocol: Annotated[
        Literal["classic", "consumer"],
        Meta(description="classic is cooperative-sticky with static members; consumer is KIP-848."),
    ] = "classic"
    session_timeout_ms: Annotated[
        int, Meta(ge=1000, description="A silent member is expelled after this (classic protocol).")
    ] = 10_000
    max_poll_interval_ms: Annotated[
        int, Meta(ge=10_000, description="A member that does not poll is expelled after this.")
    ] = 120_000
    transaction_timeout_ms: Annotated[
        int, Meta(ge=10_000, description="The broker ends a transaction that stays open longer.")
    ] = 15_000


_LOST = frozenset({"FAIL", "REQTMOUT"})
"""librdkafka's own names for what it says when a connection is gone, and when a request was not answered in time."""

_LIKE_THE_LAST = "error log suppressed"
"""How it ends what it says only to who debugs: the connection is gone as it was already within the last half minute."""


class _Listening:
    """Takes a producer's log: what is said of lost connections is heard, the rest is logged as ever.

    librdkafka sends a request again after a cut connection and says so nowhere else: `error_cb` hears of connections
    that cannot be made, not of one that was closed in the middle. What it says at the debug level is heard where it is
    of a loss that it does not tell otherwise; a connection that rested and was closed for it is no loss.
    """

    def __init__(self, on_lost: Callable[[str], None]) -> None:
        self._on_lost = on_lost
        self._log = native_log()

    def log(self, level: int, form: str, *words: str) -> None:
        """Take one line; confluent-kafka gives librdkafka's name for it, the client and the text."""
        if words[0] in _LOST and (level > logging.DEBUG or words[-1].endswith(_LIKE_THE_LAST)):
            self._on_lost(words[-1])
        elif level >= logging.WARNING:
            self._log.log(level, form, *words)


class _Producer(KafkaProducer):  # type: ignore[misc]
    """Raises a fatal error as itself.

    confluent-kafka raises it inside a callback and then takes more lines of the log, which Python calls a SystemError.
    """

    def poll(self, timeout: float) -> int:
        try:
            return super().poll(timeout)  # type: ignore[no-any-return]
        except SystemError as error:
            raise _meant_by(error) from error

    def flush(self, timeout: float) -> int:
        try:
            return super().flush(timeout)  # type: ignore[no-any-return]
        except SystemError as error:
            raise _meant_by(error) from error


def _meant_by(error: SystemError) -> BaseException:
    return error.__cause__ if isinstance(error.__cause__, KafkaException) else error


def native_log() -> logging.Logger:
    """Give where librdkafka's own words go, without the failures to connect that `error_cb` tells of already."""
    logger = logging.getLogger("librdkafka")
    logger.addFilter(_is_news)
    return logger


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(("FAIL", "ERROR"))


def connection(settings: KafkaSettings) -> Config:
    """Give what any client, admin or aiokafka-free, needs to connect."""
    config: Config = {
        "bootstrap.servers": settings.bootstrap,
        "security.protocol": settings.security_protocol,
        "log_level": 4,
        "logger": native_log(),
        "reconnect.backoff.max.ms": 1000,
        "socket.timeout.ms": 10_000,
        "topic.metadata.refresh.interval.ms": 30_000,
        # Otherwise librdkafka 2.16 forgets all brokers when it reaches none, which with one broker is after every lost
        # connection; a transaction's offsets then go to a coordinator that is no more, and the call never returns
        # (its issues 5511 and 5456, both open).
        "metadata.recovery.strategy": "none",
    }
    if settings.security_protocol.startswith("SASL"):
        config |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password,
        }
    if settings.ssl_ca_location:
        config["ssl.ca.location"] = settings.ssl_ca_location
    return config


class KafkaClients:
    """Clients of the cluster that `settings` name."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin: Any = None
        self._asking: dict[str, Any] = {}

    def member(
        self,
        topics: Sequence[str],
        *,
        group: str,
        slot: str,
        on_assign: Rebalanced,
        on_revoke: Rebalanced,
        on_lost: Rebalanced,
        on_lag: Callable[[Mapping[tuple[str, int], int]], None],
    ) -> Consumer:
        """Join `group`; see `ports.Clients.member`."""
        config = connection(self._settings) | {
            "group.id": group,
            "client.id": slot,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "max.poll.interval.ms": self._settings.max_poll_interval_ms,
            "queued.max.messages.kbytes": 16_384,
            "fetch.message.max.bytes": 131_072,  # short runs of each partition, so that what is read ahead has all
            "fetch.wait.max.ms": 100,
            "fetch.queue.backoff.ms": 10,
            "topic.metadata.refresh.interval.ms": 5000,
            "statistics.interval.ms": 5000,
            "stats_cb": lambda raw: on_lag(lag_of(raw)),
            "error_cb": lambda error: log.warning("consumer: %s", error),
        }
        if self._settings.group_protocol == "consumer":
            # KIP-848 fences the newcomer of a static pair, so a killed worker would wait out the broker's time-out:
            # no static membership here. The session time-out and assignor are the broker's.
            config["group.protocol"] = "consumer"
        else:
            config |= {
                "group.protocol": "classic",
                "group.instance.id": slot,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": self._settings.session_timeout_ms,
                "heartbeat.interval.ms": max(200, self._settings.session_timeout_ms // 10),
            }
        consumer = KafkaConsumer(config)
        consumer.subscribe(list(topics), on_assign=on_assign, on_revoke=on_revoke, on_lost=on_lost)
        return consumer  # type: ignore[no-any-return]

    def reader(self) -> Consumer:
        """Make a group-less reader; see `ports.Clients.reader`."""
        return KafkaConsumer(  # type: ignore[no-any-return]
            connection(self._settings)
            | {
                "group.id": "stormdrain-reader",  # never joined, never committed: librdkafka insists on a name
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": 16_384,
                "fetch.wait.max.ms": 50,
            }
        )

    def producer(self, transactional_id: str, on_suspect: Callable[[str], None]) -> Producer:
        """Make a transactional producer; see `ports.Clients.producer`."""

        def heard(error: Any) -> None:  # noqa: ANN401 - KafkaError
            log.warning("producer: %s", error)
            if error.code() in failures.SUSPECT:
                on_suspect(str(error))

        return _Producer(
            connection(self._settings)
            | {
                "transactional.id": transactional_id,
                "client.id": transactional_id,
                "transaction.timeout.ms": self._settings.transaction_timeout_ms,
                "logger": _Listening(on_suspect),
                "log_level": 7,
                "debug": "broker",  # four lines a transaction
                "compression.type": "lz4",
                "linger.ms": 2,
                # With more, a new partition's first request may be refused, as its leader is not ready, and the second
                # be taken: a broker that does not know the producer takes any sequence (KAFKA-15591). librdkafka then
                # calls the first delivered, too, and the transaction commits without it.
                "max.in.flight.requests.per.connection": 1,
                # Java's partitioner, so that a department's own producer or Kafka Streams agrees on partitions.
                "partitioner": "murmur2_random",
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 200_000,
                # A record that fails fails the transaction: commit says so, and no report per record is needed.
                "delivery.report.only.error": True,
                "error_cb": heard,
            }
        )

    def ends(self, partitions: Sequence[TopicPartition]) -> dict[tuple[str, int], int]:
        """Give the high watermarks; see `ports.Clients.ends`."""
        return self.offsets(partitions, OffsetSpec.latest())

    def since(self, partitions: Sequence[TopicPartition], at_ms: int) -> dict[tuple[str, int], int]:
        """Give the first offsets of that time or later; see `ports.Clients.since`."""
        found = self.offsets(partitions, OffsetSpec.for_timestamp(at_ms))
        ends = self.ends([p for p in partitions if found[p.topic, p.partition] < 0])
        return found | ends

    def offsets(
        self,
        partitions: Sequence[TopicPartition],
        what: Any,  # noqa: ANN401 - confluent-kafka is untyped
        isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
        timeout_s: float = ASK_S,
    ) -> dict[Place, int]:
        """Give an offset of each partition, `what` being an `OffsetSpec`; -1 where there is no record of its time.

        Raises:
            KafkaException: not every leader said.

        """
        if not partitions:
            return {}
        wanted = {TopicPartition(p.topic, p.partition): what for p in partitions}
        admin = self.admin()  # kept until it has answered: without it nobody would
        asked = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=timeout_s)
        try:
            return {(p.topic, p.partition): _said(future.result().offset) for p, future in asked.items()}
        except KafkaException:
            # librdkafka's admin goes on asking by the leaders and epochs that it once learnt; a new one learns them.
            if self._admin is admin:
                self._admin = None
            raise

    def partitions(self, topic: str) -> int:
        """Count a topic's partitions; see `ports.Clients.partitions`."""
        # A connection that breaks fails the question at once, however long it was given.
        listed = _patiently(lambda left: self.admin().list_topics(topic, timeout=left), failures.SUSPECT, METADATA_S)
        known = listed.topics.get(topic)
        return 0 if known is None or known.error is not None else len(known.partitions)

    def admin(self) -> Any:  # noqa: ANN401 - confluent-kafka is untyped
        """Give the one admin client of this process."""
        if self._admin is None:
            # It complains by exception; what it would log is that a broker went away that nobody asks any more.
            self._admin = AdminClient(connection(self._settings) | {"log_level": 0})
        return self._admin

    def committed(self, group: str, places: Iterable[Place], timeout_s: float = ASK_S) -> dict[Place, int]:
        """Give the offsets that a group, of which this need not be a member, has committed; without those it has not.

        By a consumer that never joins: the admin client's own way (`list_consumer_group_offsets`) ends the process in
        librdkafka 2.16 when the coordinator dies under it (librdkafka issue 4605).

        Raises:
            KafkaException: it could not be said in time.

        """
        asked = [TopicPartition(*place) for place in places]
        if not asked:
            return {}
        if group not in self._asking:
            own = {
                "group.id": group,
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",
                "log_level": 0,
            }
            self._asking[group] = KafkaConsumer(connection(self._settings) | own)
        # librdkafka learns by it that the group has another coordinator, and tells the caller first.
        found = _patiently(lambda left: self._asking[group].committed(asked, left), MOVED, timeout_s)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}

    def generation(self, metadata: Any) -> tuple[int, str]:  # noqa: ANN401 - opaque
        """Read group metadata; see `ports.Clients.generation`."""
        return generation_of(metadata)


def _patiently(ask: Callable[[float], Any], codes: Collection[int], within_s: float) -> Any:  # noqa: ANN401
    """Ask, with the seconds that are left, until there is an answer or an error of another code."""
    until = time.monotonic() + within_s
    while True:
        try:
            return ask(max(1.0, until - time.monotonic()))
        except KafkaException as error:
            if error.args[0].code() not in codes or time.monotonic() > until:
                raise
            time.sleep(0.2)


def _said(offset: int) -> int:
    """Give an offset that a broker said; -1 is an answer, too: there is no record of that time.

    Raises:
        KafkaException: nobody said any. librdkafka's admin gives -1001 and no error when a leader died and its time to
            ask ran out. A replay that takes this for an end has nothing to read, and calls an empty state whole.

    """
    if offset < -1:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no leader said an offset"))  # noqa: SLF001 - theirs
    return offset


_SERIALIZED = re.compile(rb"CGMDv2:(?P<generation>.{4})(?P<group>[^\0]*)\0(?P<member>[^\0]*)\0", re.DOTALL)


def generation_of(metadata: bytes) -> tuple[int, str]:
    """Read generation and member id out of librdkafka's serialized group metadata.

    The form (rdkafka_cgrp.c, `rd_kafka_consumer_group_metadata_write`) is the magic `CGMDv2:`, the generation as a
    32-bit integer in the machine's order, then group id, member id and instance id, each ended by a NUL. The broker
    does not fence generation -1 at all, so the loop must refuse it.

    Raises:
        ValueError: librdkafka changed the form.

    """
    found = _SERIALIZED.match(metadata)
    if found is None:
        message = f"group metadata begins with {metadata[:8]!r}, expected CGMDv2: librdkafka changed its form"
        raise ValueError(message)
    return int.from_bytes(found["generation"], sys.byteorder, signed=True), found["member"].decode()


def lag_of(raw: str) -> dict[tuple[str, int], int]:
    """Give records behind, by topic and partition, out of librdkafka's statistics.

    Its own `consumer_lag` stays -1 for a consumer whose offsets a producer's transactions commit. So this is the last
    stable offset less the position: past the last record that was handed over, and after a seek, which forgets that
    one, where fetching goes on, less what was fetched and not handed over. A partition that was never fetched from,
    such as one that waits for its state, is left out.
    """
    found: dict[tuple[str, int], int] = {}
    for name, topic in json.loads(raw).get("topics", {}).items():
        for number, partition in topic.get("partitions", {}).items():
            handed_over, stable = partition.get("app_offset", -1), partition.get("ls_offset", -1)
            position = handed_over if handed_over >= 0 else partition.get("next_offset", -1) - partition["fetchq_cnt"]
            if int(number) >= 0 and partition.get("fetch_state") == "active" and min(stable, position) >= 0:
                found[name, int(number)] = max(0, stable - position)
    return found
