"""all-MiniLM-L6-v2 as it comes from Maven Central: a jar of langchain4j's with int8 ONNX and the tokenizer.

Sources: Wang et al., 2020 (MiniLM); Reimers and Gurevych, 2019 (sentence transformers); Apache 2.0. It reads English.
"""

import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from services.classify.training.examples import TrainingError

HEADS = 12
_FILE = "all-minilm-l6-v2-q"
_NAMES = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "joined",
    "intermediate.dense": "wide",
    "output.dense": "narrow",
    "attention.output.LayerNorm": "norm1",
    "output.LayerNorm": "norm2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """A layer: `x @ weights + bias`; for a norm `weights` are its gains."""

    weights: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A BERT of any depth in float32, with its tokenizer."""

    name: str
    words: np.ndarray
    """(words, width)"""
    places: np.ndarray
    """(most tokens, width); the one type of segment is added to it."""
    norm: Dense
    layers: tuple[dict[str, Dense], ...]
    tokenizer: bytes


def minilm(jar: Path) -> Weights:
    """Read the jar, and widen its int8 weights.

    Raises:
        TrainingError: it is another file.

    """
    try:
        with zipfile.ZipFile(jar) as opened:
            model = onnx.load_from_string(opened.read(f"{_FILE}.onnx"))
            tokenizer = opened.read(f"{_FILE}-tokenizer.json")
        return _of_graph(model.graph, tokenizer)
    except (KeyError, ValueError, zipfile.BadZipFile, onnx.checker.ValidationError) as error:
        message = f"an encoder cannot be read from {jar.name} ({error}); expected the jar of langchain4j's {_FILE}"
        raise TrainingError(message) from None


def _of_graph(graph: onnx.GraphProto, tokenizer: bytes) -> Weights:
    held = {each.name: each for each in graph.initializer}
    users = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)

    def array(name: str) -> np.ndarray:
        return numpy_helper.to_array(held[name])

    def wide(stem: str) -> np.ndarray:
        zero, scale = array(f"{stem}_zero_point").astype(np.float32), array(f"{stem}_scale")
        found: np.ndarray = (array(f"{stem}_quantized").astype(np.float32) - zero) * scale
        return found

    weights: dict[str, np.ndarray] = {}
    for node in graph.node:
        if node.op_type == "MatMulInteger":  # -> Cast -> Mul by both scales -> Add a bias, whose name says whose it is
            (cast,) = users[node.output[0]]
            (scaled,) = users[cast.output[0]]
            (added,) = users[scaled.output[0]]
            (bias,) = (name for name in added.input if name in held)
            weights[bias.removesuffix(".bias")] = wide(node.input[1].removesuffix("_quantized"))
    depth = 1 + max(int(name.split(".")[2]) for name in weights)

    def layer(number: int) -> dict[str, Dense]:
        stem = f"encoder.layer.{number}."
        return {
            short: Dense(
                weights=array(f"{stem}{name}.weight") if "Norm" in name else weights[stem + name],
                bias=array(f"{stem}{name}.bias"),
            )
            for name, short in _NAMES.items()
        }

    segment = wide("embeddings.token_type_embeddings.weight")[0]
    return Weights(
        name="all-MiniLM-L6-v2",
        words=wide("embeddings.word_embeddings.weight"),
        places=wide("embeddings.position_embeddings.weight") + segment,
        norm=Dense(weights=array("embeddings.LayerNorm.weight"), bias=array("embeddings.LayerNorm.bias")),
        layers=tuple(layer(number) for number in range(depth)),
        tokenizer=tokenizer,
    )
