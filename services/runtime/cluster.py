"""What a cluster has, what topics.yaml wants, and the steps between: planned first, applied when asked.

Nothing here deletes a topic, takes a partition away or changes a replication: such a step is refused, with the reason
and what to do. Partitions of an existing topic are added only when the caller allows it, since keys move with them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from services.runtime import topics as topics_file
from services.runtime.topics import Topic, duration

log = logging.getLogger(__name__)

Sign = Literal["+", "~", "!", "?"]
WORDS: dict[Sign, str] = {"+": "create", "~": "change", "!": "refused", "?": "unknown"}
WHO = "stormdrain topics"
REACH_S = 5.0
"""How long a cluster may take to answer before it counts as away."""
ASK_S = 30.0


class ClusterError(Exception):
    """A cluster that is away, or does not do what was asked: one text for the operator."""


class Existing(NamedTuple):
    """A topic as the cluster has it."""

    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What matters here of a cluster; only topics of ours carry their configuration."""

    brokers: int
    topics: Mapping[str, Existing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a plan. + create, ~ change, ! refused, ? not in topics.yaml and left alone."""

    sign: Sign
    topic: str
    text: str
    create: Topic | None = None
    partitions: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to happen until a cluster is as topics.yaml wants it."""

    steps: tuple[Step, ...]

    def of(self, *signs: Sign) -> tuple[Step, ...]:
        """Give the steps of some kinds."""
        return tuple(step for step in self.steps if step.sign in signs)

    @property
    def agrees(self) -> bool:
        """Whether the cluster is as topics.yaml wants it."""
        return not self.of("+", "~", "!")


def admin(bootstrap: str, config: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - confluent-kafka is untyped
    """Give an admin client that complains by exception only; `config` adds security."""
    quiet: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "log_level": 0,
        "error_cb": lambda error: log.debug("admin: %s", error),
    }
    return AdminClient({**(config or {}), **quiet})


def look(client: Any, ours: Callable[[str], bool], bootstrap: str, who: str = WHO) -> Cluster:  # noqa: ANN401
    """Read what the cluster has, for the command `who`. Only reads.

    Raises:
        ClusterError: it does not answer within `REACH_S`, or refuses.

    """
    try:
        found = client.list_topics(timeout=REACH_S)
        configs = _settings(client, sorted(name for name in found.topics if ours(name)))
    except KafkaException as error:
        raise ClusterError(_away(bootstrap, error, who)) from error
    return Cluster(
        brokers=len(found.brokers),
        topics={
            name: Existing(
                len(topic.partitions),
                min((len(each.replicas) for each in topic.partitions.values()), default=0),
                configs.get(name, {}),
            )
            for name, topic in found.topics.items()
        },
    )


def compare(
    cluster: Cluster,
    wanted: Iterable[Topic],
    *,
    ours: Callable[[str], bool],
    allow_repartition: bool = False,
) -> Plan:
    """Give the steps from `cluster` to `wanted`, in the order of topics.yaml. Pure."""
    steps: list[Step] = []
    names = set()
    for topic in wanted:
        names.add(topic.name)
        existing = cluster.topics.get(topic.name)
        if existing is not None:
            steps += _differences(topic, existing, allow_repartition=allow_repartition)
        elif topic.replication_factor > cluster.brokers:
            text = (
                f"replication {topic.replication_factor} needs as many brokers, the cluster has {cluster.brokers}: "
                "add brokers or give a smaller --replication-factor"
            )
            steps.append(Step(sign="!", topic=topic.name, text=text))
        else:
            steps.append(Step(sign="+", topic=topic.name, text=_summary(topic), create=topic))
    steps += [
        Step(sign="?", topic=name, text="not in topics.yaml, or of a department that is no longer: left alone")
        for name in sorted(set(cluster.topics) - names)
        if ours(name)
    ]
    return Plan(tuple(steps))


def _differences(topic: Topic, existing: Existing, *, allow_repartition: bool) -> list[Step]:
    steps = []
    refused = _refusals(topic, existing, allow_repartition=allow_repartition)
    if refused:
        steps.append(Step(sign="!", topic=topic.name, text="; ".join(refused)))
    # What the cluster has, not what is wanted: min.insync.replicas above the true replication stops every write.
    config = {
        name: value
        for name, value in topic.config(existing.replication_factor).items()
        if existing.config.get(name) != value
    }
    grows = topic.partitions > existing.partitions and allow_repartition
    texts = [f"partitions {existing.partitions} -> {topic.partitions}"] if grows else []
    texts += [_change(name, existing.config.get(name, "unset"), value) for name, value in sorted(config.items())]
    if texts:
        partitions = topic.partitions if grows else None
        steps.append(Step(sign="~", topic=topic.name, text="; ".join(texts), partitions=partitions, config=config))
    return steps


def _refusals(topic: Topic, existing: Existing, *, allow_repartition: bool) -> list[str]:
    texts = []
    if topic.partitions < existing.partitions:
        texts.append(
            f"it has {existing.partitions} partitions, {topic.partitions} are wanted: Kafka cannot take them away; "
            "set topics.yaml to what it has"
        )
    elif topic.partitions > existing.partitions and not allow_repartition:
        texts.append(
            f"it has {existing.partitions} partitions, {topic.partitions} are wanted: keys would move away from the "
            "state kept for them; stop the workers, let them read all, then --allow-repartition"
        )
    if topic.replication_factor != existing.replication_factor:
        texts.append(
            f"it has replication {existing.replication_factor}, {topic.replication_factor} is wanted: "
            "move it with kafka-reassign-partitions, or give --replication-factor"
        )
    return texts


def _change(name: str, old: str, new: str) -> str:
    if not name.endswith(".ms"):
        return f"{name} {old} -> {new}"
    return f"{name} {old if old == 'unset' else duration(old)} -> {duration(new)}"


def _summary(topic: Topic) -> str:
    kept = topic.settings.get("retention.ms")
    how = f"kept {duration(kept)}" if kept else "compacted"
    return f"{topic.partitions} partitions, replication {topic.replication_factor}, {how}"


def apply(client: Any, plan: Plan, bootstrap: str) -> None:  # noqa: ANN401
    """Create and change what `plan` says, and return once the brokers tell of every new topic and setting.

    Refused and unknown topics are left alone. A topic that appeared meanwhile is not an error.

    Raises:
        ClusterError: names every step that failed; the others are done.

    """
    try:
        uncreated = _create(client, plan.of("+"))
        faults = [*uncreated.values(), *_grow(client, plan.of("~")), *_configure(client, plan.of("~"))]
        faults += _await(client, {step.topic for step in plan.of("+")} - set(uncreated))
    except KafkaException as error:
        raise ClusterError(_away(bootstrap, error)) from error
    if faults:
        message = "\n".join(["stormdrain topics could not do all:", *(f"  {each}" for each in faults)])
        raise ClusterError(message)


def _create(client: Any, steps: Sequence[Step]) -> dict[str, str]:  # noqa: ANN401
    new = [
        NewTopic(topic.name, topic.partitions, topic.replication_factor, config=topic.config(topic.replication_factor))
        for topic in (step.create for step in steps)
        if topic is not None
    ]
    futures = client.create_topics(new, operation_timeout=ASK_S, request_timeout=ASK_S) if new else {}
    return _failures("create", futures, beside=(KafkaError.TOPIC_ALREADY_EXISTS,))


def _grow(client: Any, steps: Sequence[Step]) -> list[str]:  # noqa: ANN401
    more = [NewPartitions(step.topic, step.partitions) for step in steps if step.partitions is not None]
    futures = client.create_partitions(more, operation_timeout=ASK_S, request_timeout=ASK_S) if more else {}
    return list(_failures("add partitions to", futures).values())


def _configure(client: Any, steps: Sequence[Step]) -> list[str]:  # noqa: ANN401
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            step.topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in step.config.items()
            ],
        )
        for step in steps
        if step.config
    ]
    futures = client.incremental_alter_configs(resources, request_timeout=ASK_S) if resources else {}
    faults = _failures("configure", {resource.name: future for resource, future in futures.items()})
    _await_settings(client, {step.topic: step.config for step in steps if step.config and step.topic not in faults})
    return list(faults.values())


def _await_settings(client: Any, wanted: Mapping[str, Mapping[str, str]]) -> None:  # noqa: ANN401
    """Wait until the brokers tell of these settings, for a `check` right after to agree; in vain is no fault."""
    until = time.monotonic() + ASK_S
    while wanted and time.monotonic() < until:
        told = _settings(client, sorted(wanted))
        wanted = {name: config for name, config in wanted.items() if not config.items() <= told[name].items()}
        if wanted:
            time.sleep(0.05)


def _settings(client: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:  # noqa: ANN401
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    futures = client.describe_configs(resources, request_timeout=ASK_S) if resources else {}
    return {
        resource.name: {name: entry.value for name, entry in future.result().items() if entry.value is not None}
        for resource, future in futures.items()
    }


def _failures(verb: str, futures: Mapping[str, Any], beside: Collection[int] = ()) -> dict[str, str]:
    faults = {}
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() not in beside:
                faults[name] = f"{verb} {name}: {error.args[0].str()}"
    return faults


def _await(client: Any, names: Collection[str]) -> list[str]:  # noqa: ANN401
    """Wait until the brokers tell of all `names`: metadata follows the controller after some milliseconds."""
    until = time.monotonic() + ASK_S
    missing = sorted(names)
    while missing:
        known = client.list_topics(timeout=REACH_S).topics
        missing = [
            name for name in missing if name not in known or any(p.leader < 0 for p in known[name].partitions.values())
        ]
        if missing and time.monotonic() > until:
            return [f"create {name}: no broker leads it after {ASK_S:g} s" for name in missing]
        if missing:
            time.sleep(0.05)
    return []


def _away(bootstrap: str, error: KafkaException, who: str = WHO) -> str:
    said = error.args[0].str()
    return (
        f"{who} cannot reach Kafka at {bootstrap}: {said}\n"
        f"  expected an answer within {REACH_S:g} s; is the cluster up, and are KAFKA_BOOTSTRAP and "
        "KAFKA_SECURITY_PROTOCOL right? `stormdrain broker` starts one here"
    )


def apply_all(
    bootstrap: str,
    departments: Iterable[str],
    partitions: int | None = None,
    replication_factor: int | None = None,
    path: Path | None = None,
    *,
    config: Mapping[str, Any] | None = None,
) -> Plan:
    """Plan and apply topics.yaml to a cluster in one go; gives the plan that was applied. `config` adds security.

    Raises:
        ClusterError: the cluster is away, or a step is refused or failed.
        TopicsError: topics.yaml has faults.

    """
    wanted = topics_file.load(path)
    client = admin(bootstrap, config)
    cluster = look(client, wanted.ours, bootstrap)
    topics = wanted.expand(
        departments, brokers=cluster.brokers, partitions=partitions, replication_factor=replication_factor
    )
    plan = compare(cluster, topics, ours=wanted.ours)
    if plan.of("!"):
        lines = [f"  {step.topic}: {step.text}" for step in plan.of("!")]
        message = "\n".join(["stormdrain topics cannot apply topics.yaml:", *lines])
        raise ClusterError(message)
    apply(client, plan, bootstrap)
    return plan
