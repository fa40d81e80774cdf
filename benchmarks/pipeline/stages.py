"""When each report reached each stage, read from the topics afterwards so that measuring costs the run nothing.

A record's time is when its producer took it, before the transaction that carries it was committed; at the door it is
the report's `received_at`. A report counts once at each stage, at the first of its records there.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import pairwise
from statistics import fmean
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from services.events import (
    DeliveryMade,
    DraftHeld,
    RequestClassified,
    RequestMatched,
    RequestPrioritized,
    RequestReceived,
    RequestRouted,
)
from services.runtime.kafka import KafkaClients

STAGES = ("door", "receive", "classify", "route", "match", "prioritize", "decide", "deliver")
"""In the order of the flow. What is held for a person ends with `decide`, and is then in `held` too."""
_TOPICS = {
    RequestReceived.topic: "receive",
    RequestClassified.topic: "classify",
    RequestRouted.topic: "route",
    RequestMatched.topic: "match",
    RequestPrioritized.topic: "prioritize",
    DraftHeld.topic: "held",
    DeliveryMade.topic: "deliver",
}
Times = dict[str, dict[str, int]]
"""By stage and request: milliseconds of Unix time."""


class _Report(msgspec.Struct):
    received_at: datetime


class _Received(msgspec.Struct):
    report: _Report


_received = msgspec.json.Decoder(_Received)


def settling_topics(workers: Iterable[str], ends: Iterable[str] = (DeliveryMade.topic,)) -> list[str]:
    """Give the topics in which a report's way ends, apart from those in `ends` a draft or a dead letter."""
    return [DraftHeld.topic, *ends, *(f"{worker}.dead.v1" for worker in workers)]


class Reader:
    """Follows topics from their beginning: ids and times."""

    def __init__(self, clients: KafkaClients, topics: Iterable[str]) -> None:
        self._reader = clients.reader()
        places = [TopicPartition(t, p, OFFSET_BEGINNING) for t in topics for p in range(clients.partitions(t))]
        self._reader.assign(places)
        self._left = {(place.topic, place.partition) for place in places}
        self.first: dict[tuple[str, str], int] = {}
        """By topic and request."""
        self.requests: set[str] = set()
        self.received: dict[str, int] = {}

    def read(self, seconds: float) -> bool:
        """Read on for one look of up to `seconds`; True when every partition is read to its end."""
        for message in self._reader.consume(5000, seconds):
            place = (message.topic(), message.partition())
            error = message.error()
            if error is None:
                self._left.add(place)
                request = _request(message.headers() or ())
                self.requests.add(request)
                self.first.setdefault((place[0], request), message.timestamp()[1])
                if place[0] == RequestReceived.topic:
                    moment = _received.decode(message.value() or b"").report.received_at
                    self.received.setdefault(request, int(moment.timestamp() * 1000))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                self._left.discard(place)
        return not self._left

    def close(self) -> None:
        """Read no more."""
        self._reader.close()


def read_times(clients: KafkaClients, departments: Iterable[str], ids: Collection[str]) -> Times:
    """Give when each of `ids` reached each stage; what never did is absent there."""
    cases = {f"cases.{department}.v1": "decide" for department in departments}
    stage_of = _TOPICS | cases
    reader = Reader(clients, stage_of)
    while not reader.read(1.0):
        pass
    reader.close()
    times: Times = {stage: {} for stage in (*STAGES, "held")}
    times["door"] = {request: at for request, at in reader.received.items() if request in ids}
    for (topic, request), at in reader.first.items():
        if request in ids:
            stage = times[stage_of[topic]]
            stage[request] = min(at, stage.get(request, at))
    for request, at in times["held"].items():
        times["decide"][request] = min(at, times["decide"].get(request, at))
    return times


def settled(times: Times, last: str = "deliver") -> dict[str, int]:
    """Give when each report that arrived first had arrived: with its department, or with a person.

    With `decide` as the `last` stage, in its department's topic counts.
    """
    ends = dict(times["held"])
    for request, at in times[last].items():
        ends[request] = min(at, ends.get(request, at))
    return ends


def latencies(times: Times, last: str = "deliver") -> list[int]:
    """Give the milliseconds from the door to the department or desk, in order."""
    return sorted(at - times["door"][request] for request, at in settled(times, last).items())


def rate(moments: list[int]) -> float:
    """Give how many a second there were in the middle: from the first fifth to the last."""
    first, last = moments[len(moments) // 5], moments[-(len(moments) // 5) - 1]
    return 0.6 * len(moments) / max(1, last - first) * 1000


def figures(times: Times, last: str = "deliver") -> dict[str, dict[str, Any]]:
    """Give for each stage up to the `last` how long a report took from the stage before, and how many waited for it.

    `waiting_mean` is over the time from the first fifth to the last fifth of all that settled.
    """
    moments = sorted(settled(times, last).values())
    begin, end = moments[len(moments) // 5], moments[-(len(moments) // 5) - 1]
    found: dict[str, dict[str, Any]] = {}
    for before, stage in pairwise(STAGES[: STAGES.index(last) + 1]):
        took = sorted(at - times[before][request] for request, at in times[stage].items() if request in times[before])
        passed = times[stage] if stage == "deliver" else None
        # What is held never comes to `deliver`: only what did waited for it.
        arrivals = [at for request, at in times[before].items() if passed is None or request in passed]
        found[stage] = {
            "p50_ms": quantile(took, 0.5),
            "p99_ms": quantile(took, 0.99),
            "waiting_mean": round(_waiting(sorted(arrivals), sorted(times[stage].values()), begin, end)),
            "per_s": round(rate(sorted(times[stage].values()))) if times[stage] else 0,
        }
    return found


def bottleneck(stages: dict[str, dict[str, Any]]) -> str:
    """Give the stage that most reports waited for."""
    return max(stages, key=lambda stage: stages[stage]["waiting_mean"])


def _waiting(arrivals: list[int], departures: list[int], begin: int, end: int) -> float:
    """Give the mean number between two stages over 50 looks."""
    looks = [begin + (end - begin) * number // 50 for number in range(51)]
    return fmean(sum(at <= look for at in arrivals) - sum(at <= look for at in departures) for look in looks)


def quantile(ordered: list[int], share: float) -> int | None:
    """Give a quantile, or None of nothing."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _request(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """Give the request that a record is about: every event's id begins with it."""
    for name, content in headers:
        if name == "ce_id":
            return (content or b"").decode("utf-8", "replace").partition(".")[0]
    return ""
