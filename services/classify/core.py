"""What a report is about, how sure that is, and whether it may go on without a person.

- A text that the model can read: the likeliest category, released if as sure as the category needs, unless the citizen
  picked one of another family.
- A text that it cannot read (no words, none that it knows): what the citizen picked, else the likeliest; never
  released. One in a language that the city does not serve: the likeliest if it has words that the model knows; never
  released.
- No text: what the citizen picked, at `UNTESTED`; with pictures alone, what is likeliest of all; never released.
- Nothing but what it is the same as: what is likeliest of all; never released.
- Nothing at all is rejected: `no_text`.

The city's file says to which family a category belongs, so that the two never disagree.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

from services.city.model import Category, City
from services.classify.reading.entities import entities
from services.classify.reading.intent import IntentRules
from services.classify.reading.sentiment import SentimentWords
from services.classify.reading.urgency import UrgencyWords
from services.classify.reading.words import Folded, Lexicon, Patterns, fold, has_letters
from services.events import Event, RequestClassified, RequestReceived
from services.parts import Alternative, Classification, Report, Safety
from services.runtime.worker import Outcome, Rejected

UNTESTED = 0.5
"""Confidence in a category that a citizen picked and no text supports: people pick what is near at hand."""
FOREIGN = 0.8
"""How sure the language of a text must be for it to count as one that the city does not serve."""
TOLD = 0.5
"""Below it, a language is not told at all: `und`."""
FOREIGN_SIGNS = 24
"""A text shorter than this is in no language for sure."""
HAZARDS = "hazards"
"""The family of dangers to life: what is released into it is one, in whatever words it was told."""
UNINFLECTED = ("ht", "vi")
"""Languages whose words have no endings: without accents they are so short that others would begin with them."""


class Opinion(NamedTuple):
    """What the model makes of a text."""

    best: tuple[tuple[str, float], ...]
    """The likeliest categories with their shares, the winner first; three, or as many as there are."""
    known: int
    """How many different tokens and pairs of the text the model knows; 0: its opinion is what is common anyway."""
    unknown: float = 0.0
    """The share of its tokens that the model does not know, or in pieces alone."""


class Tongue(NamedTuple):
    """A language (ISO 639) and how sure it is."""

    language: str
    confidence: float


class Model(Protocol):
    """A model. One text's opinion does not depend on the others'."""

    @property
    def version(self) -> str:
        """Name the model, for whoever asks later which it was."""

    @property
    def thresholds(self) -> Mapping[str, float | None]:
        """Give what the confidence in each category must reach to be released; None: never."""

    def score(self, texts: Sequence[str]) -> Sequence[Opinion]:
        """Give an opinion of each text, in order."""


class Models(Protocol):
    """The model to serve now; another one may take its place between batches."""

    def current(self) -> Model:
        """Give the model for a batch."""


class Linguist(Protocol):
    """A language detector."""

    def tongues(self, texts: Sequence[str]) -> Sequence[Tongue]:
        """Give the language of each text, in order."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A category, how sure it is, and what keeps it from being released, in words; empty: nothing does."""

    best: tuple[tuple[str, float], ...]
    against: str = ""


def danger_words(categories: Iterable[Category], lexicon: Lexicon) -> Patterns:
    """Give what finds in a text that life may be in danger, by the safety words of all of a city's categories."""
    words = [spoken for category in categories for spoken in category.safety_words.items()]
    return Patterns(
        (each for language, some in words if language not in UNINFLECTED for each in some),
        also_whole=(each for language, some in words if language in UNINFLECTED for each in some),
        lexicon=lexicon,
    )


class Classifier:
    """Classifies reports for a city by the opinions of a model."""

    def __init__(self, city: City, models: Models, linguist: Linguist) -> None:
        self._categories, self._floor = city.categories, city.policy.min_confidence
        self._languages = frozenset(language.partition("-")[0].lower() for language in city.languages)
        self._models, self._linguist = models, linguist
        lexicon = Lexicon()
        self._danger = danger_words(city.categories.values(), lexicon)
        self._intent, self._sentiment, self._urgency = (
            IntentRules(lexicon),
            SentimentWords(lexicon),
            UrgencyWords(lexicon),
        )

    def handle(self, batch: Sequence[Event]) -> Sequence[Outcome]:
        """Give what each report is about; a report's answer does not depend on the rest of the batch."""
        reports = [cast("RequestReceived", event).report for event in batch]
        texts = [report.text for report in reports]
        model = self._models.current()
        said = zip(reports, model.score(texts), self._linguist.tongues(texts), strict=True)
        return [self._outcome(report, opinion, tongue, model) for report, opinion, tongue in said]

    def _outcome(self, report: Report, opinion: Opinion, tongue: Tongue, model: Model) -> Outcome:
        blank = not report.text.strip()
        empty = blank and not report.media_urls and not report.same_as
        if empty and report.service_code not in self._categories:
            return Rejected(
                "no_text", "the report has no text, no picture and no service_code of the city; send one of them"
            )
        folded = fold(report.text)
        verdict = self._verdict(report, folded, opinion, tongue)
        return RequestClassified(report=report, classification=self._say(report, folded, verdict, tongue, model))

    def _verdict(self, report: Report, folded: Folded, opinion: Opinion, tongue: Tongue) -> Verdict:
        picked = report.service_code if report.service_code in self._categories else ""
        own = ((picked, UNTESTED),) if picked else opinion.best
        if not folded.words:
            seen = "there are no words in it" if report.text.strip() else "there is no text"
            return Verdict(own, f"the citizen's own choice; {seen}" if picked else f"a guess; {seen}")
        readable = bool(opinion.known) and has_letters(report.text)
        if self._foreign(folded, tongue):
            return Verdict(opinion.best if readable else own, f"language not supported: {tongue.language}")
        if not readable:
            return Verdict(own, "there is no word in it that the model knows")
        winner = opinion.best[0][0]
        if picked and self._categories[picked].family != self._categories[winner].family:
            return Verdict(opinion.best, f"the citizen picked {picked}")
        return Verdict(opinion.best)

    def _foreign(self, folded: Folded, tongue: Tongue) -> bool:
        if tongue.language in self._languages or tongue.confidence < FOREIGN:
            return False
        return len(folded.joined) > FOREIGN_SIGNS

    def _say(self, report: Report, folded: Folded, verdict: Verdict, tongue: Tongue, model: Model) -> Classification:
        alternatives = tuple(
            [Alternative(service_code=code, confidence=math.floor(share * 1e4) / 1e4) for code, share in verdict.best]
        )
        winner = alternatives[0]
        released, threshold, reason = self._weigh(winner, verdict.against, model.thresholds)
        told = tongue.confidence >= TOLD and bool(folded.words)
        family = self._categories[winner.service_code].family
        danger = self._danger.found_in(folded)
        if not danger and released and family == HAZARDS:
            danger = (f"category: {winner.service_code}",)
        return Classification(
            service_code=winner.service_code,
            family=family,
            confidence=winner.confidence,
            alternatives=alternatives,
            threshold=threshold,
            released=released,
            reason=reason,
            language=tongue.language if told else "und",
            language_confidence=round(tongue.confidence, 4) if told else 0.0,
            intent=self._intent.read(report.text, folded),
            entities=entities(report.text, folded),
            sentiment=self._sentiment.read(folded),
            urgency=self._urgency.read(folded),
            safety=Safety(flagged=bool(danger), evidence=danger),
            model=model.version,
        )

    def _weigh(
        self, winner: Alternative, against: str, thresholds: Mapping[str, float | None]
    ) -> tuple[bool, float, str]:
        """Give whether the winner is released, what its confidence must reach, and why, in words a clerk uses."""
        learnt = thresholds.get(winner.service_code)
        threshold = 1.0 if learnt is None else max(learnt, self._floor)
        if against:
            return False, threshold, against
        if learnt is None:
            return False, threshold, "no confidence has been shown to be right often enough in this category"
        sure = f"{winner.confidence:.2f}, and {threshold:.2f} is needed"
        if winner.confidence < threshold:
            return False, threshold, f"not sure enough: {sure}"
        return True, threshold, f"sure enough: {sure}"
