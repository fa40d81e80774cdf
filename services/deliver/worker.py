"""Wiring of `deliver`."""

from datetime import UTC, datetime
from random import Random

from services.city.load import load
from services.deliver.adapters import Courier, Line, connect
from services.deliver.core import Deliver
from services.deliver.settings import DeliverSettings
from services.events import Case, DeliveryMade
from services.runtime.metrics import Metrics
from services.runtime.settings import Shared
from services.runtime.worker import Worker


def build(settings: DeliverSettings, shared: Shared, metrics: Metrics | None = None) -> Worker:
    """Give the worker that delivers to the systems that departments.yaml names."""
    city = load(shared.city_dir)
    courier = Courier(
        [Line(each.id, connect(each, settings), each.max_per_second) for each in city.systems.values()],
        patience_s=settings.patience_s,
        connections=settings.connections,
        longest_wait_s=settings.longest_wait_s,
        luck=Random(),  # noqa: S311 - jitter
        metrics=metrics,
    )
    handler = Deliver(
        city,
        courier,
        clock=lambda: datetime.now(UTC),
        remember=settings.remember,
        give_up_after=settings.give_up_after,
    )
    return Worker(
        name="deliver",
        reads=(Case,),
        writes=(DeliveryMade,),
        handler=handler,
        rebuilds_from=DeliveryMade,
        batch_size=settings.batch_size,
        versions={"city": city.version},
        close=courier.close,
    )
