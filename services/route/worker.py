"""Wiring of `route`."""

from services.city.load import load
from services.events import RequestClassified, RequestRouted
from services.places.addresses.finder import Addresses
from services.route.adapters import ShapelyAtlas
from services.route.core import Router
from services.route.settings import RouteSettings
from services.runtime.settings import Shared
from services.runtime.worker import Worker


def build(settings: RouteSettings, shared: Shared) -> Worker:
    """Give the worker that routes by the files of the city's directory."""
    city = load(shared.city_dir)
    addresses = Addresses(city)
    return Worker(
        name="route",
        reads=(RequestClassified,),
        writes=(RequestRouted,),
        handler=Router(city, ShapelyAtlas(city.layers), addresses if addresses.known else None),
        batch_size=settings.batch_size,
        versions={"city": city.version} | {layer.id: layer.version for layer in city.layers},
    )
