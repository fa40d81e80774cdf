"""What `stormdrain dead` says where it cannot do what it was asked for, word for word."""

import json
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from dead_cli import letter, run, write
from dead_letters import Place, Sent, cluster_of
from typer.testing import CliRunner

from services.cli.main import app
from services.runtime import cluster, dead
from services.runtime.dead import REPLAYED


def test_all_that_is_wrong_with_a_selection_is_said_at_once(place: Place) -> None:
    known = [name.removesuffix(".dead.v1") for name in dead.dead_topics(cluster_of(place.bootstrap))]
    wrong = place.name[:-1]
    found = run(place, "replay", wrong, "requests.routed.v1/3", f"{place.name}/x", "--worker", "zzz", "--yes")
    assert found.exit_code == 1
    assert found.stderr == (
        "stormdrain dead cannot tell which letters are meant:\n"
        f"  'zzz': the cluster has no topic zzz.dead.v1; expected one of {', '.join(known)}\n"
        f"  '{wrong}': the cluster has no topic {wrong}.dead.v1; did you mean {place.name}?\n"
        "  'requests.routed.v1/3': expected a worker or a position, such as classify or classify.dead.v1/3/17\n"
        f"  '{place.name}/x': expected a worker or a position, such as classify or classify.dead.v1/3/17\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["replay", "--yes"],
            (
                "stormdrain dead replay cannot tell which letters are meant\n"
                "  expected a worker, positions, --reason, --worker, --since, or --all for all there are\n"
            ),
        ),
        (
            ["list", "--since", "yesterday"],
            "stormdrain dead cannot read --since 'yesterday': expected a duration such as 30m, 2h or 7d\n",
        ),
        (
            ["show", "NAME"],
            "stormdrain dead show cannot show NAME: expected one letter, such as classify.dead.v1/3/17\n",
        ),
        (
            ["show", "NAME.dead.v1/1/5"],
            (
                "stormdrain dead show finds no letter NAME.dead.v1/1/5: "
                "there never was one, or it is older than is kept\n"
                "  to see what is there: stormdrain dead list NAME --each\n"
            ),
        ),
        (
            ["show", "NAME/7/0"],
            (
                "stormdrain dead show finds no letter NAME/7/0: there never was one, or it is older than is kept\n"
                "  to see what is there: stormdrain dead list NAME --each\n"
            ),
        ),
    ],
    ids=["nothing", "since", "no position", "no letter", "no partition"],
)
def test_what_is_not_understood_is_said(place: Place, arguments: list[str], said: str) -> None:
    found = run(place, *(each.replace("NAME", place.name) for each in arguments))
    assert (found.exit_code, found.stdout, found.stderr) == (1, "", said.replace("NAME", place.name))


def test_a_cluster_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACH_S", 0.2)
    found = CliRunner().invoke(app, ["dead", "list", "--bootstrap", "127.0.0.1:1"])
    assert found.exit_code == 1
    assert found.stderr.startswith("stormdrain dead cannot reach Kafka at 127.0.0.1:1: ")
    assert found.stderr.endswith(
        "\n  expected an answer within 0.2 s; is the cluster up, and are KAFKA_BOOTSTRAP and "
        "KAFKA_SECURITY_PROTOCOL right? `stormdrain broker` starts one here\n"
    )


def test_a_cluster_that_goes_away_meanwhile_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise KafkaException(KafkaError(KafkaError.BROKER_NOT_AVAILABLE))

    monkeypatch.setattr(dead, "replays", fail)
    found = run(place, "list")
    assert (found.exit_code, found.stderr) == (
        1,
        "stormdrain dead stopped: Kafka says 'Broker: Broker not available'; nothing is left half done\n",
    )


def test_letters_that_retention_took_away_are_passed_over(place: Place) -> None:
    write(place, letter(place), letter(place), letter(place, "no_rule"))
    client = place.clients.admin()

    def delete(before: int) -> None:
        for future in client.delete_records([TopicPartition(place.dead, 0, before)]).values():
            future.result()

    delete(2)
    assert json.loads(run(place, "list", place.name, "--json").stdout)["groups"][0]["newest"] == f"{place.dead}/0/2"
    assert run(place, "show", f"{place.name}/0/0").exit_code == 1
    delete(3)
    assert run(place, "list", place.name).stdout == "No dead letters.\n"
    assert run(place, "show", f"{place.name}/0/2").exit_code == 1


def test_a_mark_that_is_not_ours_stops_before_anything_is_brought_back_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = f"{place.name}.marks.v1"
    place.create(marks, 1)
    monkeypatch.setattr(dead, "REPLAYED", marks)
    write(place, letter(place))
    place.send([Sent(value=b"{}")], marks)
    found = run(place, "replay", place.name, "--yes")
    assert (found.exit_code, found.stderr) == (
        1,
        (
            f"stormdrain dead cannot tell which letters were brought back: {marks}/0/0 cannot be read "
            "(Object missing required field `letter`)\n"
            f"  expected only what `stormdrain dead replay` writes there; see who else may write {marks}\n"
        ),
    )
    assert place.all_of(place.read.topic) == []
    assert REPLAYED == "dead.replayed.v1"


def test_help_teaches() -> None:
    found = CliRunner().invoke(app, ["dead", "--help"], env={"COLUMNS": "200"})
    for word in ("list", "show", "replay", "classify.dead.v1/3/17", "once at most"):
        assert word in found.stdout
