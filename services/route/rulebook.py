"""A city's rules, asked what they say of a report.

A rule holds if all its conditions hold. Of those that hold, the most specific wins, as `services.city.precedence` has
it. A place that is missing, or outside the city's limits, holds for no rule that asks for a layer or an asset.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import cast
from zoneinfo import ZoneInfo

from services.city.hours import parse
from services.city.model import City, Near, Referral, Rule
from services.city.precedence import DEFAULT, KINDS, kinds, ranked, specificity
from services.parts import Boundary, LostRule

MOST_LOST = 8
"""How many losing rules a routing names, the most specific first."""
ALWAYS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Situation:
    """All that rules may look at, but for the hour."""

    service_code: str
    family: str
    flagged: bool
    placed: bool
    outside: bool
    areas: tuple[Boundary, ...]
    """One of each layer at most."""
    urgent: bool = False
    within: frozenset[str] = frozenset()
    """Rules that ask for a distance to a layer, and have it."""
    near: frozenset[str] = frozenset()
    """Rules that ask for an asset nearby, and have it."""
    swapped: bool = False
    """The place would lie in the city if its latitude and longitude were the other way round."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A department and the account of how it came to be chosen."""

    department: str
    rule: str
    reason: str
    lost: tuple[LostRule, ...]
    asset: str = ""
    """The kind that the rule asks for nearby."""


class RuleBook:
    """A city's rules, asked again and again. It keeps no more than a few thousand past answers."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._zone = ZoneInfo(city.time_zone)
        self._holidays = frozenset(city.holidays)
        self._ranked = ranked(city.rules)
        self._about = lru_cache(maxsize=1024)(self._find)
        self._timed = lru_cache(maxsize=1024)(self._hours)
        self._shut_at = lru_cache(maxsize=8192)(self._shut)
        self._answer = lru_cache(maxsize=8192)(self._choose)

    def shut(self, service_code: str, family: str, when: datetime) -> frozenset[str]:
        """Give the rules of this category whose hours do not hold at `when`, an instant with an offset."""
        if not self._timed(service_code, family):
            return ALWAYS
        return self._shut_at(service_code, family, when.astimezone(self._zone).replace(second=0, microsecond=0))

    def choose(self, situation: Situation, shut: frozenset[str]) -> Choice:
        """Give the department, at a time at which the rules in `shut` do not hold."""
        return self._answer(situation, shut)

    def _shut(self, service_code: str, family: str, minute: datetime) -> frozenset[str]:
        """Say it of a minute on the city's clocks: hours know no seconds."""
        zone, holidays = self._zone, self._holidays
        timed = self._timed(service_code, family)
        return frozenset(rule.id for rule in timed if not parse(rule.hours).open_at(minute, zone, holidays))

    def _hours(self, service_code: str, family: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._about(service_code, family) if rule.hours)

    def referral(self, situation: Situation) -> Referral | None:
        """Give whom to ask instead, for a place beyond the limits."""
        outside = self._city.outside
        if outside is None or not situation.outside:
            return None
        return outside.at(next((area.area_id for area in situation.areas if area.layer == outside.layer), ""))

    def _find(self, service_code: str, family: str) -> tuple[Rule, ...]:
        return tuple(
            rule
            for rule in self._ranked
            if (not rule.service_codes or service_code in rule.service_codes)
            and (not rule.families or family in rule.families)
        )

    def _choose(self, situation: Situation, shut: frozenset[str]) -> Choice:
        winner: Rule | None = None
        lost: list[LostRule] = []
        for rule in self._about(situation.service_code, situation.family):
            why = _failure(rule, situation, shut)
            if why or winner:
                lost.append(LostRule(rule=rule.id, why=why or _second(rule, cast("Rule", winner))))
            else:
                winner = rule
        note = _note(situation, self.referral(situation))
        if winner is None:
            default = self._city.default_department
            reason = f"no rule takes category {situation.service_code} here, and {default} takes what is left{note}"
            return Choice(default, DEFAULT, reason, tuple(lost[:MOST_LOST]))
        reason = f"rule {winner.id} takes {_taken(winner, situation)}{note}"
        asset = winner.near.asset if winner.near else ""
        return Choice(winner.department, winner.id, reason, tuple(lost[:MOST_LOST]), asset)


def _failure(rule: Rule, situation: Situation, shut: frozenset[str]) -> str:
    if rule.safety is not None and rule.safety != situation.flagged:
        return "only for reports of danger to life" if rule.safety else "not for reports of danger to life"
    if rule.urgent is not None and rule.urgent != situation.urgent:
        return (
            "only for reports that say they are urgent" if rule.urgent else "not for reports that say they are urgent"
        )
    if rule.layer and (why := _misplaced(rule, situation)):
        return why
    if rule.near and (why := _far(rule, rule.near, situation)):
        return why
    return f"only at {rule.hours}" if rule.id in shut else ""


def _misplaced(rule: Rule, situation: Situation) -> str:
    if rule.within_m:
        what = f"a place within {rule.within_m:g} m of {' '.join([rule.layer, ', '.join(rule.areas)]).strip()}"
        missing = "" if rule.id in situation.within else f"needs {what}, and this one is not"
        return _nowhere(what, situation) or missing
    nowhere = _nowhere(f"a place in {rule.layer}", situation)
    if nowhere:
        return nowhere
    area = next((area for area in situation.areas if area.layer == rule.layer), None)
    if area is None:
        return f"the place is in no area of {rule.layer}"
    if rule.areas and area.area_id not in rule.areas:
        return f"only for {rule.layer} {', '.join(rule.areas)}; the place is in {area.area_id}"
    return ""


def _far(rule: Rule, near: Near, situation: Situation) -> str:
    what = f"a {near.asset} within {near.within_m:g} m"
    missing = "" if rule.id in situation.near else f"needs {what}, and there is none"
    return _nowhere(what, situation) or missing


def _nowhere(what: str, situation: Situation) -> str:
    if not situation.placed:
        return f"needs {what}, and no place was given"
    return f"needs {what}, and the place is outside the city's limits" if situation.outside else ""


def _second(rule: Rule, winner: Rule) -> str:
    ours, theirs = specificity(rule), specificity(winner)
    if ours == theirs:
        return f"as specific as {winner.id}, which stands before it"
    if ours[0] != theirs[0]:
        return f"{winner.id} has more conditions: {theirs[0]}, against {ours[0]}"
    kind = next((kind for kind, mine, other in zip(KINDS, kinds(rule), kinds(winner), strict=True) if other > mine), "")
    if not kind:
        return f"{winner.id} has the same conditions, and asks for a shorter distance"
    return f"{winner.id} has as many conditions, and one on {kind}, which goes before"


def _taken(rule: Rule, situation: Situation) -> str:
    area = next((area for area in situation.areas if area.layer == rule.layer and not rule.within_m), None)
    parts = [
        "danger to life" if rule.safety else "",
        "words of hurry" if rule.urgent else "",
        f"category {situation.service_code}" if rule.service_codes else "",
        f"family {situation.family}" if rule.families else "",
        f"a {rule.near.asset} within {rule.near.within_m:g} m" if rule.near else "",
        f"{rule.layer} {area.name or area.area_id}" if area else "",
        f"{rule.layer} within {rule.within_m:g} m" if rule.within_m else "",
        f"the hours {rule.hours}" if rule.hours else "",
    ]
    return " and ".join(filter(None, parts)) or "everything"


def _note(situation: Situation, referral: Referral | None) -> str:
    if not situation.placed:
        return "; no place was given, so the category alone decides"
    if not situation.outside:
        return ""
    note = "; the place is outside the city's limits, so the category alone decides"
    if situation.swapped:
        said = "it would not be with latitude and longitude swapped"
        note = f"; the place is outside the city's limits, and {said}: the category alone decides"
    return f"{note}; ask {told(referral)} instead" if referral else note


def told(referral: Referral) -> str:
    """Give whom to ask, with the contact if there is one."""
    return f"{referral.ask} ({referral.contact})" if referral.contact else referral.ask
