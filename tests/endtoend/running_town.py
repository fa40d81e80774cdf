"""A town with a broker of its own, its ten workers and a sandbox CRM, for as long as a test needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.city.load import load
from services.city.model import City
from services.cli.town import Town
from services.runtime.cluster import apply_all
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.supervisor import Supervisor
from services.sandbox.broker import Broker


@dataclass(frozen=True, kw_only=True)
class Running:
    city: City
    town: Town
    supervisor: Supervisor
    clients: KafkaClients


@contextmanager
def running_town(state: Path, city: Path, models: Path) -> Iterator[Running]:
    """Topics are named by what they carry, not by the test: so the broker is not shared."""
    loaded = load(city)
    with Broker.start(state, ephemeral=True, die_with_parent=True, ports=[0]) as broker:
        apply_all(broker.bootstrap, list(loaded.departments))
        town = Town.lay_out(state=state, city=city, models=models, bootstrap=broker.bootstrap)
        with town.supervisor() as supervisor:
            town.wait_until_ready(supervisor)
            clients = KafkaClients(KafkaSettings(bootstrap=broker.bootstrap))
            yield Running(city=loaded, town=town, supervisor=supervisor, clients=clients)
