"""What a process of a peer is asked to do; it travels as JSON, on its command line."""

from msgspec import Struct


class Job(Struct, frozen=True, kw_only=True):
    """Some or all of the stages of one peer, until told to stop."""

    peer: str
    bootstrap: str
    prefix: str
    """Of all its topics: `requests.received.v1` is read as `<prefix>requests.received.v1`."""
    group: str
    stages: tuple[str, ...]
    city: str
    models: str
    state: str
    commit_s: float = 0.0
    """Quix Streams: seconds from commit to commit."""
    instance: int = 0
