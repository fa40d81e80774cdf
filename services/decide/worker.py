"""Wiring of `decide`."""

from datetime import timedelta

from services.city.load import load
from services.decide.core import Decider
from services.decide.settings import DecideSettings
from services.events import Case, DraftHeld, RequestPrioritized, ReviewMade
from services.runtime.settings import Shared
from services.runtime.worker import Worker


def build(settings: DecideSettings, shared: Shared) -> Worker:
    """Give the worker that decides by the policy of the city's directory."""
    city = load(shared.city_dir)
    return Worker(
        name="decide",
        reads=(RequestPrioritized, ReviewMade),
        writes=(Case, DraftHeld),
        handler=Decider(city, hold_suggestions=settings.hold_suggestions, remember=settings.remember),
        tables=(ReviewMade,),
        tables_age=timedelta(days=settings.remember_days),
        batch_size=settings.batch_size,
        versions={"city": city.version},
    )
