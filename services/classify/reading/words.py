"""Texts folded for look-up, and phrases found in them."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that put no spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han."""
_KEY = 2


@dataclass(frozen=True, slots=True)
class Folded:
    """A text without case, accents and punctuation: its words, and all of them parted by one space."""

    words: tuple[str, ...]
    joined: str


def fold(text: str) -> Folded:
    """Fold a text; two texts that a reader takes for the same words fold alike."""
    if text.isascii():
        words = _WORD.findall(text.lower())
    else:
        parted = unicodedata.normalize("NFKD", text.casefold())
        words = _WORD.findall("".join([sign for sign in parted if not unicodedata.combining(sign)]))
    return Folded(tuple(words), " ".join(words) + " ")


def has_letters(text: str) -> bool:
    """Say whether there is anything to read: a letter of any script."""
    return any(map(str.isalpha, text))


def listed(lines: str) -> list[str]:
    """Give the phrases of a list written in lines, parted by bars."""
    return lines.strip().replace("\n", "|").split("|")


class Phrases:
    """Finds phrases at the beginning of words, whatever their case and accents.

    With `whole`, a phrase ends where a word does; else it may go on (`gas leak` is in `gas leaks`). In scripts without
    spaces a phrase is found anywhere.
    """

    def __init__(self, phrases: Iterable[str], *, whole: bool = False) -> None:
        self._starting: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._anywhere: list[tuple[str, str]] = []
        for phrase in dict.fromkeys(phrases):
            folded = fold(phrase)
            if not folded.words:
                continue
            sought = folded.joined if whole else folded.joined.rstrip()
            if _UNSPACED.match(sought):
                self._anywhere.append((folded.joined.rstrip(), phrase))
            else:
                self._starting[folded.words[0][:_KEY]].append((sought, phrase))

    def found_in(self, text: Folded) -> tuple[str, ...]:
        """Give the phrases found, as they were given, in the order of the text, each once."""
        found: dict[str, None] = {}
        place, joined, starting = 0, text.joined, self._starting
        for word in text.words:
            if (key := word[:_KEY]) in starting:
                for sought, phrase in starting[key]:
                    if joined.startswith(sought, place):
                        found[phrase] = None
            place += len(word) + 1
        if self._anywhere and not joined.isascii():
            found.update((phrase, None) for sought, phrase in self._anywhere if sought in joined)
        return tuple(found)

    def begins(self, text: Folded) -> bool:
        """Say whether the text begins with one of the phrases."""
        first = text.words[0][:_KEY] if text.words else ""
        near = [*self._starting.get(first, ()), *self._anywhere]
        return any(text.joined.startswith(sought) for sought, _ in near)
