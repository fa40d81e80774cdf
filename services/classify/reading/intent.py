"""What a person wants of the city: mostly that something be seen to; sometimes an answer, or to be heard.

Rules err towards `report`: a report that is taken for a question waits, and that costs more than the other way. So what
is said of an own earlier report, a question and thanks count only where nothing beside them asks for work.
"""
# ruff: noqa: RUF001 - words of other scripts look like Latin ones, and are none

import re

from services.classify.reading.words import Folded, Lexicon, Patterns, Phrases, fold, listed
from services.parts import Intent

_STATUS = """
any update|any updates|status of my|status update|what happened to my request|what happened to my report
follow up on my|following up on my|waiting for a response to my|my case number|my request number|my ticket number
any news|any update|any word|no word|any progress|heard back|hear back|heard anything + request|report|complaint|
ticket|case
status of request|status of case|status of ticket|status of complaint|update on case|update on request|estado de mi
alguna novedad|que paso con mi|mi numero de caso|seguimiento de mi|ou en est ma|suite de ma|avez vous des nouvelles
mon numero de dossier|qu est devenue ma|qu est devenu mon|que devient ma|stand meiner|status meiner|was ist aus meiner
meine vorgangsnummer|andamento do meu|andamento da minha|situacao do meu|situacao da minha|meu protocolo|estado do meu
ano na ang nangyari sa|ano na po ang nangyari sa|numero ng kaso ko|статус моей|статус моего|где моя заявка
номер моей заявки|что с моей заявк|что с моим обращ|рассмотрели ли|حالة طلبي|ماذا حدث لطلبي|وضع طلبي|اين وصلت شكو
ماذا حدث بشكو|اين وصل طلبي|اين وصل بلاغي|处理进度|我的申请进度|제 신고 진행|처리 상황|처리 상태|처리되었나|처리됐나
my request|my report|my complaint|my ticket|my service request|my submission|my case + status|news|update|happen|
progress|waiting|hear|response|reply|answer|closed|resolved|when will|anybody|anyone|still open|looked|been done|
check on
case|ticket|request|complaint + was closed|been closed|marked as done|marked as fixed|closed without
complaint i|request i|report i|ticket i|complaint that i|request that i|report that i|i reported|i wrote to you|
we reported + any news|what happened|what is happening|what s happening|status|when will|waiting for an answer|
waiting for a reply|waiting for a response|still waiting|has anybody|has anyone|did anybody|did anyone|following up
follow up|following up|checking on|checking in + earlier report|previous report|earlier request|last report|
my report|my request|my complaint
mi solicitud|mi reporte|mi queja|mi denuncia|mi peticion|mi caso|queja que|reporte que|solicitud que + estado|
novedad|noticia|respuesta|que paso|seguimiento|esperando|sigo|avance|quedo|en que va|como va
ma demande|ma plainte|mon signalement|mon dossier|j ai signale|ma reclamation + nouvelle|reponse|ou en est|suite|
devenu|attends|avance
meine meldung|meiner meldung|meine anfrage|meiner anfrage|meine beschwerde|meiner beschwerde|mein anliegen|
meinem anliegen|mein ticket|meinem antrag + stand|status|neues|neuigkeit|antwort|warte|getan|passiert|bearbeit|
geworden
meu pedido|minha solicitacao|minha reclamacao|meu chamado|minha denuncia|meu protocolo|reclamacao que|
pedido que + situacao|novidade|resposta|esperando|andamento|aguardo|aguardando|como esta|status
моя заявка|моей заявк|мою заявк|моей жалоб|мою жалоб|свою заявк|свое обращ|моем обращ|мое обращ|свою жалоб + ответ|
жду|новост|статус|что с|рассмотр|когда|сделан|стадии
طلبي|شكواي|بلاغي|الشكوي التي|البلاغ الذي|الطلب الذي|بلاغ قدمته + جديد|انتظر|وضع|حاله|رد|ردا|اين|ماذا حدث|متي|وصل
我的投诉|我的申请|我的工单|我的报修|上次的投诉|的投诉|工单号|编号|报修的 + 进展|进度|状态|处理得|怎么样了|处理了吗|
没有回复|回复|结果
민원|접수번호|신고한|제 신고|제 요청|접수한 + 어떻게 되|답변|처리|상태|진행|결과|소식
"""
_STATUS_WHOLE = """
tinh trang don|ma so yeu cau|estati demann mwen|nimewo dosye mwen|kote demann mwen|tinh trang yeu cau
don khieu nai|yeu cau cua toi|khieu nai cua toi|don cua toi|toi bao|yeu cau so|phan anh cua toi + toi dau|tinh trang|
tra loi|xu ly chua|duoc xu ly|den dau|phan hoi|ket qua
demann mwen|plent mwen|rapo mwen|plent mwen te fe|rapo mwen te + nouvel|repons|tann|sak pase|kote|estati
reklamo ko|report ko|request ko|reklamo namin|kaso ko|hiling ko + update|nangyari|status|sagot|naghihintay|balita|
ano na|kumusta|kailan
"""
_ASKING = """
how do i|how do we|how can i|how can we|how long does|how long do|how much does|how much is|how often|how to apply
where can i|where can we|where do i|where do we|where is the nearest|what time|what day|what days|which day|which days
what are the hours|what are the opening hours|what are your hours|what is the phone number|what is the number
what is the fee|when is|when does|when do you|when are|who do i|who should i|who is the council|who is the mayor
who is my|do i need|do we need|am i allowed|are we allowed|can i|can we put|may i|is it legal|is it allowed
is it permitted|is there a place|is there a number|is there a fee|is there a phone|is there a website
is there a way to pay|does the city offer|does the city have|does the city give|does the city provide
does the city collect|do you offer|are the pools|are the libraries|is the library|is city hall|are city offices
are dogs allowed|como puedo|como hago para|como se hace|donde puedo|donde queda|a que hora|que dia|que dias|cuando es
cuando abre|cual es el horario|cual es el telefono|cual es el numero|cuanto cuesta|necesito un permiso
necesito permiso|se necesita permiso|puedo|se permite|esta permitido|comment puis je|comment faire|comment obtenir
ou puis je|ou se trouve|a quelle heure|quel jour|quels jours|quand est la|quels sont les horaires|quel est le numero
quel est le prix|combien coute|faut il une|faut il un permis|ai je besoin|puis je|est il permis|est ce que je peux
wie kann ich|wie bekomme ich|wo kann ich|wo bekomme ich|wo finde ich|wann ist|wann hat|wann wird der|wann werden
brauche ich|darf ich|darf man|was kostet|wie viel kostet|welche offnungszeiten|wie sind die offnungszeiten
um wie viel uhr|ist es erlaubt|como posso|como faco para|onde posso|onde fica|que horas|a que horas|que dia passa
qual e o horario|qual o horario|qual e o telefone|quanto custa|preciso de|posso|e permitido|paano|saan pwede|saan ako
saan po|anong oras|anong araw|magkano|kailangan ko ba|kailangan ba|pwede ba akong|bukas ba|как мне|как можно
как получить|как оформить|как подать|где можно|где мне|где находится|где получить|во сколько|какие часы|какой график
сколько стоит|нужно ли|можно ли|когда открывается|когда работает|в какие дни|كيف يمكنني|كيف استطيع|كيف احصل|اين يمكنني
اين استطيع|اين يقع|متي يفتح|متي تفتح|متي تغلق|متي يغلق|ما هي ساعات|ما هو رقم|كم تكلفه|كم سعر|هل احتاج|هل يسمح
هل يمكنني
"""
_WONDERING = """
i would like to know how to|i want to know how to|i would like to know when|i would like to know where
i d like to know how|i would like to know what|i would like to know if|i have a question about|please tell me how to
please tell me when|quisiera saber como|quiero saber como|quisiera saber donde|quisiera saber cuando
quiero saber cuando|me gustaria saber como|je voudrais savoir comment|j aimerais savoir comment
je voudrais savoir quand|ich mochte wissen wie|ich wurde gerne wissen wie|gostaria de saber como|queria saber como
gostaria de saber quando|gusto ko sanang malaman kung paano|хочу узнать как|хотел бы узнать как|хотела бы узнать как
подскажите как|подскажите пожалуйста как|اريد ان اعرف كيف|اود معرفه كيف|我想知道怎么|我想了解如何|我想问怎么
toi muon biet lam sao|toi muon biet cach|mwen ta renmen konnen kijan
"""
_ASKING_WHOLE = """
lam sao de|lam the nao|o dau|may gio|kijan mwen|kijan nou|ki kote mwen|ki le|a ki le|ki jou|konbyen|eske mwen bezwen
eske mwen ka|eske mwen gen dwa|toi co can|toi co duoc|lam sao toi
"""
_ASKING_WITHIN = """
几点|哪天|请问什么时候|请问怎么|请问哪|请问在哪|怎么申请|怎么办理|如何申请|如何办理|在哪里办|许可证吗|需要申请吗
多少钱|可以吗|哪里可以|몇 시에|무슨 요일|어떻게 신청|어디서 신청|허가가 필요|얼마인가|어떻게 받|가능한가|mấy giờ
cần giấy phép
"""
_TROUBLE = """
fix|repair|broken|get someone|get somebody|send someone|send somebody|have someone|somebody to|someone to|nobody
no one|remove|clean up|replace|going to|finally|still|again|stuck|block|leak|smell|danger|please|arregl|repar|roto
rota|limpi|quiten|recog|nadie|por fin|todavia|sigue|otra vez|peligro|repare|enlev|casse|enfin|toujours|encore
personne ne|bouche|danger|reparier|kaputt|defekt|endlich|immer noch|wieder|entfern|niemand|gefahr|consert|arrum
quebrad|limpar|ninguem|ainda|finalmente|perig|sira|ayusin|barado|delikado|почин|убер|слома|наконец|никто|опять|опасн
اصلاح|مكسور|خطر|لا احد|修|坏|清理|危险|臭|고장|고쳐|치워|위험|막혀
"""
_THANKING = """
thank you for|thank you so much for|thanks for|thanks to|thanks a lot|many thanks|great job|good job|well done|kudos
shout out to|i want to thank|i wanted to thank|just wanted to say thank|just wanted to say thanks|compliments to
a big thank|a huge thank|i would like to thank|i d like to thank|thank you so much|thank you very much
i want to compliment|i would like to compliment|gracias por|muchas gracias|mil gracias|felicitaciones|les agradezco
los felicito|agradezco|quiero agradecer|merci pour|merci d avoir|un grand merci|merci beaucoup|merci a|bravo
felicitations|danke fur|danke die|danke an|vielen dank|herzlichen dank|ein lob|grosses lob|ein grosses lob|lob an
obrigado por|obrigada por|obrigado pelo|obrigada pelo|muito obrigad|parabens|salamat sa|salamat po sa|maraming salamat
salamat po|спасибо за|спасибо|большое спасибо|огромное спасибо|благодарю|молодцы|شكرا علي|شكرا لكم|شكرا جزيلا|احسنتم
谢谢你们|谢谢您|感谢|非常感谢|감사합니다|고맙습니다
"""
_THANKING_WHOLE = "cam on|xin cam on|rat cam on|mesi pou|mesi anpil|mesi paske|mesi"
_PRAISE = """
great job|good job|great work|well done|kudos|you guys are the best|you are the best|i appreciate all
i really appreciate|very happy with how|very happy with the|so happy with|very pleased with|thumbs up|hats off
compliment the|easy to use|service has improved|excelente trabajo|buen trabajo|excelente servicio|travail remarquable
excellent travail|beau travail|tres bon travail|gute arbeit|tolle arbeit|toll gemacht|grosses lob|otimo trabalho
excelente trabalho|bom trabalho|magandang trabaho|отличная работа|хорошая работа|молодцы|عمل رائع|عمل ممتاز|点赞
做得很好|辛苦了|수고 많으|정말 감사|최고예요|saludo ako|ang galing
"""
_GRATEFUL = """
thank|thanks|thx + works again|is fixed|was fixed|got fixed|is gone|are gone|is back on|repaired|quickly|so fast|
so quick|same day|cleaned up
gracias + rapido|ya funciona|ya quedo|arreglaron|limpiaron|taparon|repararon|resolvieron
merci + reactivite|tres vite|rapidement|a ete repar|a ete rebouch|a ete nettoy|remarche|refonctionne
danke|dank + ist weg|geht wieder|leuchtet wieder|funktioniert wieder|so schnell|repariert worden|wurde repariert|
schnelle
obrigado|obrigada + resolver|resolveram|rapid|consertaram|voltou a|arrumaram|taparam|limparam
спасибо + починили|убрали|заделали|почистили|быстро|снова работает|заменили
شكرا + تم اصلاح|تم تنظيف|يعمل الان|بسرعه|تم رفع
谢谢|感谢 + 已经|修好|清走|解决了|很快|这么快
감사|고맙 + 주셔서|고쳐졌|빨리 해결|다시 켜
salamat + naayos|mabilis|nalinis|gumagana na
"""
_GRATEFUL_WHOLE = """
cam on + da sua|da don|sang lai|rat nhanh|nhanh qua|da xu ly
mesi + nou ranje|limen anko|vit|nou netwaye|yo ranje
"""
_PRAISE_WHOLE = "lam viec rat tot|xin khen|rat hai long|tuyet voi|bel travay|bon travay"
_SERVICE = """
website|web site|your app|this app|new app|the app|online form|the form|operator|employee|clerk|your staff|
customer service|on the phone|your service|your office + rude|confus|useless|disappoint|hung up|crash|unhelpful|
terrible|awful|improved|easy to use|takes forever|impolite|unfriendly|friendly|helpful|patient
servicio|atencion|senorita|empleado|pagina web|aplicacion|su app + groser|pesim|mal servicio|pesimo servicio|
decepcion|confus|inutil|amable
votre site|votre service|votre application|l appli|agent|l accueil|au telephone + decu|mal fait|malpoli|impoli|
lamentable|inutile|nul|aimable|desagreable
ihre app|eure app|ihre webseite|ihre seite|ihr service|mitarbeiter|am telefon|hotline + enttauscht|unubersichtlich|
unfreundlich|freundlich|umstandlich|schlecht|unverschamt
atendimento|aplicativo|seu site|atendente|seu servico|o site + pessim|decepcion|grosseir|confus|horrivel|ruim|
mal educad|otimo
серви|ваш сайт|приложени|оператор|обслуживани|сотрудни + разочаров|неудобн|ужасн|груб|хам|плох|отличн|вежлив
خدمتكم|موقعكم|تطبيقكم|الموظف|الموظفه|خدمه العملاء + سيئ|سيئه|غير راض|وقح|محبط|معقد|ممتاز
服务态度|你们的服务|网站|接线员|客服|你们的应用 + 差|失望|难用|粗鲁|恶劣|很好
상담원|서비스|홈페이지|직원|앱이 + 불친절|실망|불편|최악|친절
serbisyo|website ninyo|app ninyo|kausap ko|empleyado + pangit|bastos|bulok|nakakadismaya|dismayado|mabagal
"""
_SERVICE_WHOLE = """
nhan vien|dich vu|trang web|ung dung + that vong|bat lich su|te qua|qua te|kho dung|tho lo|rat tot
sevis nou|sevis la|sit nou|anplwaye + pa bon|pa kontan|maledve|fache|pa janti
"""
_BUT = """
but|however|except|did not|didn t|please|in advance|could you|can you|still|not fixed|was not|were not|another
attention|if you|also|pero|por favor|de antemano|todavia|falta|mais|d avance|par avance|encore|s il vous plait|aber
bitte|im voraus|noch|jedoch|porem|ainda|por favor|antecipad|faltou|но|пожалуйста|заранее|еще|однако|لكن|من فضلك|مقدما
但|可是|不过|请|지만|부탁|미리|pero|sana|paki
"""
_BUT_WHOLE = "nhung|xin sua|lam on|men|tanpri|mas|po bang"
_SELLING = """
viagra|crypto investment|bitcoin investment|seo services|search engine ranking|payday loan|loan offer|click here
order now|buy now|buy followers|earn money|make money online|work from home and earn|cheap followers|limited offer
free iphone|hot singles|you have won|claim your prize|guaranteed profit|casino bonus|online casino|best casino
get rich quick|inheritance of
crypto|bitcoin|casino|pills|loans|prize|followers|seo|dollars a week + click|whatsapp|telegram|order now|claim your|
guaranteed|from home|join our|best prices|play now|bonus|rich
gane dinero|ganar dinero desde|prestamos rapidos|creditos inmediatos|credito inmediato|dinero facil
prestamo|prestamos|credito|dinero + whatsapp|sin aval|llame ya|clic|desde su casa|telegram
gagnez de l argent|credit rapide|pret rapide|argent facile|credit|pret|argent + whatsapp|cliquez|sans justificatif|
telegram
geld verdienen|verdienen sie geld|gunstige kredite|sofortkredit|kredit|kredite|geld + whatsapp|schufa|jetzt klicken|
von zu hause|telegram
ganhe dinheiro|dinheiro facil|emprestimo na hora|emprestimo|credito|dinheiro + whatsapp|sem consulta|clique aqui|
telegram
赚钱|办证|刻章|代开发票|博彩|低息贷款|贷款 + 微信|咨询|无抵押|点击
اربح المال|قروض سريعه|قرض سريع|قروض|قرض|المال + واتساب|بدون كفيل|اضغط هنا|تلغرام
заработок на дому|заработок в интернете|быстрый кредит|кредит|займ|деньги + телеграм|без справок|жмите|ватсап|whatsapp
kumita ng pera|mabilis na pautang|pautang|pera + viber|whatsapp|collateral|i click|telegram
당일 대출|무담보 대출|대출|돈 + 카톡|클릭|무담보|텔레그램
"""
_SELLING_WHOLE = """
kiem tien tai nha|kiem tien online|vay tien|cho vay nhanh|vay tien online|vay|kiem tien + zalo|the chap|bam vao|
duyet nhanh
fe lajan lakay|pre lajan|fe lajan + klike|whatsapp|rapid
"""
_TRIAL = """
test tests testing tester asdf prueba essai teste kiem tra thu nghiem tes subok pagsubok тест тесты проверка тестовое
اختبار تجربه 测试 这是测试 测试一下 테스트 테스트입니다 시험용 probe
"""
_BESIDE_TRIAL = """
this is a just only please ignore message report one two 123 1 2 3 esto es una un de ceci est dies das ist nur ein
eine isto e um la sa se yon lang po ito ay это просто сообщение هذا هذه رسالة 글입니다 입니다 thoi day la
"""
_ROWS = "qwertyuiop asdfghjkl zxcvbnm qwertzuiop azertyuiop"
"""Keys that stand side by side: who runs a finger over them wants nothing of the city."""
_LINK = re.compile(r"(?:https?://|\bwww\.)\S*")
_GREETING = """
hi|hello|hey|good morning|good afternoon|good evening|hi there|dear sir or madam|hola|buenos dias|buenas tardes
bonjour|hallo|guten tag|ola|bom dia|boa tarde|xin chao|bonjou|magandang araw|здравствуйте|добрый день|مرحبا
السلام عليكم|你好|您好|안녕하세요
"""
_LONGEST_ASIDE = 300
"""A longer text tells of something; signs."""
_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
_MANY_LINKS = 3
_FEW_WORDS = 3
_SHORTEST_RUN = 5
_BESIDE = 0.75


def _patterns(lines: str, whole: str, lexicon: Lexicon) -> Patterns:
    """Make patterns of lines: one with a `+` is a pattern, any other a list; one that ends with a bar goes on below."""
    inflected, ending = (
        [
            each
            for line in some.strip().replace("|\n", "|").splitlines()
            for each in ([line] if "+" in line else line.split("|"))
        ]
        for some in (lines, whole)
    )
    return Patterns(inflected, also_whole=ending, lexicon=lexicon)


class IntentRules:
    """The rules with their phrases folded, made once."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self._lexicon = among = lexicon or Lexicon()
        self._greeting = Phrases(listed(_GREETING), whole=True, lexicon=among)
        self._status = _patterns(_STATUS, _STATUS_WHOLE, among)
        self._asking = Phrases(listed(_ASKING), whole=True, also_whole=listed(_ASKING_WHOLE), lexicon=among)
        self._asking_within = Phrases(listed(_ASKING_WITHIN), lexicon=among)
        self._wondering = Phrases(listed(_WONDERING), whole=True, lexicon=among)
        self._trouble = Phrases(listed(_TROUBLE), lexicon=among)
        self._thanking = Phrases(listed(_THANKING), also_whole=listed(_THANKING_WHOLE), lexicon=among)
        self._grateful = _patterns(_GRATEFUL, _GRATEFUL_WHOLE, among)
        self._praise = Phrases(listed(_PRAISE), also_whole=listed(_PRAISE_WHOLE), lexicon=among)
        self._service = _patterns(_SERVICE, _SERVICE_WHOLE, among)
        self._but = Phrases(listed(_BUT), whole=True, also_whole=listed(_BUT_WHOLE), lexicon=among)
        self._selling = _patterns(_SELLING, _SELLING_WHOLE, among)
        telling = (
            self._status,
            self._asking,
            self._asking_within,
            self._wondering,
            self._thanking,
            self._praise,
            self._grateful,
        )
        self._telling = frozenset(each.number for each in (*telling, self._service, self._selling))
        self._trial = frozenset(fold(_TRIAL).words)
        self._beside_trial = self._trial.union(fold(_BESIDE_TRIAL).words)

    def read(self, text: str, folded: Folded) -> Intent:
        """Give what the writer of a text wants."""
        if self._is_junk(text, folded):
            return "spam"
        if self._telling.isdisjoint(self._lexicon.found_in(folded)):  # so are most texts
            return "report"
        if self._selling.found_in(folded):
            return "spam"
        if self._status.found_in(folded):
            return "status"
        return self._aside(text, folded) if len(text) < _LONGEST_ASIDE else "report"

    def _aside(self, text: str, folded: Folded) -> Intent:
        opening = self._greeting.end(folded)
        if self._is_question(text, folded, opening):
            return "question"
        return "feedback" if self._is_feedback(folded, opening) else "report"

    def _is_junk(self, text: str, folded: Folded) -> bool:
        words = folded.words
        if len(words) <= _FEW_WORDS + _FEW_WORDS and not self._trial.isdisjoint(words):
            return self._beside_trial.issuperset(words)
        if len(words) == 1 and len(words[0]) >= _SHORTEST_RUN and words[0].isascii():
            return _is_run(words[0])
        if ("//" in text or "www" in text) and len(_LINK.findall(text)) >= _MANY_LINKS:
            return len(fold(_LINK.sub(" ", text)).words) <= _FEW_WORDS
        return False

    def _is_question(self, text: str, folded: Folded, opening: int) -> bool:
        if self._wondering.begins(folded, opening):
            return True
        if not text.rstrip().endswith(_QUESTION_MARKS):
            return False
        asks = self._asking.begins(folded, opening) or self._asking_within.places(folded)
        return bool(asks) and not self._trouble.places(folded)

    def _is_feedback(self, folded: Folded, opening: int) -> bool:
        said = (
            self._thanking.begins(folded, opening)
            or self._praise.places(folded)
            or self._grateful.found_in(folded)
            or (self._service.found_in(folded) and not self._trouble.places(folded))
        )
        return bool(said) and not self._but.places(folded)


def _is_run(word: str) -> bool:
    """Say whether a word's letters mostly follow each other on a keyboard."""
    pairs = [word[place : place + 2] in _ROWS for place in range(len(word) - 1)]
    return sum(pairs) >= _BESIDE * len(pairs)
