"""Patterns that are looked for only about the words without which they cannot be there.

A pattern of many words is slow to try at every sign of a text; one word of it is found at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.classify.reading.words import fold

_BEFORE, _AFTER = 40, 48
"""Signs before and after such a word that are looked at: the longest of what is sought."""


class Triggers:
    """By language, the words without which none of its pattern is in a text."""

    def __init__(self, lists: Mapping[str, str]) -> None:
        self._languages: dict[str, tuple[str, ...]] = {}
        for language, words in lists.items():
            for word in fold(words).words:
                self._languages[word] = (*self._languages.get(word, ()), language)
        self.words = frozenset(self._languages)

    def found_in(self, words: frozenset[str]) -> dict[str, list[str]]:
        """Give by language which of its words are among these."""
        found: dict[str, list[str]] = {}
        for word in words & self.words:
            for language in self._languages[word]:
                found.setdefault(language, []).append(word)
        return found


@dataclass(frozen=True, slots=True)
class Around:
    """Patterns by language with their triggers; and one of unspaced scripts, with signs that it cannot be without."""

    triggers: Triggers
    patterns: Mapping[str, re.Pattern[str]]
    unspaced: re.Pattern[str]
    signs: frozenset[str]

    def spans(self, text: str, lowered: str, words: frozenset[str], *, unspaced: bool) -> list[tuple[int, int]]:
        """Give where in a text the patterns stand; they may overlap.

        Args:
            text: The text.
            lowered: The same in small letters, sign for sign.
            words: Those of its folded words that are among the triggers, and others.
            unspaced: Whether it has signs of a script that puts no spaces between words, or of Hangul.

        """
        found = [
            hit.span()
            for language, some in self.triggers.found_in(words).items()
            for start, end in windows(lowered, some)
            for hit in self.patterns[language].finditer(lowered, start, end)
        ]
        if unspaced and not self.signs.isdisjoint(text):
            found += [hit.span() for hit in self.unspaced.finditer(text)]
        return found


def windows(lowered: str, words: list[str], before: int = _BEFORE, after: int = _AFTER) -> list[tuple[int, int]]:
    """Give the parts of a text about some words, none twice; all of it if a word is written otherwise, with accents."""
    found: list[tuple[int, int]] = []
    for word in words:
        place = lowered.find(word)
        if place < 0:
            return [(0, len(lowered))]
        while place >= 0:
            found.append((place, place + len(word)))
            place = lowered.find(word, place + len(word))
    found.sort()
    parts: list[tuple[int, int]] = []
    for start, end in found:
        first = lowered.rfind(" ", 0, max(0, start - before)) + 1
        last = lowered.find(" ", end + after)
        last = len(lowered) if last < 0 else last
        if parts and first <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(last, parts[-1][1]))
        else:
            parts.append((first, last))
    return parts
