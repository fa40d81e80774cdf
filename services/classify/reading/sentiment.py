"""How a text sounds, from a short list of words. Coarse: good for spotting thanks and anger among many, not for one."""

from services.classify.reading.words import Folded, Lexicon, Phrases, listed

_WARM = """
thank|thanks|please|appreciate|appreciated|great|grateful|kudos|good job|great job|well done|wonderful|excellent
awesome|love how|kind|pleased|fantastic|amazing|happy with|gracias|por favor|felicito|felicitaciones|felicidades
excelente|agradezco|bonito|maravilloso|muy contento|muy contenta|merci|s il vous plait|bravo|parfait|felicitations
remarquable|super travail|formidable|ravi|ravie|danke|dank|bitte|lob|toll|begeistert|prima|wunderbar|super|zufrieden
ausgezeichnet|obrigado|obrigada|parabens|otimo|otima|lindo|maravilhoso|agradeco|muito bom|cam on|tuyet voi|hai long
rat tot|xin khen|salamat|pakiusap|ang galing|natutuwa|napakaganda|saludo|mahusay|mesi|tanpri|bon travay|bel travay
bel bagay|kontan anpil|felisitasyon|спасибо|пожалуйста|благодарю|благодарен|благодарна|отлично|отличная|молодцы
довольны|доволен|довольна|замечательно|прекрасно|شكرا|من فضلك|ممتاز|رائع|رائعه|سعيد|سعيده|احسنتم|ممتنون|جزيلا|谢谢
感谢|请|太棒|做得很好|辛苦了|满意|点赞|感激
"""
_WARM_STEMS = "감사|부탁|고맙|만족|훌륭|최고예|최고입|수고 많"
_COLD = """
angry|awful|disgusting|disgusted|disgrace|disgraceful|fed up|frustrated|frustrating|horrible|nightmare|outrageous
outraged|ridiculous|shame|shameful|sick of|sick and tired|terrible|unacceptable|useless|worst|nobody cares|appalling
pathetic|incompetent|furious|had enough|no one cares|rude|disappointed|joke|asco|inaceptable|verguenza|harto|harta
hartos|inutiles|inutil|indignante|pesimo|pesima|colmo|lamentable|vergonzoso|honte|honteux|inadmissible|inacceptable
scandaleux|marre|lamentable|ras le bol|insupportable|decu|decue|furieux|unverschamt|skandal|katastrophe|zumutung
frechheit|schande|inakzeptabel|mir reicht|enttauscht|unmoglich|wutend|sauerei|absurdo|vergonha|inaceitavel|pessimo
pessima|descaso|palhacada|indignado|indignada|decepcionado|decepcionada|ridiculo|kinh khung|qua te|that vong|buc minh
vo trach nhiem|khong the chap nhan|kadiri|nakakainis|nakakahiya|bulok|sobra na|galit|nakakadismaya|wont|bouke|fache
pa bon|move sevis|eskandal|безобразие|ужас|ужасно|ужасное|ужасная|ужасный|надоело|позор|возмутительно|сколько можно
разочарован|разочарована|кошмар|хамство|عار|مقرف|غير مقبول|غير مقبوله|سيئه|سييه|اهمال|فضيحه|غاضب|محبط|طفح الكيل|كارثه
مخجل|太差|气愤|恶心|太过分|生气|受不了|失望|垃圾服务|无法接受|可耻|愤怒
"""
_COLD_STEMS = "최악|화가|엉망|한심|어이가|실망|짜증|분노|부끄러"
_BELIEF = 2.0
"""Imagined neutral words: one word alone makes a third, not all."""


class SentimentWords:
    """The lists with their words folded, made once."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        among = lexicon or Lexicon()
        self._warm, self._cold = (
            Phrases(listed(stems), also_whole=listed(words), lexicon=among)
            for stems, words in ((_WARM_STEMS, _WARM), (_COLD_STEMS, _COLD))
        )

    def read(self, folded: Folded) -> float:
        """Give -1 (all words found are of anger) to 1 (of thanks); 0 without any."""
        warm, cold = len(self._warm.found_in(folded)), len(self._cold.found_in(folded))
        return round((warm - cold) / (warm + cold + _BELIEF), 2) if warm or cold else 0.0
