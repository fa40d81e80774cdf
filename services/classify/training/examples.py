"""What is learnt from: texts with the category they belong to, cleaned, and parted so that no score flatters."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import msgspec

from services.city.history import History
from services.city.model import City
from services.classify.training.taxonomy import changes

FEWEST = 5
"""A category with fewer texts is left out: too few to learn from and to hold some back."""
FOLDS = 5
WINDOWS = (0.4, 0.6, 0.8)
"""Shares of dated texts, the earliest, that are learnt from to judge the fifth that follows."""
ONCE = (0.6, 0.8)
"""What takes long learns once, from this share; thresholds from what came until the second are tried on the rest."""

_WITHOUT_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_SPACE = re.compile(r"\s+")
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y")
_DAY_FIRST = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y")


class TrainingError(Exception):
    """The examples cannot be learnt from; says why, and what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A text and its category. `group` ties examples that must not be parted: translations of one phrase."""

    text: str
    label: str
    created: datetime | None = None
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Examples fit to learn from, undated ones first and then by time, and what was left out."""

    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Pairs of positions: learn from the first, be judged by the second."""

    pairs: tuple[tuple[Sequence[int], Sequence[int]], ...]
    rule: str
    """How scores came about, in words."""
    by_time: bool = False
    """Later pairs come later in time: only the last is scored, by what the earlier ones taught."""


def clean(history: Iterable[Example]) -> Cleaned:
    """Tidy texts, drop repeats of the same text under the same category, and categories with fewer than `FEWEST`.

    Where the list of categories has changed under way, what is learnt is the new one.

    Raises:
        TrainingError: nothing, or only one category, is left.

    """
    kept: dict[tuple[str, str], Example] = {}
    rows = textless = unlabelled = 0
    for example in history:
        rows += 1
        text = _SPACE.sub(" ", example.text.replace("\0", " ")).strip()
        textless += not text
        unlabelled += bool(text) and not example.label
        if text and example.label:
            tidy = Example(text=text, label=example.label, created=_utc(example.created), group=example.group)
            kept.setdefault((unicodedata.normalize("NFKC", text).casefold(), example.label), tidy)
    new_lists = changes((each.label, each.created) for each in kept.values())
    over = {label for change in new_lists for label in change.ended}
    repeats = rows - textless - unlabelled - len(kept)
    kept = {key: each for key, each in kept.items() if each.label not in over}
    sizes = Counter(example.label for example in kept.values())
    labels = tuple(sorted(label for label, size in sizes.items() if size >= FEWEST))
    small = sorted(set(sizes) - set(labels))
    if len(labels) <= 1:
        message = (
            f"a model cannot be trained: {len(labels)} of {len(sizes)} categories in {rows:,} rows have {FEWEST}"
            " different texts or more; expected at least 2; give a longer history"
        )
        raise TrainingError(message)
    examples = [example for example in kept.values() if sizes[example.label] >= FEWEST]
    examples.sort(key=_when)
    notes = (
        *_note(textless, "rows without text are left out"),
        *_note(unlabelled, "rows without a category are left out"),
        *_note(repeats, "repeats of a text under the same category are left out"),
        *map(str, new_lists),
        *(
            (f"left out, fewer than {FEWEST} texts: {', '.join(f'{label} ({sizes[label]})' for label in small)}",)
            * bool(small)
        ),
    )
    return Cleaned(examples=tuple(examples), labels=labels, notes=notes)


def digest(examples: Iterable[Example]) -> str:
    """Give the SHA-256 of examples: the same examples, in whatever order, give the same."""
    lines = sorted(
        msgspec.json.encode([each.label, each.text, each.created.isoformat() if each.created else "", each.group])
        for each in examples
    )
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def hold_back(examples: Sequence[Example], *, once: bool = False) -> Parts:
    """Part examples: by time where there are dates (never at random then), by group, else by a hash of the text.

    With `once`, for what takes long to learn, all pairs learn from the same texts.
    """
    if any(example.created for example in examples):
        shares = ONCE if once else WINDOWS
        ends = [round(len(examples) * share) for share in (*shares, 1.0)]
        pairs = [(range(ends[0] if once else end), range(end, then)) for end, then in pairwise(ends)]
        taught = shares[0] if once else shares[-1]
        rule = f"learnt from the earlier {taught:.0%}, judged by the later {1 - shares[-1]:.0%}"
        return Parts(pairs=tuple(pairs), rule=rule, by_time=True)
    if any(example.group for example in examples):
        folds = [_hash(f"{each.label} {each.group}") % FOLDS if each.group else FOLDS for each in examples]
        rule = (
            f"phrases, not reports: cross-validated in {FOLDS} folds, no translation of a judged phrase was learnt from"
        )
    else:
        folds = [_hash(each.text) % FOLDS for each in examples]
        rule = f"cross-validated in {FOLDS} folds at random, for want of dates: expect less of the future"
    every = range(len(examples))
    parted = [([i for i in every if folds[i] != fold], [i for i in every if folds[i] == fold]) for fold in range(FOLDS)]
    if once:
        learnt, held = max(parted, key=lambda pair: len(pair[1]))
        return Parts(pairs=((learnt, held[::2]), (learnt, held[1::2])), rule=f"{rule}, of which one was judged")
    return Parts(pairs=tuple(pair for pair in parted if all(pair)), rule=rule)


def of_city(city: City) -> list[Example]:
    """Give what a city's own categories.yaml teaches: example phrases by group; names and keywords in no group."""
    found: list[Example] = []
    for code, category in city.categories.items():
        words = (category.name, *category.keywords)
        found += [Example(text=text, label=code) for word in words for text in _spelt(word)]
        for phrases in category.examples.values():
            found += [
                Example(text=text, label=code, group=f"phrase {number}")
                for number, phrase in enumerate(phrases)
                for text in _spelt(phrase)
            ]
    return found


def _spelt(text: str) -> Iterable[str]:
    """Give a text as it is, and as it is written where a keyboard has no umlauts: `Strasse`, `Muell`."""
    return dict.fromkeys((text, text.translate(_WITHOUT_UMLAUTS)))


def of_past(past: History) -> list[Example]:
    """Give what a town's past requests teach, in their order.

    Raises:
        TrainingError: their times are in no known notation.

    """
    times = read_times([request.created for request in past.requests])
    return [
        Example(text=request.text, label=request.service_code, created=time)
        for request, time in zip(past.requests, times, strict=True)
    ]


def read_times(column: Sequence[str]) -> list[datetime | None]:
    """Read a column of instants, all by one notation; an empty cell is None.

    Raises:
        TrainingError: no notation reads all cells.

    """
    cells = [cell for cell in column if cell]
    for read in (datetime.fromisoformat, *(_by(notation) for notation in (*_FORMATS, *_DAY_FIRST))):
        try:
            times = {cell: read(cell) for cell in cells}
        except ValueError:
            continue
        return [times[cell] if cell else None for cell in column]
    message = (
        f"a model cannot be trained: times such as {cells[0]!r} are in no known notation; expected 2026-01-31T08:15:00"
    )
    raise TrainingError(message)


def _by(notation: str) -> Callable[[str], datetime]:
    def read(cell: str) -> datetime:
        return datetime.strptime(cell, notation)  # noqa: DTZ007 - a history's own local time, used for order only

    return read


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _when(example: Example) -> tuple[datetime, str, str]:
    return example.created or datetime.min.replace(tzinfo=UTC), example.label, example.text


def _note(count: int, what: str) -> tuple[str, ...]:
    return (f"{count:,} {what}",) if count else ()


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:4])
