"""Reports of known truth as workers leave them before they are matched: with a category, a place and a label."""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.city.load import load
from services.events import RequestClassified, RequestReceived, RequestRouted
from services.parts import Place, Report
from services.receive.identity import derived_id
from services.sandbox.undisturbed import AT_ONCE, Cores

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from services.sandbox.storm import StormReport

DIGITS = 16
"""Of a pseudonym: hexadecimal ones."""


def labelled(city_dir: Path, models: Path, reports: Iterable[StormReport]) -> list[tuple[RequestRouted, str]]:
    """Run reports through `classify` and `route` as they are; give each routed event with its report's incident.

    They come in the order in which they were made. Mistakes of the classifier are in it, and no label is in an event.

    Raises:
        ValueError: a worker did not take a report.

    """
    zone = ZoneInfo(load(city_dir).time_zone)
    cores = Cores(city_dir, models)
    rest = iter(sorted(reports, key=lambda report: report.requested_at))
    found: list[tuple[RequestRouted, str]] = []
    while batch := list(islice(rest, AT_ONCE)):
        classified = cores.classify.handle([RequestReceived(report=_as_received(said, zone)) for said in batch])
        taken = [event for event in classified if isinstance(event, RequestClassified)]
        routed = [event for event in cores.route.handle(taken) if isinstance(event, RequestRouted)]
        if len(routed) != len(batch):
            message = f"classify and route took {len(routed)} of {len(batch)} reports: expected all of them"
            raise ValueError(message)
        found.extend((event, said.incident_truth) for event, said in zip(routed, batch, strict=True))
    return found


def _as_received(said: StormReport, zone: ZoneInfo) -> Report:
    """Give a report as the door would, had its gateway said how the place was found."""
    placed = said.lat is not None and said.lon is not None
    return Report(
        request_id=derived_id("source", said.channel, "", said.source_id),
        channel=said.channel,
        received_at=said.requested_at,
        requested_at=said.requested_at,
        text=said.text,
        place=Place(latitude=said.lat or 0.0, longitude=said.lon or 0.0, radius_m=said.radius_m, method=said.method)
        if placed
        else None,
        address=said.address,
        service_code=said.service_code,
        source_id=said.source_id,
        reporter=_pseudonym(said, zone),
    )


def _pseudonym(said: StormReport, zone: ZoneInfo) -> str:
    """Give what is equal for one person's reports of one day; without a secret, since these people are nobody."""
    if said.contact is None:
        return ""
    who = said.contact
    day = said.requested_at.astimezone(zone).date().isoformat()
    return hashlib.sha256(f"{who.name}\n{who.phone}\n{who.email}\n{day}".encode()).hexdigest()[:DIGITS]
