"""Patterns that are looked for only about the words without which they cannot be there.

A pattern of many words is slow to try at every sign of a text; one word of it is found at once.
"""

import re
from collections.abc import Mapping

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


def around(
    lowered: str, words: frozenset[str], triggers: Triggers, patterns: Mapping[str, re.Pattern[str]]
) -> list[tuple[int, int]]:
    """Give where in a text of small letters the patterns stand of those languages of which words are in it."""
    return [
        hit.span()
        for language, some in triggers.found_in(words).items()
        for start, end in windows(lowered, some)
        for hit in patterns[language].finditer(lowered, start, end)
    ]


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
