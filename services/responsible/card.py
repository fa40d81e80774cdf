"""The directory of a ranking model: `card.json` says what it learnt from and how good it is, `model.npz` holds it.

Nothing in it is code, and nothing in it is what people wrote: words and places are kept as hashes.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from services.responsible.asked import alike_kinds
from services.responsible.evidence import Evidence, Linear, Neighbours, Roles, Tables
from services.responsible.mentions import Mentions
from services.responsible.trees import Trees

CARD, MODEL = "card.json", "model.npz"
FORMAT = 2
_ARRAYS = (
    "table_keys", "table_starts", "table_bodies", "table_counts",
    "near_starts", "near_reports", "near_weights", "near_bodies", "near_recent", "near_filed",
    "linear_vocabulary", "linear_rarity", "linear_weights", "linear_classes", "about",
    "role_weights", "role_classes", "role_of",
    "tree_roots", "tree_feature", "tree_threshold", "tree_left", "tree_right", "tree_value", "tree_depth",
)  # fmt: skip


class ModelError(Exception):
    """A model of who is responsible cannot be served: which, what is wrong with it, and what to do."""

    def __init__(self, directory: Path, fault: str) -> None:
        remedy = f"train it again: stormdrain learn-routes ... --model {directory}"
        super().__init__(f"route cannot serve the model in {directory}: {fault}; {remedy}")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model comes from and how good it is, by requests later than those it had learnt from."""

    format: int = FORMAT
    source: str
    data_sha256: str
    requests: int
    earliest: str = ""
    latest: str = ""
    judged_by: str
    judged: int
    top1: float
    """Share of the later requests whose department came first; `top3`: among the first three."""
    top3: float
    calibration_error: float
    target_precision: float
    threshold: float | None
    """The probability from which on an answer needs no person; None: never."""
    released: float
    released_precision: float | None
    temperature: float
    confidence: tuple[tuple[float, float], ...] = ()
    """Knots of the line from the share that the model gives its first answer to how often that was right."""
    departments: tuple[str, ...]
    names: tuple[str, ...]
    layers: tuple[str, ...]
    notes: tuple[str, ...] = ()
    sha256: str = ""
    """Of `model.npz`."""


@dataclass(frozen=True, slots=True)
class Model:
    """What `model.npz` holds."""

    evidence: Evidence
    trees: Trees


def write(directory: Path, card: Card, model: Model) -> Card:
    """Write the directory, the card last, and give the card with the hash of the arrays."""
    tables, linear, near = model.evidence.tables, model.evidence.linear, model.evidence.neighbours
    roles = model.evidence.roles
    arrays: dict[str, np.ndarray] = {
        "table_keys": tables.keys,
        "table_starts": tables.starts,
        "table_bodies": tables.bodies.astype(np.int32),
        "table_counts": tables.counts,
        "linear_vocabulary": linear.vocabulary,
        "linear_rarity": linear.rarity,
        "linear_weights": linear.weights,
        "linear_classes": linear.classes,
        "role_weights": roles.linear.weights,
        "role_classes": roles.linear.classes,
        "role_of": roles.of,
        "near_starts": near.starts.astype(np.int32),
        "near_reports": near.reports.astype(np.int32),
        "near_weights": near.weights,
        "near_bodies": near.bodies.astype(np.int32),
        "near_recent": near.recent,
        "near_filed": near.filed,
        "about": model.evidence.about,
        **model.trees.arrays(),
    }
    content = _packed(arrays)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / CARD).unlink(missing_ok=True)
    (directory / MODEL).write_bytes(content)
    card = msgspec.structs.replace(card, sha256=hashlib.sha256(content).hexdigest())
    (directory / f".{CARD}").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
    (directory / f".{CARD}").replace(directory / CARD)
    return card


def read(directory: Path) -> tuple[Card, Model]:
    """Read a directory.

    Raises:
        ModelError: a file is missing, is not the one that the card tells of, or of another format.

    """
    if not (directory / CARD).is_file():
        raise ModelError(directory, f"there is no {CARD}")
    try:
        card = msgspec.json.decode((directory / CARD).read_bytes(), type=Card)
    except msgspec.MsgspecError as error:
        raise ModelError(directory, f"{CARD} is not a model's card ({error})") from None
    if card.format != FORMAT:
        raise ModelError(directory, f"{CARD} is of format {card.format}, expected {FORMAT}")
    content = (directory / MODEL).read_bytes() if (directory / MODEL).is_file() else b""
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelError(directory, f"{MODEL} is missing or not the file that {CARD} tells of")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ModelError(directory, f"{MODEL} does not hold what it should ({error})") from None
    return card, _model(card, arrays)


def _model(card: Card, arrays: Mapping[str, np.ndarray]) -> Model:
    tables = Tables(
        keys=arrays["table_keys"],
        starts=arrays["table_starts"],
        bodies=arrays["table_bodies"].astype(np.int64),
        counts=arrays["table_counts"],
    )
    linear = Linear(
        vocabulary=arrays["linear_vocabulary"],
        rarity=arrays["linear_rarity"],
        weights=arrays["linear_weights"],
        classes=arrays["linear_classes"],
    )
    roles = Roles(
        linear=replace(linear, weights=arrays["role_weights"], classes=arrays["role_classes"]),
        of=arrays["role_of"],
    )
    near = Neighbours(
        starts=arrays["near_starts"].astype(np.int64),
        reports=arrays["near_reports"].astype(np.int64),
        weights=arrays["near_weights"],
        bodies=arrays["near_bodies"].astype(np.int64),
        recent=arrays["near_recent"],
        filed=arrays["near_filed"],
        kinds=alike_kinds(card.layers),
    )
    evidence = Evidence(
        names=card.names,
        layers=card.layers,
        mentions=Mentions(card.names),
        tables=tables,
        linear=linear,
        roles=roles,
        neighbours=near,
        about=arrays["about"],
    )
    parts = {name: arrays[f"tree_{name}"] for name in ("roots", "feature", "threshold", "left", "right", "value")}
    return Model(evidence, Trees(**parts, depth=int(arrays["tree_depth"])))


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Give the bytes of an .npz; the same arrays make the same bytes, since no entry tells the time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.save(entry, array, allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
