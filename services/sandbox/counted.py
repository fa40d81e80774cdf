"""What others ask of the accounts of a run: sets of requests, and what is known of each, as if they were kept apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

import numpy as np

from services.events import RequestClassified, RequestRouted
from services.sandbox.accounts import (
    CLASSIFIED,
    DEAD,
    OUTSIDE,
    RECEIVED,
    ROUTED,
    UNKNOWN,
    WAITS_FOR_DECISION,
    WAITS_FOR_DELIVERY,
    Accounts,
)

V = TypeVar("V")
Link = tuple[int, str | None, str]
"""Revision, duplicate_of when linked automatically, incident."""


class Requests(AbstractSet[str]):
    """The requests of which something holds; what is made of it is a plain set."""

    def __init__(self, accounts: Accounts, holds: Callable[[int], bool]) -> None:
        self._accounts = accounts
        self._holds = holds

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:
        return set(it)

    def __contains__(self, request_id: object) -> bool:
        row = self._accounts.rows.get(request_id)  # type: ignore[call-overload]
        return row is not None and self._holds(row)

    def __iter__(self) -> Iterator[str]:
        holds = self._holds
        return (request_id for request_id, row in self._accounts.rows.items() if holds(row))

    def __len__(self) -> int:
        return sum(map(self._holds, range(len(self._accounts))))

    def __repr__(self) -> str:
        return repr(set(self))


class Of(Mapping[str, V]):
    """Something by request, of those requests of which it is known."""

    def __init__(self, accounts: Accounts, known: Callable[[int], bool], give: Callable[[int], V]) -> None:
        self._requests = Requests(accounts, known)
        self._accounts = accounts
        self._give = give

    def __getitem__(self, request_id: str) -> V:
        if request_id not in self._requests:
            raise KeyError(request_id)
        return self._give(self._accounts.rows[request_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def __repr__(self) -> str:
        return repr(dict(self))


class Tally:
    """Counts of one run; latencies are in seconds, from acceptance at the door to the CRM's answer or to the draft.

    Sets and mappings look into the accounts: asking for one element is cheap, counting or walking them is not.
    """

    def __init__(
        self,
        *,
        received: Iterable[str] = (),
        held: Iterable[str] = (),
        cases: Iterable[str] = (),
        dead_ids: Iterable[str] = (),
        delivered: Mapping[str, str] | None = None,
    ) -> None:
        self.accounts = accounts = Accounts()
        self.waiting_decision = Waiting(accounts, WAITS_FOR_DECISION)
        self.waiting_delivery = Waiting(accounts, WAITS_FOR_DELIVERY)
        self.dead: Counter[tuple[str, str]] = Counter()
        """Dead letters by worker and reason."""
        self.twice: Counter[str] = Counter()
        """Events that a topic carried twice under one id, from `match` on."""
        self.unreadable: Counter[str] = Counter()
        """Records by topic that are no events: poison that somebody else put there."""
        self.poison: Counter[str] = Counter()
        """Records by topic that bear the mark of our own poison."""
        self.replayed: Counter[str] = Counter()
        """Dead letters by topic that an operator brought back to it."""
        self.events: Counter[str] = Counter()
        self.size: Counter[str] = Counter()
        """Bytes of values by topic."""
        for request in received:
            accounts.count(RECEIVED, accounts.row(request))
        for request in held:
            accounts.say("held", accounts.row(request), 1)
        for request in cases:
            accounts.say("cases", accounts.row(request), 1)
        for request in dead_ids:
            accounts.flags[accounts.row(request)] |= DEAD
        for request, department in (delivered or {}).items():
            row = accounts.row(request)
            accounts.say("delivered", row, 1)
            accounts.taken_by[row] = accounts.names.number(department)

    @property
    def received(self) -> AbstractSet[str]:
        """Requests on requests.received.v1."""
        return self._counted(RECEIVED)

    @property
    def classified(self) -> AbstractSet[str]:
        """Requests on requests.classified.v1."""
        return self._counted(CLASSIFIED)

    @property
    def routed(self) -> AbstractSet[str]:
        """Requests on requests.routed.v1."""
        return self._counted(ROUTED)

    @property
    def links(self) -> Mapping[str, Link]:
        """By request: the newest link."""
        accounts = self.accounts
        ids = list(accounts.rows)

        def link(row: int) -> Link:
            earlier = accounts.duplicate_of[row]
            return accounts.link[row], None if earlier < 0 else ids[earlier], ids[accounts.incident[row]]

        return Of(accounts, lambda row: accounts.incident[row] != UNKNOWN, link)

    @property
    def categories(self) -> Mapping[str, str]:
        """By request: the category."""
        return self._named(self.accounts.category)

    @property
    def departments(self) -> Mapping[str, str]:
        """By request: the department that it was routed to."""
        return self._named(self.accounts.department)

    @property
    def outside(self) -> AbstractSet[str]:
        """Requests from outside the city."""
        return self._flagged(OUTSIDE)

    @property
    def held(self) -> AbstractSet[str]:
        """Requests of which there is a draft."""
        masks = self.accounts.revisions["held"]
        return Requests(self.accounts, lambda row: masks[row] != 0)

    @property
    def cases(self) -> AbstractSet[str]:
        """Requests of which there is a case."""
        masks = self.accounts.revisions["cases"]
        return Requests(self.accounts, lambda row: masks[row] != 0)

    @property
    def delivered(self) -> Mapping[str, str]:
        """By request: the department whose system has it."""
        return self._named(self.accounts.taken_by)

    @property
    def seconds(self) -> Mapping[str, float]:
        """By request: from the door to the system or to the desk."""
        seconds = self.accounts.seconds
        return Of(self.accounts, lambda row: seconds[row] >= 0, lambda row: seconds[row])

    @property
    def dead_ids(self) -> AbstractSet[str]:
        """Requests that ended in dead letters on their way."""
        return self._flagged(DEAD)

    @property
    def strangers(self) -> AbstractSet[str]:
        """Requests that a later topic has and requests.received.v1 has not: nobody sent them."""
        accounts = self.accounts
        received = accounts.times[RECEIVED]
        later = [*accounts.times[1:], *accounts.revisions.values()]
        return Requests(accounts, lambda row: not received[row] and any(column[row] for column in later))

    @property
    def repeated(self) -> dict[str, int]:
        """Events by topic that stand there more often than they should."""
        received, classified, routed = (np.array(column, dtype=np.int64) for column in self.accounts.times)
        allowed = np.maximum(received, 1)
        more = {
            topic: int(np.maximum(times - allowed, 0).sum())
            for topic, times in ((RequestClassified.topic, classified), (RequestRouted.topic, routed))
        }
        return {topic: number for topic, number in (more | self.twice).items() if number}

    @property
    def linked(self) -> set[str]:
        """Reports that are automatic duplicates of an earlier one."""
        earlier = self.accounts.duplicate_of
        return {request for request, row in self.accounts.rows.items() if earlier[row] != UNKNOWN}

    def settled(self) -> set[str]:
        """Reports that have arrived somewhere for good."""
        return {request for request, row in self.accounts.rows.items() if self.is_settled(row)}

    def is_decided(self, row: int) -> bool:
        """Say whether there is a case, a draft or a dead letter of a request."""
        accounts, revisions = self.accounts, self.accounts.revisions
        return bool(revisions["cases"][row] or revisions["held"][row] or accounts.flags[row] & DEAD)

    def is_settled(self, row: int) -> bool:
        """Say whether a request is delivered, waits for a person, or is a dead letter."""
        accounts, revisions = self.accounts, self.accounts.revisions
        if accounts.taken_by[row] != UNKNOWN or accounts.flags[row] & DEAD:
            return True
        return bool(revisions["held"][row] and not revisions["cases"][row])

    def latency_ms(self, share: float) -> float | None:
        """Give a quantile of the time from door to department or desk, in milliseconds."""
        ordered = sorted(second for second in self.accounts.seconds if second >= 0)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else None

    def _counted(self, stage: int) -> Requests:
        times = self.accounts.times[stage]
        return Requests(self.accounts, lambda row: times[row] != 0)

    def _flagged(self, flag: int) -> Requests:
        flags = self.accounts.flags
        return Requests(self.accounts, lambda row: bool(flags[row] & flag))

    def _named(self, column: Any) -> Of[str]:  # noqa: ANN401 - an array of numbers
        texts = self.accounts.names.texts
        return Of(self.accounts, lambda row: column[row] != UNKNOWN, lambda row: texts[column[row]])


class Waiting:
    """How many accepted requests still wait for something, by the tenth of a second in which they were accepted."""

    def __init__(self, accounts: Accounts, flag: int) -> None:
        self._accounts = accounts
        self._flag = flag
        self._tenths: dict[int, int] = {}

    def look(self, row: int, *, waits: bool) -> None:
        """Note whether a request waits now; one that is not accepted yet does not."""
        accounts = self._accounts
        waits = waits and accounts.accepted[row] != UNKNOWN
        if waits == bool(accounts.flags[row] & self._flag):
            return
        accounts.flags[row] ^= self._flag
        tenth = accounts.accepted[row]
        number = self._tenths.get(tenth, 0) + (1 if waits else -1)
        if number:
            self._tenths[tenth] = number
        else:
            del self._tenths[tenth]

    def before(self, moment: float) -> int:
        """Count those that wait and were accepted before a moment, in seconds since 1970; rounded up to a tenth."""
        until = moment * 10
        return sum(number for tenth, number in self._tenths.items() if tenth < until)
