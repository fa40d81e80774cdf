from typing import cast

import msgspec
import pytest

from services.runtime.kafka import KafkaClients
from services.sandbox.tally import Follower, Tally, Verdict, judge, read_book

AT = "2026-03-01T08:00:00Z"
AT_MS = 1_772_352_000_000


def book(**records: int) -> list[dict[str, object]]:
    return [{"ref": ref, "records": number} for ref, number in records.items()]


def follower() -> Follower:
    """Give one that is told messages instead of reading them."""
    return Follower(cast("KafkaClients", _NoClients()), [])


class _NoReader:
    def assign(self, _places: object) -> None:
        """Read nothing."""


class _NoClients:
    def reader(self) -> _NoReader:
        return _NoReader()

    def partitions(self, _topic: str) -> int:
        return 1


def said(request: str, **parts: object) -> bytes:
    return msgspec.json.encode({"report": {"request_id": request, "received_at": AT}, **parts})


def test_what_is_in_the_book_held_or_dead_is_accounted_for() -> None:
    tally = Tally(held={"held"}, dead_ids={"dead"}, cases={"arrived"})
    assert judge(["arrived", "held", "dead"], tally, book(arrived=1)) == Verdict(lost=(), doubled=())
    assert judge([], tally, []).good


def test_what_is_nowhere_is_lost_even_if_a_worker_claims_its_delivery() -> None:
    tally = Tally(cases={"claimed"}, delivered={"claimed": "parks"}, received={"claimed", "vanished"})
    verdict = judge(["vanished", "claimed"], tally, [])
    assert verdict.lost == ("claimed", "vanished")
    assert not verdict.good


def test_a_draft_that_was_released_must_be_in_the_book() -> None:
    tally = Tally(held={"released"}, cases={"released"})
    assert judge(["released"], tally, []).lost == ("released",)
    assert judge(["released"], tally, book(released=1)).good


def test_two_records_of_one_report_are_doubled_and_none_is_lost() -> None:
    verdict = judge(["twice", "never"], Tally(), book(twice=2, never=0))
    assert verdict == Verdict(lost=("never",), doubled=("twice",))
    assert not verdict.good


def test_an_event_twice_on_a_topic_is_doubled() -> None:
    tally = Tally(held={"a"})
    tally.twice["requests.matched.v1"] += 2
    assert judge(["a"], tally, []).doubled == ("requests.matched.v1: 2 events twice",)


def test_the_book_is_one_object_a_line() -> None:
    assert read_book('{"ref": "a", "records": 1}\n\n{"ref": "b", "records": 2}\n') == book(a=1, b=2)


def test_what_a_gateway_says_twice_may_be_said_twice_until_match_and_never_thrice() -> None:
    follow = follower()
    for stage, number in {"classified": 3, "received": 2, "routed": 2, "matched": 2}.items():
        for _ in range(number):
            follow._take(f"requests.{stage}.v1", said("a"), {"ce_id": f"a.{stage}".encode()}, AT_MS)
        follow._take(f"requests.{stage}.v1", said("b"), {"ce_id": f"b.{stage}".encode()}, AT_MS)
    assert follow.tally.received == {"a", "b"}
    assert follow.tally.repeated == {"requests.classified.v1": 1, "requests.matched.v1": 1}
    assert follow.tally.events["requests.received.v1"] == 3


def test_the_newest_revision_of_a_link_counts_in_whatever_order_it_is_read() -> None:
    follow = follower()
    newest = {"incident_id": "i1", "revision": 2, "duplicate_of": None}
    for number, link in enumerate((newest, {"incident_id": "i9", "revision": 1, "duplicate_of": "b"})):
        follow._take("requests.matched.v1", said("a", matching=link), {"ce_id": b"%d" % number}, AT_MS)
    assert follow.tally.linked == set()
    assert follow.tally.links == {"a": (2, None, "i1")}


def test_a_dead_letter_settles_its_report_unless_it_lies_beside_the_way() -> None:
    follow = follower()
    for worker, request in (("route", "a"), ("index", "b"), ("watch", "c")):
        follow._take(f"{worker}.dead.v1", said(request), {"dead_reason": b"invented"}, AT_MS)
    follow._take("classify.dead.v1", b"not json", {"ce_id": b"e4"}, AT_MS)
    assert follow.tally.settled() == {"a", "e4"}
    assert follow.tally.dead == {
        ("route", "invented"): 1,
        ("index", "invented"): 1,
        ("watch", "invented"): 1,
        ("classify", "unknown"): 1,
    }


def test_latency_runs_from_the_door_to_the_system_or_to_the_draft() -> None:
    follow = follower()
    made = {"request_id": "a", "department": "parks", "received_at": AT, "delivered_at": "2026-03-01T08:00:02Z"}
    follow._take("deliveries.made.v1", msgspec.json.encode(made), {"ce_id": b"e1"}, AT_MS)
    follow._take("drafts.held.v1", said("b"), {"ce_id": b"e2"}, AT_MS + 500)
    assert follow.tally.seconds == {"a": 2.0, "b": 0.5}
    assert follow.tally.delivered == {"a": "parks"}
    assert follow.tally.latency_ms(0.5) == 2000.0
    assert follow.tally.latency_ms(0.0) == 500.0
    assert Tally().latency_ms(0.5) is None


@pytest.mark.parametrize("topic", ["requests.received.v1", "contacts.received.v1"])
def test_a_tombstone_is_counted_and_passed_over(topic: str) -> None:
    follow = follower()
    follow._take(topic, None, {}, AT_MS)
    assert follow.tally.events[topic] == 1
    assert follow.tally.settled() == set()


@pytest.mark.parametrize("value", [b"{", b"[]", b'{"report": 1}', b"\xff\xfe"])
def test_poison_on_a_topic_is_counted_and_passed_over(value: bytes) -> None:
    follow = follower()
    follow._take("requests.routed.v1", value, {}, AT_MS)
    follow._take("requests.routed.v1", said("a"), {"ce_id": b"e1"}, AT_MS)
    assert follow.tally.unreadable == {"requests.routed.v1": 1}
    assert follow.tally.routed == {"a"}
