"""Invented phrases of an invented town, few enough to learn from in a second."""

from datetime import UTC, datetime, timedelta

from services.city.model import Category, City, Family, Policy
from services.classify.training.examples import Example

FAMILIES = {"pothole": "roads", "sidewalk": "roads", "street-light": "lighting", "gas": "hazards"}
PHRASES = {
    "pothole": (
        "deep pothole in the left lane",
        "a pothole swallowed my front wheel",
        "potholes all along the hill",
        "the road has a hole the size of a bucket",
        "asphalt is gone, big hole by the bridge",
        "ein tiefes Schlagloch auf der Fahrbahn",
        "Schlagloch vor der Schule",
        "hay un bache enorme en la calle",
        "马路上有个大坑",
        "яма на дороге возле моста",
    ),
    "sidewalk": (
        "sidewalk slab is broken and lifted",
        "cracked sidewalk, my aunt tripped",
        "the curb is crumbling at the crossing",
        "sidewalk blocked by roots",
        "uneven pavement stones on the footway",
        "der Gehweg ist kaputt und uneben",
        "Gehwegplatte steht hoch",
        "la acera está rota",
        "人行道的砖松了",
        "тротуар разбит возле школы",
    ),
    "street-light": (
        "street light is out since Monday",
        "the lamp in front of number nine flickers",
        "dark corner, light pole does not work",
        "streetlamp burns all day",
        "three street lights out on the hill",
        "die Straßenlaterne ist ausgefallen",
        "Laterne flackert die ganze Nacht",
        "la farola no funciona",
        "路灯坏了不亮",
        "фонарь не горит во дворе",
    ),
    "gas": (
        "strong smell of gas near the school",
        "it smells like gas in the basement",
        "gas leak at the corner",
        "hissing pipe and gas smell",
        "I smell gas outside the bakery",
        "starker Gasgeruch im Hausflur",
        "es riecht nach Gas",
        "huele a gas en la escalera",
        "楼道里有煤气味",
        "пахнет газом в подъезде",
    ),
}
SAFETY_WORDS = {"en": ("smell of gas", "gas leak"), "de": ("Gasgeruch",), "zh": ("煤气味",), "ru": ("пахнет газом",)}
FIRST = datetime(2024, 1, 1, 8, 0, tzinfo=UTC)


def town(*, min_confidence: float = 0.0, languages: tuple[str, ...] = ("en", "de", "es", "zh", "ru")) -> City:
    """Give a town with the categories above, and `quiet`, of which no model knows."""
    categories = {
        code: Category(
            service_code=code,
            name=code.title(),
            family=family,
            examples={"en": PHRASES[code]},
            safety_words=SAFETY_WORDS if code == "gas" else {},
        )
        for code, family in FAMILIES.items()
    }
    categories["quiet"] = Category(service_code="quiet", name="Quiet", family="noise")
    return City(
        name="Fennmouth",
        jurisdiction_id="fennmouth.example",
        time_zone="Europe/London",
        languages=languages,
        extent=(-1.0, 51.0, 1.0, 53.0),
        categories=categories,
        families={name: Family(id=name) for name in {*FAMILIES.values(), "noise"}},
        departments={},
        systems={},
        rules=(),
        default_department="works",
        layers=(),
        policy=Policy(min_confidence=min_confidence),
        version="0" * 12,
    )


def history(times: int = 1, *, dated: bool = False) -> list[Example]:
    """Give every phrase `times` times, each time with other words behind it, a day after the one before if dated."""
    said = [
        (f"{phrase} {tail}".strip(), code)
        for tail in ("", "again", "since last week", "please help", "number four", "still")[:times]
        for number in range(10)
        for code, phrase in ((code, PHRASES[code][number]) for code in PHRASES)
    ]
    return [
        Example(text=text, label=code, created=FIRST + timedelta(days=day) if dated else None)
        for day, (text, code) in enumerate(said)
    ]
