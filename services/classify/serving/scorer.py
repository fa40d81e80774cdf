"""The model of a directory, served by ONNX Runtime on one core."""

import io
import os
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from tokenizers import Tokenizer

from services.classify.core import Opinion
from services.classify.serving.bags import Bags, Pairs, bags, padded, pieces
from services.classify.serving.card import (
    ENCODER,
    ENCODER_TOKENIZER,
    LABELS,
    MODEL,
    PAIRS,
    TOKENIZER,
    Labels,
    ModelError,
    Reference,
    read,
)
from services.classify.serving.confidence import honest
from services.classify.serving.encoder import Encoder, SecondLook
from services.classify.serving.sessions import session

ALIKE = 0.01
"""Confidence may be so much off from what it was where the model was made: another processor rounds otherwise."""
LONGEST_TEXT = 10_000
"""Signs of a text that are looked at: what the door lets through, for texts that came by another way."""


class OnnxScorer:
    """Scores texts by the model of a directory, on one core; one text's answer does not depend on those beside it."""

    def __init__(self, directory: Path, *, max_tokens: int = 384) -> None:
        """Read a model.

        Raises:
            ModelError: a file is missing, is not the one the card tells of, or cannot be read.

        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a process is one core; more cores are more processes
        self.card, contents = read(directory)
        self._directory = directory
        self.version = f"{directory.name}-{self.card.fingerprint[:12]}"
        try:
            self.labels = msgspec.json.decode(contents[LABELS], type=Labels)
            self._tokenizer = Tokenizer.from_buffer(contents[TOKENIZER])
            keys = np.load(io.BytesIO(contents[PAIRS]), allow_pickle=False)
            self._session = session(contents[MODEL])
            self._second = None
            if self.card.cascade is not None:
                encoder = Encoder(session(contents[ENCODER]), contents[ENCODER_TOKENIZER])
                self._second = SecondLook(self.card.cascade, encoder)
        except Exception as error:  # four libraries, and not all have errors of their own
            raise ModelError(directory, f"its files cannot be read ({error})") from error
        self._tokenizer.enable_truncation(max_tokens)
        self._pieces = pieces(self._tokenizer)
        self._pairs = Pairs(tokens=self._tokenizer.get_vocab_size(), keys=keys)
        self._must_answer_as_it_did()

    @property
    def thresholds(self) -> Mapping[str, float | None]:
        """What the confidence in each category must reach; see `services.classify.core.Model`."""
        return self.labels.thresholds

    @property
    def reference(self) -> Reference | None:
        """What it answered where it was made; see `services.classify.serving.drift.Referring`."""
        return self.card.reference

    @property
    def encoder(self) -> Encoder | None:
        """What takes the second look; None: nothing does."""
        return self._second.encoder if self._second is not None else None

    def _must_answer_as_it_did(self) -> None:
        tried = self.card.tried
        for was, opinion in zip(tried, self.score([each.text for each in tried]), strict=True):
            code, share = opinion.best[0]
            if abs(share - was.share) > ALIKE or (code != was.service_code and was.share > 0.5 + ALIKE):
                fault = f"of {was.text!r} it says {code} ({share:.2f}), and said {was.service_code} ({was.share:.2f})"
                raise ModelError(self._directory, f"{fault} when it was made", "train it again with these libraries")

    def must_know_only(self, codes: Container[str]) -> None:
        """See that the model gives no category but the city's; it may know fewer, if some are new.

        Raises:
            ModelError: names the categories that the city does not have.

        """
        strange = [label for label in self.labels.labels if label not in codes]
        if strange:
            fault = f"it knows {len(strange)} categories that the city does not have: {', '.join(strange)}"
            raise ModelError(
                self._directory, fault, "train it on the city's categories, or name them in categories.yaml"
            )

    def score(self, texts: Sequence[str]) -> list[Opinion]:
        """Give the three likeliest categories of each text with their shares, and how many of its tokens are known."""
        found = self._bags(texts)
        shares, known, unknown = self._shares(found, texts), found.sizes, found.share(self._pieces)
        best = np.argsort(-shares, axis=1, kind="stable")[:, :3]
        certain = np.take_along_axis(shares, best, axis=1)
        labels = self.labels.labels
        return [
            Opinion(tuple(zip([labels[each] for each in places], values, strict=True)), count, strange)
            for places, values, count, strange in zip(
                best.tolist(), certain.tolist(), known.tolist(), unknown.tolist(), strict=True
            )
        ]

    def shares(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the share of each label by text, in the order of the labels, and each text's count of known tokens."""
        found = self._bags(texts)
        return self._shares(found, texts), found.sizes

    def _bags(self, texts: Sequence[str]) -> Bags:
        encoded = self._tokenizer.encode_batch_fast([_readable(text) for text in texts], add_special_tokens=False)
        return bags([each.ids for each in encoded], self._pairs)

    def _shares(self, found: Bags, texts: Sequence[str]) -> np.ndarray:
        shares = np.empty((len(found.lengths), len(self.labels.labels)), dtype=np.float32)
        for texts_of_a_length, ids, weights in padded(found):
            (shares[texts_of_a_length],) = self._session.run(None, {"ids": ids, "weights": weights})
        if self._second is not None:
            again = np.flatnonzero(self._second.wanted(shares) & (found.sizes > 0))
            if len(again):
                shares[again] = self._second.taken(shares[again], [_readable(texts[each]) for each in again.tolist()])
        return honest(shares, self.labels.confidence)


def _readable(text: str) -> str:
    """Cut, and drop lone surrogates, which no JSON decoder lets in and the tokenizer would choke on."""
    return text[:LONGEST_TEXT].encode("utf-8", "ignore").decode() if not text.isascii() else text[:LONGEST_TEXT]
