from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from services.runtime.expected import expected


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (int, "a whole number"),
        (Annotated[int, Meta(ge=1, le=65535)], "a whole number from 1 to 65535"),
        (Annotated[int, Meta(ge=8)], "a whole number, at least 8"),
        (Annotated[float, Meta(gt=0, lt=1)], "a number, above 0 and below 1"),
        (Annotated[float, Meta(le=1_000_000.5)], "a number, at most 1000000.5"),
        (Literal["b", "a"], "one of a, b"),
        (str, "text"),
        (Annotated[str, Meta(min_length=1, max_length=9)], "text, at least 1 characters and at most 9 characters"),
        (Annotated[str, Meta(pattern="^[a-z]+$")], "text, in the form ^[a-z]+$"),
        (Annotated[str, Meta(pattern="^[0-9]+d$", title="a duration such as 14d")], "a duration such as 14d"),
        (Path, "a path"),
        (int | None, "a whole number"),
        (int | str, "a whole number or text"),
        (tuple[int, ...], "a list, each a whole number"),
        (list[Literal["a"]], "a list, each one of a"),
        (dict[str, int], "a mapping"),
    ],
)
def test_what_is_expected_is_said_in_words(annotation: Any, words: str) -> None:
    assert expected(annotation) == words
