"""The file of proposed rules, in the notation of departments.yaml, and the same as a table and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from services.city.model import City, Rule
    from services.cli.learning.past import Past
    from services.cli.learning.rules import Found, Proposal

SHOWN = 40


def written(found: Found, past: Past, city: City, source: str) -> str:
    """Give the file: Stormdrain reads it nowhere; a person moves what is to hold into departments.yaml."""
    told = [
        f"# Rules proposed by `stormdrain learn-routes` from {len(past.assignments):,} past requests of {source}.",
        "# Nothing reads this file. To take a rule over, copy it under `rules:` of departments.yaml, add its",
        "# department there if it is new, and run `stormdrain city check`.",
        f"# Judged by {past.rule}: {found.taken:,} of {found.later:,} requests are taken by a rule,",
        f"# {_share(found.right, found.taken)} of these rightly.",
        "# later: requests that the rule took there, those that its department had, and the least share of these that",
        "# 90 % of such samples allow. learnt from: the same of the requests that it was found in.",
        "",
    ]
    if new := sorted({each.rule.department for each in found.proposals} - city.departments.keys()):
        told += ["# Departments that departments.yaml does not have yet:"]
        told += [f"#   {code}: {{name: {_quoted(past.names[code])}, system: ...}}" for code in new]
        told += [""]
    told += ["rules:"] if found.proposals else ["rules: {}  # none was sure enough"]
    for each in sorted(found.proposals, key=lambda each: (-each.support, each.rule.id)):
        told += [f"  # {_told(each)}", *_rule(each.rule)]
    if found.hints:
        told += [
            "",
            "# Words that decide where no rule does. A rule has no condition on words: part the category,",
            "# ask a question, or train a model (--model), which reads them.",
        ]
        told += [
            f"#   {hint.service_code or 'any category'}: {_quoted(hint.word)} -> {hint.department}"
            f" (later: {hint.later_right} of {hint.later}; learnt from: {hint.right} of {hint.support})"
            for hint in found.hints
        ]
    return "\n".join(told) + "\n"


def lines(found: Found) -> list[str]:
    """Give the proposals as lines to read, those with most support first."""
    ordered = sorted(found.proposals, key=lambda each: (-each.support, each.rule.id))
    told = [f"  {_subject(each.rule)} -> {each.rule.department}: {_told(each)}" for each in ordered[:SHOWN]]
    return told + ([f"  and {len(ordered) - SHOWN} more"] if len(ordered) > SHOWN else [])


def as_json(found: Found) -> dict[str, Any]:
    """Give all that is proposed as plain data."""
    return {
        "later": found.later,
        "taken": found.taken,
        "right": found.right,
        "rules": {
            each.rule.id: {
                **_conditions(each.rule),
                "support": each.support,
                "precision_where_found": round(each.right / each.support, 4),
                "later": each.later,
                "precision": None if each.precision is None else round(each.precision, 4),
                "precision_at_least": round(each.at_least, 4),
            }
            for each in found.proposals
        },
        "words": [
            {
                "word": hint.word,
                "service_code": hint.service_code,
                "department": hint.department,
                "support": hint.support,
                "later": hint.later,
                "later_right": hint.later_right,
            }
            for hint in found.hints
        ],
    }


def _told(each: Proposal) -> str:
    learnt = f"learnt from: {each.right:,} of {each.support:,}"
    if each.precision is None:
        return f"later: none came; {learnt}"
    return (
        f"later: {each.later_right:,} of {each.later:,} ({each.precision:.1%}, at least {each.at_least:.1%}); {learnt}"
    )


def _subject(rule: Rule) -> str:
    what = ", ".join(rule.service_codes or rule.families)
    return f"{what} in {rule.layer} {', '.join(rule.areas)}" if rule.layer else what


def _rule(rule: Rule) -> list[str]:
    shown = yaml.safe_dump(
        {rule.id: _conditions(rule)}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
    return [f"  {line}" for line in shown.splitlines()]


def _conditions(rule: Rule) -> dict[str, Any]:
    wanted: dict[str, Any] = {"department": rule.department}
    if rule.service_codes:
        wanted["service_codes"] = list(rule.service_codes)
    if rule.families:
        wanted["families"] = list(rule.families)
    if rule.layer:
        wanted |= {"layer": rule.layer, "areas": list(rule.areas)}
    return wanted


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _share(part: int, of: int) -> str:
    return f"{part / of:.1%}" if of else "none"
