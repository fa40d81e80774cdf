"""What is sent to a department's system, under which key, and what its answer means.

Exactly once into a system that is not part of our transactions: every send of a case is an upsert by external
reference under an idempotency key that no retry, replay or restart changes, with a version that only grows. Sending
twice is harmless, so the ledger (this worker's own output) needs only to make it rare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from services.city.model import City
from services.events import Case, DeliveryMade, Event
from services.runtime.worker import Later, Outcome, Rejected

LONGEST_WAIT_S = 30.0
"""Between two tries of a system that does not say how long it wants to be left alone, unless an operator says otherwise
(`DeliverSettings.longest_wait_s`)."""
LONGEST_RETRY_AFTER_S = 300.0
"""What is believed of a Retry-After."""
FIRST_WAIT_S = 0.5

EVERYBODYS = frozenset({401, 403, 404, 405, 407, 408, 421, 425, 426, 429})
"""Statuses that speak of our token, our address or the system's load, never of one case: it must not be dropped."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One case, ready for one system."""

    ref: str
    """The external reference: the request id."""
    system: str
    key: str
    """The idempotency key."""
    version: int
    case: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The system has the case, in this version or a newer one."""

    result: Literal["created", "updated", "unchanged"]
    external_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The system will never take this case as it is."""

    reason: Literal["crm_refused", "crm_ambiguous", "crm_schema", "crm_failed"]
    detail: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Try again: nothing is known of whether the case arrived."""

    why: str
    retry_after: float | None = None
    failed: bool = False
    """The system broke over this very case (a 5xx other than 503), which is the case's fault if others pass."""


Answer = Accepted | Refused | Unavailable


@dataclass(frozen=True, slots=True)
class Trip:
    """What became of the parcels that were carried."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    """By idempotency key; a parcel without an answer was not sent."""
    waits: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    """Systems that want to be left alone: why, and for how many seconds from now."""


class Carrier(Protocol):
    """Takes parcels to their systems."""

    def carry(self, loads: Mapping[str, Sequence[Parcel]]) -> Trip:
        """Carry each system's parcels, no two of one key, the first ones first, for as long as patience lasts."""


def idempotency_key(tenant: str, request_id: str, system: str) -> str:
    """Give the key of a case in a system: SHA-256 in hex, the same on every retry, replay and restart."""
    return hashlib.sha256(f"{tenant}|{request_id}|{system}".encode()).hexdigest()


def version(revision: int, *, reviewed: bool) -> int:
    """Give the number a system orders by: a person's word wins over policy, and then the later revision.

    So a score that policy gave while a person decided, knowing nothing of it, does not undo what the person said.
    """
    return revision + (reviewed << 31)


def parcel(case: Case, *, system: str, tenant: str) -> Parcel:
    """Give what `system` is sent: the decision and its evidence, and nothing of who reported."""
    request_id = case.report.request_id
    number = version(case.priority.revision, reviewed=bool(case.decision.reviewer))
    place = case.report.place
    body: dict[str, Any] = {
        "version": number,
        "department": case.routing.department,
        "service_code": case.classification.service_code,
        "description": case.report.text,
        "address": case.report.address,
        "latitude": place.latitude if place else None,
        "longitude": place.longitude if place else None,
        "attributes": case.report.attributes,
        "media_urls": list(case.report.media_urls),
        "requested_at": case.report.requested_at.isoformat(),
        "received_at": case.report.received_at.isoformat(),
        "incident_id": case.matching.incident_id,
        "duplicate_of": case.matching.duplicate_of,
        "priority": case.priority.score,
        "level": case.priority.level,
        "due_at": case.priority.due_at.isoformat(),
        "life_safety": list(case.classification.safety.evidence) if case.classification.safety.flagged else [],
        "confidence": case.classification.confidence,
        "decided_by": "person" if case.decision.reviewer else "policy",
        "because": {
            "department": case.routing.reason,
            "priority": [f"{reason.what}: {reason.points:+g}" for reason in case.priority.reasons],
            "release": list(case.decision.reasons),
        },
    }
    return Parcel(request_id, system, idempotency_key(tenant, request_id, system), number, body)


def judge(status: int, body: Mapping[str, Any] | None, retry_after: float | None = None) -> Answer:  # noqa: PLR0911 - one for each kind of answer
    """Say what an answer means; `body` is None where it was not a JSON object.

    Details hold the status and no word of the answer: a system may quote the report in it.
    """
    external_id = (body or {}).get("id")
    known = external_id if isinstance(external_id, str) and external_id else ""
    result = (body or {}).get("result")
    if status in {200, 201}:
        if not known or result not in {"created", "updated", "unchanged"}:
            return Refused("crm_schema", f"status {status} without a text `id` and a known `result`")
        return Accepted(result, known)
    if status == 409:  # noqa: PLR2004 - HTTP
        # Without an id it says that the same key is under way elsewhere.
        return Accepted("unchanged", known) if known else Unavailable("status 409", retry_after)
    if status == 300:  # noqa: PLR2004 - HTTP
        return Refused("crm_ambiguous", "status 300: several records have this external reference; merge them there")
    if status in {400, 422}:
        return Refused("crm_schema", f"status {status}: the system does not take a case of this form")
    if status in EVERYBODYS or status >= 500:  # noqa: PLR2004 - HTTP
        return Unavailable(f"status {status}", retry_after, failed=status >= 500 and status != 503)  # noqa: PLR2004
    return Refused("crm_refused", f"status {status}")


def wait(failures: int, retry_after: float | None, luck: float, longest_s: float = LONGEST_WAIT_S) -> float:
    """Give how many seconds to leave a system alone after `failures` in a row; `luck`, 0 to 1, spreads the callers.

    Exponential with equal jitter: between half and all of 0.5, 1, 2, ... `longest_s`; never less than what the system
    asked.
    """
    most = min(longest_s, FIRST_WAIT_S * 2.0 ** min(failures - 1, 16))
    return max(most * (0.5 + luck / 2), min(retry_after or 0.0, LONGEST_RETRY_AFTER_S))


class Ledger:
    """The newest version delivered of each case, at most `most` of them: the oldest deliveries are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._versions: dict[int, dict[bytes, int]] = {}

    def has(self, partition: int, key: str, number: int) -> bool:
        """Say whether this version or a newer one was delivered."""
        return self._versions.get(partition, {}).get(_digest(key), -1) >= number

    def enter(self, partition: int, key: str, number: int) -> None:
        """Remember a delivery."""
        mine = self._versions.setdefault(partition, {})
        digest = _digest(key)
        mine[digest] = max(number, mine.pop(digest, -1))  # popped first: the newest delivery is forgotten last
        while len(mine) > max(1, self._most // len(self._versions)):
            del mine[next(iter(mine))]

    def forget(self, partition: int) -> None:
        """Drop what is known of a partition."""
        self._versions.pop(partition, None)


def _digest(key: str) -> bytes:
    """Give a key in 32 bytes; one that is not ours, which anybody may write into the topic, in its own."""
    try:
        return bytes.fromhex(key)
    except ValueError:
        return hashlib.sha256(key.encode()).digest()


@dataclass(slots=True)
class Try:
    """What this process knows of a parcel that no committed delivery tells of yet."""

    version: int
    taken_before: int
    """How many cases the system had taken from this process when it was first tried."""
    attempts: int = 0
    failures: int = 0
    answer: Accepted | Refused | None = None

    def note(self, answer: Answer | None, *, taken: int, give_up_after: int) -> None:
        """Take what came of carrying it; `taken` is how many cases the system has taken by now."""
        if answer is None:
            return
        self.attempts += 1
        if not isinstance(answer, Unavailable):
            self.answer = answer
        elif answer.failed:
            self.failures += 1
            if self.failures >= give_up_after and taken > self.taken_before:
                detail = f"the system failed on it {self.failures} times while it took others; look there, then replay"
                self.answer = Refused("crm_failed", detail)


class Deliver:
    """The handler: one DeliveryMade for each version of a case that was sent.

    Of several versions of a case in one batch only the newest is sent. Nothing is said of the older ones, nor of a
    version that the ledger already has, or has a newer one of.
    """

    def __init__(
        self, city: City, carrier: Carrier, *, clock: Callable[[], datetime], remember: int, give_up_after: int
    ) -> None:
        self._systems = {department.id: department.system for department in city.departments.values()}
        self._tenant = city.jurisdiction_id
        self._carrier = carrier
        self._clock = clock
        self._give_up_after = give_up_after
        self._ledger = Ledger(remember)
        self._tries: dict[int, dict[str, Try]] = {}
        self._taken = dict.fromkeys(city.systems, 0)

    def handle(self, partition: int, batch: Sequence[Event]) -> Sequence[Outcome]:
        """Deliver what is not delivered yet.

        A case whose system is away or slow is for later; what that system and others did take is remembered.
        """
        outcomes: list[Outcome] = [() for _ in batch]
        newest: dict[str, tuple[int, Case, Parcel]] = {}
        for index, event in enumerate(batch):
            case = _case(event)
            system = self._systems.get(case.routing.department)
            if system is None:
                detail = f"{case.routing.department} is not in departments.yaml"
                outcomes[index] = Rejected("unknown_department", detail)
                continue
            load = parcel(case, system=system, tenant=self._tenant)
            other = newest.get(load.key)
            if (other is None or other[2].version < load.version) and not self._ledger.has(
                partition, load.key, load.version
            ):
                newest[load.key] = index, case, load
        tries = self._tries.setdefault(partition, {})
        waits = self._carry([load for _, _, load in newest.values()], tries)
        for index, case, load in newest.values():
            outcomes[index] = self._outcome(case, load, tries[load.key], waits)
            if isinstance(outcomes[index], Rejected):
                del tries[load.key]
        return outcomes

    def fold(self, partition: int, event: Event) -> None:
        """Enter a committed delivery into the ledger."""
        if not isinstance(event, DeliveryMade):
            message = f"deliver cannot fold a {type(event).__name__}; expected a DeliveryMade"
            raise TypeError(message)
        number = version(event.revision, reviewed=event.reviewed)
        self._ledger.enter(partition, event.idempotency_key, number)
        tries = self._tries.get(partition, {})
        tried = tries.get(event.idempotency_key)
        if tried is not None and tried.version <= number:
            del tries[event.idempotency_key]

    def forget(self, partition: int) -> None:
        """Drop the ledger of a partition, and what was tried there."""
        self._ledger.forget(partition)
        self._tries.pop(partition, None)

    def _carry(self, parcels: Sequence[Parcel], tries: dict[str, Try]) -> Mapping[str, tuple[str, float]]:
        """Take parcels on their way; give the systems that want to be left alone, why and for how many seconds."""
        loads: dict[str, list[Parcel]] = {}
        for load in parcels:
            tried = tries.get(load.key)
            if tried is None or tried.version != load.version:
                tried = tries[load.key] = Try(load.version, self._taken[load.system])
            if tried.answer is None:
                loads.setdefault(load.system, []).append(load)
        for mine in loads.values():
            # What was tried least goes first: a case that breaks its system does not stand before the others.
            mine.sort(key=lambda load: tries[load.key].attempts)
        trip = self._carrier.carry(loads) if loads else Trip()
        for system, mine in loads.items():
            self._taken[system] += sum(isinstance(trip.answers.get(load.key), Accepted) for load in mine)
            for load in mine:
                tries[load.key].note(
                    trip.answers.get(load.key), taken=self._taken[system], give_up_after=self._give_up_after
                )
        return trip.waits

    def _outcome(
        self, case: Case, load: Parcel, tried: Try, waits: Mapping[str, tuple[str, float]]
    ) -> DeliveryMade | Rejected | Later:
        if isinstance(tried.answer, Refused):
            return Rejected(tried.answer.reason, f"{load.system}: {tried.answer.detail}")
        if tried.answer is None:
            why, seconds = waits.get(load.system, ("patience ran out", 0.0))
            return Later(f"{load.system}: {why}", seconds)
        return DeliveryMade(
            request_id=load.ref,
            department=case.routing.department,
            system=load.system,
            external_id=tried.answer.external_id,
            idempotency_key=load.key,
            revision=case.priority.revision,
            reviewed=bool(case.decision.reviewer),
            result=tried.answer.result,
            attempts=tried.attempts,
            received_at=case.report.received_at,
            delivered_at=self._clock(),
        )


def _case(event: Event) -> Case:
    if isinstance(event, Case):
        return event
    message = f"deliver cannot handle a {type(event).__name__}; expected a Case"
    raise TypeError(message)
