"""An encoder learnt from a town's own texts alone, in whatever language they are: convolutions over pieces of words.

After Kim (2014, doi:10.3115/v1/D14-1181), with the mean of the pieces beside the maxima. It knows less than a
transformer that has read half the web, but it reads every language, and ten texts in the time of one; from some ten
thousand texts on it errs in other places than a linear model does, and both together err less. Needs torch
(`stormdrain[train-deep]`) to learn, and nothing but ONNX Runtime to serve.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
import torch.nn.functional as nn
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from services.classify.serving.encoder import MOST_TOKENS, Encoder
from services.classify.serving.sessions import session
from services.classify.training.encoder.head import Opinion
from services.classify.training.encoder.learning import learn
from services.classify.training.export import IR, OPSET

PIECES, RAREST = 16_000, 2
WIDTH, FILTERS, SPANS = 128, 192, (1, 2, 3, 5)
"""Of a piece's vector; convolutions of each span; pieces that these see at once."""
SHOWN, FEWEST_ROUNDS, MOST_ROUNDS = 130_000, 6, 16
"""How many texts are shown in all, each as often as any other, within these bounds."""
BATCH, RATE, DECAY = 64, 2e-3, 1e-2
HIDDEN, BLURRED, DROPPED, DOUBT = 0.1, 0.2, 0.4, 0.1
"""Shares of pieces, of their vectors and of what was found that are left out while learning; label smoothing: citizens
pick categories loosely."""
START, UNKNOWN, PADDING = "[START]", "[UNK]", "[PAD]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Learns from whatever texts it is given."""

    texts: Sequence[str]
    answers: np.ndarray
    categories: int
    on_progress: Callable[[float], None]
    """Told the share of one learning that is done."""

    @property
    def name(self) -> str:
        """What the card says of it."""
        return "convolutions over the town's own words"

    @property
    def gated(self) -> bool:
        """Whether it reads only what the fast model is unsure of."""
        return False

    def taught(self, learnt: Sequence[int]) -> Opinion:
        """Give what has learnt from the chosen texts alone."""
        model, tokenizer = self._learn(learnt)
        encoder = Encoder(session(model), tokenizer)
        return lambda held: encoder.rows([self.texts[each] for each in held])

    def served(self) -> tuple[bytes, bytes]:
        """Give the graph and the tokenizer that all texts taught."""
        return self._learn(range(len(self.texts)))

    def _learn(self, chosen: Sequence[int]) -> tuple[bytes, bytes]:
        torch.manual_seed(0)
        texts = [self.texts[each] for each in chosen]
        tokenizer = _tokenizer(texts)
        tokens = [each.ids for each in tokenizer.encode_batch(texts)]
        answers = torch.from_numpy(self.answers[np.asarray(chosen)])
        found = _Convolutions(tokenizer.get_vocab_size(), self.categories)
        rounds = min(max(SHOWN // len(tokens), FEWEST_ROUNDS), MOST_ROUNDS)
        optimizer = torch.optim.AdamW(found.parameters(), lr=RATE, weight_decay=DECAY)
        learn(found, optimizer, tokens, answers, self.on_progress, size=BATCH, rounds=rounds, doubt=DOUBT)
        return found.graph(), tokenizer.to_str().encode()


def _tokenizer(texts: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\p{L}\p{N}]+"), "removed", invert=True)
    special = [PADDING, UNKNOWN, START]
    trainer = trainers.WordPieceTrainer(
        vocab_size=PIECES, special_tokens=special, show_progress=False, min_frequency=RAREST
    )
    tokenizer.train_from_iterator(texts, trainer)
    # So that no text is without a token.
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, special.index(START))]
    )
    tokenizer.enable_truncation(MOST_TOKENS)
    return tokenizer


class _Convolutions(torch.nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    def __init__(self, pieces: int, categories: int) -> None:
        super().__init__()
        self.pieces = torch.nn.Embedding(pieces, WIDTH, padding_idx=0)
        torch.nn.init.normal_(self.pieces.weight, std=0.1)
        self.spans = torch.nn.ModuleList(torch.nn.Conv1d(WIDTH, FILTERS, span) for span in SPANS)
        self.head = torch.nn.Linear(FILTERS * len(SPANS) + WIDTH, categories)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.training:
            ids = torch.where(torch.rand(ids.shape) < HIDDEN, torch.ones_like(ids), ids)
        text = nn.dropout(self.pieces(ids) * mask[..., None], BLURRED, self.training)
        beyond = ((mask - 1) * 1e4)[:, None, :]
        across = text.transpose(1, 2)
        found = [
            (nn.relu(span(nn.pad(across, _around(size)))) + beyond).max(-1).values
            for size, span in zip(SPANS, self.spans, strict=True)
        ]
        mean = text.sum(1) / mask.sum(1, keepdim=True)
        return self.head(nn.dropout(torch.cat([*found, mean], 1), DROPPED, self.training))

    def graph(self) -> bytes:
        """Give the ONNX model: `ids` int32 (1, tokens) to `row` (1, categories).

        What each piece adds to each filter, by where it stands under it, is known before any text is: convolutions
        are served as a look into a table and a few sums, which takes a fifth of the time.
        """
        pieces, width = _array(self.pieces.weight), len(self.head.bias)
        parts = [pieces @ _array(span.weight)[:, :, at].T for span in self.spans for at in range(span.kernel_size[0])]
        head = _array(self.head.weight)
        parts.append(pieces @ head[:, -WIDTH:].T)
        values: dict[str, np.ndarray] = {"pieces": np.concatenate(parts, axis=1).astype(np.float16)}
        names = [f"piece{number}" for number in range(len(parts))]
        values["widths"] = np.array([part.shape[1] for part in parts], dtype=np.int64)
        nodes = [
            helper.make_node("Gather", ["pieces", "ids"], ["narrow"], axis=0),
            helper.make_node("Cast", ["narrow"], ["text"], to=TensorProto.FLOAT),
            helper.make_node("Split", ["text", "widths"], names, axis=2),
            helper.make_node("ReduceMean", [names[-1]], ["mean"], axes=[1], keepdims=0),
        ]
        each = iter(names)
        for size, span in zip(SPANS, self.spans, strict=True):
            under = [self._moved(next(each), at - _around(size)[0], nodes, values) for at in range(size)]
            values[f"bias{size}"] = _array(span.bias)
            nodes += [
                helper.make_node("Sum", [*under, f"bias{size}"], [f"seen{size}"]),
                helper.make_node("ReduceMax", [f"seen{size}"], [f"most{size}"], axes=[1], keepdims=0),
                helper.make_node("Relu", [f"most{size}"], [f"found{size}"]),
            ]
        values |= {"head": head[:, :-WIDTH].T.copy(), "head_bias": _array(self.head.bias)}
        nodes += [
            helper.make_node("Concat", [f"found{size}" for size in SPANS], ["all"], axis=1),
            helper.make_node("MatMul", ["all", "head"], ["raw"]),
            helper.make_node("Sum", ["raw", "mean", "head_bias"], ["row"]),
        ]
        made = helper.make_graph(
            nodes,
            "convolutions",
            [helper.make_tensor_value_info("ids", TensorProto.INT32, [1, "tokens"])],
            [helper.make_tensor_value_info("row", TensorProto.FLOAT, [1, width])],
            [numpy_helper.from_array(value, name) for name, value in values.items()],
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(made, producer_name="stormdrain", opset_imports=opsets, ir_version=IR)
        onnx.checker.check_model(model)
        serialized: bytes = model.SerializeToString(deterministic=True)
        return serialized

    @staticmethod
    def _moved(name: str, by: int, nodes: list[onnx.NodeProto], values: dict[str, np.ndarray]) -> str:
        """Have each token see what stands `by` further on, and nothing beyond the ends; give that value's name."""
        if not by:
            return name
        values[f"pads{name}"] = np.array([0, -by, 0, 0, by, 0], dtype=np.int64)
        nodes.append(helper.make_node("Pad", [name, f"pads{name}"], [f"{name}moved"]))
        return f"{name}moved"


def _around(span: int) -> tuple[int, int]:
    """Give the nothing before and behind a text by which a convolution gives as many rows as it takes."""
    return span // 2, (span - 1) // 2


def _array(parameter: torch.Tensor) -> np.ndarray:
    found: np.ndarray = parameter.detach().numpy()
    return found
