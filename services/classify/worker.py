"""Wiring of `classify`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from services.city.load import load
from services.classify.adapters import Langid, model_directory
from services.classify.core import Classifier
from services.classify.serving.drift import Drift, Observed
from services.classify.serving.scorer import OnnxScorer
from services.classify.serving.shelf import Shelf
from services.classify.settings import ClassifySettings
from services.events import Event, RequestClassified, RequestReceived
from services.runtime.metrics import Metrics
from services.runtime.settings import Shared
from services.runtime.worker import Worker


def build(settings: ClassifySettings, shared: Shared, metrics: Metrics | None = None) -> Worker:
    """Give the worker that classifies by the city's own model, else by the shipped one.

    Raises:
        ModelError: the model cannot be served, or knows categories that the city does not have.

    """
    city = load(shared.city_dir)
    own_metrics = metrics or Metrics("classify")

    def read(directory: Path) -> OnnxScorer:
        scorer = OnnxScorer(directory, max_tokens=settings.max_tokens)
        scorer.must_know_only(city.categories)
        return scorer

    def looked_at(model: OnnxScorer | None) -> None:
        own_metrics.model_reloads.of("refused" if model is None else "served").inc()
        if model is not None:
            own_metrics.now(model=model.version)

    def told(outputs: Sequence[Event]) -> None:
        said = [event.classification for event in outputs if isinstance(event, RequestClassified)]
        for service_code, number in Counter(each.service_code for each in said).items():
            own_metrics.predictions.of(service_code).inc(number)
        for each in said:
            own_metrics.prediction_confidence.of(str(each.released).lower()).observe(each.confidence)

    def drifted(found: Drift) -> None:
        own_metrics.prediction_stability.set(found.stability)
        own_metrics.prediction_drift.of("confidence").set(found.confidence)
        own_metrics.prediction_drift.of("unknown_tokens").set(found.unknown)

    shelf = Shelf(
        lambda: model_directory(settings.model_dir, shared.city_dir, shared.models_dir),
        read,
        looked_at,
        every_s=settings.model_look_s,
    )
    return Worker(
        name="classify",
        reads=(RequestReceived,),
        writes=(RequestClassified,),
        handler=Classifier(city, Observed(shelf, drifted), Langid(city.languages)),
        batch_size=settings.batch_size,
        told=told,
        versions={"model": shelf.current().version, "city": city.version},
        close=shelf.close,
    )
