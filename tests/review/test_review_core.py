"""What a person's verdict comes to, and every reason why it is not taken, word for word."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from msgspec.structs import replace
from review_doubles import CITY, NOON, draft

from services.events import ReviewMade
from services.readmodel.rows import DraftRow, DraftState, ReviewRow
from services.review.core import Fault, Refused, Repeated, Verdict, Wanted, judge, may_approve, review_id_of


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
    what: Wanted, of: DraftRow | None = None, taken: tuple[ReviewRow, ...] = ()
) -> ReviewMade | Repeated | Refused:
    return judge(of or row(), what, city=CITY, taken=taken, now=NOON)


def refused(what: Wanted, of: DraftRow | None = None) -> tuple[HTTPStatus, tuple[Fault, ...]]:
    found = judged(what, of)
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


def test_a_review_has_one_id_however_often_it_is_clicked() -> None:
    assert review_id_of(wanted()) == review_id_of(wanted(reviewer="desk-4", note="again"))
    others = [
        wanted("reject"),
        wanted(revision=2),
        wanted(request_id="r-2"),
        wanted("correct", service_code="graffiti"),
        wanted("correct", department="graffiti"),
        wanted(key="k-1"),
        wanted(key="k-2"),
        wanted(key="k-1", request_id="r-2"),
    ]
    assert len({review_id_of(each) for each in (wanted(), *others)}) == 9
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
