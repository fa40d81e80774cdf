"""Asks the ranking for reports that no rule takes: a sure answer routes, and an unsure one is told and held."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from msgspec.structs import replace

from services.city.findings import CityError, Finding
from services.city.load import RANKING
from services.city.model import City
from services.city.precedence import DEFAULT
from services.events import Event, RequestRouted
from services.parts import Likely, Ranking, Routing
from services.responsible.asked import Asked
from services.responsible.card import ModelError
from services.responsible.ranker import Ranked, Ranker

RULE = "ranking"
"""What a routing names as its rule where the ranking took the report."""


class Routes(Protocol):
    """Whatever routes reports by rules."""

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        """Give a `RequestRouted` for each event, in order."""


def advised(routes: Routes, city: City) -> Routes:
    """Give what routes as `routes` does and, where departments.yaml says `ranking: true`, asks the town's ranking too.

    Raises:
        CityError: the ranking is wanted, and cannot be served.

    """
    if not city.ranking:
        return routes
    try:
        return Advised(routes, Ranker.load(Path(city.path) / RANKING), city)
    except ModelError as error:
        raise CityError(Path(city.path), [Finding("departments.yaml", 0, "ranking", str(error))]) from None


class Advised:
    """Routes by rules; what is left to the default department goes to whoever is probably responsible."""

    def __init__(self, routes: Routes, ranker: Ranker, city: City) -> None:
        self._routes = routes
        self._ranker = ranker
        self._departments = frozenset(city.departments)

    def handle(self, batch: Sequence[Event]) -> list[Event]:
        """Route a batch; each report's answer is the same whatever else is in it."""
        routed = cast("list[RequestRouted]", self._routes.handle(batch))
        left = [row for row, each in enumerate(routed) if _is_left(each.routing)]
        ranked = self._ranker.rank([_asked(routed[row]) for row in left]) if left else []
        for row, found in zip(left, ranked, strict=True):
            routed[row] = replace(routed[row], routing=self._weighed(routed[row].routing, found))
        return [*routed]

    def _weighed(self, routing: Routing, found: Ranked) -> Routing:
        department, probability = found.best[0]
        sure = found.sure and department in self._departments
        ranking = Ranking(
            best=tuple(Likely(department=each, probability=share) for each, share in found.best),
            threshold=self._ranker.card.threshold,
            sure=sure,
            version=self._ranker.version,
        )
        before = f"{routing.reason}; by past reports it is {department}'s with {probability:.2f}"
        if sure:
            return replace(routing, department=department, rule=RULE, ranking=ranking, reason=before)
        needed = self._ranker.card.threshold
        why = "which is never enough" if needed is None else f"and {needed:.2f} is needed"
        if department not in self._departments:
            why = "and departments.yaml does not have it"
        return replace(routing, ranking=ranking, reason=f"{before}, {why}")


def _is_left(routing: Routing) -> bool:
    return routing.rule == DEFAULT and not routing.outside


def _asked(event: RequestRouted) -> Asked:
    report, place = event.report, event.report.place
    return Asked(
        text=report.text,
        service_code=event.classification.service_code,
        address=report.address,
        latitude=place.latitude if place else None,
        longitude=place.longitude if place else None,
        areas=tuple((area.layer, area.area_id) for area in event.routing.boundaries),
    )
