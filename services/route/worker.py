"""Wiring of `route`."""

from services.city.model import City, Layer
from services.city.shelf import CityShelf
from services.events import RequestClassified, RequestRouted
from services.places.addresses.finder import Addresses
from services.responsible.advice import Routes, advised
from services.route.adapters import DatedAtlas, Live
from services.route.core import Router, unfit
from services.route.settings import RouteSettings
from services.runtime.metrics import Metrics
from services.runtime.settings import Shared
from services.runtime.worker import Worker


def router_of(city: City) -> Routes:
    """Give what routes the reports of a city.

    Raises:
        CityError: the city wants its ranking asked, and that cannot be served.

    """
    addresses = Addresses(city)
    return advised(Router(city, DatedAtlas(city), addresses if addresses.known else None), city)


def build(settings: RouteSettings, shared: Shared, metrics: Metrics | None = None) -> Worker:
    """Give the worker that routes by the files of the city's directory, and by new ones once they are found sound.

    Raises:
        CityError: the city that is there at the start has faults, or its ranking cannot be served.

    """
    own_metrics = metrics or Metrics("route")

    def looked_at(city: City | None) -> None:
        own_metrics.city_reloads.of("refused" if city is None else "served").inc()
        if city is not None:
            own_metrics.now(**_versions(city))

    shelf = CityShelf(shared.city_dir, router_of, unfit, looked_at, every_s=settings.city_look_s)
    return Worker(
        name="route",
        reads=(RequestClassified,),
        writes=(RequestRouted,),
        handler=Live(shelf),
        batch_size=settings.batch_size,
        versions=_versions(shelf.city),
        close=shelf.close,
    )


def _versions(city: City) -> dict[str, str]:
    return {"city": city.version} | {_named(layer): layer.version for layer in city.layers}


def _named(layer: Layer) -> str:
    return f"{layer.id}_from_{layer.effective.replace('-', '_')}" if layer.effective else layer.id
