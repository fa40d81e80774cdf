"""Reads the rules of departments.yaml, each for itself, then all together: what can never fire, what ties."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from services.city.conflicts import Conflict, Ground, Space, conflicts
from services.city.findings import listed
from services.city.ground import meet
from services.city.hours import HoursError, open_together
from services.city.model import Assets, Category, Department, Family, Layer, Near, Outside, Referral, Rule
from services.city.parts import CODE
from services.city.section import Section

FARTHEST_M = 5000.0
CONDITIONS = ("service_codes", "families", "layer", "near", "hours", "safety", "urgent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What rules may refer to. None stands for a layer or a kind of asset whose file could not be read."""

    departments: Mapping[str, Department]
    categories: Mapping[str, Category]
    families: Mapping[str, Family]
    layers: Mapping[str, Layer | None]
    assets: Mapping[str, Assets | None]
    holidays: tuple[str, ...] = ()


def read_rules(root: Section, known: Known) -> tuple[Rule, ...]:
    """Read the rules of departments.yaml; a rule that can never fire, or ties with another's, is a fault."""
    rules: dict[str, Rule] = {}
    sections: dict[str, Section] = {}
    sound: list[Rule] = []
    for rule_id, section in root.sections("rules"):
        faults = len(section.findings.faults)
        rule = _rule(rule_id, section, known)
        _check(section, rule, known)
        section.done()
        rules[rule_id], sections[rule_id] = rule, section
        if len(section.findings.faults) == faults:
            sound.append(rule)
    if known.categories:
        for conflict in conflicts(sound, _space(known)):
            _tell(sections[conflict.rule.id], conflict)
    _check_departments(root, known.departments, rules)
    return tuple(rules.values())


def read_outside(root: Section, layers: Mapping[str, Layer | None]) -> Outside | None:
    """Read whom to ask instead beyond the city's limits; None where departments.yaml does not say."""
    section = root.section("outside")
    if section is None:
        return None
    layer = section.text("layer", "", known=layers)
    ids = _ids(layers.get(layer))
    areas = {}
    for area_id, inner in section.sections("areas"):
        if not layer:
            inner.fault("", "stands there without a layer", "the layer that has these areas")
        elif ids is not None and area_id not in ids:
            section.unknown("areas", area_id, ids)
        areas[area_id] = _referral(inner)
    default = section.section("default")
    found = Outside(default=_referral(default) if default else None, layer=layer, areas=areas)
    section.done()
    if not found.default and not found.areas:
        section.fault("", "names nobody to ask", "default, or a layer and areas")
    return found


def _referral(section: Section) -> Referral:
    found = Referral(ask=section.text("ask"), contact=section.text("contact", ""))
    section.done()
    return found


def _rule(rule_id: str, section: Section, known: Known) -> Rule:
    if not CODE.match(rule_id):
        section.fault("", f"saw {rule_id!r}", "letters, digits, `_`, `.` and `-`, at most 64")
    layer = section.text("layer", "", known=known.layers)
    return Rule(
        id=rule_id,
        department=section.text("department", known=known.departments or None),
        service_codes=section.texts("service_codes", known=known.categories or None),
        families=section.texts("families", known=known.families or None),
        layer=layer,
        areas=section.texts("areas", known=_ids(known.layers.get(layer))),
        within_m=_metres(section) if section.has("within_m") else 0.0,
        near=_near(section, known.assets),
        hours=_hours(section, known.holidays),
        safety=section.flag("safety", default=None),
        urgent=section.flag("urgent", default=None),
    )


def _metres(section: Section) -> float:
    metres = section.number("within_m", 0.0, low=0, high=FARTHEST_M)
    if section.has("within_m") and not metres > 0:
        section.fault("within_m", "is no distance", f"metres, more than 0 and at most {FARTHEST_M:g}")
    return metres


def _near(section: Section, assets: Mapping[str, Assets | None]) -> Near | None:
    inner = section.section("near")
    if inner is None:
        return None
    if not inner.has("within_m"):
        inner.fault("within_m", "is missing", f"metres, more than 0 and at most {FARTHEST_M:g}")
    near = Near(asset=inner.text("asset", known=assets), within_m=_metres(inner))
    inner.done()
    return near


def _hours(section: Section, holidays: Collection[str]) -> str:
    hours = section.text("hours", "")
    try:
        moments = open_together((hours,), holidays=bool(holidays)) if hours else ()
    except HoursError as error:
        section.fault("hours", str(error))
        return ""
    if hours and moments == {frozenset()}:
        unheard = " and city.yaml has no holidays" if "PH" in hours and not holidays else ""
        section.fault("hours", f"{hours!r} never opens{unheard}, so that the rule can never fire", "some open hours")
    return hours


def _ids(layer: Layer | None) -> list[str] | None:
    return list(dict.fromkeys(area.area_id for area in (*layer.areas, *layer.lines))) if layer else None


def _check(section: Section, rule: Rule, known: Known) -> None:
    if not any(section.has(key) for key in CONDITIONS):
        section.fault("", "has no condition", "at least one", "the department for all else is default_department")
    for key in ("areas", "within_m"):
        if section.has(key) and not section.has("layer"):
            section.fault(key, "stands there without a layer", "the layer that has these areas")
    if rule.service_codes and rule.families and known.categories:
        of = {code: known.categories[code].family for code in rule.service_codes}
        outside = [code for code, family in of.items() if family not in rule.families]
        if outside:
            seen = f"{listed(outside)} of none of the rule's families"
            remedy = "delete it, or add its family" if len(outside) < len(of) else "so that the rule can never fire"
            section.fault("service_codes", seen, f"categories of {listed(rule.families)}", remedy)
    elif rule.families and known.categories:
        used = {category.family for category in known.categories.values()}
        if not used & set(rule.families):
            section.fault("families", f"no category is of {listed(rule.families)}, so that the rule can never fire")
    layer = known.layers.get(rule.layer)
    if layer and not rule.within_m:
        lines = {line.area_id for line in layer.lines} - {area.area_id for area in layer.areas}
        wrong = [area for area in rule.areas if area in lines] or ([] if layer.areas else [rule.layer])
        if wrong:
            remedy = "say how near with within_m"
            section.fault("layer", f"{listed(wrong)} only has lines, and nothing lies in a line", "", remedy)


def _space(known: Known) -> Space:
    return Space(
        families={code: category.family for code, category in known.categories.items()},
        grounds={layer_id: _ground(layer) for layer_id, layer in known.layers.items()},
        holidays=bool(known.holidays),
        meet=_meeting(known.layers),
    )


def _ground(layer: Layer | None) -> Ground:
    if layer is None:
        return Ground(None)
    return Ground(
        tuple(area.area_id for area in layer.areas), tuple(line.area_id for line in layer.lines), layer.limits
    )


def _meeting(layers: Mapping[str, Layer | None]) -> Callable[[Rule, Rule], bool]:
    def told(one: Rule, other: Rule) -> bool:
        first, second = layers.get(one.layer), layers.get(other.layer)
        return first is None or second is None or meet(one, first, other, second)

    return told


def _tell(section: Section, conflict: Conflict) -> None:
    names = [repr(other.id) for other in conflict.others]
    rule, first = conflict.rule, next(iter(conflict.others), None)
    if conflict.kind == "undecided":
        section.warn("", "too many areas and distances to decide whether it can ever fire, and whether it is alone")
    elif first and _conditions(first) == _conditions(rule) and first.department != rule.department:
        remedy = "give one of them another condition"
        section.fault("", f"has the conditions of {first.id!r} and another department", "one department", remedy)
    elif conflict.kind == "never":
        what = f"can never fire: wherever it holds, {' or '.join(names)} holds too and goes before"
        section.fault("", what, "", "delete it, or give it another condition")
    else:
        seen = f"may hold together with {names[0]}, is as specific and leads to another department"
        section.fault("", seen, "one department", "give one of them another condition")


def _conditions(rule: Rule) -> tuple[object, ...]:
    sets = (frozenset(rule.service_codes), frozenset(rule.families), frozenset(rule.areas))
    return (*sets, rule.layer, rule.within_m, rule.near, rule.hours, rule.safety, rule.urgent)


def _check_departments(root: Section, departments: Collection[str], rules: Mapping[str, Rule]) -> None:
    default = root.text("default_department", known=departments or None)
    used = {default, *(rule.department for rule in rules.values())}
    for department in departments:
        if department not in used:
            root.warn("departments", f"no rule leads to {department!r}")
