"""What `core` is given: a model read from its directory, and a language detector.

A model directory holds five files. `card.json` says where the model comes from and the SHA-256 of the others:
`model.onnx` (rows of scores by token, summed, normed, softmaxed), `tokenizer.json` (of the `tokenizers` library),
`pairs.npy` (which pairs of neighbouring tokens have a row) and `labels.json` (categories, families, thresholds).
Nothing in it is code: a model of unknown origin can be wrong, but it cannot run anything.
"""

import hashlib
import io
import os
import unicodedata
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier
from tokenizers import Tokenizer

from services.classify.core import Opinion, Tongue

# When it is loaded, ONNX Runtime (1.31 does) begins to tell its maker about the machine and its models, unless this is
# set before; `disable_telemetry_events` comes too late. What a city runs is nobody's business.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

CARD, LABELS, MODEL, PAIRS, TOKENIZER = "card.json", "labels.json", "model.onnx", "pairs.npy", "tokenizer.json"
FILES = (LABELS, MODEL, PAIRS, TOKENIZER)
FORMAT = 1

LONGEST_TEXT = 10_000
"""Signs of a text that are looked at: what the door lets through, for texts that came by another way."""
CELLS = 16_384
"""Rows looked up in one run of the session: what fits a core's cache is twice as fast as what does not."""

COMMON_LANGUAGES = (
    "ar bn cs da de el en es fa fi fr he hi ht hu id it ja ko nl no pl pt ro ru so sv sw th tl tr uk ur vi zh"
)
"""Told apart besides the city's own; among all that the detector knows, short texts are too often mistaken."""
LANGUAGE_SIGNS = 160
"""Signs of a text by which its language is told: on 3,500 English and 1,492 German reports more told no better."""
LONGEST_PIECE = 6
"""Bytes of the longest piece of text that py3langid 0.3 knows languages by; a test holds our answers to its own."""


class ModelError(Exception):
    """A model directory cannot be served: which, what is wrong with it, and what to do."""

    def __init__(self, directory: Path, fault: str, remedy: str = "train the model again") -> None:
        super().__init__(f"classify cannot serve the model in {directory}: {fault}; {remedy}")


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How a category fared among the texts held back."""

    texts: int
    """All of its texts, held back or not."""
    judged: int
    precision: float | None
    """None: it was never guessed."""
    recall: float | None
    threshold: float | None
    """None: never released without a person."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model comes from and how good it is, from its data alone: the same data make the same card."""

    format: int = FORMAT
    source: str
    """What was learnt from, in words."""
    data_sha256: str
    texts: int
    earliest: str = ""
    latest: str = ""
    judged_by: str
    """How texts were held back for the scores below, in words. The model itself has learnt from all of them."""
    judged: int
    top1: float
    """Share of the texts held back whose category came first; `top3`: among the first three."""
    top3: float
    calibration_error: float
    target_precision: float
    released: float
    """Share of the texts held back that thresholds found without them let out without a person."""
    released_precision: float | None
    """Share of those that were right; None: none was let out."""
    temperature: float
    categories: dict[str, Score]
    notes: tuple[str, ...] = ()
    versions: dict[str, str]
    files: dict[str, str]
    """SHA-256 by file name."""


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """The model's categories in the order of its scores, with what each needs to be released."""

    labels: tuple[str, ...]
    families: dict[str, str]
    thresholds: dict[str, float | None]
    temperature: float
    """Already inside model.onnx; told for whoever reads."""


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
    weights = (1.0 + np.log(counts)).astype(np.float32)
    return Bags(rows=rows, ids=keys % width, weights=weights, sizes=np.bincount(rows, minlength=len(tokens)))


class OnnxScorer:
    """Scores texts by the model of a directory, on one core; one text's answer does not depend on those beside it."""

    def __init__(self, directory: Path, *, max_tokens: int = 384) -> None:
        """Read a model.

        Raises:
            ModelError: a file is missing, is not the one the card tells of, or cannot be read.

        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a process is one core; more cores are more processes
        self.card, contents = _read(directory)
        self._directory = directory
        self.version = f"{directory.name}-{self.card.files[MODEL][:12]}"
        try:
            self.labels = msgspec.json.decode(contents[LABELS], type=Labels)
            self._tokenizer = Tokenizer.from_buffer(contents[TOKENIZER])
            keys = np.load(io.BytesIO(contents[PAIRS]), allow_pickle=False)
            self._session = onnxruntime.InferenceSession(
                contents[MODEL], _options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # four libraries, and not all have errors of their own
            raise ModelError(directory, f"its files cannot be read ({error})") from error
        self._tokenizer.enable_truncation(max_tokens)
        self._pairs = Pairs(tokens=self._tokenizer.get_vocab_size(), keys=keys)

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
        shares, known = self.shares(texts)
        best = np.argsort(-shares, axis=1, kind="stable")[:, :3]
        certain = np.take_along_axis(shares, best, axis=1)
        labels = self.labels.labels
        return [
            Opinion(best=tuple(zip([labels[each] for each in places], values, strict=True)), known=count)
            for places, values, count in zip(best.tolist(), certain.tolist(), known.tolist(), strict=True)
        ]

    def shares(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the share of each label by text, in the order of the labels, and each text's count of known tokens."""
        encoded = self._tokenizer.encode_batch_fast([_readable(text) for text in texts], add_special_tokens=False)
        found = bags([each.ids for each in encoded], self._pairs)
        shares = np.empty((len(texts), len(self.labels.labels)), dtype=np.float32)
        for texts_of_a_length, ids, weights in _padded(found):
            (shares[texts_of_a_length],) = self._session.run(None, {"ids": ids, "weights": weights})
        return shares, found.sizes


class Langid:
    """Tells a text's language by the model of py3langid, among the city's own languages and common ones.

    py3langid follows one text at a time, byte by byte, in Python. Here a whole batch is followed at once: where its
    automaton stands after a byte depends on the `LONGEST_PIECE` bytes before alone, so that many steps are enough.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        wanted = {language.partition("-")[0].lower() for language in languages}
        wanted.update(COMMON_LANGUAGES.split())
        identifier.set_languages(sorted(wanted.intersection(identifier.labels)))
        self._moves = np.asarray(identifier.tk_nextmove)
        self._rows = np.asarray(identifier.tk_row, dtype=np.int64) << 8
        self._pieces = np.asarray(identifier.tk_output, dtype=np.int64)
        self._table = np.ascontiguousarray(identifier.nb_ptc, dtype=np.float32)
        self._common = np.asarray(identifier.nb_pc)
        # A language that is written in two scripts stands in two columns.
        self._languages, columns = np.unique(identifier.nb_classes, return_inverse=True)
        self._of_column = np.equal.outer(columns, np.arange(len(self._languages))).astype(np.float32)

    def tongues(self, texts: Sequence[str]) -> list[Tongue]:
        """Give the likeliest language of each text (ISO 639) and its share."""
        encoded = [_as_learnt(text[:LANGUAGE_SIGNS]) for text in texts]
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        rows, pieces, counts = self._found(b"".join(encoded), lengths)
        scores = np.zeros((len(texts), len(self._common)), dtype=np.float32)
        if len(rows):
            first = np.flatnonzero(np.diff(rows, prepend=-1))
            weighed = np.log1p(counts, dtype=np.float32)[:, None] * self._table[pieces]
            scores[rows[first]] = np.add.reduceat(weighed, first) + self._common
        scores /= np.sqrt(np.maximum(lengths, 1), dtype=np.float32)[:, None]  # py3langid's measure of being sure
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = shares / shares.sum(axis=1, keepdims=True) @ self._of_column
        best = shares.argmax(axis=1)
        certain = np.take_along_axis(shares, best[:, None], axis=1)[:, 0]
        return list(map(Tongue, self._languages[best].tolist(), certain.tolist()))

    def _found(self, signs: bytes, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give which pieces stand in which texts, and how often; by text."""
        padded = np.frombuffer(bytes(LONGEST_PIECE) + signs, dtype=np.uint8)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        inside = np.arange(len(signs)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        states = np.zeros(len(signs), dtype=np.int64)
        for back in range(LONGEST_PIECE - 1, -1, -1):
            start = LONGEST_PIECE - back
            moved = self._moves[self._rows[states] + padded[start : start + len(signs)]]
            states = np.where(inside >= back, moved, 0)  # a text begins where the automaton does
        pieces = self._pieces[states]
        known = pieces >= 0
        keys, counts = np.unique(rows[known] * len(self._table) + pieces[known], return_counts=True)
        return keys // len(self._table), keys % len(self._table), counts


def _as_learnt(text: str) -> bytes:
    """Give the bytes by which py3langid has learnt languages: composed letters, and none that only shouts."""
    return unicodedata.normalize("NFC", text.lower() if text.isupper() else text).encode("utf-8", "surrogatepass")


def model_directory(chosen: Path | None, city: Path, models: Path) -> Path:
    """Give the directory to serve from: the one chosen, else the city's own model, else the one shipped."""
    if chosen is not None:
        return chosen
    return city / "model" if (city / "model").is_dir() else models / "shipped"


def _padded(found: Bags) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
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


def _read(directory: Path) -> tuple[Card, dict[str, bytes]]:
    if not (directory / CARD).is_file():
        remedy = "train one: stormdrain train --city city --out " + str(directory)
        raise ModelError(directory, f"there is no {CARD}", remedy)
    try:
        card = msgspec.json.decode((directory / CARD).read_bytes(), type=Card)
    except msgspec.MsgspecError as error:
        raise ModelError(directory, f"{CARD} is not a model's card ({error})") from None
    if card.format != FORMAT:
        raise ModelError(directory, f"{CARD} is of format {card.format}, expected {FORMAT}")
    faults, contents = [], {}
    for name in FILES:
        path = directory / name
        contents[name] = path.read_bytes() if path.is_file() else b""
        if not contents[name]:
            faults.append(f"there is no {name}")
        elif hashlib.sha256(contents[name]).hexdigest() != card.files.get(name):
            faults.append(f"{name} is not the file that {CARD} tells of")
    if faults:
        raise ModelError(directory, ", ".join(faults))
    return card, contents


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def _readable(text: str) -> str:
    """Cut, and drop lone surrogates, which no JSON decoder lets in and the tokenizer would choke on."""
    return text[:LONGEST_TEXT].encode("utf-8", "ignore").decode() if not text.isascii() else text[:LONGEST_TEXT]
