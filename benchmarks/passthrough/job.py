"""What both sides are asked to do, and what they say of it; between processes it travels as JSON."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from msgspec import Struct

from services.events import Event, RequestClassified, RequestReceived, RequestRouted

Side = Literal["runtime", "bare", "bare_tuned", "bare_without_headers"]
SIDES: tuple[Side, ...] = ("runtime", "bare", "bare_tuned", "bare_without_headers")
KINDS: dict[str, type[Event]] = {
    "received": RequestReceived,
    "classified": RequestClassified,
    "routed": RequestRouted,
}


class Job(Struct, frozen=True, kw_only=True):
    """Read `records` of `source`, which holds no more, and write as many to `target`."""

    side: Side
    bootstrap: str
    kind: str
    source: str
    target: str
    group: str
    records: int
    batch: int


class Done(Struct, frozen=True, kw_only=True):
    """From the first record in hand to the return of the last commit."""

    seconds: float
    cpu_seconds: float
    """Of the whole process, librdkafka's threads included."""
    batches: int


def travelling(kind: type[Event], topic: str) -> type[Event]:
    """Give an event class with the fields of `kind` that travels on `topic`."""
    namespace = {"topic": topic, "__annotations__": {"topic": ClassVar[str]}, "__module__": __name__}
    meta: Any = type(kind)
    made: type[Event] = meta(kind.__name__, (kind,), namespace, frozen=True, kw_only=True, omit_defaults=True)
    return made


def passing(kind: type[Event], into: Any) -> Callable[[Any], Event]:  # noqa: ANN401 - a class with the fields of `kind`
    """Give what a worker that decides nothing does: the same fields in an event of another type."""
    names = kind.__struct_fields__
    if names == ("report",):
        return lambda e: into(report=e.report)
    if names == ("report", "classification"):
        return lambda e: into(report=e.report, classification=e.classification)
    return lambda e: into(report=e.report, classification=e.classification, routing=e.routing)
