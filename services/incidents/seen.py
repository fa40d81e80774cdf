"""What of a report is compared, as one record of fixed size, and how near two of a family must be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import inf
from struct import Struct as Layout

import numpy as np
from msgspec import Struct

from services.incidents.particulars import particulars_of
from services.incidents.words import SHAPE_BITS, SHAPE_WORDS, address_of, mark, normal, numbers_of, shape_of

Key = tuple[float, float, str]
"""When a report was made and when it came, in seconds since 1970, and its id: the order of reports. When they came
tells apart what was made at one moment, such as all reports of a day where a channel knows the day alone."""
FIRST: Key = (-inf, -inf, "")
"""Before all reports."""

GUESSES = 3
MOST_OFF_M = 150.0
"""What the places of two reports may be off widens the radius by this much at most."""

_FACTS = Layout("<dddf?3I3fQQ")
_SAID = Layout(f"<QQIIiH{SHAPE_BITS // 8}s")
RECORD = np.dtype(
    [
        ("made", "<f8"),
        ("latitude", "<f8"),
        ("longitude", "<f8"),
        ("off", "<f4"),
        ("vague", "?"),
        ("codes", "<u4", (GUESSES,)),
        ("shares", "<f4", (GUESSES,)),
        ("asset", "<u8"),
        ("reporter", "<u8"),
        # What is read out of words, which takes most of the time: `Seen.reading`.
        ("words", "<u8"),
        ("numbers", "<u8"),
        ("told", "<u4"),
        ("street", "<u4"),
        ("house", "<i4"),
        ("bits", "<u2"),
        ("shape", "<u8", (SHAPE_WORDS,)),
    ]
)
"""The fields of `_FACTS` and `_SAID`, one after the other."""
FURTHEST_OFF_M = 1e9
VAGUE_M = 500.0
"""A place that may be off by this much is that of an area, like a ZIP code's or a long road's, not of a thing."""
EDITION = b"\x01"
"""Which way words are read: another one whenever anything is read out of them differently."""


class Reach(Struct, frozen=True):
    """How near in place and time two reports of a family must be, and how far an incident may spread.

    What their places may be off widens the radius, by `most_off_m` at most. A radius of 0 links nothing. A spread of
    0 is four times the radius.
    """

    radius_m: float = 50.0
    window_s: float = 72 * 3600.0
    spread_m: float = 0.0
    most_off_m: float = MOST_OFF_M

    @property
    def limit_m(self) -> float:
        """The furthest that two reports which are compared may lie apart."""
        return max(self.radius_m + self.most_off_m, self.crowd_m)

    @property
    def crowd_m(self) -> float:
        """Within how many metres reports of one category may be a crowd: a quarter of a spread that is set; else 0."""
        return self.spread_m / 4 if self.spread_m / 4 >= self.radius_m else 0.0

    @property
    def most_m(self) -> float:
        """How far from its first report an incident may reach."""
        return max(self.spread_m or 4 * self.radius_m, self.radius_m)


HERE = "*"
"""The family of all reports that may be linked at all: what stands at one place within a day is compared whatever the
classifier took it for."""
AT_ONE_PLACE = Reach(10.0, 24 * 3600.0, most_off_m=50.0)


class Seen(Struct, frozen=True, gc=False):
    """What of a report is compared."""

    key: Key
    latitude: float
    longitude: float
    off_m: float
    service_code: str
    vague: bool
    """Known no better than to its ZIP code: never linked without a person."""
    record: bytes
    """The bytes of one `RECORD`."""
    words: int = 0
    """The same for the same words from the same person at the same place, else another; 0 where neither words nor
    person are known."""
    families: tuple[str, ...] = ("",)
    """Its own, and those that it may be of as well: it is held against the reports of all of them."""
    same_as: str = ""
    """A report that the citizen says is the same incident."""

    @property
    def id(self) -> str:
        """The request id."""
        return self.key[2]

    @property
    def place(self) -> tuple[float, float]:
        """Latitude and longitude, degrees."""
        return self.latitude, self.longitude

    @property
    def reading(self) -> bytes:
        """What was read out of words, for `see` to take instead of reading them again."""
        return reading_in(self.record)


def reading_in(record: bytes) -> bytes:
    """Give what was read out of words, of the bytes of a `RECORD`."""
    return EDITION + record[_FACTS.size :]


@lru_cache(maxsize=4096)
def _code(name: str) -> int:
    return mark(name) & 0xFFFFFFFF


def see(
    request_id: str,
    made: float,
    latitude: float,
    longitude: float,
    *,
    came: float | None = None,
    off_m: float = 0.0,
    vague: bool = False,
    families: tuple[str, ...] = ("",),
    service_code: str = "",
    guesses: Sequence[tuple[str, float]] = (),
    text: str = "",
    language: str = "",
    address: str = "",
    asset: str = "",
    reporter: str = "",
    same_as: str = "",
    reading: bytes = b"",
) -> Seen:
    """Give what is compared of one report.

    Args:
        request_id: Its id.
        made: When it was made, seconds since 1970.
        latitude: Degrees, WGS 84.
        longitude: Degrees, WGS 84.
        came: When it came to the city; None: when it was made.
        off_m: How far the place may be off, metres.
        vague: The place is that of a ZIP code; so is one that may be off by `VAGUE_M` or more.
        families: Its own, and those it may be of as well.
        service_code: Its category.
        guesses: The classifier's best categories and their confidences; empty: `service_code` for certain.
        text: What the citizen wrote.
        language: In which language, as ISO 639-1 has it.
        address: As written.
        asset: The id of the one thing of the city that it is about, if that is known.
        reporter: A pseudonym of who said it.
        same_as: A request that is the same incident, as the citizen says.
        reading: `Seen.reading` of the same report; read anew where it is missing or was read in another way.

    """
    vague = vague or off_m >= VAGUE_M
    best = list(guesses[:GUESSES]) or [(service_code, 1.0)]
    best += [("", 0.0)] * (GUESSES - len(best))
    who = mark(reporter)
    facts = _FACTS.pack(
        made,
        latitude,
        longitude,
        min(off_m, FURTHEST_OFF_M),
        vague,
        *[_code(code) for code, _ in best],
        *[share for _, share in best],
        mark(asset),
        who,
    )
    known = reading[1:] if reading[:1] == EDITION and len(reading) == _SAID.size + 1 else b""
    told = known or _read(text, language, address, who, f"{latitude:.5f} {longitude:.5f}")
    words: int = _SAID.unpack_from(told)[0]
    key = made, made if came is None or came == made else came, request_id  # one float where they are the same
    return Seen(key, latitude, longitude, off_m, service_code, vague, facts + told, words, families, same_as)


def _read(text: str, language: str, address: str, who: int, where: str) -> bytes:
    said = normal(text)
    shape = shape_of(said)
    words = mark(f"{who} {where} {said}") if shape or who else 0
    bits = int.from_bytes(shape, "little").bit_count()
    return _SAID.pack(words, numbers_of(text), particulars_of(text, language), *address_of(address), bits, shape)
