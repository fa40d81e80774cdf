"""What an operator may change of `receive`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings

Digest = Annotated[str, Meta(pattern="^([a-z0-9-]{1,40}:)?[0-9a-f]{64}$")]


class ReceiveSettings(Settings, frozen=True, kw_only=True):
    """Where the door stands, who may come in, and how much at a time."""

    prefix: ClassVar[str] = "RECEIVE"
    host: Annotated[str, Meta(description="Address to listen on; 0.0.0.0 for all of the machine's.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8311
    api_keys: Annotated[
        tuple[Digest, ...],
        Meta(
            description="SHA-256 (64 hex digits) of each key that may post, maybe with the gateway's name before it, "
            "name:digest; none: anybody may.",
            extra={"secret": True},
        ),
    ] = ()
    reporter_secret: Annotated[
        str,
        Meta(
            min_length=16,
            description="Makes the pseudonym by which one person's reports of one day are known to be one person's; "
            "the same for all processes of the door. Empty: reports carry none.",
            extra={"secret": True},
        ),
    ] = ""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=100_000_000, description="A larger body is answered 413.")] = (
        1_048_576
    )
    body_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="Seconds for a body to arrive; then the answer is 408.")
    ] = 15.0
    max_concurrent: Annotated[
        int, Meta(ge=1, le=100_000, description="Posts taken at once; more are answered 503 before they are read.")
    ] = 128
    max_batch: Annotated[int, Meta(ge=1, le=5000, description="Reports in one call of a channel, at most.")] = 500
    ack_timeout_s: Annotated[
        float, Meta(gt=0, le=120, description="Seconds for Kafka to acknowledge; then the answer is 503.")
    ] = 10.0
    retry_after_s: Annotated[int, Meta(ge=1, le=3600, description="What a 503 tells a sender to wait.")] = 5
    recent_reports: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Acknowledged reports remembered, to answer a repeat at once.")
    ] = 50_000
    shutdown_s: Annotated[
        float, Meta(ge=0, le=600, description="Seconds that calls in progress get when the worker is stopped.")
    ] = 15.0
    phone_region: Annotated[
        str,
        Meta(
            pattern="^([A-Z]{2})?$",
            description="Country whose telephone numbers are masked in any notation; empty: that of the time zone.",
        ),
    ] = ""
    public_url: Annotated[str, Meta(description="Address that discovery names; empty: the one that was asked for.")] = (
        ""
    )
    test_url: Annotated[str, Meta(description="Address of a second, test endpoint that discovery names.")] = ""
    contact: Annotated[str, Meta(description="Whom a developer may ask, as discovery says it.")] = ""
    key_service: Annotated[str, Meta(description="How to get an api_key, as discovery says it.")] = ""
    publish_text: Annotated[bool, Meta(description="Whether GET requests shows what citizens wrote.")] = True
