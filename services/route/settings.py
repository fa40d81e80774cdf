"""What an operator may change of `route`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings


class RouteSettings(Settings, frozen=True, kw_only=True):
    """Everything else about routing is the city's own: departments.yaml and boundaries."""

    prefix: ClassVar[str] = "ROUTE"
    batch_size: Annotated[int, Meta(ge=1, le=20_000, description="Reports routed in one transaction, at most.")] = 2000
    city_look_s: Annotated[
        float,
        Meta(ge=0.0, description="How often changed files of the city are looked for, seconds; 0: only at the start."),
    ] = 10.0
