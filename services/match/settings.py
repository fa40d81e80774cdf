"""What an operator may change of `match`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings


class MatchSettings(Settings, frozen=True, kw_only=True):
    """How near two reports must be is the city's own, by family: categories.yaml."""

    prefix: ClassVar[str] = "MATCH"
    automatic: Annotated[
        float, Meta(ge=0, le=1, description="From this score two reports are linked as one incident; 1: hardly ever.")
    ] = 0.8
    suggestion: Annotated[
        float, Meta(ge=0, le=1, description="From this score a person is told that two reports may be one incident.")
    ] = 0.6
    lateness_hours: Annotated[
        float, Meta(ge=0, description="A report that comes in this late is still put into its place among the others.")
    ] = 48.0
    open_reports: Annotated[
        int, Meta(ge=1, description="How many reports of a family are compared, the newest ones; about 2 kB each.")
    ] = 200_000
    remembered: Annotated[
        int,
        Meta(ge=0, description="Request ids kept per partition to know a repeat by, after the report is closed."),
    ] = 200_000
    batch_size: Annotated[int, Meta(ge=1, le=20_000, description="Reports matched in one transaction, at most.")] = 2000
