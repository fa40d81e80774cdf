from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.city.load import load
from services.classify.serving.card import FILES, ModelError
from services.classify.serving.scorer import OnnxScorer
from services.classify.settings import ClassifySettings
from services.classify.training.examples import clean, digest, of_city
from services.classify.worker import build
from services.events import RequestClassified, RequestReceived
from services.parts import Report
from services.runtime.metrics import Metrics
from services.runtime.settings import SettingsError, Shared, read
from services.runtime.worker import Worker
from services.sandbox.storm import storm

ROOT = Path(__file__).parents[2]
CITY, MODELS = ROOT / "city", ROOT / "models"
SHARED = Shared(stormdrain_city_dir=CITY, stormdrain_models_dir=MODELS)
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def worker() -> Worker:
    return build(ClassifySettings(), SHARED)


def received(text: str, number: int = 0) -> RequestReceived:
    return RequestReceived(
        report=Report(request_id=f"r-{number}", channel="web", received_at=NOON, requested_at=NOON, text=text)
    )


def classified(worker: Worker, *texts: str) -> list[RequestClassified]:
    outcomes = worker.handler.handle([received(text, n) for n, text in enumerate(texts)])  # type: ignore[call-arg, arg-type]
    assert all(isinstance(outcome, RequestClassified) for outcome in outcomes)
    return [outcome for outcome in outcomes if isinstance(outcome, RequestClassified)]


def test_the_shipped_model_was_trained_on_the_present_phrases_of_the_shipped_city() -> None:
    learnt = OnnxScorer(MODELS / "shipped").card.data_sha256
    present = digest(clean(of_city(load(CITY))).examples)
    assert learnt == present, "categories.yaml has changed: stormdrain train --city city --out models/shipped"


def test_the_shipped_model_is_small_and_knows_every_category_of_the_shipped_city() -> None:
    assert sum((MODELS / "shipped" / name).stat().st_size for name in FILES) < 5_000_000
    assert set(OnnxScorer(MODELS / "shipped").labels.labels) == set(load(CITY).categories)


def test_the_shipped_card_promises_no_more_than_it_measured() -> None:
    card = OnnxScorer(MODELS / "shipped").card
    assert card.judged_by.startswith("phrases, not reports")
    assert card.top1 > 0.55
    assert card.released_precision is not None
    assert card.released_precision >= card.target_precision - 0.02
    assert card.calibration_error < 0.06


def test_the_worker_says_what_it_reads_and_writes_and_by_what(worker: Worker) -> None:
    assert (worker.name, worker.reads, worker.writes) == ("classify", (RequestReceived,), (RequestClassified,))
    version = OnnxScorer(MODELS / "shipped").version
    assert worker.versions == {"model": version, "city": load(CITY).version}
    (found,) = classified(worker, "the street lamp at the corner is out")
    assert found.classification.model == version


def test_what_was_said_and_how_sure_it_was_is_told_once_it_is_committed() -> None:
    metrics = Metrics("classify")
    worker = build(ClassifySettings(), SHARED, metrics)
    found = classified(worker, "The street light outside our house has been dark for a week")
    name, labels = "stormdrain_predictions_total", {"worker": "classify", "service_code": "street-light"}
    assert metrics.registry.get_sample_value(name, labels) is None
    assert worker.told is not None
    worker.told(found)
    assert metrics.registry.get_sample_value(name, labels) == 1
    released = str(found[0].classification.released).lower()
    name, labels = "stormdrain_prediction_confidence_ratio_sum", {"worker": "classify", "released": released}
    assert metrics.registry.get_sample_value(name, labels) == found[0].classification.confidence


@pytest.mark.parametrize(
    ("text", "code", "language"),
    [
        ("The street light outside our house has been dark for a week", "street-light", "en"),
        ("hay un bache muy hondo en la calle y casi se rompe la llanta de mi carro", "pothole", "es"),
        ("Es riecht stark nach Gas im ganzen Treppenhaus, bitte kommen Sie schnell", "gas-smell", "de"),
        ("Un arbre est tombé et bloque toute la rue devant l'école", "tree-down", "fr"),
        ("路灯坏了好几天晚上很黑", "street-light", "zh"),
    ],
)
def test_reports_in_the_citys_languages_are_understood(worker: Worker, text: str, code: str, language: str) -> None:
    (found,) = classified(worker, text)
    assert (found.classification.service_code, found.classification.language) == (code, language)


def test_a_gas_leak_is_flagged_whatever_else_is_said(worker: Worker) -> None:
    (found,) = classified(worker, "thanks for fixing the lamp, but there is a gas leak in the yard since 9 pm")
    assert found.classification.safety.flagged
    assert found.classification.safety.evidence == ("gas leak",)


def test_a_synthetic_storm_is_understood_and_what_is_released_is_right(worker: Worker) -> None:
    reports = list(storm(load(CITY), seed=3, count=600, start=NOON, spread_s=3600.0))
    found = classified(worker, *(report.text for report in reports))
    right = [
        said.classification.service_code == report.service_code_truth
        for said, report in zip(found, reports, strict=True)
    ]
    released = [said.classification.released for said in found]
    assert sum(right) / len(right) > 0.9
    assert sum(released) / len(released) > 0.3
    assert Counter(right[n] for n, yes in enumerate(released) if yes)[False] <= 0.05 * sum(released)
    assert Counter(said.classification.intent for said in found)["report"] > 0.98 * len(found)


def test_a_reports_answer_is_the_same_whatever_the_batch(worker: Worker) -> None:
    reports = list(storm(load(CITY), seed=4, count=120, start=NOON + timedelta(days=1), spread_s=60.0))
    texts = [report.text for report in reports]
    whole = [said.classification for said in classified(worker, *texts)]
    assert [classified(worker, text)[0].classification for text in texts] == whole
    halves = [*classified(worker, *texts[:50]), *classified(worker, *texts[50:])]
    assert [said.classification for said in halves] == whole


def test_a_model_of_other_categories_does_not_start(small_model: Path) -> None:
    with pytest.raises(ModelError, match="it knows 2 categories that the city does not have: gas, no-such"):
        build(ClassifySettings(model_dir=_renamed(small_model)), SHARED)


def _renamed(model: Path) -> Path:
    from classify_phrases import history  # noqa: PLC0415 - only here

    from services.classify.training.examples import Example  # noqa: PLC0415
    from services.classify.training.train import train  # noqa: PLC0415

    strange = [
        Example(text=each.text, label="no-such" if each.label == "sidewalk" else each.label) for each in history(1)
    ]
    train(strange, families={}, out=model.parent / "strange", source="phrases")
    return model.parent / "strange"


def test_settings_are_read_from_the_environment_with_all_faults_at_once() -> None:
    found = read(ClassifySettings, {"CLASSIFY_MODEL_DIR": "elsewhere", "CLASSIFY_MAX_TOKENS": "64"}, "classify")
    assert (found.model_dir, found.max_tokens, found.batch_size) == (Path("elsewhere"), 64, 2000)
    with pytest.raises(SettingsError) as error:
        read(ClassifySettings, {"CLASSIFY_MAX_TOKENS": "many", "CLASSIFY_BATCH_SIZE": "0"}, "classify")
    assert str(error.value) == (
        "classify cannot start: 2 settings are wrong\n"
        "  CLASSIFY_MAX_TOKENS='many': expected a whole number from 16 to 512\n"
        "  CLASSIFY_BATCH_SIZE='0': expected a whole number from 1 to 20000"
    )
