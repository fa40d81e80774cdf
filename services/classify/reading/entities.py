"""Things named in a text, by patterns: streets, numbered assets, times of day, and where a contact was masked.

Patterns, not understanding: a street is a word that names a kind of street with the words about it. Nobody is sent by
it; it is for readers, and for later steps to look up.
"""

import re

from services.classify.reading.words import Folded, fold
from services.parts import Entity

MOST = 8
"""Entities of one text, at most."""

_WORD = r"[^\W\d_][\w'\u2019-]*"
_KINDS_AFTER = (
    "street st avenue ave road rd boulevard blvd drive dr lane ln court place terrace parkway pkwy highway hwy square"
)
_PART = re.compile(r"[\w'\u2019-]+")
_KINDS_BEFORE = (
    "calle avenida avda carrera paseo plaza rue chemin quai rua travessa praça ул улица улице проспект đường duong شارع"
)
_LINKS = "de del la las los da do dos das du des"
_KIND_BEFORE = re.compile(
    rf"\b(?:{_KINDS_BEFORE.replace(' ', '|')})\b\.?\s+(?:(?:{_LINKS.replace(' ', '|')})\s+)*"
    rf"{_WORD}(?:\s+[A-ZÀ-ÞА-Я][\w'\u2019-]*)?(?:,?\s+\d{{1,5}}\b)?",
    re.IGNORECASE,
)
_KINDS_WITHIN = ("straße", "strasse", "str", "gasse", "allee", "platz", "weg")
_KIND_WITHIN = re.compile(
    rf"\b[^\W\d_]{{3,}}(?:{'|'.join(_KINDS_WITHIN)})\b\.?(?:\s+\d{{1,4}}[a-z]?\b)?", re.IGNORECASE
)
_IN_HAN = re.compile(r"[\u3400-\u9fff]{2,6}(?:路|街|大道|巷)(?:\d{1,5}号)?")
_ASSETS = "pole lamp light hydrant meter bin signal poste farola mast laterne"
_ASSET = re.compile(
    rf"\b(?:{_ASSETS.replace(' ', '|')})\s*(?:number|no\.?|nr\.?|n[º°]|#)\s*[a-z]{{0,3}}-?\d{{1,8}}\b", re.IGNORECASE
)
_TIME = re.compile(
    r"(?<![\w:])(?:(?:[01]?\d|2[0-3])[:h][0-5]\d(?:\s?[ap]\.?m\b\.?)?|(?:1[0-2]|[1-9])\s?[ap]\.?m\b\.?)", re.IGNORECASE
)
_MASKED = re.compile(r"\[(?:phone|email|card)\]")
_DIGIT = re.compile(r"\d")
_STOPS = """
a across adjacent all along an and another any around at before behind between beyond busy but by city corner cross down
each entire every for from front heading high-traffic in inside into is it main-traffic my narrow near next no of off on
one one-way only onto opposite or our outside over own past same side single so that the their there these this to
toward towards two two-way under up was way were whole with your
"""
"""Words that no street's name begins with."""
_OFTEN_NO_STREET = "court dr drive lane place road square st"
"""Kinds that are mostly something else after a word in small letters: `left lane` is no street."""
_MOST_PARTS = 4

_AFTER, _OF_ASSETS, _NO_NAME, _DOUBTFUL = (
    frozenset(listed.split()) for listed in (_KINDS_AFTER, _ASSETS, _STOPS, _OFTEN_NO_STREET)
)
_BEFORE_IT = frozenset(fold(_KINDS_BEFORE).words)
_WITHIN = tuple(fold(kind).words[0] for kind in _KINDS_WITHIN)


def entities(text: str, folded: Folded) -> tuple[Entity, ...]:
    """Give what is named in a text, by place; `start` and `end` count its signs (code points)."""
    found: list[Entity] = []
    words = frozenset(folded.words)
    if not words.isdisjoint(_AFTER):
        found += _named_after(text)
    if not words.isdisjoint(_BEFORE_IT):
        found += _all("street", _KIND_BEFORE, text)
    if any(word.endswith(_WITHIN) for word in words):
        found += _all("street", _KIND_WITHIN, text)
    if not text.isascii():
        found += _all("street", _IN_HAN, text)
    if _DIGIT.search(text):
        found += _all("time", _TIME, text)
        if not words.isdisjoint(_OF_ASSETS):
            found += _all("asset", _ASSET, text)
    if "[" in text:
        found += _all("contact", _MASKED, text)
    found.sort(key=lambda entity: (entity.start, entity.end))
    return tuple(found[:MOST])


def _all(kind: str, pattern: re.Pattern[str], text: str) -> list[Entity]:
    return [Entity(kind=kind, text=hit[0], start=hit.start(), end=hit.end()) for hit in pattern.finditer(text)]


def _named_after(text: str) -> list[Entity]:
    """Find streets whose kind comes last: the words before it, back to one that cannot be part of a name.

    Of words in small letters only one is taken, and none before a doubtful kind, unless a house number comes first.
    """
    found = []
    parts = list(_PART.finditer(text))
    for number, part in enumerate(parts):
        if part[0].lower() in _AFTER:
            first = _first_of_name(text, parts, number)
            if first < number:
                start, end = parts[first].start(), part.end()
                found.append(Entity(kind="street", text=text[start:end], start=start, end=end))
    return found


def _first_of_name(text: str, parts: list[re.Match[str]], kind: int) -> int:
    first, plain = kind, parts[kind][0].lower() not in _DOUBTFUL
    while first and kind - first < _MOST_PARTS:
        before = parts[first - 1]
        if before[0].lower() in _NO_NAME or not text[before.end() : parts[first].start()].isspace():
            break
        if before[0][0].isdigit():
            return first - 1
        if not before[0][0].isupper():
            numbered = first > 1 and parts[first - 2][0][0].isdigit()
            if first < kind or not (plain or numbered):
                break
        first -= 1
    return first
