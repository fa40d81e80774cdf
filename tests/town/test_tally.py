from collections.abc import Mapping
from typing import cast

import msgspec
import pytest

from services.runtime.kafka import KafkaClients
from services.sandbox.poison import Died
from services.sandbox.tally import Follower, Record, Tally, Verdict, judge, read_book, stale

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


def tell(
    follow: Follower,
    topic: str,
    value: bytes | None,
    headers: Mapping[str, bytes] | None = None,
    at_ms: int = AT_MS,
    *,
    key: bytes = b"k",
    partition: int = 0,
) -> None:
    offset = follow.last.get((topic, partition), -1) + 1
    follow.take(Record(topic, partition, offset, key, value, list((headers or {}).items()), at_ms))


def said(request: str, **parts: object) -> bytes:
    return msgspec.json.encode({"report": {"request_id": request, "received_at": AT}, **parts})


def test_what_is_in_the_book_held_or_dead_is_accounted_for() -> None:
    tally = Tally(held={"held"}, dead_ids={"dead"}, cases={"arrived"})
    assert judge(["arrived", "held", "dead"], tally, book(arrived=1)) == Verdict(lost=(), doubled=())
    assert judge([], tally, []).good


def test_what_is_nowhere_is_lost_even_if_a_worker_claims_its_delivery() -> None:
    tally = Tally(cases={"claimed"}, delivered={"claimed": "parks"}, received={"claimed", "vanished"})
    assert tally.delivered == {"claimed": "parks"}
    verdict = judge(["vanished", "claimed"], tally, [])
    assert verdict.lost == ("claimed", "vanished")
    assert not verdict.good


def test_a_draft_that_was_released_must_be_in_the_book() -> None:
    tally = Tally(held={"released"}, cases={"released"})
    assert judge(["released"], tally, []).lost == ("released",)
    assert judge(["released"], tally, book(released=1)).good


def test_a_record_under_a_reference_that_no_report_has_is_doubled() -> None:
    tally = Tally(received={"known"})
    assert judge(["sent"], tally, book(sent=1, known=1)).good
    assert judge(["sent"], tally, book(**{"sent": 1, "sent-again": 1})).doubled == ("sent-again",)


def test_a_case_that_came_under_more_keys_than_departments_is_doubled() -> None:
    def judged(**more: object) -> Verdict:
        return judge(["sent"], Tally(), [{"ref": "sent", "records": 1, **more}])

    assert judged(keys=1, departments=1).good
    assert judged(keys=2, departments=2).good, "rerouted to a department with another system"
    assert judged(keys=0, departments=0).good
    assert judged(keys=2, departments=1).doubled == ("sent",)


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
            tell(follow, f"requests.{stage}.v1", said("a"), {"ce_id": f"a.{stage}".encode()})
        tell(follow, f"requests.{stage}.v1", said("b"), {"ce_id": f"b.{stage}".encode()})
    assert follow.tally.received == {"a", "b"}
    assert follow.tally.repeated == {"requests.classified.v1": 1, "requests.matched.v1": 1}
    assert follow.tally.events["requests.received.v1"] == 3


def test_the_newest_revision_of_a_link_counts_in_whatever_order_it_is_read() -> None:
    follow = follower()
    newest = {"incident_id": "i1", "revision": 2, "duplicate_of": None}
    for number, link in enumerate((newest, {"incident_id": "i9", "revision": 1, "duplicate_of": "b"})):
        tell(follow, "requests.matched.v1", said("a", matching=link), {"ce_id": b"%d" % number})
    assert follow.tally.linked == set()
    assert follow.tally.links == {"a": (2, None, "i1")}


def test_a_dead_letter_settles_its_report_unless_it_lies_beside_the_way() -> None:
    follow = follower()
    for worker, request in (("route", "a"), ("index", "b"), ("watch", "c")):
        tell(follow, f"{worker}.dead.v1", said(request), {"dead_reason": b"invented"})
    tell(follow, "classify.dead.v1", b"not json", {"ce_id": b"e4"})
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
    tell(follow, "deliveries.made.v1", msgspec.json.encode(made), {"ce_id": b"e1"})
    tell(follow, "drafts.held.v1", said("b"), {"ce_id": b"e2"}, AT_MS + 500)
    assert follow.tally.seconds == {"a": 2.0, "b": 0.5}
    assert follow.tally.delivered == {"a": "parks"}
    assert follow.tally.latency_ms(0.5) == 2000.0
    assert follow.tally.latency_ms(0.0) == 500.0
    assert Tally().latency_ms(0.5) is None


@pytest.mark.parametrize("topic", ["requests.received.v1", "contacts.received.v1"])
def test_a_tombstone_is_counted_and_passed_over(topic: str) -> None:
    follow = follower()
    tell(follow, topic, None)
    assert follow.tally.events[topic] == 1
    assert follow.tally.settled() == set()


@pytest.mark.parametrize("value", [b"{", b"[]", b'{"report": 1}', b"\xff\xfe"])
def test_poison_on_a_topic_is_counted_and_passed_over(value: bytes) -> None:
    follow = follower()
    tell(follow, "requests.routed.v1", value)
    tell(follow, "requests.routed.v1", said("a"), {"ce_id": b"e1"})
    assert follow.tally.unreadable == {"requests.routed.v1": 1}
    assert follow.tally.routed == {"a"}


def priority(revision: int) -> dict[str, int]:
    return {"revision": revision}


def accepted(follow: Follower, request: str, at_ms: int = AT_MS) -> None:
    tell(follow, "requests.received.v1", said(request), {"ce_id": f"{request}.received".encode()}, at_ms)


def delivered(follow: Follower, request: str, revision: int = 1, department: str = "parks") -> None:
    made = {
        "request_id": request,
        "department": department,
        "received_at": AT,
        "delivered_at": AT,
        "revision": revision,
    }
    event_id = f"{request}.delivery.{department}.{revision}".encode()
    tell(follow, "deliveries.made.v1", msgspec.json.encode(made), {"ce_id": event_id})


def test_what_waits_is_counted_by_when_it_was_accepted_and_what_it_waits_for() -> None:
    follow = follower()
    for number, request in enumerate("abcd"):
        accepted(follow, request, AT_MS + 1000 * number)
    start = AT_MS / 1000
    assert [follow.unsettled_before(start + second) for second in (0, 1, 2, 99)] == [0, 1, 2, 4]
    tell(follow, "cases.parks.v1", said("a", priority=priority(1)), {"ce_id": b"a.case.1.policy"})
    tell(follow, "drafts.held.v1", said("b", priority=priority(1)), {"ce_id": b"b.draft.1"})
    tell(follow, "match.dead.v1", said("c"), {"dead_reason": b"invented"})
    assert follow.unsettled_before(start + 99, "decided") == 1
    assert follow.unsettled_before(start + 99) == 2
    delivered(follow, "a")
    assert follow.unsettled_before(start + 99) == 1
    tell(follow, "cases.parks.v1", said("b", priority=priority(2)), {"ce_id": b"b.case.2.policy"})
    assert follow.unsettled_before(start + 99) == 2, "released from the desk, it waits for its system"
    delivered(follow, "b", 2)
    assert (follow.unsettled_before(start + 3), follow.unsettled_before(start + 99)) == (0, 1)


def test_what_is_read_as_delivered_before_it_is_read_as_received_never_waits() -> None:
    follow = follower()
    delivered(follow, "a")
    accepted(follow, "a")
    assert follow.unsettled_before(AT_MS) == 0
    assert follow.tally.settled() == {"a"}


def test_a_request_that_nobody_sent_is_a_stranger() -> None:
    follow = follower()
    accepted(follow, "a")
    tell(follow, "requests.classified.v1", said("a"))
    tell(follow, "requests.matched.v1", said("made-up", matching={"incident_id": "a"}))
    assert follow.tally.strangers == {"made-up"}


def test_a_case_twice_under_one_revision_is_doubled_in_whatever_department() -> None:
    follow = follower()
    for department in ("parks", "roads"):
        tell(follow, f"cases.{department}.v1", said("a", priority=priority(1)), {"ce_id": b"a.case.1.policy"})
    assert follow.tally.repeated == {"cases.roads.v1": 1}


def test_a_persons_word_is_another_event_than_policys_of_the_same_revision() -> None:
    follow = follower()
    for by, reviewer in (("policy", ""), ("review", "r"), ("review", "r")):
        decision = {"reviewer": reviewer}
        value = said("a", priority=priority(1), decision=decision)
        tell(follow, "cases.parks.v1", value, {"ce_id": f"a.case.1.{by}".encode()})
    assert follow.tally.repeated == {"cases.parks.v1": 1}


def test_a_delivery_to_another_system_is_no_repeat() -> None:
    follow = follower()
    for department in ("parks", "roads", "roads"):
        delivered(follow, "a", 1, department)
    assert follow.tally.repeated == {"deliveries.made.v1": 1}
    assert follow.tally.delivered == {"a": "roads"}


def test_an_older_revision_at_the_crm_than_the_newest_case_is_stale() -> None:
    follow = follower()
    for request, revisions in {"a": 2, "b": 1, "c": 2}.items():
        for revision in range(1, revisions + 1):
            tell(follow, "cases.parks.v1", said(request, priority=priority(revision)))
    by_person = said("c", priority=priority(1), decision={"reviewer": "r"})
    tell(follow, "cases.parks.v1", by_person, {"ce_id": b"c.case.1.review"})
    entries: list[dict[str, object]] = [{"ref": ref, "records": 1, "version": 1} for ref in "abcx"]
    assert stale(follow.tally, entries) == ["a"]


def test_poison_is_passed_over_and_its_letter_names_where_it_stood() -> None:
    follow = follower()
    tell(follow, "requests.routed.v1", said("poison-1"), key=b"poison-1")
    tell(follow, "requests.routed.v1", said("poison-2"), {"poison": b"wrong_type"})
    origin = {"dead_topic": b"requests.routed.v1", "dead_partition": b"3", "dead_offset": b"14"}
    tell(follow, "match.dead.v1", None, {"dead_reason": b"bad_field", **origin})
    tell(follow, "match.dead.v1", said("poison-1"), origin, key=b"poison-1")
    assert follow.tally.poison == {"requests.routed.v1": 2}
    assert follow.tally.routed == set()
    place = ("requests.routed.v1", 3, 14)
    assert follow.letters == [Died("match", place, "bad_field"), Died("match", place, "unknown", marked=True)]
    assert follow.last == {("requests.routed.v1", 0): 1, ("match.dead.v1", 0): 1}


def test_categories_and_departments_are_known_by_request() -> None:
    follow = follower()
    tell(follow, "requests.classified.v1", said("a", classification={"service_code": "pothole", "family": "roads"}))
    tell(follow, "requests.routed.v1", said("a", routing={"department": "works", "outside": True}))
    assert follow.tally.categories == {"a": "pothole"}
    assert follow.tally.departments == {"a": "works"}
    assert follow.tally.outside == {"a"}
    with pytest.raises(KeyError):
        follow.tally.categories["b"]


def test_a_dead_letter_that_an_operator_brought_back_is_on_its_way_again_and_no_event_twice() -> None:
    follow, case = follower(), {"ce_id": b"a.case.1"}
    tell(follow, "cases.parks.v1", said("a"), case)
    tell(follow, "deliver.dead.v1", said("a"), {**case, "dead_reason": b"crm_schema"})
    assert follow.tally.dead_ids == {"a"}
    tell(follow, "cases.parks.v1", said("a"), {**case, "dead_replay_for": b"deliver"})
    assert follow.tally.repeated == {}
    assert follow.tally.replayed == {"cases.parks.v1": 1}
    assert judge(["a"], follow.tally, []).lost == ("a",)
    assert judge(["a"], follow.tally, book(a=1)).good
