"""Wiring of `match`."""

from services.city.load import load
from services.city.model import City
from services.events import IncidentClosed, RequestMatched, RequestRouted, ReviewMade
from services.incidents.links import Bands
from services.incidents.scorer import Scorer
from services.incidents.seen import Reach
from services.incidents.shelf import WeightsError, path_of, read
from services.match.adapters import Matcher
from services.match.settings import MatchSettings
from services.runtime.settings import SettingsError, Shared
from services.runtime.worker import Worker

HOUR_S = 3600.0


def reaches_of(city: City) -> dict[str, Reach]:
    """Give how near reports must be, by family."""
    return {
        family.id: Reach(family.match_radius_m, family.match_window_hours * HOUR_S, family.match_spread_m)
        for family in city.families.values()
    }


def families_of(city: City) -> dict[str, str]:
    """Give the family of each category."""
    return {code: category.family for code, category in city.categories.items()}


def scorer_of(settings: MatchSettings, shared: Shared) -> Scorer:
    """Give what scores: what the town learned from its own past, else what is shipped.

    Raises:
        SettingsError: the file cannot be served.

    """
    try:
        return Scorer(read(settings.weights or path_of(shared.city_dir)))
    except WeightsError as error:
        faults = [f"MATCH_WEIGHTS: {error}"]
        who = "match"
        raise SettingsError(who, faults) from None


def bands_of(settings: MatchSettings, scorer: Scorer) -> Bands:
    """Give from which score links are suggested and made."""
    automatic = scorer.known.automatic if settings.automatic is None else settings.automatic
    suggestion = scorer.known.suggestion if settings.suggestion is None else settings.suggestion
    return Bands(min(suggestion, automatic), automatic)


def build(settings: MatchSettings, shared: Shared) -> Worker:
    """Give the worker that matches by the families of the city's directory."""
    city = load(shared.city_dir)
    scorer = scorer_of(settings, shared)
    bands = bands_of(settings, scorer)
    version = f"2.{city.version}.{scorer.digest}.{bands.suggestion:g}-{bands.automatic:g}"
    return Worker(
        name="match",
        reads=(RequestRouted,),
        writes=(RequestMatched,),
        handler=Matcher(
            reaches_of(city),
            scorer,
            families=families_of(city),
            bands=bands,
            lateness_s=settings.lateness_hours * HOUR_S,
            at_most=settings.open_reports,
            remembered=settings.remembered,
            version=version,
        ),
        rebuilds_from=RequestMatched,
        tables=(ReviewMade, IncidentClosed),
        batch_size=settings.batch_size,
        versions={"city": city.version, "match": version},
    )
