"""What of a text and of an address is compared: bits that say nothing of what was written, of a fixed small size.

The same on every machine and in every release: reports of before a restart are compared with those of after it.
"""

from __future__ import annotations

import re
from zlib import crc32

import numpy as np

SHAPE_BITS = 512
SHAPE_WORDS = SHAPE_BITS // 64
NO_NUMBER = -1

_WORDS = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"\d+")
_FIRST_HOUSE = re.compile(r"(\d{1,5})(?:[-\u2013/]\d{1,5})*(?:/?[a-z])?(?=[\s,]|$)")
_LAST_HOUSE = re.compile(r"(?<![\d/\u2013-])(\d{1,5})(?:\s?[-\u2013/]\s?\d{1,5})*(?:\s?/?[a-z])?(?=[\s,]|$)")
"""After a number that stands first, a letter by itself is of the street: 2238 W Irving Park Road."""
_LONGEST_TEXT = 2000
"""Letters of a text that are looked at: whoever writes more has said by then what it is about."""
_FIRST, _SECOND, _THIRD = (np.uint32(odd) for odd in (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D))
_DOWN = np.uint32(23)  # the upper 9 bits of 32: 512 places


def normal(text: str) -> str:
    """Give the words of a text in lower case, one blank between two."""
    return _WORDS.sub(" ", text[:_LONGEST_TEXT].casefold()).strip()


def shape_of(words: str) -> bytes:
    """Give the character trigrams of a `normal` text, each hashed to one of `SHAPE_BITS` bits; empty for none."""
    if not words:
        return b""
    signs = np.frombuffer(f" {words} ".encode("utf-32-le"), np.uint32)
    mixed = signs[:-2] * _FIRST ^ (signs[1:-1] + np.uint32(1)) * _SECOND ^ (signs[2:] + np.uint32(2)) * _THIRD
    bits = np.zeros(SHAPE_BITS, np.uint8)
    bits[(mixed * _FIRST) >> _DOWN] = 1
    return np.packbits(bits).tobytes()


def numbers_of(text: str) -> int:
    """Give the numbers in a text, each hashed to one of 63 bits: they are the same in every language."""
    found = 0
    for digits in _DIGITS.findall(text[:_LONGEST_TEXT]):
        found |= 1 << (crc32(digits.lstrip("0").encode()) % 63)
    return found


def address_of(address: str) -> tuple[int, int]:
    """Give the hash of the street, 0 for none, and the house number, `NO_NUMBER` for none.

    The number stands first or last, as it is written nearly everywhere; what follows a comma after it is the town. Of
    several numbers (12-14, 5/2) the first counts.
    """
    text = address.casefold().strip()
    if not text:
        return 0, NO_NUMBER
    house = _FIRST_HOUSE.match(text) or _LAST_HOUSE.search(text)
    street = text
    if house:
        street = text[: house.start()] if house.start() else text[house.end() :].lstrip(" ,").split(",")[0]
    words = normal(_DIGITS.sub(" ", street) if not house else street)
    return (crc32(words.encode()) or 1) if words else 0, int(house[1]) if house else NO_NUMBER


def mark(name: str) -> int:
    """Give a name as a number to compare by; 0 for an empty one."""
    return (crc32(name.encode()) | crc32(name.encode(), 1) << 31) or 1 if name else 0
