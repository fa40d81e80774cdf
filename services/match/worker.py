"""Wiring of `match`."""

from services.city.load import load
from services.events import RequestMatched, RequestRouted
from services.match.adapters import Matcher
from services.match.core import Bands, Reach
from services.match.settings import MatchSettings
from services.runtime.settings import Shared
from services.runtime.worker import Worker

HOUR_S = 3600.0


def build(settings: MatchSettings, shared: Shared) -> Worker:
    """Give the worker that matches by the families of the city's directory."""
    city = load(shared.city_dir)
    version = f"1.{city.version}.{settings.suggestion:g}-{settings.automatic:g}"
    return Worker(
        name="match",
        reads=(RequestRouted,),
        writes=(RequestMatched,),
        handler=Matcher(
            {
                family.id: Reach(family.match_radius_m, family.match_window_hours * HOUR_S)
                for family in city.families.values()
            },
            bands=Bands(settings.suggestion, settings.automatic),
            lateness_s=settings.lateness_hours * HOUR_S,
            at_most=settings.open_reports,
            remembered=settings.remembered,
            version=version,
        ),
        rebuilds_from=RequestMatched,
        batch_size=settings.batch_size,
        versions={"city": city.version, "match": version},
    )
