"""From judged reports to acknowledged ones: what was accepted is on all in-sync replicas before anybody is told so."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from services.events import Event, RequestReceived
from services.receive.core import Accepted, Refused
from services.receive.fields import Fault
from services.receive.recent import Recent, Seen
from services.runtime.metrics import Metrics
from services.runtime.sender import Sender

CONFLICT: Final = Fault(
    code="idempotency_conflict",
    description="another report came under the same Idempotency-Key or source_id: send the same, or a new key",
)
UNAVAILABLE: Final = Fault(
    code="unavailable",
    description="the report could not be stored just now: nothing was promised, send it again",
)


class Verdict(Struct, frozen=True, kw_only=True):
    """What the sender of one report is told: a request id, or what is wrong."""

    request_id: str = ""
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    warnings: tuple[Fault, ...] = ()


class Intake:
    """Sends what was accepted and says what became of each report."""

    def __init__(self, sender: Sender, recent: Recent, metrics: Metrics) -> None:
        self._sender = sender
        self._recent = recent
        self._metrics = metrics

    async def take(self, judged: Sequence[Accepted | Refused], traceparent: bytes | None = None) -> list[Verdict]:
        """Give one verdict for each, in order. All reports of a call are sent at once and awaited together.

        A report and its contact stand or fall together. One that is not acknowledged in time may still arrive later;
        sent again under the same key it is the same request.
        """
        known = self._look(judged)
        groups = {
            each.report.request_id: _events(each)
            for each, seen in zip(judged, known, strict=True)
            if isinstance(each, Accepted) and seen is Seen.NEW
        }
        flat = [event for events in groups.values() for event in events]
        sent = iter(await self._sender.send(flat, traceparent) if flat else ())
        answers = {request_id: [next(sent) == "stored" for _ in events] for request_id, events in groups.items()}
        stored = {request_id: all(answer) for request_id, answer in answers.items()}
        for each, seen in zip(judged, known, strict=True):
            if isinstance(each, Accepted) and each.derived and seen is Seen.NEW and stored[each.report.request_id]:
                self._recent.remember(each.report.request_id, each.fingerprint)
        verdicts = [_verdict(each, seen, stored) for each, seen in zip(judged, known, strict=True)]
        self._count(judged, verdicts)
        return verdicts

    def _look(self, judged: Sequence[Accepted | Refused]) -> list[Seen]:
        """Tell for each whether it must be sent; a repeat within the call waits for the first of its name."""
        call: dict[str, bytes] = {}
        known = []
        for each in judged:
            seen = Seen.NEW
            if isinstance(each, Accepted) and each.derived:
                request_id, fingerprint = each.report.request_id, each.fingerprint
                seen = self._recent.look(request_id, fingerprint)
                if seen is Seen.NEW and call.setdefault(request_id, fingerprint) != fingerprint:
                    seen = Seen.CONFLICT
            known.append(seen)
        return known

    def _count(self, judged: Sequence[Accepted | Refused], verdicts: Sequence[Verdict]) -> None:
        accepted = Counter(
            each.report.channel
            for each, verdict in zip(judged, verdicts, strict=True)
            if isinstance(each, Accepted) and verdict.request_id
        )
        for channel, number in accepted.items():
            self._metrics.reports_accepted.of(channel).inc(number)
        refused = Counter(verdict.faults[0].code for verdict in verdicts if verdict.faults)
        for code, number in refused.items():
            self._metrics.reports_refused.of(code).inc(number)


def _verdict(each: Accepted | Refused, seen: Seen, stored: Mapping[str, bool]) -> Verdict:
    if isinstance(each, Refused):
        return Verdict(faults=each.faults)
    if seen is Seen.CONFLICT:
        return Verdict(faults=(CONFLICT,), ignored=each.ignored)
    if seen is Seen.NEW and not stored[each.report.request_id]:
        return Verdict(faults=(UNAVAILABLE,), ignored=each.ignored)
    return Verdict(request_id=each.report.request_id, ignored=each.ignored, warnings=each.warnings)


def _events(each: Accepted) -> list[Event]:
    report = RequestReceived(report=each.report)
    return [report, each.contact] if each.contact else [report]
