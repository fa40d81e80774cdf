"""How a text sounds, from a short list of words. Coarse: good for spotting thanks and anger among many, not for one."""

from services.classify.reading.words import Folded, Phrases, listed

_WARM = """
thank|thanks|please|appreciate|great|grateful|kudos|good job|well done|gracias|por favor|merci|s il vous plait
danke|bitte|obrigado|obrigada|cam on|salamat|pakiusap|mesi|tanpri|спасибо|пожалуйста|شكرا|من فضلك|谢谢|请|감사|부탁
"""
_COLD = """
angry|awful|disgusting|disgrace|disgraceful|fed up|frustrated|horrible|nightmare|outrageous|ridiculous|shame|sick of
terrible|unacceptable|useless|worst|nobody cares|asco|inaceptable|verguenza|harto|harta|honte|inadmissible|scandaleux
marre|unverschamt|skandal|katastrophe|zumutung|absurdo|vergonha|inaceitavel|kinh khung|kadiri|nakakainis|wont
безобразие|ужас|надоело|عار|مقرف|غير مقبول|太差|气愤|恶心|최악|화가|엉망
"""
_BELIEF = 2.0
"""Imagined neutral words: one word alone makes a third, not all."""


class SentimentWords:
    """The lists with their words folded, made once."""

    def __init__(self) -> None:
        self._warm, self._cold = (Phrases(listed(lines), whole=True) for lines in (_WARM, _COLD))

    def read(self, folded: Folded) -> float:
        """Give -1 (all words found are of anger) to 1 (of thanks); 0 without any."""
        warm, cold = len(self._warm.found_in(folded)), len(self._cold.found_in(folded))
        return round((warm - cold) / (warm + cold + _BELIEF), 2) if warm or cold else 0.0
