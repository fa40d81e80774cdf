"""What an operator may change of `review`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings


class ReviewSettings(Settings, frozen=True, kw_only=True):
    """Where the console stands, and how it knows who is asking.

    The console has no accounts of its own. Put it behind a proxy that signs people in, and name in
    REVIEW_USER_HEADER the header in which that proxy says who they are; the proxy must drop that header where it
    comes from outside, and nobody may reach the console around the proxy. Without one, people say themselves who
    they are, and policy.yaml's approvers are an agreement rather than a lock: fine on one machine, not in a network.
    """

    prefix: ClassVar[str] = "REVIEW"
    host: Annotated[str, Meta(description="Address to listen on; 0.0.0.0 for all of the machine's.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8312
    hosts: Annotated[
        tuple[str, ...],
        Meta(description="Names that the console answers to, without port; another is answered 421."),
    ] = ("localhost", "127.0.0.1", "[::1]")
    user_header: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9-]{0,64}$",
            description="Header in which a trusted proxy says who is asking; empty: people say it themselves.",
        ),
    ] = ""
    page_size: Annotated[int, Meta(ge=1, le=100, description="Drafts on one page of the console.")] = 20
    ack_timeout_s: Annotated[
        float, Meta(gt=0, le=120, description="Seconds for Kafka to acknowledge a verdict; then the answer is 503.")
    ] = 10.0
    shutdown_s: Annotated[
        float, Meta(ge=0, le=600, description="Seconds that calls in progress get when the worker is stopped.")
    ] = 15.0
