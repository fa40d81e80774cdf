"""topics.yaml planned and applied to a real cluster; each test has topics of its own there."""

import json
import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic
from typer.testing import CliRunner

from services.cli.topics import app
from services.runtime import cluster
from services.runtime.cluster import ClusterError, apply_all
from services.runtime.topics import load

TEXT = """\
defaults:
  replication_factor: 3
  config:
    compression.type: producer
topics:
  STEM.made.v1:
    what: Things.
    written_by: [receive]
    read_by: [classify]
    key: thing
    partitions: 3
    cleanup: delete
    retention: 14d
  STEM-of.{department}.v1:
    what: Things of a department.
    written_by: [decide]
    read_by: [deliver]
    key: thing
    partitions_as: STEM.made.v1
    cleanup: compact
    retention: forever
    erased_within: 7d
"""
CITY = Path(__file__).parents[2] / "city"


@pytest.fixture
def stem() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def file(stem: str, tmp_path: Path) -> Path:
    path = tmp_path / "topics.yaml"
    path.write_text(TEXT.replace("STEM", stem), "utf-8")
    return path


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def seen(kafka: str, file: Path) -> dict[str, cluster.Existing]:
    wanted = load(file)
    found = cluster.look(cluster.admin(kafka), wanted.ours, kafka)
    return {name: existing for name, existing in found.topics.items() if wanted.ours(name)}


def test_topics_are_created_with_their_settings_and_a_second_time_nothing_is_to_do(
    kafka: str, file: Path, stem: str
) -> None:
    first = apply_all(kafka, ["parks", "water"], path=file)
    names = [f"{stem}.made.v1", f"{stem}-of.parks.v1", f"{stem}-of.water.v1"]
    assert [step.topic for step in first.of("+")] == names
    found = seen(kafka, file)
    assert {name: (each.partitions, each.replication_factor) for name, each in found.items()} == dict.fromkeys(
        names, (3, 1)
    )
    made, of_parks = found[names[0]].config, found[names[1]].config
    assert (made["cleanup.policy"], made["retention.ms"], made["min.insync.replicas"]) == ("delete", "1209600000", "1")
    assert (of_parks["cleanup.policy"], of_parks["max.compaction.lag.ms"]) == ("compact", "604800000")
    assert apply_all(kafka, ["parks", "water"], path=file).agrees


def test_settings_that_drifted_are_set_back_and_settings_of_others_stay(kafka: str, file: Path, stem: str) -> None:
    apply_all(kafka, [], path=file)
    name = f"{stem}.made.v1"
    drifted = cluster.Step(
        sign="~", topic=name, text="", config={"retention.ms": "3600000", "segment.bytes": "1048576"}
    )
    cluster.apply(cluster.admin(kafka), cluster.Plan((drifted,)), kafka)
    (step,) = apply_all(kafka, [], path=file).steps
    assert step.text == "retention.ms 1h -> 14d"
    config = seen(kafka, file)[name].config
    assert (config["retention.ms"], config["segment.bytes"]) == ("1209600000", "1048576")


def test_a_shrinking_is_refused_and_nothing_is_done(kafka: str, file: Path, stem: str) -> None:
    apply_all(kafka, [], path=file)
    rewrite(file, "partitions: 3", "partitions: 2")
    rewrite(file, "retention: 14d", "retention: 7d")
    with pytest.raises(ClusterError) as caught:
        apply_all(kafka, ["parks"], path=file)
    assert str(caught.value) == (
        "stormdrain topics cannot apply topics.yaml:\n"
        f"  {stem}.made.v1: it has 3 partitions, 2 are wanted: "
        "Kafka cannot take them away; set topics.yaml to what it has"
    )
    assert list(seen(kafka, file)) == [f"{stem}.made.v1"]


def test_a_topic_that_another_operator_creates_meanwhile_is_no_error(kafka: str, file: Path) -> None:
    client = cluster.admin(kafka)
    wanted = load(file)
    plan = cluster.compare(
        cluster.look(client, wanted.ours, kafka), wanted.expand(["parks"], brokers=1), ours=wanted.ours
    )
    cluster.apply(client, plan, kafka)
    cluster.apply(client, plan, kafka)
    assert len(seen(kafka, file)) == 2


def test_what_the_cluster_refuses_is_named_and_the_rest_is_done(kafka: str, file: Path, stem: str) -> None:
    rewrite(file, "compression.type: producer", "compression.type: steam")
    with pytest.raises(ClusterError) as caught:
        apply_all(kafka, [], path=file)
    first, second = str(caught.value).splitlines()
    assert first == "stormdrain topics could not do all:"
    assert second.startswith(f"  create {stem}.made.v1: Invalid value steam for configuration compression.type")


def test_partitions_grow_only_when_allowed(kafka: str, file: Path, stem: str) -> None:
    apply_all(kafka, [], path=file)
    rewrite(file, "partitions: 3", "partitions: 5")
    with pytest.raises(ClusterError, match="keys would move away"):
        apply_all(kafka, [], path=file)
    client, wanted = cluster.admin(kafka), load(file)
    plan = cluster.compare(
        cluster.look(client, wanted.ours, kafka),
        wanted.expand([], brokers=1),
        ours=wanted.ours,
        allow_repartition=True,
    )
    cluster.apply(client, plan, kafka)
    assert seen(kafka, file)[f"{stem}.made.v1"].partitions == 5


def run(kafka: str, file: Path, *arguments: str) -> tuple[int, str]:
    options = ["--bootstrap", kafka, "--file", str(file), "--city", str(CITY)]
    done = CliRunner().invoke(app, [*arguments, *options], env={"COLUMNS": "200"})
    return done.exit_code, done.output


def test_an_operator_plans_applies_and_checks(kafka: str, file: Path, stem: str) -> None:
    code, text = run(kafka, file, "plan")
    assert code == 2
    assert f"+  {stem}.made.v1" in text
    assert run(kafka, file, "check")[0] == 1
    code, text = run(kafka, file, "apply")
    assert (code, text.splitlines()[-1]) == (
        1,
        "stormdrain topics apply cannot ask here: give --yes to apply without a question",
    )
    code, text = run(kafka, file, "apply", "--yes")
    assert code == 0
    assert text.splitlines()[-1].startswith("Applied: ")
    assert run(kafka, file, "plan") == (0, "The cluster is as topics.yaml wants it.\n")
    assert run(kafka, file, "check") == (0, "The cluster is as topics.yaml wants it.\n")
    code, text = run(kafka, file, "check", "--json")
    assert (code, json.loads(text)) == (0, {"agrees": True, "steps": []})


def test_a_refused_step_leaves_the_others_done_and_exits_1(kafka: str, file: Path, stem: str) -> None:
    run(kafka, file, "apply", "--yes")
    rewrite(file, "partitions: 3", "partitions: 2")
    rewrite(file, "retention: 14d", "retention: 7d")
    code, text = run(kafka, file, "plan")
    assert code == 1
    assert f"~  {stem}.made.v1" in text
    code, text = run(kafka, file, "apply", "--yes")
    assert code == 1
    assert text.splitlines()[-1] == "Applied: 1 changed."
    assert seen(kafka, file)[f"{stem}.made.v1"].config["retention.ms"] == "604800000"


def test_all_that_we_ship_fits_a_cluster(kafka: str) -> None:
    shipped = load()
    client = cluster.admin(kafka)
    new = shipped.expand(["parks"], brokers=1, partitions=1)
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    topics = [NewTopic(prefix + each.name, 1, 1, config=each.config(1)) for each in new]
    for future in client.create_topics(topics, validate_only=True).values():
        future.result(30)
