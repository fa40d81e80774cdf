"""What a matcher holds in memory, by structure: bytes as Python tells them, without what the allocator keeps."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

from services.incidents.groups import Groups
from services.match.adapters import Matcher

AT_MOST = 20_000
"""Entries of a structure that are looked at; of more, every so many-th."""


def held(matcher: Matcher) -> dict[str, float]:
    """Give bytes per open report, by structure."""
    (memory,) = matcher._memories.values()  # noqa: SLF001 - to look inside is the purpose
    found: dict[str, float] = {
        "said": _mapping(memory.said, values=True),
        "gone": _mapping(memory.gone),
        "request ids": _sum(sys.getsizeof(key) for key in _some(memory.said)) * _times(memory.said),
    }
    reports = len(memory.said)
    incidents, near = memory.incidents, cast("Any", memory.incidents.near)
    found |= {
        "rows": _mapping(near.rows) + _entries(near.rows.values(), len(near.rows)),
        "table": _array(near.table),
        "words": sys.getsizeof(near._free) + sys.getsizeof(near._filed),  # noqa: SLF001 - likewise
        "cells": sum(_lists(drawer.cells) for drawer in near._drawers.values()),  # noqa: SLF001 - likewise
        "alike": _mapping(near._alike) + _sum(sys.getsizeof(key) for key in _some(near._alike)) * _times(near._alike),  # noqa: SLF001 - likewise
        "links": _mapping(incidents._links, values=True),  # noqa: SLF001 - likewise
        "ages": sys.getsizeof(incidents._ages) + _keys(incidents._ages),  # noqa: SLF001 - likewise
        "members": _groups(incidents.members),
        "children": _groups(incidents.children),
        "past": _mapping(incidents.past, values=True),
    }
    return {name: round(size / reports, 1) for name, size in sorted(found.items(), key=lambda item: -item[1])}


def _some(all_of: Iterable[Any]) -> list[Any]:
    known = list(all_of)
    return known[:: max(1, len(known) // AT_MOST)]


def _times(all_of: Any) -> float:  # noqa: ANN401 - whatever has a length
    return len(all_of) / max(1, len(_some(all_of)))


def _sum(sizes: Iterable[int]) -> float:
    return float(sum(sizes))


def _mapping(all_of: Mapping[Any, Any], *, values: bool = False) -> float:
    """Give what a mapping takes, its values with it if asked; keys that are texts stand for themselves elsewhere."""
    size = float(sys.getsizeof(all_of))
    if values:
        size += _sum(sys.getsizeof(value) for value in _some(all_of.values())) * _times(all_of)
    return size


def _entries(all_of: Iterable[Any], number: int) -> float:
    """Give what entries take: a tuple, its moments and its row; the id is counted with the ids."""
    some = _some(all_of)
    moments = _sum(
        sys.getsizeof(each) for made, came, _, _ in some for each in {id(made): made, id(came): came}.values()
    )
    sizes = moments + _sum(sys.getsizeof(each) + sys.getsizeof(each[3]) for each in some)
    return sizes * number / max(1, len(some))


def _keys(all_of: Any) -> float:  # noqa: ANN401 - a list of keys
    return _sum(sys.getsizeof(each) for each in _some(all_of)) * _times(all_of)


def _lists(all_of: Mapping[Any, Any]) -> float:
    """Give what a mapping of lists or sets takes; what these hold is an entry or an id, counted once elsewhere."""
    sizes = _sum(sys.getsizeof(key) + sys.getsizeof(value) for key, value in _some(all_of.items()))
    return float(sys.getsizeof(all_of)) + sizes * _times(all_of)


def _groups(groups: Groups) -> float:
    """Give what groups take; the ids in them are counted once elsewhere."""
    several = {key: members for key, members in groups._held.items() if isinstance(members, set)}  # noqa: SLF001 - to look inside is the purpose
    return _lists(several) - sys.getsizeof(several) + sys.getsizeof(groups._held)  # noqa: SLF001 - likewise


def _array(table: Any) -> float:  # noqa: ANN401 - an array, however it came about
    return float(np.asarray(table).nbytes)
