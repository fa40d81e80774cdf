"""Wiring of `classify`."""

from collections import Counter
from collections.abc import Sequence

from services.city.load import load
from services.classify.adapters import Langid, OnnxScorer, model_directory
from services.classify.core import Classifier
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
    directory = model_directory(settings.model_dir, shared.city_dir, shared.models_dir)
    scorer = OnnxScorer(directory, max_tokens=settings.max_tokens)
    scorer.must_know_only(city.categories)
    own = metrics or Metrics("classify")

    def told(outputs: Sequence[Event]) -> None:
        said = [event.classification for event in outputs if isinstance(event, RequestClassified)]
        for service_code, number in Counter(each.service_code for each in said).items():
            own.predictions.of(service_code).inc(number)
        for each in said:
            own.prediction_confidence.of(str(each.released).lower()).observe(each.confidence)

    return Worker(
        name="classify",
        reads=(RequestReceived,),
        writes=(RequestClassified,),
        handler=Classifier(city, scorer, Langid(city.languages), scorer.labels.thresholds, scorer.version),
        batch_size=settings.batch_size,
        told=told,
        versions={"model": scorer.version, "city": city.version},
    )
