"""What travels between a Kafka client and a broker, as far as it must be known to tell one request from another.

Source: the Kafka protocol guide, kafka.apache.org/protocol: a request is its size in 4 bytes, the key of its API and
the version (2 each), a correlation id (4), the client id (its length in 2, -1 for none), then the body; a response is
its size, the correlation id of its request, then the body. All numbers are big-endian and signed.
"""

import asyncio
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

MOST_BYTES = 100 << 20
"""The largest request that a broker takes, `socket.request.max.bytes`; an answer to a fetch is smaller, too."""

_SIZE = struct.Struct(">i")
_HEAD = struct.Struct(">hhi")
_LENGTH = struct.Struct(">h")


class Api(IntEnum):
    """The requests that clients make, by their names in the protocol guide."""

    Produce = 0
    Fetch = 1
    ListOffsets = 2
    Metadata = 3
    OffsetCommit = 8
    OffsetFetch = 9
    FindCoordinator = 10
    JoinGroup = 11
    Heartbeat = 12
    LeaveGroup = 13
    SyncGroup = 14
    DescribeGroups = 15
    ListGroups = 16
    ApiVersions = 18
    CreateTopics = 19
    DeleteTopics = 20
    InitProducerId = 22
    AddPartitionsToTxn = 24
    AddOffsetsToTxn = 25
    EndTxn = 26
    TxnOffsetCommit = 28
    DescribeConfigs = 32
    ConsumerGroupHeartbeat = 68


class FrameError(Exception):
    """What came cannot be the size of a frame; nothing that follows can be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as it says of itself; `frame` is all of it, size included, and its body begins at `body_at`.

    `api` is the number of an API, which need not be one of `Api`. What is no Kafka at all gets numbers, too.
    """

    api: int
    version: int
    correlation: int
    client: str
    frame: bytes
    body_at: int

    @classmethod
    def read(cls, frame: bytes) -> Self | None:
        """Read a whole frame's header; None where it is too short to have one."""
        if len(frame) < _SIZE.size + _HEAD.size:
            return None
        api, version, correlation = _HEAD.unpack_from(frame, _SIZE.size)
        at = _SIZE.size + _HEAD.size
        client = b""
        if len(frame) >= at + _LENGTH.size:
            (length,) = _LENGTH.unpack_from(frame, at)
            at += _LENGTH.size
            client = frame[at : at + max(0, length)]
            at += len(client)
        return cls(
            api=api,
            version=version,
            correlation=correlation,
            client=client.decode("utf-8", "replace"),
            frame=frame,
            body_at=at,
        )

    @property
    def body(self) -> bytes:
        """What follows the client id; from the flexible versions on, it begins with the header's tagged fields."""
        return self.frame[self.body_at :]

    def __str__(self) -> str:
        name = Api(self.api).name if self.api in Api._value2member_map_ else f"API {self.api}"
        return f"{name} v{self.version} of {self.client or 'a client without a name'}"


async def read_frame(stream: asyncio.StreamReader) -> bytes:
    """Read one frame, its size included.

    Raises:
        FrameError: its size is negative or over `MOST_BYTES`.
        asyncio.IncompleteReadError: the stream ended.
        OSError: the connection broke.
    """
    size = await stream.readexactly(_SIZE.size)
    (length,) = _SIZE.unpack(size)
    if not 0 <= length <= MOST_BYTES:
        msg = f"a frame cannot have {length} bytes"
        raise FrameError(msg)
    return size + await stream.readexactly(length)


def correlation_of(response: bytes) -> int | None:
    """The correlation id of a response frame; None where it is too short to have one."""
    if len(response) < 2 * _SIZE.size:
        return None
    (found,) = _SIZE.unpack_from(response, _SIZE.size)
    return int(found)


def body_of(response: bytes) -> bytes:
    """What follows the correlation id in a response frame."""
    return response[2 * _SIZE.size :]
