import pytest
from dead_letters import Place


@pytest.fixture
def place(kafka: str) -> Place:
    return Place(kafka)
