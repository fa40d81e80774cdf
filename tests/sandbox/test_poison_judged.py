"""Dead letters are held against the poison that was put out: each letter too many or too few is told."""

from services.sandbox.poison import DeathFault, Died, Spilt, is_poison, judge_dead

MATCHED = ("requests.matched.v1", 3, 17)
RECEIVED = ("requests.received.v1", 0, 4)
LEDGER = {
    MATCHED: Spilt("not_json", frozenset({"prioritize", "watch", "index"})),
    RECEIVED: Spilt("nothing_said", frozenset({"classify"})),
}
ALL = [
    Died("prioritize", MATCHED, "bad_json"),
    Died("watch", MATCHED, "bad_json"),
    Died("index", MATCHED, "bad_json"),
    Died("classify", RECEIVED, "no_text"),
]


def told(*letters: Died) -> list[str]:
    return [str(fault) for fault in judge_dead(LEDGER, letters)]


def test_all_poison_refused_by_all_that_must_refuse_it_is_no_fault() -> None:
    assert told(*ALL) == []
    assert judge_dead({}, []) == []


def test_a_dead_letter_of_a_record_that_was_no_poison_is_foreign() -> None:
    elsewhere = ("requests.matched.v1", 3, 18)
    assert told(*ALL, Died("prioritize", elsewhere, "bad_field"), Died("match", None, "unknown")) == [
        "prioritize refused requests.matched.v1/3/18, which is no poison (bad_field)",
        "match refused an unknown place, which is no poison (unknown)",
    ]


def test_a_dead_letter_that_bears_the_mark_of_poison_is_not_foreign() -> None:
    assert told(*ALL, Died("match", ("requests.routed.v1", 0, 9), "bad_headers", marked=True)) == []


def test_poison_that_a_broker_acknowledged_without_its_place_is_met_by_a_letter_from_its_partition() -> None:
    ledger = {("cases.roads.v1", 4, -1): Spilt("not_json", frozenset({"index", "deliver"}))}
    index = Died("index", ("cases.roads.v1", 4, 17), "bad_json")
    deliver = Died("deliver", ("cases.roads.v1", 4, 17), "bad_json")
    assert judge_dead(ledger, [index, deliver]) == []
    (missing,) = judge_dead(ledger, [index])
    assert (missing.fault, missing.worker) == ("missing", "deliver")
    (foreign,) = judge_dead(ledger, [index, deliver, index])
    assert (foreign.fault, foreign.worker) == ("foreign", "index")
    assert len(judge_dead(ledger, [index, Died("deliver", ("cases.roads.v1", 5, 17), "bad_json")])) == 2


def test_poison_without_a_dead_letter_is_missing_at_each_worker_that_must_refuse_it() -> None:
    assert told(ALL[1], ALL[3]) == [
        "index did not refuse requests.matched.v1/3/17, which is poison (not_json)",
        "prioritize did not refuse requests.matched.v1/3/17, which is poison (not_json)",
    ]


def test_poison_refused_twice_by_a_worker_is_told_unless_it_has_no_transactions() -> None:
    assert told(*ALL, *ALL) == [
        "prioritize refused requests.matched.v1/3/17 twice, which is poison (not_json)",
        "index refused requests.matched.v1/3/17 twice, which is poison (not_json)",
        "classify refused requests.received.v1/0/4 twice, which is poison (nothing_said)",
    ]


def test_poison_refused_by_a_worker_that_cannot_see_it_is_told() -> None:
    (fault,) = judge_dead(LEDGER, [*ALL, Died("index", RECEIVED, "bad_field")])
    assert fault == DeathFault("elsewhere", "index", RECEIVED, "nothing_said")
    assert str(fault) == "index refused requests.received.v1/0/4, poison that is not for it to see (nothing_said)"


def test_poison_is_known_by_its_key_or_by_its_header() -> None:
    assert is_poison(b"poison-7-1", None)
    assert is_poison(None, [("ce_id", b"x"), ("poison", b"empty")])
    assert not is_poison(b"roads", [("ce_id", b"poison")])
    assert not is_poison(None, None)
