"""Release a report to its department, or hold it for a person, and say why in words a clerk would use.

What speaks against releasing is gathered as doubts. Which doubts hold a report depends on its category's mode:

| mode | held by |
| --- | --- |
| copilot | any report is held; the doubts are told beside |
| supervised | every doubt |
| automatic | `HOLDS_AUTOMATIC`: it is not clear to which department, or that one could work with it |

Danger to life goes out at once in every mode, if the city's policy says so, with the doubts told to the department.
Only a department that the city does not have holds it too: nobody would receive it. A duplicate is never dropped:
it goes out with the link, and the department's system adds it to the incident.

A person's word is kept: when the world changes and a report is scored anew, what a person said of it before holds for
the new score too, and policy is not asked again. Of links a person's word holds for the revision that it was said of,
since `match` reads reviews too, and knows more of the incident: a later revision of the link is taken as it comes,
but one that still has a link which was undone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from services.city.model import Category, City
from services.events import Case, DraftHeld, Event, RequestPrioritized, ReviewMade
from services.parts import Boundary, Classification, Decision, LostRule, Matching, Mode, Routing
from services.runtime.worker import Outcome, Rejected

Kind = Literal[
    "department",
    "category",
    "spam",
    "intent",
    "outside",
    "place",
    "confidence",
    "boundary",
    "responsible",
    "duplicate",
    "resend",
]
HOLDS_AUTOMATIC: frozenset[Kind] = frozenset(
    {"department", "category", "spam", "outside", "place", "boundary", "responsible"}
)
HOUR_S = 3600.0
RESENT = "sent again by the same person within minutes"


class Doubt(NamedTuple):
    """One thing that speaks against releasing a report."""

    kind: Kind
    text: str


class Word(NamedTuple):
    """What a person said of a report, without the draft."""

    verdict: Literal["approve", "correct", "reject", "unlink"]
    reviewer: str
    mode: Mode
    note: str
    service_code: str
    department: str
    same_as: str
    link: Matching
    """As the person saw it."""


def word_of(review: ReviewMade) -> Word:
    """Give the verdict of a review, without the draft it was made on."""
    draft = review.draft
    return Word(
        review.verdict,
        review.reviewer,
        draft.decision.mode,
        review.note,
        review.service_code,
        review.department,
        review.same_as,
        replace(draft.matching, evidence=None, candidates=(), extent=None),
    )


class Decider:
    """The handler of `decide`: what may go out by the city's policy, and what a person said.

    Args:
        city: Its policy, categories and departments.
        hold_suggestions: Whether a report that may be a duplicate waits for a person, where mode is supervised.
        remember: How many verdicts are kept, the newest ones; a report whose verdict is forgotten, and that is scored
            anew, is decided by policy again.

    """

    def __init__(self, city: City, *, hold_suggestions: bool = True, remember: int = 200_000) -> None:
        self._city = city
        self._hold_suggestions = hold_suggestions
        self._version = f"1.{city.version}"
        self._words: dict[str, Word] = {}
        self._remember = remember

    def learn(self, event: Event) -> None:
        """Keep what a person said of a report; the newest verdict is the one that counts."""
        if not isinstance(event, ReviewMade):
            message = f"decide learns from reviews.made.v1, and was given {type(event).__name__}"
            raise TypeError(message)
        if fault(event, self._city) is not None:
            return
        self._words.pop(event.draft.report.request_id, None)  # popped first: the newest verdict is forgotten last
        self._words[event.draft.report.request_id] = word_of(event)
        while len(self._words) > self._remember:
            del self._words[next(iter(self._words))]

    def handle(self, batch: Sequence[Event]) -> list[Outcome]:
        """Decide each `RequestPrioritized`, and carry out each `ReviewMade`."""
        return [self._outcome(event) for event in batch]

    def _outcome(self, event: Event) -> Outcome:
        if isinstance(event, RequestPrioritized):
            word = self._words.get(event.report.request_id)
            if word is None or (word.department or event.routing.department) not in self._city.departments:
                return self._decide(event)
            return self._carry_out(word, event, again=True)
        if isinstance(event, ReviewMade):
            return fault(event, self._city) or self._carry_out(word_of(event), event.draft)
        message = f"decide reads requests.prioritized.v1 and reviews.made.v1, and was given {type(event).__name__}"
        raise TypeError(message)

    def _decide(self, event: RequestPrioritized) -> Case | DraftHeld:
        policy, found = self._city.policy, doubts(event, self._city)
        mode = policy.categories.get(event.classification.service_code, policy.mode)
        danger = event.priority.level == "life_safety" and policy.release_life_safety
        held = [doubt.text for doubt in found if self._holds(doubt, mode, danger=danger)]
        if mode == "copilot" and not danger:
            held = ["a person confirms every report of this category", *(doubt.text for doubt in found)]
        if held:
            held += [doubt.text for doubt in found if doubt.kind == "resend" and doubt.text not in held]
            return DraftHeld(**_said(event), decision=self._decision("hold", mode, held))
        first = "danger to life: goes out at once" if danger else _release(event, mode)
        link = event.matching
        linked = f"linked to {link.duplicate_of} as the same incident" if link.band == "automatic" else ""
        reasons = [first, linked, *(f"yet {doubt.text}" for doubt in found)]
        return Case(**_said(event), decision=self._decision("release", mode, reasons))

    def _holds(self, doubt: Doubt, mode: Mode, *, danger: bool) -> bool:
        if danger:
            return doubt.kind == "department"
        if mode == "automatic":
            return doubt.kind in HOLDS_AUTOMATIC
        return doubt.kind != "resend" and (doubt.kind != "duplicate" or self._hold_suggestions)

    def _decision(
        self, action: Literal["release", "hold"], mode: Mode, reasons: Sequence[str], reviewer: str = ""
    ) -> Decision:
        return Decision(
            action=action, mode=mode, reasons=tuple(filter(None, reasons)), reviewer=reviewer, version=self._version
        )

    def _carry_out(self, word: Word, event: RequestPrioritized | DraftHeld, *, again: bool = False) -> Outcome:
        """Give the case that a person's word makes of a report; none for a rejection, which the index records."""
        if word.verdict == "reject":
            return ()
        said, reasons = _said(event), ["approved by a person"]
        classification, routing, matching = event.classification, event.routing, event.matching
        if word.verdict == "correct":
            classification = corrected(classification, word.service_code, self._city.categories)
            routing = rerouted(routing, word.department)
            reasons = [
                f"a person corrected the category from {event.classification.service_code}"
                if word.service_code
                else "",
                f"a person corrected the department from {event.routing.department}" if word.department else "",
            ]
        if word.verdict == "unlink":
            if still_linked(matching, word.link):
                matching = unlinked(matching, event.report.request_id)
            reasons = [f"a person says that it is not the same incident as {word.link.duplicate_of}"]
        elif word.same_as not in ("", event.report.request_id):
            if matching.revision == word.link.revision:
                matching = merged(matching, word.same_as)
            reasons.append(f"a person says that it is the same incident as {word.same_as}")
        reasons.append(f"the reviewer's note: {word.note}" if word.note else "")
        reasons.append("scored anew since, and the person's word stands" if again else "")
        decision = self._decision("release", word.mode, reasons, word.reviewer)
        said |= {"classification": classification, "routing": routing, "matching": matching}
        return Case(**said, decision=decision)


def fault(review: ReviewMade, city: City) -> Rejected | None:
    """Say what is wrong with a verdict, so that nothing can be made of it; None if nothing is."""
    if review.verdict == "reject":
        return None
    if review.verdict == "correct" and not review.service_code and not review.department:
        return Rejected("nothing_corrected", "a correction needs a service_code or a department")
    if review.verdict == "correct" and review.service_code and review.service_code not in city.categories:
        detail = f"the city has no category {review.service_code!r}; review again with one of its categories.yaml"
        return Rejected("unknown_service_code", detail)
    department = (review.department if review.verdict == "correct" else "") or review.draft.routing.department
    if department not in city.departments:
        known = ", ".join(sorted(city.departments))
        detail = f"the city has no department {department!r}; correct it to one of {known}"
        return Rejected("unknown_department", detail)
    return None


def doubts(event: RequestPrioritized, city: City) -> list[Doubt]:
    """Give all that speaks against releasing a report, the weightiest first."""
    said, routing, policy = event.classification, event.routing, city.policy
    category = city.categories.get(said.service_code)
    found: list[Doubt] = []
    if routing.department not in city.departments:
        found.append(Doubt("department", f"the city has no department {routing.department}"))
    if category is None:
        found.append(Doubt("category", f"the city has no category {said.service_code}"))
    if said.intent == "spam":
        found.append(Doubt("spam", "it reads like spam"))
    elif said.intent != "report":
        found.append(Doubt("intent", f"it reads like a {_INTENTS[said.intent]}, not like a report"))
    if routing.outside and policy.hold_outside:
        asked = f": ask {routing.instead} instead" if routing.instead else ""
        found.append(Doubt("outside", f"the place is outside the city's limits{asked}"))
    if policy.hold_without_place and (vague := _vague(event, policy.hold_beyond_m)):
        found.append(Doubt("place", vague))
    found += _confidence(said, category, policy.min_confidence)
    if policy.boundary != "larger":
        across = [area for area in routing.ambiguous if area.department]
        found += [Doubt("boundary", _across(area, routing, ask=policy.boundary == "ask")) for area in across]
    if routing.ranking and not routing.ranking.sure:
        likely = ", ".join(f"{each.department} {each.probability:.2f}" for each in routing.ranking.best)
        found.append(Doubt("responsible", f"it is not clear whose it is; by past reports: {likely}"))
    return [*found, *_repeats(event.matching)]


_INTENTS = {"question": "question", "status": "question about an earlier report", "feedback": "comment on the service"}


def _vague(event: RequestPrioritized, beyond_m: float) -> str:
    """Say what keeps a crew from finding the place; empty: nothing does."""
    place, address = event.report.place, event.routing.address
    if place is None:
        return f"no place was given, and of its address: {address.reason}" if address else "no place was given"
    return f"the place is known to {place.radius_m:,.0f} m only" if place.radius_m > beyond_m else ""


def _confidence(said: Classification, category: Category | None, floor: float) -> list[Doubt]:
    name, needed = category.name if category else said.service_code, max(said.threshold, floor)
    if said.released and said.confidence >= floor:
        return []
    if said.confidence < needed:
        text = f"not sure enough that it is {name}: {said.confidence:.2f}, and {needed:.2f} is needed"
    else:
        text = f"the classifier did not release it: {said.reason or 'it gave no reason'}"
    return [Doubt("confidence", text)]


def _across(area: Boundary, routing: Routing, *, ask: bool) -> str:
    """Tell of an area that the circle reaches too; with `ask`, as what the reporter is to be asked."""
    if not ask:
        return f"the place may also lie {_lie(area)} ({area.share:.0%} of its circle), which is for {area.department}"
    here = next((_lie(own) for own in routing.boundaries if own.layer == area.layer), f"outside the {area.layer}")
    return (
        f"ask the reporter: does the place lie {here}, which is for {routing.department}, "
        f"or {_lie(area)} ({area.share:.0%} of its circle), which is for {area.department}?"
    )


def _lie(area: Boundary) -> str:
    return f"in {area.name or area.area_id}" if area.area_id else area.name or "outside the city's limits"


def _repeats(matching: Matching) -> list[Doubt]:
    if matching.band == "suggestion":
        return [Doubt("duplicate", _duplicate(matching))]
    return [Doubt("resend", f"{RESENT}, as {matching.duplicate_of}")] if matching.relation == "resend" else []


def _duplicate(matching: Matching) -> str:
    text = f"it may be the same incident as {matching.duplicate_of} ({matching.score:.2f})"
    if matching.relation == "resend":
        text = f"{RESENT}: {text}"
    if matching.evidence is None:
        return text
    return f"{text}, {matching.evidence.distance_m:.0f} m and {matching.evidence.elapsed_s / HOUR_S:.1f} h apart"


def _release(event: RequestPrioritized, mode: Mode) -> str:
    if mode == "automatic":
        return "reports of this category go out without a person"
    said = event.classification
    return f"sure of the category: {said.confidence:.2f}, and {said.threshold:.2f} is needed"


def _said(event: RequestPrioritized | DraftHeld) -> dict[str, Any]:
    return {
        "report": event.report,
        "classification": event.classification,
        "routing": event.routing,
        "matching": event.matching,
        "priority": event.priority,
    }


def corrected(said: Classification, service_code: str, categories: Mapping[str, Category]) -> Classification:
    """Give a classification with the category a person chose, certain; what the model had said stays as alternatives.

    Without a `service_code` it is given as it was; one that is not in `categories` is a KeyError.
    """
    if not service_code:
        return said
    return replace(
        said,
        service_code=service_code,
        family=categories[service_code].family,
        confidence=1.0,
        released=True,
        reason=f"corrected by a person from {said.service_code} ({said.confidence:.2f})",
    )


def rerouted(routing: Routing, department: str) -> Routing:
    """Give a routing with the department a person chose, and the rule that had chosen otherwise among the lost."""
    if not department:
        return routing
    return replace(
        routing,
        department=department,
        rule="review",
        reason=f"corrected by a person from {routing.department}",
        lost=(LostRule(rule=routing.rule, why="a person chose another department"), *routing.lost),
    )


def merged(matching: Matching, same_as: str) -> Matching:
    """Give a matching that a person joined to the incident of another request.

    What is named is the first report of that incident, or another where that is not known; `match` says the incident
    anew. What spoke for the link is kept if there was one to the same request, or within the same incident.
    """
    linked = matching.band == "automatic" and same_as in (matching.duplicate_of, matching.incident_id)
    known = linked or matching.duplicate_of == same_as
    other = matching.duplicate_of if known else same_as
    return Matching(
        incident_id=matching.incident_id if linked else same_as,
        band="automatic",
        duplicate_of=other,
        score=matching.score if known else 0.0,
        evidence=matching.evidence if known else None,
        candidates=tuple(each for each in matching.candidates if each.request_id != other),
        revision=matching.revision,
        relation="merged",
        recurs_of=matching.recurs_of,
        version=matching.version,
    )


def still_linked(matching: Matching, undone: Matching) -> bool:
    """Say whether a matching still has the link that a person undid, or is of the incident that it led to."""
    if matching.duplicate_of is None:
        return False
    incidents = {undone.duplicate_of, undone.incident_id if undone.band == "automatic" else undone.duplicate_of}
    return matching.duplicate_of in incidents or (matching.band == "automatic" and matching.incident_id in incidents)


def unlinked(matching: Matching, request_id: str) -> Matching:
    """Give a matching that stands alone."""
    return Matching(
        incident_id=request_id,
        candidates=matching.candidates,
        revision=matching.revision,
        recurs_of=matching.recurs_of,
        version=matching.version,
    )
