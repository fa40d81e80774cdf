"""When too many records are rejected."""

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.rejections import Rejections


def test_few_rejections_pass_and_most_being_rejected_does_not() -> None:
    rejections = Rejections(0.5, 10)
    assert rejections.acceptable(10, 5)
    assert not rejections.acceptable(10, 6)


def test_a_handful_says_nothing_about_a_topic() -> None:
    rejections = Rejections(0.5, 10)
    assert rejections.acceptable(9, 9)
    rejections.count(9, 9)
    assert not rejections.acceptable(1, 1)
    assert rejections.acceptable(1, 0), "a good record is never the reason to stop"


def test_the_share_is_that_of_the_latest_records_only() -> None:
    rejections = Rejections(0.5, 10)
    rejections.count(5, 5)
    rejections.count(10, 0)
    assert rejections.acceptable(10, 9)
    assert not Rejections(0.5, 10).acceptable(10, 9)


def test_who_is_allowed_passes_until_the_share_is_acceptable_again() -> None:
    rejections = Rejections(0.5, 4)
    assert not rejections.acceptable(4, 4)
    rejections.allow()
    for _ in range(3):
        assert rejections.acceptable(4, 4)
        rejections.count(4, 4)
    for _ in range(3):
        assert rejections.acceptable(4, 0)
        rejections.count(4, 0)
    assert not rejections.acceptable(20, 20), "the word of then does not hold for trouble of now"


def test_the_alarm_says_what_is_wrong_and_what_to_do() -> None:
    assert Rejections(0.5, 1000).alarm({"bad_json": 3, "no_place": 700}) == (
        "more than 50% of the last 1000 records were rejected (no_place 700, bad_json 3); "
        "look at what writes the topic, then POST /resume to send them to the dead letters"
    )


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)).map(lambda pair: (pair[0], min(pair)))),
    st.integers(1, 40),
)
def test_the_window_holds_as_many_records_as_it_should_and_counts_those_rightly(
    batches: list[tuple[int, int]], window: int
) -> None:
    rejections = Rejections(0.5, window)
    for records, rejected in batches:
        rejections.count(records, rejected)
    kept = list(rejections._batches)
    assert kept == batches[len(batches) - len(kept) :]
    assert (rejections._records, rejections._rejected) == (sum(r for r, _ in kept), sum(b for _, b in kept))
    assert sum(r for r, _ in kept[1:]) < window
    assert rejections._records >= min(window, sum(r for r, _ in batches))
