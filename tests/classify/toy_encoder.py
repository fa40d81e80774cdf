"""A BERT of two thin layers with weights at random, and the same in plain numpy, for tests in milliseconds."""

import json

import numpy as np
from classify_phrases import PHRASES
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from services.classify.training.encoder.weights import HEADS, Dense, Weights

WIDTH, WIDE, DEPTH, PLACES = 48, 96, 2, 160


def toy(seed: int = 0) -> Weights:
    luck = np.random.default_rng(seed)
    words = sorted({word for phrases in PHRASES.values() for phrase in phrases for word in phrase.lower().split()})
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(["[UNK]", *words])}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()

    def dense(rows: int, columns: int) -> Dense:
        weights = luck.normal(0, rows**-0.5, (rows, columns)).astype(np.float32)
        return Dense(weights=weights, bias=luck.normal(0, 0.1, columns).astype(np.float32))

    def norm() -> Dense:
        return Dense(
            weights=luck.uniform(0.5, 1.5, WIDTH).astype(np.float32),
            bias=luck.normal(0, 0.1, WIDTH).astype(np.float32),
        )

    def layer() -> dict[str, Dense]:
        return {
            **{name: dense(WIDTH, WIDTH) for name in ("query", "key", "value", "joined")},
            "wide": dense(WIDTH, WIDE),
            "narrow": dense(WIDE, WIDTH),
            "norm1": norm(),
            "norm2": norm(),
        }

    return Weights(
        name="toy",
        words=luck.normal(0, 1, (len(words) + 1, WIDTH)).astype(np.float32),
        places=luck.normal(0, 0.3, (PLACES, WIDTH)).astype(np.float32),
        norm=norm(),
        layers=tuple(layer() for _ in range(DEPTH)),
        tokenizer=json.dumps(json.loads(tokenizer.to_str())).encode(),
    )


def mean_of(weights: Weights, ids: list[int]) -> np.ndarray:
    """Give what the encoder makes of one text, as Devlin et al. (2019) describe it, in float64."""
    text = _normed(weights.words[ids] + weights.places[: len(ids)], weights.norm)
    for layer in weights.layers:
        heads = []
        for head in np.split(np.arange(WIDTH), HEADS):
            query, key, value = (_dense(text, layer[part])[:, head] for part in ("query", "key", "value"))
            scores = query @ key.T / np.sqrt(len(head))
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            heads.append(shares / shares.sum(axis=1, keepdims=True) @ value)
        text = _normed(text + _dense(np.concatenate(heads, axis=1), layer["joined"]), layer["norm1"])
        text = _normed(text + _dense(_bent(_dense(text, layer["wide"])), layer["narrow"]), layer["norm2"])
    mean: np.ndarray = text.mean(axis=0)
    return mean


def _dense(values: np.ndarray, dense: Dense) -> np.ndarray:
    found: np.ndarray = values.astype(np.float64) @ dense.weights + dense.bias
    return found


def _normed(values: np.ndarray, norm: Dense) -> np.ndarray:
    centred = values - values.mean(axis=1, keepdims=True)
    found: np.ndarray = centred / np.sqrt(values.var(axis=1, keepdims=True)) * norm.weights + norm.bias
    return found


def _bent(values: np.ndarray) -> np.ndarray:
    from scipy.special import erf  # noqa: PLC0415 - of the train extra

    bent: np.ndarray = values * 0.5 * (1 + erf(values / np.sqrt(2)))
    return bent
