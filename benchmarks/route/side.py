"""One side of the race: `route` as it is, or a worker that knows beforehand what `route` says of each report."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec

from benchmarks.passthrough.job import travelling
from benchmarks.peers.job import Job, asked
from benchmarks.peers.programs.ours import Elsewhere, serve
from services.events import Event, RequestClassified, RequestRouted
from services.parts import Routing
from services.route.settings import RouteSettings
from services.route.worker import build
from services.runtime.settings import Shared
from services.runtime.worker import Stateless, Worker

ROUTINGS = "routings.json"
"""Beside the town: what `route` says of each report, by its source id."""


class Known:
    """Writes what was decided before."""

    def __init__(self, routings: Mapping[str, Routing], into: Any) -> None:  # noqa: ANN401 - as `RequestRouted`
        self._routings, self._into = routings, into

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        return [self._routed(event) for event in cast("Sequence[RequestClassified]", batch)]

    def _routed(self, event: RequestClassified) -> Any:  # noqa: ANN401 - as `RequestRouted`
        report, routing = event.report, self._routings[event.report.source_id]
        if report.place is None and routing.address is not None and routing.address.place is not None:
            report = msgspec.structs.replace(report, place=routing.address.place)
        return self._into(report=report, classification=event.classification, routing=routing)


def _worker(job: Job) -> Worker:
    city = Path(job.city)
    source, into = travelling(RequestClassified, job.source), travelling(RequestRouted, job.target)
    if job.task == "route":
        whole = build(RouteSettings(batch_size=job.batch), Shared(stormdrain_city_dir=city))
        handler: Any = Elsewhere(cast("Stateless", whole.handler), into)
        return replace(whole, name=job.group, reads=(source,), writes=(into,), handler=handler)
    routings = msgspec.json.decode((city.parent / ROUTINGS).read_bytes(), type=dict[str, Routing])
    known: Any = Known(routings, into)
    return Worker(name=job.group, reads=(source,), writes=(into,), handler=known, batch_size=job.batch)


if __name__ == "__main__":
    given = asked(sys.argv[1])
    serve(given, _worker(given))
