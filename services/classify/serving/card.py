"""A model's directory: what lies in it, where it comes from and how good it is.

`card.json` says where the model comes from and the SHA-256 of the other files: `model.onnx` (rows of scores by token,
summed, normed, softmaxed), `tokenizer.json` (of the `tokenizers` library), `pairs.npy` (which pairs of neighbouring
tokens have a row) and `labels.json` (categories, families, thresholds). A cascade has two more: `encoder.onnx`, which
reads again what the first is unsure of, and `encoder-tokenizer.json`. Nothing in it is code: a model of unknown origin
can be wrong, but it cannot run anything.
"""

import hashlib
from pathlib import Path

import msgspec

CARD, LABELS, MODEL, PAIRS, TOKENIZER = "card.json", "labels.json", "model.onnx", "pairs.npy", "tokenizer.json"
FILES = (LABELS, MODEL, PAIRS, TOKENIZER)
ENCODER, ENCODER_TOKENIZER = "encoder.onnx", "encoder-tokenizer.json"
ENCODER_FILES = (ENCODER, ENCODER_TOKENIZER)
FORMAT = 2


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


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A text, and what the model said of it where it was made."""

    text: str
    service_code: str
    share: float


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What the model answered on the texts held back: what drift is measured against."""

    shares: dict[str, float]
    """Of each category, among its answers."""
    confidence: float
    """The mean."""
    unknown: float
    """Share of tokens that it did not know, or in pieces alone."""


class Cascade(msgspec.Struct, frozen=True, kw_only=True):
    """A second look by an encoder at what the fast model is unsure of."""

    encoder: str
    """Its name."""
    gate: float
    """A text of which the fast model is less sure is read again."""
    fast: float
    """What the fast model's opinion (log of its shares) weighs then."""
    weight: float
    """What the encoder's (its scores) weighs."""
    read: float
    """Share of the texts held back that were read again."""
    top1_fast: float
    """What `top1` would be without it."""
    top1_all: float
    """What `top1` would be if every text were read again."""


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
    mixture: dict[str, float] = {}
    """What each learner weighs in it; already inside model.onnx."""
    cascade: Cascade | None = None
    categories: dict[str, Score]
    reference: Reference | None = None
    tried: tuple[Tried, ...] = ()
    """By which whoever serves it sees that it answers as it did; names of categories, and nothing that people wrote."""
    notes: tuple[str, ...] = ()
    versions: dict[str, str]
    files: dict[str, str]
    """SHA-256 by file name."""

    @property
    def fingerprint(self) -> str:
        """Give one SHA-256 for all files: another threshold makes another model."""
        return hashlib.sha256("".join(self.files[name] for name in self.listed).encode()).hexdigest()

    @property
    def listed(self) -> tuple[str, ...]:
        """The files that the model is made of, besides the card."""
        return FILES if self.cascade is None else (*FILES, *ENCODER_FILES)


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """The model's categories in the order of its scores, with what each needs to be released."""

    labels: tuple[str, ...]
    families: dict[str, str]
    thresholds: dict[str, float | None]
    confidence: tuple[tuple[float, float], ...] = ()
    """Knots of the line from what the model says to how often that was right; see `serving.confidence`."""


def read(directory: Path) -> tuple[Card, dict[str, bytes]]:
    """Give a model's card and the contents of its other files, by name.

    Raises:
        ModelError: a file is missing, or is not the one the card tells of.

    """
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
    for name in card.listed:
        path = directory / name
        contents[name] = path.read_bytes() if path.is_file() else b""
        if not contents[name]:
            faults.append(f"there is no {name}")
        elif hashlib.sha256(contents[name]).hexdigest() != card.files.get(name):
            faults.append(f"{name} is not the file that {CARD} tells of")
    if faults:
        raise ModelError(directory, ", ".join(faults))
    return card, contents
