"""What a citizen wrote taken apart: street, house number, crossing, ZIP, quarter, and what says nothing of a place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.city.places import split_number
from services.places.addresses.spelling import LONGEST, Speller, plain

MOST_PARTS: Final = 8
_PARTS: Final = re.compile(r"[,;\n|()]+")
_BRACKETS: Final = re.compile(r"\(([^()]*)\)")
_TWO_NUMBERS: Final = re.compile(r"^(.*[^\W\d_].*?)[\s,.:#]+(\d{1,6})\s(\d{1,2})$", re.DOTALL)
_UNWRITABLE: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\ud800-\udfff]")
_SUFFIX: Final = r"(?:[-/]\s?(?:\d{1,4}|[^\W\d_]{1,3})|\s?(?:bis|ter|quater|quinquies)|\s?[^\W\d_])"
_TAIL: Final = re.compile(rf"^(.*[^\W\d_].*?)[\s,.:#]+(\d{{1,6}}{_SUFFIX}?)[\s.,]*$", re.IGNORECASE | re.DOTALL)
_HEAD: Final = re.compile(rf"^\W*(\d{{1,6}}{_SUFFIX}?)[\s,]+(\S.*)$", re.IGNORECASE | re.DOTALL)
_HEAD_BARE: Final = re.compile(r"^\W*(\d{1,6})[\s,]+(\S.*)$", re.DOTALL)
_NUMBER: Final = re.compile(rf"^\W*(?:([^\W\d_]{{1,12}})\W*)?\b(\d{{1,6}}{_SUFFIX}?)\W*$", re.IGNORECASE)
_ZIP: Final = re.compile(r"[a-z]{0,2}\d{4,6}")
_CROSS_SIGNS: Final = re.compile(r"\s*(?:&|@|\+|(?<=[^\W\d_])\s*/\s*(?=\S*[^\W\d_]))\s*")
_CERTAIN_ZIP: Final = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a text: a street's name, and a house number if there is one."""

    street: str
    number: int | None = None
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Hints:
    """What a text says beside street and number: a ZIP, and the quarter in plain spelling; empty if nothing."""

    zip: str = ""
    quarter: str = ""


class Reader:
    """Takes addresses apart by a city's conventions; `zips` and `quarters` (plain) are those that it has."""

    def __init__(self, speller: Speller, city: str, zips: frozenset[str], quarters: frozenset[str]) -> None:
        self._way = speller.convention
        self._city = plain(city).split()
        self._zips = zips
        self._quarters = quarters
        relations = sorted(self._way.relations, key=len, reverse=True)
        self._relations = tuple((phrase.split(), phrase) for phrase in relations)

    def parts(self, text: str) -> tuple[list[str], Hints]:
        """Give the parts that may name a street, a house number put to the part before it, and the hints."""
        text = _UNWRITABLE.sub(" ", text[:LONGEST])
        if "(" in text:
            text = _BRACKETS.sub(self._unbracketed, text)
        kept: list[str] = []
        code = quarter = ""
        for part in _PARTS.split(text)[:MOST_PARTS]:
            words = plain(part).split()
            if not words:
                continue
            if self._is_zip(words, numbered=bool(kept) and not self._number(kept[-1])):
                code = words[-1]
            elif " ".join(words) in self._quarters:
                quarter = " ".join(words)
            elif kept and (number := self._number(part)):
                kept[-1] = f"{kept[-1]} {number}"
            elif kept and self._number(kept[-1]):
                kept[-1] = f"{kept[-1]} {part.strip()}"
            elif words[0] in self._way.units and kept:
                continue
            elif not kept or not self._is_city(words):
                kept.append(part.strip())
            else:
                code = next((word for word in words if _ZIP.fullmatch(word)), code)
        return kept, Hints(code, quarter)

    def _unbracketed(self, found: re.Match[str]) -> str:
        """Take "Verdi (Via)" for one name, and any other bracket for a part of its own."""
        return f" {found[1]} " if plain(found[1]) in self._way.kinds else f",{found[1]},"

    def _number(self, part: str) -> str:
        """Give the house number that is all there is in a part; empty where there is more, or none."""
        found = _NUMBER.match(part)
        return found[2] if found and (not found[1] or plain(found[1]) in self._way.numbering) else ""

    def _is_zip(self, words: list[str], *, numbered: bool) -> bool:
        if len(words) > 2 or not _ZIP.fullmatch(words[-1]):  # noqa: PLR2004 - "CT 06511"
            return False
        return words[-1] in self._zips or (numbered and len(words[-1]) >= _CERTAIN_ZIP)

    def _is_city(self, words: list[str]) -> bool:
        size = len(self._city)
        return bool(size) and any(words[at : at + size] == self._city for at in range(len(words) - size + 1))

    def shorter(self, part: str) -> Iterator[tuple[str, Hints]]:
        """Give the part without what stands behind the address: a unit, the city's name, a ZIP, a quarter."""
        words = part.split()
        said = [plain(word) for word in words]
        for at in range(2, len(words)):
            if said[at] in self._way.units or words[at].startswith("#"):
                yield " ".join(words[:at]), Hints()
                break
        for at in range(1, len(words) - 1):  # "Elm Street near the school", "Elm Street between A and B"
            if any(said[at : at + len(phrase)] == phrase for phrase, _ in self._relations):
                yield " ".join(words[:at]), Hints()
                break
        size = len(self._city)
        for at in range(len(words) - size, 0, -1):
            if size and said[at : at + size] == self._city:
                code = next((word for word in said[at:] if _ZIP.fullmatch(word)), "")
                yield from self._before(words[:at], code)
                break
        for at in range(1, len(words)):
            quarter = " ".join(said[at:])
            if quarter in self._quarters:
                yield " ".join(words[:at]), Hints(quarter=quarter)
        if len(words) > 1 and said[-1] in self._zips:
            yield " ".join(words[:-1]), Hints(zip=said[-1])

    def _before(self, words: list[str], code: str) -> Iterator[tuple[str, Hints]]:
        last = plain(words[-1])
        if len(words) > 1 and not code and _ZIP.fullmatch(last) and (last in self._zips or len(last) >= _CERTAIN_ZIP):
            yield " ".join(words[:-1]), Hints(zip=last)
        yield " ".join(words), Hints(zip=code)

    def readings(self, part: str) -> Iterator[Reading]:
        """Give the ways to read a part, those with a house number first."""
        ends = (self._numbered_last, self._numbered_first)
        for end in reversed(ends) if self._way.number_first else ends:
            yield from end(part)
        yield Reading(part)
        if two := _TWO_NUMBERS.match(part):
            yield from self._reading(two[1], f"{two[2]}/{two[3]}")

    def _numbered_last(self, part: str) -> Iterator[Reading]:
        if tail := _TAIL.match(part):
            yield from self._reading(self._unnumbered(tail[1]), tail[2])

    def _numbered_first(self, part: str) -> Iterator[Reading]:
        first, _, rest = part.partition(" ")
        if rest and plain(first) in self._way.numbering:
            part = rest
        for shape in (_HEAD, _HEAD_BARE):
            if head := shape.match(part):
                yield from self._reading(head[2], head[1])

    def _unnumbered(self, street: str) -> str:
        words = street.split()
        while len(words) > 1 and ((last := plain(words[-1])) in self._way.numbering or not last):
            words.pop()
        return " ".join(words)

    def _reading(self, street: str, number: str) -> Iterator[Reading]:
        split = split_number(number)
        if split and street:
            yield Reading(street, *split)

    def related(self, text: str) -> tuple[str, bool]:
        """Give the text without words such as "in front of" before it, and whether there were any."""
        words = plain(text).split()
        for phrase, _ in self._relations:
            if words[: len(phrase)] == phrase and len(words) > len(phrase):
                rest = words[len(phrase) :]
                if rest[0] in self._way.particles and len(rest) > 1:
                    rest = rest[1:]
                return " ".join(rest), True
        return text, False

    def crossed(self, text: str) -> list[tuple[str, str, bool]]:
        """Give the ways to read a text as two streets that meet; the last says whether a sign tells so for certain."""
        text = self.related(text)[0] if any(plain(text).startswith(phrase) for _, phrase in self._relations) else text
        signs = _CROSS_SIGNS.split(text, maxsplit=1)
        if len(signs) == 2 and all(plain(side) for side in signs):  # noqa: PLR2004 - two streets
            return [(self.related(signs[0])[0], self.related(signs[1])[0], True)]
        words = plain(text).split()
        if self._way.joins.isdisjoint(words):
            return []
        return [
            (" ".join(words[:at]), self.related(" ".join(words[at + 1 :]))[0], False)
            for at, word in enumerate(words[:-1])
            if at and word in self._way.joins
        ][:MOST_PARTS]
