"""One spelling for each street name: what is compared when a written name is looked for."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.places.addresses.words import Convention

LONGEST: Final = 512
"""Characters of an address that are looked at; a report's address has no more."""
_KEPT: Final = 4096
_OTHER: Final = re.compile(r"[^\w]+|_")
_DOTTED: Final = re.compile(r"\b(?:[^\W\d_]{1,3}\.)+[^\W\d_]{1,4}\b")
_ORDINAL: Final = re.compile(r"(\d{1,4})(?:st|nd|rd|th|er|ere|eme|o|a|e)")
_ROMAN: Final = re.compile(r"(?=[ivx]{2,6}$)x{0,3}(?:ix|iv|v?i{0,3})")
_ROMAN_VALUE: Final = {"i": 1, "v": 5, "x": 10}
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_SINGLE: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})


def plain(text: str) -> str:
    """Give small letters, digits and single blanks: no marks, no punctuation."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
        text = text.casefold().translate(_SINGLE)
    return " ".join(_OTHER.sub(" ", text.lower()).split())


@dataclass(frozen=True, slots=True)
class Spelt:
    """A street name, spelt as streets are compared."""

    written: str
    """All words, abbreviations written out, the kind where the language has it."""
    kind: str
    """The full word for the kind of street; empty where none was said."""
    name: tuple[str, ...]
    """The words beside the kind, numerals as digits, saints by one word."""
    bare: str
    """The words beside the kind as written, abbreviations written out."""
    as_typed: str
    """All words in the order they came in."""
    bag: tuple[str, ...]
    """`name` in alphabetical order, without particles."""


class Speller:
    """Spells street names by the convention of a city's languages."""

    def __init__(self, convention: Convention) -> None:
        self.convention = convention
        self._saint = min(convention.saints, key=lambda word: (-len(word), word), default="")
        self._shorts = frozenset(short for short in convention.kinds if len(short) <= 5)  # noqa: PLR2004 - letters
        self.spell = lru_cache(maxsize=_KEPT)(self._spell)

    def words(self, text: str) -> list[str]:
        """Give the plain words of a text; `v.le` and its like stay one word."""
        if "." in text:
            text = _DOTTED.sub(self._undotted, text)
        return plain(text).split()

    def _undotted(self, found: re.Match[str]) -> str:
        joined = found[0].replace(".", "")
        return joined if plain(joined) in self._shorts else found[0]

    def _spell(self, text: str) -> Spelt:
        """Spell a street name as somebody wrote it."""
        words = self.words(text[:LONGEST])
        kind, name = self._kind(words)
        name = self._expanded(name)
        bare = " ".join(name)
        written = " ".join((bare, kind) if self.convention.kind_last else (kind, bare)).strip()
        same = self._same(name)
        said = tuple(sorted(word for word in same if word not in self.convention.particles)) or tuple(sorted(same))
        return Spelt(written=written, kind=kind, name=tuple(same), bare=bare, as_typed=" ".join(words), bag=said)

    def _kind(self, words: list[str]) -> tuple[str, list[str]]:
        way = self.convention
        if len(words) > 2 and words[-1] in way.directions and words[-2] in way.kinds:  # noqa: PLR2004 - "Main St N"
            return way.kinds[words[-2]], [words[-1], *words[:-2]]
        if len(words) > 1:
            ends = (-1, 0) if way.kind_last else (0, -1)
            for end in ends:
                word = words[end]
                if word in way.kinds and not (end == 0 and word in way.saints and way.kind_last):
                    return way.kinds[word], words[:-1] if end else words[1:]
        if words:
            for glued in way.glued:
                if words[-1].endswith(glued) and len(words[-1]) > len(glued) + 2:
                    return way.kinds[glued], [*words[:-1], words[-1].removesuffix(glued)]
        return "", words

    def _expanded(self, name: list[str]) -> list[str]:
        way = self.convention
        last = len(name) - 1
        found: list[str] = []
        for at, word in enumerate(name):
            if last and word in way.directions and at in (0, last):
                found.append(way.directions[word])
            elif at < last and word in way.saints:
                found.append(word if len(word) > 3 else self._saint)  # noqa: PLR2004 - st, sto, ste
            else:
                found.extend(way.titles.get(word, word).split())
        return found

    def _same(self, name: Sequence[str]) -> list[str]:
        """Write numerals as digits and saints by one word, so that 3rd, third and III are the same."""
        found: list[str] = []
        spoken = False
        for at, word in enumerate(name):
            value = self._value(word)
            if value and spoken and found[-1].endswith("0") and len(value) == 1:
                found[-1] = str(int(found[-1]) + int(value))
            elif value:
                found.append(value)
            else:
                found.append(self._saint if word in self.convention.saints and at < len(name) - 1 else word)
            spoken = bool(value) and not word[0].isdigit()
        return found

    def _value(self, word: str) -> str:
        if word in self.convention.numerals:
            return self.convention.numerals[word]
        if word[0].isdigit():
            ordinal = _ORDINAL.fullmatch(word)
            return ordinal[1] if ordinal else word if word.isdigit() else ""
        roman = self.convention.roman and word[0] in "ivx" and _ROMAN.fullmatch(word)
        return str(_roman(word)) if roman else ""


def _roman(word: str) -> int:
    values = [_ROMAN_VALUE[sign] for sign in word]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def umlauts_as_letters(text: str) -> str:
    """Give the text with ae, oe, ue for ä, ö, ü, as German is typed where the keys are missing."""
    return text.translate(_GERMAN)


def alphabet(text: str) -> str:
    """Give the alphabet that most letters of a text are of, as Unicode names it: Latin, Cyrillic; empty without any."""
    counted = Counter(unicodedata.name(sign, "").partition(" ")[0] for sign in text[:LONGEST] if sign.isalpha())
    return counted.most_common(1)[0][0].capitalize() if counted else ""
