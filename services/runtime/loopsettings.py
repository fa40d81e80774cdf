"""What an operator may change about how a worker runs, under the worker's own prefix: `CLASSIFY_BATCH_SIZE`."""

from typing import Annotated

from msgspec import Meta

from services.runtime.settings import Settings


class LoopSettings(Settings, frozen=True, kw_only=True):
    """How one worker runs."""

    slot: Annotated[int, Meta(ge=-1, description="The slot to hold, by number; -1 takes the lowest free one.")] = -1
    metrics_port: Annotated[
        int, Meta(ge=0, le=65535, description="Where /metrics, /healthz and /readyz are; 0 takes a free port.")
    ] = 0
    metrics_host: Annotated[str, Meta(description="The address that port is opened on; 0.0.0.0 in a container.")] = (
        "127.0.0.1"
    )
    log_level: Annotated[str, Meta(description="DEBUG, INFO, WARNING or ERROR.")] = "INFO"
    linger_s: Annotated[
        float, Meta(ge=0.0, le=5.0, description="How long a batch that has begun waits for more records, seconds.")
    ] = 0.005
    idle_s: Annotated[float, Meta(ge=0.0, le=5.0, description="How long a poll waits for a first record, seconds.")] = (
        0.2
    )
    transaction_s: Annotated[
        float,
        Meta(gt=0.0, description="A transaction is given up after this, seconds; below KAFKA_TRANSACTION_TIMEOUT_MS."),
    ] = 10.0
    rewind_s: Annotated[
        float, Meta(gt=0.0, description="A worker that cannot read its committed offsets for this long exits, seconds.")
    ] = 60.0
    max_rejected_share: Annotated[
        float, Meta(ge=0.0, le=1.0, description="The worker pauses when more of its records than this are rejected.")
    ] = 0.5
    rejected_window: Annotated[
        int, Meta(ge=1, description="Over how many of its latest records that share is taken.")
    ] = 1000
    rejections_hold_s: Annotated[
        float, Meta(gt=0.0, description="How long it pauses before it looks again, seconds; POST /resume ends it.")
    ] = 300.0
    reconsider_size: Annotated[int, Meta(ge=1, description="Decisions made again in one transaction at most.")] = 1000


def loop_settings(worker: str) -> type[LoopSettings]:
    """Give the settings class of a worker: the same fields, its own prefix."""
    return type(
        "LoopSettings",
        (LoopSettings,),
        {"prefix": worker.upper(), "__doc__": f"How {worker} runs."},
        frozen=True,
        kw_only=True,
    )
