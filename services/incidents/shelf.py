"""The file of weights, `match.json`: read, checked and written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from services.incidents.pairs import FEATURES
from services.incidents.scorer import FORMAT, Weights

FILE = "match.json"
SHIPPED = Path(__file__).with_name(FILE)
"""What a town goes by that has learned none of its own."""


class WeightsError(Exception):
    """A file of weights cannot be served: which, what is wrong with it, and what to do."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"match cannot serve the weights in {path}: {fault}; train them: stormdrain train-match")


def path_of(city_dir: Path) -> Path:
    """Give the file of weights that a town goes by: its own `match.json`, else what is shipped."""
    own = city_dir / FILE
    return own if own.is_file() else SHIPPED


def read(path: Path) -> Weights:
    """Read a file of weights.

    Raises:
        WeightsError: it cannot be read, is no such file, or weighs what is not known.

    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Weights)
    except OSError as error:
        raise WeightsError(path, error.strerror or str(error)) from None
    except msgspec.DecodeError as error:
        raise WeightsError(path, str(error)) from None
    if found.format != FORMAT:
        raise WeightsError(path, f"it is of format {found.format}, expected {FORMAT}")
    if strange := sorted(found.weights.keys() - set(FEATURES)):
        raise WeightsError(path, f"it weighs {', '.join(strange)}, which nothing measures")
    numbers = [found.bias, *found.weights.values(), *found.families.values()]
    if not all(np.isfinite(number) for number in numbers) or not 0 < found.suggestion <= found.automatic <= 1:
        raise WeightsError(path, "a weight is not a number, or the bands are not 0 < suggestion <= automatic <= 1")
    return found


def write(path: Path, weights: Weights) -> None:
    """Write a file of weights, to be read by people too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(weights, order="deterministic"), indent=2) + b"\n")
