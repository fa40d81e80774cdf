import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from classify_phrases import FAMILIES, PHRASES, town
from hypothesis import given
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from services.classify.adapters import COMMON_LANGUAGES, LANGUAGE_SIGNS, Langid, model_directory
from services.classify.serving.bags import CELLS, Pairs, bags
from services.classify.serving.card import CARD, FILES, LABELS, MODEL, PAIRS, TOKENIZER, ModelError
from services.classify.serving.scorer import OnnxScorer

HOSTILE = [
    "",
    " ",
    "\0",
    "\0\0pothole\0",
    "pothole",
    "🕳️🚗💥👨‍👩‍👧‍👦",
    "a" * 100_000,
    "pothole " * 12_500,
    "яма pothole 坑 حفرة 포트홀 bache",
    "\u202egnirts desrever\u202c \ufeff\u200b",
    "\ud800 lone \udfff surrogates",
    "e" + "\u0301" * 500,
    "\U0010ffff\U000e0001",
    "ﷺ" * 4000,
    "[UNK] [PAD] ##hole <s>",
    "<script>alert(1)</script> '; drop table reports; --",
]


def copy(model: Path, to: Path) -> Path:
    shutil.copytree(model, to)
    return to


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_gets_shares_that_add_up_to_one(scorer: OnnxScorer, text: str) -> None:
    (shares,), (known,) = scorer.shares([text])
    assert np.isfinite(shares).all()
    assert shares.sum() == pytest.approx(1.0, abs=1e-5)
    assert known >= 0
    (opinion,) = scorer.score([text])
    assert [share for _, share in opinion.best] == sorted((share for _, share in opinion.best), reverse=True)


def test_what_is_learnt_is_known_again_in_every_script(scorer: OnnxScorer) -> None:
    found = {phrase: scorer.score([phrase])[0].best[0][0] for phrases in PHRASES.values() for phrase in phrases}
    assert found == {phrase: code for code, phrases in PHRASES.items() for phrase in phrases}


def test_words_never_seen_are_read_by_their_parts(scorer: OnnxScorer) -> None:
    best = [opinion.best[0][0] for opinion in scorer.score(["Straßenlaternenmast", "gaslike smells", "Gehwegplatten"])]
    assert best == ["street-light", "gas", "sidewalk"]


def test_a_text_without_known_tokens_says_so(scorer: OnnxScorer) -> None:
    assert [opinion.known > 0 for opinion in scorer.score(["", "ꙮꙮꙮ", "pothole", "🚧"])] == [False, False, True, False]


def test_no_texts_have_no_opinions(scorer: OnnxScorer) -> None:
    assert scorer.score([]) == []


words = st.sampled_from(" ".join(phrase for phrases in PHRASES.values() for phrase in phrases).split())
texts = st.lists(words | st.text(max_size=8), max_size=60).map(" ".join)


@given(text=texts, before=st.lists(texts, max_size=40), after=st.lists(texts, max_size=40))
def test_a_texts_answer_is_the_same_to_the_last_bit_alone_and_in_any_company(
    scorer: OnnxScorer, text: str, before: list[str], after: list[str]
) -> None:
    alone, _ = scorer.shares([text])
    among, _ = scorer.shares([*before, text, *after])
    assert alone[0].tobytes() == among[len(before)].tobytes()


def test_a_batch_larger_than_one_run_of_the_session_is_answered_in_order(scorer: OnnxScorer) -> None:
    some = [phrase for phrases in PHRASES.values() for phrase in phrases]
    many = some * (CELLS // 16 // len(some) + 2)
    alone = {text: scorer.score([text])[0] for text in some}
    assert scorer.score(many) == [alone[text] for text in many]


def test_a_long_text_is_cut_where_the_operator_says(small_model: Path) -> None:
    text = "gas " * 30 + "pothole"
    (short,), (long,) = (OnnxScorer(small_model, max_tokens=most).score([text]) for most in (20, 384))
    assert short != long
    assert short.known < long.known


def test_the_same_token_twice_weighs_more_but_not_twice_as_much() -> None:
    pairs = Pairs(tokens=10, keys=np.array([3 * 10 + 4], dtype=np.int64))
    found = bags([[3, 4, 3, 0, 4], [], [4, 3]], pairs)
    assert found.rows.tolist() == [0, 0, 0, 2, 2]
    assert found.ids.tolist() == [3, 4, 10, 3, 4]
    assert found.weights.tolist() == pytest.approx([1.6931472, 1.6931472, 1.0, 1.0, 1.0])
    assert found.sizes.tolist() == [3, 0, 2]


def test_a_pair_is_of_one_text_not_of_two() -> None:
    pairs = Pairs(tokens=10, keys=np.array([3 * 10 + 4], dtype=np.int64))
    assert bags([[3], [4]], pairs).ids.tolist() == [3, 4]


def test_serving_takes_one_thread_and_no_environment_of_the_operators(scorer: OnnxScorer) -> None:
    options = scorer._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        OnnxScorer(tmp_path)
    assert str(error.value) == (
        f"classify cannot serve the model in {tmp_path}: there is no card.json; "
        f"train one: stormdrain train --city city --out {tmp_path}"
    )


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_the_one_on_the_card_is_refused(small_model: Path, tmp_path: Path, name: str) -> None:
    directory = copy(small_model, tmp_path / "model")
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError) as error:
        OnnxScorer(directory)
    assert str(error.value) == (
        f"classify cannot serve the model in {directory}: {name} is not the file that card.json tells of; "
        "train the model again"
    )


def test_all_missing_files_are_named_at_once(small_model: Path, tmp_path: Path) -> None:
    directory = copy(small_model, tmp_path / "model")
    (directory / MODEL).unlink()
    (directory / PAIRS).unlink()
    with pytest.raises(ModelError, match=r": there is no model\.onnx, there is no pairs\.npy; train the model again$"):
        OnnxScorer(directory)


def test_a_card_of_another_kind_or_format_is_refused(small_model: Path, tmp_path: Path) -> None:
    directory = copy(small_model, tmp_path / "model")
    card = json.loads((directory / CARD).read_bytes())
    (directory / CARD).write_text(json.dumps(card | {"format": 1}))
    with pytest.raises(ModelError, match=r": card\.json is of format 1, expected 2; train the model again$"):
        OnnxScorer(directory)
    (directory / CARD).write_text("{}")
    with pytest.raises(ModelError, match=r": card\.json is not a model's card \(Object missing required field "):
        OnnxScorer(directory)


@pytest.mark.parametrize("name", [LABELS, MODEL, TOKENIZER, PAIRS])
def test_a_file_that_no_library_reads_is_refused_although_the_card_names_it(
    small_model: Path, tmp_path: Path, name: str
) -> None:
    import hashlib  # noqa: PLC0415 - only here

    directory = copy(small_model, tmp_path / "model")
    (directory / name).write_bytes(b"no such thing")
    card = json.loads((directory / CARD).read_bytes())
    card["files"][name] = hashlib.sha256(b"no such thing").hexdigest()
    (directory / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r": its files cannot be read \(.+\); train the model again$"):
        OnnxScorer(directory)


def test_a_model_of_other_categories_than_the_citys_is_refused(scorer: OnnxScorer, small_model: Path) -> None:
    scorer.must_know_only(town().categories)
    with pytest.raises(ModelError) as error:
        scorer.must_know_only({"pothole", "gas", "noise"})
    assert str(error.value) == (
        f"classify cannot serve the model in {small_model}: it knows 2 categories that the city does not have: "
        "sidewalk, street-light; train it on the city's categories, or name them in categories.yaml"
    )


def test_the_citys_own_model_goes_before_the_shipped_one(tmp_path: Path) -> None:
    city, models, chosen = tmp_path / "city", tmp_path / "models", tmp_path / "chosen"
    assert model_directory(None, city, models) == models / "shipped"
    (city / "model").mkdir(parents=True)
    assert model_directory(None, city, models) == city / "model"
    assert model_directory(chosen, city, models) == chosen


def test_labels_carry_their_families_and_thresholds(scorer: OnnxScorer) -> None:
    assert scorer.labels.families == FAMILIES
    assert scorer.labels.labels == tuple(sorted(FAMILIES))
    assert scorer.labels.thresholds.keys() == FAMILIES.keys()
    assert scorer.version == f"small-{scorer.card.fingerprint[:12]}"


LANGUAGES = {
    "en": "There is a big hole in the road in front of the school and cars swerve",
    "es": "Hay un hoyo muy grande en la calle frente a la escuela y los carros lo esquivan",
    "fr": "Il y a un gros trou dans la rue devant l'école et les voitures font un écart",
    "de": "Vor der Schule ist ein großes Loch in der Straße, Autos weichen aus",
    "pt": "Há um buraco muito grande na rua em frente da escola e os carros desviam",
    "vi": "Có một cái hố lớn trên đường trước cổng trường, xe cộ phải tránh",
    "ru": "Перед школой большая яма на дороге, машины её объезжают",
    "zh": "学校门口的马路上有一个大坑车辆都要绕行",
    "ar": "توجد حفرة كبيرة في الشارع أمام المدرسة والسيارات تتجنبها",
    "ko": "학교 앞 도로에 큰 구멍이 있어서 차들이 피해 갑니다",
}


def test_languages_are_told_apart_and_a_text_without_letters_is_in_none() -> None:
    langid = Langid(["en", "es", "fr", "de", "pt", "zh-Hans", "vi", "ar", "ru", "ht", "tl", "ko"])
    tongues = langid.tongues([*LANGUAGES.values(), "", "123 🚧"])
    assert [tongue.language for tongue in tongues[:-2]] == list(LANGUAGES)
    assert all(tongue.confidence > 0.8 for tongue in tongues[:-2])
    assert all(tongue.confidence < 0.5 for tongue in tongues[-2:])


def test_a_citys_own_language_is_told_though_it_is_not_a_common_one() -> None:
    text = "Tá poll mór ar an mbóthar os comhair na scoile agus tá sé contúirteach"
    assert Langid(["ga"]).tongues([text])[0].language == "ga"
    assert Langid(["en"]).tongues([text])[0].language != "ga"


def test_languages_are_told_as_py3langid_tells_them_whatever_else_is_in_the_batch() -> None:
    known = ["de", "en", "es", "fr", "pt", "sr", "zh"]
    texts = [*LANGUAGES.values(), *(text[:9] for text in LANGUAGES.values())]
    texts += ["", "?", "ALLES GROSS", "a\ud800b", "Њ" * 300]
    theirs = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    theirs.set_languages(sorted({*known, *COMMON_LANGUAGES.split()} & set(theirs.labels)))
    langid = Langid(known)

    together = langid.tongues(texts)

    for text, tongue in zip(texts, together, strict=True):
        language, share = theirs.classify(text[:LANGUAGE_SIGNS])
        assert tongue.language == language
        assert tongue.confidence == pytest.approx(share, abs=1e-5)
    assert together == [tongue for text in texts for tongue in langid.tongues([text])]
    assert langid.tongues([]) == []
