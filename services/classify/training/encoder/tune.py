"""Fine-tuning an encoder on a town's own past: every layer moves, the lower ones less (Howard and Ruder, 2018).

Needs torch (`stormdrain[train-deep]`). It runs on processors, in half precision (bfloat16) as far as
it multiplies: those with matrix units (AMX) take a fourth of the time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nn
from tokenizers import Tokenizer

from services.classify.serving.encoder import MOST_TOKENS, Encoder
from services.classify.serving.sessions import session
from services.classify.training.encoder.graph import EPSILON, graph
from services.classify.training.encoder.head import Opinion
from services.classify.training.encoder.learning import learn
from services.classify.training.encoder.weights import HEADS, Dense, Weights

ROUNDS, LARGE, ROUNDS_OF_LARGE = 5, 8_000, 3
"""How often all texts are read; histories of so many texts, and how often those."""
BATCH = 32
RATE, HEAD_RATE, LOWER = 1e-4, 1e-3, 0.9
"""Learning rates of the uppermost layer and of the head; of a layer to the one above it."""
DROPPED, DECAY = 0.1, 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """Learns an encoder anew from whatever texts it is given."""

    weights: Weights
    texts: Sequence[str]
    answers: np.ndarray
    categories: int
    on_progress: Callable[[float], None]
    """Told the share of one learning that is done."""

    @property
    def name(self) -> str:
        """What the card says of it."""
        return f"{self.weights.name}, fine-tuned"

    @property
    def gated(self) -> bool:
        """Whether it reads only what the fast model is unsure of."""
        return True

    def taught(self, learnt: Sequence[int]) -> Opinion:
        """Give what has learnt from the chosen texts alone."""
        weights, head = self._learn(learnt)
        encoder = Encoder(session(graph(weights, head)), weights.tokenizer)
        return lambda held: encoder.rows([self.texts[each] for each in held])

    def served(self) -> tuple[bytes, bytes]:
        """Give the graph and the tokenizer that all texts taught."""
        weights, head = self._learn(range(len(self.texts)))
        return graph(weights, head), weights.tokenizer

    def _learn(self, chosen: Sequence[int]) -> tuple[Weights, Dense]:
        torch.manual_seed(0)
        tokenizer = Tokenizer.from_buffer(self.weights.tokenizer)
        tokenizer.no_padding()
        tokenizer.enable_truncation(MOST_TOKENS)
        tokens = [each.ids for each in tokenizer.encode_batch_fast([self.texts[each] for each in chosen])]
        answers = torch.from_numpy(self.answers[np.asarray(chosen)])
        bert = _Bert(self.weights, self.categories)
        rounds = ROUNDS if len(tokens) < LARGE else ROUNDS_OF_LARGE
        optimizer = torch.optim.AdamW(bert.groups(), weight_decay=DECAY)
        learn(bert, optimizer, tokens, answers, self.on_progress, size=BATCH, rounds=rounds)
        return bert.learnt(self.weights)


class _Bert(torch.nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """BERT as `services.classify.training.encoder.graph` writes it, in torch."""

    def __init__(self, weights: Weights, categories: int) -> None:
        super().__init__()
        width = weights.words.shape[1]
        self.names = tuple(weights.layers[0])
        self.lowest = _parameters(words=weights.words, places=weights.places, **_named("norm", weights.norm))
        self.layers = torch.nn.ModuleList(
            _parameters(**{key: value for name, dense in layer.items() for key, value in _named(name, dense).items()})
            for layer in weights.layers
        )
        start = torch.randn(width, categories).numpy() * 0.02
        self.head = _parameters(**_named("head", Dense(weights=start, bias=np.zeros(categories, dtype=np.float32))))

    def groups(self) -> list[dict[str, object]]:
        depth = len(self.layers)
        layers = [
            {"params": list(layer.parameters()), "lr": RATE * LOWER ** (depth - 1 - number)}
            for number, layer in enumerate(self.layers)
        ]
        return [
            {"params": list(self.head.parameters()), "lr": HEAD_RATE},
            *layers,
            {"params": list(self.lowest.parameters()), "lr": RATE * LOWER**depth},
        ]

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            text = self.lowest["words"][ids] + self.lowest["places"][: ids.shape[1]]
            text = self._drop(self._normed(text, self.lowest, "norm"))
            hidden = ((mask - 1) * 1e4)[:, None, None, :].to(torch.bfloat16)
            for layer in self.layers:
                text = self._layer(layer, text, hidden)
        mean = (text.float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return self._dense(self._drop(mean), self.head, "head")

    def learnt(self, before: Weights) -> tuple[Weights, Dense]:
        weights = Weights(
            name=before.name,
            words=_array(self.lowest["words"]),
            places=_array(self.lowest["places"]),
            norm=_of(self.lowest, "norm"),
            layers=tuple({name: _of(layer, name) for name in self.names} for layer in self.layers),
            tokenizer=before.tokenizer,
        )
        return weights, _of(self.head, "head")

    def _layer(self, layer: torch.nn.ParameterDict, text: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        count, length, width = text.shape
        query, key, value = (
            self._dense(text, layer, name).view(count, length, HEADS, width // HEADS).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        dropped = DROPPED if self.training else 0.0
        seen = nn.scaled_dot_product_attention(query, key, value, attn_mask=hidden, dropout_p=dropped)
        joined = self._dense(seen.transpose(1, 2).reshape(count, length, width), layer, "joined")
        text = self._normed(text + self._drop(joined), layer, "norm1")
        narrow = self._dense(nn.gelu(self._dense(text, layer, "wide")), layer, "narrow")
        return self._normed(text + self._drop(narrow), layer, "norm2")

    def _drop(self, values: torch.Tensor) -> torch.Tensor:
        return nn.dropout(values, DROPPED, self.training)

    @staticmethod
    def _dense(values: torch.Tensor, held: torch.nn.ParameterDict, name: str) -> torch.Tensor:
        return values @ held[f"{name}_weights"].to(values.dtype) + held[f"{name}_bias"].to(values.dtype)

    @staticmethod
    def _normed(values: torch.Tensor, held: torch.nn.ParameterDict, name: str) -> torch.Tensor:
        gains = held[f"{name}_weights"]
        return nn.layer_norm(values.float(), gains.shape, gains, held[f"{name}_bias"], EPSILON)


def _named(name: str, dense: Dense) -> dict[str, np.ndarray]:
    return {f"{name}_weights": dense.weights, f"{name}_bias": dense.bias}


def _parameters(**arrays: np.ndarray) -> torch.nn.ParameterDict:
    return torch.nn.ParameterDict(
        {name: torch.nn.Parameter(torch.tensor(array, dtype=torch.float32)) for name, array in arrays.items()}
    )


def _array(parameter: torch.Tensor) -> np.ndarray:
    found: np.ndarray = parameter.detach().numpy()
    return found


def _of(held: torch.nn.ParameterDict, name: str) -> Dense:
    return Dense(weights=_array(held[f"{name}_weights"]), bias=_array(held[f"{name}_bias"]))
