"""Times told in words and figures: `since Monday`, `vor zwei Wochen`, `昨天晚上`. Short lists, one for each language.

A list is gone through only where one of its words stands in the text, so that most texts cost next to nothing.
"""
# ruff: noqa: RUF001 - words of other scripts look like Latin ones, and are none

import re

from services.classify.reading.around import Around, Triggers

_LISTS = {
    "en": (
        """
        yesterday today tonight tomorrow ago since time night nights day days week weeks weekend weekends month months
        year years hour hours minutes morning mornings evening evenings afternoon spring summer fall winter january
        february march april june july august september october november december monday tuesday wednesday thursday
        friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays
        """,
        r"""
        (?:since|until|until\sabout)\s(?:{span}|{day}|yesterday|spring|summer|fall|autumn|winter|{month}|(?:19
          |20)\d\d)(?:\s(?:morning|night|evening|afternoon|\d{1,2}))?
        |(?:on\s)?{month}\s\d{1,2}(?:st|nd|rd|th)?(?:,?\s(?:19|20)\d\d)?
        |(?:(?:early|late|on|since)\s)?(?:yesterday|tonight|today|tomorrow)(?:\s(?:morning|night|evening|afternoon))?
        |(?:on|every|each|last|this|next)\s(?:other\s)?(?:{day}|{part}|weekend)(?:\s(?:morning|night|evening
          |afternoon))?
        |every\stime(?:\sit\srains)?|(?:about\s)?{span}\sago
        |for\s(?:the\s(?:last|past)\s|over\s|about\s|more\sthan\s)?{span}
        """,
        {
            "span": r"""
            (?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|several|many|a\sfew
              |a\scouple\sof)\s(?:minute|hour|day|night|week|month|year)s?
            """,
            "day": r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?",
            "part": r"(?:night|day|morning|evening|afternoon|week|month|year|spring|summer|fall|winter)",
            "month": r"(?:january|february|march|april|may|june|july|august|september|october|november|december)",
        },
    ),
    "es": (
        """
        ayer anoche anteayer hoy semana semanas mes meses ano anos hora horas dia dias manana tarde tardes noche
        noches madrugada lunes martes miercoles jueves viernes sabado sabados domingo domingos
        """,
        r"""
        desde\s(?:{ago}|ayer|anoche|hoy|(?:el\s)?{day}|la\ssemana\spasada|el\smes\spasado)|{ago}
        |(?:ayer|hoy|anoche|anteayer)(?:\s(?:por\sla|en\sla|a\sla)\s(?:mañana|manana|tarde|noche))?
        |(?:toda\s)?esta\s(?:mañana|manana|tarde|noche|semana)|(?:la\ssemana|el\smes|el\saño)\spasad[ao]
        |todos\slos\s(?:días|dias|{day})|todas\slas\s(?:noches|mañanas|tardes)|cada\s(?:noche|día|dia|mañana|semana)
        |el\s{day}
        |a\slas?\s(?:\d{1,2}|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce)(?:\sde\sla\s(?:mañana
          |manana|tarde|noche|madrugada))?
        """,
        {
            "ago": r"""
            hace\s(?:más\sde\s|mas\sde\s|como\s)?(?:\d{1,3}|un|una|dos|tres|cuatro|cinco|seis|varios|varias|muchos
              |unos|unas)\s(?:hora|día|dia|semana|mes|año)(?:es|s)?
            """,
            "day": r"(?:lunes|martes|miércoles|miercoles|jueves|viernes|sábado|sabado|domingo)s?",
        },
    ),
    "fr": (
        """
        hier aujourd demain matin matins soir soirs nuit nuits semaine semaines jour jours heure heures mois an ans
        annee annees lundi mardi mercredi jeudi vendredi samedi dimanche
        """,
        r"""
        depuis\s(?:{span}|hier|avant-hier|ce\smatin|(?:le\s)?{day}|la\ssemaine\sdernière)
        |il\sy\sa\s(?:environ\s)?{span}|(?:avant-)?hier(?:\s(?:soir|matin|après-midi))?|aujourd['\u2019]hui
        |demain(?:\smatin|\ssoir)?|ce\s(?:matin|soir)|cette\s(?:nuit|semaine|après-midi)
        |tous\sles\s(?:matins|soirs|jours|{day})|toutes\sles\snuits|chaque\s(?:nuit|jour|matin|soir|semaine)
        |la\ssemaine\s(?:dernière|derniere|passée)|{day}\s(?:soir|matin|dernier)
        """,
        {
            "span": r"""
            (?:\d{1,3}|une?|deux|trois|quatre|cinq|six|sept|huit|dix|plusieurs|quelques)\s(?:heure|jour|semaine|mois
              |an|année)s?
            """,
            "day": r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)s?",
        },
    ),
    "de": (
        """
        gestern vorgestern heute nacht tag tage tagen woche wochen monat monate monaten jahr jahre jahren stunde
        stunden minuten abend morgen uhr montag dienstag mittwoch donnerstag freitag samstag sonntag montagabend
        freitagabend samstagabend
        """,
        r"""
        seit\s(?:{span}|gestern|heute|vorgestern|(?:dem\s)?{day}|(?:der\s)?letzte[rnm]\s(?:woche|monat|jahr
          |nacht))(?:\s(?:früh|frueh|morgen|abend|nacht|mittag))?
        |vor\s(?:etwa\s|rund\s|über\s)?{span}|(?:vor)?gestern(?:\s(?:früh|frueh|morgen|abend|nacht|nachmittag))?
        |heute(?:\s(?:früh|frueh|morgen|vormittag|nachmittag|abend|nacht))?
        |jede[ns]?\s(?:nacht|tag|abend|morgen|woche|{day})|letzte[nrs]?\s(?:nacht|woche|monat|{day})|am\s{day}
        |\d{1,2}(?:[:.]\d\d)?\suhr(?:\s(?:früh|morgens|abends|nachts))?
        """,
        {
            "span": r"""
            (?:\d{1,3}|ein(?:em|er|en)?|zwei|drei|vier|fünf|fuenf|sechs|sieben|acht|zehn|mehreren?
              |einigen?)\s(?:stunde|tag|woche|monat|jahr|minute)(?:en|n|e)?
            """,
            "day": r"(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)(?:abend|morgen|nacht)?",
        },
    ),
    "pt": (
        """
        ontem anteontem hoje amanha noite noites manha dia dias semana semanas mes meses ano anos hora horas segunda
        terca quarta quinta sexta sabado domingo
        """,
        r"""
        desde\s(?:ontem|hoje|a\ssemana\spassada|o\smês\spassado|(?:a\s|o\s)?{day})
        |(?:há|ha|faz)\s(?:mais\sde\s|quase\s)?{span}|(?:ante)?ontem(?:\s(?:à|a)\s(?:noite|tarde))?
        |hoje(?:\s(?:de\smanhã|de\smanha|à\starde|cedo))?|amanhã|toda\s(?:noite|semana|manhã)|todo\sdia
        |todas\sas\snoites|todos\sos\sdias|esta\s(?:manhã|noite|semana|tarde)|(?:a\s)?semana\spassada
        |(?:o\s)?m[eê]s\spassado|n?[ao]\s{day}(?:\spassad[ao])?|\d{1,2}\shoras?(?:\sda\s(?:manhã|noite|tarde))?
        """,
        {
            "span": r"""
            (?:\d{1,3}|uma?|dois|duas|três|tres|quatro|cinco|seis|vários|várias|muitos|alguns)\s(?:hora|dia|semana
              |m[eê]s|ano)(?:es|s)?
            """,
            "day": r"(?:segunda|terça|terca|quarta|quinta|sexta)(?:-feira)?|sábado|sabado|domingo",
        },
    ),
    "ru": (
        """
        вчера вчерашнего позавчера сегодня завтра назад день дня днеи ночь утро утра вечер неделя неделю недели недель
        месяц месяца месяцев год года лет час часа часов понедельника вторника среды четверга пятницы субботы
        воскресенья понедельник вторник среду четверг пятницу субботу воскресенье
        """,
        r"""
        со?\s(?:вчерашнего\sдня|{day_of}|прошлой\sнедели|утра)|(?:поза)?вчера(?:\s(?:утром|вечером|ночью|днём|днем))?
        |сегодня(?:\s(?:утром|вечером|ночью|днём|днем))?|завтра|(?:{number}\s)?{unit}\s(?:тому\s)?назад
        |кажд(?:ый|ую|ое)\s(?:день|ночь|утро|вечер|неделю)
        |(?:второй|третий|четвёртый|четвертый|пятый)\s(?:день|месяц|год)|уже\s(?:{number}\s)?{unit}|на\sпрошлой\sнеделе|во?\s{day}
        |в\sтечение\s(?:{number}\s)?{unit}
        """,
        {
            "number": r"""
            (?:\d{1,3}|один|одну|два|две|три|четыре|пять|шесть|несколько|пару|вторую|второй|третий|третью)
            """,
            "unit": r"(?:час(?:а|ов)?|день|дня|дней|недел[юияь]|недель|месяц(?:а|ев)?|год(?:а)?|лет)",
            "day_of": r"(?:понедельника|вторника|среды|четверга|пятницы|субботы|воскресенья)",
            "day": r"(?:понедельник|вторник|среду|четверг|пятницу|субботу|воскресенье)",
        },
    ),
    "vi": (
        """
        qua nay kia dem ngay sang tuan thang gio thu
        """,
        r"""
        (?:từ\s|tu\s)?(?:tối|toi|đêm|dem|sáng|sang|chiều|chieu|ngày|hôm|hom)\s(?:hôm\s)?(?:qua|nay|kia)
        |từ\s(?:thứ\s(?:hai|ba|tư|năm|sáu|bảy)|chủ\snhật|tuần\strước|tháng\strước)|mỗi\s(?:đêm|ngày|tối|sáng|tuần)
        |(?:cả\s)?(?:tuần|tháng|năm)\s(?:trước|này|qua|nay|rồi)
        |(?:\d{1,3}|một|hai|ba|bốn|mấy|vài)\s(?:ngày|tuần|tháng|giờ|năm)\s(?:nay|trước|rồi|qua)
        |\d{1,2}\sgiờ(?:\s(?:sáng|tối|chiều|đêm))?
        """,
        {},
    ),
    "ht": (
        """
        ye avanye jodi maten swa aswe jou nwit semen mwa ane lendi madi mekredi jedi vandredi samdi dimanch
        """,
        r"""
        (?:depi\s)?(?:avan)?yè(?:\s(?:swa|maten|apremidi))?|jodi\sa|(?:depi\s)?maten\san|aswè\sa
        |(?:depi\s)?(?:semèn|mwa|ane)\spase(?:\sa)?|chak\s(?:swa|jou|nwit|maten|semèn)
        |depi\s(?:(?:\d{1,3}|yon|de|twa|kat|senk|plizyè)\s(?:jou|semèn|mwa|ane|èdtan)|{day})
        """,
        {
            "day": r"(?:lendi|madi|mèkredi|jedi|vandredi|samdi|dimanch)",
        },
    ),
    "tl": (
        """
        kahapon kagabi kanina kaninang gabi araw umaga linggo buwan taon lunes martes miyerkules huwebes biyernes
        sabado
        """,
        r"""
        (?:mula\s|simula\s)?(?:pa\s)?(?:noong\s|nitong\s)?(?:kahapon|kagabi|kanina(?:ng\s(?:umaga|tanghali|hapon
          |madaling\saraw))?|{day})
        |gabi-gabi|araw-araw|tuwing\s(?:gabi|umaga|hapon|{day})
        |noong\s(?:isang|nakaraang)\s(?:linggo|buwan|taon|araw|gabi)|ngayong\s(?:linggo|umaga|gabi|araw)
        |(?:isa|dalawa|tatlo|apat|ilan|lima)ng\s(?:araw|linggo|buwan|taon)(?:\sna(?:ng)?)?
        """,
        {
            "day": r"(?:lunes|martes|miyerkules|huwebes|biyernes|sabado)",
        },
    ),
    "ar": (
        """
        امس البارحه اليوم منذ ليله يوم صباح الليله الاسبوع الشهر الصباح
        """,
        r"""
        منذ\s(?:أمس|امس|البارحة|الأمس|يومين|شهرين|أسبوعين|ساعة|يوم|أسبوع|اسبوع|شهر|سنة|(?:الأسبوع|الشهر)\sالماضي
          |\w+\s(?:أيام|ايام|أسابيع|اسابيع|أشهر|اشهر|ساعات|سنوات))
        |(?:مساء\s|صباح\s)?(?:أمس|امس|البارحة|اليوم)|كل\s(?:ليلة|ليله|يوم|صباح|أسبوع)|(?:الليلة|الليله)\sالماضي[ةه]
        |(?:الأسبوع|الاسبوع|الشهر)\sالماضي|هذا\s(?:الصباح|الأسبوع)
        """,
        {},
    ),
}
_UNSPACED = re.compile(
    r"""
    从?(?:昨天|今天|前天|明天)(?:早上|上午|中午|下午|晚上|夜里|凌晨)?(?:开始)?|昨晚|今早|今晚
    |上个?(?:星期|周|礼拜|月)(?:[一二三四五六日天末])?
    |从?(?:星期|周|礼拜)[一二三四五六日天](?:早上|晚上|下午)?(?:开始)?|每天(?:早上|晚上|半夜)?|每晚
    |每个?(?:星期|周|月)|(?:\d{1,3}|[一二两三四五六七八九十几半]+)(?:天|个?星期|周|个月|年|个?小时)(?:以?前|多?了)
    |(?:凌晨|早上|上午|下午|晚上)(?:\d{1,2}|[一二两三四五六七八九十]+)点半?
    |(?:그저께|어제|오늘|어젯밤|엊그제|내일)(?:\s?(?:아침|저녁|밤|새벽|오후|오전))?(?:부터)?
    |지난\s?(?:주|달|밤|해)(?:\s?[월화수목금토일]요일)?|[월화수목금토일]요일(?:부터|마다)?
    |매일(?:\s?(?:밤|아침|저녁))?|매주|매달|이번\s?(?:주|달)
    |(?:\d{1,3}\s?(?:일|주|달|개월|년)|일주일|이틀|사흘|나흘|며칠|한\s?달|두\s?달|몇\s?달)\s?(?:째|전|동안)
    |(?:새벽|오전|오후|밤|아침|저녁)\s?(?:\d{1,2}|한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|열한|열두)\s?시
    """,
    re.VERBOSE,
)
_SIGNS = frozenset("저엊昨今前明上이사나며칠星周礼每晚早凌个天年月제늘밤주달침벽월화수목금토일매후전")
"""Without one of these there is no time in a text of those scripts."""


def _compiled(pattern: str, parts: dict[str, str]) -> re.Pattern[str]:
    for name, part in parts.items():
        pattern = pattern.replace(f"{{{name}}}", part)
    return re.compile(rf"\b(?:{pattern})\b", re.VERBOSE)


_PATTERNS = {language: _compiled(pattern, parts) for language, (_, pattern, parts) in _LISTS.items()}
TIMES = Around(Triggers({language: words for language, (words, _, _) in _LISTS.items()}), _PATTERNS, _UNSPACED, _SIGNS)
