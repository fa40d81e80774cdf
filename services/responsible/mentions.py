"""How far a text names each responsible body: people write to whom they think it belongs."""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.responsible.asked import LONGEST_TEXT

SHORTEST, BEGINNING = 4, 6
"""A name's word is met by a word that begins with it, or that shares its first six signs: `kozut` by `kozutnak`."""
_WORD = re.compile(r"\w+")


class Mentions:
    """The bodies' names, their rare words weighing most; each name has length 1."""

    def __init__(self, names: Sequence[str]) -> None:
        said = [set(_words(name)) for name in names]
        of = Counter(word for words in said for word in words)
        weights = {word: math.log((len(names) + 1) / count) for word, count in of.items()}
        self._bodies: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._longer: dict[str, list[str]] = defaultdict(list)
        for body, words in enumerate(said):
            length = math.sqrt(sum(weights[word] ** 2 for word in words)) or 1.0
            for word in sorted(words):
                self._bodies[word].append((body, weights[word] / length))
        for word in of:
            if len(word) > BEGINNING:
                self._longer[word[:BEGINNING]].append(word)
        self._size = len(names)

    def score(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Give (texts, bodies): 1 where all words of the name stand in the text, 0 where none does."""
        found = np.zeros((len(texts), self._size), dtype=np.float32)
        for row, text in enumerate(texts):
            met: set[str] = set()
            for word in set(_words(text[:LONGEST_TEXT])):
                met.update(self._met(word))
            for name in sorted(met):
                for body, weight in self._bodies[name]:
                    found[row, body] += weight
        return found

    def _met(self, word: str) -> set[str]:
        shorter = {word[:end] for end in range(SHORTEST, len(word)) if word[:end] in self._bodies}
        same = {word} if word in self._bodies else set()
        return shorter | same | set(self._longer.get(word[:BEGINNING], ()))


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return [word for word in _WORD.findall(plain) if len(word) > 1]
