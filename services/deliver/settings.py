"""What an operator may change of `deliver`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.deliver.core import LONGEST_WAIT_S
from services.runtime.settings import Settings


class DeliverSettings(Settings, frozen=True, kw_only=True):
    """Addresses and secrets of the systems, and how patiently they are called.

    Which department uses which system, and how many calls a second it takes, is the city's own: departments.yaml.
    """

    prefix: ClassVar[str] = "DELIVER"
    sandbox_url: Annotated[str, Meta(description="Where systems of kind sandbox are reached.")] = (
        "http://127.0.0.1:8400"
    )
    sandbox_token: Annotated[
        str, Meta(description="Bearer token for systems of kind sandbox.", extra={"secret": True})
    ] = ""
    timeout_s: Annotated[float, Meta(gt=0, le=60, description="One call takes at most this long.")] = 5.0
    patience_s: Annotated[
        float, Meta(gt=0, le=60, description="One batch works on its calls this long; the rest waits for the next try.")
    ] = 8.0
    longest_wait_s: Annotated[
        float,
        Meta(ge=0.5, le=600, description="A system that is down is tried again at least this often, unless it asks."),
    ] = LONGEST_WAIT_S
    connections: Annotated[int, Meta(ge=1, le=256, description="Calls under way at once, to each system.")] = 16
    batch_size: Annotated[int, Meta(ge=1, le=2000, description="Cases taken in one transaction, at most.")] = 200
    give_up_after: Annotated[
        int,
        Meta(
            ge=1,
            description="A case that a system breaks over (5xx) this often, while it takes others, is a dead letter.",
        ),
    ] = 50
    remember: Annotated[
        int,
        Meta(
            ge=1000,
            description="Deliveries remembered, newest first. One that is forgotten and comes again is sent again, "
            "and the system finds it unchanged.",
        ),
    ] = 1_000_000
