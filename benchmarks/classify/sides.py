"""The sides that live in this process: scikit-learn's pipeline, and our learners before they are mixed."""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from services.classify.serving.confidence import softmax
from services.classify.training.fit import LEARNERS, Fitted, fit
from services.classify.training.train import MOST_TOKENS
from services.classify.training.vocabulary import build

Shares = Callable[[Sequence[str]], np.ndarray]
Learn = Callable[[Sequence[str], np.ndarray], Shares]


def tfidf(texts: Sequence[str], answers: np.ndarray) -> Shares:
    """Learn word and character TF-IDF and a logistic regression."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, strip_accents="unicode")
    signs = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(2, 5),
        sublinear_tf=True,
        min_df=2,
        max_features=200_000,
        strip_accents="unicode",
    )
    model = make_pipeline(make_union(words, signs), LogisticRegression(C=10.0, max_iter=100, tol=1e-3))
    model.fit(texts, answers)
    return lambda some: np.asarray(model.predict_proba(some))


def alone(categories: int) -> dict[str, Learn]:
    """Give each of our learners by its name; all learn at once, and the first who is asked learns for all."""
    fitted: list[Fitted] = []

    def learner(number: int) -> Learn:
        def learn(texts: Sequence[str], answers: np.ndarray) -> Shares:
            if not fitted:
                fitted.append(fit(build(texts, categories, MOST_TOKENS), texts, answers.tolist(), categories))
            return lambda some: softmax(fitted[0].scores(some)[:, number])

        return learn

    return {name: learner(number) for number, name in enumerate(LEARNERS)}
