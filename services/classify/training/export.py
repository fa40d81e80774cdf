"""Writes a model directory: the graph that serves, and the files beside it."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from services.classify.serving.card import (
    CARD,
    ENCODER_FILES,
    LABELS,
    MODEL,
    PAIRS,
    TOKENIZER,
    Card,
    Labels,
    Tried,
)
from services.classify.serving.scorer import OnnxScorer
from services.classify.training.fit import Mixed

MOST_TRIED = 20
OPSET, IR = 17, 9
"""Read by every onnxruntime since 1.16."""


def graph(mixed: Mixed) -> bytes:
    """Give the ONNX model: `ids` int32 and `weights` float32, both (texts, tokens), to `shares` (texts, categories).

    A text's scores are the weighted sum of its tokens' rows over the length of the weighted sum, taken as if different
    tokens had nothing in common. Padding has weight 0. Rows are kept in half precision and widened once, at load.
    """
    values: dict[str, np.ndarray] = {
        "rows": mixed.rows.astype(np.float16),
        "row_sizes": mixed.vocabulary.sizes.astype(np.float32),
        "start": mixed.start.astype(np.float32),
        "least": np.array(1e-6, dtype=np.float32),
        "across": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["rows"], ["wide_rows"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["wide_rows", "ids"], ["found"], axis=0),
        helper.make_node("Unsqueeze", ["weights", "across"], ["flat_weights"]),
        helper.make_node("MatMul", ["flat_weights", "found"], ["sums"]),
        helper.make_node("Squeeze", ["sums", "across"], ["scores"]),
        helper.make_node("Gather", ["row_sizes", "ids"], ["found_sizes"], axis=0),
        helper.make_node("Mul", ["weights", "weights"], ["squares"]),
        helper.make_node("Mul", ["squares", "found_sizes"], ["square_sizes"]),
        helper.make_node("ReduceSum", ["square_sizes", "across"], ["square_length"], keepdims=1),
        helper.make_node("Sqrt", ["square_length"], ["raw_length"]),
        helper.make_node("Max", ["raw_length", "least"], ["length"]),
        helper.make_node("Div", ["scores", "length"], ["normed"]),
        helper.make_node("Add", ["normed", "start"], ["total"]),
        helper.make_node("Softmax", ["total"], ["shares"], axis=-1),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "classify",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT32, ["texts", "tokens"]),
                helper.make_tensor_value_info("weights", TensorProto.FLOAT, ["texts", "tokens"]),
            ],
            [helper.make_tensor_value_info("shares", TensorProto.FLOAT, ["texts", mixed.rows.shape[1]])],
            [numpy_helper.from_array(value, name) for name, value in values.items()],
        ),
        producer_name="stormdrain",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def write(out: Path, mixed: Mixed, labels: Labels, card: Card, encoder: Mapping[str, bytes]) -> Card:
    """Write the directory `out`, the card last, and give the card with the hashes of the files.

    `encoder` holds `ENCODER_FILES`, or nothing. Files of an earlier model are replaced; a process that serves it has
    them in memory.
    """
    keys = io.BytesIO()
    np.save(keys, mixed.vocabulary.pairs.keys, allow_pickle=False)
    contents: Mapping[str, bytes] = {
        LABELS: _json(labels),
        MODEL: graph(mixed),
        PAIRS: keys.getvalue(),
        TOKENIZER: mixed.vocabulary.tokenizer.to_str().encode(),
        **encoder,
    }
    out.mkdir(parents=True, exist_ok=True)
    for name in (CARD, *ENCODER_FILES):
        (out / name).unlink(missing_ok=True)
    for name, content in contents.items():
        (out / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    with TemporaryDirectory() as aside:  # whoever waits for a new model sees the card only when all is there
        trial = Path(aside)
        for name, content in contents.items():
            (trial / name).write_bytes(content)
        card = msgspec.structs.replace(card, files=hashes)
        (trial / CARD).write_bytes(_json(card))
        card = msgspec.structs.replace(card, tried=_tried(OnnxScorer(trial)))
    (out / f".{CARD}").write_bytes(_json(card))
    (out / f".{CARD}").replace(out / CARD)
    return card


def _tried(scorer: OnnxScorer) -> tuple[Tried, ...]:
    texts = [label.replace("-", " ") for label in scorer.labels.labels[:MOST_TRIED]]
    said = zip(texts, scorer.score(texts), strict=True)
    return tuple(
        Tried(text=text, service_code=opinion.best[0][0], share=round(opinion.best[0][1], 4)) for text, opinion in said
    )


def _json(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
