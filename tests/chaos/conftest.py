"""A broker behind a proxy, for all tests of faults that single requests meet."""

from collections.abc import Iterator

import pytest
from proxied_kafka import Behind

from services.sandbox.broker import Broker
from services.sandbox.proxy import Proxy


@pytest.fixture(scope="session")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    state = tmp_path_factory.mktemp("proxied")
    with (
        Broker.start(state, heap_mb=256, ephemeral=True, die_with_parent=True, ports=[0], proxied=True) as broker,
        Proxy(broker.routes) as proxy,
    ):
        yield Behind(broker, proxy)


@pytest.fixture
def behind(proxied: Behind) -> Iterator[Behind]:
    """The same without what the last test did to it."""
    yield proxied
    proxied.proxy.heal()
    proxied.proxy.clear()
