"""Which of several rules that hold wins: the most specific.

The one with more conditions; with equally many, the one whose first condition in `KINDS` comes first; with the same
kinds, the one that asks for a shorter distance, to its layer before to its asset. What is still equal would go to the
rule that stands first in the file: `stormdrain city check` does not let two departments come to that.
"""

from collections.abc import Iterable

from services.city.model import Rule

DEFAULT = "default"
"""What a routing names as its rule where none took the report."""
KINDS = ("safety", "service_codes", "near", "areas", "families", "layer", "urgent", "hours")
"""Kinds of condition, the most telling first. A layer with areas counts once, as `areas`; `within_m` belongs to it."""


def kinds(rule: Rule) -> tuple[bool, ...]:
    """Say of each of `KINDS` whether a rule has such a condition."""
    return (
        rule.safety is not None,
        bool(rule.service_codes),
        rule.near is not None,
        bool(rule.layer and rule.areas),
        bool(rule.families),
        bool(rule.layer and not rule.areas),
        rule.urgent is not None,
        bool(rule.hours),
    )


def specificity(rule: Rule) -> tuple[float, ...]:
    """Give what the most specific rule has most of: how many conditions, which of `KINDS`, and metres below zero."""
    has = kinds(rule)
    return (sum(has), *has, -rule.within_m, -rule.near.within_m if rule.near else 0.0)


def ranked(rules: Iterable[Rule]) -> list[Rule]:
    """Give the rules, the most specific first; those that are equal stay in the file's order."""
    return sorted(rules, key=specificity, reverse=True)
