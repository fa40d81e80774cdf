"""What a person wants of the city: mostly that something be seen to; sometimes an answer, or to be heard.

Rules err towards `report`: a report that is taken for a question waits, and that costs more than the other way.
"""

import re

from services.classify.reading.words import Folded, Phrases, fold, listed
from services.parts import Intent

_STATUS = """
any update|any updates|status of my|status update|what happened to my request|what happened to my report
follow up on my|following up on my|waiting for a response to my|my case number|my request number|my ticket number
estado de mi|alguna novedad|que paso con mi|mi numero de caso|seguimiento de mi
ou en est ma demande|suite de ma demande|mon numero de dossier
stand meiner meldung|status meiner|was ist aus meiner|meine vorgangsnummer
andamento do meu|situacao do meu pedido|meu protocolo
tinh trang don|ma so yeu cau|ano na ang nangyari sa|numero ng kaso ko|estati demann mwen|nimewo dosye mwen
статус моей|статус моего|где моя заявка|номер моей заявки|حالة طلبي|ماذا حدث لطلبي|رقم طلبي
处理进度|我的申请进度|工单号|제 신고 진행|처리 상황|접수번호
"""
_ASKING = """
how do i|how can i|how long does|how much does|where can i|where do i|where is the|what time|what day|what days
what are the hours|when is|when does|who do i|who should i|do i need|am i allowed|can i|is it legal|is there a place
como puedo|como hago|donde puedo|a que hora|que dia|cuando es|necesito un permiso
comment puis je|comment faire|ou puis je|a quelle heure|quel jour|quand est
wie kann ich|wo kann ich|wann ist|wann hat|brauche ich|darf ich|como posso|onde posso|que horas|preciso de
lam sao de|lam the nao|o dau|khi nao|may gio|paano|saan pwede|saan ako|anong oras|kailan|kijan mwen|ki kote mwen|ki le
как мне|как можно|где можно|где мне|когда|во сколько|нужно ли|можно ли|كيف يمكنني|كيف أستطيع|أين يمكنني|متى
请问|怎么办理|怎样|哪里可以|什么时候|어떻게|어디서|언제
"""
_THANKING = """
thank you for|thank you so much for|thanks for|thanks to|many thanks|great job|good job|well done|kudos|shout out to
i want to thank|i wanted to thank|just wanted to say thank|compliments to
gracias por|muchas gracias|felicitaciones|merci pour|merci d|bravo|danke fur|vielen dank fur|ein lob
obrigado por|obrigada por|parabens|cam on|salamat sa|maraming salamat|mesi pou|mesi anpil
спасибо за|большое спасибо|شكرا على|شكرا لكم|谢谢|感谢|감사합니다|고맙습니다
"""
_SELLING = """
casino|viagra|crypto investment|bitcoin investment|seo services|search engine ranking|payday loan|loan offer|click here
buy now|buy followers|earn money|make money online|work from home and earn|limited offer|free iphone|hot singles
"""
_TRIAL = """
test|tests|testing|test test|testing testing|this is a test|just a test|test please ignore|test message|test report|asdf
prueba|esto es una prueba|essai|ceci est un test|dies ist ein test|teste|isto e um teste|kiem tra
тест|это тест|اختبار|测试|테스트
"""
_LINK = re.compile(r"https?://|\bwww\.")
_LONGEST_QUESTION = 300
_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
_MANY_LINKS = 3


class IntentRules:
    """The rules with their phrases folded, made once."""

    def __init__(self) -> None:
        self._status, self._asking, self._thanking, self._selling = (
            Phrases(listed(lines), whole=True) for lines in (_STATUS, _ASKING, _THANKING, _SELLING)
        )
        self._trial = frozenset(fold(phrase).joined for phrase in listed(_TRIAL))

    def read(self, text: str, folded: Folded) -> Intent:
        """Give what the writer of a text wants."""
        if folded.joined in self._trial:
            return "spam"
        links = len(_LINK.findall(text)) if "//" in text or "www" in text else 0
        if links >= _MANY_LINKS or (links and self._selling.found_in(folded)):
            return "spam"
        if self._status.found_in(folded):
            return "status"
        if text.rstrip().endswith(_QUESTION_MARKS) and len(text) < _LONGEST_QUESTION and self._asking.begins(folded):
            return "question"
        return "feedback" if self._thanking.begins(folded) else "report"
