"""`stormdrain dead` as an operator meets it, word for word."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from dead_cli import AT, letter, run, words, write
from dead_letters import Place, Sent


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
