"""Request ids: 26 signs of Crockford's base 32 in lower case, 128 bits (the shape of a ULID).

A report that says who it is (an `Idempotency-Key`, a gateway's own id) gets an id derived from that, so that the same
again is the same request, in whatever process and year. Any other gets an id that sorts by time.
"""

import hashlib
from datetime import datetime
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 26
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]
RANDOM_BYTES: Final = 10


def derived_id(kind: str, *parts: str) -> str:
    """Give the id of what `parts` name, among names of one `kind`: the same parts, and no others, give the same id."""
    digest = hashlib.sha256()
    for part in ("stormdrain", kind, *parts):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return _written(int.from_bytes(digest.digest()[:16], "big"))


def timed_id(moment: datetime, random: bytes) -> str:
    """Give an id that sorts by `moment` (to the millisecond), told apart by `RANDOM_BYTES` random bytes."""
    milliseconds = int(moment.timestamp() * 1000)
    return _written(milliseconds << 80 | int.from_bytes(random[:RANDOM_BYTES], "big"))


def _written(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in range((_LENGTH - 2) * 5, -1, -10)])
