"""What an operator may change of `classify`."""

from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings


class ClassifySettings(Settings, frozen=True, kw_only=True):
    """Categories, languages and safety words are the city's own; thresholds come with the model."""

    prefix: ClassVar[str] = "CLASSIFY"
    model_dir: Annotated[
        Path | None,
        Meta(
            description="The model to serve; not set: `model` in the city's directory, else `shipped` among the models."
        ),
    ] = None
    model_look_s: Annotated[
        float, Meta(ge=0.0, description="How often a new model is looked for, seconds; 0: only at the start.")
    ] = 10.0
    max_tokens: Annotated[
        int, Meta(ge=16, le=512, description="Of a longer text only so many tokens are looked at.")
    ] = 384
    batch_size: Annotated[int, Meta(ge=1, le=20_000, description="Reports classified in one transaction, at most.")] = (
        2000
    )
