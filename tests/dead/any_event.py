"""Strategies for events: whatever the decoder lets through, edges first."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from services.events import Event

TEXTS = ("", "\x00", "\u202e\ud7ff\uffff", "flooding", "drainage", "x" * 300, "<b>&'\"", "😀" * 3, "-1", " \n\t")
EDGES = (0.0, -0.0, 1e-320, 1.0, -1.0, 1e308, -1e308, 179.999999999, 0.1)
TIMES = (
    datetime(2026, 11, 21, 7, 15, tzinfo=UTC),
    datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-12))),
    datetime(2026, 3, 8, 2, 30, tzinfo=UTC),
)
FAR = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


def events(kind: type[Event]) -> st.SearchStrategy[Any]:
    """Give any event of a kind that can be said in JSON and read again."""
    return _any(inspect.type_info(kind)).map(lambda raw: msgspec.json.decode(msgspec.json.encode(raw), type=kind))


def _any(kind: inspect.Type, name: str = "") -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911, PLR0912 - a case for each
    match kind:
        case inspect.Metadata():
            return _any(kind.type, name)
        case inspect.StructType():
            return st.fixed_dictionaries(
                {field.encode_name: _any(field.type, field.name) for field in kind.fields if field.required},
                optional={
                    field.encode_name: _any(field.type, field.name) for field in kind.fields if not field.required
                },
            )
        case inspect.StrType():
            if kind.pattern is not None:
                return st.sampled_from(("a", "r1", "_-", "Z" * 64))
            longest = kind.max_length or 300
            return st.sampled_from([text[:longest] for text in TEXTS]) | st.text(max_size=min(20, longest))
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.FloatType():
            low = kind.ge if kind.ge is not None else -1e308
            high = kind.le if kind.le is not None else 1e308
            fit = [edge for edge in (*EDGES, low, high) if low <= edge <= high]
            return st.sampled_from(fit) | st.floats(low, high, allow_nan=False, allow_infinity=False)
        case inspect.IntType():
            low = kind.ge if kind.ge is not None else -(10**30)
            return st.sampled_from((low, 2**31, 2**63, 10**30)) | st.integers(low, 10**30)
        case inspect.BytesType():
            return st.sampled_from((b"", b"\x00", b"\xff" * 300)) | st.binary(max_size=40)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.DateTimeType():
            return st.sampled_from(TIMES if name in {"received_at", "requested_at"} else TIMES + FAR)
        case inspect.VarTupleType() | inspect.ListType():
            return st.lists(_any(kind.item_type), max_size=3)
        case inspect.TupleType():
            return st.tuples(*(_any(each) for each in kind.item_types))
        case inspect.DictType():
            return st.dictionaries(st.sampled_from(TEXTS), _any(kind.value_type), max_size=3)
        case inspect.UnionType():
            return st.one_of([_any(each, name) for each in kind.types])
    message = f"no event has a {kind}"
    raise NotImplementedError(message)
