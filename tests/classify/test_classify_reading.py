import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classify.reading.entities import MOST, entities
from services.classify.reading.intent import IntentRules
from services.classify.reading.sentiment import SentimentWords
from services.classify.reading.words import NEAR, Lexicon, Patterns, Phrases, fold, has_letters

RULES, SENTIMENT = IntentRules(), SentimentWords()


def named(text: str) -> list[tuple[str, str]]:
    return [(entity.kind, entity.text) for entity in entities(text, fold(text))]


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("Señor  Ibáñez, ¿dónde?", "senor ibanez donde "),
        ("STRASSE / Straße", "strasse strasse "),
        ("l'eau", "l eau "),
        ("\uff46\uff55\uff4c\uff4c width_and-dash", "full width and dash "),
        ("", " "),
        ("🚧", " "),
    ],
)
def test_texts_fold_to_words_without_case_accents_and_punctuation(text: str, joined: str) -> None:
    assert fold(text).joined == joined


@pytest.mark.parametrize(
    ("text", "there"), [("a", True), ("12 ы", True), ("路", True), ("12:30 🚧 !", False), ("", False)]
)
def test_letters_of_any_script_are_letters(text: str, there: bool) -> None:  # noqa: FBT001
    assert has_letters(text) is there


def test_phrases_are_found_at_the_beginning_of_words_in_the_order_of_the_text() -> None:
    phrases = Phrases(["gas leak", "fire", "불꽃", "冒火", "Étincelle", "…"])
    text = "Étincelles und FIREWORK: gas  leaking, campfire, 불꽃이 보여요, 电线冒火了"
    assert phrases.found_in(fold(text)) == ("Étincelle", "fire", "gas leak", "불꽃", "冒火")


def test_whole_phrases_end_where_words_end() -> None:
    phrases = Phrases(["how do i", "fire"], whole=True)
    assert phrases.found_in(fold("fires and a firework")) == ()
    assert phrases.found_in(fold("a fire")) == ("fire",)
    assert phrases.begins(fold("How do I pay?"))
    assert not phrases.begins(fold("And how do I pay?"))
    assert not phrases.begins(fold(""))


def test_latin_phrases_of_three_letters_do_not_go_on() -> None:
    phrases = Phrases(["gas", "wire"])
    assert phrases.found_in(fold("gasoline and wires")) == ("wire",)
    assert Phrases(["wire"], also_whole=["no"]).found_in(fold("nobody says no to wires")) == ("no", "wire")


def test_letters_that_people_leave_without_stroke_or_dots_are_found_either_way() -> None:
    phrases = Phrases(["đường", "حفرة"])
    assert phrases.found_in(fold("duong co ho")) == ("đường",)
    assert phrases.found_in(fold("حفره")) == ("حفرة",)


def test_where_a_greeting_ends_is_where_the_rest_begins() -> None:
    greeting, asking = Phrases(["hello", "hello there", "你好"], whole=True), Phrases(["what", "几点"])
    for text, end in [("Hello there, what time?", len("hello there ")), ("你好几点", 2), ("what", 0), ("", 0)]:
        folded = fold(text)
        assert greeting.end(folded) == end
        assert asking.begins(folded, end) is (text != "")


def test_lists_of_one_lexicon_do_not_see_each_other() -> None:
    lexicon = Lexicon()
    first, second = Phrases(["pole"], lexicon=lexicon), Phrases(["pole", "wire"], lexicon=lexicon)
    text = fold("a wire on the pole")
    assert (first.found_in(text), second.found_in(text)) == (("pole",), ("wire", "pole"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A leak in the gas main", ("gas + leak",)),
        ("gas leaks, and a gas smell", ("gas + leak",)),
        ("gasoline leaks", ()),
        ("gas " + "x" * (NEAR - 4) + " leak", ()),
        ("gas " + "x" * (NEAR - 5) + " leak", ("gas + leak",)),
        ("有人闻到煤气的气味", ("煤气 + 味",)),
        ("煤气", ()),
        ("on fire", ("on fire",)),
        ("gas on the stairs, the smell of gas", ("smell of gas",)),
        ("the child near the open shaft fell", ("child + shaft + fell",)),
        ("the child near the open shaft sat", ()),
        ("", ()),
    ],
)
def test_patterns_are_words_near_each_other_in_any_order(text: str, found: tuple[str, ...]) -> None:
    patterns = Patterns(["gas + leak|smell", "煤气 + 味", "on fire", "smell of gas", "child + shaft + fell"])
    assert patterns.found_in(fold(text)) == found


@given(st.lists(st.sampled_from(["gas", "leak", "smell", "on", "fire", "x" * 30]), max_size=12))
def test_a_pattern_is_found_as_often_as_its_words_stand_near(words: list[str]) -> None:
    text = fold(" ".join(words))
    starts, place = [], 0
    for word in words:
        starts.append((place, word))
        place += len(word) + 1
    near = any(
        {one, other} in ({"gas", "leak"}, {"gas", "smell"}) and abs(there - here) <= NEAR
        for here, one in starts
        for there, other in starts
    )
    assert bool(Patterns(["gas + leak|smell"]).found_in(text)) is near


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("There is a pothole on Elm Street", "report"),
        ("Can you please fix the pothole on Elm Street?", "report"),
        ("When is bulk trash picked up on Elm Street?", "question"),
        ("How do I report a barking dog?", "question"),
        ("¿Dónde puedo dejar los muebles viejos?", "question"),
        ("Wann ist die nächste Sperrmüllabfuhr?", "question"),
        ("请问什么时候收垃圾\uff1f", "question"),
        ("How do I live with this hole in the road. It is deep", "report"),
        ("Any update on the lamp that I reported in May?", "status"),
        ("Was ist aus meiner Meldung geworden", "status"),
        ("Thank you for fixing the lamp so fast", "feedback"),
        ("Merci pour votre travail", "feedback"),
        ("The lamp is out. Thank you for your help", "report"),
        ("test", "spam"),
        ("This is a TEST!", "spam"),
        ("Buy followers now www.example.com", "spam"),
        ("see https://a.example https://b.example https://c.example", "spam"),
        ("the lamp in this picture is out: https://pictures.example/7", "report"),
        ("", "report"),
    ],
)
def test_intent_is_report_unless_the_text_says_otherwise(text: str, intent: str) -> None:
    assert RULES.read(text, fold(text)) == intent


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Pothole at 12 North Mill Street near Dr. Oak", [("street", "12 North Mill Street")]),
        ("deep hole on elm street", [("street", "elm street")]),
        ("the left lane of the street is narrow, a one-way street", []),
        ("on the corner of Elm St. and Oak Ave", [("street", "Elm St"), ("street", "Oak Ave")]),
        ("I saw it. Mill Road is dark", [("street", "Mill Road")]),
        ("4th Avenue", [("street", "4th Avenue")]),
        ("Bache en la calle de la Paz 14, urge", [("street", "calle de la Paz 14")]),
        ("Lampe aus, Lindenstraße 12b und Am Marktplatz", [("street", "Lindenstraße 12b"), ("street", "Marktplatz")]),
        ("яма, улица Лесная 5", [("street", "улица Лесная 5")]),
        ("中山路12号有坑", [("street", "中山路12号")]),
        ("light pole # 417 out since 9:30 pm", [("asset", "pole # 417"), ("time", "9:30 pm")]),
        ("call [phone] after 6pm", [("contact", "[phone]"), ("time", "6pm")]),
        ("nothing to name", []),
        ("street", []),
    ],
)
def test_streets_assets_times_and_masked_contacts_are_named(text: str, found: list[tuple[str, str]]) -> None:
    assert named(text) == found


@given(
    st.text(max_size=300)
    | st.from_regex(r"(\d{1,3} |[A-Z][a-z]+ |street |rue |\[phone\] |9:30 ){0,30}", fullmatch=True)
)
def test_entities_are_few_and_say_where_they_stand(text: str) -> None:
    found = entities(text, fold(text))
    assert len(found) <= MOST
    assert all(text[entity.start : entity.end] == entity.text for entity in found)
    assert [entity.start for entity in found] == sorted(entity.start for entity in found)


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("the lamp is out", 0.0),
        ("thank you", 0.33),
        ("Unacceptable! This is a disgrace, worst street in town", -0.6),
        ("awful, please help", 0.0),
    ],
)
def test_sentiment_weighs_words_of_thanks_against_words_of_anger(text: str, tone: float) -> None:
    assert SENTIMENT.read(fold(text)) == tone
