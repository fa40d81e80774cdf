"""A small town's every situation, one by one, and rules at random: what the checks decide by thinking, by counting."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import product

from hypothesis import strategies as st

from services.city.conflicts import Ground, Space
from services.city.hours import parse
from services.city.model import Near, Rule
from services.city.precedence import KINDS, specificity
from services.parts import Boundary
from services.route.rulebook import Situation, _failure

FAMILIES = {"pothole": "roads", "kerb": "roads", "lamp": "lights"}
GROUNDS = {
    "town": Ground(("all",), limits=True),
    "wards": Ground(("1", "2", "3")),
    "roads": Ground((), ("R1",)),
}
SPACE = Space(families=FAMILIES, grounds=GROUNDS, holidays=True)
HOURS = ("Mo-Fr 08:00-17:00; PH off", "PH 10:00-12:00", "Sa-Su 22:00-06:00", "24/7", "Mo-Su 17:00-08:00", "08:00-17:00")
DISTANCES = (15.0, 40.0)
FAR = float("inf")
FIRST = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday
# Four weeks in which each weekday is a holiday or not, after a holiday or not.
FEASTS = frozenset(
    (FIRST + timedelta(days=day)).date().isoformat()
    for day in range(28)
    if day // 7 == 1 or (day // 7 == 2 and day % 7 % 2 == 0) or (day // 7 == 3 and day % 7 % 2 == 1)
)


def places() -> st.SearchStrategy[tuple[str, tuple[str, ...], float]]:
    wards = st.sampled_from([(), ("1",), ("2",), ("1", "2"), ("1", "2", "3")])
    return st.one_of(
        st.just(("", (), 0.0)),
        st.tuples(st.just("wards"), wards, st.sampled_from([0.0, *DISTANCES])),
        st.tuples(st.just("roads"), st.sampled_from([(), ("R1",)]), st.sampled_from(DISTANCES)),
        st.tuples(st.just("town"), st.just(()), st.just(0.0)),
    )


@st.composite
def rule(draw: st.DrawFn, number: int, live: frozenset[str]) -> Rule:
    """One rule with conditions of the kinds in `live`, so that rules of one book get in each other's way."""
    layer, areas, within_m = draw(places()) if "layer" in live else ("", (), 0.0)
    near = draw(st.sampled_from([None, *DISTANCES])) if "near" in live else None
    codes = st.sampled_from([(), ("pothole",), ("pothole", "kerb"), ("pothole", "kerb", "lamp")])
    families = st.sampled_from([(), ("roads",), ("lights",), ("roads", "lights")])
    return Rule(
        id=f"r{number}",
        department=draw(st.sampled_from(["works", "county"])),
        service_codes=draw(codes) if "service_codes" in live else (),
        families=draw(families) if "families" in live else (),
        layer=layer,
        areas=areas,
        within_m=within_m,
        near=Near(asset="hydrant", within_m=near) if near else None,
        hours=draw(st.sampled_from(["", *HOURS])) if "hours" in live else "",
        safety=draw(st.sampled_from([None, True, False])) if "safety" in live else None,
        urgent=draw(st.sampled_from([None, True, False])) if "urgent" in live else None,
    )


@st.composite
def rulebooks(draw: st.DrawFn, at_most: int = 6) -> list[Rule]:
    """Rules that can each hold for themselves."""
    live = draw(st.sets(st.sampled_from(KINDS), min_size=1, max_size=3)) - {"areas"}
    drawn = [draw(rule(number, frozenset(live))) for number in range(draw(st.integers(2, at_most)))]
    return [
        each
        for each in drawn
        if any(
            (not each.service_codes or code in each.service_codes) and (not each.families or family in each.families)
            for code, family in FAMILIES.items()
        )
    ]


@lru_cache(maxsize=64)
def moments(texts: frozenset[str]) -> dict[frozenset[str], datetime]:
    """Every set of hours that is shut at once, with one moment of it, found by asking at each half hour."""
    steps = (FIRST + timedelta(minutes=30 * step) for step in range(28 * 48))
    return {frozenset(text for text in texts if not parse(text).open_at(when, UTC, FEASTS)): when for when in steps}


def situations(rules: list[Rule]) -> Iterator[tuple[Situation, datetime, frozenset[str]]]:
    """All that rules can tell apart: a situation, its moment, and the rules that are shut then."""
    hours = moments(frozenset(each.hours for each in rules if each.hours))
    shut = [(when, frozenset(each.id for each in rules if each.hours in closed)) for closed, when in hours.items()]
    spots = list(_spots(rules))
    for (code, family), flagged, urgent in product(FAMILIES.items(), (False, True), (False, True)):
        for placed, outside, areas, within, near in spots:
            said = Situation(
                service_code=code,
                family=family,
                flagged=flagged,
                urgent=urgent,
                placed=placed,
                outside=outside,
                areas=areas,
                within=within,
                near=near,
            )
            yield from ((said, when, closed) for when, closed in shut)


Spot = tuple[bool, bool, tuple[Boundary, ...], frozenset[str], frozenset[str]]


def _spots(rules: list[Rule]) -> Iterator[Spot]:
    nothing = frozenset[str]()
    yield False, False, (), nothing, nothing
    yield True, True, (), nothing, nothing
    steps = (*DISTANCES, FAR)
    far = {each.layer for each in rules if each.within_m}
    near = steps if any(each.near for each in rules) else (FAR,)
    for home in ("", "1", "2", "3"):
        to_wards = product(steps, repeat=3) if "wards" in far else [(FAR,) * 3]
        for wards, road, hydrant in product(to_wards, steps if "roads" in far else (FAR,), near):
            metres = {"R1": road} | {
                ward: 0.0 if ward == home else at for ward, at in zip(("1", "2", "3"), wards, strict=True)
            }
            areas = [Boundary(layer="town", area_id="all")]
            areas += [Boundary(layer="wards", area_id=home)] if home else []
            yield (
                True,
                False,
                tuple(areas),
                frozenset(each.id for each in rules if each.within_m and _distance(each, metres) <= each.within_m),
                frozenset(each.id for each in rules if each.near and hydrant <= each.near.within_m),
            )


def _distance(rule: Rule, metres: dict[str, float]) -> float:
    ground = GROUNDS[rule.layer]
    named = rule.areas or (*(ground.areas or ()), *ground.lines)
    return min(metres.get(area, FAR) for area in named)


def holding(rules: list[Rule], said: Situation, shut: frozenset[str]) -> list[Rule]:
    return [
        each
        for each in rules
        if (not each.service_codes or said.service_code in each.service_codes)
        and (not each.families or said.family in each.families)
        and not _failure(each, said, shut)
    ]


def counted(rules: list[Rule]) -> tuple[set[str], set[tuple[str, str]]]:
    """Give which rules fire in some situation, and which two tie at the top of one, for different departments."""
    fired, tied = set[str](), set[tuple[str, str]]()
    for said, _, shut in situations(rules):
        held = holding(rules, said, shut)
        if not held:
            continue
        best = max(map(specificity, held))
        top = [each for each in held if specificity(each) == best]
        fired.add(top[0].id)
        tied |= {
            (one.id, other.id)
            for number, one in enumerate(top)
            for other in top[number + 1 :]
            if one.department != other.department
        }
    return fired, {pair for pair in tied if set(pair) <= fired}
