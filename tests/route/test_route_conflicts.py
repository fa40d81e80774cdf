"""What `city check` says of rules is what happens: no situation is left out, and none is made up."""

import pytest
from all_situations import FAMILIES, FEASTS, SPACE, counted, holding, rulebooks, situations
from hypothesis import HealthCheck, given, settings

from services.city.conflicts import Space, conflicts
from services.city.model import Category, City, Department, Near, Policy, Rule, System
from services.city.precedence import specificity
from services.route.rulebook import RuleBook

SLOWLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def town(rules: list[Rule]) -> City:
    return City(
        name="Nowhere",
        jurisdiction_id="nowhere.example",
        time_zone="UTC",
        languages=("en",),
        extent=(0, 0, 1, 1),
        categories={code: Category(service_code=code, name=code, family=family) for code, family in FAMILIES.items()},
        families={},
        departments={name: Department(id=name, name=name, system="s") for name in ("desk", "works", "county")},
        systems={"s": System(id="s")},
        rules=tuple(rules),
        default_department="desk",
        layers=(),
        policy=Policy(),
        version="v",
        holidays=tuple(FEASTS),
    )


@given(rulebooks())
@SLOWLY
def test_a_rule_is_said_never_to_fire_if_and_only_if_it_fires_in_no_situation(rules: list[Rule]) -> None:
    found = conflicts(rules, SPACE)
    fired, tied = counted(rules)
    assert {each.rule.id for each in found if each.kind == "never"} == {rule.id for rule in rules} - fired
    assert {(each.others[0].id, each.rule.id) for each in found if each.kind == "tie"} == tied
    assert not [each for each in found if each.kind == "undecided"]


@given(rulebooks())
@SLOWLY
def test_the_winner_is_the_most_specific_of_all_rules_that_hold_and_none_is_skipped(rules: list[Rule]) -> None:
    book = RuleBook(town(rules))
    for number, (said, when, shut) in enumerate(situations(rules)):
        if number % 7:
            continue
        held = holding(rules, said, shut)
        choice = book.choose(said, book.shut(said.service_code, said.family, when))
        if not held:
            assert (choice.rule, choice.department) == ("default", "desk")
            continue
        best = max(held, key=lambda rule: (specificity(rule), -rules.index(rule)))
        assert (choice.rule, choice.department) == (best.id, best.department)
        about = {
            rule.id
            for rule in rules
            if (not rule.service_codes or said.service_code in rule.service_codes)
            and (not rule.families or said.family in rule.families)
        }
        assert {choice.rule, *(lost.rule for lost in choice.lost)} == about
        assert all(lost.why for lost in choice.lost)


WARD_1 = Rule(id="one", department="a", families=("roads",), layer="wards", areas=("1",))


@pytest.mark.parametrize(
    ("rules", "dead", "by"),
    [
        ([WARD_1, Rule(id="x", department="a", families=("roads",), layer="wards", areas=("1",))], "x", ["one"]),
        (
            [
                Rule(id="yes", department="a", families=("roads",), safety=True),
                Rule(id="no", department="a", families=("roads",), safety=False),
                Rule(id="x", department="b", families=("roads",)),
            ],
            "x",
            ["yes", "no"],
        ),
        (
            [
                Rule(id="day", department="a", families=("roads",), hours="08:00-20:00"),
                Rule(id="night", department="a", families=("roads",), hours="20:00-08:00"),
                Rule(id="x", department="b", families=("roads",)),
            ],
            "x",
            ["day", "night"],
        ),
        (
            [
                Rule(id="codes", department="a", service_codes=("pothole", "kerb")),
                Rule(id="x", department="b", families=("roads",)),
            ],
            "x",
            ["codes"],
        ),
        (
            [
                Rule(id="near", department="a", near=Near(asset="hydrant", within_m=50)),
                Rule(id="x", department="b", layer="wards", near=Near(asset="hydrant", within_m=60)),
                Rule(id="y", department="b", near=Near(asset="hydrant", within_m=40)),
            ],
            "",
            [],
        ),
        (
            [
                *(Rule(id=f"ward{n}", department="a", layer="wards", areas=(n,), safety=True) for n in ("1", "2", "3")),
                Rule(id="x", department="b", layer="wards", safety=True),
            ],
            "x",
            ["ward1", "ward2", "ward3"],
        ),
    ],
)
def test_what_takes_all_of_a_rules_reports_is_named(rules: list[Rule], dead: str, by: list[str]) -> None:
    found = [each for each in conflicts(rules, SPACE) if each.kind == "never"]
    assert [each.rule.id for each in found] == ([dead] if dead else [])
    assert [other.id for each in found for other in each.others] == by


def test_a_rulebook_of_hundreds_is_decided_in_a_moment() -> None:
    codes = {f"c{number}": f"f{number % 20}" for number in range(200)}
    rules = [
        Rule(id=f"{code}-{ward}", department=f"d{number % 9}", service_codes=(code,), layer="wards", areas=(ward,))
        for number, code in enumerate(codes)
        for ward in ("1", "2", "3")
    ] + [Rule(id=f"{family}", department="x", families=(family,)) for family in set(codes.values())]
    space = Space(families=codes, grounds=SPACE.grounds, holidays=True)
    assert conflicts(rules, space) == []
