"""Both worlds of the broker's port."""

import pytest
from broker_worlds import InMemory, OnKafka, World


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> World:
    return InMemory() if request.param == "memory" else OnKafka(request.getfixturevalue("kafka"))
