"""What an operator may change of `index`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings


class IndexSettings(Settings, frozen=True, kw_only=True):
    """The database itself is STORMDRAIN_READ_MODEL, which `receive` and `review` read too."""

    prefix: ClassVar[str] = "INDEX"
    batch_size: Annotated[int, Meta(ge=1, le=20_000, description="Events written in one SQL transaction, at most.")] = (
        2000
    )
    retry_s: Annotated[
        float, Meta(gt=0, le=600, description="Seconds to wait when the database does not answer, or is busy.")
    ] = 2.0
