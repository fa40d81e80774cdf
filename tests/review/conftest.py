from collections.abc import Iterator
from pathlib import Path

import pytest
from review_doubles import Town


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.close()
