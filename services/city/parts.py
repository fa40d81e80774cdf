"""Reads categories.yaml, the departments of departments.yaml and policy.yaml, and holds them together."""

import re
from collections.abc import Collection, Mapping
from typing import get_args

from services.city.model import AcrossBoundary, Category, Department, Family, Policy, Question, System
from services.city.section import Section
from services.parts import Mode

DATATYPES = ("string", "number", "datetime", "text", "singlevaluelist", "multivaluelist")
MODES: tuple[Mode, ...] = get_args(Mode)
ACROSS: tuple[AcrossBoundary, ...] = get_args(AcrossBoundary)
CODE = re.compile(r"^\w[\w.-]{0,63}$")
TOPIC = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$")
SYSTEM = re.compile(r"^[a-z0-9](?:[a-z0-9_-]{0,46}[a-z0-9])?$")
EVERYONE = "*"


def read_families(root: Section) -> dict[str, Family]:
    """Read the families of categories.yaml."""
    families = {}
    for family_id, section in root.sections("families", required=True):
        _named(section, family_id, CODE, "letters, digits, `_`, `.` and `-`, at most 64")
        families[family_id] = Family(
            id=family_id,
            name=section.text("name", family_id),
            match_radius_m=section.number("match_radius_m", 50.0, low=0, high=5000),
            match_spread_m=section.number("match_spread_m", 0.0, low=0, high=50_000),
            match_window_hours=section.number("match_window_hours", 72.0, low=0, high=24 * 366),
        )
        section.done()
    return families


def read_categories(root: Section, families: Mapping[str, Family], languages: Collection[str]) -> dict[str, Category]:
    """Read the categories of categories.yaml."""
    categories = {}
    for code, section in root.sections("categories", required=True):
        faults = len(section.findings.faults)
        _named(section, code, CODE, "letters, digits, `_`, `.` and `-`, at most 64")
        categories[code] = Category(
            service_code=code,
            name=section.text("name"),
            family=section.text("family", known=families or None),
            description=section.text("description", ""),
            keywords=section.texts("keywords"),
            examples=_phrases(section, "examples", languages),
            questions=_questions(section),
            safety=bool(section.flag("safety")),
            safety_words=_phrases(section, "safety_words", languages),
            base_points=section.number("base_points", 20.0, low=0, high=100),
            promised_hours=section.number("promised_hours", 120.0, low=0.1, high=24 * 3660),
            public=bool(section.flag("public", default=True)),
        )
        if len(section.findings.faults) == faults:
            _check_category(section, categories[code])
        section.done()
    _check_families(root, families, categories)
    _check_phrases(root, categories)
    return categories


def read_departments(root: Section) -> tuple[dict[str, Department], dict[str, System]]:
    """Read the systems and departments of departments.yaml."""
    systems, departments = {}, {}
    for system_id, section in root.sections("systems", required=True):
        _named(section, system_id, SYSTEM, "lower case letters, digits, `-` and `_`, at most 48")
        systems[system_id] = System(
            id=system_id,
            kind=section.text("kind", "sandbox"),
            max_per_second=section.number("max_per_second", 0.0, low=0, high=100_000),
        )
        section.done(secrets_outside=True)
    for department_id, section in root.sections("departments", required=True):
        expected = "lower case letters, digits and `-`, at most 48: it names the topic cases.<id>.v1"
        _named(section, department_id, TOPIC, expected)
        departments[department_id] = Department(
            id=department_id,
            name=section.text("name"),
            system=section.text("system", known=systems or None),
            contact=section.text("contact", ""),
        )
        section.done()
    return departments, systems


def read_policy(root: Section, categories: Collection[str], departments: Collection[str]) -> Policy:
    """Read policy.yaml."""
    policy = Policy(
        mode=_mode(root, "mode"),
        categories=_modes(root, categories),
        target_precision=root.number("target_precision", 0.95, low=0, high=1),
        min_confidence=root.number("min_confidence", 0.0, low=0, high=1),
        hold_outside=bool(root.flag("hold_outside", default=True)),
        hold_without_place=bool(root.flag("hold_without_place", default=True)),
        hold_beyond_m=root.number("hold_beyond_m", 500.0, low=1, high=100_000),
        release_life_safety=bool(root.flag("release_life_safety", default=True)),
        boundary=_across(root),
        approvers=_approvers(root, departments),
    )
    root.done()
    return policy


def _named(section: Section, name: str, pattern: re.Pattern[str], expected: str) -> None:
    if not pattern.match(name):
        section.fault("", f"saw {name!r}", expected)


def _phrases(section: Section, key: str, languages: Collection[str]) -> dict[str, tuple[str, ...]]:
    phrases = section.by_language(key)
    for language in phrases:
        if languages and language not in languages:
            section.warn(key, f"{language!r} is not among the languages of city.yaml")
    return phrases


def _questions(section: Section) -> tuple[Question, ...]:
    questions = []
    for code, inner in section.sections("questions"):
        faults = len(inner.findings.faults)
        question = Question(
            code=code,
            prompt=inner.text("prompt"),
            datatype=inner.text("datatype", "string", known=DATATYPES),
            required=bool(inner.flag("required")),
            values=inner.texts("values"),
        )
        listing = question.datatype.endswith("list")
        if len(inner.findings.faults) == faults and listing and not question.values:
            inner.fault("values", "is missing", f"the answers that a {question.datatype} offers")
        elif len(inner.findings.faults) == faults and question.values and not listing:
            inner.fault("values", f"not for a {question.datatype}", "datatype singlevaluelist or multivaluelist")
        inner.done()
        questions.append(question)
    return tuple(questions)


def _check_category(section: Section, category: Category) -> None:
    if not category.examples:
        remedy = "write some phrases as citizens would: examples: {en: [...]}"
        section.fault("examples", "has none", "at least one phrase in one language", remedy)
    if category.safety and not category.safety_words:
        section.warn("safety", "no safety_words, so that only the category says danger")
    if category.safety_words and not category.safety:
        section.fault("safety_words", "stand beside safety: false", "safety: true", "set it, or delete the words")
    for phrase in (each for phrases in category.safety_words.values() for each in phrases):
        if not all(word.strip() for side in phrase.split("+") for word in side.split("|")):
            remedy = "write such as: gas + smell|leak"
            section.fault("safety_words", f"saw {phrase!r}", "words on both sides of each `+` and `|`", remedy)


def _check_families(root: Section, families: Collection[str], categories: Mapping[str, Category]) -> None:
    used = {category.family for category in categories.values()}
    for family in families:
        if family not in used:
            root.warn("families", f"no category is of family {family!r}")


def _check_phrases(root: Section, categories: Mapping[str, Category]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for code, category in categories.items():
        for language, phrases in category.examples.items():
            for phrase in phrases:
                other = seen.setdefault((language, phrase.casefold()), code)
                if other != code:
                    root.warn("categories", f"{phrase!r} is an example of both {other!r} and {code!r}")


def _mode(section: Section, key: str) -> Mode:
    word = section.text(key, "supervised", known=MODES)
    return next(mode for mode in MODES if mode == word)


def _across(root: Section) -> AcrossBoundary:
    word = root.text("boundary", "hold", known=ACROSS)
    return next(each for each in ACROSS if each == word)


def _modes(root: Section, categories: Collection[str]) -> dict[str, Mode]:
    section = root.section("categories")
    modes: dict[str, Mode] = {}
    for code in section.names() if section else ():
        if section and categories and code not in categories:
            section.unknown(code, code, categories)
        elif section:
            modes[code] = _mode(section, code)
    return modes


def _approvers(root: Section, departments: Collection[str]) -> dict[str, tuple[str, ...]]:
    section = root.section("approvers")
    approvers: dict[str, tuple[str, ...]] = {}
    for department in section.names() if section else ():
        if section and departments and department not in (*departments, EVERYONE):
            section.unknown(department, department, [*departments, EVERYONE])
        elif section:
            approvers[department] = section.texts(department)
    return approvers
