"""Whether a person's verdict on a draft can be taken, and what it says if so.

All that is wrong with a verdict is said at once, but in this order of kinds: no such draft, not yours, not well said,
too late. A repeat of a verdict that was taken is taken again, and is the same review.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from services.events import ReviewMade
from services.parts import may_be_id
from services.readmodel.rows import DraftRow, RequestRow, ReviewRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.city.model import City

Verdict = Literal["approve", "correct", "reject", "unlink"]
VERDICTS: tuple[Verdict, ...] = ("approve", "correct", "reject", "unlink")
SAID: dict[Verdict, str] = {
    "approve": "approved",
    "correct": "corrected",
    "reject": "rejected",
    "unlink": "released alone",
}
LONGEST_NOTE = 2000
LONGEST_REVIEWER = 128


class Wanted(Struct, frozen=True, kw_only=True):
    """What a person wants done with a draft. Fields that the verdict has no use for are left out of account."""

    request_id: str
    verdict: Verdict
    reviewer: str
    revision: int | None = None
    """Of the draft as the person saw it."""
    note: str = ""
    service_code: str = ""
    department: str = ""
    same_as: str = ""
    """A request whose incident is the draft's too, be it any of that incident."""
    key: str = ""
    """The caller's Idempotency-Key; empty: the verdict itself is the key."""


class Fault(Struct, frozen=True):
    """One thing that is wrong: a bounded code, a sentence, and the field it is about, if any."""

    code: str
    message: str
    field: str = ""


class Refused(Struct, frozen=True):
    """A verdict that cannot be taken, and why."""

    status: HTTPStatus
    faults: tuple[Fault, ...]


class Beside(Struct, frozen=True, kw_only=True):
    """What the read model knows of the requests that are said to be one incident; None where it knows nothing."""

    this: RequestRow | None = None
    other: RequestRow | None = None

    @property
    def one_incident(self) -> bool:
        """Whether they belong to one incident already."""
        if self.this is None or self.other is None or not self.this.incident_id:
            return False
        return self.this.incident_id == self.other.incident_id

    def incident_of(self, same_as: str, request_id: str) -> str:
        """Give the incident of the request that `same_as` names, so that all of it and all of the draft's become one.

        It is named by that request where no incident of it is known, or where it is the draft's own.
        """
        incident = self.other.incident_id if self.other is not None else ""
        return same_as if incident in ("", request_id) else incident


NOBODY = Beside()


class Repeated(Struct, frozen=True):
    """A verdict that was taken before."""

    review_id: str


def review_id_of(wanted: Wanted) -> str:
    """Give the id of a review: the same for the same Idempotency-Key, or without one for the same verdict."""
    said: tuple[str, ...] = ("key", wanted.request_id, wanted.key)
    if not wanted.key:
        said = ("verdict", wanted.request_id, str(wanted.revision), wanted.verdict, *_correction(wanted))
        said += (f"same as {_same_as(wanted)}",) if _same_as(wanted) else ()
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:32]


def judge(
    row: DraftRow | None,
    wanted: Wanted,
    *,
    city: City,
    taken: Sequence[ReviewRow],
    now: datetime,
    beside: Beside = NOBODY,
) -> ReviewMade | Repeated | Refused:
    """Give the review that `wanted` makes of the draft `row`, or why it makes none.

    Args:
        row: The request's newest draft as the read model has it.
        wanted: The verdict.
        city: Its categories, departments and approvers.
        taken: Reviews of this request that Kafka has, though the read model may not show them yet.
        now: The time of the review.
        beside: What the read model knows of the request that `same_as` names, and of this one.

    """
    if row is None:
        message = f"There is no draft of request {wanted.request_id!r}: it went out by policy, or has not arrived yet."
        return Refused(HTTPStatus.NOT_FOUND, (Fault("unknown_draft", message),))
    department = row.draft.routing.department
    if wanted.reviewer and not may_approve(wanted.reviewer, department, city):
        name = city.departments[department].name if department in city.departments else department
        message = f"{wanted.reviewer} may not decide for {name}: policy.yaml names its approvers."
        return Refused(HTTPStatus.FORBIDDEN, (Fault("not_an_approver", message, "reviewer"),))
    known = (*row.reviews, *taken)
    faults = (*_faults(row, wanted, city), *_same_as_faults(row, wanted, beside, known))
    if faults:
        return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, faults)
    return _too_late(row, wanted, known, beside) or ReviewMade(
        review_id=review_id_of(wanted),
        verdict=wanted.verdict,
        reviewer=wanted.reviewer,
        reviewed_at=now,
        draft=row.draft,
        note=wanted.note,
        service_code=_correction(wanted)[0],
        department=_correction(wanted)[1],
        same_as=beside.incident_of(_same_as(wanted), row.request_id) if _same_as(wanted) else "",
    )


def may_approve(reviewer: str, department: str, city: City) -> bool:
    """Say whether policy.yaml lets a reviewer decide for a department."""
    approvers = city.policy.approvers
    return department not in approvers or reviewer in (*approvers[department], *approvers.get("*", ()))


def _correction(wanted: Wanted) -> tuple[str, str]:
    return (wanted.service_code, wanted.department) if wanted.verdict == "correct" else ("", "")


def _same_as(wanted: Wanted) -> str:
    return wanted.same_as if wanted.verdict in ("approve", "correct") else ""


def _same_as_faults(row: DraftRow, wanted: Wanted, beside: Beside, known: Sequence[ReviewRow]) -> Iterator[Fault]:
    same_as = _same_as(wanted)
    if not same_as:
        return
    if not may_be_id(same_as):
        message = "`same_as` has up to 64 letters, digits, - and _: give the id of a request, as the desk shows it."
        yield Fault("bad_same_as", message, "same_as")
    elif same_as == row.request_id:
        message = "A report is the same as itself in any case: name another request, or leave `same_as` out."
        yield Fault("same_as_itself", message, "same_as")
    elif beside.other is None:
        message = f"There is no request {same_as!r}: give the id of one that has arrived, as the desk shows it."
        yield Fault("unknown_same_as", message, "same_as")
    elif same_as != row.draft.matching.duplicate_of and beside.one_incident:
        if any(review.review_id == review_id_of(wanted) for review in known):
            return  # this very verdict made them one
        message = f"Request {same_as} is of this report's incident already: leave `same_as` out."
        yield Fault("same_incident", message, "same_as")


def _faults(row: DraftRow, wanted: Wanted, city: City) -> Iterator[Fault]:
    if not wanted.reviewer:
        yield Fault("no_reviewer", "Say who you are: a verdict needs a reviewer.", "reviewer")
    elif len(wanted.reviewer) > LONGEST_REVIEWER:
        yield Fault("reviewer_too_long", f"The reviewer may have {LONGEST_REVIEWER} characters at most.", "reviewer")
    if wanted.revision is None:
        message = "Name the revision of the draft that you saw, as `revision` or as If-Match."
        yield Fault("no_revision", message, "revision")
    if len(wanted.note) > LONGEST_NOTE:
        yield Fault("note_too_long", f"The note may have {LONGEST_NOTE} characters at most.", "note")
    if wanted.verdict == "reject":
        if not wanted.note:
            yield Fault("no_note", "A rejection needs a note that says why.", "note")
        return
    if wanted.verdict == "correct":
        yield from _correction_faults(row, wanted, city)
    if wanted.verdict == "unlink" and row.draft.matching.duplicate_of is None:
        yield Fault("no_link", "This report is not linked to another: there is nothing to undo.")
    department = _correction(wanted)[1] or row.draft.routing.department
    if department not in city.departments:
        message = f"The city has no department {department!r}: correct it to one of {', '.join(city.departments)}."
        yield Fault("unknown_department", message, "department")


def _correction_faults(row: DraftRow, wanted: Wanted, city: City) -> Iterator[Fault]:
    if wanted.service_code and wanted.service_code not in city.categories:
        message = f"The city has no category {wanted.service_code!r}: choose one of its categories.yaml."
        yield Fault("unknown_service_code", message, "service_code")
    same_code = wanted.service_code in ("", row.draft.classification.service_code)
    if same_code and wanted.department in ("", row.draft.routing.department):
        message = "A correction needs another category or another department than the draft has."
        yield Fault("nothing_corrected", message, "service_code")


def _too_late(row: DraftRow, wanted: Wanted, known: Sequence[ReviewRow], beside: Beside) -> Repeated | Refused | None:
    review_id = review_id_of(wanted)
    for review in known:
        if review.review_id == review_id:
            said = (review.verdict, review.service_code, review.department)
            if said == (wanted.verdict, *_correction(wanted)) and _same_link(row, wanted, review, beside):
                return Repeated(review_id)
            message = "This Idempotency-Key was used for another verdict: use a new one."
            return Refused(HTTPStatus.CONFLICT, (Fault("key_used", message),))
    last = next((review for review in known if review.revision >= row.revision), None)
    if last is not None:
        message = f"Too late: it was {SAID[last.verdict]} by {last.reviewer} already."
        return Refused(HTTPStatus.CONFLICT, (Fault("already_decided", message),))
    if not row.is_open:
        message = "Too late: it went out by policy in the meantime."
        return Refused(HTTPStatus.CONFLICT, (Fault("already_released", message),))
    if wanted.revision != row.revision:
        message = (
            f"The draft has changed since you saw it: that was revision {wanted.revision}, this is {row.revision}. "
            "Look again."
        )
        return Refused(HTTPStatus.CONFLICT, (Fault("draft_changed", message, "revision"),))
    return None


def _same_link(row: DraftRow, wanted: Wanted, review: ReviewRow, beside: Beside) -> bool:
    """Say whether a review that has the id of this verdict links the draft as this verdict would.

    A review names the incident as it was then, which the other request may have left since.
    """
    same_as = _same_as(wanted)
    if not wanted.key:
        return True  # the id is made of what was said
    if not same_as or not review.same_as:
        return same_as == review.same_as
    return beside.one_incident or review.same_as in (same_as, beside.incident_of(same_as, row.request_id))
