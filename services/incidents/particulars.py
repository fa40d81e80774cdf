"""What a text tells of a thing that others would tell of it too: its colour, which side, since which day.

These are the few words that every language has for them, so that a witness in one language can be held against one in
another. Beginnings of words where a language bends them; `~` stands for the rest of the word.
"""

# ruff: noqa: ISC004, RUF001 - long lists of words, and these are the letters of the languages

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

COLOURS: Final = ("black", "white", "grey", "red", "blue", "green", "yellow", "orange", "brown", "pink", "violet")
SIDES: Final = ("north", "south", "east", "west")
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SLOTS: Final = tuple(
    ((1 << len(values)) - 1) << begin
    for values, begin in ((COLOURS, 0), (SIDES, len(COLOURS)), (DAYS, len(COLOURS) + len(SIDES)))
)
"""The bits of colours, sides and days."""
_LONGEST_TEXT: Final = 2000
_UNSPACED: Final = frozenset({"zh", "ko", "ja", "th"})

# In the order of COLOURS, SIDES and DAYS; `|` between words for one.
_WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "en": (
        "black;white;gr[ae]y|silver~;red;blue;green;yellow;orange;brown;pink;purple|violet",
        "north~;south~;east|eastern;west|western",
        "monday;tuesday;wednesday;thursday;friday;saturday;sunday",
    ),
    "es": (
        "negr[oa]s?;blanc[oa]s?;gris~|platead~;roj[oa]s?;azul~;verdes?;amarill~;naranja;marr[oó]n;rosa;morad~|violeta",
        "norte;sur;(?:al|lado|acera|zona|lateral) este;oeste",
        "lunes;martes;mi[eé]rcoles;jueves;viernes;s[aá]bado;domingo",
    ),
    "fr": (
        "noire?s?;blanc~;gris~|argent~;rouges?;bleue?s?;verte?s?;jaunes?;oranges?;marron|brune?;rose;violette?",
        "nord;sud;(?:côté|coté|à l'|l') ?est;ouest",
        "lundi;mardi;mercredi;jeudi;vendredi;samedi;dimanche",
    ),
    "de": (
        "schwarz~;wei(?:ß|ss)(?:e|er|es|en)?;grau~|silber~;rot(?:e|er|es|en)?;blau~;gr(?:ü|ue)n(?:e|er|es|en)?;gelb~;"
        "orange~;braun~;rosa|pink;lila|violett~",
        "nord~|nörd~;süd~|sued~;ost|ostseite|östlich~;west|westseite|westlich~",
        "montag~;dienstag~;mittwoch~;donnerstag~;freitag~;samstag~|sonnabend;sonntag~",
    ),
    "pt": (
        "pret[oa]s?;branc[oa]s?;cinza|pratead~;vermelh~;azu[li]~;verdes?;amarel~;laranja;marrom;rosa;rox[oa]",
        "norte;sul;leste;oeste",
        "segunda(?! vez| via);ter[cç]a;quarta;quinta;sexta;s[aá]bado;domingo",
    ),
    "zh": (
        "黑色;白色;灰色|银色;红色;蓝色;绿色;黄色;橙色;棕色|褐色;粉色|粉红;紫色",
        "北侧|北边|北面;南侧|南边|南面;东侧|东边|东面;西侧|西边|西面",
        "(?:周|星期)一;(?:周|星期)二;(?:周|星期)三;(?:周|星期)四;(?:周|星期)五;(?:周|星期)六;(?:周|星期)[日天]",
    ),
    "vi": (
        "đen;trắng;xám|màu bạc;màu đỏ;xanh dương|xanh lam|xanh nước biển;xanh lá~|xanh lục;màu vàng;màu cam;màu nâu;"
        "màu hồng;màu tím",
        "phía bắc;phía nam;phía đông;phía tây",
        "(?<!lần )thứ hai;(?<!lần )thứ ba;(?<!lần )thứ tư;(?<!lần )thứ năm;(?<!lần )thứ sáu;(?<!lần )thứ bảy;chủ nhật",
    ),
    "ar": (
        "أسود|سوداء;أبيض|بيضاء;رمادي~|فضي~;أحمر|حمراء;أزرق|زرقاء;أخضر|خضراء;أصفر|صفراء;برتقالي~;بني|بنية;وردي~;بنفسجي~",
        "شمالي~|الشمالي~;جنوبي~|الجنوبي~;شرقي~|الشرقي~;غربي~|الغربي~",
        "الاثنين|الإثنين;الثلاثاء;الأربعاء;الخميس;الجمعة;السبت;الأحد",
    ),
    "ru": (
        "ч[её]рн~;бел(?:ый|ая|ое|ого|ые|ой);сер(?:ый|ая|ого)|серебрист~;красн~;син(?:ий|яя|его)|голуб~;зел[её]н~;ж[её]лт~;"
        "оранжев~;коричнев~;розов~;фиолетов~",
        "север~;южн~|юг~;восток~|восточн~;запад~",
        "понедельник~;вторник~;сред[аыу];четверг~;пятниц~;суббот~;воскресень~",
    ),
    "ht": (
        "nwa;blan;gri|ajan;wouj;ble;vèt;jòn;zoranj;mawon;wòz;vyolèt",
        "bò nò|nò;bò sid|sid;bò lès|lès;bò lwès|lwès",
        "lendi;madi;mèkredi;jedi;vandredi;samdi;dimanch",
    ),
    "tl": (
        "itim;puti~;abo|pilak|silver;pula~|red;asul|blue;berde|green;dilaw|yellow;kahel|orange;kayumanggi;rosas|pink;lila",
        "hilaga~;timog;silangan~;kanluran~",
        "lunes;martes;miyerkules;huwebes;biyernes;sabado;linggo",
    ),
    "ko": (
        "검은|검정|까만;흰색|하얀|흰;회색|은색;빨간|빨강|붉은;파란|파랑|푸른;초록|녹색;노란|노랑;주황;갈색;분홍;보라",
        "북쪽;남쪽;동쪽;서쪽",
        "월요일;화요일;수요일;목요일;금요일;토요일;일요일",
    ),
    "it": (
        "ner[oaie];bianc~;grigi~|argent~;ross[oaie];blu|azzurr~;verd[ei];giall~;arancion~;marron~;rosa;viola",
        "nord;sud;(?:lato|ad|a) est;ovest",
        "luned[iì];marted[iì];mercoled[iì];gioved[iì];venerd[iì];sabato;domenica",
    ),
    "hu": (
        "fekete;fehér;szürke|ezüst~;piros~|vörös~;kék;zöld;sárga;narancs~;barna;rózsaszín;lila",
        "észak~;dél(?:i|en|re)?|déloldal~;kelet~;nyugat~",
        "hétfő~;kedd~;szerda|szerdán|szerdától;csütörtök~;péntek~;szombat~;vasárnap~",
    ),
}


@lru_cache(maxsize=64)
def _pattern(language: str) -> re.Pattern[str]:
    words = [each for part in _WORDS[language] for each in part.split(";")]
    begin, end, rest = ("", "", "") if language in _UNSPACED else (r"(?<!\w)", r"(?!\w)", r"\w*")
    any_of = "|".join(f"({each.replace('~', rest)})" for each in words)
    return re.compile(f"{begin}(?:{any_of}){end}", re.IGNORECASE)


def particulars_of(text: str, language: str) -> int:
    """Give which colours, sides and days a text names, a bit for each; 0 in a language that is not known here.

    A text of which nobody knows the language (empty) is read as English.
    """
    language = language or "en"
    if language not in _WORDS:
        return 0
    found = 0
    for each in _pattern(language).finditer(text[:_LONGEST_TEXT]):
        found |= 1 << ((each.lastindex or 1) - 1)
    return found
