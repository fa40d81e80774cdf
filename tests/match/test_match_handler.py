import pytest
from match_reports import (
    FAMILIES,
    HOUR,
    REACH,
    SCORER,
    close,
    incidents,
    matcher,
    newest,
    north,
    one,
    rebuilt,
    routed,
    run,
)

from services.incidents.seen import Reach
from services.match.adapters import Matcher
from services.parts import Reason


def test_a_second_report_of_a_thing_joins_the_incident_of_the_first_and_says_why() -> None:
    worker = matcher()
    assert one(worker, routed("a")).matching.incident_id == "a"
    got = one(worker, routed("b", hours=1)).matching
    assert (got.incident_id, got.band, got.duplicate_of, got.revision, got.version) == ("a", "automatic", "a", 1, "v")
    assert (got.relation, got.anchor, got.why) == ("duplicate", (50.0, 10.0), "")
    evidence = got.evidence
    assert evidence is not None
    assert (evidence.distance_m, evidence.elapsed_s, evidence.text_similarity) == (0.0, HOUR, 1.0)
    assert (evidence.same_service_code, evidence.same_reporter, evidence.category_distance) == (True, False, 0.0)
    assert (evidence.same_asset, evidence.same_address) == (None, None)
    assert evidence.reasons == (
        Reason(what="said alike", points=5.0),
        Reason(what="near", points=3.0),
        Reason(what="same category", points=1.5),
        Reason(what="soon", points=0.68),
    )
    assert got.score == 0.9979


def test_a_likely_report_is_suggested_and_starts_its_own_incident() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    got = one(worker, routed("b", at=north(10), text="something else broken")).matching
    assert (got.incident_id, got.band, got.duplicate_of, got.relation) == ("b", "suggestion", "a", "duplicate")
    assert (got.anchor, got.extent) == (None, None)


def test_a_report_too_little_alike_names_the_nearest_and_why_it_is_not_linked() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    got = one(worker, routed("b", hours=1, at=north(20), text="tree fell over")).matching
    assert (got.incident_id, got.band, got.duplicate_of, got.evidence) == ("b", "none", None, None)
    (candidate,) = got.candidates
    assert candidate.request_id == "a"
    assert candidate.why == f"{candidate.score:g} is below 0.35, from which a link is suggested"


def test_reports_that_lost_are_named_with_the_reason() -> None:
    worker = matcher()
    run(worker, [routed("a"), routed("b", hours=1), routed("c", hours=2, text="deep hole in the road")])
    got = one(worker, routed("d", hours=2)).matching
    assert got.duplicate_of == "b"
    assert [(lost.request_id, lost.why) for lost in got.candidates] == [
        ("a", "less like than b"),
        ("c", "less like than b"),
    ]
    got = one(worker, routed("e", hours=2, text="deep hole in the road!")).matching
    assert (got.duplicate_of, got.relation) == ("c", "resend")


def test_of_two_that_are_as_like_the_earlier_wins() -> None:
    worker = matcher()
    run(worker, [routed("a", reporter="p"), routed("b", reporter="q")])
    got = one(worker, routed("c", reporter="r")).matching
    assert got.duplicate_of == "a"
    assert [(lost.request_id, lost.why) for lost in got.candidates] == [("b", "as like as a, which is earlier")]


def test_an_earlier_report_that_comes_late_corrects_the_ones_after_it() -> None:
    worker = matcher()
    run(worker, [routed("b", hours=2), routed("c", hours=3)])
    outputs = run(worker, [routed("a", hours=1)])
    said = [(event.report.request_id, event.matching.incident_id, event.matching.revision) for event in outputs]
    assert said == [("a", "a", 1), ("b", "a", 2), ("c", "a", 2)]
    assert outputs[2].matching.duplicate_of == "b"
    assert outputs[2].matching.evidence is not None
    assert outputs[2].report == routed("c", hours=3).report


def test_of_what_was_made_at_one_moment_the_first_to_come_is_the_first_and_nothing_is_corrected() -> None:
    worker = matcher()
    every = [routed(f"{-number % 7}{number}", received=1 + number / 100) for number in range(50)]
    outputs = [event for begin in range(0, 50, 5) for event in run(worker, every[begin : begin + 5])]
    assert [event.matching.revision for event in outputs] == [1] * 50
    assert set(incidents(outputs).values()) == {every[0].report.request_id}


def test_a_late_root_renames_the_incident_and_every_report_is_measured_from_it() -> None:
    def row(*numbers: int) -> list[object]:
        return [routed(f"r{number}", hours=float(number), at=north(10.0 * number)) for number in numbers]

    for batches in ([row(1, 2, 3, 4)], [row(4, 3, 2, 1)], [row(4, 2), row(1, 3)]):
        worker = matcher()
        for batch in batches:
            run(worker, batch)  # type: ignore[arg-type]
        outputs = run(worker, row(0))  # type: ignore[arg-type]
        assert [event.report.request_id for event in outputs] == [f"r{number}" for number in range(5)]
        assert {event.matching.incident_id for event in outputs} == {"r0"}
        assert {event.matching.anchor for event in outputs[1:]} == {(50.0, 10.0)}


def test_a_repeat_gives_nothing_not_even_in_the_same_batch() -> None:
    worker = matcher()
    event, placeless = routed("a"), routed("p", at=None)
    assert [len(said) for said in worker.handle(0, [event, event, placeless, placeless])] == [1, 0, 1, 0]
    run(worker, [event, placeless])
    assert [len(said) for said in worker.handle(0, [event, routed("b"), placeless])] == [0, 1, 0]


def test_without_a_place_there_is_no_link() -> None:
    worker = matcher()
    run(worker, [routed("a", at=None)])
    got = one(worker, routed("b", at=None)).matching
    assert (got.incident_id, got.band, got.candidates) == ("b", "none", ())


def test_spam_is_nobodys_duplicate() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    assert one(worker, routed("b", intent="spam")).matching.band == "none"
    assert one(worker, routed("c")).matching.duplicate_of == "a"


def test_what_stands_at_one_place_is_one_incident_whatever_the_classifier_took_it_for() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    assert one(worker, routed("b", hours=1, family="water", at=north(9))).matching.duplicate_of == "a"
    assert one(worker, routed("c", hours=2, family="light", at=north(-11))).matching.candidates == ()
    assert one(worker, routed("d", hours=26, family="light")).matching.candidates == ()


@pytest.mark.parametrize(("share", "duplicate_of"), [(0.1, "a"), (0.099, None)])
def test_what_the_classifier_thought_of_as_well_is_held_against_both_families(
    share: float, duplicate_of: str | None
) -> None:
    worker = matcher({"roads": REACH, "light": Reach(70.0, 72 * HOUR)})
    run(worker, [routed("a", family="light")])
    got = one(worker, routed("b", hours=30, at=north(65), also=(("lamp", share),))).matching
    assert got.duplicate_of == duplicate_of


def test_partitions_do_not_meet() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    (other,) = run(worker, [routed("c")], partition=1)
    assert other.matching.band == "none"


def test_a_radius_of_nought_links_nothing_not_even_what_was_sent_twice_or_what_the_citizen_names() -> None:
    worker = matcher({"roads": Reach(0.0, 72 * HOUR)})
    run(worker, [routed("a", reporter="p")])
    assert one(worker, routed("b", reporter="p")).matching.band == "none"
    assert one(worker, routed("c", same_as="a")).matching.band == "none"


def test_a_forgotten_partition_is_gone_and_others_stay() -> None:
    worker = matcher()
    run(worker, [routed("a")], partition=0)
    run(worker, [routed("b")], partition=1)
    worker.forget(0)
    worker.forget(7)
    assert run(worker, [routed("c")], partition=0)[0].matching.band == "none"
    assert run(worker, [routed("d")], partition=1)[0].matching.duplicate_of == "b"


def test_a_report_older_than_window_and_lateness_is_let_go_but_its_repeat_is_known() -> None:
    worker = matcher(lateness=3600.0)
    run(worker, [routed("a"), routed("b", hours=1)])
    run(worker, [routed("new", hours=74)])
    assert worker._memories[0, ""].said.keys() == {"b", "new"}
    assert worker._memories[0, ""].gone.keys() == {"a"}
    assert run(worker, [routed("a")]) == []


def test_a_link_whose_end_was_let_go_is_final() -> None:
    worker = matcher(lateness=3600.0)
    run(worker, [routed("a"), routed("b", hours=1.5), routed("new", hours=74)])
    outputs = run(worker, [routed("late", hours=1.25)])
    assert [event.report.request_id for event in outputs] == ["late"]


def test_a_report_far_too_late_corrects_nobody() -> None:
    worker = matcher(lateness=3600.0)
    run(worker, [routed("b", hours=30), routed("new", hours=99)])
    outputs = run(worker, [routed("late", hours=0)])
    assert [event.report.request_id for event in outputs] == ["late"]
    assert "late" in worker._memories[0, ""].gone


def test_a_clock_that_runs_ahead_does_not_make_the_others_old() -> None:
    worker = matcher(lateness=3600.0)
    run(worker, [routed("a"), routed("ahead", hours=10_000, received=1.0, at=(51.0, 10.0))])
    assert one(worker, routed("b", hours=2)).matching.duplicate_of == "a"


def test_a_clock_that_is_a_year_behind_counts_from_when_the_report_came() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    got = one(worker, routed("b", hours=-8760, received=1.0)).matching
    assert (got.duplicate_of, got.evidence and got.evidence.elapsed_s) == ("a", HOUR)


def test_of_too_many_open_reports_the_oldest_are_let_go() -> None:
    worker = Matcher({"roads": REACH}, SCORER, families=FAMILIES, at_most=3)
    run(worker, [routed(f"r{number}", hours=number) for number in range(5)])
    assert worker._memories[0, ""].said.keys() == {"r2", "r3", "r4"}
    assert run(worker, [routed("r0")]) == []


def test_no_more_ids_are_remembered_than_allowed() -> None:
    worker = matcher(lateness=0.0, remembered=5)
    for day in range(30):
        run(worker, [routed(f"r{day}", hours=24.0 * day, at=None if day % 2 else (50.0, 10.0))])
    memory = worker._memories[0, ""]
    known = memory.incidents
    assert len(memory.gone) == 5
    assert len(memory.said) == len(known) == 2
    assert len(known._ages) == 2
    assert [sum(map(len, each.cells.values())) for each in known.near._drawers.values()] == [2, 2]
    assert len(known._links) <= 2
    assert len(known.children) <= 2
    assert len(known.past) <= 1


def test_of_thousands_of_the_same_report_at_once_each_follows_the_one_before() -> None:
    worker = matcher()
    outputs = run(worker, [routed(f"r{number:04d}") for number in range(2000)])
    assert {event.matching.incident_id for event in outputs} == {"r0000"}
    assert outputs[-1].matching.duplicate_of == "r1998"
    assert {event.matching.relation for event in outputs[1:]} == {"resend"}


def test_looking_at_a_late_report_again_and_again_leaves_nothing_behind() -> None:
    worker = matcher()
    run(worker, [routed("b", hours=1)])
    known = worker._memories[0, ""].incidents
    drawers = known.near._drawers.values()
    for _ in range(3):
        worker.handle(0, [routed("a")])  # a transaction that is aborted
        assert ([len(held) for each in drawers for held in each.cells.values()], len(known)) == ([2, 2], 1)
    known.settle([])
    assert [len(held) for each in drawers for held in each.cells.values()] == [1, 1]


def test_what_was_said_is_known_after_a_restart_and_is_not_said_again() -> None:
    worker = matcher()
    log = run(worker, [routed("a"), routed("b", hours=1)]) + run(worker, [routed("0", hours=-1)])
    restarted = rebuilt(log)
    assert restarted.reconsider(0, 10) == []
    assert run(restarted, [routed("a"), routed("b", hours=1)]) == []
    assert incidents([one(restarted, routed("c", hours=2))]) == {"c": "0"}
    assert newest(log)["b"].revision == 2


def test_a_report_that_was_looked_at_and_never_said_is_known_to_nobody() -> None:
    worker = matcher()
    run(worker, [routed("a")])
    worker.handle(0, [routed("b", hours=1), routed("c", hours=1)])  # a transaction that is aborted
    assert worker._memories[0, ""].incidents.near.rows.keys() >= {"a"}
    assert "b" not in worker._memories[0, ""].incidents
    worker.learn(close("b", 2))
    assert worker.reconsider(0, 10) == []
    assert incidents([one(worker, routed("d", hours=1))]) == {"d": "a"}
    assert worker._memories[0, ""].incidents.near.rows.keys() == {"a", "d"}


def test_what_was_said_in_other_words_than_were_looked_at_is_taken_as_it_was_said() -> None:
    """Another worker had the partition meanwhile, and read the same report from a town that had changed."""
    worker, other = matcher(), matcher()
    run(worker, [routed("a")])
    worker.handle(0, [routed("b", at=north(30))])
    worker.fold(0, one(other, routed("b", at=north(40_000))))
    assert incidents([one(worker, routed("c", hours=1, at=north(40_000)))]) == {"c": "b"}
    assert sum(len(held) for held in worker._memories[0, ""].incidents.near._drawers["roads"].cells.values()) == 3
