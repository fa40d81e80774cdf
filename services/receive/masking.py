"""Phones, e-mails and card numbers inside free text, masked before the text goes anywhere.

`masked(text, region)` puts `[phone]`, `[email]` or `[card]` where they stood and leaves the rest as it was. What the
city needs is kept: house numbers, dates, times, prices, coordinates, postal codes, case numbers, links.

Three witnesses speak for a telephone number: its shape (`SHAPES`, each with an example, good in any country), a word
before it ("call me at", "Tel.", "móvil"), and libphonenumber's table of the numbers that are given out in the city's
own country. Where shape and house number cannot be told apart ("555-1234" in a land of blocks "900-1000") only a word
before it or the country's table decides. So it errs: a bare run of 10 to 13 digits is masked although it may be an
asset's number, and a local number without any of the three witnesses stays. Names are not recognised.
"""

import re
from functools import cache
from typing import Final

from phonenumbers import Leniency, PhoneMetadata, PhoneNumberMatcher

Span = tuple[int, int, str]

_GAP: Final = r"[ \u00a0\u202f\u2009\u200b-\u200d\u2060\ufeff.()/\u2010-\u2015-]"
"""What people put between the digits of a telephone number."""

SHAPES: Final[tuple[tuple[str, str], ...]] = (
    # An international prefix, 8 to 15 digits in all (ITU-T E.164).
    (rf"(?<![\w+])(?:[+\uff0b]|00|011{_GAP}){_GAP}?\d(?:{_GAP}{{0,3}}\d){{7,14}}(?!\d)", "+44 (0)20 7946 0958"),
    # North America, parted or with its area code in brackets.
    (
        rf"(?<![\w.+-])(?:1{_GAP}{{1,2}})?(?:\([2-9]\d\d\){_GAP}?|[2-9]\d\d{_GAP})\d{{3}}{_GAP}?\d{{4}}(?!\w)",
        "(203) 555-0123",
    ),
    # A trunk prefix 0 and two parts or more, 9 to 13 digits.
    (
        rf"(?<![\w.,+-])\(?0(?=(?:{_GAP}{{0,3}}\d){{8,12}}(?!\w|{_GAP}\d))\d{{1,4}}(?:{_GAP}{{1,3}}\d+)+",
        "07531 900-123",
    ),
    # Three, three, three or three, two, two, two, parted by hyphens or full stops; by blanks it may be house numbers.
    (r"(?<![\w.,+-])\d{3}(?:-\d{3}-\d{3}|\.\d{3}\.\d{3}|(?:-\d\d){3}|(?:\.\d\d){3})(?![\w-]|\.\d)", "612-345-678"),
    # A bare run of 10 to 13 digits.
    (r"(?<![\w.,+#/=-])\d{10,13}(?!\w|[.,/-]\d)", "2035550123"),
)
"""Telephone numbers by shape, with an example each."""

_WORDS: Final = (
    r"tel|telefon\w*|tel[eé]f\w*|t[eé]l[eé]phon\w*|phone|telephone|cell|mobile?|m[oó]vil|handy\w*|fax|whatsapp|sms|text|"
    r"call|calling|contact|reach|ruf|rufen|anruf\w*|r[uü]ckruf|llama\w*|ll[aá]m[ae]\w*|appele[rz]|contacte[rz]|"
    r"h[ií]vj\w*|h[ií]v[aá]s\w*|number is|nummer ist|celular|chiamar[ei]|cellulare|zadzwo\w*|dzwoni\w*"
)
_FILLERS: Final = r"me|us|him|her|at|on|is|my|the|number|no|nr|num|nummer|unter|al|au|el|n|n[úu]mero|mich|uns|a|ist|es"
_WORD_BEFORE: Final = re.compile(
    rf"\b(?:{_WORDS})\b[\s:.,=#+()/-]{{0,5}}(?:(?:{_FILLERS})\b[\s:.,=#+()/-]{{0,5}}){{0,4}}"
    rf"(?P<number>\(?\d(?:{_GAP}{{0,2}}\d){{5,14}})(?!\w)",
    re.IGNORECASE,
)
_PHONE: Final = re.compile("|".join(pattern for pattern, _ in SHAPES))
_CARD_GROUPED: Final = re.compile(
    r"(?<![\w-])[2-6]\d{3}(?:([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|([ -])\d{6}\2\d{4,5})(?![\w-])"
)
_CARD_RUN: Final = re.compile(r"(?<![\w-])[2-6](?:[ -]?\d){12,18}(?![\w-])")
_ENDINGS: Final = "com|net|org|edu|gov|de|es|fr|hu|it|pl|uk|eu"
_LOCAL: Final = r"[^\W_][\w.+'%-]{0,63}"
_EMAIL: Final = re.compile(
    # As it should be, then as people write it to hide it from machines.
    rf"(?<![\w.+'%-]){_LOCAL}[@\uff20]\w[\w-]{{0,62}}(?:\.[\w-]{{1,62}}){{0,5}}\.[^\W\d_]{{2,24}}"
    rf"|(?<![\w.+'%-]){_LOCAL}\s?(?:\(at\)|\[at\]|\{{at\}})\s?\w[\w-]{{0,62}}"
    r"(?:\s?(?:\.|\(dot\)|\[dot\]|\(punkt\)|\[punkt\])\s?[\w-]{1,62}){1,5}"
    rf"|(?<![\w.+'%-]){_LOCAL} (?:at|@) \w[\w-]{{0,62}} ?(?: dot |\.) ?(?:{_ENDINGS})\b",
    re.IGNORECASE,
)

_SIGNS: Final = r"$\u20ac\u00a3"
_POINTS: Final = r"[\s.:#]{0,3}"
_CURRENCIES: Final = "USD|EUR|GBP|HUF|Ft"
_THINGS: Final = (
    "case|ticket|request|ref|reference|service request|permit|invoice|order|badge|meter|pole|hydrant|asset|id|folio|"
    "expediente|aktenzeichen|vorgang|[uü]gyiratsz[aá]m"
)
KEPT: Final[tuple[tuple[str, str], ...]] = (
    (r"https?://[^\s<>\"]+", "https://maps.example/?ll=41.30827,-72.92788"),
    # Dates and times, also with their digits run together, and one with a slip of the hand.
    (
        r"(?<![\d./-])(?:19|20)\d\d(?P<y>[./-])(?:0?[1-9]|1[0-2])(?P=y)(?:0?[1-9]|[12]\d|3[01])(?![./-]?\d)",
        "2024-05-17",
    ),
    (
        r"(?<![\d./-])(?:0?[1-9]|[12]\d|3[01])(?P<d>[./-])(?:0?[1-9]|[12]\d|3[01])(?P=d)(?:(?:19|20)?\d\d)(?![./-]?\d)",
        "17.05.2024",
    ),
    (
        r"(?<![\d./-])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[T ]?[0-2]\d[0-5]\d(?:[0-5]\d)?)?(?!\d)",
        "20240517143000",
    ),
    (r"(?<![\d/])\d{1,3}/\d{1,3}/(?:19|20)\d\d(?![\d/])", "04/007/2021"),
    (r"(?<!\d)[0-2]?\d:[0-5]\d(?::[0-5]\d)?(?!\d)", "14:30:00"),
    (r"(?<![\d-])(?:19|20)\d\d ?[-/\u2013] ?(?:19|20)\d\d(?![\d-])", "2023-2024"),
    # Decimals as coordinates have them, prices, thousands.
    (r"(?<![\d.])[+-]?\d{1,3}[.,]\d{4,}(?!\d)", "-72.927883"),
    (rf"(?:[{_SIGNS}]|\b(?:{_CURRENCIES})) ?\d+(?:[.,]\d+){{0,5}}", "$1,250,000.00"),
    (
        rf"(?<![\d.,])\d{{1,3}}(?:[.,' \u00a0]\d{{3}}){{1,4}}(?:[.,]\d\d)? ?(?:[{_SIGNS}]|(?:{_CURRENCIES}|euros?)\b)",
        "125.000.000 Ft",
    ),
    (r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3}){1,4}(?!\d|,\d)", "1,250,000,000"),
    # A postal code after its state; numbers that say what they are; file numbers with their year.
    (r"\b[A-Z]{2} \d{5}-\d{4}(?!\d)", "CT 06511-1234"),
    (
        rf"\b(?:{_THINGS})\b{_POINTS}(?:(?:no|nr|number|num|id|is)\b{_POINTS}){{0,2}}[A-Z]{{0,3}}-?\d[\d/-]{{0,30}}\d",
        "reference number is 7182713000",
    ),
    (r"(?<![\w/-])\d[\d-]{0,15}(?:/[\d-]{1,15}){0,3}/(?:19|20)\d\d(?:/\d{1,9})?(?![\w/-])", "0038/0055712/2023"),
)
"""What looks like a telephone number and is none, with an example each."""

_KEPT: Final = re.compile("|".join(pattern for pattern, _ in KEPT), re.IGNORECASE)
_TRIES: Final = 60
"""Invalid candidates after which libphonenumber gives a text up; shapes and words go on to the end of it."""
_IN_A_LINK: Final = re.compile(
    r"(?:wa\.me/|tel[:=]|phone=|mobile=|whatsapp[^\s]{0,20}=)(?P<number>(?:\+|%2B)?\d{7,15})",
    re.IGNORECASE,
)
_DIGIT: Final = re.compile(r"\d")
_PLUS: Final = re.compile(r"[+\uff0b]")
_RUN: Final = re.compile(rf"[0-9](?:{_GAP}{{0,3}}[0-9]){{5,40}}")
_PLAIN_RUN: Final = re.compile(
    r"(?:[0-3]?\d[./-][0-3]?\d[./-]\d\d(?:\d\d)?|\d{4}[./-]\d\d?[./-]\d\d?)(?: \d\d?)?|\d{1,3}\.\d{4,}"
)
"""Dates and coordinates, which many texts have and no telephone number is."""
_MAY_BE_EMAIL: Final = re.compile(r"[@\uff20]|[(\[{]at[)\]}]|\bat\b.{1,80}\bdot\b", re.IGNORECASE)


def masked(text: str, region: str = "") -> str:
    """Give `text` with telephone numbers, e-mail addresses and card numbers masked.

    `region` is the city's country (ISO 3166, two letters): the numbers given out there are known in any notation;
    without it only shapes and words speak.
    """
    spans: list[Span] = []
    if _MAY_BE_EMAIL.search(text):
        spans += ((*found.span(), "[email]") for found in _EMAIL.finditer(text))
    if runs := [found.span() for found in _RUN.finditer(text) if not _PLAIN_RUN.fullmatch(found.group())]:
        spans += _numbers(text, region, runs)
    return _replaced(text, spans) if spans else text


def _numbers(text: str, region: str, runs: list[tuple[int, int]]) -> list[Span]:
    """Find telephone and card numbers; `runs` are where the digits stand close together."""
    found = [
        (*match.span(), "[card]")
        for pattern in (_CARD_GROUPED, _CARD_RUN)
        for match in pattern.finditer(text)
        if luhn(match.group())
    ]
    found += ((*match.span("number"), "[phone]") for match in _IN_A_LINK.finditer(text))
    phones = [match.span() for match in _PHONE.finditer(text)]
    phones += (match.span("number") for match in _WORD_BEFORE.finditer(text))
    if not phones and not _may_be_known(text, region):
        return found
    kept = [found.span() for found in _KEPT.finditer(text)]
    found += ((*span, "[phone]") for span in phones if not _touches(span, kept))
    settled = kept + [span[:2] for span in found]
    if not all(_touches(run, settled) for run in runs):
        # The table is asked last, it is slow; and not about what is settled.
        rest = _replaced(text, [(start, end, "\n" * (end - start)) for start, end in settled])
        if _may_be_known(rest, region):
            matches = PhoneNumberMatcher(rest, region, leniency=Leniency.VALID, max_tries=_TRIES)
            found += ((match.start, match.end, "[phone]") for match in matches)
    return found


def _may_be_known(text: str, region: str) -> bool:
    """Say whether the country's table can know a number in the text: one of enough digits, or of another country."""
    return bool(region) and (len(_DIGIT.findall(text)) >= _fewest_digits(region) or bool(_PLUS.search(text)))


@cache
def _fewest_digits(region: str) -> int:
    """Give how many digits the shortest number given out in a country has; 0 where there is no table to ask."""
    table = PhoneMetadata.metadata_for_region(region)
    lengths = table.general_desc.possible_length if table and table.general_desc else ()
    return min(lengths, default=0)


def luhn(number: str) -> bool:
    """Tell whether the digits of `number` carry a valid check digit (ISO/IEC 7812-1, annex B)."""
    digits = [int(sign) for sign in reversed(number) if sign.isdecimal()]
    doubled = (sum(divmod(digit * 2, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _touches(span: tuple[int, int], kept: list[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in kept)


def _replaced(text: str, spans: list[Span]) -> str:
    """Put each label where its span was; of spans that overlap, the first to start names the whole."""
    parts: list[str] = []
    done = 0
    for start, end, label in sorted(spans, key=lambda span: span[:2]):
        if start >= done:
            parts += (text[done:start], label)
        done = max(done, end)
    parts.append(text[done:])
    return "".join(parts)
