"""Places told by what stands there: `in front of the library`, `vor der Schule`, `学校门口`. Short lists.

A place is a word of standing near with one of few things that a reader finds without a map. Houses and trees are not
among them: `in front of my house` tells nobody anything.
"""
# ruff: noqa: RUF001 - words of other scripts look like Latin ones, and are none

import re

from services.classify.reading.around import Around, Triggers

_SPACED = {
    "en": (
        "front near next behind across opposite beside outside under close by corner intersection",
        r"""
        (?:in\sfront\sof|near|next\sto|behind|across\sfrom|opposite|beside|outside|under|close\sto|by)\s(?:the|our
          |my|a|an)\s(?:[\w'\u2019-]+\s){0,2}?(?:library|school|church|mosque|temple|synagogue|station|post\soffice
          |bank|bakery|supermarket|grocery|market|mall|park|playground|pool|hospital|clinic|pharmacy|restaurant|hotel
          |museum|theater|theatre|cinema|stadium|gym|courts?|bridge|tunnel|underpass|overpass|river|canal|lake|pond
          |hall|courthouse|university|college|kindergarten|daycare|cemetery|bus\sstop|laundromat|parking\slot)\b
        |(?:at\s|on\s|near\s)?(?:the\s)?(?:corner|intersection)\sof\s[\w'\u2019-]+\sand\s[\w'\u2019-]+
        """,
    ),
    "es": (
        "frente enfrente delante detras atras cerca junto lado afuera esquina",
        r"""
        (?:en)?frente\s(?:a|de)l?\s(?:{thing})
        |(?:delante|detrás|detras|atrás|atras|cerca|al\slado|afuera)\sdel?\s(?:{thing})|junto\sal?\s(?:{thing})
        |en\sla\sesquina\sde\s[\w-]+\s[yc](?:on)?\s[\w-]+
        """,
        r"""
        (?:(?:la|el|un|una|las|los)\s)?(?:escuela|colegio|iglesia|mercado|biblioteca|parque|hospital|clínica|clinica
          |farmacia|panadería|panaderia|estación|estacion|metro|puente|plaza|banco|supermercado|gasolinera|alcaldía
          |correo|parada|cancha|universidad|kínder|guardería|mezquita|museo|río|rio|tienda|cementerio)
        """,
    ),
    "fr": (
        "devant derriere pres cote face angle",
        r"""
        (?:devant|derrière|derriere|face\sà|près\sd[eu]s?|pres\sd[eu]s?|à\scôté\sd[eu]s?
          |en\sface\sd[eu]s?)\s?(?:(?:la|le|les|un|une)\s|l['\u2019]|d['\u2019])?(?:école|ecole|église|eglise|mairie
          |gare|bibliothèque|bibliotheque|boulangerie|pharmacie|poste|marché|marche|parc|hôpital|hopital|pont
          |supermarché|station|métro|metro|collège|lycée|crèche|mosquée|musée|banque|cimetière|stade|piscine
          |arrêt\sde\sbus)
        |à\sl['\u2019]angle\s(?:de\sla\s|du\s|de\s)?[\w-]+\set\s[\w-]+
        """,
    ),
    "de": (
        "vor hinter neben gegenuber nahe beim bei unter",
        r"""
        (?:vor|hinter|neben|gegenüber|gegenueber|nahe|bei|unter)\s(?:von\s)?(?:der|dem|die|den|einer
          |einem)\s(?:\w+en\s)?{thing}
        |beim\s{thing}
        """,
        r"""
        \w*(?:schule|kirche|bibliothek|bücherei|bahnhof|haltestelle|bäckerei|apotheke|rathaus|post|markt|park
          |krankenhaus|klinik|brücke|unterführung|kindergarten|kita|spielplatz|schwimmbad|moschee|museum|bank
          |tankstelle|friedhof|stadion|universität|turnhalle|feuerwache)
        """,
    ),
    "pt": (
        "frente perto lado atras junto esquina defronte",
        r"""
        (?:em\sfrente|frente|junto)\s(?:a|ao|à|da|do)\s{thing}|(?:perto|ao\slado|atrás|atras)\sd[aoe]\s{thing}
        |na\sesquina\sd[aeo]\s[\w-]+\scom\s[\w-]+
        """,
        r"""
        (?:escola|igreja|mercado|padaria|farmácia|farmacia|praça|praca|hospital|posto|biblioteca|estação|estacao
          |metrô|metro|ponte|banco|supermercado|prefeitura|creche|parque|colégio|colegio|faculdade|cemitério|museu
          |correio)
        """,
    ),
    "ru": (
        "возле около напротив за перед рядом у под",
        r"""
        (?:возле|около|напротив|за|перед|рядом\sсо?|у|под)\s(?:\w+\s){0,1}?(?:школ|церк|аптек|магазин|рынк|больниц
          |библиотек|вокзал|метро|остановк|парк|мост|детск\w+\sсад|детсад|поликлиник|почт|банк|музе|стадион
          |супермаркет|мечет|заправк|кладбищ|университет)\w*
        """,
    ),
    "ht": (
        "devan toupre pre deye bo anfas akote kwen",
        r"""
        (?:devan|toupre|pre|dèyè|bò|anfas|akote|kote)\s(?:lekòl|legliz|mache|lopital|famasi|bibliyotèk|pak|pon
          |estasyon|bank|magazen|boulanje|simityè|meri)(?:\s(?:la|a|an|lan))?
        """,
    ),
    "tl": (
        "harap malapit likod tabi tapat kanto",
        r"""
        (?:sa\s(?:harap|likod|tabi|tapat|harapan)\sng|malapit\ssa)\s(?:mga\s|isang\s)?(?:eskwelahan|paaralan
          |simbahan|palengke|ospital|botika|parke|aklatan|library|istasyon|tulay|bangko|munisipyo|mall|palaruan
          |sakayan|panaderya|sementeryo|tindahan)
        """,
    ),
    "vi": (
        "truoc gan sau canh doi ke",
        r"""
        (?:trước|truoc|gần|gan|sau|cạnh|canh|đối\sdiện|kế\sbên|bên\scạnh)\s(?:cổng\s|cửa\s)?(?:trường|truong
          |nhà\sthờ|chợ|cho|bệnh\sviện|benh\svien|công\sviên|thư\sviện|siêu\sthị|ngân\shàng|bưu\sđiện|chùa|nhà\sthuốc
          |trạm\sxe|ga\s|cầu|sân\svận\sđộng|nghĩa\strang)(?:\shọc)?
        """,
    ),
    "ar": (
        "امام قرب خلف بجانب مقابل وراء جنب بالقرب تحت",
        r"""
        (?:أمام|امام|قرب|خلف|بجانب|مقابل|وراء|جنب|بالقرب\sمن|تحت)\s(?:المدرسة|المدرسه|مدرسة|المسجد|الجامع|المستشفى
          |الكنيسة|السوق|الحديقة|المكتبة|الصيدلية|المحطة|محطة\s\w+|البنك|المخبز|الجسر|الجامعة|البلدية|البريد|المطعم
          |موقف\sالباص|المتحف|المقبرة)
        """,
    ),
}
_UNSPACED = re.compile(
    r"""
    在?(?:小学|中学|学校|幼儿园|图书馆|公园|医院|超市|地铁站|公交站|车站|银行|教堂|市场|菜市场|药店|邮局|大学|加油站
      |博物馆|体育馆|市政厅|面包店|桥)的?(?:大?门口|门前|对面|旁边|附近|前面|后面|背后|旁|边上|外面)
    |(?:초등학교|중학교|고등학교|학교|유치원|도서관|공원|병원|마트|시장|지하철역|역|정류장|은행|교회|성당|약국
      |우체국|대학교|주유소|박물관|시청|빵집)\s?(?:정문\s?)?(?:앞|근처|옆|뒤|맞은편|건너편)
    """,
    re.VERBOSE,
)
_SIGNS = frozenset("门对旁附边前后外面앞근옆뒤맞건")
"""Without one of these there is no place in a text of those scripts."""


def _compiled(pattern: str, thing: str = "") -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern.replace('{thing}', thing)})", re.VERBOSE)


_PATTERNS = {language: _compiled(*patterns) for language, (_, *patterns) in _SPACED.items()}
PLACES = Around(Triggers({language: words for language, (words, *_) in _SPACED.items()}), _PATTERNS, _UNSPACED, _SIGNS)
