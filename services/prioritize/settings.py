"""What an operator may change of `prioritize`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings


class PrioritizeSettings(Settings, frozen=True, kw_only=True):
    """Where a category starts and what it promises is the city's own: categories.yaml."""

    prefix: ClassVar[str] = "PRIORITIZE"
    danger_points: Annotated[float, Meta(ge=0, description="What words of danger to life add to the score.")] = 50.0
    safety_category_points: Annotated[
        float, Meta(ge=0, description="What a category that may concern life and limb adds to the score.")
    ] = 15.0
    unsure_points: Annotated[
        float, Meta(ge=0, description="What it adds that the category is a guess: somebody should look.")
    ] = 3.0
    upset_points: Annotated[float, Meta(ge=0, description="What an upset writer adds to the score.")] = 2.0
    surge_points: Annotated[
        float, Meta(ge=0, description="What a surge of the category in the area adds to the score.")
    ] = 10.0
    elevated_from: Annotated[
        float, Meta(ge=0, le=100, description="From this score a report is elevated: due in half the promised hours.")
    ] = 40.0
    urgent_from: Annotated[
        float, Meta(ge=0, le=100, description="From this score a report is urgent: due in a quarter of them.")
    ] = 70.0
    life_safety_hours: Annotated[
        float, Meta(gt=0, description="A report of danger to life is due after so many hours at the latest.")
    ] = 1.0
    keep_days: Annotated[
        float,
        Meta(
            gt=0,
            description="How long a request is reconsidered after the longest window in which the city's families "
            "match has passed.",
        ),
    ] = 14.0
    open_requests: Annotated[
        int, Meta(ge=1, description="How many requests of a partition are reconsidered, the newest ones; 2.5 kB each.")
    ] = 100_000
    batch_size: Annotated[int, Meta(ge=1, le=20_000, description="Reports scored in one transaction, at most.")] = 2000
