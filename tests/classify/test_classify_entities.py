"""Streets, places, assets, times and masked contacts in invented texts; floors lie a little under what was measured."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from invented import rows, share

from services.classify.reading.entities import entities
from services.classify.reading.words import fold

KINDS = ("street", "place", "asset", "time", "contact")
_MARK = re.compile(r"\{(\w+):([^}]*)\}")


def marked() -> Iterator[tuple[str, set[tuple[str, int, int]]]]:
    """Give each text without its marks, and what they mark: kind, first sign, sign after the last."""
    for row in rows("entities"):
        text, spans, past = "", set(), 0
        for mark in _MARK.finditer(row["text"]):
            text += row["text"][past : mark.start()]
            spans.add((mark[1], len(text), len(text) + len(mark[2])))
            text, past = text + mark[2], mark.end()
        yield text + row["text"][past:], spans


def meets(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    """Say whether two are of one kind and share half of each."""
    shared = min(one[2], other[2]) - max(one[1], other[1])
    return one[0] == other[0] and 2 * shared >= max(one[2] - one[1], other[2] - other[1])


def test_the_set_is_of_some_size() -> None:
    number = Counter(kind for _, spans in marked() for kind, _, _ in spans)
    assert len(list(marked())) >= 60
    assert min(number[kind] for kind in KINDS) >= 14


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_named_is_found_and_little_else(kind: str) -> None:
    found_of_them, right_of_found = [], []
    for text, spans in marked():
        found = {(each.kind, each.start, each.end) for each in entities(text, fold(text)) if each.kind == kind}
        wanted = {span for span in spans if span[0] == kind}
        found_of_them += [any(meets(each, one) for one in found) for each in wanted]
        right_of_found += [any(meets(each, one) for one in wanted) for each in found]
    assert share(found_of_them) >= 0.95
    assert share(right_of_found) >= 0.95
