"""Texts as bags of tokens and pairs of neighbouring tokens, as numpy arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from tokenizers import Tokenizer

CELLS = 16_384
"""Rows looked up in one run of the session: what fits a core's cache is twice as fast as what does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of neighbouring tokens that have a row: pair `n` is row `tokens + n`, its key first * tokens + second."""

    tokens: int
    keys: np.ndarray
    """Rising int64."""

    def found(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give which of the given pairs have a row, as a mask, and the rows of those."""
        if not len(self.keys):
            return np.zeros(len(first), dtype=bool), np.empty(0, dtype=np.int64)
        keys = first * self.tokens + second
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known = self.keys[places] == keys
        return known, self.tokens + places[known]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bags:
    """Texts as bags of rows: text `rows[n]` holds row `ids[n]`, `weights[n]` = 1 + log(how often); by text, then id."""

    rows: np.ndarray
    ids: np.ndarray
    weights: np.ndarray
    sizes: np.ndarray
    """How many different ids each text has."""
    tokens: np.ndarray
    """All tokens of all texts, one after another."""
    lengths: np.ndarray
    """How many of them each text has."""

    def share(self, of: np.ndarray) -> np.ndarray:
        """Give which share of each text's tokens is such; `of` is a mask by token id."""
        texts = len(self.lengths)
        counts = np.bincount(np.repeat(np.arange(texts), self.lengths), of[self.tokens], minlength=texts)
        shares: np.ndarray = counts / np.maximum(self.lengths, 1)
        return shares


def bags(tokens: Sequence[Sequence[int]], pairs: Pairs) -> Bags:
    """Count tokens and pairs of texts given as token ids; id 0, the unknown token, counts for nothing."""
    lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
    ids = np.fromiter(chain.from_iterable(tokens), dtype=np.int64, count=int(lengths.sum()))
    rows = np.repeat(np.arange(len(tokens)), lengths)
    neighbours, pair_ids = pairs.found(ids[:-1], ids[1:])
    inside = rows[:-1][neighbours] == rows[1:][neighbours]
    width = pairs.tokens + len(pairs.keys)
    keys = np.concatenate([(rows * width + ids)[ids > 0], rows[:-1][neighbours][inside] * width + pair_ids[inside]])
    keys, counts = np.unique(keys, return_counts=True)
    rows = keys // width
    return Bags(
        rows=rows,
        ids=keys % width,
        weights=(1.0 + np.log(counts)).astype(np.float32),
        sizes=np.bincount(rows, minlength=len(tokens)),
        tokens=ids,
        lengths=lengths,
    )


def pieces(tokenizer: Tokenizer) -> np.ndarray:
    """Give a mask by token id: the unknown token, and those that only go on within a word (WordPiece's ##)."""
    found = np.zeros(tokenizer.get_vocab_size(), dtype=np.float32)
    found[[0, *(number for token, number in tokenizer.get_vocab().items() if token.startswith("##"))]] = 1.0
    return found


def padded(found: Bags) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give texts of like length together: their places, their ids and weights, filled up with weight 0.

    The width follows from a text's own length alone, so that sums are taken in the same order whatever lies beside it.
    """
    starts = np.concatenate([[0], np.cumsum(found.sizes)])
    widths = np.maximum(16, 1 << np.ceil(np.log2(np.maximum(found.sizes, 1))).astype(np.int64))
    for width in np.unique(widths):
        alike = np.flatnonzero(widths == width)
        step = max(1, CELLS // int(width))
        for first in range(0, len(alike), step):
            places = alike[first : first + step]
            cells = np.arange(width) < found.sizes[places][:, None]
            flat = (starts[places][:, None] + np.arange(width))[cells]
            ids, weights = np.zeros(cells.shape, dtype=np.int32), np.zeros(cells.shape, dtype=np.float32)
            ids[cells], weights[cells] = found.ids[flat], found.weights[flat]
            yield places, ids, weights
