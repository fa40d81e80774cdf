"""Says of a town's directory what is wrong, what is odd and what it holds, for a person or as JSON."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from services.city.findings import Finding, listed
from services.city.load import Examined, examine
from services.city.model import City, Layer

__all__ = ["Examined", "as_object", "examine", "told"]


def told(examined: Examined, directory: Path) -> str:
    """Give all faults and warnings by file and line, and a summary of a town that can be used."""
    lines: list[str] = []
    if examined.city is None:
        lines.append(f"the city in {directory} cannot be used: {_count(len(examined.faults), 'fault')}")
        lines.extend(f"  {fault}" for fault in examined.faults)
    else:
        lines.extend(_summary(examined.city))
    if examined.warnings:
        lines.append(f"{_count(len(examined.warnings), 'warning')}:")
        lines.extend(f"  {warning}" for warning in examined.warnings)
    return "\n".join(lines)


def as_object(examined: Examined, directory: Path) -> dict[str, Any]:
    """Give the same as plain values: directory, usable, faults, warnings, and the town's name, version and counts.

    `boundaries` has the overlaps and gaps of each layer, in square metres, where these were measured.
    """
    city = examined.city
    return {
        "directory": str(directory),
        "usable": city is not None,
        "faults": _plain(examined.faults),
        "warnings": _plain(examined.warnings),
        "city": None if city is None else _counts(city),
        "boundaries": [msgspec.to_builtins(measured) for measured in examined.measured],
    }


def _summary(city: City) -> Iterable[str]:
    counts = _counts(city)
    invented = ", an invented town" if city.invented else ""
    areas = ", ".join(f"{_named(layer)} ({_size(layer)})" for layer in city.layers)
    yield f"{city.name}{invented}, can be used (version {city.version})"
    yield f"  {counts['categories']} categories in {counts['families']} families"
    yield f"  {counts['phrases']:,} phrases in {_count(len(city.languages), 'language')}: {', '.join(city.languages)}"
    yield f"  {_count(len(city.departments), 'department')}, {_count(len(city.rules), 'rule')}"
    yield f"  boundaries: {areas or 'none'}; {_count(len(city.streets), 'street')}"
    if counts["assets"]:
        yield f"  assets: {', '.join(f'{number:,} {kind}' for kind, number in counts['assets'].items())}"
    if counts["house_numbers"] or counts["landmarks"]:
        numbers = f"{counts['house_numbers']:,} house numbers"
        yield f"  places: {numbers}, {_count(counts['landmarks'], 'landmark')}"
    yield f"  policy: {city.policy.mode}, and {_modes(city)}"
    if counts["unruled"]:
        yield f"  to {city.default_department}, since no rule takes them: {listed(counts['unruled'])}"


def _counts(city: City) -> dict[str, Any]:
    phrases = [texts for category in city.categories.values() for texts in category.examples.values()]
    return {
        "name": city.name,
        "version": city.version,
        "invented": city.invented,
        "categories": len(city.categories),
        "families": len(city.families),
        "languages": list(city.languages),
        "phrases": sum(len(texts) for texts in phrases),
        "departments": len(city.departments),
        "rules": len(city.rules),
        "layers": {_named(layer): len(layer.areas) for layer in city.layers},
        "streets": len(city.streets),
        "assets": {kind: len(each.ids) for kind, each in city.assets.items()},
        "house_numbers": 0 if city.house_numbers is None else len(city.house_numbers.number),
        "landmarks": len(city.landmarks),
        "unruled": _unruled(city),
    }


def _unruled(city: City) -> list[str]:
    """Give the categories that no rule could take at any place or hour."""
    return [
        code
        for code, category in city.categories.items()
        if not any(
            (not rule.service_codes or code in rule.service_codes)
            and (not rule.families or category.family in rule.families)
            and ((rule.safety is None and rule.urgent is None) or rule.service_codes or rule.families)
            for rule in city.rules
        )
    ]


def _named(layer: Layer) -> str:
    return f"{layer.id} from {layer.effective}" if layer.effective else layer.id


def _modes(city: City) -> str:
    by_mode: dict[str, int] = {}
    for mode in city.policy.categories.values():
        by_mode[mode] = by_mode.get(mode, 0) + 1
    return ", ".join(f"{mode} for {count}" for mode, count in sorted(by_mode.items())) or "the same for all"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _size(layer: Layer) -> str:
    areas, lines = _count(len(layer.areas), "area"), _count(len(layer.lines), "line")
    return areas if not layer.lines else lines if not layer.areas else f"{areas}, {lines}"


def _plain(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(finding) for finding in findings]
