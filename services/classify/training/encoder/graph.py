"""The ONNX graph of an encoder, int8 as far as it multiplies, for one text at a time.

Made of ONNX Runtime's own fused operators; weights are quantized by column, words by row, activations as they come.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from services.classify.serving.encoder import MOST_TOKENS
from services.classify.training.encoder.weights import HEADS, Dense, Weights
from services.classify.training.export import IR, OPSET

OURS = "com.microsoft"
EPSILON = 1e-12
"""BERT's own, added to a variance before its root is taken."""


def graph(weights: Weights, head: Dense | None = None) -> bytes:
    """Give the model: `ids` int32 (1, tokens) to `row` (1, categories), or (1, width), the mean, without a head."""
    return _Graph(weights).made(head)


class _Graph:
    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.values: list[onnx.TensorProto] = []

    def made(self, head: Dense | None) -> bytes:
        text = self.embedded()
        for number, layer in enumerate(self.weights.layers):
            text = self.layer(f"{number}", layer, text)
        width = self.weights.words.shape[1]
        row = self.node("ReduceMean", [text], "mean", axes=[1], keepdims=0)
        if head is not None:
            width = head.weights.shape[1]
            product = self.node("MatMul", [row, self.value("head", head.weights)], "raw")
            row = self.node("Add", [product, self.value("head_bias", head.bias)], "row")
        made = helper.make_graph(
            self.nodes,
            "encoder",
            [helper.make_tensor_value_info("ids", TensorProto.INT32, [1, "tokens"])],
            [helper.make_tensor_value_info(row, TensorProto.FLOAT, [1, width])],
            self.values,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(OURS, 1)]
        model = helper.make_model(made, producer_name="stormdrain", opset_imports=opsets, ir_version=IR)
        serialized: bytes = model.SerializeToString(deterministic=True)
        return serialized

    def value(self, name: str, array: np.ndarray) -> str:
        kept = array if array.dtype in (np.int8, np.int64) else array.astype(np.float32)
        self.values.append(numpy_helper.from_array(np.ascontiguousarray(kept), name))
        return name

    def node(
        self,
        kind: str,
        inputs: list[str],
        output: str,
        *,
        domain: str = "",
        **attributes: Any,  # noqa: ANN401 - whatever the operator takes
    ) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def embedded(self) -> str:
        narrow, scales = quantized(self.weights.words.T)
        rows = self.node("Gather", [self.value("words", narrow.T), "ids"], "word_rows", axis=0)
        sizes = self.node("Gather", [self.value("word_scales", scales[:, None]), "ids"], "word_sizes", axis=0)
        words = self.node("Mul", [self.node("Cast", [rows], "wide_words", to=TensorProto.FLOAT), sizes], "found_words")
        shape = self.node("Shape", ["ids"], "shape")
        one, two, zero = (self.value(f"number_{n}", np.array([n], dtype=np.int64)) for n in (1, 2, 0))
        count = self.node("Slice", [shape, one, two], "count")
        table = self.value("places", self.weights.places[:MOST_TOKENS])
        places = self.node("Slice", [table, zero, count, zero], "found_places")
        both = self.node("Add", [words, places], "embedded")
        gain, bias = self.value("norm", self.weights.norm.weights), self.value("norm_bias", self.weights.norm.bias)
        return self.node("LayerNormalization", [both, gain, bias], "normed", axis=-1, epsilon=EPSILON)

    def layer(self, number: str, layer: dict[str, Dense], text: str) -> str:
        three = [layer[part] for part in ("query", "key", "value")]
        packed = Dense(
            weights=np.concatenate([each.weights for each in three], axis=1),
            bias=np.concatenate([each.bias for each in three]),
        )
        parts = [f"{number}_{part}" for part in ("query", "key", "value")]
        name = self.dense(f"{number}_packed", packed, text)
        self.nodes.append(helper.make_node("Split", [name], parts, name=f"{number}_split", axis=-1))
        seen = self.node("MultiHeadAttention", parts, f"{number}_seen", domain=OURS, num_heads=HEADS)
        text = self.normed(
            f"{number}_norm1", layer["norm1"], self.dense(f"{number}_joined", layer["joined"], seen), text
        )
        wide = self.node("Gelu", [self.dense(f"{number}_wide", layer["wide"], text)], f"{number}_bent", domain=OURS)
        return self.normed(
            f"{number}_norm2", layer["norm2"], self.dense(f"{number}_narrow", layer["narrow"], wide), text
        )

    def dense(self, name: str, dense: Dense, of: str) -> str:
        narrow, scales = quantized(dense.weights)
        inputs = [
            of,
            self.value(f"{name}_w", narrow),
            self.value(f"{name}_s", scales),
            "",
            self.value(f"{name}_b", dense.bias),
        ]
        return self.node("DynamicQuantizeMatMul", inputs, name, domain=OURS)

    def normed(self, name: str, norm: Dense, of: str, beside: str) -> str:
        inputs = [of, beside, self.value(f"{name}_g", norm.weights), self.value(f"{name}_b", norm.bias)]
        return self.node("SkipLayerNormalization", inputs, name, domain=OURS, epsilon=EPSILON)


def quantized(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give (rows, columns) as int8, and what one step is worth in each column."""
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-8) / 127
    return np.round(weights / scales).astype(np.int8), scales.astype(np.float32)
