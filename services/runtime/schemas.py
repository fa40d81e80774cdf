"""schemas/: what each event looks like, rendered from services/events.py for whoever reads a topic in any language.

JSON Schema draft 2020-12. A field's meaning is its docstring. A `.v1` may only grow optional fields: `compatible` says
in words what else has changed between two renderings.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from services import events, parts
from services.runtime import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.events import Event

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/"
_TOLD = frozenset({"$schema", "$id", "$defs", "title", "description", "examples"})
"""Keywords that tell a reader something and bind nobody."""
_WALKED = frozenset(
    {"properties", "required", "items", "prefixItems", "additionalProperties", "anyOf", "enum", "default"}
)


def stem(kind: type[Event]) -> str:
    """Give what topic, event class and schema file share: `requests.classified.v1`; of a family, `cases.v1`."""
    return kind.topic.replace(".{department}", "")


def render(kind: type[Event]) -> Schema:
    """Give the schema of an event's value."""
    (_,), parts = msgspec.json.schema_components((kind,), ref_template=_REF + "{name}")
    meanings = _meanings()
    for name, part in parts.items():
        for field, shape in part.get("properties", {}).items():
            if (name, field) in meanings:
                shape["description"] = meanings[name, field]
    _translate([*parts.values()])
    top = parts.pop(kind.__name__)
    return {
        "$schema": DRAFT,
        "$id": f"urn:stormdrain:schema:{stem(kind)}",
        "title": top.pop("title"),
        "description": top.pop("description"),
        "x-kafka-topic": kind.topic,
        "x-cloudevents-type": wire.event_type(kind),
        **top,
        "$defs": parts,
    }


def files(kinds: Iterable[type[Event]] = events.EVENTS) -> dict[str, str]:
    """Give the text of each file of schemas/, by name."""
    return {f"{stem(kind)}.json": json.dumps(render(kind), indent=2, ensure_ascii=False) + "\n" for kind in kinds}


def _translate(shapes: Iterable[Any]) -> None:
    """Say patterns as JSON Schema does, in which `$` is the very end, as it is not in Python."""
    for shape in shapes:
        if isinstance(shape, list):
            _translate(shape)
        elif isinstance(shape, dict):
            if isinstance(shape.get("pattern"), str):
                shape["pattern"] = shape["pattern"].replace(r"\Z", "$")
            _translate(shape.values())


def _meanings() -> dict[tuple[str, str], str]:
    """Give the docstrings of fields, by class and field: the string that stands below a field in the source."""
    found = {}
    sources = (inspect.getsource(sys.modules[module.__name__]) for module in (parts, events))
    for node in (node for source in sources for node in ast.parse(source).body):
        if isinstance(node, ast.ClassDef):
            for field, below in zip(node.body, node.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    match below:
                        case ast.Expr(value=ast.Constant(value=str(text))):
                            found[node.name, field.target.id] = inspect.cleandoc(text)
    return found


def compatible(old: Schema, new: Schema) -> list[str]:
    """Give what has changed from `old` to `new` beyond new optional fields, each with its path; none when all is well.

    Strict on purpose: readers run the old program while writers run the new one, and the other way round, and topics
    hold both. So no field may go, come as required, change its kind, its limits, its values, or what it means to leave
    it out.
    """
    return list(_changes("$", old, new, (old, new), frozenset()))


def _changes(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any], roots: tuple[Schema, Schema], seen: frozenset[Any]
) -> Iterator[str]:
    refs = (old.get("$ref"), new.get("$ref"))
    if refs in seen and refs != (None, None):
        return
    seen |= {refs}
    meant = _default(old, roots[0]), _default(new, roots[1])
    old, new = _resolved(old, roots[0]), _resolved(new, roots[1])
    if meant[0] != meant[1]:
        yield f"{path}: leaving it out meant {meant[0]} and now means {meant[1]}"
    yield from _words(path, old, new)
    yield from _fields(path, old, new, roots, seen)
    yield from _values(path, old.get("enum"), new.get("enum"))
    for keyword in ("items", "additionalProperties"):
        inner = path + ("[]" if keyword == "items" else "{}")
        before, after = old.get(keyword), new.get(keyword)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(inner, before, after, roots, seen)
        elif before != after:
            yield f"{inner} was {_json(before)} and is {_json(after)}"
    for keyword in ("anyOf", "prefixItems"):
        before, after = old.get(keyword, []), new.get(keyword, [])
        if len(before) != len(after):
            yield f"{path} was one of {len(before) or 1} kinds and is one of {len(after) or 1}"
        else:
            for one, other in zip(before, after, strict=True):
                yield from _changes(path, one, other, roots, seen)


def _fields(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any], roots: tuple[Schema, Schema], seen: frozenset[Any]
) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    must_before, must_after = set(old.get("required", [])), set(new.get("required", []))
    for name in before:
        inner = f"{path}.{name}"
        if name not in after:
            yield f"{inner} was removed"
            continue
        if name in must_before - must_after:
            yield f"{inner} is no longer required: readers rely on it"
        if name in must_after - must_before:
            yield f"{inner} became required: records without it are in the topics"
        yield from _changes(inner, before[name], after[name], roots, seen)
    for name in after:
        if name not in before and name in must_after:
            yield f"{path}.{name} is new and required: a new field must be optional"


def _words(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for keyword in sorted((set(old) | set(new)) - _TOLD - _WALKED):
        if old.get(keyword) != new.get(keyword):
            before, after = _json(old.get(keyword)), _json(new.get(keyword))
            yield f"{path}: {keyword} was {before} and is {after}"


def _values(path: str, old: list[Any] | None, new: list[Any] | None) -> Iterator[str]:
    if old is None or new is None:
        if old != new:
            yield f"{path}: enum was {_json(old)} and is {_json(new)}"
        return
    lost = [value for value in old if value not in new]
    gained = [value for value in new if value not in old]
    if lost:
        yield f"{path} lost the values {', '.join(map(str, lost))}: records with them are in the topics"
    if gained:
        yield f"{path} gained the values {', '.join(map(str, gained))}: readers of before do not know them"


def _default(shape: Mapping[str, Any], root: Schema) -> str:
    return _json(shape["default"] if "default" in shape else _resolved(shape, root).get("default"))


def _resolved(shape: Mapping[str, Any], root: Schema) -> Mapping[str, Any]:
    ref = shape.get("$ref")
    if ref is None:
        return shape
    found: Mapping[str, Any] = root["$defs"][ref.removeprefix(_REF)]
    return found


def _json(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
