"""What is asked of a ranking, and the words and keys that it is broken up into."""

import math
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import h3

LONGEST_TEXT = 5_000
"""Characters that are read of a text: the rest of a longer one adds nothing but time."""
LONGEST_WORD = 40
STEM = 6
KEY_WEIGHT = 0.5
"""What a key weighs in a row of the linear model whose words have length 1."""
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_NUMBERED = re.compile(r"^(?P<street>.*\D)\s+\d{1,4}\s*[-/.]?\s*\w{0,3}\.?$")
_LEADING = re.compile(r"^\d{1,5}\w?\s+(?P<street>\D.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One report: all that a ranking may look at. An empty field is not known."""

    text: str = ""
    service_code: str = ""
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    """WGS 84 degrees; both or none."""
    areas: tuple[tuple[str, str], ...] = ()
    """(layer, area id) of each layer that holds the place."""


def words(text: str) -> Iterator[str]:
    """Give what a text says: its words, their beginnings and endings, and pairs of neighbours.

    Beginnings and endings stand for the stems and cases of languages that inflect. Signs of scripts without spaces are
    words of one sign.
    """
    last = ""
    for word in _split(text):
        yield word
        for length in (4, 6, 8):
            if len(word) > length:
                yield f"^{word[:length]}"
        if len(word) > 7:  # noqa: PLR2004 - an ending of five signs and a stem
            yield f"{word[-5:]}$"
        if last:
            yield f"{last[:STEM]} {word[:STEM]}"
        last = word


def _split(text: str) -> Iterator[str]:
    for run in _WORD.findall(unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).casefold()):
        if _UNSPACED.search(run):
            yield from run
        else:
            yield run[:LONGEST_WORD]


def street_of(address: str) -> str:
    """Give the street in an address, without its house number, folded; empty where no part has one.

    `III. kerület, Hatvany Lajos u. 12` and `12 Main St, New Haven` have one; of several parts the last is taken.
    """
    parts = [" ".join(part.split()) for part in address[:LONGEST_TEXT].casefold().split(",")]
    for pattern in (_NUMBERED, _LEADING):
        for part in reversed(parts):
            if found := pattern.match(part[:200]):
                return found["street"].strip(" .")
    return parts[-1].strip(" .") if parts else ""


def kinds_of(layers: Sequence[str]) -> tuple[str, ...]:
    """Give the kinds of key that reports of a town with these layers have."""
    areas = [kind for layer in layers for kind in (f"area {layer}", f"category, area {layer}")]
    cells = ("cell 9", "category, cell 7", "category, cell 8", "category, cell 9")
    around = ("around 10", "category, around 9", "category, around 10")
    return ("category", *areas, *cells, *around, "street", "category, street")


def alike_kinds(layers: Sequence[str]) -> tuple[str, ...]:
    """Give the kinds of key that past reports with similar words may share with a report, the category's first."""
    return ("category", *(f"category, area {layer}" for layer in layers), "category, around 9")


LINEAR = (
    "category", "category, cell 7", "category, cell 8", "category, cell 9", "cell 9", "street", "category, street",
)  # fmt: skip
"""The kinds of key that the linear model reads too, besides those of all layers."""
FIRST_WORDS = 12
"""Words of a first line that are read as a title."""
_OF_LAYERS = ("area ", "category, area ")


def keys_of(asked: Asked, layers: Sequence[str]) -> dict[str, list[int]]:
    """Give the keys of a report by kind, each of 64 bits; a kind that says nothing of it is left out.

    A kind `around` has many keys: those of its cell and of all that touch it; what was counted is filed under one.
    """
    code = asked.service_code
    found = {"category": [code]} if code else {}
    areas = dict(asked.areas)
    for layer in layers:
        if area := areas.get(layer, ""):
            found[f"area {layer}"] = [area]
            found[f"category, area {layer}"] = [f"{code}\n{area}"]
    part = ""
    if asked.latitude is not None and asked.longitude is not None:
        fine = h3.latlng_to_cell(asked.latitude, asked.longitude, 10)
        cells = {size: h3.cell_to_parent(fine, size) for size in (6, 7, 8, 9)} | {10: fine}
        part = cells[6]
        found["cell 9"] = [cells[9]]
        found |= {f"category, cell {size}": [f"{code}\n{cells[size]}"] for size in (7, 8, 9)}
        near = {size: h3.grid_disk(cells[size], 1) for size in (9, 10)}
        found["around 10"] = near[10]
        found |= {f"category, around {size}": [f"{code}\n{cell}" for cell in near[size]] for size in (9, 10)}
    if street := street_of(asked.address):
        found["street"] = [f"{part}\n{street}"]
        found["category, street"] = [f"{code}\n{part}\n{street}"]
    return {kind: [hashed(kind, name) for name in names] for kind, names in found.items()}


def filed(asked: Asked, layers: Sequence[str]) -> dict[str, int]:
    """Give the one key of each kind under which a past report is counted."""
    found = keys_of(asked, layers)
    if asked.latitude is not None and asked.longitude is not None:
        own = {size: h3.latlng_to_cell(asked.latitude, asked.longitude, size) for size in (9, 10)}
        found["around 10"] = [hashed("around 10", own[10])]
        for size in (9, 10):
            kind = f"category, around {size}"
            found[kind] = [hashed(kind, f"{asked.service_code}\n{own[size]}")]
    return {kind: keys[0] for kind, keys in found.items()}


def hashed(kind: str, name: str) -> int:
    """Give a key of 63 bits."""
    spelt = name.encode("utf-8", "replace")
    return zlib.crc32(spelt, zlib.crc32(kind.encode())) << 31 | zlib.crc32(spelt, 0x5EED) & 0x7FFFFFFF


def linear_row(asked: Asked, keys: dict[str, list[int]]) -> tuple[dict[int, float], list[int]]:
    """Give what the linear model reads of a report: weights of its words (1 + log of their number), and keys."""
    counted = Counter(hashed("word", word) for word in words(asked.text))
    read = [own[0] for kind, own in keys.items() if kind in LINEAR or kind.startswith(_OF_LAYERS)]
    read += [hashed(kind, name) for kind, name in sorted({*_of_address(asked), *_of_title(asked.text)})]
    return {word: 1.0 + math.log(count) for word, count in counted.items()}, read


def _of_address(asked: Asked) -> Iterator[tuple[str, str]]:
    """Give the words of an address's last part: `road` and `lane` are not the same body's, whatever their names."""
    for word in _split(asked.address.rpartition(",")[2]):
        if not word.isdigit():
            yield "address", word
            yield "category, address", f"{asked.service_code}\n{word}"


def _of_title(text: str) -> Iterator[tuple[str, str]]:
    """Give how the words of a first line begin, if there are more lines."""
    title, more, _ = text[:LONGEST_TEXT].strip().partition("\n")
    if more:
        for word in islice(_split(title), FIRST_WORDS):
            yield "title", word[:STEM]
