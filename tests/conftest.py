"""What every test may ask for: a real Kafka broker, and the folder of public data."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.sandbox.broker import Broker

REPOSITORY = Path(__file__).parent.parent
REAL_DATA = Path(os.environ.get("STORMDRAIN_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
IN_CI = os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One real broker for the whole session; tests keep apart by topic and group names."""
    state = tmp_path_factory.mktemp("kafka")
    with Broker.start(state, ephemeral=True, die_with_parent=True, ports=[0]) as running:
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests on real data out where there is none, and say so in one line; in CI that is an error."""
    if REAL_DATA.is_dir():
        return
    concerned = [item for item in items if item.get_closest_marker("realdata")]
    if not concerned:
        return
    if IN_CI:
        message = f"{REAL_DATA} is missing: set STORMDRAIN_REAL_DATA to the folder of public data"
        raise pytest.UsageError(message)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"{len(concerned)} tests on real data are left out: there is no {REAL_DATA}")
    items[:] = [item for item in items if not item.get_closest_marker("realdata")]
    config.hook.pytest_deselected(items=concerned)
