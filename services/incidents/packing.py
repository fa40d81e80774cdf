"""Events kept in memory, packed: a correction has to say all again, and it is rare."""

from __future__ import annotations

import zlib
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)
LEVEL, WINDOW, MEMORY = 4, -12, 5
"""Quick to begin with: half the time of zlib's own choice, and as small (benchmarks.match). Below 0: no header."""


class Packing(Generic[T]):
    """Packs events of one kind against the first of them, which most others resemble in all but what was said."""

    def __init__(self, kind: type[T]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(kind)
        self._like = b""

    def pack(self, event: T) -> bytes:
        """Give an event in few bytes, for `unpack` of this very object."""
        plain = self._encoder.encode(event)
        self._like = self._like or plain
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY, zdict=self._like)
        return packer.compress(plain) + packer.flush()

    def unpack(self, packed: bytes) -> T:
        """Give the event again."""
        return self._decoder.decode(zlib.decompressobj(WINDOW, zdict=self._like).decompress(packed))
