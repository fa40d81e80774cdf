"""Wiring of `classify`."""

from services.city.load import load
from services.classify.adapters import Langid, OnnxScorer, model_directory
from services.classify.core import Classifier
from services.classify.settings import ClassifySettings
from services.events import RequestClassified, RequestReceived
from services.runtime.settings import Shared
from services.runtime.worker import Worker


def build(settings: ClassifySettings, shared: Shared) -> Worker:
    """Give the worker that classifies by the city's own model, else by the shipped one.

    Raises:
        ModelError: the model cannot be served, or knows categories that the city does not have.

    """
    city = load(shared.city_dir)
    directory = model_directory(settings.model_dir, shared.city_dir, shared.models_dir)
    scorer = OnnxScorer(directory, max_tokens=settings.max_tokens)
    scorer.must_know_only(city.categories)
    return Worker(
        name="classify",
        reads=(RequestReceived,),
        writes=(RequestClassified,),
        handler=Classifier(city, scorer, Langid(city.languages), scorer.labels.thresholds, scorer.version),
        batch_size=settings.batch_size,
        versions={"model": scorer.version, "city": city.version},
    )
