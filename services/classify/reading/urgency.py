"""Words of hurry in a text, from a short list. They tell what the writer says, not how soon it is to be seen to."""

from services.classify.reading.words import Folded, Lexicon, Phrases, listed

_HURRY = """
urgent|urgently|asap|as soon as possible|immediately|immediate|right away|right now|emergency
before somebody gets hurt|before someone gets hurt|before anyone gets hurt|before somebody is hurt
before someone is hurt|before someone gets killed|before there is an accident|before an accident|cannot wait
can t wait|hurry up|without delay|urgente|urgentemente|me urge|urge que|urge reparar|nos urge|de inmediato
inmediatamente|cuanto antes|lo antes posible|lo mas pronto posible|emergencia|antes de que alguien|antes de que pase
antes de que haya|ya mismo|d urgence|urgence|immediatement|tout de suite|au plus vite|des que possible
le plus vite possible|avant que quelqu un|avant qu il y ait|avant un accident|dringend|sofort|eilt|eilig|umgehend
so schnell wie moglich|schnellstmoglich|unverzuglich|notfall|bevor jemand|bevor etwas passiert|schnellstens
com urgencia|urgencia|imediatamente|o quanto antes|o mais rapido possivel|o mais breve possivel|antes que alguem
antes que aconteca|emergencia|khan cap|cap bach|gap|ngay lap tuc|cang som cang tot|ngay bay gio|truoc khi co nguoi
truoc khi co ai|ijan|ijans|touswit|tou swit|pi vit posib|san pedi tan|anvan yon moun|prese|agad|agaran|agarang|kaagad
madalian|sa lalong madaling panahon|bago may masaktan|bago may madisgrasya|apurahan|ngayon na|срочно|срочный|срочная
немедленно|как можно скорее|как можно быстрее|поскорее|безотлагательно|пока никто|пока кто|экстренно|عاجل|عاجلا
بشكل عاجل|فورا|فوري|حالا|باسرع وقت|في اسرع وقت|باسرع ما يمكن|طاري|طارئ|طارئه|مستعجل|قبل ان يصاب|قبل ان يتاذي
"""
_STEMS = """
紧急|急需|立即|立刻|马上|尽快|赶紧|赶快|加急|万分火急|긴급|시급|급합|급해|빨리|즉시|당장|서둘러|최대한 빠
누가 다치기 전|다치기 전에
"""


class UrgencyWords:
    """The list with its words folded, made once."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self._hurry = Phrases(listed(_STEMS), also_whole=listed(_HURRY), lexicon=lexicon)

    def read(self, folded: Folded) -> tuple[str, ...]:
        """Give the words of hurry found, in lower case and without accents, in the order of the text."""
        return self._hurry.found_in(folded)
