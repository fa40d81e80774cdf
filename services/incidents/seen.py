"""What of a report is compared, as one record of fixed size, and how near two of a family must be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct

from services.incidents.particulars import particulars_of
from services.incidents.words import address_of, mark, normal, numbers_of, shape_of

Key = tuple[float, str]
"""When a report was made, in seconds since 1970, and its id: the order of reports."""

GUESSES = 3
MOST_OFF_M = 150.0
"""What the places of two reports may be off widens the radius by this much at most."""

RECORD = np.dtype(
    [
        ("made", "f8"),
        ("latitude", "f8"),
        ("longitude", "f8"),
        ("off", "f4"),
        ("vague", "?"),
        ("codes", "u4", (GUESSES,)),
        ("shares", "f4", (GUESSES,)),
        ("numbers", "u8"),
        ("told", "u4"),
        ("asset", "u8"),
        ("reporter", "u8"),
        ("street", "u4"),
        ("house", "i4"),
    ]
)


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
    """What of a report is compared. `record` is a row of `RECORD`."""

    key: Key
    latitude: float
    longitude: float
    off_m: float
    service_code: str
    vague: bool
    """Known to its ZIP code only: never linked without a person."""
    record: tuple[object, ...]
    shape: bytes
    """Of the text, see `shape_of`."""
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
        return self.key[1]


@lru_cache(maxsize=4096)
def _code(name: str) -> int:
    return mark(name) & 0xFFFFFFFF


def see(
    request_id: str,
    made: float,
    latitude: float,
    longitude: float,
    *,
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
) -> Seen:
    """Give what is compared of one report.

    Args:
        request_id: Its id.
        made: When it was made, seconds since 1970.
        latitude: Degrees, WGS 84.
        longitude: Degrees, WGS 84.
        off_m: How far the place may be off, metres.
        vague: The place is that of a ZIP code or of something as large.
        families: Its own, and those it may be of as well.
        service_code: Its category.
        guesses: The classifier's best categories and their confidences; empty: `service_code` for certain.
        text: What the citizen wrote.
        language: In which language, as ISO 639-1 has it.
        address: As written.
        asset: The id of the one thing of the city that it is about, if that is known.
        reporter: A pseudonym of who said it.
        same_as: A request that is the same incident, as the citizen says.

    """
    best = list(guesses[:GUESSES]) or [(service_code, 1.0)]
    best += [("", 0.0)] * (GUESSES - len(best))
    said = normal(text)
    shape = shape_of(said)
    street, house = address_of(address)
    who = mark(reporter)
    record = (
        made,
        latitude,
        longitude,
        off_m,
        vague,
        tuple([_code(code) for code, _ in best]),
        tuple(share for _, share in best),
        numbers_of(text),
        particulars_of(text, language),
        mark(asset),
        who,
        street,
        house,
    )
    words = mark(f"{who} {latitude:.5f} {longitude:.5f} {said}") if shape or who else 0
    return Seen(
        (made, request_id), latitude, longitude, off_m, service_code, vague, record, shape, words, families, same_as
    )
