"""Things named in a text, by patterns: streets, places, numbered assets, times, and where a contact was masked.

Patterns, not understanding: a street is a word that names a kind of street with the words about it. Nobody is sent by
it; it is for readers, and for later steps to look up.
"""

import re
from collections.abc import Iterable, Iterator

from services.classify.reading.around import windows
from services.classify.reading.moments import TIMES
from services.classify.reading.places import PLACES
from services.classify.reading.words import Folded, fold
from services.parts import Entity

MOST = 8
"""Entities of one text, at most."""

_WORD = r"[^\W\d_][\w'\u2019-]*"
_KINDS_AFTER = """
street st avenue ave road rd boulevard blvd drive dr lane ln court ct place pl terrace ter parkway pkwy highway hwy
square circle cir trail way alley переулок проспект бульвар шоссе проезд
"""
_PART = re.compile(r"[\w'\u2019-]+")
_KINDS_BEFORE = """
calle avenida avda carrera paseo plaza rue chemin quai rua travessa praça ul улица улице улицу проспекте переулке đường
duong شارع
"""
_LINKS = "de del la las los da do dos das du des"
_KIND_BEFORE = re.compile(
    rf"\b(?:{'|'.join(_KINDS_BEFORE.split())})\b\.?\s+(?:(?:{_LINKS.replace(' ', '|')})\s+)*"
    rf"{_WORD}(?:\s+[A-ZÀ-ÞА-Я][\w'\u2019-]*)?(?:,?\s+\d{{1,5}}\b)?",
    re.IGNORECASE,
)
_KINDS_WITHIN = ("straße", "strasse", "str", "gasse", "allee", "platz", "weg")
_NO_STREETS = """
gehweg radweg fußweg fussweg fahrradweg heimweg schulweg rundweg hinweg umweg spielplatz parkplatz sportplatz sitzplatz
stellplatz arbeitsplatz grillplatz bolzplatz einbahnstraße einbahnstrasse seitenstraße seitenstrasse nebenstraße
nebenstrasse wohnstraße wohnstrasse
"""
"""They end as streets do, and are none unless a house number follows."""
_KIND_WITHIN = re.compile(
    rf"\b(?!(?:{'|'.join(_NO_STREETS.split())})\b(?!\s+\d))"
    rf"[^\W\d_]{{3,}}(?:{'|'.join(_KINDS_WITHIN)})\b\.?(?:\s+\d{{1,4}}[a-z]?\b)?",
    re.IGNORECASE,
)
_NAMED_BEFORE = re.compile(
    r"\b(?:(?:[Aa]venue|[Bb]oulevard|[Aa]llée|[Pp]lace|[Ii]mpasse)"
    r"\s+(?:d[eu]s?(?:\s+la)?\s+|de\s+l['\u2019]|d['\u2019])\w[\w'\u2019-]*"
    r"|(?:[Rr]i|[Kk]alye(?:ng)?)\s+[A-Z][\w-]+|(?:Highway|Route|Interstate|Hwy)\s+(?=\d)"
    r")(?:,?\s*\d{1,5}[a-z]?\b)?"
)
_KINDS_BEFORE_NAMES = "avenue boulevard allee place impasse ri kalye kalyeng highway route interstate hwy"
_NUMBERED_FIELD = re.compile(
    r"\b(?:Am|Im|An der|Auf der|Auf dem|Zum|Zur|In der) [A-ZÄÖÜ][\w-]+ \d{1,3}[a-z]?\b(?![:.]\d|\s*Uhr)"
)
_OF_FIELDS = ("Am ", "Im ", "An der ", "Auf de", "Zum ", "Zur ", "In der ")
_UNSPACED_KINDS = frozenset("路街道巷로길")
_UNSPACED_NAMES = re.compile(
    "(?:(?![的在这那条门口整过一])[\u3400-\u9fff]){2,6}(?:路|街|大道|巷)(?![灯口面边人牌障上])(?:\\d{1,5}号)?"
    "|[가-힣]{2,8}(?:로|길)\\s?\\d{1,4}(?:번지|번길)?"
)
_ASSETS = """
pole poles lamp lamppost light streetlight streetlamp hydrant meter bin signal stop bus shelter bench sign transformer
poste farola mast laterne lampadaire borne abribus hidrante semaforo luminaria lixeira poteau hydrant ampel
столб фонарь опора светофор люк عمود مصباح poto tru cot den haltestelle mulleimer
"""
_NUMBERS = r"number|num\.?|no\.?|nr\.?|n[º°o]|#|№|número|numero|numéro|nummer|nimewo|bilang|số|so|номер|رقم"
_ASSET = re.compile(
    rf"\b(?:\w*laterne|{'|'.join(fold(_ASSETS).words)}|semáforo|mülleimer|poteau|trụ(?: đèn)?|cột(?: đèn)?|đèn)\s*"
    rf"(?:(?:{_NUMBERS})[\s.:]*[a-z]{{0,3}}-?\d[\d-]{{0,8}}[a-z]?\b|[a-z]{{0,3}}-?\d{{3,8}}(?:-[a-z\d]{{1,3}})?\b)"
    r"|(?:灯杆|电线杆|路灯|消防栓|전봇대|가로등|소화전|신호등)\s?(?:编号|号码|번호|번)?\s?[a-z]{0,3}-?\d{2,8}号?",
    re.IGNORECASE,
)
_TIME = re.compile(  # begins with a digit, so that signs that are none are passed over at once
    r"[0-9](?<![\w:.][0-9])(?:(?:(?<=[01])[0-9]|(?<=2)[0-3])?[:h][0-5][0-9](?:\s?[ap]\.?m\b\.?)?(?!\d)"
    r"|(?<=[1-9])(?:(?<=1)[0-2])?\s?[ap]\.?m\b\.?"
    r"|(?:(?<=1)9|(?<=2)0)[0-9]{2}-[01]?[0-9]-[0-3]?[0-9]\b"
    r"|(?:(?<=[0-3])[0-9])?[./][01]?[0-9][./](?:20)?[0-9]{2}\b)",
    re.IGNORECASE,
)
_MASKED = re.compile(r"\[(?:phone|email|card)\]")
_FIGURES = re.compile(r"\d+")
_FIGURE = re.compile(r"\d")
_LONGEST_ASSET = 28
_LONGEST_NAME = 80
"""Signs of the kind and number of an asset, and of a street's name, at most."""
_STOPS = """
a across adjacent all along an and another any around at before behind between beyond busy but by city corner cross down
each entire every for from front heading high-traffic in inside into is it main-traffic my narrow near next no of off on
one one-way only onto opposite or our outside over own past same side single so that the their there these this to
toward towards two two-way under up was way were whole with your
"""
"""Words that no street's name begins with."""
_OFTEN_NO_STREET = "alley circle cir court ct dr drive lane pl place road square st ter terrace trail way"
"""Kinds that are mostly something else after a word in small letters: `left lane` is no street."""
_MOST_PARTS = 4

_AFTER, _BEFORE_NAMES, _NO_NAME, _DOUBTFUL = (
    frozenset(listed.split()) for listed in (_KINDS_AFTER, _KINDS_BEFORE_NAMES, _STOPS, _OFTEN_NO_STREET)
)
_OF_ASSETS = frozenset(fold(_ASSETS).words) | {"straßenlaterne", "strassenlaterne"}
_BEFORE_IT = frozenset(fold(_KINDS_BEFORE).words)
_TRIGGERS = frozenset[str]().union(
    _AFTER, _BEFORE_IT, _BEFORE_NAMES, _OF_ASSETS, TIMES.triggers.words, PLACES.triggers.words
)
_FIRST_UNSPACED = "\u3040"
"""The first sign of kana; Han and Hangul come after it, few others do."""


def entities(text: str, folded: Folded) -> tuple[Entity, ...]:
    """Give what is named in a text, by place; `start` and `end` count its signs (code points)."""
    words = _TRIGGERS.intersection(folded.words)
    unspaced = not text.isascii() and max(text) >= _FIRST_UNSPACED
    figures = _FIGURE.search(text) is not None
    joined = folded.joined
    # Each of `_KINDS_WITHIN` ends in one of these; written out, for it is asked of every text.
    within = "asse " in joined or "str " in joined or "allee " in joined or "platz " in joined or "weg " in joined
    if not (words or unspaced or figures or within or "[" in text):
        return ()
    lowered = text.lower()
    if len(lowered) != len(text):  # a capital that is two small signs: places would be off
        lowered = text
    found = _streets(text, lowered, words, unspaced=unspaced)
    if within:
        found += _all("street", _KIND_WITHIN, text)
    times = TIMES.spans(text, lowered, words, unspaced=unspaced)
    if figures:
        times += [hit.span() for hit in _TIME.finditer(text)]
        if any(opening in text for opening in _OF_FIELDS):
            found += _all("street", _NUMBERED_FIELD, text)
        if unspaced or not words.isdisjoint(_OF_ASSETS):
            found += _longest("asset", _numbered(text), text)
    if standing := PLACES.spans(text, lowered, words, unspaced=unspaced):
        found += [place for place in _longest("place", standing, text) if not _overlaps(place, found)]
    found += _longest("time", times, text)
    if "[" in text:
        found += _all("contact", _MASKED, text)
    found.sort(key=lambda entity: (entity.start, entity.end))
    return tuple(found[:MOST])


def _streets(text: str, lowered: str, words: frozenset[str], *, unspaced: bool) -> list[Entity]:
    found = _all("street", _NAMED_BEFORE, text) if not words.isdisjoint(_BEFORE_NAMES) else []
    if kinds := words & _AFTER:
        found += [each for each in _named_after(text, lowered, kinds) if not _overlaps(each, found)]
    if not words.isdisjoint(_BEFORE_IT):
        found += _all("street", _KIND_BEFORE, text)
    if unspaced and not _UNSPACED_KINDS.isdisjoint(text):
        found += _all("street", _UNSPACED_NAMES, text)
    return found


def _longest(kind: str, spans: Iterable[tuple[int, int]], text: str) -> list[Entity]:
    """Name what stands at the spans; of overlapping ones the first, and of those the longest."""
    found: list[Entity] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not found or start >= found[-1].end:
            found.append(Entity(kind=kind, text=text[start:end], start=start, end=end))
    return found


def _overlaps(entity: Entity, others: Iterable[Entity]) -> bool:
    return any(other.start < entity.end and entity.start < other.end for other in others)


def _all(kind: str, pattern: re.Pattern[str], text: str) -> list[Entity]:
    return [Entity(kind=kind, text=hit[0], start=hit.start(), end=hit.end()) for hit in pattern.finditer(text)]


def _numbered(text: str) -> Iterator[tuple[int, int]]:
    """Give where numbered assets stand; the number is looked for first, since most texts have few."""
    past = 0
    for figures in _FIGURES.finditer(text):
        if figures.start() >= past:
            start = max(0, figures.start() - _LONGEST_ASSET)
            for hit in _ASSET.finditer(text, text.find(" ", start) + 1 if start else 0, figures.end() + _LONGEST_ASSET):
                past = hit.end()
                yield hit.span()


def _named_after(text: str, lowered: str, kinds: Iterable[str]) -> list[Entity]:
    """Find streets whose kind comes last: the words before it, back to one that cannot be part of a name.

    Of words in small letters only one is taken, and none before a doubtful kind, unless a house number comes first.
    """
    found = []
    for start, end in windows(lowered, list(kinds), _LONGEST_NAME, 0):
        parts = list(_PART.finditer(text, start, end))
        for number, part in enumerate(parts):
            if part[0].lower() in _AFTER:
                first = _first_of_name(text, parts, number)
                if first < number:
                    begin, stop = parts[first].start(), part.end()
                    found.append(Entity(kind="street", text=text[begin:stop], start=begin, end=stop))
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
