from importlib.util import find_spec
from pathlib import Path

import pytest
from classify_phrases import FAMILIES, history

from services.classify.serving.scorer import OnnxScorer
from services.classify.training.train import train


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "small"
    train(history(3), families=FAMILIES, out=directory, source="a test's phrases")
    return directory


@pytest.fixture(scope="session")
def scorer(small_model: Path) -> OnnxScorer:
    return OnnxScorer(small_model)


collect_ignore = [] if find_spec("torch") else ["test_classify_deep.py"]


def pytest_report_header() -> list[str]:
    return ["left out for want of torch: tests/classify/test_classify_deep.py"] if collect_ignore else []
