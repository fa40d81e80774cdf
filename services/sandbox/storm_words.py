"""What people wrap around a complaint, by language: a greeting, where it is, since when, and how to reach them.

A language that is not here gets the bare phrase. Placeholders: `{place}` an address, `{phone}`, `{email}`.
"""

# ruff: noqa: RUF001 - these are the letters of the languages

from collections.abc import Sequence
from random import Random

from msgspec import Struct

MAIN_LANGUAGE = 0.65
"""The share of reports in the town's main language."""


class Words(Struct, frozen=True, kw_only=True):
    """Turns of phrase of one language. `typos`: whether letters may be dropped and swapped in it."""

    openings: tuple[str, ...]
    places: tuple[str, ...]
    closings: tuple[str, ...]
    contacts: tuple[str, ...]
    typos: bool = True


WORDS: dict[str, Words] = {
    "en": Words(
        openings=("Hi, ", "Hello, ", "Please help: ", "Urgent! ", "Reporting this again: ", "FYI ", "Good morning, "),
        places=(" at {place}", " near {place}", ", {place}", " in front of {place}", ". It is by {place}"),
        closings=(
            ". Please fix this",
            ". Thank you",
            ". It has been like this since yesterday",
            ", somebody will get hurt",
            ". Second time I report it",
            "!!",
        ),
        contacts=(". Call me at {phone}", ". My email is {email}", ", you can text {phone}"),
    ),
    "es": Words(
        openings=("Hola, ", "Buenos días, ", "Por favor ayuda: ", "Urgente: "),
        places=(" en {place}", " cerca de {place}", ", {place}", " frente a {place}"),
        closings=(". Gracias", ". Por favor arréglenlo", ", está así desde ayer", ". Alguien se va a lastimar"),
        contacts=(". Mi teléfono es {phone}", ". Mi correo es {email}"),
    ),
    "fr": Words(
        openings=("Bonjour, ", "Bonsoir, ", "Urgent : ", "À l'aide, "),
        places=(" près de {place}", ", {place}", " devant {place}"),
        closings=(". Merci", ". Merci d'intervenir", ", c'est comme ça depuis hier", ". Quelqu'un va se blesser"),
        contacts=(". Mon numéro est le {phone}", ". Mon adresse est {email}"),
    ),
    "de": Words(
        openings=("Hallo, ", "Guten Tag, ", "Dringend: ", "Schon wieder: "),
        places=(" bei {place}", ", {place}", " vor {place}"),
        closings=(". Danke", ". Bitte beheben", ", ist seit gestern so", ". Da passiert noch was"),
        contacts=(". Meine Telefonnummer ist {phone}", ". E-Mail {email}"),
    ),
    "pt": Words(
        openings=("Oi, ", "Bom dia, ", "Urgente: ", "Por favor, "),
        places=(" em {place}", " perto de {place}", ", {place}"),
        closings=(". Obrigado", ". Por favor consertem", ", está assim desde ontem"),
        contacts=(". Meu telefone é {phone}", ". Meu email é {email}"),
    ),
    "zh": Words(
        openings=("你好，", "您好，", "紧急！", "请帮忙，"),
        places=("，地址是{place}", "，在{place}附近", "（{place}）"),
        closings=("，谢谢", "，请尽快处理", "，从昨天就这样了"),
        contacts=("，我的电话是 {phone}", "，邮箱 {email}"),
        typos=False,
    ),
    "vi": Words(
        openings=("Chào, ", "Xin chào, ", "Khẩn cấp: ", "Làm ơn giúp: "),
        places=(" ở {place}", " gần {place}", ", {place}"),
        closings=(". Cảm ơn", ". Xin sửa sớm", ", từ hôm qua đến giờ"),
        contacts=(". Điện thoại của tôi {phone}", ". Email {email}"),
        typos=False,
    ),
    "ar": Words(
        openings=("مرحبا، ", "السلام عليكم، ", "عاجل: "),
        places=(" في {place}", " قرب {place}", "، {place}"),
        closings=("، شكرا", "، نرجو الإصلاح", "، الوضع هكذا منذ أمس"),
        contacts=("، هاتفي {phone}", "، بريدي {email}"),
        typos=False,
    ),
    "ru": Words(
        openings=("Здравствуйте, ", "Добрый день, ", "Срочно! ", "Помогите, "),
        places=(" на {place}", " возле {place}", ", {place}"),
        closings=(". Спасибо", ". Примите меры", ", так со вчерашнего дня"),
        contacts=(". Мой телефон {phone}", ". Моя почта {email}"),
    ),
    "ht": Words(
        openings=("Bonjou, ", "Bonswa, ", "Ijan: ", "Tanpri ede m: "),
        places=(" nan {place}", " toupre {place}", ", {place}"),
        closings=(". Mèsi", ". Tanpri vin ranje l", ", li konsa depi yè"),
        contacts=(". Nimewo mwen se {phone}", ". Imèl mwen se {email}"),
    ),
    "tl": Words(
        openings=("Magandang araw po, ", "Hello po, ", "Paki-aksyunan po: ", "Urgent po: "),
        places=(" sa {place}", " malapit sa {place}", ", {place}"),
        closings=(". Salamat po", ". Pakiayos po agad", ", kahapon pa ganito"),
        contacts=(". Ang number ko po ay {phone}", ". Email ko po {email}"),
    ),
    "ko": Words(
        openings=("안녕하세요, ", "급합니다! ", "신고합니다. "),
        places=(" 위치는 {place}", " ({place} 근처)", ", {place}"),
        closings=(". 감사합니다", ". 빨리 처리해 주세요", ". 어제부터 이래요"),
        contacts=(". 제 전화번호는 {phone}", ". 이메일 {email}"),
        typos=False,
    ),
}
BARE = Words(openings=("",), places=(" {place}",), closings=("",), contacts=(" {phone}",), typos=False)


def spoken(languages: Sequence[str], luck: Random) -> str:
    """Give the language of one report: mostly the first, and of the others mostly those that stand first."""
    if len(languages) == 1 or luck.random() < MAIN_LANGUAGE:
        return languages[0]
    rank = int(luck.random() ** 1.7 * (len(languages) - 1))
    return languages[1 + rank]


def fakes(number: int, luck: Random) -> tuple[str, str]:
    """Give a phone and an e-mail that are nobody's; only a hundred phones are."""
    return f"202-555-01{luck.randrange(100):02d}", f"resident{number}@example.org"


def typo(text: str, luck: Random) -> str:
    """Drop, double or swap a letter inside a word; short words are left alone."""
    spots = [i for i in range(1, len(text) - 2) if text[i - 1 : i + 3].isalpha()]
    if not spots:
        return text
    spot = luck.choice(spots)
    kind = luck.randrange(3)
    if kind == 0:
        return text[:spot] + text[spot + 1 :]
    if kind == 1:
        return text[:spot] + text[spot] + text[spot:]
    return text[:spot] + text[spot + 1] + text[spot] + text[spot + 2 :]
