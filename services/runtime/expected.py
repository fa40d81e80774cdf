"""Says in words what a value must be, from its annotation: `a number from 0 to 1`, `one of a, b`.

`Meta(title="a duration such as 14d")` says it in the words of its author.
"""

from __future__ import annotations

from typing import Any

from msgspec import inspect


def expected(annotation: Any) -> str:  # noqa: ANN401 - annotations are of many kinds
    """Give what `annotation` asks for, to come after the word `expected`."""
    return _words(inspect.type_info(annotation))


def _words(kind: inspect.Type) -> str:  # noqa: C901, PLR0911 - a line for each kind of annotation
    match kind:
        case inspect.Metadata(extra_json_schema={"title": str(title)}):
            return title
        case inspect.Metadata():
            return _words(kind.type)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _range(kind)
        case inspect.FloatType():
            return "a number" + _range(kind)
        case inspect.LiteralType():
            return "one of " + ", ".join(str(value) for value in kind.values)
        case inspect.StrType():
            return "text" + _length(kind)
        case inspect.VarTupleType() | inspect.ListType():
            return f"a list, each {_words(kind.item_type)}"
        case inspect.UnionType():
            return " or ".join(_words(each) for each in kind.types if not isinstance(each, inspect.NoneType))
        case inspect.NoneType():
            return "nothing"
        case inspect.CustomType():
            return f"a {kind.cls.__name__.lower()}"
        case inspect.DictType():
            return "a mapping"
    return "something else"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {_number(kind.ge)} to {_number(kind.le)}"
    parts = [
        f"{word} {_number(limit)}"
        for word, limit in (
            ("at least", kind.ge),
            ("above", kind.gt),
            ("at most", kind.le),
            ("below", kind.lt),
        )
        if limit is not None
    ]
    return f", {' and '.join(parts)}" if parts else ""


def _length(kind: inspect.StrType) -> str:
    parts = []
    if kind.min_length is not None:
        parts.append(f"at least {kind.min_length} characters")
    if kind.max_length is not None:
        parts.append(f"at most {kind.max_length} characters")
    if kind.pattern is not None:
        parts.append(f"in the form {kind.pattern}")
    return f", {' and '.join(parts)}" if parts else ""


def _number(limit: float) -> str:
    return f"{limit:.12g}"
