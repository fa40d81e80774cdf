"""A new model is found, tried and swapped between batches; a bad one is refused, and the old one goes on."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from classify_phrases import FAMILIES, history

from services.classify.serving.card import CARD, LABELS, MODEL, ModelError
from services.classify.serving.scorer import OnnxScorer
from services.classify.serving.shelf import Shelf
from services.classify.settings import ClassifySettings
from services.classify.training.train import train
from services.classify.worker import build
from services.events import RequestClassified, RequestReceived
from services.parts import Report
from services.runtime.metrics import Metrics
from services.runtime.settings import Shared

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
SOON_S = 20.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "served"
    train(history(2), families=FAMILIES, out=directory, source="fewer of a test's phrases")
    return directory


@pytest.fixture
def served(small_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model, tmp_path / "served"))


class World:
    def __init__(self, directory: Path, every_s: float = 10.0) -> None:
        self.clock, self.heard = Clock(), list[str | None]()
        self.shelf = Shelf(
            lambda: directory,
            OnnxScorer,
            lambda model: self.heard.append(model.version if model else None),
            every_s=every_s,
            clock=self.clock,
        )

    def later(self) -> None:
        """Let it look, and see it through."""
        self.clock.now += 11.0
        self.shelf.current()
        until(lambda: self.shelf.current() and self.shelf._reading is None)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def world(served: Path) -> Iterator[World]:
    made = World(served)
    yield made
    made.shelf.close()


def put(model: Path, at: Path) -> None:
    """Write another model over one, as `stormdrain train` does: the card goes first and comes last."""
    (at / CARD).unlink(missing_ok=True)
    for path in model.iterdir():
        if path.name != CARD:
            shutil.copy(path, at)
    shutil.copy(model / CARD, at / f".{CARD}")
    (at / f".{CARD}").replace(at / CARD)


def test_a_new_model_is_served_once_it_has_been_read(world: World, served: Path, other_model: Path) -> None:
    old = world.shelf.current()
    put(other_model, served)
    assert world.shelf.current() is old  # not looked for yet
    world.later()
    new = world.shelf.current()
    assert new.version == OnnxScorer(other_model).version != old.version
    assert world.heard == [new.version]


def test_nothing_new_is_not_read_again(world: World) -> None:
    old = world.shelf.current()
    world.later()
    assert world.shelf.current() is old
    assert world.heard == []


@pytest.mark.parametrize("fault", ["a byte of the model", "a file gone", "no card's words", "other answers"])
def test_a_bad_one_is_refused_once_and_the_old_one_goes_on(
    world: World, served: Path, other_model: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    old = world.shelf.current()
    put(other_model, served)
    if fault == "a byte of the model":
        content = (served / MODEL).read_bytes()
        (served / MODEL).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif fault == "a file gone":
        (served / LABELS).unlink()
    elif fault == "no card's words":
        (served / CARD).write_text("{")
    else:
        card = json.loads((served / CARD).read_text())
        card["tried"][0]["share"] -= 0.2
        (served / CARD).write_text(json.dumps(card))
    world.later()
    assert world.shelf.current() is old
    world.later()
    assert world.heard == [None]
    assert f"classify cannot serve the model in {served}" in caplog.text
    assert f"{old.version} goes on" in caplog.text
    put(other_model, served)
    world.later()
    assert world.shelf.current().version == OnnxScorer(other_model).version


def test_while_a_model_is_being_written_there_is_nothing_to_refuse(
    world: World, served: Path, other_model: Path
) -> None:
    (served / CARD).unlink()
    (served / MODEL).write_bytes(b"half a mod")
    world.later()
    assert world.heard == []
    put(other_model, served)
    world.later()
    assert len(world.heard) == 1


def test_an_operator_may_have_none_looked_for(served: Path, other_model: Path) -> None:
    world = World(served, every_s=0.0)
    old = world.shelf.current()
    put(other_model, served)
    world.later()
    assert world.shelf.current() is old


def test_a_model_that_answers_otherwise_than_where_it_was_made_is_not_served(small_model: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(small_model, tmp_path / "model"))
    card = json.loads((directory / CARD).read_text())
    assert card["tried"][0]["text"] == card["tried"][0]["text"].replace("-", " ")
    card["tried"][0]["share"] = 0.01
    (directory / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"and said \S+ \(0.01\) when it was made; train it again with these"):
        OnnxScorer(directory)


def test_the_worker_swaps_models_between_batches_and_says_so(tmp_path: Path) -> None:
    directory = Path(shutil.copytree(ROOT / "models" / "shipped", tmp_path / "model"))
    metrics = Metrics("classify")
    shared = Shared(stormdrain_city_dir=ROOT / "city", stormdrain_models_dir=ROOT / "models")
    worker = build(ClassifySettings(model_dir=directory, model_look_s=0.001), shared, metrics)
    metrics.info(slot="classify-0", versions=worker.versions)
    report = Report(request_id="r", channel="web", received_at=NOON, requested_at=NOON, text="street light is out")

    def model() -> str:
        (found,) = worker.handler.handle([RequestReceived(report=report)])  # type: ignore[call-arg, arg-type]
        assert isinstance(found, RequestClassified)
        return found.classification.model

    first = model()
    assert first == worker.versions["model"]
    labels = json.loads((directory / LABELS).read_text())
    labels["thresholds"] = dict.fromkeys(labels["thresholds"])
    new = tmp_path / "new"
    shutil.copytree(directory, new)
    (new / LABELS).write_text(json.dumps(labels))
    card = json.loads((new / CARD).read_text())
    import hashlib  # noqa: PLC0415 - only here

    card["files"][LABELS] = hashlib.sha256((new / LABELS).read_bytes()).hexdigest()
    (new / CARD).write_text(json.dumps(card))
    put(new, directory)
    until(lambda: model() != first)
    sample = metrics.registry.get_sample_value
    assert sample("stormdrain_model_reloads_total", {"worker": "classify", "result": "served"}) == 1
    said = {"worker": "classify", "slot": "classify-0", "model": model()}
    info = [s for family in metrics.registry.collect() for s in family.samples if s.name == "stormdrain_worker_info"]
    assert [each.labels | said == each.labels for each in info] == [True]
    assert worker.close is not None
    worker.close()
