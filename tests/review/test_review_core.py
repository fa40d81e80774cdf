"""What a person's verdict comes to, and every reason why it is not taken, word for word."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from msgspec.structs import replace
from review_doubles import CITY, NOON, draft

from services.events import ReviewMade
from services.readmodel.rows import DraftRow, DraftState, RequestRow, ReviewRow
from services.review.core import (
    NOBODY,
    Beside,
    Fault,
    Refused,
    Repeated,
    Verdict,
    Wanted,
    judge,
    may_approve,
    review_id_of,
)


def row(*, state: DraftState = "waiting", reviews: tuple[ReviewRow, ...] = (), **more: Any) -> DraftRow:
    held = draft(**more)
    return DraftRow(
        request_id="r-1", revision=held.priority.revision, state=state, held_at=NOON, draft=held, reviews=reviews
    )


def wanted(verdict: Verdict = "approve", **more: Any) -> Wanted:
    return Wanted(**{"request_id": "r-1", "verdict": verdict, "reviewer": "desk-3", "revision": 1, **more})


def said(verdict: Verdict = "approve", *, review_id: str = "another", **more: Any) -> ReviewRow:
    return ReviewRow(
        **{
            "review_id": review_id,
            "request_id": "r-1",
            "revision": 1,
            "verdict": verdict,
            "reviewer": "desk-9",
            "reviewed_at": NOON - timedelta(minutes=1),
            **more,
        }
    )


def judged(
    what: Wanted, of: DraftRow | None = None, taken: tuple[ReviewRow, ...] = (), beside: Beside = NOBODY
) -> ReviewMade | Repeated | Refused:
    return judge(of or row(), what, city=CITY, taken=taken, now=NOON, beside=beside)


def refused(what: Wanted, of: DraftRow | None = None, beside: Beside = NOBODY) -> tuple[HTTPStatus, tuple[Fault, ...]]:
    found = judged(what, of, beside=beside)
    assert isinstance(found, Refused)
    return found.status, found.faults


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        (wanted("approve", note="fine", service_code="graffiti", department="parks"), ("approve", "fine", "", "")),
        (wanted("correct", service_code="graffiti"), ("correct", "", "graffiti", "")),
        (wanted("correct", department="parks"), ("correct", "", "", "parks")),
        (
            wanted("correct", service_code="graffiti", department="parks", note="a wall"),
            ("correct", "a wall", "graffiti", "parks"),
        ),
        (wanted("reject", note="a joke"), ("reject", "a joke", "", "")),
    ],
)
def test_a_verdict_becomes_a_review_that_carries_the_whole_draft(what: Wanted, kept: tuple[str, ...]) -> None:
    review = judged(what)
    assert isinstance(review, ReviewMade)
    assert (review.verdict, review.note, review.service_code, review.department) == kept
    assert (review.draft, review.reviewer, review.reviewed_at) == (draft(), "desk-3", NOON)


def test_a_link_can_be_undone_where_there_is_one() -> None:
    assert isinstance(judged(wanted("unlink"), row(duplicate_of="r-0")), ReviewMade)
    message = "This report is not linked to another: there is nothing to undo."
    assert refused(wanted("unlink")) == (HTTPStatus.UNPROCESSABLE_ENTITY, (Fault("no_link", message),))


def arrived(request_id: str, incident_id: str = "") -> RequestRow:
    return RequestRow(
        request_id=request_id,
        status="open",
        stage="held",
        service_code="pothole",
        requested_at=NOON,
        received_at=NOON,
        updated_at=NOON,
        channel="web",
        incident_id=incident_id or request_id,
    )


@pytest.mark.parametrize(
    "what", [wanted("approve", same_as="r-0"), wanted("correct", same_as="r-0", department="parks")]
)
@pytest.mark.parametrize("suggested", ["", "r-0", "r-7"])
def test_a_report_is_linked_to_any_other_that_has_arrived(what: Wanted, suggested: str) -> None:
    review = judged(what, row(duplicate_of=suggested), beside=Beside(this=arrived("r-1"), other=arrived("r-0")))
    assert isinstance(review, ReviewMade)
    assert (review.verdict, review.same_as) == (what.verdict, "r-0")


@pytest.mark.parametrize("what", [wanted("reject", note="a joke", same_as="r-0"), wanted("unlink", same_as="r-0")])
def test_who_rejects_or_unlinks_a_report_links_it_to_none(what: Wanted) -> None:
    review = judged(what, row(duplicate_of="r-7"))
    assert isinstance(review, ReviewMade)
    assert review.same_as == ""


@pytest.mark.parametrize(
    ("same_as", "beside", "fault"),
    [
        (
            "r 0",
            NOBODY,
            Fault(
                "bad_same_as",
                "`same_as` has up to 64 letters, digits, - and _: give the id of a request, as the desk shows it.",
                "same_as",
            ),
        ),
        (
            "r-1",
            NOBODY,
            Fault(
                "same_as_itself",
                "A report is the same as itself in any case: name another request, or leave `same_as` out.",
                "same_as",
            ),
        ),
        (
            "r-0",
            Beside(this=arrived("r-1")),
            Fault(
                "unknown_same_as",
                "There is no request 'r-0': give the id of one that has arrived, as the desk shows it.",
                "same_as",
            ),
        ),
        (
            "r-0",
            Beside(this=arrived("r-1", "r-5"), other=arrived("r-0", "r-5")),
            Fault(
                "same_incident",
                "Request r-0 is of this report's incident already: leave `same_as` out.",
                "same_as",
            ),
        ),
    ],
)
def test_what_is_said_to_be_the_same_must_be_another_request_that_is_known(
    same_as: str, beside: Beside, fault: Fault
) -> None:
    assert refused(wanted(same_as=same_as), beside=beside) == (HTTPStatus.UNPROCESSABLE_ENTITY, (fault,))


def test_a_link_that_the_machine_made_can_be_confirmed() -> None:
    one = Beside(this=arrived("r-1", "r-0"), other=arrived("r-0"))
    assert isinstance(judged(wanted(same_as="r-0"), row(duplicate_of="r-0"), beside=one), ReviewMade)


def test_a_key_is_good_for_one_link() -> None:
    both = Beside(this=arrived("r-1"), other=arrived("r-0"))
    before = said("approve", review_id=review_id_of(wanted(key="k-1")), same_as="r-0")
    assert judged(wanted(key="k-1", same_as="r-0"), taken=(before,), beside=both) == Repeated(before.review_id)
    message = "This Idempotency-Key was used for another verdict: use a new one."
    assert judged(wanted(key="k-1"), taken=(before,)) == Refused(HTTPStatus.CONFLICT, (Fault("key_used", message),))


@pytest.mark.parametrize(
    ("of", "named"), [("r-4", "r-4"), ("r-0", "r-0"), ("r-1", "r-0")], ids=["another's", "its own", "the draft's"]
)
def test_a_review_names_the_incident_so_that_all_of_both_become_one(of: str, named: str) -> None:
    beside = Beside(this=arrived("r-1", "r-7"), other=arrived("r-0", of))
    review = judged(wanted(same_as="r-0"), row(), beside=beside)
    assert isinstance(review, ReviewMade)
    assert (review.same_as, review.review_id) == (named, review_id_of(wanted(same_as="r-0")))


@pytest.mark.parametrize("key", ["", "k-1"])
@pytest.mark.parametrize(
    "since",
    [
        Beside(this=arrived("r-1"), other=arrived("r-0", "r-4")),
        Beside(this=arrived("r-1", "r-4"), other=arrived("r-0", "r-4")),
        Beside(this=arrived("r-1", "r-1"), other=arrived("r-0", "r-1")),
    ],
    ids=["not shown yet", "one incident", "one incident of another name"],
)
def test_a_link_that_is_repeated_is_the_same_review_whatever_has_become_of_the_incidents(
    key: str, since: Beside
) -> None:
    again = wanted(key=key, same_as="r-0")
    before = said("approve", review_id=review_id_of(again), same_as="r-4")
    assert judged(again, taken=(before,), beside=since) == Repeated(before.review_id)


def test_a_key_that_was_used_for_a_link_is_not_good_for_another_link() -> None:
    before = said("approve", review_id=review_id_of(wanted(key="k-1")), same_as="r-4")
    other = Beside(this=arrived("r-1"), other=arrived("r-0"))
    refusal = judged(wanted(key="k-1", same_as="r-0"), taken=(before,), beside=other)
    message = "This Idempotency-Key was used for another verdict: use a new one."
    assert refusal == Refused(HTTPStatus.CONFLICT, (Fault("key_used", message),))


def test_a_review_has_one_id_however_often_it_is_clicked() -> None:
    assert review_id_of(wanted()) == review_id_of(wanted(reviewer="desk-4", note="again"))
    others = [
        wanted("reject"),
        wanted(revision=2),
        wanted(request_id="r-2"),
        wanted("correct", service_code="graffiti"),
        wanted("correct", department="graffiti"),
        wanted(same_as="r-0"),
        wanted("correct", department="graffiti", same_as="r-0"),
        wanted(key="k-1"),
        wanted(key="k-2"),
        wanted(key="k-1", request_id="r-2"),
    ]
    assert len({review_id_of(each) for each in (wanted(), *others)}) == 11
    assert review_id_of(wanted("reject", same_as="r-0")) == review_id_of(wanted("reject"))
    assert review_id_of(wanted(key="k-1")) == review_id_of(wanted("reject", key="k-1", revision=2))


def test_without_a_draft_there_is_nothing_to_decide() -> None:
    found = judge(None, wanted(), city=CITY, taken=(), now=NOON)
    message = "There is no draft of request 'r-1': it went out by policy, or has not arrived yet."
    assert found == Refused(HTTPStatus.NOT_FOUND, (Fault("unknown_draft", message),))


@pytest.mark.parametrize(
    ("reviewer", "department", "may"),
    [
        ("gardener", "parks", True),
        ("duty-officer", "parks", True),
        ("desk-3", "parks", False),
        ("desk-3", "streets", True),
    ],
)
def test_policy_says_who_may_decide_for_a_department(reviewer: str, department: str, may: bool) -> None:  # noqa: FBT001
    assert may_approve(reviewer, department, CITY) is may


def test_who_may_not_decide_is_told_so_before_anything_else() -> None:
    message = "desk-3 may not decide for Parks: policy.yaml names its approvers."
    assert refused(wanted("reject"), row(department="parks")) == (
        HTTPStatus.FORBIDDEN,
        (Fault("not_an_approver", message, "reviewer"),),
    )


def test_all_that_is_badly_said_is_told_at_once() -> None:
    what = wanted("correct", reviewer="", revision=None, note="n" * 2001, service_code="dragon", department="castle")
    assert refused(what) == (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        (
            Fault("no_reviewer", "Say who you are: a verdict needs a reviewer.", "reviewer"),
            Fault(
                "no_revision", "Name the revision of the draft that you saw, as `revision` or as If-Match.", "revision"
            ),
            Fault("note_too_long", "The note may have 2000 characters at most.", "note"),
            Fault(
                "unknown_service_code",
                "The city has no category 'dragon': choose one of its categories.yaml.",
                "service_code",
            ),
            Fault(
                "unknown_department",
                "The city has no department 'castle': correct it to one of streets, parks.",
                "department",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        (wanted("reject"), Fault("no_note", "A rejection needs a note that says why.", "note")),
        (
            wanted(reviewer="d" * 129),
            Fault("reviewer_too_long", "The reviewer may have 128 characters at most.", "reviewer"),
        ),
        (
            wanted("correct"),
            Fault(
                "nothing_corrected",
                "A correction needs another category or another department than the draft has.",
                "service_code",
            ),
        ),
        (
            wanted("correct", service_code="pothole", department="streets"),
            Fault(
                "nothing_corrected",
                "A correction needs another category or another department than the draft has.",
                "service_code",
            ),
        ),
    ],
)
def test_what_is_badly_said_is_told(what: Wanted, fault: Fault) -> None:
    assert refused(what) == (HTTPStatus.UNPROCESSABLE_ENTITY, (fault,))


def test_a_draft_for_a_department_that_the_city_has_not_can_be_corrected_or_rejected_alone() -> None:
    lost = row(department="castle")
    message = "The city has no department 'castle': correct it to one of streets, parks."
    fault = Fault("unknown_department", message, "department")
    assert refused(wanted(), lost) == (HTTPStatus.UNPROCESSABLE_ENTITY, (fault,))
    assert isinstance(judged(wanted("correct", department="parks"), lost), ReviewMade)
    assert isinstance(judged(wanted("reject", note="a joke"), lost), ReviewMade)


def test_a_draft_that_changed_must_be_looked_at_again() -> None:
    message = "The draft has changed since you saw it: that was revision 1, this is 2. Look again."
    assert refused(wanted(), row(revision=2)) == (
        HTTPStatus.CONFLICT,
        (Fault("draft_changed", message, "revision"),),
    )


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("approve", "Too late: it was approved by desk-9 already."),
        ("correct", "Too late: it was corrected by desk-9 already."),
        ("reject", "Too late: it was rejected by desk-9 already."),
        ("unlink", "Too late: it was released alone by desk-9 already."),
    ],
)
def test_who_comes_second_is_too_late(verdict: Verdict, words: str) -> None:
    expected = Refused(HTTPStatus.CONFLICT, (Fault("already_decided", words),))
    assert judged(wanted(), row(reviews=(said(verdict),))) == expected
    assert judged(wanted(), taken=(said(verdict),)) == expected


def test_a_draft_that_policy_released_is_no_longer_decided() -> None:
    message = "Too late: it went out by policy in the meantime."
    assert refused(wanted(), row(state="released")) == (HTTPStatus.CONFLICT, (Fault("already_released", message),))


def test_an_update_of_a_decided_request_is_decided_anew() -> None:
    update = row(state="update", revision=2, reviews=(said("reject"),))
    assert isinstance(judged(wanted(revision=2), update), ReviewMade)


def test_the_same_verdict_again_is_the_same_review() -> None:
    what = wanted("correct", service_code="graffiti")
    before = said("correct", review_id=review_id_of(what), service_code="graffiti")
    assert judged(what, row(state="corrected", reviews=(before,))) == Repeated(before.review_id)
    assert judged(what, taken=(before,)) == Repeated(before.review_id)


def test_one_key_is_good_for_one_verdict() -> None:
    before = said("approve", review_id=review_id_of(wanted(key="k-1")))
    message = "This Idempotency-Key was used for another verdict: use a new one."
    assert judged(wanted("reject", note="no", key="k-1"), taken=(before,)) == Refused(
        HTTPStatus.CONFLICT, (Fault("key_used", message),)
    )
    assert judged(wanted(key="k-1"), taken=(before,)) == Repeated(before.review_id)


def test_a_city_without_approvers_lets_anyone_decide() -> None:
    open_city = replace(CITY, policy=replace(CITY.policy, approvers={}))
    assert may_approve("anyone", "parks", open_city)
