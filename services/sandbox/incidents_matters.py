"""What the incidents of a category may be, so that no two witnesses of one tell of different things.

A category's own phrases tell of many: of dogs and of deer. Each matter takes those in which one of its stems stands,
and no stem of another; one without stems takes all that no other takes. Besides, each is said in words of its own.
"""

import re

from services.city.model import Category
from services.sandbox.incidents_outdoors import OUTDOORS
from services.sandbox.incidents_property import PROPERTY
from services.sandbox.incidents_streets import STREETS
from services.sandbox.incidents_words import Matter, Phrases

MATTERS = STREETS | OUTDOORS | PROPERTY
"""By service code of the town that comes with this; a category that is not here has one matter."""
ANCHORED = re.compile(
    r"\d|school|library|station|post office|church|pharmac|bakery|market|community center|\bmall\b|\bbar\b|restaurant|"
    r"week|month|\w+day\b|yesterday|last night|march|since|again|\bstill\b|two |three |several|north|bike path|"
    r"pond|bridge|underpass|mural|garage door|every week|매주|short chain|lost dog|"
    r"utility box|stop sign and|mailbox|whole street|entire|next door|"
    r"centro comunit|centre communautaire|gemeinde|bürgerhaus|社区中心|общественн|주민센터|술집|"
    r"escuela|semana|\bmes\b|desde|otra vez|parada|puente|école|semaine|depuis|encore|"
    r"schule|woche|seit|schon wieder|学校|星期|又|"
    r"escola|tuần|trường|أسبوع|مدرسة|منذ|недел|школ|semèn|lekòl|linggo|paaralan|주째|학교",
    re.IGNORECASE,
)
"""A phrase that names a place, a number or a time: that is told as a particular, the same by all witnesses."""


def matters_of(category: Category) -> list[tuple[Matter, Phrases]]:
    """Give what incidents of a category may be, each with all phrases for it by language; none that nothing says."""
    declared = MATTERS.get(category.service_code, (Matter(),))
    stems = [_stems(matter) for matter in declared]
    found = []
    for matter in declared:
        phrases: dict[str, tuple[str, ...]] = {}
        for language in dict.fromkeys((*category.examples, *matter.said)):
            own = [phrase for phrase in category.examples.get(language, ()) if _fits(phrase, matter, declared, stems)]
            plain = [phrase for phrase in own if not ANCHORED.search(phrase)]
            phrases[language] = tuple(dict.fromkeys((*plain, *matter.said.get(language, ())))) or tuple(own)
        said = {language: several for language, several in phrases.items() if several}
        if said:
            found.append((matter, said))
    return found


def _stems(matter: Matter) -> re.Pattern[str] | None:
    if not matter.stems:
        return None
    each = (rf"\b{stem}" if stem[0] < "\u0600" else stem for stem in matter.stems.split("|"))
    return re.compile("|".join(each), re.IGNORECASE)


def _fits(phrase: str, matter: Matter, declared: tuple[Matter, ...], stems: list[re.Pattern[str] | None]) -> bool:
    told = [other for other, pattern in zip(declared, stems, strict=True) if pattern and pattern.search(phrase)]
    return told == [matter] or (not told and not matter.stems)
