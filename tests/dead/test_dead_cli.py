"""`stormdrain dead` as an operator meets it, word for word."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from dead_letters import Headers, Place, Sent, cluster_of
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.runtime import cluster, dead
from services.runtime.dead import REPLAYED

AT = datetime(2026, 11, 21, 7, 15, tzinfo=UTC)


def run(place: Place, *arguments: str, answer: str | None = None) -> Result:
    environment = {"KAFKA_BOOTSTRAP": place.bootstrap}
    return CliRunner().invoke(app, ["dead", *arguments], env=environment, input=answer)


def letter(
    place: Place,
    reason: str = "bad_field",
    *,
    value: bytes | None = b'{"text":"a lamp is out"}',
    at: datetime = AT,
    headers: Sequence[tuple[str, bytes]] = (("ce_id", b"r1.classified"),),
    **said: str,
) -> Sent:
    """Make a letter as a worker writes it, of record 7 of partition 1; `said` replaces what its headers say."""
    what = {
        "reason": reason,
        "detail": "Expected `str`, got `int` - at `$.report.text`",
        "worker": place.name,
        "topic": place.read.topic,
        "partition": "1",
        "offset": "7",
        "at": at.isoformat(),
    } | said
    marks: Headers = [(f"dead_{name}", text.encode()) for name, text in what.items() if text]
    return Sent(value=value, key=b"r1", headers=[*headers, *marks])


def write(place: Place, *letters: Sent) -> None:
    place.send(letters, place.dead)


def words(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


def test_letters_are_counted_by_worker_and_reason(place: Place) -> None:
    write(place, letter(place), letter(place, at=AT + timedelta(hours=1)), letter(place, "no_rule"))
    found = run(place, "list", place.name)
    assert (found.exit_code, found.stderr) == (0, "")
    head, first, second, last = found.stdout.splitlines()
    assert words(head) == ["worker", "reason", "letters", "replayed", "first", "last", "newest"]
    times = ["2026-11-21 07:15:00Z", "2026-11-21 08:15:00Z"]
    assert words(first) == [place.name, "bad_field", "2", "0", *times, f"{place.dead}/0/1"]
    assert words(second) == [place.name, "no_rule", "1", "0", times[0], times[0], f"{place.dead}/0/2"]
    assert last == f"3 dead letters, 0 replayed. To look at one: stormdrain dead show {place.dead}/0/1"
    assert json.loads(run(place, "list", place.name, "--reason", "no_rule", "--json").stdout) == {
        "groups": [
            {
                "worker": place.name,
                "reason": "no_rule",
                "count": 1,
                "replayed": 0,
                "first": AT.isoformat(),
                "last": AT.isoformat(),
                "newest": f"{place.dead}/0/2",
            }
        ]
    }


def test_each_letter_has_a_line_and_nothing_of_its_value(place: Place) -> None:
    write(place, letter(place), letter(place, "no_rule", at=AT - timedelta(days=1), detail="mend [b]rules[/b]\x1b[31m"))
    found = run(place, "list", place.name, "--each")
    assert found.exit_code == 0
    head, first, second = found.stdout.splitlines()
    assert words(head) == ["letter", "reason", "at", "replayed", "origin", "detail"]
    origin = f"{place.read.topic}/1/7"
    escaped = r"mend [b]rules[/b]\x1b[31m"
    assert words(first) == [f"{place.dead}/0/1", "no_rule", "2026-11-20 07:15:00Z", "no", origin, escaped]
    detail = "Expected `str`, got `int` - at `$.report.text`"
    assert words(second) == [f"{place.dead}/0/0", "bad_field", "2026-11-21 07:15:00Z", "no", origin, detail]
    told = json.loads(run(place, "list", place.name, "--each", "--reason", "bad_field", "--json").stdout)
    assert told == {
        "letters": [
            {
                "letter": f"{place.dead}/0/0",
                "worker": place.name,
                "reason": "bad_field",
                "detail": detail,
                "origin": origin,
                "at": AT.isoformat(),
                "bytes": 24,
                "replayed_at": None,
            }
        ]
    }
    assert "lamp" not in found.stdout


def test_a_list_can_be_of_the_newest_alone(place: Place) -> None:
    now = datetime.now(UTC)
    write(place, letter(place, at=now - timedelta(hours=3)), letter(place, "no_rule", at=now))
    found = json.loads(run(place, "list", place.name, "--since", "2h", "--json").stdout)
    assert [each["reason"] for each in found["groups"]] == ["no_rule"]


def test_no_letters_are_no_fault(place: Place) -> None:
    for arguments in (["list", place.name], ["list", place.name, "--each"], ["list", place.name, "--since", "1s"]):
        found = run(place, *arguments)
        assert (found.exit_code, found.stdout) == (0, "No dead letters.\n")
    found = run(place, "replay", place.name)
    assert (found.exit_code, found.stdout) == (0, "Nothing to replay.\n")


def test_a_letter_is_shown_with_all_that_is_in_it(place: Place) -> None:
    value = '{"text":"Straße \\u001b[31m","n":1.50}'.encode()
    write(place, letter(place, value=value, headers=[("ce_id", b"r1.classified"), ("x", b"\xff\n")]))
    found = run(place, "show", f"{place.dead}/0/0")
    assert found.exit_code == 0
    assert found.stdout == (
        f"{place.dead}/0/0\n"
        f"  worker       {place.name}\n"
        "  reason       bad_field\n"
        "  detail       Expected `str`, got `int` - at `$.report.text`\n"
        f"  came from    {place.read.topic}/1/7\n"
        "  refused at   2026-11-21T07:15:00+00:00\n"
        "  replayed at  not replayed\n"
        "  key          r1\n"
        "headers\n"
        "  ce_id: r1.classified\n"
        "  x: \\xff\\n\n"
        f"value, {len(value)} bytes; it may hold what a citizen wrote\n"
        "{\n"
        '  "text": "Straße \\u001b[31m",\n'
        '  "n": 1.50\n'
        "}\n"
    )
    told = json.loads(run(place, "show", f"{place.name}/0/0", "--json").stdout)
    assert told["value"] == value.decode()
    assert told["headers"] == [["ce_id", "r1.classified"], ["x", {"base64": "/wo="}]]
    assert (told["key"], told["origin"]) == ("r1", f"{place.read.topic}/1/7")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "value, 0 bytes; it may hold what a citizen wrote\n(none: the record has no value)\n"),
        (b"", "value, 0 bytes; it may hold what a citizen wrote\n(empty)\n"),
        (b"\x1b]0;x\x07 \xff\x9b\n2", "\n\\x1b]0;x\\x07 \\xff\\x9b\n2\n"),
        (b'{"a":"\xff"}', '\n{\n  "a": "\\xff"\n}\n'),
        (b"x" * 30_000, "x\n(10,000 more characters: --raw writes all)\n"),
        (b'{"a":' * 100_000, "\n"),
    ],
    ids=["none", "empty", "bytes", "JSON that is not UTF-8", "long", "deep"],
)
def test_whatever_lies_in_a_letter_can_be_shown_and_does_nothing_to_the_terminal(
    place: Place, value: bytes | None, shown: str
) -> None:
    write(place, letter(place, value=value))
    found = run(place, "show", f"{place.dead}/0/0")
    assert found.exit_code == 0
    assert found.stdout.endswith(shown)
    assert run(place, "show", f"{place.dead}/0/0", "--raw").stdout_bytes == (value or b"")


def test_a_letter_whose_original_was_too_large_shows_it_from_where_it_lies(place: Place) -> None:
    place.send([Sent(value=b'"whole"', key=b"r1", partition=1)])
    write(place, letter(place, "too_large", value=None, offset="0", left_out="990000"))
    assert run(place, "show", f"{place.dead}/0/0", "--raw").stdout == '"whole"'
    found = run(place, "replay", place.name, "--dry-run")
    assert (found.exit_code, found.stdout) == (
        1,
        (
            f"1 dead letter cannot be replayed, such as {place.dead}/0/0: "
            f"it is too large for a dead letter, and for our producers; it lies at {place.read.topic}/1/0\n"
            "Nothing to replay.\n"
        ),
    )


def test_a_replay_shows_its_plan_and_asks_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, letter(place), letter(place, offset="8"), letter(place, "no_rule"))
    refused = run(place, "replay", place.name)
    assert (refused.exit_code, refused.stderr) == (
        1,
        "stormdrain dead replay cannot ask here: give --yes to replay without a question\n",
    )
    monkeypatch.setattr("services.cli.dead.asks_here", lambda: True)
    declined = run(place, "replay", place.name, answer="n\n")
    assert declined.exit_code == 1
    head, first, second, question = declined.stdout.splitlines()
    assert words(head) == ["worker", "reason", "letters", "back to"]
    assert words(first) == [place.name, "bad_field", "2", place.read.topic]
    assert words(second) == [place.name, "no_rule", "1", place.read.topic]
    assert question == "Replay 3 dead letters? [y/N]: n"
    assert place.all_of(place.read.topic) == []
    agreed = run(place, "replay", place.name, "--reason", "bad_field", answer="y\n")
    assert (agreed.exit_code, agreed.stdout.splitlines()[-1]) == (0, "Replayed 2 dead letters.")
    assert len(place.all_of(place.read.topic)) == 2


def test_what_was_replayed_is_marked_and_left_alone(place: Place) -> None:
    write(place, letter(place), letter(place, "no_rule"))
    done = run(place, "replay", f"{place.name}/0/1", "--yes")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "Replayed 1 dead letter.")
    table = run(place, "list", place.name).stdout.splitlines()
    assert [words(line)[1:4] for line in table[1:3]] == [["bad_field", "1", "0"], ["no_rule", "1", "1"]]
    assert table[3].startswith("2 dead letters, 1 replayed. ")
    (line,) = run(place, "list", place.name, "--each", "--reason", "no_rule").stdout.splitlines()[1:]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ", words(line)[3])
    shown = run(place, "show", f"{place.name}/0/1").stdout
    assert re.search(r"^  replayed at  20\d\d-\d\d-\d\dT", shown, re.MULTILINE)
    again = run(place, "replay", f"{place.name}/0/1", "--yes")
    assert (again.exit_code, again.stdout) == (0, "1 dead letter left alone: replayed before.\nNothing to replay.\n")
    assert len(place.all_of(place.read.topic)) == 1


def test_a_dry_run_changes_nothing(place: Place) -> None:
    write(place, letter(place))
    found = run(place, "replay", "--worker", place.name, "--dry-run")
    assert (found.exit_code, found.stdout.splitlines()[-1]) == (0, "1 dead letter would be replayed.")
    assert place.all_of(place.read.topic) == []


def test_a_machine_is_told_what_was_done(place: Place) -> None:
    write(place, letter(place), letter(place, topic="", partition="", offset=""))
    dry = json.loads(run(place, "replay", place.name, "--dry-run", "--json").stdout)
    assert (dry["ready"], dry["replayed"]) == ([f"{place.dead}/0/0"], 0)
    done = run(place, "replay", place.name, f"{place.name}/0/9", "--yes", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "ready": [f"{place.dead}/0/0"],
        "replayed": 1,
        "already": 0,
        "refused": [
            {
                "letter": f"{place.dead}/0/1",
                "why": "it does not say where it came from: no worker of ours wrote it",
            }
        ],
        "absent": [f"{place.dead}/0/9"],
        "gone": [],
    }


def test_what_cannot_go_back_is_said_with_the_reason_and_the_rest_goes(place: Place) -> None:
    compacted = f"{place.name}.surges.v1"
    place.create(compacted, 2, cleanup_policy="compact")
    write(
        place,
        letter(place),
        letter(place, topic=compacted),
        letter(place, topic=f"{place.name}.gone.v1"),
        letter(place, partition="5"),
        letter(place, offset="a"),
    )
    found = run(place, "replay", place.name, f"{place.name}/1/0", "--yes")
    assert found.exit_code == 1
    assert found.stdout.splitlines()[2:] == [
        (
            f"1 dead letter cannot be replayed, such as {place.dead}/0/1: "
            f"{compacted} is compacted: it would take the place of a newer record of its key"
        ),
        f"1 dead letter cannot be replayed, such as {place.dead}/0/2: the cluster has no topic {place.name}.gone.v1",
        (
            f"1 dead letter cannot be replayed, such as {place.dead}/0/3: "
            f"{place.read.topic} has 2 partitions, it came from number 5"
        ),
        (
            f"1 dead letter cannot be replayed, such as {place.dead}/0/4: "
            "it does not say where it came from: no worker of ours wrote it"
        ),
        f"{place.dead}/1/0: there is no such letter, or it does not fit the other options.",
        "Replayed 1 dead letter.",
    ]
    assert place.all_of(compacted) == []


def test_a_record_that_no_worker_wrote_is_listed_too(place: Place) -> None:
    write(place, Sent(value=b"x", headers=[("dead_at", b"noon"), ("dead_reason", b"\xff")]), Sent(value=None))
    found = json.loads(run(place, "list", place.name, "--each", "--json").stdout)["letters"]
    assert [(each["reason"], each["origin"]) for each in found] == [("\ufffd", None), ("unsaid", None)]


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
