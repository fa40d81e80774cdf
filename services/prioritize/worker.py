"""Wiring of `prioritize`."""

from datetime import timedelta

from services.city.load import load
from services.events import ContextUpdated, RequestMatched, RequestPrioritized, SurgeDetected
from services.prioritize.core import Points, Prioritizer
from services.prioritize.settings import PrioritizeSettings
from services.runtime.settings import Shared
from services.runtime.worker import Worker


def build(settings: PrioritizeSettings, shared: Shared) -> Worker:
    """Give the worker that scores by the categories of the city's directory."""
    city = load(shared.city_dir)
    longest = max((family.match_window_hours for family in city.families.values()), default=0.0)
    points = Points(
        danger=settings.danger_points,
        safety_category=settings.safety_category_points,
        unsure=settings.unsure_points,
        upset=settings.upset_points,
        surge=settings.surge_points,
        elevated_from=settings.elevated_from,
        urgent_from=settings.urgent_from,
        life_safety_hours=settings.life_safety_hours,
    )
    return Worker(
        name="prioritize",
        reads=(RequestMatched,),
        writes=(RequestPrioritized,),
        handler=Prioritizer(
            city.categories,
            points=points,
            keep=timedelta(days=settings.keep_days, hours=longest),
            at_most=settings.open_requests,
            version=f"1.{city.version}",
        ),
        rebuilds_from=RequestPrioritized,
        tables=(SurgeDetected, ContextUpdated),
        batch_size=settings.batch_size,
        versions={"city": city.version},
    )
