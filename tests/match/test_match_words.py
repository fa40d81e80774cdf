"""What people say of incidents: it holds whatever comes first, and after a restart."""

from itertools import permutations

import pytest
from match_reports import again, close, incidents, last_of, matcher, merge, newest, one, rebuilt, routed, run, unlink

A, A2 = routed("a"), routed("a2", hours=1)
B, B2 = (routed(each, hours=number, at=(50.1, 10.0), text="tree down") for number, each in ((2, "b"), (3, "b2")))


def test_a_report_that_was_split_off_links_to_no_report_of_that_incident() -> None:
    worker = matcher()
    log = run(worker, [A, A2, routed("c", hours=2), routed("d", hours=3)])
    worker.learn(unlink(last_of(log, "c")))
    log += again(worker)
    assert incidents(log) == {"a": "a", "a2": "a", "c": "c", "d": "c"}
    assert newest(log)["c"].why == "a person says that it is not the same incident as a2"
    assert again(rebuilt(log, [unlink(log[2])])) == []


@pytest.mark.parametrize("order", list(permutations([A, A2, B, B2])))
def test_two_merged_incidents_are_one_with_all_their_reports_whatever_comes_first(order: tuple[object, ...]) -> None:
    word = merge(run(matcher(), [B])[0], "a")
    for learned in range(5):
        worker, log = matcher(), []
        for number, event in enumerate(order):
            if number == learned:
                worker.learn(word)
                log += again(worker)
            log += run(worker, [event])  # type: ignore[list-item]
        if learned == 4:
            worker.learn(word)
        log += again(worker)
        assert incidents(log) == dict.fromkeys(["a", "a2", "b", "b2"], "a")
        assert (newest(log)["b"].relation, newest(log)["b"].duplicate_of) == ("merged", "a")


def test_a_second_merge_keeps_the_first() -> None:
    worker = matcher()
    log = run(worker, [A, B, routed("c", hours=4, at=(50.2, 10.0))])
    worker.learn(merge(log[2], "b"))
    worker.learn(merge(log[2], "a"))
    assert incidents(log + again(worker)) == {"a": "a", "b": "a", "c": "a"}


def test_a_merge_can_be_taken_back() -> None:
    worker = matcher()
    log = run(worker, [A, B, B2])
    worker.learn(merge(log[1], "a", 1))
    log += again(worker)
    assert incidents(log)["b2"] == "a"
    worker.learn(unlink(last_of(log, "b"), 2))
    assert incidents(log + again(worker)) == {"a": "a", "b": "b", "b2": "b"}


def test_of_two_families_merged_one_follows_the_other_and_not_each_the_other() -> None:
    worker = matcher()
    log = run(worker, [A, routed("w", family="water")])
    worker.learn(merge(log[1], "a"))
    assert incidents(log + again(worker)) == {"a": "a", "w": "a"}


def test_what_is_reported_after_an_incident_was_closed_recurs() -> None:
    worker = matcher()
    run(worker, [A, A2])
    worker.learn(close("a2", 2))
    assert again(worker) == []
    got = one(worker, routed("c", hours=3)).matching
    assert (got.incident_id, got.recurs_of, got.band) == ("c", "a", "none")
    assert got.why == "the incident of a2 was closed before"
    assert one(worker, routed("d", hours=4)).matching.incident_id == "c"


def test_what_is_sent_once_more_just_after_a_closing_is_of_what_was_closed_and_hides_nothing() -> None:
    worker = matcher()
    worker.learn(close("a", 0.05))
    run(worker, [A, routed("again", hours=0.1)])
    got = one(worker, routed("c", hours=0.2)).matching
    assert (got.incident_id, got.recurs_of) == ("c", "a")
    assert incidents(run(worker, [routed("d", hours=1), routed("e", hours=0.15)])) == {"d": "c", "e": "a"}


def test_a_closing_said_of_a_report_that_was_let_go_holds_while_its_incident_lives() -> None:
    worker = matcher(lateness=0.0)
    worker.learn(close("b", 50))
    log = run(worker, [A, routed("b", hours=20), routed("c", hours=45), routed("far", hours=100, at=(51.0, 10.0))])
    assert worker._memories[0, ""].gone.keys() == {"a", "b"}
    assert incidents(log)["c"] == "a"
    for restarted in (worker, rebuilt(log, [close("b", 50)], lateness=0.0)):
        got = one(restarted, routed("d", hours=101)).matching
        assert (got.incident_id, got.recurs_of) == ("d", "a")


def test_a_closing_that_is_heard_late_parts_what_came_after_it() -> None:
    worker = matcher()
    log = run(worker, [A, A2, routed("c", hours=3), routed("d", hours=4)])
    worker.learn(close("a", 2))
    log += again(worker)
    assert incidents(log) == {"a": "a", "a2": "a", "c": "c", "d": "c"}
    assert newest(log)["c"].recurs_of == "a"
    assert incidents([*log, *run(worker, [routed("late", hours=1.5)])])["late"] == "a"


def test_a_closing_that_was_said_for_another_time_is_doubted_from_the_earlier_one() -> None:
    worker = matcher()
    worker.learn(close("a", 2))
    log = run(worker, [A, routed("c", hours=3)])
    assert incidents(log)["c"] == "c"
    worker.learn(close("a", 10))
    assert incidents(log + again(worker))["c"] == "a"


def test_what_people_said_before_a_restart_holds_after_it_said_or_not() -> None:
    worker = matcher()
    log = run(worker, [A, A2, routed("c", hours=2), B])
    words = [unlink(last_of(log, "c")), merge(last_of(log, "b"), "a"), close("a", 1.5)]
    for restarted in (rebuilt(log, words), rebuilt(log, reversed(words))):
        found = incidents(log + again(restarted))
        assert found == {"a": "a", "a2": "a", "c": "c", "b": "a"}
    late = rebuilt(log)
    for word in words:
        late.learn(word)
    assert incidents(log + again(late)) == found


@pytest.mark.parametrize("at_most", [1, 2, 3])
def test_so_many_are_said_anew_at_a_time_and_all_in_the_end_even_with_a_crash_between(at_most: int) -> None:
    worker = matcher()
    log = run(worker, [routed(f"r{number}", hours=number) for number in range(8)])
    word = unlink(last_of(log, "r3"))
    worker.learn(word)
    while found := worker.reconsider(0, at_most):
        assert len(found) <= at_most
        log += found  # type: ignore[arg-type]
        worker = rebuilt(log, [word])
        assert len(log) < 100
    expected = {f"r{number}": "r0" if number < 3 else "r3" for number in range(8)}
    assert incidents(log) == expected
    assert len(log) == 8 + 5


def test_a_final_link_is_not_looked_at_again_for_what_is_said_of_another() -> None:
    worker = matcher(lateness=0.0)
    log = run(worker, [A, routed("b", hours=60), routed("c", hours=70), routed("new", hours=100, at=(51.0, 10.0))])
    worker.learn(unlink(last_of(log, "c")))
    assert incidents(again(worker)) == {"c": "c"}


def test_a_word_of_what_nobody_knows_changes_nothing() -> None:
    worker = matcher()
    log = run(worker, [A])
    worker.learn(close("nobody", 1))
    worker.learn(merge(log[0], "nobody"))
    assert again(worker) == []
