from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import cluster
from services.runtime.cluster import Cluster, ClusterError, Existing, Plan, compare
from services.runtime.topics import Topic, load

SHIPPED = load()


def wanted(**overrides: Any) -> tuple[Topic, ...]:
    return SHIPPED.expand(["parks", "water"], **{"brokers": 3, **overrides})


def built(topics: Iterable[Topic], **others: Existing) -> dict[str, Existing]:
    """What a cluster has after `topics` were created, with Kafka's own settings beside ours."""
    return {
        topic.name: Existing(
            topic.partitions,
            topic.replication_factor,
            {**topic.config(topic.replication_factor), "segment.bytes": "1073741824"},
        )
        for topic in topics
    } | others


def plan(topics: dict[str, Existing], brokers: int = 3, *, allow_repartition: bool = False, **overrides: Any) -> Plan:
    return compare(
        Cluster(brokers, topics),
        wanted(brokers=brokers, **overrides),
        ours=SHIPPED.ours,
        allow_repartition=allow_repartition,
    )


def lines(found: Plan) -> list[str]:
    return [f"{step.sign} {step.topic}: {step.text}" for step in found.steps]


def test_an_empty_cluster_gets_every_topic() -> None:
    found = plan({})
    assert [step.topic for step in found.of("+")] == [topic.name for topic in wanted()]
    assert len(found.steps) == len(found.of("+"))
    assert "+ requests.received.v1: 12 partitions, replication 3, kept 14d" in lines(found)
    assert "+ context.updated.v1: 4 partitions, replication 3, compacted" in lines(found)


def test_a_cluster_as_it_should_be_needs_nothing() -> None:
    found = plan(built(wanted()))
    assert found.steps == ()
    assert found.agrees


def test_a_new_department_is_one_topic_more() -> None:
    topics = built(wanted())
    del topics["cases.water.v1"]
    found = plan(topics)
    assert lines(found) == ["+ cases.water.v1: 6 partitions, replication 3, kept 30d"]
    assert not found.agrees


def test_settings_that_drifted_are_shown_old_and_new() -> None:
    topics = built(wanted())
    old = topics["requests.received.v1"]
    drifted = {**old.config, "retention.ms": "3600000", "cleanup.policy": "compact"}
    topics["requests.received.v1"] = old._replace(config=drifted)
    (step,) = plan(topics).steps
    assert (step.sign, step.text) == ("~", "cleanup.policy compact -> delete; retention.ms 1h -> 14d")
    assert step.config == {"cleanup.policy": "delete", "retention.ms": "1209600000"}


def test_settings_of_others_are_left_alone() -> None:
    topics = built(wanted())
    old = topics["requests.received.v1"]
    topics["requests.received.v1"] = old._replace(config={**old.config, "segment.bytes": "1"})
    assert plan(topics).agrees


def test_partitions_are_never_taken_away() -> None:
    topics = built(wanted())
    topics["requests.routed.v1"] = topics["requests.routed.v1"]._replace(partitions=24)
    assert lines(plan(topics, allow_repartition=True)) == [
        (
            "! requests.routed.v1: it has 24 partitions, 12 are wanted: Kafka cannot take them away; "
            "set topics.yaml to what it has"
        )
    ]


def test_partitions_are_added_only_when_the_operator_allows_it() -> None:
    topics = built(wanted())
    topics["requests.routed.v1"] = topics["requests.routed.v1"]._replace(partitions=6)
    refused = plan(topics)
    assert lines(refused) == [
        (
            "! requests.routed.v1: it has 6 partitions, 12 are wanted: keys would move away from the "
            "state kept for them; stop the workers, let them read all, then --allow-repartition"
        )
    ]
    assert not refused.agrees
    (step,) = plan(topics, allow_repartition=True).steps
    assert (step.sign, step.text, step.partitions) == ("~", "partitions 6 -> 12", 12)


def test_another_replication_is_refused_with_the_tool_that_changes_it() -> None:
    topics = built(wanted(brokers=1))
    found = plan(topics)
    assert lines(found)[0] == (
        "! requests.received.v1: it has replication 1, 3 is wanted: "
        "move it with kafka-reassign-partitions, or give --replication-factor"
    )


def test_a_topic_with_one_replica_is_never_told_to_wait_for_two() -> None:
    topics = built(wanted(brokers=1))
    assert all("min.insync.replicas" not in step.config for step in plan(topics).steps)


def test_more_replicas_than_brokers_are_refused_before_anything_is_tried() -> None:
    found = plan({}, brokers=1, replication_factor=3)
    assert {step.sign for step in found.steps} == {"!"}
    assert found.steps[0].text == (
        "replication 3 needs as many brokers, the cluster has 1: add brokers or give a smaller --replication-factor"
    )


def test_topics_that_look_like_ours_are_only_mentioned() -> None:
    others = {name: Existing(1, 1, {}) for name in ("cases.gone.v1", "billing", "__consumer_offsets")}
    found = plan(built(wanted()) | others)
    assert lines(found) == ["? cases.gone.v1: not in topics.yaml, or of a department that is no longer: left alone"]
    assert found.agrees


@given(st.dictionaries(st.sampled_from([t.name for t in wanted()]), st.tuples(st.integers(1, 30), st.integers(1, 3))))
def test_no_plan_shrinks_deletes_or_moves_replicas(seen: dict[str, tuple[int, int]]) -> None:
    topics = {name: Existing(partitions, replicas, {}) for name, (partitions, replicas) in seen.items()}
    for step in plan(topics, allow_repartition=True).steps:
        if step.sign == "~" and step.partitions is not None:
            assert step.partitions > seen[step.topic][0]
        assert (step.create is not None) == (step.sign == "+")
        if step.sign == "+":
            assert step.topic not in topics


@given(st.dictionaries(st.sampled_from([t.name for t in wanted()]), st.integers(1, 12)))
def test_what_a_plan_does_leaves_nothing_more_to_do(seen: dict[str, int]) -> None:
    after = {name: Existing(partitions, 3, {}) for name, partitions in seen.items()}
    for step in plan(dict(after), allow_repartition=True).steps:
        if step.create is not None:
            after |= built([step.create])
        elif step.sign == "~":
            old = after[step.topic]
            after[step.topic] = Existing(step.partitions or old.partitions, 3, {**old.config, **step.config})
    assert not plan(after, allow_repartition=True).of("+", "~")


def test_a_cluster_that_is_away_is_told_so_in_seconds_and_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACH_S", 0.3)
    with pytest.raises(ClusterError) as caught:
        cluster.look(cluster.admin("127.0.0.1:1"), SHIPPED.ours, "127.0.0.1:1")
    assert str(caught.value) == (
        "stormdrain topics cannot reach Kafka at 127.0.0.1:1: Failed to get metadata: Local: Broker transport failure\n"
        "  expected an answer within 0.3 s; is the cluster up, and are KAFKA_BOOTSTRAP and "
        "KAFKA_SECURITY_PROTOCOL right? `stormdrain broker` starts one here"
    )
