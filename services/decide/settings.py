"""What an operator may change of `decide`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings


class DecideSettings(Settings, frozen=True, kw_only=True):
    """What may go out without a person is the city's own: policy.yaml."""

    prefix: ClassVar[str] = "DECIDE"
    hold_suggestions: Annotated[
        bool,
        Meta(description="Whether a report that may be of a known incident waits for a person in supervised mode."),
    ] = True
    remember: Annotated[
        int, Meta(ge=1, description="Verdicts of people that are kept, the newest ones; about 0.5 kB each.")
    ] = 200_000
    remember_days: Annotated[
        int, Meta(ge=1, description="Verdicts older than this are not read at the start; longer than a report is open.")
    ] = 30
    batch_size: Annotated[int, Meta(ge=1, le=20_000, description="Reports decided in one transaction, at most.")] = 2000
