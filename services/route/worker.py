"""Wiring of `route`."""

from services.city.load import load
from services.city.model import Layer
from services.events import RequestClassified, RequestRouted
from services.route.adapters import DatedAtlas
from services.route.core import Router
from services.route.settings import RouteSettings
from services.runtime.settings import Shared
from services.runtime.worker import Worker


def build(settings: RouteSettings, shared: Shared) -> Worker:
    """Give the worker that routes by the files of the city's directory."""
    city = load(shared.city_dir)
    return Worker(
        name="route",
        reads=(RequestClassified,),
        writes=(RequestRouted,),
        handler=Router(city, DatedAtlas(city)),
        batch_size=settings.batch_size,
        versions={"city": city.version} | {_named(layer): layer.version for layer in city.layers},
    )


def _named(layer: Layer) -> str:
    return f"{layer.id}_from_{layer.effective.replace('-', '_')}" if layer.effective else layer.id
