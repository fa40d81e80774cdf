"""What `core` is given besides a model: a language detector; and where the model is."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from services.classify.core import Tongue

COMMON_LANGUAGES = (
    "ar bn cs da de el en es fa fi fr he hi ht hu id it ja ko nl no pl pt ro ru so sv sw th tl tr uk ur vi zh"
)
"""Told apart besides the city's own; among all that the detector knows, short texts are too often mistaken."""
LANGUAGE_SIGNS = 160
"""Signs of a text by which its language is told: on 3,500 English and 1,492 German reports more told no better."""
LONGEST_PIECE = 6
"""Bytes of the longest piece of text that py3langid 0.3 knows languages by; a test holds our answers to its own."""


class Langid:
    """Tells a text's language by the model of py3langid, among the city's own languages and common ones.

    py3langid follows one text at a time, byte by byte, in Python. Here a whole batch is followed at once: where its
    automaton stands after a byte depends on the `LONGEST_PIECE` bytes before alone, so that many steps are enough.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        wanted = {language.partition("-")[0].lower() for language in languages}
        wanted.update(COMMON_LANGUAGES.split())
        identifier.set_languages(sorted(wanted.intersection(identifier.labels)))
        self._moves = np.asarray(identifier.tk_nextmove)
        self._rows = np.asarray(identifier.tk_row, dtype=np.int64) << 8
        self._pieces = np.asarray(identifier.tk_output, dtype=np.int64)
        self._table = np.ascontiguousarray(identifier.nb_ptc, dtype=np.float32)
        self._common = np.asarray(identifier.nb_pc)
        # A language that is written in two scripts stands in two columns.
        self._languages, columns = np.unique(identifier.nb_classes, return_inverse=True)
        self._of_column = np.equal.outer(columns, np.arange(len(self._languages))).astype(np.float32)

    def tongues(self, texts: Sequence[str]) -> list[Tongue]:
        """Give the likeliest language of each text (ISO 639) and its share."""
        encoded = [_as_learnt(text[:LANGUAGE_SIGNS]) for text in texts]
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        rows, pieces, counts = self._found(b"".join(encoded), lengths)
        scores = np.zeros((len(texts), len(self._common)), dtype=np.float32)
        if len(rows):
            first = np.flatnonzero(np.diff(rows, prepend=-1))
            weighed = self._table.take(pieces, axis=0)
            weighed *= np.log1p(counts, dtype=np.float32)[:, None]  # in place: a second such table would cost more
            scores[rows[first]] = np.add.reduceat(weighed, first) + self._common
        scores /= np.sqrt(np.maximum(lengths, 1), dtype=np.float32)[:, None]  # py3langid's measure of being sure
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = shares / shares.sum(axis=1, keepdims=True) @ self._of_column
        best = shares.argmax(axis=1)
        certain = np.take_along_axis(shares, best[:, None], axis=1)[:, 0]
        return list(map(Tongue, self._languages[best].tolist(), certain.tolist()))

    def _found(self, signs: bytes, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give which pieces stand in which texts, and how often; by text."""
        padded = np.frombuffer(bytes(LONGEST_PIECE) + signs, dtype=np.uint8)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        inside = np.arange(len(signs)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        states = np.zeros(len(signs), dtype=np.int64)
        for back in range(LONGEST_PIECE - 1, -1, -1):
            start = LONGEST_PIECE - back
            states = self._moves.take(self._rows.take(states) + padded[start : start + len(signs)])
            if back:
                states *= inside >= back  # a text begins where the automaton does, in state 0
        pieces = self._pieces.take(states)
        known = pieces >= 0
        keys, counts = np.unique(rows[known] * len(self._table) + pieces[known], return_counts=True)
        return keys // len(self._table), keys % len(self._table), counts


def _as_learnt(text: str) -> bytes:
    """Give the bytes by which py3langid has learnt languages: composed letters, and none that only shouts."""
    return unicodedata.normalize("NFC", text.lower() if text.isupper() else text).encode("utf-8", "surrogatepass")


def model_directory(chosen: Path | None, city: Path, models: Path) -> Path:
    """Give the directory to serve from: the one chosen, else the city's own model, else the one shipped."""
    if chosen is not None:
        return chosen
    return city / "model" if (city / "model").is_dir() else models / "shipped"
