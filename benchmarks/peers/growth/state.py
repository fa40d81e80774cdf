"""`match` with many open reports: how long until their state is there again, what it takes, how fast it works then."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from math import cos, radians
from pathlib import Path
from random import Random
from typing import Any

import psutil
from confluent_kafka import Producer
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families as parsed

from benchmarks.peers.growth.lone import lone
from benchmarks.peers.pipeline.course import Say, course, peak_mib
from benchmarks.peers.pipeline.load import Feed, Observer, StuckError
from benchmarks.peers.pipeline.reports import Record
from benchmarks.samples import START, samples
from services.cli.town import Town, fetch
from services.events import RequestMatched, RequestRouted
from services.parts import Matching, Place, Report
from services.runtime import wire
from services.runtime.supervisor import Supervisor

SAMPLES = 2000
SQUARE_M = 28_000.0
"""The side of a square as large as New York City, over which the open reports are strewn, whatever their number."""
METRES = 111_320.0
WITHIN = timedelta(hours=20)
"""All are newer than that, so that none is closed yet."""
READY_S = 300.0
NO_LIMIT = {"MATCH_OPEN_REPORTS": "10000000"}


def states(city: Path, models: Path, numbers: Sequence[int], fresh: int, say: Say) -> list[dict[str, Any]]:
    """Give the figures of `match` for each number of open reports."""
    return [_one(city, models, number, fresh, say) for number in numbers]


def _one(city: Path, models: Path, number: int, fresh: int, say: Say) -> dict[str, Any]:
    luck = Random(number)
    base: list[Any] = list(samples("routed", seed=9, count=SAMPLES, city=city, models=models))
    with course(city, models, NO_LIMIT, say) as (_, ground, stack):
        began = time.perf_counter()
        _fill(ground.bootstrap, _matched(base, number, luck))
        say(f"{number:,} open reports written in {time.perf_counter() - began:.1f} s")
        side, town = lone(ground, "match", [RequestMatched.topic])
        observer = Observer(ground.bootstrap, side.ends)
        stack.callback(observer.close)
        ready_s, process = _ready(stack, side.programs[0].name, Supervisor(side.programs), town, number)
        resident, peak = round(process.memory_info().rss / 2**20), peak_mib([process.pid])
        records = [_record(event) for event in _routed(base, fresh, luck)]
        spent = process.cpu_times()
        sent = Feed(ground.bootstrap).all_at_once(RequestRouted.topic, records)
        observer.wait([each.request_id for each in records], "match", lambda: "")
        took = max(observer.first[each.request_id] for each in records) - sent
        now = process.cpu_times()
    found = {
        "open_reports": number,
        "ready_after_s": round(ready_s, 2),
        "resident_mib": resident,
        "peak_mib": peak,
        "reports_per_s": round(fresh / took, 1),
        "cpu_ms_per_report": round((now.user + now.system - spent.user - spent.system) / fresh * 1000, 3),
    }
    say(f"{number:,} open: ready after {ready_s:.1f} s, {resident:,} MiB, {found['reports_per_s']:,.0f} reports/s")
    return found


def _ready(
    stack: ExitStack, name: str, supervisor: Supervisor, town: Town, number: int
) -> tuple[float, psutil.Process]:
    """Start `match`; give the seconds until it has read all its state, and its process."""
    began = time.perf_counter()
    stack.enter_context(supervisor)
    while time.perf_counter() - began < READY_S:
        try:
            read, left = _rebuilt(fetch(f"http://127.0.0.1:{town.ports[name]}/metrics").decode())
        except OSError:
            read, left = 0.0, 1.0
        if read >= number and not left:
            return time.perf_counter() - began, psutil.Process(supervisor.pid(name))
        time.sleep(0.05)
    message = f"match did not have its state after {READY_S:.0f} s; see {town.log(name)}"
    raise StuckError(message)


def _rebuilt(metrics: str) -> tuple[float, float]:
    """Give how many records were read, and how many partitions are still being read."""
    found = {sample.name: sample.value for family in parsed(metrics) for sample in family.samples}
    return found.get("stormdrain_rebuild_records", 0.0), found.get("stormdrain_rebuilding", 1.0)


def _fill(bootstrap: str, events: Iterator[RequestMatched]) -> None:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            "linger.ms": 20,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 200_000,
            "log_level": 0,
        }
    )
    headers = None
    for event in events:
        headers = headers or wire.headers(event, source="match")
        own = [headers[0], ("ce_id", event.id.encode()), *headers[2:]]
        while True:
            try:
                producer.produce(RequestMatched.topic, wire.encode(event), event.key, headers=own)
                break
            except BufferError:
                producer.poll(0.05)
    if left := producer.flush(120):
        message = f"Kafka did not take {left} records within 120 s"
        raise StuckError(message)


def _matched(base: Sequence[RequestRouted], number: int, luck: Random) -> Iterator[RequestMatched]:
    for count in range(number):
        routed = base[count % len(base)]
        name = f"open-{count}"
        made = START - luck.random() * WITHIN
        yield RequestMatched(
            report=_strewn(routed.report, name, made, luck),
            classification=routed.classification,
            routing=routed.routing,
            matching=Matching(incident_id=name),
        )


def _routed(base: Sequence[RequestRouted], number: int, luck: Random) -> Iterator[RequestRouted]:
    for count in range(number):
        routed = base[luck.randrange(len(base))]
        yield replace(routed, report=_strewn(routed.report, f"fresh-{count}", START, luck))


def _strewn(report: Report, name: str, made: datetime, luck: Random) -> Report:
    """Give the report under another name, at another place and time."""
    north, east = luck.random() * SQUARE_M / METRES, luck.random() * SQUARE_M / METRES
    latitude = 40.5 + north
    place = Place(latitude=latitude, longitude=-74.2 + east / cos(radians(latitude)), radius_m=10.0, method="gps")
    return replace(report, request_id=name, place=place, requested_at=made, received_at=made)


def _record(event: RequestRouted) -> Record:
    return Record(event.report.request_id, event.key, wire.encode(event), wire.headers(event, source="route"))
