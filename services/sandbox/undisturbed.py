"""What an undisturbed run makes of the same reports: the workers' own cores, one after the other, in one process.

The reports are those that stand on requests.received.v1, each request once, in the order in which they were received.
Categories and departments do not depend on any order. Links do not either, as long as no report is put before others
by more than `MatchSettings.lateness_hours`, or more are open than `MatchSettings.open_reports`: what
was let go by then depends on when it was.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import msgspec

from services.city.load import load
from services.classify.settings import ClassifySettings
from services.classify.worker import build as build_classify
from services.events import RequestClassified, RequestReceived, RequestRouted
from services.incidents.links import Link
from services.incidents.seen import Seen
from services.match.adapters import seen_of
from services.match.core import Incidents
from services.match.settings import MatchSettings
from services.match.worker import HOUR_S, bands_of, families_of, reaches_of, scorer_of
from services.route.settings import RouteSettings
from services.route.worker import build as build_route
from services.runtime.dead import FIRST, scan
from services.runtime.settings import Shared
from services.sandbox.accounts import CLASSIFIED, DEAD, RECEIVED, ROUTED, UNKNOWN
from services.sandbox.counted import Tally
from services.sandbox.poison import is_poison

if TYPE_CHECKING:
    from pathlib import Path

    from services.incidents.scorer import Scorer
    from services.runtime.kafka import KafkaClients
    from services.runtime.ports import Message
    from services.runtime.worker import Stateless

AT_ONCE = 1000


class Cores:
    """The handlers of `classify` and `route`, and how near reports must be: what keeps nothing between runs."""

    def __init__(self, city: Path, models: Path) -> None:
        shared = Shared(stormdrain_city_dir=city, stormdrain_models_dir=models)
        town = load(city)
        self.reaches, self.families = reaches_of(town), families_of(town)
        self._shared = shared
        self.classify = cast("Stateless", build_classify(ClassifySettings(), shared).handler)
        self.route = cast("Stateless", build_route(RouteSettings(), shared).handler)

    @cached_property
    def scorer(self) -> Scorer:
        """What scores links."""
        return scorer_of(MatchSettings(), self._shared)


class Undisturbed:
    """Takes reports and says in `tally` what becomes of each; some 900 bytes for each open report."""

    def __init__(self, cores: Cores, settings: MatchSettings | None = None) -> None:
        self.tally = Tally()
        self._cores = cores
        self._settings = settings or MatchSettings()
        scorer, using = cores.scorer, self._settings
        self._incidents = Incidents(
            cores.reaches,
            bands_of(using, scorer),
            scorer,
            lateness_s=using.lateness_hours * HOUR_S,
            at_most=using.open_reports,
        )

    def run(self, reports: Iterable[RequestReceived]) -> Tally:
        """Take all reports; give what becomes of them."""
        rest = iter(reports)
        while batch := list(islice(rest, AT_ONCE)):
            self.take(batch)
        return self.tally

    def take(self, batch: Sequence[RequestReceived]) -> None:
        """Take the next reports; one that was taken before is left out."""
        accounts, fresh = self.tally.accounts, {}
        for event in batch:
            row = accounts.row(event.report.request_id)
            if not accounts.times[RECEIVED][row]:
                accounts.count(RECEIVED, row)
                fresh[row] = event
        outcomes = self._cores.classify.handle(list(fresh.values()))
        classified = {
            row: outcome for row, outcome in zip(fresh, outcomes, strict=True) if isinstance(outcome, RequestClassified)
        }
        for row in fresh.keys() - classified.keys():
            accounts.flags[row] |= DEAD
        for row, known in classified.items():
            accounts.count(CLASSIFIED, row)
            accounts.category[row] = accounts.names.number(known.classification.service_code)
        routed = cast("list[RequestRouted]", self._cores.route.handle(list(classified.values())))
        for row, placed in zip(classified, routed, strict=True):
            accounts.count(ROUTED, row)
            accounts.department[row] = accounts.names.number(placed.routing.department)
        self._match(routed)

    def _match(self, batch: Sequence[RequestRouted]) -> None:
        fresh: list[Seen] = []
        for event in batch:
            seen = seen_of(event, self._cores.families)
            if seen is None:
                self._link(event.report.request_id, Link(event.report.request_id))
            else:
                fresh.append(seen)
        for request_id, link in self._incidents.settle_and_take(fresh).items():
            self._link(request_id, link)
        for _ in self._incidents.expire():
            pass

    def _link(self, request_id: str, link: Link) -> None:
        accounts = self.tally.accounts
        row = accounts.row(request_id)
        accounts.link[row] = 1
        accounts.incident[row] = accounts.row(link.incident)
        accounts.duplicate_of[row] = UNKNOWN if link.duplicate_of is None else accounts.row(link.duplicate_of)


def received(clients: KafkaClients) -> Iterator[RequestReceived]:
    """Read what was received, poison left out, in the order of the records' timestamps over all partitions.

    Raises:
        DeadLettersError: a partition cannot be read.

    """
    topic = RequestReceived.topic
    decoder = msgspec.json.Decoder(RequestReceived)
    partitions = [scan(clients, {(topic, number): FIRST}) for number in range(clients.partitions(topic))]
    for message in heapq.merge(*partitions, key=_when):
        value = message.value()
        if value is not None and not is_poison(message.key(), message.headers()):
            yield decoder.decode(value)


def undisturbed(
    reports: Iterable[RequestReceived], city: Path, models: Path, settings: MatchSettings | None = None
) -> Tally:
    """Give what an undisturbed run makes of reports; `settings` are those that `match` ran with."""
    return Undisturbed(Cores(city, models), settings).run(reports)


def _when(message: Message) -> int:
    return message.timestamp()[1]


What = Literal["category", "department", "incident", "duplicate_of", "dead"]


class Difference(NamedTuple):
    """Something that became of a request, and would not have in an undisturbed run."""

    request: str
    what: What
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        return f"{self.request}: {self.what} is {self.found}, undisturbed {self.expected}"


def differences(expected: Tally, found: Tally) -> list[Difference]:
    """Hold what became of each request that was received against what should have.

    Incidents are named after their first report, so two runs with the same names have parted the reports alike.
    """
    pairs: tuple[tuple[What, Mapping[str, str], Mapping[str, str]], ...] = (
        ("category", expected.categories, found.categories),
        ("department", expected.departments, found.departments),
    )
    told: list[Difference] = []
    should_be, links = expected.links, found.links
    for request in found.received:
        row, other = found.accounts.rows[request], expected.accounts.rows.get(request)
        dead = bool(found.accounts.flags[row] & DEAD)
        should_die = other is None or bool(expected.accounts.flags[other] & DEAD)
        if dead or should_die:
            if dead != should_die:
                told.append(Difference(request, "dead", _yes(should_die), _yes(dead)))
            continue
        for what, right, is_ in pairs:
            told += _unlike(request, what, right.get(request), is_.get(request))
        right_link, link = should_be.get(request), links.get(request)
        told += _unlike(request, "incident", right_link and right_link[2], link and link[2])
        told += _unlike(request, "duplicate_of", right_link and right_link[1], link and link[1])
    return told


def _unlike(request: str, what: What, right: str | None, is_: str | None) -> list[Difference]:
    return [] if right == is_ else [Difference(request, what, right, is_)]


def _yes(dead: bool) -> str:  # noqa: FBT001 - a word for it
    return "in the dead letters" if dead else "alive"
