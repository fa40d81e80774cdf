"""What witnesses of an incident say of it beside what it is: what stands there, its size, colour and side, since when.

The tables of all languages have the same things in the same places, so that one particular is told in any of them;
numbers and the names of streets cross languages unchanged. `{n}` stands for a number.
"""

# ruff: noqa: RUF001 - these are the letters of the languages

from typing import Literal

from msgspec import Struct

Kind = Literal["beside", "stop", "house", "pole", "size", "depth", "count", "colour", "side", "since"]
"""What a particular is about: of the first three the place is told, of the others the thing."""


class Tongue(Struct, frozen=True, kw_only=True):
    """How one language tells particulars. `since` and those with one form are whole turns of phrase."""

    beside: tuple[str, ...]
    sides: tuple[str, ...]
    colours: tuple[str, ...]
    days: tuple[str, ...]
    """Since each day of the week, Monday first."""
    stop: str
    house: str
    pole: str
    size: str
    depth: str
    count: str
    vague: tuple[str, ...]
    """What says nothing to anyone who has not read the report before."""
    joint: str = ", "


Phrases = dict[str, tuple[str, ...]]
"""By language."""


class Matter(Struct, frozen=True, kw_only=True):
    """One thing that may have happened.

    `stems` are beginnings of words, in whatever language, `|` between them: they tell it apart from others of its
    category. `said` are phrases for it.
    """

    name: str = ""
    stems: str = ""
    said: Phrases = {}
    kinds: tuple[Kind, ...] = ("side", "since")
    """What witnesses may tell of the thing itself."""
    wide: bool = False
    """It fills an area, so that two of it next door would be one to anybody."""


def in_five(en: str, es: str, fr: str, de: str, zh: str) -> Phrases:
    """Give phrases of five languages; `|` stands between two."""
    each = {"en": en, "es": es, "fr": fr, "de": de, "zh": zh}
    return {language: tuple(phrases.split("|")) for language, phrases in each.items()}


SIZES = (20, 30, 40, 60, 80, 100, 120, 150)
"""Centimetres across, as people guess them."""
DEPTHS = (10, 15, 20, 30, 40, 50, 60, 80)
COUNTS = (2, 3, 4, 5, 6)

TONGUES: dict[str, Tongue] = {
    "en": Tongue(
        beside=(
            *("next to the bakery", "by the school gate", "outside the pharmacy", "across from the church"),
            *("by the playground", "next to the gas station", "in front of the laundromat", "near the bank"),
            *("by the hardware store", "opposite the hotel", "next to the barber shop", "by the kindergarten"),
        ),
        sides=("on the north side", "on the south side", "on the east side", "on the west side"),
        colours=("red", "blue", "green", "white", "black", "silver", "yellow", "orange"),
        days=(
            *("since Monday", "since Tuesday", "since Wednesday", "since Thursday"),
            *("since Friday", "since Saturday", "since Sunday"),
        ),
        stop="at bus stop {n}",
        house="in front of number {n}",
        pole="the number on it is {n}",
        size="about {n} cm across",
        depth="about {n} cm deep",
        count="{n} of them",
        vague=("Same as before", "broken again", "Still not fixed!!", "see photo", "it happened again, please come"),
    ),
    "es": Tongue(
        beside=(
            *("junto a la panadería", "en la puerta de la escuela", "afuera de la farmacia", "enfrente de la iglesia"),
            *("junto al parque infantil", "al lado de la gasolinera", "frente a la lavandería", "cerca del banco"),
            *("junto a la ferretería", "frente al hotel", "al lado de la peluquería", "junto al jardín de niños"),
        ),
        sides=("del lado norte", "del lado sur", "del lado este", "del lado oeste"),
        colours=("rojo", "azul", "verde", "blanco", "negro", "plateado", "amarillo", "naranja"),
        days=(
            *("desde el lunes", "desde el martes", "desde el miércoles", "desde el jueves"),
            *("desde el viernes", "desde el sábado", "desde el domingo"),
        ),
        stop="en la parada {n}",
        house="frente al número {n}",
        pole="tiene el número {n}",
        size="de unos {n} cm de ancho",
        depth="de unos {n} cm de profundidad",
        count="son {n}",
        vague=("Lo mismo de antes", "otra vez", "sigue igual!!", "ver foto"),
    ),
    "fr": Tongue(
        beside=(
            *("à côté de la boulangerie", "devant le portail de l'école", "devant la pharmacie", "en face de l'église"),
            *("près de l'aire de jeux", "à côté de la station-service", "devant la laverie", "près de la banque"),
            *("près de la quincaillerie", "en face de l'hôtel", "à côté du coiffeur", "près de la maternelle"),
        ),
        sides=("du côté nord", "du côté sud", "du côté est", "du côté ouest"),
        colours=("rouge", "bleu", "vert", "blanc", "noir", "gris argenté", "jaune", "orange"),
        days=(
            *("depuis lundi", "depuis mardi", "depuis mercredi", "depuis jeudi"),
            *("depuis vendredi", "depuis samedi", "depuis dimanche"),
        ),
        stop="à l'arrêt de bus {n}",
        house="devant le numéro {n}",
        pole="il porte le numéro {n}",
        size="d'environ {n} cm de large",
        depth="profond d'environ {n} cm",
        count="il y en a {n}",
        vague=("Même chose que la dernière fois", "encore cassé", "toujours rien de fait !", "voir photo"),
    ),
    "de": Tongue(
        beside=(
            *("neben der Bäckerei", "am Schultor", "vor der Apotheke", "gegenüber der Kirche"),
            *("am Spielplatz", "neben der Tankstelle", "vor dem Waschsalon", "bei der Bank"),
            *("beim Eisenwarenladen", "gegenüber dem Hotel", "neben dem Friseur", "am Kindergarten"),
        ),
        sides=("auf der Nordseite", "auf der Südseite", "auf der Ostseite", "auf der Westseite"),
        colours=("rot", "blau", "grün", "weiß", "schwarz", "silbern", "gelb", "orange"),
        days=(
            "seit Montag",
            "seit Dienstag",
            "seit Mittwoch",
            "seit Donnerstag",
            "seit Freitag",
            "seit Samstag",
            "seit Sonntag",
        ),
        stop="an der Bushaltestelle {n}",
        house="vor Hausnummer {n}",
        pole="darauf steht die Nummer {n}",
        size="etwa {n} cm breit",
        depth="etwa {n} cm tief",
        count="es sind {n}",
        vague=("Wie beim letzten Mal", "schon wieder kaputt", "immer noch nichts passiert!", "siehe Foto"),
    ),
    "pt": Tongue(
        beside=(
            *("ao lado da padaria", "no portão da escola", "em frente à farmácia", "em frente à igreja"),
            *("perto do parquinho", "ao lado do posto de gasolina", "em frente à lavanderia", "perto do banco"),
            *(
                "perto da loja de ferragens",
                "em frente ao hotel",
                "ao lado da barbearia",
                "perto do jardim de infância",
            ),
        ),
        sides=("do lado norte", "do lado sul", "do lado leste", "do lado oeste"),
        colours=("vermelho", "azul", "verde", "branco", "preto", "prateado", "amarelo", "laranja"),
        days=(
            "desde segunda",
            "desde terça",
            "desde quarta",
            "desde quinta",
            "desde sexta",
            "desde sábado",
            "desde domingo",
        ),
        stop="no ponto de ônibus {n}",
        house="em frente ao número {n}",
        pole="tem o número {n}",
        size="com uns {n} cm de largura",
        depth="com uns {n} cm de profundidade",
        count="são {n}",
        vague=("Mesma coisa de antes", "quebrou de novo", "continua igual!!", "ver foto"),
    ),
    "zh": Tongue(
        beside=(
            *("在面包店旁边", "在学校门口", "在药店门外", "在教堂对面", "在游乐场旁边", "在加油站旁边"),
            *("在洗衣店门前", "在银行附近", "在五金店旁边", "在酒店对面", "在理发店旁边", "在幼儿园旁边"),
        ),
        sides=("在北侧", "在南侧", "在东侧", "在西侧"),
        colours=("红色的", "蓝色的", "绿色的", "白色的", "黑色的", "银色的", "黄色的", "橙色的"),
        days=("从周一开始", "从周二开始", "从周三开始", "从周四开始", "从周五开始", "从周六开始", "从周日开始"),
        stop="在 {n} 号公交站",
        house="在 {n} 号门前",
        pole="上面的编号是 {n}",
        size="宽约 {n} 厘米",
        depth="深约 {n} 厘米",
        count="一共 {n} 个",
        vague=("跟上次一样", "又坏了", "还是没人来修！", "见照片"),
        joint="，",
    ),
    "vi": Tongue(
        beside=(
            *("cạnh tiệm bánh mì", "trước cổng trường học", "ngoài nhà thuốc", "đối diện nhà thờ"),
            *("cạnh sân chơi trẻ em", "cạnh cây xăng", "trước tiệm giặt ủi", "gần ngân hàng"),
            *("cạnh tiệm sắt thép", "đối diện khách sạn", "cạnh tiệm hớt tóc", "cạnh nhà trẻ"),
        ),
        sides=("ở phía bắc", "ở phía nam", "ở phía đông", "ở phía tây"),
        colours=("màu đỏ", "màu xanh dương", "màu xanh lá", "màu trắng", "màu đen", "màu bạc", "màu vàng", "màu cam"),
        days=("từ thứ hai", "từ thứ ba", "từ thứ tư", "từ thứ năm", "từ thứ sáu", "từ thứ bảy", "từ chủ nhật"),
        stop="ở trạm xe buýt {n}",
        house="trước nhà số {n}",
        pole="trên đó ghi số {n}",
        size="rộng khoảng {n} cm",
        depth="sâu khoảng {n} cm",
        count="có {n} cái",
        vague=("Giống lần trước", "lại hỏng nữa rồi", "vẫn chưa sửa!", "xem hình"),
    ),
    "ar": Tongue(
        beside=(
            *("بجانب المخبز", "عند بوابة المدرسة", "أمام الصيدلية", "مقابل الكنيسة", "قرب ملعب الأطفال"),
            *("بجانب محطة البنزين", "أمام المغسلة", "قرب البنك", "قرب محل الأدوات", "مقابل الفندق"),
            *("بجانب صالون الحلاقة", "قرب الروضة"),
        ),
        sides=("في الجهة الشمالية", "في الجهة الجنوبية", "في الجهة الشرقية", "في الجهة الغربية"),
        colours=("أحمر", "أزرق", "أخضر", "أبيض", "أسود", "فضي", "أصفر", "برتقالي"),
        days=("منذ الاثنين", "منذ الثلاثاء", "منذ الأربعاء", "منذ الخميس", "منذ الجمعة", "منذ السبت", "منذ الأحد"),
        stop="عند موقف الحافلة {n}",
        house="أمام رقم {n}",
        pole="مكتوب عليه الرقم {n}",
        size="عرضه حوالي {n} سم",
        depth="عمقه حوالي {n} سم",
        count="عددها {n}",
        vague=("مثل المرة السابقة", "تعطل مرة أخرى", "لم يتغير شيء!", "انظر الصورة"),
        joint="، ",
    ),
    "ru": Tongue(
        beside=(
            *("рядом с пекарней", "у ворот школы", "возле аптеки", "напротив церкви", "у детской площадки"),
            *("рядом с заправкой", "перед прачечной", "около банка", "у хозяйственного магазина"),
            *("напротив гостиницы", "рядом с парикмахерской", "у детского сада"),
        ),
        sides=("на северной стороне", "на южной стороне", "на восточной стороне", "на западной стороне"),
        colours=(
            "красного цвета",
            "синего цвета",
            "зелёного цвета",
            "белого цвета",
            "чёрного цвета",
            "серебристого цвета",
            "жёлтого цвета",
            "оранжевого цвета",
        ),
        days=("с понедельника", "со вторника", "со среды", "с четверга", "с пятницы", "с субботы", "с воскресенья"),
        stop="у автобусной остановки {n}",
        house="перед домом {n}",
        pole="на нём номер {n}",
        size="шириной около {n} см",
        depth="глубиной около {n} см",
        count="всего {n}",
        vague=("То же самое, что и раньше", "опять сломалось", "до сих пор не починили!", "см. фото"),
    ),
    "ht": Tongue(
        beside=(
            *("bò boulanjri a", "devan pòtay lekòl la", "devan famasi a", "anfas legliz la"),
            *("bò teren jwèt timoun yo", "bò ponp gazolin nan", "devan lavandri a", "toupre bank lan"),
            *("bò kenkayri a", "anfas otèl la", "bò salon kwafè a", "bò jaden timoun nan"),
        ),
        sides=("sou bò nò a", "sou bò sid la", "sou bò lès la", "sou bò lwès la"),
        colours=("wouj", "ble", "vèt", "blan", "nwa", "koulè ajan", "jòn", "zoranj"),
        days=("depi lendi", "depi madi", "depi mèkredi", "depi jedi", "depi vandredi", "depi samdi", "depi dimanch"),
        stop="nan estasyon bis {n}",
        house="devan nimewo {n}",
        pole="nimewo ki sou li a se {n}",
        size="anviwon {n} cm lajè",
        depth="anviwon {n} cm pwofondè",
        count="gen {n}",
        vague=("Menm bagay ak anvan", "li gate ankò", "yo poko ranje l!", "gade foto a"),
    ),
    "tl": Tongue(
        beside=(
            *("katabi ng panaderya", "sa tapat ng gate ng paaralan", "sa labas ng botika", "sa tapat ng simbahan"),
            *("malapit sa palaruan", "katabi ng gasolinahan", "sa harap ng labahan", "malapit sa bangko"),
            *("malapit sa hardware", "sa tapat ng hotel", "katabi ng barberya", "malapit sa kindergarten"),
        ),
        sides=("sa hilagang bahagi", "sa timog na bahagi", "sa silangang bahagi", "sa kanlurang bahagi"),
        colours=(
            "kulay pula",
            "kulay asul",
            "kulay berde",
            "kulay puti",
            "kulay itim",
            "kulay pilak",
            "kulay dilaw",
            "kulay kahel",
        ),
        days=(
            "mula Lunes",
            "mula Martes",
            "mula Miyerkules",
            "mula Huwebes",
            "mula Biyernes",
            "mula Sabado",
            "mula Linggo",
        ),
        stop="sa bus stop {n}",
        house="sa harap ng numero {n}",
        pole="ang nakasulat na numero ay {n}",
        size="mga {n} cm ang lapad",
        depth="mga {n} cm ang lalim",
        count="{n} po lahat",
        vague=("Katulad ng dati", "sira na naman", "hindi pa rin naaayos!", "tingnan ang litrato"),
    ),
    "ko": Tongue(
        beside=(
            *("빵집 옆이에요", "학교 정문 앞이에요", "약국 앞이에요", "교회 맞은편이에요", "놀이터 옆이에요"),
            *("주유소 옆이에요", "빨래방 앞이에요", "은행 근처예요", "철물점 옆이에요", "호텔 맞은편이에요"),
            *("미용실 옆이에요", "유치원 옆이에요"),
        ),
        sides=("북쪽이에요", "남쪽이에요", "동쪽이에요", "서쪽이에요"),
        colours=("빨간색", "파란색", "초록색", "흰색", "검은색", "은색", "노란색", "주황색"),
        days=("월요일부터", "화요일부터", "수요일부터", "목요일부터", "금요일부터", "토요일부터", "일요일부터"),
        stop="버스 정류장 {n}번이에요",
        house="{n}번지 앞이에요",
        pole="번호는 {n}입니다",
        size="폭이 {n}cm쯤 돼요",
        depth="깊이가 {n}cm쯤 돼요",
        count="모두 {n}개예요",
        vague=("지난번과 같아요", "또 고장 났어요", "아직도 그대로예요!", "사진 참고"),
    ),
}
"""By language; a report in a language that is not here tells numbers and addresses only."""


def told(tongue: Tongue, kind: Kind, value: int | str) -> str:
    """Say a particular in a language: `value` is a number or an id, and for tables the place in them."""
    tables: dict[Kind, tuple[str, ...]] = {
        "beside": tongue.beside,
        "side": tongue.sides,
        "colour": tongue.colours,
        "since": tongue.days,
    }
    if kind in tables:
        return tables[kind][int(value)]
    return str(getattr(tongue, kind)).replace("{n}", str(value))
