"""What every test may ask for: a real Kafka broker, and the folder of public data."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from services.sandbox.broker import Broker

# How long an example takes is the machine's, and no property of what is tested.
settings.register_profile("stormdrain", settings(), deadline=None)
settings.load_profile("stormdrain")

REPOSITORY = Path(__file__).parent.parent
REAL_DATA = Path(os.environ.get("STORMDRAIN_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
IN_CI = os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One real broker for the whole session; tests keep apart by topic and group names."""
    state = tmp_path_factory.mktemp("kafka")
    # What KIP-848 does not let a client choose; by default a newcomer waits up to 5 s for what others are to give up.
    soon = {"group.consumer.heartbeat.interval.ms": "1000"}
    with Broker.start(state, ephemeral=True, die_with_parent=True, ports=[0], overrides=soon) as running:
        yield running
    shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(broker: Broker) -> str:
    """Where the session's broker is reached: host:port."""
    return broker.bootstrap


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public 311 files."""
    return REAL_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: run side by side, they would else be what the others wait for."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave tests on real data out where there is none; in CI that is an error."""
    if item.get_closest_marker("realdata") and not REAL_DATA.is_dir():
        (pytest.fail if IN_CI else pytest.skip)(
            f"{REAL_DATA} is missing: set STORMDRAIN_REAL_DATA to the folder of public data"
        )
