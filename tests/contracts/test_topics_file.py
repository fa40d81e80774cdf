import re
from pathlib import Path

import msgspec
import pytest

from services.city.load import load as load_city
from services.cli.topics import forgetful
from services.runtime.topics import TopicsError, duration, load, milliseconds, parse

GOOD = """\
defaults:
  replication_factor: 3
  config:
    compression.type: producer
topics:
  reports.made.v1:
    what: Reports.
    written_by: [receive]
    read_by: [classify]
    key: request id
    partitions: 12
    cleanup: delete
    retention: 14d
  cases.{department}.v1:
    what: Cases.
    written_by: [decide]
    read_by: [deliver]
    key: request id
    partitions_as: reports.made.v1
    cleanup: compact
    retention: forever
    erased_within: 7d
  "{worker}.dead.v1":
    what: Dead letters.
    written_by: [classify, decide]
    read_by: [operator]
    key: that of the record
    partitions: 4
    cleanup: delete
    retention: forever
"""


def faults(old: str, new: str, text: str = GOOD) -> list[str]:
    assert old in text
    with pytest.raises(TopicsError) as caught:
        parse(text.replace(old, new, 1))
    return caught.value.faults


def test_families_become_a_topic_for_each_department_and_each_writer() -> None:
    found = parse(GOOD).expand(["parks", "water"], brokers=3)
    assert [(topic.name, topic.stem, topic.partitions) for topic in found] == [
        ("reports.made.v1", "reports.made.v1", 12),
        ("cases.parks.v1", "cases.{department}.v1", 12),
        ("cases.water.v1", "cases.{department}.v1", 12),
        ("classify.dead.v1", "{worker}.dead.v1", 4),
        ("decide.dead.v1", "{worker}.dead.v1", 4),
    ]


def test_the_configuration_is_the_defaults_and_what_the_entry_says() -> None:
    reports, cases, *_, dead = parse(GOOD).expand(["parks"], brokers=3)
    assert reports.config(3) == {
        "compression.type": "producer",
        "cleanup.policy": "delete",
        "retention.ms": "1209600000",
        "min.insync.replicas": "2",
    }
    assert cases.config(3) == {
        "compression.type": "producer",
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": "604800000",
        "min.insync.replicas": "2",
    }
    assert dead.config(3)["retention.ms"] == "-1"


@pytest.mark.parametrize(("replicas", "enough"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_two_replicas_must_have_a_write_only_where_a_third_may_fail(replicas: int, enough: str) -> None:
    assert parse(GOOD).expand([], brokers=9)[0].config(replicas)["min.insync.replicas"] == enough


@pytest.mark.parametrize(
    ("brokers", "override", "expected"), [(1, None, 1), (2, None, 2), (7, None, 3), (7, 5, 5), (1, 3, 3)]
)
def test_replication_is_what_the_cluster_can_bear_unless_the_operator_says(
    brokers: int, override: int | None, expected: int
) -> None:
    assert parse(GOOD).expand([], brokers=brokers, replication_factor=override)[0].replication_factor == expected


def test_partitions_can_be_overridden_for_a_small_machine() -> None:
    assert {topic.partitions for topic in parse(GOOD).expand(["parks"], brokers=1, partitions=2)} == {2}


def test_a_department_that_cannot_name_a_topic_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^departments Public Works, a\.b: expected lower case letters, digits and hyphens$"
    ):
        parse(GOOD).expand(["Public Works", "parks", "a.b"], brokers=1)


def test_a_topic_is_ours_by_name_or_family() -> None:
    found = parse(GOOD)
    assert found.ours("cases.parks-and-trees.v1")
    assert found.ours("reports.made.v1")
    assert found.ours("classify.dead.v1")
    assert not found.ours("cases.parks.v2")
    assert not found.ours("cases.a.b.v1")
    assert not found.ours("reportsXmade.v1")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "partitions: 12",
            "partitions: twelve",
            "topics.yaml:11: reports.made.v1.partitions is 'twelve': expected a whole number from 1 to 10000",
        ),
        (
            "retention: 14d",
            "retention: 2w",
            "topics.yaml:13: reports.made.v1.retention is '2w': expected a duration such as 14d, 12h or forever",
        ),
        (
            "cleanup: delete",
            "cleanup: shred",
            "topics.yaml:12: reports.made.v1.cleanup is 'shred': expected one of compact, delete",
        ),
        (
            "partitions_as: reports.made.v1",
            "partitions_as: reports.lost.v1",
            "topics.yaml:19: cases.{department}.v1.partitions_as is reports.lost.v1, no topic here",
        ),
        (
            "partitions_as: reports.made.v1",
            "partitions_as: cases.{department}.v1",
            (
                "topics.yaml:19: cases.{department}.v1.partitions_as is cases.{department}.v1, "
                "which has no number of its own"
            ),
        ),
        (
            "    partitions: 4\n",
            "",
            "topics.yaml:23: {worker}.dead.v1: expected either partitions or partitions_as",
        ),
        (
            "retention: forever\n    erased",
            "retention: 7d\n    erased",
            "topics.yaml:21: cases.{department}.v1.retention is 7d: expected forever, as compaction drops by key",
        ),
        (
            "    retention: 14d",
            "    retention: 14d\n    erased_within: 1d",
            "topics.yaml:14: reports.made.v1.erased_within: only a compacted topic erases by key",
        ),
        (
            "{department}",
            "{town}",
            "topics.yaml:14: cases.{town}.v1: expected the placeholder {department} or {worker}",
        ),
        (
            "reports.made.v1:",
            "Reports_made.v1:",
            (
                "topics.yaml:6: Reports_made.v1: "
                "expected lower case words with dots and a version, such as requests.routed.v1"
            ),
        ),
        (
            "replication_factor: 3",
            "replication_factor: 0",
            "topics.yaml:2: defaults.replication_factor is 0: expected a whole number from 1 to 32",
        ),
    ],
)  # fmt: skip
def test_a_fault_names_line_field_what_was_seen_and_what_was_expected(old: str, new: str, expected: str) -> None:
    assert expected in faults(old, new)


def test_a_misspelt_field_is_guessed_and_the_missing_one_named() -> None:
    assert faults("    key: request id", "    kee: request id") == [
        "topics.yaml:6: reports.made.v1 has no key: expected text",
        "topics.yaml:10: reports.made.v1.kee is not known here: did you mean key?",
    ]


def test_a_topic_that_stands_twice_is_a_fault() -> None:
    twice = GOOD + GOOD[GOOD.index('  "{worker}') :]
    with pytest.raises(TopicsError) as caught:
        parse(twice)
    assert caught.value.faults == ["topics.yaml:31: {worker}.dead.v1 stands here twice, first on line 23"]


def test_all_faults_are_told_at_once() -> None:
    text = (
        GOOD.replace("14d", "14")
        .replace("partitions: 12", "partitions: 0")
        .replace("replication_factor", "replication")
    )
    with pytest.raises(TopicsError) as caught:
        parse(text)
    assert str(caught.value) == (
        "stormdrain topics cannot use topics.yaml: 4 faults\n"
        "  topics.yaml:1: defaults.replication_factor is None: expected a whole number from 1 to 32\n"
        "  topics.yaml:2: defaults.replication is not known here: did you mean replication_factor?\n"
        "  topics.yaml:11: reports.made.v1.partitions is 0: expected a whole number from 1 to 10000\n"
        "  topics.yaml:13: reports.made.v1.retention is 14: expected a duration such as 14d, 12h or forever"
    )


def test_a_file_that_is_not_yaml_says_where() -> None:
    assert faults("partitions: 12", "partitions: [12") == [
        "topics.yaml:12: this is not YAML: expected ',' or ']', but got ':'"
    ]


@pytest.mark.parametrize("text", ["", "[]", "topics: []\ndefaults: {}"])
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(TopicsError, match="expected a mapping"):
        parse(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "topics.yaml"
    with pytest.raises(TopicsError) as caught:
        load(missing)
    assert str(caught.value) == (
        f"stormdrain topics cannot use {missing}: 1 fault\n  it cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("words", "number"), [("14d", 1_209_600_000), ("36h", 129_600_000), ("12h", 43_200_000), ("forever", -1)]
)
def test_durations_go_to_milliseconds_and_back(words: str, number: int) -> None:
    assert milliseconds(words) == number
    assert duration(str(number)) == words


def test_milliseconds_that_are_no_whole_hours_stay_milliseconds() -> None:
    assert duration("1234") == "1234 ms"
    assert duration("0") == "0 ms"


def test_a_topic_that_forgets_before_its_worker_may_is_named() -> None:
    town = load_city(Path(__file__).parents[2] / "city")
    roads = msgspec.structs.replace(town.families["roads"], match_window_hours=1000.0)
    patient = msgspec.structs.replace(town, families={**town.families, "roads": roads})
    (step,) = forgetful(load(), patient)
    assert (step.sign, step.topic, step.text) == (
        "!",
        "requests.matched.v1",
        (
            "kept 60d, but reports of family roads match over 1000 h: after a restart some would be forgotten; "
            "keep it twice that long"
        ),
    )


def test_the_topics_that_we_ship_remember_as_long_as_the_city_that_we_ship_needs() -> None:
    assert forgetful(load(), load_city(Path(__file__).parents[2] / "city")) == []


def test_the_file_that_we_ship_has_no_fault_and_keeps_every_promise_about_time() -> None:
    shipped = load()
    for stem, entry in shipped.entries.items():
        kept = milliseconds(entry.retention)
        assert kept == -1 or kept >= milliseconds("7d"), f"{stem}: a week's outage would lose records"
        assert re.search(r"\.$", entry.what), stem
