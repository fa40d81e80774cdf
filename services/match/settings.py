"""What an operator may change of `match`."""

from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings


class MatchSettings(Settings, frozen=True, kw_only=True):
    """How near two reports must be is the city's own, by family: categories.yaml."""

    prefix: ClassVar[str] = "MATCH"
    automatic: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="From this probability two reports are one incident; not set: as was learned."),
    ] = None
    suggestion: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="From this probability a person is told that two may be; not set: as learned."),
    ] = None
    weights: Annotated[
        Path | None,
        Meta(description="What a link weighs; not set: match.json in the city's directory, else what is shipped."),
    ] = None
    lateness_hours: Annotated[
        float, Meta(ge=0, description="A report that comes in this late is still put into its place among the others.")
    ] = 48.0
    open_reports: Annotated[
        int, Meta(ge=1, description="How many reports are held to be compared, the newest ones; about 1.4 kB each.")
    ] = 1_000_000
    remembered: Annotated[
        int,
        Meta(ge=0, description="Request ids kept per partition to know a repeat by, after the report is closed."),
    ] = 200_000
    batch_size: Annotated[int, Meta(ge=1, le=20_000, description="Reports matched in one transaction, at most.")] = 2000
