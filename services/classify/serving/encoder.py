"""A transformer that reads what the fast model is unsure of, one text at a time.

Its activations are quantized as they come (int8, one scale for all that is in a run): texts that share a run would
change each other's answers. On one core a text of 40 tokens fills the multipliers anyhow: batches bucketed by length
were measured, and are no faster (docs/adr/0019).
"""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from services.classify.serving.card import Cascade
from services.classify.serving.confidence import softmax
from services.classify.serving.sessions import InferenceSession

MOST_TOKENS = 128
"""Of a longer text only so many are read: the category stands at the beginning, and time grows with each."""


class Encoder:
    """Gives each text a row of numbers: scores by category, or what it means where the graph has no head."""

    def __init__(self, session: InferenceSession, tokenizer: bytes) -> None:
        self._session = session
        self._tokenizer = Tokenizer.from_buffer(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_TOKENS)

    def rows(self, texts: Sequence[str]) -> np.ndarray:
        """Give (texts, outputs) as float32."""
        tokens = [each.ids for each in self._tokenizer.encode_batch_fast(list(texts))]
        return np.concatenate([self._session.run(None, {"ids": np.array([ids], dtype=np.int32)})[0] for ids in tokens])


class SecondLook:
    """Reads again what the fast model is unsure of, and adds both opinions up."""

    def __init__(self, cascade: Cascade, encoder: Encoder) -> None:
        self._cascade, self.encoder = cascade, encoder

    def wanted(self, first: np.ndarray) -> np.ndarray:
        """Give which texts are read again, as a mask, from their shares (texts, categories)."""
        wanted: np.ndarray = first.max(axis=1) < self._cascade.gate
        return wanted

    def taken(self, first: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """Give the shares of texts after the second look; `first` are those before it."""
        return both(first, self.encoder.rows(texts), self._cascade.fast, self._cascade.weight)


def both(first: np.ndarray, read: np.ndarray, fast: float, weight: float) -> np.ndarray:
    """Add up what was thought at first (shares) and what an encoder says (scores), each by its weight, to shares."""
    return softmax(fast * np.log(first + 1e-9) + weight * read)
